"""What seldom lies between two samples: a race that starts, a replay that ends, a cut at a line that does not count."""

from collections.abc import Iterator

import pytest

from telemetry.laps.assign import assign_laps
from telemetry.laps.detector import laps
from tests.constructed import Values, changed, drive, later, samples_of


def race_start(rate: float) -> Iterator[Values]:
    """A car that stands 40 m before the line for 4.13 s, when the race starts and its clock with it, and moves off."""
    for tick in range(int(10.0 * rate)):
        at = tick / rate
        driven = max(at - 4.13, 0.0)
        metres = 3.5 * driven**2
        yield {
            "elapsed": at,
            "timestamp": 1.7e9 + at,
            "packet_id": 400 + round(at * 1000 / 3),
            "current_time": round((driven or at) * 1000) // 3 * 3,
            "normalized_position": (0.2 + (metres - 40.0) / 3000.0) % 1.0,
            "track_spline_length": 3000.0,
            "distance_traveled": metres,
            "speed_kmh": 3.6 * 7.0 * driven,
        }


@pytest.mark.parametrize("rate", [1.0, 5.0, 60.0])
def test_the_start_of_a_race_is_no_line(rate: float) -> None:
    samples = list(samples_of(race_start(rate)))
    assert {(sample.run, sample.lap, sample.line_position) for sample in samples} == {(1, 1, None)}
    assert [sample.lap_time for sample in samples] == pytest.approx([sample.current_time for sample in samples], abs=4)


def test_the_lap_time_after_a_replay_is_that_of_the_lap_clock() -> None:
    driven = list(drive([60.0], end=20.0, rate=1.0))
    replay = {"status": 1, "current_time": 45_000, "normalized_position": 0.7}
    # The replay begins 0.9 s after the last live sample and lasts 5 s.
    shown = [{**row, **replay} for row in drive([60.0], begin=19.9, end=20.8, rate=1.0)]
    after = [{**row, "elapsed": row["elapsed"] + 5.0} for row in drive([60.0], begin=20.5, end=30.0, rate=1.0)]
    samples = list(samples_of([*driven, *shown, *after]))
    live = [sample for sample in samples if sample.status != 1]
    assert [sample.lap_time for sample in live] == pytest.approx([sample.current_time for sample in live], abs=4)


@pytest.mark.parametrize(("begin", "end", "cut"), [(29.5, 30.5, [True, True]), (30.2, 30.6, [False, True])])
def test_a_cut_behind_a_line_that_is_not_counted_is_of_the_lap_that_begins(
    begin: float, end: float, cut: list[bool]
) -> None:
    out = drive([30.0], rate=20.0, end=31.0, count_late=99.0, time_late=99.0)
    rest = later(drive([30.0], rate=20.0, begin=1.0), 30.0, metres=3000.0)
    found = list(laps(samples_of(changed([*out, *rest], begin, end, number_of_tyres_out=4))))
    assert [(lap.number, lap.end) for lap in found] == [(1, "uncounted"), (1, "line")]
    assert [lap.first_cut_position is not None for lap in found] == cut


def test_a_cut_between_clock_and_count_is_of_the_lap_that_ended() -> None:
    rows = drive([30.0, 30.0], rate=20.0, count_late=0.4, time_late=0.4)
    samples = list(samples_of(changed(rows, 30.1, 30.2, number_of_tyres_out=4)))
    assert [lap.first_cut_m is None for lap in laps(samples) if lap.complete] == [False, True]
    assert {sample.is_lap_valid for sample in samples if sample.completed_laps == 1} == {True}


@pytest.mark.parametrize("hitch", [0.1, 0.3])
@pytest.mark.parametrize("drawn", [29.998, 29.9])
def test_the_steps_behind_the_line_in_an_old_frame_are_of_the_next_lap(hitch: float, drawn: float) -> None:
    rows = list(drive([30.0, 30.0], rate=1000.0 / 3.0, begin=29.0, end=31.5, count_late=0.0))
    physics = ("elapsed", "timestamp", "packet_id")
    stands = next(row for row in rows if row["elapsed"] >= drawn)
    shown = [
        {**stands, **{name: row[name] for name in physics}} if drawn <= row["elapsed"] < drawn + hitch else row
        for row in rows
    ]
    samples = list(samples_of([{**row, "graphics_packet_id": row["current_time"]} for row in shown]))
    assigned = list(assign_laps(samples, laps(samples)))
    behind = [sample for sample in assigned if sample.lap == 2]
    assert [sample.lap for sample in assigned] == [1] * (len(assigned) - len(behind)) + [2] * len(behind)
    assert behind[0].elapsed == pytest.approx(30.0, abs=0.0031)
    assert behind[0].lap_time <= 3


def test_a_single_sample_behind_the_line_in_an_old_frame_is_of_the_next_lap() -> None:
    rows = drive([30.0, 30.0], rate=100.0, clock_late=0.008, count_late=0.008)
    first, second = [lap for lap in laps(samples_of(rows)) if lap.complete]
    assert (first.last.elapsed if first.last else None) == pytest.approx(29.99)
    assert (second.first.elapsed if second.first else None) == pytest.approx(30.0)
    assert (second.first_time_ms, first.measured_ms) == (0, 30_000)


@pytest.mark.parametrize("rate", [1.0, 5.0])
def test_an_escape_to_the_pits_near_the_box_is_told_by_the_stop(rate: float) -> None:
    driven = list(drive([30.0, 30.0], rate=rate, end=59.5))
    last = driven[-1]
    box = {"normalized_position": 0.99, "is_in_pit": 1, "is_in_pit_lane": 1, "speed_kmh": 0.0}
    stands = [
        {**row, **box, "current_time": last["current_time"] + round(seconds * 1000)}
        for seconds in (tick / rate for tick in range(1, 4))
        for row in later([last], seconds, metres=30.0)
    ]
    samples = list(samples_of([*driven, *stands]))
    assert [(lap.number, lap.end) for lap in laps(samples)] == [(1, "line"), (2, "pits")]
    assert (samples[-1].lap_distance or 0.0) == pytest.approx(-30.0, abs=8.0)
