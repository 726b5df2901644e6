from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import telemetry
from telemetry.tracks.corners import Corner
from telemetry.tracks.definition import Track, make_track
from telemetry.tracks.track_file import read_track, track_path, tracks_folder, write_track
from tests.tracks.roads import STADIUM, course_of


def stadium(**values: object) -> Track:
    made = make_track(
        course_of(STADIUM), track="ring", layout="gp", length_m=1514.2, line_position=0.8, origin="lap 3 of a.mcap"
    )
    return replace(made, **values)  # type: ignore[arg-type]  # any field


def test_a_track_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = track_path(tmp_path, "ring", "gp")
    named = stadium()
    named = replace(named, corners=(replace(named.corners[0], name='The "Bowl" \\ \u00fc'), *named.corners[1:]))
    write_track(named, path)
    found = read_track(path)
    assert path.name == "ring@gp.toml"
    assert (found.track, found.layout, found.length_m, found.line_position) == ("ring", "gp", 1514.2, 0.8)
    assert found.origin == "lap 3 of a.mcap"
    assert [corner.name for corner in found.corners] == ['The "Bowl" \\ \u00fc', ""]
    for was, now in zip(named.corners, found.corners, strict=True):
        assert (now.number, now.direction) == (was.number, was.direction)
        assert (now.begin, now.apex, now.end) == pytest.approx((was.begin, was.apex, was.end), abs=1e-6)
    assert np.abs(found.course.x - named.course.x).max() <= 0.005
    assert np.abs(found.course.position - named.course.position).max() <= 5e-8
    assert found.course.is_closed


def test_a_person_may_renumber_and_name_corners(tmp_path: Path) -> None:
    path = tmp_path / "ring.toml"
    write_track(stadium(), path)
    path.write_text(path.read_text("utf-8").replace("number = 1", "number = 13", 1), "utf-8")
    assert [corner.number for corner in read_track(path).corners] == [13, 2]
    path.write_text(path.read_text("utf-8").replace("number = 13", "number = 2", 1), "utf-8")
    assert sorted(corner.number for corner in read_track(path).corners) == [1, 2]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("length_m = 1514.2", "length_m = 0", "length_m must be more than 0. Mend the file, or remove it"),
        ("length_m = 1514.2", 'length_m = "long"', "length_m is of a wrong type. Mend the file"),
        ("length_m = 1514.2", "", "lacks 'length_m'. Mend the file"),
        ("line_position = 0.8", "line_position = nan", "line_position must be from 0 to 1. Mend"),
        ('direction = "left"', 'direction = "up"', "corner[0].direction is of a wrong type. Mend"),
        ("closed = true", "closed = true\nwidth = 3", "course has no 'width'. Mend"),
        ("[course]", "[course", ": invalid TOML"),
        ("step_m = ", "step_m = -", "course must have finite numbers. Mend"),
    ],
)
def test_a_file_with_a_mistake_is_refused_with_its_place(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    path = tmp_path / "ring.toml"
    write_track(stadium(), path)
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    with pytest.raises(telemetry.UsageError) as caught:
        read_track(path)
    assert str(caught.value).startswith(str(path))
    assert sentence in str(caught.value)


def test_a_corner_whose_apex_lies_outside_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ring.toml"
    corner = Corner(number=1, direction="left", begin=0.2, apex=0.5, end=0.3)
    write_track(stadium(corners=(corner,)), path)
    with pytest.raises(telemetry.UsageError, match="corner 1: apex must lie between begin and end"):
        read_track(path)


def test_no_name_of_a_track_leads_out_of_the_folder(tmp_path: Path) -> None:
    for track, layout in (("../../etc/passwd", ""), ("CON", ""), ("a/b", "c\\d"), ("", ""), ("x" * 400, "")):
        assert track_path(tmp_path, track, layout).parent == tmp_path


def test_the_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert tracks_folder() == tmp_path / "ac-telemetry" / "tracks"


def test_the_numbers_follow_the_line() -> None:
    track = stadium()
    first = track.corners[0]
    assert [corner.number for corner in track.with_line(0.0).corners] == [1, 2]
    assert track.with_line(first.apex + 0.01).corners[-1].apex == first.apex
    assert track.since_line(0.85) == pytest.approx(0.05)
