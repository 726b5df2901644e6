from pathlib import Path

import numpy as np
import pytest

import telemetry
from telemetry.analysis.known_tracks import find_track, load_track, look_up_track, track_of, with_borders
from telemetry.analysis.traces import make_trace
from telemetry.demo.track import HALF_WIDTH
from tests.analysis.laps_by_hand import LENGTH_M, columns_of, lap_of, steady, trace_of
from tests.tracks.roads import write_fast_lane


def test_a_track_is_found_once_and_then_kept(tmp_path: Path) -> None:
    lap = trace_of(steady(60_000), 60_000, line=0.8, line_position=0.8)
    assert load_track(lap.lap, folder=tmp_path) is None
    found = find_track(lap, folder=tmp_path)
    assert (found.is_new, found.path, found.problem) == (True, tmp_path / "demo_ring.toml", "")
    again = load_track(lap.lap, folder=tmp_path)
    assert again is not None
    assert not again.is_new
    assert again.track.line_position == 0.8
    assert again.track.origin == "lap 1, 1:00.000, demo_gt3"
    assert np.abs(again.track.course.x - found.track.course.x).max() < 0.006
    other = lap_of(60_000, layout="short")
    assert load_track(other, folder=tmp_path) is None


def test_a_track_that_cannot_be_kept_is_there_nevertheless(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = find_track(trace_of(steady(60_000), 60_000), folder=tmp_path / "file")
    assert found.path is None
    assert found.problem.startswith(f"The folder {tmp_path / 'file'} cannot be created: ")
    assert found.track.length_m == LENGTH_M


def test_without_a_length_the_course_tells_it() -> None:
    columns = columns_of(steady(60_000), 60_000)
    columns["track_spline_length"][:] = 0.0
    found = track_of(make_trace(columns, lap_of(60_000), (), 0.0))
    assert found.length_m == pytest.approx(LENGTH_M, abs=1.0)


def test_a_lap_without_places_in_the_world_has_no_track() -> None:
    with pytest.raises(telemetry.UsageError, match="cannot be told"):
        track_of(trace_of(steady(60_000), 60_000, length_m=0.0))


def test_a_track_is_looked_up_without_a_lap_of_it(tmp_path: Path) -> None:
    assert look_up_track("ring", "gp", folder=tmp_path) is None
    demo = look_up_track("demo_ring", "line_0.8", folder=tmp_path)
    assert demo is not None
    assert demo.line_position == pytest.approx(0.8, abs=0.001)
    assert len(demo.corners) == len(look_up_track("demo_ring", "", folder=tmp_path).corners)  # type: ignore[union-attr]
    kept = find_track(trace_of(steady(60_000), 60_000), folder=tmp_path).track
    known = look_up_track("demo_ring", "", folder=tmp_path)
    assert known is not None
    assert (known.origin, known.corners) == (kept.origin, kept.corners)


def test_the_borders_of_the_demo_are_known_and_corners_stay() -> None:
    lap = track_of(trace_of(steady(60_000), 60_000))
    assert lap.course.borders is None
    found = with_borders(lap)
    assert found.corners == lap.corners
    assert found.course.borders is not None
    across_m = np.linalg.norm(found.course.borders.left - found.course.borders.right, axis=1)
    assert across_m == pytest.approx(2.0 * HALF_WIDTH)
    assert with_borders(found) is found


def test_the_borders_of_another_track_are_those_of_the_game(tmp_path: Path) -> None:
    write_fast_lane(tmp_path / "tracks" / "ring" / "ai" / "fast_lane.ai")
    lap = track_of(trace_of(steady(60_000), 60_000, lap={"track": "ring"}))
    assert with_borders(lap) is lap
    found = with_borders(lap, tmp_path)
    assert found.corners == lap.corners
    assert found.course.widths is not None
    assert found.course.widths[5].tolist() == pytest.approx([5.0, 7.0])
    alone = look_up_track("ring", "", ac_root=tmp_path, folder=tmp_path / "none")
    assert alone is not None
    assert alone.origin.endswith("fast_lane.ai")
