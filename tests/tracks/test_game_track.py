import struct
from pathlib import Path

import numpy as np
import pytest

import telemetry
from telemetry.tracks.game_track import Section, read_game_track, read_sections
from tests.tracks.roads import STADIUM, road, total


def write_fast_lane(path: Path) -> None:
    x, z = road(STADIUM, 1.5)
    count = len(x)
    points = b"".join(struct.pack("<4fi", x[at], 0.0, z[at], 1.5 * at, at) for at in range(count))
    details = np.zeros((count, 18), "<f4")
    details[:, 5:7] = 5.0
    path.parent.mkdir(parents=True)
    path.write_bytes(struct.pack("<4i", 7, count, 0, 0) + points + struct.pack("<i", count) + details.tobytes())


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
    assert read_game_track(game / "content", "ring", "gp", 0.8) is not None


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


def test_a_huge_file_of_sections_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sections.ini"
    path.write_bytes(b" " * (1 << 19))
    with pytest.raises(telemetry.SourceError, match="it has more than"):
        read_sections(path)
