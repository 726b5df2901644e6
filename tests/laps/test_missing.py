"""Laps of files that hold some fields only: what a file does not hold is not 0, and what it holds tells laps."""

import math
from collections.abc import Iterable
from pathlib import Path

import pytest

import telemetry
from telemetry.fields.selection import select
from telemetry.fields.snapshot import Snapshot
from telemetry.laps.detector import laps
from telemetry.laps.missing import describe_missing_lap_fields
from telemetry.laps.model import Lap
from tests.constructed import Values, changed, drive, later, samples_of

TIMES = [60.0, 62.0, 62.0, 61.0]
CLEAN = "number_of_tyres_out"


def laps_of(folder: Path, fields: str, rows: Iterable[Values] | None = None) -> list[Lap]:
    """The laps of a file of these fields, which holds three laps from the line and one from the grid."""
    path = folder / "some.jsonl"
    with telemetry.open_sink(path, columns=select(fields)) as sink:
        for sample in samples_of(drive(TIMES, rate=10.0, grid=40.0) if rows is None else rows):
            sink.write(sample)
    with telemetry.open_source(path) as source:
        found = telemetry.samples(source, include_paused=True, clock=telemetry.Clock(math.inf))
        return list(laps(found, missing=source.missing_fields))


def test_no_lap_is_valid_where_tyres_out_is_missing(tmp_path: Path) -> None:
    found = laps_of(tmp_path, "elapsed,packet_id,current_time,completed_laps,last_time,distance_traveled")
    assert [(lap.time_ms, lap.invalid_because) for lap in found if lap.complete] == [
        (time_ms, ("tyres out not recorded",)) for time_ms in (60_000, 62_000, 62_000, 61_000)
    ]


@pytest.mark.parametrize(
    "fields",
    [
        "elapsed,current_time,completed_laps,last_time",
        "elapsed,packet_id,current_time,last_time",
        "elapsed,current_time,last_time",
        "timestamp,current_time,last_time",
        "packet_id,current_time,completed_laps,last_time",
        "elapsed,completed_laps,last_time,distance_traveled",
        "elapsed,last_time,distance_traveled,packet_id",
    ],
)
def test_the_last_lap_time_tells_laps_whatever_else_is_missing(tmp_path: Path, fields: str) -> None:
    # Without clock and count, the same time twice in a row cannot be told: the third lap then hides in the fourth.
    times = [60.0, 62.0, 63.0, 61.0]
    found = laps_of(tmp_path, f"{fields},{CLEAN}", drive(times, rate=10.0))
    assert [(lap.number, lap.time_ms, lap.invalid_because) for lap in found if lap.complete] == [
        (number, round(seconds * 1000), ()) for number, seconds in enumerate(times, start=1)
    ]
    measured = [lap.measured_ms or 0 for lap in found if lap.complete]
    assert measured == pytest.approx([seconds * 1000 for seconds in times], abs=150)


def test_without_clock_and_physics_steps_the_time_of_the_samples_counts(tmp_path: Path) -> None:
    found = laps_of(tmp_path, f"elapsed,completed_laps,distance_traveled,{CLEAN}")
    assert [(lap.number, lap.time_ms, lap.invalid_because) for lap in found if lap.complete] == [
        (1, None, ()),
        (2, None, ()),
        (3, None, ()),
        (4, None, ()),
    ]
    measured = [lap.measured_ms or 0 for lap in found if lap.complete]
    assert measured == pytest.approx([seconds * 1000 for seconds in TIMES], abs=150)


def test_the_same_time_twice_in_a_row_is_counted_by_the_clock(tmp_path: Path) -> None:
    found = laps_of(tmp_path, f"elapsed,current_time,last_time,{CLEAN}")
    assert [(lap.number, lap.time_ms, lap.valid) for lap in found if lap.complete] == [
        (1, 60_000, True),
        (2, 62_000, True),
        (3, 62_000, True),
        (4, 61_000, True),
    ]


def test_a_lap_that_nothing_shows_as_counted_is_not_valid(tmp_path: Path) -> None:
    found = laps_of(tmp_path, f"elapsed,current_time,{CLEAN}")
    assert {(lap.complete, lap.invalid_because) for lap in found[:4]} == {(True, ("lap count not recorded",))}
    assert [lap.measured_ms for lap in found[:4]] == pytest.approx([s * 1000 for s in TIMES], abs=150)


def test_a_line_that_the_game_did_not_time_is_no_lap(tmp_path: Path) -> None:
    # The way to the line before the first timed lap: the clock restarts, and no time appears.
    rows = [{**row, "completed_laps": 0, "last_time": 0} for row in drive([60.0, 60.0], rate=10.0, end=80.0)]
    found = laps_of(tmp_path, f"elapsed,current_time,last_time,{CLEAN}", rows)
    assert [(lap.end, lap.invalid_because) for lap in found] == [
        ("uncounted", ("not counted by the game",)),
        ("recording", ("recording ended",)),
    ]


def test_a_restart_is_told_without_clock_and_count(tmp_path: Path) -> None:
    first = list(drive([60.0], rate=10.0, end=90.0))
    second = later(drive([61.0], rate=10.0), 90.0, metres=0.0)
    found = laps_of(tmp_path, f"elapsed,last_time,distance_traveled,{CLEAN}", [*first, *second])
    assert [(lap.start_index, lap.number, lap.end, lap.time_ms) for lap in found] == [
        (1, 1, "line", 60_000),
        (1, 2, "restart", None),
        (2, 1, "line", 61_000),
    ]


def test_a_lap_that_was_joined_late_is_so_without_a_clock(tmp_path: Path) -> None:
    found = laps_of(tmp_path, f"elapsed,completed_laps,last_time,{CLEAN}", drive([60.0, 62.0], rate=10.0, begin=20.0))
    assert [(lap.time_ms, lap.invalid_because) for lap in found if lap.complete] == [
        (60_000, ("joined late",)),
        (62_000, ()),
    ]


def test_cuts_are_found_without_a_place(tmp_path: Path) -> None:
    rows = changed(drive(TIMES, rate=10.0), 80.0, 81.0, number_of_tyres_out=4)
    found = laps_of(tmp_path, f"elapsed,current_time,completed_laps,last_time,{CLEAN}", rows)
    assert [lap.invalid_because for lap in found if lap.complete] == [(), ("4 tyres out",), (), ()]
    assert found[1].first_cut_position is not None
    assert math.isnan(found[1].first_cut_position)
    assert found[1].first_cut_m is None


def test_a_track_without_a_line_for_the_ai_has_laps_and_no_place_of_a_cut() -> None:
    rows = changed(drive([60.0, 62.0], rate=10.0), 80.0, 81.0, number_of_tyres_out=3)
    samples = list(samples_of({**row, "normalized_position": 0.0} for row in rows))
    found = list(laps(samples))
    assert [(lap.time_ms, lap.invalid_because) for lap in found if lap.complete] == [
        (60_000, ()),
        (62_000, ("3 tyres out",)),
    ]
    assert {sample.lap_distance for sample in samples} == {None}
    assert found[1].first_cut_m is None


def test_missing_fields_are_listed_with_what_they_would_tell() -> None:
    assert describe_missing_lap_fields(frozenset()) == ""
    assert describe_missing_lap_fields(frozenset({"fuel", "last_time", "number_of_tyres_out"})) == (
        "number_of_tyres_out (whether a lap is valid), last_time (official times)"
    )
    assert describe_missing_lap_fields(frozenset(Snapshot.NAMES)).count("(") == 9
