"""Pictures against those in ``fixtures/pictures``: made once and looked at, and compared as the eye does, from afar.

To make one anew after a change that was meant: delete it, run this test, and look at the new one.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from telemetry.analysis.comparison import DrivenLap
from telemetry.analysis.figures import Figure
from telemetry.analysis.lap_clock import Array, Floats
from telemetry.analysis.lap_figures import delta_figure, gear_figure, pedals_figure, speed_figure
from telemetry.analysis.pictures.picture import Look, Size, write_picture
from telemetry.analysis.pictures.styles import StyleName
from telemetry.analysis.place_figures import map_figure
from telemetry.analysis.stint_figures import stint_figure
from tests.analysis.laps_by_hand import lap_of, steady, stopping, trace_of
from tests.conftest import REPOSITORY

pytest.importorskip("matplotlib", reason="the extra plot is not installed")
image = pytest.importorskip("PIL.Image")

FOLDER = REPOSITORY / "fixtures" / "pictures"
TOLERANCE = 6.0
"""Mean difference of brightness, 0..255, of the worst eighth of a picture; versions of matplotlib differ by less."""


def speed(place: Floats) -> Array:
    return 150.0 + 60.0 * np.cos(6.0 * np.pi * place)


def gas(place: Floats) -> Array:
    return (np.sin(6.0 * np.pi * place) < 0.2).astype(np.float64)


def two_laps() -> list[DrivenLap]:
    laps = []
    for number, place in ((1, stopping(60_000, 0.4, 1000.0)), (2, steady(61_000))):
        trace = trace_of(
            place, 61_000, lap={"number": number}, speed_kmh=speed, gas=gas,
            brake=lambda at: 1.0 - gas(at), gear=lambda at: np.floor(speed(at) / 40.0),
        )  # fmt: skip
        laps.append(DrivenLap(Path("a.mcap"), trace.lap, trace, {}))
    return laps


def along() -> list[Figure]:
    laps = two_laps()
    return [one(laps, None) for one in (delta_figure, speed_figure, pedals_figure, gear_figure)]


def course() -> list[Figure]:
    return [map_figure(two_laps(), None, "pedals")]


def stint() -> list[Figure]:
    times = (60_000, 60_150, 60_080, 60_240, 75_000)
    return [stint_figure([lap_of(time, number) for number, time in enumerate(times, start=1)])]


@pytest.mark.parametrize(
    ("name", "figures", "style"),
    [("along", along, "light"), ("course", course, "dark"), ("stint", stint, "print")],
    ids=["along", "course", "stint"],
)
def test_a_picture_looks_as_it_did(
    name: str, figures: Callable[[], list[Figure]], style: StyleName, tmp_path: Path
) -> None:
    drawn, kept = tmp_path / f"{name}.png", FOLDER / f"{name}.png"
    write_picture("demo_gt3 on demo_ring", figures(), drawn, Look(style, Size(8.0, 6.0), dpi=60))
    if not kept.exists():
        kept.write_bytes(drawn.read_bytes())
        pytest.fail(f"{kept} is made anew: look at it")
    ours, theirs = (from_afar(path) for path in (drawn, kept))
    assert ours.shape == theirs.shape
    difference = np.sort(np.abs(ours - theirs).ravel())
    assert difference[-len(difference) // 8 :].mean() < TOLERANCE


def from_afar(path: Path) -> Floats:
    """The brightness of squares of 8 by 8 pixels."""
    with image.open(path) as opened:
        grey = np.asarray(opened.convert("L"), dtype=np.float64)
    rows, columns = (size // 8 for size in grey.shape)
    found: Floats = grey[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8).mean(axis=(1, 3))
    return found
