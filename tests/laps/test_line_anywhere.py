"""Laps of tracks whose timing line is not where the spline begins, and what tells a line from a restart there."""

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from telemetry.fields.derived import Sample
from telemetry.laps.detector import laps
from telemetry.laps.model import Lap
from tests.constructed import Values, changed, drive, later, samples_of

LINES = (0.0, 0.03, 0.5, 0.8)


def laps_of(*parts: Iterable[Values]) -> list[Lap]:
    return list(laps(samples_of(row for part in parts for row in part)))


def outline(found: Iterable[Lap]) -> list[tuple[int, int, str, int | None, bool]]:
    return [(lap.start_index, lap.number, lap.end, lap.time_ms, lap.valid) for lap in found]


def verdicts(*parts: Iterable[Values]) -> list[bool]:
    return [sample.is_lap_valid for sample in samples_of(row for part in parts for row in part)]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(
    "late", [{}, {"count_late": 0.1}, {"clock_late": 0.04}, {"clock_late": 0.04, "count_late": 0.0}]
)
@pytest.mark.parametrize("rate", [2.0, 30.0])
def test_laps_are_the_same_wherever_the_line_lies(line: float, late: dict[str, Any], rate: float) -> None:
    found = laps_of(drive([60.0, 62.0, 61.0], line=line, grid=40.0, rate=rate, **late))
    assert outline(found) == [
        (1, 1, "line", 60_000, True),
        (1, 2, "line", 62_000, True),
        (1, 3, "line", 61_000, True),
    ]
    assert [lap.measured_ms for lap in found] == pytest.approx([60_000, 62_000, 61_000], abs=60)


@pytest.mark.parametrize("line", LINES)
def test_the_place_of_the_line_is_learnt_at_the_first_one(line: float) -> None:
    samples = list(samples_of(drive([40.0, 41.0, 42.0], line=line, grid=40.0, rate=20.0)))
    learnt = {sample.line_position for sample in samples if sample.lap > 1}
    assert {sample.line_position for sample in samples if sample.lap == 1} == {None}
    assert len(learnt) == 1
    (place,) = learnt
    assert place is not None
    assert math.remainder(place - line, 1.0) * 3000.0 == pytest.approx(0.0, abs=5.0)


@pytest.mark.parametrize("line", LINES)
def test_the_distance_of_a_lap_counts_from_its_line_and_never_jumps(line: float) -> None:
    samples = list(samples_of(drive([40.0, 41.0, 42.0], line=line, rate=20.0)))
    flying = [sample for sample in samples if sample.lap in (2, 3) and sample.lap_distance is not None]
    distances = [sample.lap_distance or 0.0 for sample in flying]
    assert len(flying) == 83 * 20
    for before, sample, distance_before, distance in zip(flying, flying[1:], distances, distances[1:], strict=False):
        if sample.lap == before.lap:
            assert 0.0 <= distance - distance_before < 5.0
        else:
            assert distance_before == pytest.approx(3000.0, abs=8.0)
            assert distance == pytest.approx(0.0, abs=8.0)


def test_a_car_in_front_of_the_line_has_a_negative_distance() -> None:
    samples = list(samples_of(drive([40.0, 41.0], grid=45.0, rate=20.0)))
    assert samples[0].lap_distance == pytest.approx(-45.0)
    distances = [sample.lap_distance or 0.0 for sample in samples if sample.lap == 1]
    assert all(0.0 <= after - before < 5.0 for before, after in pairwise(distances))


@pytest.mark.parametrize("line", [0.0, 0.8])
@pytest.mark.parametrize("place", [0.3, 0.8, 0.98])
@pytest.mark.parametrize("length", [400.0, 3000.0, 20_800.0])
def test_a_restart_is_told_from_a_line_on_any_track(line: float, place: float, length: float) -> None:
    seconds = max(60.0, length // 60.0)
    driven = drive([seconds], line=line, length=length, grid=10.0, rate=30.0, end=place * seconds)
    cut = changed(driven, 5.0, 5.5, number_of_tyres_out=4)
    again = list(drive([seconds + 1.0], line=line, length=length, grid=10.0, rate=30.0))
    # The graphics page starts again at once, the physics page about a second later.
    restarted = [
        row | ({} if number < 27 else {"packet_id": again[number]["packet_id"]})
        for number, row in enumerate(later(again, place * seconds, metres=0.0))
    ]
    rows = [*cut, *restarted]
    time_ms = round(seconds + 1.0) * 1000
    assert outline(laps_of(rows))[:2] == [(1, 1, "restart", None, False), (2, 1, "line", time_ms, True)]
    samples = list(samples_of(rows))
    assert [sample.run for sample in samples if sample.run == 2] == [2] * len(restarted)
    assert all(sample.is_lap_valid for sample in samples if sample.run == 2)


@pytest.mark.parametrize("line", LINES)
def test_a_cut_is_remembered_until_the_game_counts_the_lap(line: float) -> None:
    driven = changed(drive([30.0, 31.0], line=line, rate=30.0, count_late=0.2), 29.0, 29.4, number_of_tyres_out=4)
    rows = list(driven)
    seen = verdicts(rows)
    begin = next(number for number, row in enumerate(rows) if row.get("number_of_tyres_out"))
    counted = next(number for number, row in enumerate(rows) if row["completed_laps"] == 1)
    assert seen == [True] * begin + [False] * (counted - begin) + [True] * (len(rows) - counted)
    assert [lap.valid for lap in laps_of(rows)] == [False, True]


@pytest.mark.parametrize("place", [0.85, 0.97])
def test_an_escape_to_the_pits_ends_a_cut_lap(place: float) -> None:
    first = list(drive([30.0, 30.0], rate=30.0, end=30.0 + place * 30.0))
    cut = list(changed(first, first[-1]["elapsed"] - 1.0, first[-1]["elapsed"] - 0.5, number_of_tyres_out=4))
    box = {"normalized_position": 0.99, "is_in_pit": 1, "is_in_pit_lane": 1, "completed_laps": 1, "last_time": 30_000}
    stands = [
        {**row, **box, "speed_kmh": 0.0} for row in later(drive([33.0], rate=30.0, end=3.0), cut[-1]["elapsed"] + 0.03)
    ]
    out = [
        {**row, "is_in_pit_lane": int(row["elapsed"] < stands[-1]["elapsed"] + 5.0)}
        for row in later(drive([33.0], rate=30.0, begin=3.0, counted=1), cut[-1]["elapsed"] + 0.03)
    ]
    seen = verdicts(cut, stands, out)
    assert not seen[len(cut) - 1]
    assert all(seen[len(cut) :])


def test_a_line_that_the_game_does_not_count_begins_with_a_fresh_verdict() -> None:
    approach = changed(drive([12.0], end=12.0, time_late=99.0, line=0.4, rate=30.0), 5.0, 5.5, number_of_tyres_out=4)
    rest = later(drive([30.0], line=0.4, rate=30.0, time_late=99.0), 12.0, metres=3000.0)
    samples = list(samples_of([*approach, *rest]))
    last = {name: getattr(samples[-1], name) for name in ("run", "lap", "is_lap_valid")}
    assert last == {"run": 1, "lap": 2, "is_lap_valid": True}
    after = [sample for sample in samples if 13.1 < sample.elapsed < 42.0]
    assert {(sample.lap, sample.is_lap_valid) for sample in after} == {(1, True)}


def hill_climb(seconds: tuple[float, ...], rate: float, count_late: float) -> Iterator[Values]:
    """From the box over the start at 5 % of the road to the finish at 95 %, where the lap clock stops and holds 0."""
    began = 0.0
    for run, duration in enumerate(seconds):
        for tick in range(int((duration + 12.0) * rate)):
            at = tick / rate
            driven = at - 9.0
            place = 0.01 + 0.04 * max(at - 4.0, 0.0) / 5.0 if driven < 0.0 else 0.05 + 0.9 * min(driven / duration, 1.0)
            clock = max(at - 4.0, 0.0) if driven < 0.0 else driven if driven <= duration else 0.0
            finished = driven > duration
            yield {
                "elapsed": began + at,
                "timestamp": 1.7e9 + began + at,
                "packet_id": 400 + round((began + at) * 1000 / 3),
                "completed_laps": run + (driven > duration + count_late),
                "current_time": round(clock * 1000) // 3 * 3,
                "last_time": round(seconds[run if finished else run - 1] * 1000) if finished or run else 0,
                "normalized_position": place,
                "track_spline_length": 5000.0,
                "distance_traveled": 10.0 + (began + at) * 35.0,
                "sector_count": 1,
                "is_in_pit": int(at < 4.0),
                "is_in_pit_lane": int(at < 6.0),
                "speed_kmh": 130.0 if at > 4.0 and not finished else 0.0,
            }
        began += duration + 12.0


@pytest.mark.parametrize("count_late", [0.0, 0.04])
@pytest.mark.parametrize("rate", [30.0, 1000.0 / 3.0])
def test_a_hill_climb_has_a_start_and_a_finish(rate: float, count_late: float) -> None:
    found = [lap for lap in laps_of(hill_climb((60.0, 57.0), rate, count_late)) if lap.complete]
    assert [(lap.time_ms, lap.valid, lap.start) for lap in found] == [(60_000, True, "line"), (57_000, True, "line")]
    for lap in found:
        assert lap.measured_ms is not None
        assert lap.time_ms is not None
        assert -1000.0 / rate <= lap.measured_ms - lap.time_ms <= 0.0


def test_without_a_line_for_the_ai_there_is_no_distance_and_laps_still_count() -> None:
    rows = [{**row, "normalized_position": 0.0} for row in drive([30.0, 31.0], rate=20.0)]
    assert [lap.time_ms for lap in laps_of(rows) if lap.valid] == [30_000, 31_000]
    assert {sample.lap_distance for sample in samples_of(rows)} == {None}


# The order of the signs at a real line, seen at Monza: the position wraps, the clock restarts, the count rises.

REAL_LINE = (
    (90_990, 0.99884, 1, 0),
    (91_083, 0.00015, 1, 0),
    (12, 0.00032, 1, 0),
    (111, 0.00175, 2, 91_083),
    (211, 0.00347, 2, 91_083),
)


def real_line(*, cut: bool) -> list[Sample]:
    approach = [(20_000, 0.2, 1, 0), (20_100, 0.2017, 1, 0), (20_200, 0.2034, 1, 0)]
    seconds = [20.0, 20.1, 20.2, 90.99, 91.083, 91.095, 91.194, 91.294]
    rows = [
        {
            "elapsed": at,
            "timestamp": 1.7e9 + at,
            "packet_id": 400 + round(at * 1000 / 3),
            "current_time": clock,
            "normalized_position": position,
            "completed_laps": count,
            "last_time": last,
            "number_of_tyres_out": 3 if cut and at == 20.1 else 0,
            "track_spline_length": 5758.66,
            "distance_traveled": 5800.0 + at * 60.0,
            "speed_kmh": 216.0,
        }
        for at, (clock, position, count, last) in zip(seconds, [*approach, *REAL_LINE], strict=True)
    ]
    return list(samples_of(rows))


def test_at_a_real_line_the_lap_changes_with_the_clock_and_the_verdict_with_the_count() -> None:
    samples = real_line(cut=True)
    assert [sample.lap for sample in samples] == [2, 2, 2, 2, 2, 3, 3, 3]
    assert [sample.is_lap_valid for sample in samples] == [True, False, False, False, False, False, True, True]
    assert [sample.lap_time for sample in samples[-3:]] == [12, 111, 211]


def test_the_cut_at_a_real_line_belongs_to_the_lap_that_ends() -> None:
    assert [lap.invalid_because for lap in laps(real_line(cut=True)) if lap.complete] == [
        ("3 tyres out at 1,160 m", "joined late")
    ]
    assert [lap.invalid_because for lap in laps(real_line(cut=False)) if lap.complete] == [("joined late",)]


def test_a_grid_box_centimetres_before_the_line_begins_no_lap_of_its_own() -> None:
    rows = [
        {
            "elapsed": tick / 30,
            "timestamp": 1.7e9 + tick / 30,
            "packet_id": 400 + round(tick * 100 / 9),
            "completed_laps": 0,
            "current_time": tick * 100 // 9 * 3,
            "normalized_position": (0.99998 + metres / 4909.0) % 1.0,
            "track_spline_length": 4909.0,
            "distance_traveled": metres,
            "speed_kmh": 3.6 * 6.0 * max(tick / 30 - 4.0, 0.0),
        }
        for tick in range(300)
        for metres in (3.0 * max(tick / 30 - 4.0, 0.0) ** 2,)
    ]
    samples = list(samples_of(rows))
    assert samples[0].lap_distance == pytest.approx(-0.098, abs=0.001)
    assert {(sample.run, sample.lap) for sample in samples} == {(1, 1)}
    assert samples[-1].lap_distance == pytest.approx(rows[-1]["distance_traveled"] - 0.098, abs=0.001)
    assert len(laps_of(rows)) == 1


# The game's own verdict


def with_best(rows: Iterable[Values], best: tuple[int, ...], *, text: str = "-:--:---") -> Iterator[Values]:
    """The rows with the best time that the game shows after each lap; it changes in the frame of the last time."""
    shown, last = 0, 0
    for row in rows:
        if row["last_time"] != last:
            last, shown = row["last_time"], best[row["completed_laps"] - 1]
        yield {**row, "best_time": shown, "best_time_text": text}


@pytest.mark.parametrize(
    ("seconds", "best", "expected"),
    [
        ((106.106,), (0,), ["refused"]),
        ((91.199,), (91_199,), ["accepted"]),
        ((91.199, 107.188), (91_199, 91_199), ["accepted", None]),
        ((91.199, 90.901), (91_199, 90_901), ["accepted", "accepted"]),
        ((91.199, 90.901), (91_199, 91_199), ["accepted", "refused"]),
    ],
)
@pytest.mark.parametrize("text", ["-:--:---", ""])
def test_a_lap_that_had_to_become_the_best_and_did_not_was_refused(
    seconds: tuple[float, ...], best: tuple[int, ...], expected: list[str | None], text: str
) -> None:
    found = [lap for lap in laps_of(with_best(drive(seconds, rate=20.0), best, text=text)) if lap.complete]
    if not any(best) and not text:
        expected = [None]  # nothing shows that this recording has best times
    assert [lap.game_verdict for lap in found] == expected
    assert [lap.invalid_because for lap in found] == [
        ("refused by the game",) if verdict == "refused" else () for verdict in expected
    ]


def test_a_first_lap_is_found_refused_when_a_later_one_becomes_the_best() -> None:
    rows = with_best(drive([106.106, 91.199, 107.188], rate=20.0), (0, 91_199, 91_199), text="")
    assert [(lap.game_verdict, lap.valid) for lap in laps_of(rows) if lap.complete] == [
        ("refused", False),
        ("accepted", True),
        (None, True),
    ]


def test_what_the_game_accepts_may_still_be_cut_by_the_rule_of_tyres_out() -> None:
    rows = changed(with_best(drive([91.199], rate=20.0), (91_199,)), 10.0, 11.0, number_of_tyres_out=3)
    (lap,) = laps_of(rows)
    assert (lap.game_verdict, lap.invalid_because) == ("accepted", ("3 tyres out at 329 m",))
