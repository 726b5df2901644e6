"""``plot``: pictures and braille of laps of the demo, and what cannot be drawn."""

import re
import sys
from pathlib import Path

import pytest

from tests.conftest import main_in_process

pytest.importorskip("matplotlib", reason="the extra plot is not installed")
pytestmark = pytest.mark.usefixtures("own_tracks")

EVERYTHING = "delta,speed,pedals,gear,steer,slip,map,gg,tyres,stint"


def said(*arguments: str | Path, code: int = 0) -> tuple[str, str]:
    result = main_in_process("plot", *arguments)
    assert result.returncode == code, result.stderr
    return result.stdout, result.stderr


def sentence(*arguments: str | Path) -> str:
    out, err = said(*arguments, code=2)
    assert not out
    return err.removeprefix("ac-telemetry: ").rstrip()


def test_everything_is_drawn_into_one_png(drive: Path, tmp_path: Path) -> None:
    picture = tmp_path / "all.png"
    said(drive, "--what", EVERYTHING, "-o", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_vector_picture_keeps_its_texts_and_is_the_same_each_time(drive: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a.svg", tmp_path / "b.svg"
    said(drive)  # which finds the track; from then on it is read
    for picture in (first, second):
        said(drive, "-o", picture, "--style", "dark")
    text = first.read_text(encoding="utf-8")
    assert first.read_bytes() == second.read_bytes()
    for label in ("T1", "T7", "speed", "km/h", "distance since the line in m", "demo_gt3 on demo_ring"):
        assert f">{label}<" in text
    assert re.search(r">lap \d, \d:\d\d\.\d{3}<", text)


def test_paper_is_a_pdf_of_that_size(drive: Path, tmp_path: Path) -> None:
    picture = tmp_path / "lap.pdf"
    said(drive, "--what", "speed", "-o", picture, "--size", "a4")
    assert re.search(rb"/MediaBox \[ ?0 0 595\.\d+ 841\.\d+ ?\]", picture.read_bytes())


@pytest.mark.parametrize("colour", ["speed", "gain", "pedals"])
def test_a_terminal_shows_the_map_in_braille(drive: Path, colour: str) -> None:
    out, _ = said(drive, "--what", "map", "--map-colour", colour)
    assert said(drive, "--what", "map", "--map", colour)[0] == out
    lines = out.splitlines()
    assert lines[0] == "demo_gt3 on demo_ring"
    assert sum(any("\u2801" <= cell <= "\u28ff" for cell in line) for line in lines) > 10


def test_a_terminal_has_the_corners_under_each_curve(drive: Path) -> None:
    out, _ = said(drive, "--what", EVERYTHING)
    assert "speed in km/h" in out
    assert out.count("T1     T2") >= 5
    assert max(map(len, out.splitlines())) <= 140


def test_one_lap_alone_has_a_speed_and_no_delta(drive: Path, tmp_path: Path) -> None:
    other = tmp_path / "one.mcap"
    assert main_in_process("convert", drive, other, "--laps", "2").returncode == 0
    out, err = said(other, "--what", "delta,speed")
    assert "delta: A delta needs a second lap to compare with." in err
    assert "speed in km/h" in out
    assert sentence(other, "--what", "delta") == "delta: A delta needs a second lap to compare with."


def test_dampers_need_every_physics_step(drive: Path) -> None:
    assert re.search(r"holds 19.6 samples a second, and 150 are needed", sentence(drive, "--what", "dampers"))


def test_what_cannot_be_drawn_is_a_sentence(drive: Path, tmp_path: Path) -> None:
    assert "Did you mean speed?" in sentence(drive, "--what", "spede")
    assert sentence(drive, "-o", tmp_path / "lap.gif").endswith("a picture is written as .png, .svg, .pdf.")
    assert sentence(drive, "-o", tmp_path / "lap.png", "--size", "10x10").startswith("--size 10x10: say pixels from")
    assert sentence(drive, "--style", "dark").startswith("--style and --size are for a picture")
    picture = tmp_path / "lap.png"
    picture.write_bytes(b"")
    _, err = said(drive, "--what", "speed", "-o", picture, code=1)
    assert "lap.png" in err
    assert picture.read_bytes() == b""


def test_the_extra_is_named_where_it_is_missing(drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "plot" in sentence(drive, "-o", tmp_path / "lap.png")
