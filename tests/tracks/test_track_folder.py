"""The roads in track files, held against the roads that they were made of."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from telemetry.analysis.known_tracks import look_up_track
from telemetry.base.errors import SourceError, UsageError
from telemetry.sources.known_tracks import DEMO_TRACK, find_track_map
from telemetry.tracks import Track, TrackFolder
from telemetry.tracks.game_track import read_game_track
from telemetry.tracks.track_file import track_path, write_track
from tests.tracks.roads import write_fast_lane
from tests.tracks.test_track_file import stadium


@pytest.fixture
def game_track(tmp_path: Path) -> Track:
    """The stadium as the game has it: its line lies 5 m from the left border and 7 m from the right one."""
    write_fast_lane(tmp_path / "content" / "tracks" / "ring" / "gp" / "ai" / "fast_lane.ai")
    track = read_game_track(tmp_path, "ring", "gp", 0.0)
    assert track is not None
    return track


@pytest.fixture
def folder(tmp_path: Path, game_track: Track) -> Path:
    folder = tmp_path / "tracks"
    folder.mkdir()
    write_track(game_track, track_path(folder, "ring", "gp"))
    write_track(stadium(track="other"), track_path(folder, "other", "gp"))  # a lap, without borders
    return folder


def test_the_centre_line_lies_in_the_middle_of_the_borders_and_the_course_is_the_reference_line(
    folder: Path, game_track: Track
) -> None:
    road = TrackFolder.read(folder).find_map("ring", "gp")
    assert road is not None
    assert (road.length, road.first_position) == (game_track.length_m, 0.0)
    course = game_track.course
    headings = np.arctan2(-(np.roll(course.x, -1) - course.x), np.roll(course.z, -1) - course.z)
    places = [
        road.place_at(position, x, z, heading)
        for position, x, z, heading in zip(course.position, course.x, course.z, headings, strict=True)
    ]
    assert [place.offset for place in places] == pytest.approx([1.0] * len(places), abs=0.06)
    assert [place.heading for place in places] == pytest.approx([0.0] * len(places), abs=0.03)
    gaps = [road.gap_at(*place) for place in zip(course.position, course.x, course.z, strict=True)]
    assert gaps == pytest.approx([0.0] * len(gaps), abs=0.03)
    in_bend, on_straight = 680.0 / 1514.16, 300.0 / 1514.16
    assert road.curvature_ahead(in_bend, 3, 30.0) == pytest.approx([1 / 51.0] * 3, rel=0.05)
    assert road.curvature_ahead(on_straight, 3, 30.0) == pytest.approx([0.0] * 3, abs=5e-4)


def test_borders_are_those_of_the_file(folder: Path) -> None:
    geometry = TrackFolder.read(folder).find_geometry("ring-gp", "ring", "gp")
    assert geometry is not None
    assert (geometry.name, geometry.origin) == ("ring-gp", str(folder / "ring@gp.toml"))
    to_left = np.linalg.norm(geometry.left - geometry.line, axis=1)
    to_right = np.linalg.norm(geometry.right - geometry.line, axis=1)
    assert (np.median(to_left), np.median(to_right)) == pytest.approx((5.0, 7.0), abs=0.05)
    beside = np.array([[300.0, 0.0 + offset] for offset in (4.5, 5.5, -6.5, -7.5)])  # on the first straight, x is left
    assert geometry.off_track(beside).tolist() == [False, True, False, True]


def test_the_demos_road_in_a_file_is_the_known_one(tmp_path: Path) -> None:
    track, known = look_up_track(DEMO_TRACK, "line_0.25"), find_track_map(DEMO_TRACK, "line_0.25")
    assert track is not None
    assert known is not None
    write_track(track, track_path(tmp_path, DEMO_TRACK, "line_0.25"))
    road = TrackFolder.read(tmp_path).find_map(DEMO_TRACK, "line_0.25")
    assert road is not None
    count = len(known.x)
    for node in range(0, count, 7):
        position = (known.first_position + node / count) % 1.0
        x, z = known.x[node] + 3.0 * known.tangent_z[node], known.z[node] - 3.0 * known.tangent_x[node]
        own, found = known.place_at(position, x, z, 0.3), road.place_at(position, x, z, 0.3)
        assert found.offset == pytest.approx(own.offset, abs=0.03)
        assert math.remainder(found.heading - own.heading, math.tau) == pytest.approx(0.0, abs=0.03)
        assert road.curvature_ahead(position, 12, 300.0) == pytest.approx(
            known.curvature_ahead(position, 12, 300.0), abs=2e-3
        )


def test_a_course_without_borders_is_no_road(folder: Path) -> None:
    found = TrackFolder.read(folder)
    assert list(found.digests) == ["ring@gp.toml"]
    assert found.find("other", "gp") is None
    assert found.find("nowhere", "") is None
    assert found.find_map("nowhere", "") is None
    assert found.find_geometry("nowhere", "nowhere", "") is None


def test_a_file_under_the_name_of_another_track_is_not_taken_for_it(folder: Path) -> None:
    (folder / "ring@gp.toml").rename(folder / "spa.toml")
    assert TrackFolder.read(folder).find("spa", "") is None


def test_the_digest_is_that_of_the_course_alone(folder: Path, game_track: Track) -> None:
    path, before = folder / "ring@gp.toml", TrackFolder.read(folder)
    assert TrackFolder.read(folder) == before
    path.write_text(path.read_text("utf-8").replace('name = ""', 'name = "Bowl"'), "utf-8")
    assert TrackFolder.read(folder) == before
    course = game_track.course
    write_track(replace(game_track, course=replace(course, x=course.x + 1.0)), path, overwrite=True)
    assert TrackFolder.read(folder).digests != before.digests
    with pytest.raises(SourceError) as caught:
        before.find_map("ring", "gp")
    assert str(caught.value) == f"The track file {path} has changed in the meantime. Start again."


def test_a_folder_that_has_no_road_is_refused(tmp_path: Path) -> None:
    advice = (
        "in it has a closed course with borders. `corners DRIVE --ac-root GAME` makes such a file of the game's own "
        "line; a file that is there already has to be removed before."
    )
    with pytest.raises(UsageError) as caught:
        TrackFolder.read(tmp_path / "none")
    assert str(caught.value) == f"There is no folder of track files {tmp_path / 'none'}."
    with pytest.raises(UsageError) as caught:
        TrackFolder.read(tmp_path)
    assert str(caught.value) == f"{tmp_path} has no road: no track file {advice}"
    write_track(stadium(), tmp_path / "ring@gp.toml")
    with pytest.raises(UsageError) as caught:
        TrackFolder.read(tmp_path)
    assert str(caught.value) == f"{tmp_path} has no road: none of the 1 track files {advice}"
    (tmp_path / "broken.toml").write_text("[course", "utf-8")
    with pytest.raises(UsageError, match=r"broken\.toml, line 1: invalid TOML"):
        TrackFolder.read(tmp_path)
