import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import telemetry
from telemetry.base.text import DASH
from telemetry.fields.derived import Sample, derive
from telemetry.fields.snapshot import Snapshot, decode
from telemetry.laps.detector import LapState, advance, finish, laps
from telemetry.laps.model import Lap, best_laps
from tests.commands import run as run_command
from tests.conftest import READABLE, main_in_process
from tests.constructed import LENGTH, Values, changed, drive, later, samples_of, sectors_of
from tests.drives import SEEDS, frames_at, with_line


def laps_of(*parts: Iterable[Values]) -> list[Lap]:
    return list(laps(samples_of(row for part in parts for row in part)))


def outline(found: Iterable[Lap]) -> list[tuple[int, str, str, int | None]]:
    return [(lap.number, lap.start, lap.end, lap.time_ms) for lap in found]


def check_intervals(found: Sequence[Lap]) -> None:
    """No lap overlaps another one."""
    seen = [(lap.first.sequence, lap.last.sequence) for lap in found if lap.first and lap.last]
    assert all(first <= last for first, last in seen)
    assert all(last < first for (_, last), (first, _) in pairwise(seen))


# Every scenario of the demo, at three rates


SCENARIOS = {
    "laps": (86.0, 60, [(1, "grid", "line", "grid"), (2, "line", "recording", "flying")]),
    "lockup": (91.0, 10, [(1, "grid", "line", "grid"), (2, "line", "recording", "flying")]),
    "offtrack": (89.0, 10, [(1, "grid", "line", "grid"), (2, "line", "recording", "flying")]),
    "crash": (98.0, 10, [(1, "grid", "line", "grid"), (2, "line", "recording", "flying")]),
    "pit": (118.0, 10, [(1, "grid", "line", "pit"), (2, "line", "recording", "flying")]),
    "pause": (106.0, 10, [(1, "grid", "line", "grid"), (2, "line", "recording", "flying")]),
    "restart": (
        116.0,
        10,
        [(1, "grid", "restart", "grid"), (1, "grid", "line", "grid"), (2, "line", "restart", "flying")],
    ),
    "worn": (88.0, 10, [(1, "grid", "line", "grid"), (2, "line", "recording", "flying")]),
    "refused": (88.0, 10, [(1, "grid", "line", "grid"), (2, "line", "recording", "flying")]),
}
"""Seconds, highest rate, and what there is: number, start, end and kind of every lap."""


@cache
def recorded(scenario: str, line: float = 0.0) -> tuple[Sample, ...]:
    """The drive on the circuit whose timing line lies there on the spline."""
    seconds, rate, _ = SCENARIOS[scenario]
    samples: list[Sample] = []
    for drawn in frames_at(scenario, SEEDS.get(scenario, 0), seconds, rate):
        frame = with_line(drawn, line) if line else drawn
        snapshot = decode(frame.pages, elapsed=frame.seconds).replace(sequence=len(samples))
        samples.append(derive(snapshot, samples[-1] if samples else None))
    return tuple(samples)


def thinned(samples: Iterable[Sample], step: int, *, paused: bool = True) -> Iterator[Sample]:
    """Every n-th sample, derived again as if it had been recorded at that rate."""
    before: Sample | None = None
    for sample in list(samples)[::step]:
        if paused or sample.status == 2:
            before = derive(Snapshot.of(sample[: len(Snapshot.FIELDS)]), before)
            yield before


@pytest.mark.parametrize("hertz", [1, 5, 60])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_has_the_same_laps_and_official_times_at_every_rate(scenario: str, hertz: int) -> None:
    samples = recorded(scenario)
    _, rate, expected = SCENARIOS[scenario]
    found = list(laps(thinned(samples, max(rate // hertz, 1))))
    assert [(lap.number, lap.start, lap.end, lap.kind) for lap in found] == expected
    times = [sample.last_time for sample in samples if sample.last_time > 0]
    assert [lap.time_ms for lap in found if lap.complete] == list(dict.fromkeys(times))
    for lap in found:
        if lap.complete:
            assert lap.time_ms is not None
            assert lap.measured_ms == pytest.approx(lap.time_ms, abs=60)
            assert all(lap.sectors_ms)
            assert sum(time or 0 for time in lap.sectors_ms) == lap.time_ms
    check_intervals(found)


def test_a_clean_lap_is_valid_and_the_best() -> None:
    found = list(laps(recorded("laps")))
    assert found[0].valid
    assert list(best_laps(found).values()) == [found[0]]
    assert found[0].invalid_because == ()
    assert (found[0].session, found[0].car, found[0].track, found[0].layout) == (
        "practice",
        "demo_gt3",
        "demo_ring",
        "",
    )
    assert found[0].tyre_compound == "Slicks Medium (M)"
    assert found[0].fuel_used_l == pytest.approx(2.2, abs=0.1)
    assert found[0].top_speed_kmh == pytest.approx(230, abs=2)


@pytest.mark.parametrize("step", [1, 10])
def test_a_cut_lap_says_where_it_was_cut_first(step: int) -> None:
    lap = next(laps(thinned(recorded("offtrack"), step)))
    assert lap.complete
    assert not lap.valid
    assert lap.first_cut_m is not None
    assert lap.first_cut_position is not None
    assert 770 < lap.first_cut_m < 985
    assert lap.first_cut_m == pytest.approx(lap.first_cut_position * 3225.1326)
    assert re.fullmatch(rf"[34] tyres out at {lap.first_cut_m:.0f} m", lap.invalid_because[0])
    assert not best_laps([lap])


def test_a_pit_stop_makes_a_lap_in_and_out_and_no_comparison() -> None:
    lap = next(laps(recorded("pit")))
    assert (lap.in_lap, lap.out_lap, lap.in_pits, lap.valid) == (True, True, True, False)
    assert lap.invalid_because == ("in the pits",)
    assert lap.fuel_used_l == pytest.approx(2.1, abs=0.1)  # what was filled in does not count


@pytest.mark.parametrize("step", [1, 10])
@pytest.mark.parametrize("paused", [True, False])
def test_paused_time_is_known_whether_the_pause_was_recorded_or_not(step: int, *, paused: bool) -> None:
    lap = next(laps(thinned(recorded("pause"), step, paused=paused)))
    assert lap.paused_s == pytest.approx(18.0, abs=0.2)  # a pause of 4 s and a replay of 5 s, each twice
    assert lap.valid


def test_after_a_restart_nothing_of_the_drive_before_is_left_in_the_lap() -> None:
    before, lap, _ = laps(recorded("restart"))
    assert (before.start_index, lap.start_index) == (1, 2)
    assert before.invalid_because == ("restarted",)
    assert before.measured_ms == pytest.approx(22_000, abs=110)  # ten samples a second
    assert before.time_ms is None
    assert lap.fuel_used_l == pytest.approx(2.19, abs=0.05)
    assert lap.valid


@pytest.mark.parametrize("step", [1, 10])
def test_a_lap_that_the_game_refuses_without_a_tyre_out_is_not_valid(step: int) -> None:
    lap = next(laps(thinned(recorded("refused"), step)))
    assert (lap.end, lap.game_verdict, lap.invalid_because) == ("line", "refused", ("refused by the game",))
    assert best_laps([lap]) == {}


def test_worn_tyres_are_told() -> None:
    lap = next(laps(recorded("worn")))
    assert 0.3 < max(worn or 0.0 for worn in lap.tyre_worn) < 0.9


# The line and the signs of it


@pytest.mark.parametrize("rate", [1.0, 12.5])
@pytest.mark.parametrize("time_late", [-0.02, 0.06, 0.4])
@pytest.mark.parametrize(("clock_late", "count_late"), [(0.0, 0.0), (0.0, 0.04), (0.04, 0.0), (0.3, 0.0), (0.0, 0.3)])
def test_signs_of_a_line_may_come_in_any_order(
    rate: float, time_late: float, clock_late: float, count_late: float
) -> None:
    found = laps_of(
        drive(
            [33.0, 30.3, 31.5],
            rate=rate,
            grid=45.0,
            clock_late=clock_late,
            count_late=count_late,
            time_late=time_late,
        )
    )
    assert outline(found) == [
        (1, "grid", "line", 33_000),
        (2, "line", "line", 30_300),
        (3, "line", "line", 31_500),
    ]
    assert [lap.sectors_ms for lap in found] == [
        (11_100, 11_200, 10_700),
        (10_200, 10_300, 9_800),
        (10_600, 10_700, 10_200),
    ]
    assert all(lap.valid for lap in found)
    assert list(best_laps(found).values()) == [found[1]]
    for lap, seconds in zip(found, (33.0, 30.3, 31.5), strict=True):
        assert lap.measured_ms == pytest.approx(seconds * 1000, abs=10)
        assert lap.fuel_used_l == pytest.approx(2.0, abs=2.0 / 30.0 * (2.0 / rate + clock_late))
    check_intervals(found)


def test_a_lap_from_the_grid_crosses_the_line_without_ending() -> None:
    (lap,) = laps_of(drive([33.0], grid=45.0))
    assert (lap.kind, lap.start, lap.number) == ("grid", "grid", 1)
    assert lap.first is not None
    assert lap.first.sequence == 0


def test_a_lap_is_told_as_soon_as_its_time_is_there() -> None:
    state, completed = LapState(), []
    for sample in samples_of(drive([30.0, 30.9], rate=50.0, time_late=0.12)):
        state, done = advance(state, sample)
        completed += [(lap.number, sample.elapsed) for lap in done]
    assert [(number, round(elapsed, 2)) for number, elapsed in completed] == [(1, 30.12), (2, 61.02)]
    assert finish(state) == ()


def test_the_step_is_pure() -> None:
    rows = list(samples_of(drive([30.0], rate=5.0)))
    state = LapState()
    for sample in rows:
        assert advance(state, sample) == advance(state, sample)
        state, _ = advance(state, sample)


@pytest.mark.parametrize("rate", [1.0, 10.0])
def test_the_same_time_twice_is_told_twice(rate: float) -> None:
    found = laps_of(drive([30.3, 30.3, 30.3, 31.0], rate=rate))
    assert [lap.time_ms for lap in found] == [30_300, 30_300, 30_300, 31_000]
    assert [lap.sectors_ms for lap in found[:3]] == [(10_200, 10_300, 9_800)] * 3


def test_a_time_that_never_comes_is_none_and_the_lap_is_there_all_the_same() -> None:
    rows = changed(drive([30.0, 31.0, 32.0]), 60.0, 200.0, last_time=30_000)
    found = laps_of(rows)
    assert outline(found) == [(1, "grid", "line", 30_000), (2, "line", "line", None), (3, "line", "line", None)]
    assert [lap.measured_ms for lap in found] == pytest.approx([30_000, 31_000, 32_000], abs=60)


def test_a_time_that_comes_after_the_wait_belongs_to_no_other_lap() -> None:
    found = laps_of(drive([30.0, 31.0], time_late=1.6, end=70.0))
    assert [lap.time_ms for lap in found if lap.complete] == [None, None]


@pytest.mark.parametrize("rate", [1.0, 10.0])
def test_a_jump_of_the_count_by_two_is_two_laps_one_without_details(rate: float) -> None:
    rows = [row for row in drive([30.0, 31.0, 32.0, 33.0], rate=rate) if not 40.0 < row["elapsed"] < 110.0]
    found = laps_of(rows)
    assert outline(found) == [
        (1, "grid", "line", 30_000),
        (2, "line", "line", None),
        (3, "unseen", "line", 32_000),
        (4, "joined", "line", 33_000),
    ]
    unseen = found[2]
    assert (unseen.first, unseen.last, unseen.measured_ms, unseen.sectors_ms) == (None, None, None, (None,) * 3)
    assert (unseen.top_speed_kmh, unseen.fuel_used_l) == (None, None)
    assert unseen.invalid_because == ("not recorded",)
    assert found[3].invalid_because == ("joined late",)
    check_intervals(found)


def test_a_gap_in_a_lap_is_said() -> None:
    rows = [row for row in drive([50.0, 51.0]) if not 10.0 < row["elapsed"] < 40.0]
    assert [lap.invalid_because for lap in laps_of(rows)] == [("30 s not recorded",), ()]


def test_a_count_without_a_clock_ends_laps_too() -> None:
    rows = ({**row, "current_time": 0} for row in drive([30.0, 31.0]))
    assert outline(laps_of(rows)) == [(1, "grid", "line", 30_000), (2, "line", "line", 31_000)]


def test_a_count_alone_ends_a_lap_when_its_clock_runs_on() -> None:
    rows = ({**row, "current_time": int(row["elapsed"] * 1000)} for row in drive([30.0, 31.0]))
    found = laps_of(rows)
    assert outline(found) == [(1, "grid", "line", 30_000), (2, "line", "line", 31_000)]
    assert [lap.last and lap.last.sequence for lap in found] == [300, 610]


def test_a_line_that_the_game_does_not_count_ends_no_lap() -> None:
    approach = drive([12.0], end=12.0, time_late=99.0)
    rest = later(drive([30.0]), 12.0, metres=LENGTH)
    found = laps_of(approach, rest)
    assert outline(found) == [(1, "grid", "uncounted", None), (1, "line", "line", 30_000)]
    assert found[0].invalid_because == ("not counted by the game",)


# Sectors


@pytest.mark.parametrize("sectors", [2, 3, 4, 7])
def test_tracks_have_as_many_sectors_as_they_like(sectors: int) -> None:
    found = laps_of(drive([30.3, 31.7], sectors=sectors))
    assert [lap.sectors_ms for lap in found] == [sectors_of(30.3, sectors), sectors_of(31.7, sectors)]


def test_sectors_that_take_the_same_time_are_told_all_the_same() -> None:
    found = laps_of(drive([60.0, 60.0], rate=5.0))
    assert [lap.sectors_ms for lap in found] == [(20_000,) * 3] * 2


def test_the_only_sector_is_the_lap() -> None:
    rows = ({**row, "last_sector_time": 0} for row in drive([30.3, 31.7], sectors=1))
    assert [lap.sectors_ms for lap in laps_of(rows)] == [(30_300,), (31_700,)]


@pytest.mark.parametrize("count", [0, -3, 2_000_000_000])
def test_a_track_without_a_count_of_sectors_has_none(count: int) -> None:
    rows = ({**row, "sector_count": count} for row in drive([30.0], rate=2.0))
    assert [lap.sectors_ms for lap in laps_of(rows)] == [()]


def test_the_last_sector_may_come_late() -> None:
    found = laps_of(drive([30.3, 31.7], sector_late=0.3, time_late=0.0))
    assert [lap.sectors_ms for lap in found] == [sectors_of(30.3), sectors_of(31.7)]


def test_a_split_that_nobody_saw_is_none() -> None:
    rows = [row for row in drive([30.0]) if not 9.0 < row["elapsed"] < 21.0]
    assert laps_of(rows)[0].sectors_ms == (None, 10_200, 9_700)


# What is no whole lap


def test_a_lap_joined_in_the_middle_is_complete_but_no_comparison() -> None:
    found = laps_of(drive([30.0, 29.0], begin=12.0))
    assert outline(found) == [(1, "joined", "line", 30_000), (2, "line", "line", 29_000)]
    assert found[0].complete
    assert found[0].invalid_because == ("joined late",)
    assert found[0].sectors_ms == sectors_of(30.0)  # the game still showed the first
    assert list(best_laps(found).values()) == [found[1]]


def test_joining_just_before_the_line_makes_no_phantom_lap() -> None:
    found = laps_of(drive([30.0, 29.0], begin=29.9, counted=4))
    assert outline(found) == [(5, "joined", "line", 30_000), (6, "line", "line", 29_000)]


def test_joining_between_the_clock_and_the_count_makes_no_lap_of_what_was_counted() -> None:
    found = laps_of(drive([30.0, 29.0], begin=30.0, count_late=0.1, counted=4))
    assert [(lap.number, lap.time_ms) for lap in found if lap.complete] == [(6, 29_000)]


def test_the_last_lap_is_abandoned_when_the_recording_ends() -> None:
    found = laps_of(drive([30.0, 40.0], end=50.0))
    assert outline(found) == [(1, "grid", "line", 30_000), (2, "line", "recording", None)]
    assert found[1].invalid_because == ("recording ended",)
    assert found[1].measured_ms == pytest.approx(20_000, abs=110)
    assert not found[1].complete


@pytest.mark.parametrize("after", [0.0, 0.05, 0.5, 0.9])
def test_a_recording_that_ends_just_after_the_line_keeps_its_lap_and_adds_none(after: float) -> None:
    found = laps_of(drive([30.0], count_late=0.0, end=30.05 + after))
    assert outline(found) == [(1, "grid", "line", 30_000 if after > 0.1 else None)]


@pytest.mark.parametrize("rate", [1.0, 10.0])
@pytest.mark.parametrize("laps_before", [0, 1])
def test_a_restart_ends_the_lap_and_begins_a_run(rate: float, laps_before: int) -> None:
    first = drive([30.0, 30.0][: laps_before + 1], rate=rate, end=12.0 + 30.0 * laps_before, grid=45.0)
    again = [{**row, "elapsed": row["elapsed"] + 50.0} for row in drive([31.0], rate=rate, grid=45.0)]
    found = laps_of(first, again)
    number = laps_before + 1
    whole = [(1, "grid", "line", 30_000)] * laps_before
    assert outline(found) == [
        *whole,
        (number, "line" if whole else "grid", "restart", None),
        (1, "grid", "line", 31_000),
    ]
    assert found[-2].invalid_because == ("restarted",)
    assert [lap.start_index for lap in found[-2:]] == [1, 2]
    check_intervals(found)


def test_a_restart_right_after_the_line_keeps_the_lap() -> None:
    first = drive([30.0], end=30.1, count_late=0.0, time_late=0.0)
    again = [{**row, "elapsed": row["elapsed"] + 31.0} for row in drive([31.0])]
    assert outline(laps_of(first, again)) == [(1, "grid", "line", 30_000), (1, "grid", "line", 31_000)]


@pytest.mark.parametrize("rate", [1.0, 10.0])
@pytest.mark.parametrize("clock_starts_anew", [True, False])
def test_a_jump_into_the_pits_ends_the_lap_without_counting_it(rate: float, *, clock_starts_anew: bool) -> None:
    first = drive([30.0, 30.0], rate=rate, end=45.0)
    on = 0 if clock_starts_anew else 16_000
    boxes = {"is_in_pit": 1, "is_in_pit_lane": 1, "normalized_position": 0.9, "completed_laps": 1, "last_time": 30_000}
    stands = [
        {**row, **boxes, "current_time": row["current_time"] + on, "current_sector_index": 0}
        for row in later(drive([33.0], rate=rate, end=3.0), 45.0)
    ]
    back = later(drive([33.0], rate=rate, begin=3.0, counted=1), 45.0)
    drives = ({**row, "current_time": row["current_time"] + (on if row["completed_laps"] == 1 else 0)} for row in back)
    found = laps_of(first, stands, drives)
    assert outline(found) == [
        (1, "grid", "line", 30_000),
        (2, "line", "pits", None),
        (2, "pits", "line", 33_000),
    ]
    assert found[1].invalid_because == ("returned to the pits",)
    assert (found[2].kind, found[2].invalid_because) == ("out", ("in the pits",))
    assert {lap.start_index for lap in found} == {1}


def test_driving_into_the_pits_is_no_jump() -> None:
    rows = changed(drive([40.0, 30.0]), 35.0, 50.0, is_in_pit_lane=1)
    found = laps_of(changed(rows, 42.0, 45.0, is_in_pit=1))
    assert [(lap.kind, lap.end, lap.in_lap, lap.out_lap) for lap in found] == [
        ("in", "line", True, False),
        ("out", "line", False, True),
    ]


@pytest.mark.parametrize(
    "change", [{"session": 2}, {"track": "other_ring"}, {"car_model": "other_car"}, {"track_configuration": "short"}]
)
def test_another_session_track_or_car_ends_the_lap(change: Values) -> None:
    first = ({"track_configuration": "long", **row} for row in drive([30.0, 30.0], end=45.0))
    found = laps_of(first, later(drive([31.0]), 60.0, **change))
    assert outline(found) == [
        (1, "grid", "line", 30_000),
        (2, "line", "session", None),
        (1, "grid", "line", 31_000),
    ]
    assert found[1].invalid_because == ("session changed",)
    assert [lap.start_index for lap in found] == [1, 1, 2]


def test_a_session_that_changes_a_frame_before_its_count_does_is_one_new_run() -> None:
    first = list(drive([30.0, 30.0], end=45.0))
    between = {**first[-1], "elapsed": 45.0, "session": 1}
    found = laps_of(first, [between], later(drive([31.0]), 60.0, session=1))
    assert [(lap.number, lap.start_index, lap.end) for lap in found] == [
        (1, 1, "line"),
        (2, 1, "session"),
        (1, 2, "line"),
    ]


def test_names_that_come_late_are_no_other_session() -> None:
    rows = changed(drive([30.0]), 0.0, 2.0, car_model="", track="")
    assert outline(laps_of(rows)) == [(1, "grid", "line", 30_000)]


@pytest.mark.parametrize("left", [math.inf, math.nan, -1.0, 0.0])
def test_a_timed_session_that_runs_out_does_not_end_the_lap(left: float) -> None:
    rows = [{**row, "session": 2, "session_time_left": 40_000.0 - row["elapsed"] * 1e3} for row in drive([30.0, 31.0])]
    found = laps_of(changed(rows, 40.0, 99.0, session_time_left=left, flag=5))
    assert outline(found) == [(1, "grid", "line", 30_000), (2, "line", "line", 31_000)]
    assert found[1].valid


@pytest.mark.parametrize("status", [1, 3])
def test_what_a_replay_or_a_pause_shows_is_no_driving(status: int) -> None:
    rows = list(drive([30.0, 31.0]))
    shown = [{**row, "status": status} for row in drive([5.0, 5.0, 5.0], counted=7)]
    found = laps_of(rows[:300], shown, rows[300:])
    assert outline(found) == outline(laps_of(rows))


def test_a_game_that_ended_leaves_its_lap_as_it_was() -> None:
    rows = list(drive([30.0, 31.0], end=50.0))
    zeros = {name: 0 for name in rows[0] if name not in ("elapsed", "timestamp")}
    found = laps_of(rows, [{**zeros, "elapsed": 51.0, "status": 0}])
    assert outline(found) == [(1, "grid", "line", 30_000), (2, "line", "recording", None)]


def test_a_pause_across_the_line_changes_nothing_but_the_paused_time() -> None:
    rows = list(drive([30.0, 31.0], rate=50.0, time_late=0.3))
    line = next(number for number, row in enumerate(rows) if row["completed_laps"])
    late = [{**row, "elapsed": row["elapsed"] + 100.0} for row in rows[line + 2 :]]
    found = laps_of(rows[: line + 2], late)
    assert outline(found) == [(1, "grid", "line", 30_000), (2, "line", "line", 31_000)]
    assert [lap.paused_s for lap in found] == [0.0, pytest.approx(100.0, abs=0.01)]


def test_a_cut_on_one_lap_does_not_spoil_the_next() -> None:
    rows = changed(drive([30.0, 31.0, 32.0], count_late=0.1), 29.0, 29.5, number_of_tyres_out=4)
    assert [lap.invalid_because for lap in laps_of(rows)] == [("4 tyres out at 2,900 m",), (), ()]


@pytest.mark.parametrize(
    ("length", "text"), [(3000.0, "3 tyres out at 1,000 m"), (0.0, "3 tyres out at 33.3% of the lap")]
)
def test_a_cut_says_its_place_as_well_as_can_be(length: float, text: str) -> None:
    rows = changed(drive([30.0], rate=10.0), 10.0, 10.5, number_of_tyres_out=3)
    (lap,) = laps_of({**row, "track_spline_length": length} for row in rows)
    assert lap.invalid_because == (text,)
    assert lap.first_cut_m == (pytest.approx(1000.0) if length else None)


def test_a_recording_of_few_fields_still_has_its_laps() -> None:
    blank = {"normalized_position": math.nan, "distance_traveled": math.nan, "speed_kmh": math.nan, "fuel": math.nan}
    rows = ({**row, **blank, "packet_id": 0, "status": 0} for row in drive([30.0, 31.0], begin=5.0))
    found = laps_of(rows)
    assert [(lap.number, lap.time_ms) for lap in found if lap.complete] == [(1, 30_000), (2, 31_000)]
    assert (found[0].top_speed_kmh, found[0].fuel_used_l) == (None, None)


# Anything at all

SPLITS = st.integers(-2, 5)
GARBAGE = st.fixed_dictionaries(
    {},
    optional={
        "elapsed": st.floats(),
        "packet_id": st.integers(-(2**31), 2**31 - 1),
        "completed_laps": st.integers(-1, 4) | st.integers(-(2**31), 2**31 - 1),
        "current_time": st.integers(-(2**31), 2**31 - 1),
        "last_time": st.integers(-(2**31), 2**31 - 1),
        "normalized_position": st.floats(width=32),
        "distance_traveled": st.floats(width=32),
        "current_sector_index": SPLITS,
        "last_sector_time": st.integers(-1, 60_000),
        "sector_count": SPLITS | st.integers(-(2**31), 2**31 - 1),
        "speed_kmh": st.floats(width=32),
        "fuel": st.floats(width=32),
        "is_in_pit": st.integers(0, 1),
        "is_in_pit_lane": st.integers(0, 1),
        "number_of_tyres_out": st.integers(-1, 5),
        "track_spline_length": st.floats(width=32),
        "session": st.integers(-1, 1),
        "status": st.sampled_from([2, 2, 2, 0, 1, 3, 9]),
        "car_model": st.sampled_from(["a", "b", ""]),
    },
)


@example([{"packet_id": 0, "elapsed": 1e305}], [1], 1.0)
@settings(max_examples=100, deadline=None)
@given(
    st.lists(GARBAGE, max_size=25),
    st.lists(st.integers(0, 340), max_size=25),
    st.sampled_from([1.0, 5.0]),
)
def test_no_samples_break_it_and_laps_never_overlap(garbage: list[Values], places: list[int], rate: float) -> None:
    rows = list(drive([20.0, 21.0, 22.0], rate=rate))
    for values, place in zip(garbage, places, strict=False):
        rows[place % len(rows)] |= values
    samples = list(samples_of(rows))
    found = list(laps(samples))
    check_intervals(found)
    counted = [
        sample.completed_laps for sample in samples if sample.status not in (1, 3) and sample.completed_laps >= 0
    ]
    steps = [now - before for before, now in pairwise([0, *counted])]
    assert sum(lap.complete for lap in found) <= sum(step for step in steps if 0 < step <= 100)
    assert all(lap.complete == (lap.end == "line") for lap in found)


@example([220], 2.0, 1.0, (0.0, 0.25, 0.0), [(0.0, 22.0)], 0)  # begins between the clock and the count
@settings(max_examples=80, deadline=None)
@given(
    lap_tenths=st.lists(st.integers(220, 400), min_size=1, max_size=4),
    rate=st.sampled_from([0.5, 1.0, 2.0, 7.0, 10.0]),
    begin=st.floats(0.0, 8.0),
    late=st.tuples(st.floats(0.0, 0.3), st.floats(0.0, 0.3), st.floats(-0.02, 0.4)),
    lost=st.lists(st.tuples(st.floats(0.0, 150.0), st.floats(0.0, 60.0)), max_size=2),
    counted=st.integers(0, 30),
)
def test_there_are_as_many_complete_laps_as_lines_crossed(
    lap_tenths: list[int],
    rate: float,
    begin: float,
    late: tuple[float, float, float],
    lost: list[tuple[float, float]],
    counted: int,
) -> None:
    seconds = [tenths / 10 for tenths in lap_tenths]
    clock_late, count_late, time_late = late
    rows = [
        row
        for row in drive(
            seconds,
            rate=rate,
            begin=min(begin, seconds[0] - 1),
            clock_late=clock_late,
            count_late=count_late,
            time_late=time_late,
            counted=counted,
            end=sum(seconds) + 5.0,
        )
        if not any(start < row["elapsed"] < start + length for start, length in lost)
    ]
    found = laps_of(rows)
    check_intervals(found)
    counted_later = 0
    if rows:
        # Samples can begin between the signs of a line: nobody saw the lap that is counted then.
        lines = [line + clock_late for line in accumulate(seconds)]
        counted_later = sum(line <= rows[0]["elapsed"] + 1e-9 for line in lines) - rows[0]["completed_laps"] + counted
    crossed = rows[-1]["completed_laps"] - rows[0]["completed_laps"] - counted_later if rows else 0
    complete = [lap for lap in found if lap.complete]
    assert len(complete) == crossed
    first = rows[0]["completed_laps"] + 1 + counted_later if rows else 0
    assert [lap.number for lap in complete] == list(range(first, first + crossed))
    for lap in complete:
        assert lap.time_ms in (None, round(seconds[lap.number - counted - 1] * 1000))
    if not lost:
        assert None not in [lap.time_ms for lap in complete]


# The command


run = partial(run_command, "laps")


def write(path: Path, *parts: Iterable[Values]) -> Path:
    with telemetry.open_sink(path) as sink:
        for sample in samples_of(row for part in parts for row in part):
            sink.write(sample)
    return path


def test_the_command_prints_the_laps_of_the_fixture() -> None:
    result = run("fixtures/lap.jsonl.zst")
    assert result.returncode == 0, result.stderr
    title, header, _, lap, *_ = (" ".join(line.split()) for line in result.stdout.splitlines())
    assert title == f"{Path('fixtures/lap.jsonl.zst')} demo_gt3, demo_ring, practice: 1 complete lap"
    assert header == "lap time gap S1 S2 S3 km/h fuel tyres kind valid"
    assert lap == f"1 1:23.811 {DASH} 31.011 26.241 26.559 230 2.19 l Slicks Medium (M) 1% grid best"


def test_the_command_gives_programs_one_array_for_all_files(tmp_path: Path) -> None:
    cut = changed(drive([30.0, 31.0, 32.0], rate=10.0, end=80.0), 40.0, 41.0, number_of_tyres_out=3)
    path = write(tmp_path / "a.jsonl", cut)
    result = main_in_process("laps", "--json", path, "fixtures/lap.jsonl.zst")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert [(lap["file"], lap["number"], lap["time_ms"], lap["valid"], lap["best"]) for lap in found] == [
        (str(path), 1, 30_000, True, True),
        (str(path), 2, 31_000, False, False),
        (str(path), 3, None, False, False),
        (str(Path("fixtures/lap.jsonl.zst")), 1, 83_811, True, False),  # the same car and track: one best lap of all
    ]
    assert found[1]["invalid_because"] == ["3 tyres out at 968 m"]
    assert found[1]["first"] == {
        "sequence": 300,
        "packet_id": 10300,
        "elapsed": 30.0,
        "timestamp": 1.7e9 + 30.0,
    }
    assert [lap["complete"] for lap in found] == [True, True, False, True]


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_fits_its_terminal(tmp_path: Path, columns: int) -> None:
    first = changed(drive([71.0, 62.0], rate=2.0, end=140.0), 80.0, 82.0, number_of_tyres_out=3)
    again = [{**row, "elapsed": row["elapsed"] + 200.0} for row in drive([63.0], rate=2.0, end=80.0)]
    path = write(tmp_path / "b.jsonl", first, again)
    result = main_in_process("laps", path, FORCE_COLOR="1", COLUMNS=str(columns), TERM="xterm-256color")
    assert result.returncode == 0, result.stderr
    lines = re.sub(r"\x1b\[[0-9;]*m", "", result.stdout).splitlines()[1:]
    assert max(map(len, lines)) <= columns
    text = "\n".join(lines)
    assert re.search(r"^  2  1:02.000  (-1.000  )?20.766  20.866  20.368 .*3 tyres out at", text, re.MULTILINE)
    assert ("Slicks Medium (M)" in text) == ("kind" in text) == (columns > 100)
    assert re.search(r"^  1  1:03.000 .* best", text, re.MULTILINE)


def test_a_measured_time_is_marked_and_a_recording_without_laps_says_so(tmp_path: Path) -> None:
    timed = write(tmp_path / "c.jsonl", ({**row, "last_time": 0} for row in drive([30.0], rate=5.0)))
    empty = write(tmp_path / "d.jsonl", later(drive([30.0], rate=5.0, end=0.5), 900.0))
    output = main_in_process("laps", timed, empty).stdout
    assert "~0:30.000" in output
    assert "~ measured: the recording has no official time." in " ".join(output.split())
    assert f"{empty} no lap" in " ".join(output.split())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Missing argument"),
        (["none.jsonl"], 2, "There is no recording none.jsonl."),
        (["demo"], 2, "There is no recording demo."),
        (["notes.txt"], 2, f"Unsupported file type: notes.txt. Supported: {READABLE}."),
        (["broken.jsonl"], 1, "broken.jsonl, line 1: this is not JSON."),
    ],
)
def test_bad_input_is_a_sentence_and_a_code(arguments: list[str], code: int, message: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no recording")
    (tmp_path / "broken.jsonl").write_text("no recording\n")
    result = main_in_process("laps", *arguments, cwd=tmp_path)
    assert result.returncode == code
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.stderr
