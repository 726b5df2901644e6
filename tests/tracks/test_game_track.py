import struct
import sys
from pathlib import Path

import numpy as np
import pytest

import telemetry
from telemetry.tracks.game_track import Section, read_game_track, read_sections
from telemetry.tracks.map_picture import MapPicture, read_map_picture
from telemetry.tracks.track_file import read_track, write_track
from tests.tracks.roads import STADIUM, total, write_fast_lane


def write_sections(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


@pytest.fixture
def game(tmp_path: Path) -> Path:
    """The folder of a game that has one track."""
    write_fast_lane(tmp_path / "content" / "tracks" / "ring" / "gp" / "ai" / "fast_lane.ai")
    return tmp_path


def test_a_track_is_taken_from_the_games_own_line(game: Path) -> None:
    found = read_game_track(game, "ring", "gp", 0.8)
    assert found is not None
    assert found.length_m == pytest.approx(total(STADIUM), abs=1.5)
    assert [corner.number for corner in found.corners] == [1, 2]
    assert [corner.apex for corner in found.corners] == pytest.approx([1435.6 / 1514.2, 678.5 / 1514.2], abs=0.002)
    assert found.origin.endswith("fast_lane.ai")
    borders = found.course.borders
    assert borders is not None
    beside = [border - np.stack([found.course.x, found.course.z], axis=1) for border in borders]
    assert [np.linalg.norm(side, axis=1) for side in beside] == [pytest.approx(5.0), pytest.approx(7.0)]
    assert (beside[0][10, 0], beside[1][10, 0]) == pytest.approx((5.0, -7.0), abs=1e-3)  # it heads +z there
    assert read_game_track(game / "content", "ring", "gp", 0.8) is not None


def test_the_borders_are_kept_in_the_file_of_the_track(game: Path, tmp_path: Path) -> None:
    found = read_game_track(game, "ring", "gp", 0.8)
    assert found is not None
    write_track(found, tmp_path / "ring.toml")
    text = (tmp_path / "ring.toml").read_text("utf-8")
    again = read_track(tmp_path / "ring.toml").course
    assert again.widths is not None
    assert np.array_equal(again.widths, np.tile([5.0, 7.0], (len(again.x), 1)))
    (tmp_path / "ring.toml").write_text(text.replace("left_m = [\n  5.0,", "left_m = [\n"), "utf-8")
    with pytest.raises(telemetry.UsageError, match="as many left_m and right_m as x, or none"):
        read_track(tmp_path / "ring.toml")


def test_sections_name_the_corners_and_one_that_only_turns_becomes_a_corner(game: Path) -> None:
    write_sections(
        game / "content" / "tracks" / "ring" / "gp" / "data" / "sections.ini",
        "[SECTION_0]\r\nIN=0.9\r\nOUT=1\r\nTEXT=The Bowl\r\n"
        "[SECTION_1]\nIN=0.1 ; comment\nOUT=0.3\nTEXT=Straight\n"
        "[SECTION_2]\nIN=0.41\nOUT=0.44\nTEXT=First half\n",
    )
    found = read_game_track(game, "ring", "gp", 0.0)
    assert found is not None
    assert [(corner.number, corner.name) for corner in found.corners] == [(1, "First half"), (2, ""), (3, "The Bowl")]
    assert found.corners[0].begin == pytest.approx(0.41, abs=0.001)


def test_a_section_over_the_end_of_the_spline_is_one(tmp_path: Path) -> None:
    path = write_sections(
        tmp_path / "sections.ini",
        "[SECTION_0]\nIN=0\nOUT=0.05\nTEXT=Last\n[SECTION_1]\nIN=0.4\nOUT=0.5\nTEXT=Mid\n"
        "[SECTION_2]\nIN=0.95\nOUT=1\nTEXT=Last\n",
    )
    assert read_sections(path) == [Section("Mid", 0.4, 0.5), Section("Last", 0.95, 0.05)]


@pytest.mark.parametrize(
    "text", ["", "IN=1\n", "[SECTION_0]\nIN=a\nOUT=1\n", "[SECTION_0]\nIN=nan\nOUT=1\n", "[X]\nIN=0\nOUT=1\n", "\0\xff"]
)
def test_what_is_no_section_is_passed_over(tmp_path: Path, text: str) -> None:
    assert read_sections(write_sections(tmp_path / "sections.ini", text)) == []


def test_a_game_without_the_track_and_names_that_lead_elsewhere_have_none(game: Path) -> None:
    assert read_game_track(game, "ring", "", 0.0) is None
    assert read_game_track(game, "nowhere", "", 0.0) is None
    assert read_game_track(game, "../tracks/ring", "gp", 0.0) is None
    assert read_game_track(game, "ring", "../ring/gp", 0.0) is None


def test_what_is_no_racing_line_is_refused(game: Path) -> None:
    path = game / "content" / "tracks" / "ring" / "gp" / "ai" / "fast_lane.ai"
    path.write_bytes(b"nothing")
    with pytest.raises(telemetry.SourceError, match="is not a racing line of the game"):
        read_game_track(game, "ring", "gp", 0.0)


def test_a_racing_line_of_damaged_points_is_refused(game: Path) -> None:
    path = game / "content" / "tracks" / "ring" / "gp" / "ai" / "fast_lane.ai"
    data = bytearray(path.read_bytes())
    struct.pack_into("<f", data, 16, 1e12)
    path.write_bytes(data)
    with pytest.raises(telemetry.SourceError, match=r"fast_lane\.ai: The course of the track cannot"):
        read_game_track(game, "ring", "gp", 0.0)


def test_a_huge_file_of_sections_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sections.ini"
    path.write_bytes(b" " * (1 << 19))
    with pytest.raises(telemetry.SourceError, match="it has more than"):
        read_sections(path)


PNG_HEAD = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">2I", 640, 480)
MAP_INI = "[PARAMETERS]\r\nWIDTH=639.4 ; rounded\r\nHEIGHT=480\r\nX_OFFSET=100.5\r\nZ_OFFSET=-20\r\nSCALE_FACTOR=2\r\n"


def write_map(game: Path, ini: str = MAP_INI, png: bytes = PNG_HEAD) -> Path:
    folder = game / "content" / "tracks" / "ring" / "gp"
    write_sections(folder / "data" / "map.ini", ini)
    (folder / "map.png").write_bytes(png)
    return folder


def test_the_games_picture_of_a_track_lies_where_its_ini_says(game: Path) -> None:
    write_map(game)
    found = read_map_picture(game, "ring", "gp")
    assert found == MapPicture(PNG_HEAD, 640, 480, 100.5, -20.0, 2.0)
    assert found.to_pixel(-100.5, 220.0) == (0.0, 100.0)
    assert read_map_picture(game / "content", "ring", "gp") == found


@pytest.mark.parametrize(
    "ini",
    [
        "",
        MAP_INI.replace("SCALE_FACTOR=2", ""),
        MAP_INI.replace("SCALE_FACTOR=2", "SCALE_FACTOR=0"),
        MAP_INI.replace("SCALE_FACTOR=2", "SCALE_FACTOR=nan"),
        MAP_INI.replace("100.5", "inf"),
        "[PARAMETERS]\nWIDTH=20\nHEIGHT=20\nX_OFFSET=20\nZ_OFFSET=1\nSCALE_FACTOR=20\nMARGIN=20\n",  # untouched
    ],
)
def test_a_picture_whose_place_is_not_told_is_none(game: Path, ini: str) -> None:
    write_map(game, ini)
    assert read_map_picture(game, "ring", "gp") is None


@pytest.mark.parametrize("png", [b"", b"GIF89a" + bytes(40), PNG_HEAD[:-8] + struct.pack(">2I", 9000, 480)])
def test_what_is_no_picture_is_none(game: Path, png: bytes) -> None:
    write_map(game, png=png)
    assert read_map_picture(game, "ring", "gp") is None


def test_no_picture_comes_from_elsewhere_and_none_is_huge(game: Path) -> None:
    folder = write_map(game)
    assert read_map_picture(game, "ring", "") is None
    assert read_map_picture(game, "ring", "../ring/gp") is None
    (folder / "map.png").write_bytes(PNG_HEAD + bytes(1 << 22))
    with pytest.raises(telemetry.SourceError, match="it has more than"):
        read_map_picture(game, "ring", "gp")
    (folder / "map.png").unlink()
    assert read_map_picture(game, "ring", "gp") is None


@pytest.mark.skipif(sys.platform == "win32", reason="making a symbolic link needs a right there")
def test_a_picture_behind_a_link_out_of_the_folder_is_none(game: Path, tmp_path: Path) -> None:
    folder = write_map(game)
    (folder / "map.png").rename(tmp_path / "secret.png")
    (folder / "map.png").symlink_to(tmp_path / "secret.png")
    assert read_map_picture(game, "ring", "gp") is None
