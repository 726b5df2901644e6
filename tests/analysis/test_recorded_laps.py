"""Traces of laps in files: the fixture of the demo's lap, and a drive of a few short laps."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import telemetry
from telemetry.analysis import align, delta, make_grid, read_recording, trace
from telemetry.analysis.known_tracks import track_of
from telemetry.analysis.quality.stored import store_analysis
from telemetry.fields.columns import Columns
from telemetry.sources import open_page_sink
from tests import recorded
from tests.recorded import LAP


def test_the_lap_of_the_fixture_lies_on_its_track() -> None:
    recording = read_recording(LAP)
    lap = next(lap for lap in recording.laps if lap.complete)
    found = trace(recording, lap, ("speed_kmh", "gear", "slip_ratio"))
    assert found.clock.time_ms[-1] == lap.time_ms
    assert found.fraction[-1] == 1.0
    assert found["slip_ratio"].shape == (len(found), 4)
    assert found.rate_hz == pytest.approx(10.0, abs=0.2)
    track = track_of(found)
    assert abs(math.degrees(track.course.turn_rad())) == pytest.approx(360.0, abs=1e-6)
    assert track.course.length_m == pytest.approx(found.length_m, rel=0.05)
    assert [corner.number for corner in track.corners] == list(range(1, len(track.corners) + 1))


def test_an_opened_recording_has_the_same_traces() -> None:
    recording = read_recording(LAP)
    lap = next(lap for lap in recording.laps if lap.complete)
    with telemetry.open_recording(LAP) as opened:
        found = trace(opened, opened.laps().complete()[0], ("speed_kmh",))
    usual = trace(recording, lap, ("speed_kmh",))
    assert np.array_equal(found.fraction, usual.fraction)
    assert np.array_equal(found["speed_kmh"], usual["speed_kmh"])


def test_laps_that_are_stored_in_a_recording_are_not_looked_for_again(tmp_path: Path) -> None:
    path = tmp_path / "lap.mcap"
    with telemetry.open_source(LAP) as source, open_page_sink(path) as sink:
        for step in source.steps(telemetry.Clock(math.inf)):
            sink.write(step)
    usual = read_recording(path)
    assert store_analysis(path)

    def never(_: object) -> Iterator[Columns]:
        raise AssertionError("the samples were read")

    assert read_recording(path, watch=never) == usual


def test_laps_of_a_file_are_compared_by_their_official_times(tmp_path: Path) -> None:
    recording = read_recording(recorded.write(tmp_path / "a.jsonl", recorded.drive(1, 2, 3, 4)))
    second, third = recording.lap(2), recording.lap(3)
    traces = [trace(recording, lap, line_position=0.0) for lap in (second, third)]
    a, b = align(traces, make_grid(traces, 50.0))
    assert delta(a, b)[-1] == 0.0
    assert np.nanmax(np.abs(delta(a, b))) < 1e-6


def test_a_lap_that_there_is_not_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    recording = read_recording(recorded.write(tmp_path / "a.jsonl", recorded.drive(1, 2, 3)))
    with pytest.raises(telemetry.UsageError, match=r"a\.jsonl has no lap 9; it has 1, 2, 3\.$"):
        recording.lap(9)


def test_a_file_without_positions_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    recorded.write(path, recorded.drive(1, 2, 3))
    lines = [line.replace('"normalized_position"', '"normalized"') for line in path.read_text("utf-8").splitlines()]
    path.write_text("\n".join([*lines, ""]), "utf-8")
    recording = read_recording(path)
    with pytest.raises(telemetry.UsageError, match="does not hold normalized_position, so its laps cannot be put on"):
        trace(recording, recording.lap(2))
