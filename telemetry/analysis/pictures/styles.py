"""Colours, dashes and line widths of pictures: on a light page, on a dark one, and on paper.

The colours of laps and wheels are those of Okabe and Ito, which people with any kind of colour vision tell apart. On
paper series differ by brightness and dashes, so that a copier keeps them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from telemetry.analysis.figures import Tone

StyleName = Literal["light", "dark", "print"]


@dataclass(frozen=True, slots=True)
class Pen:
    """How a series is drawn."""

    colour: str
    dash: str | tuple[float, tuple[float, ...]] = "-"
    width: float = 1.2
    marker: str = "o"


@dataclass(frozen=True, slots=True)
class Style:
    """The look of a picture."""

    page: str
    text: str
    quiet: str
    """Of axes and units."""
    grid: str
    band: str
    """Behind a corner."""
    course: str
    """Of the road on a map."""
    pens: Mapping[Tone, Pen]
    sequential: tuple[str, ...]
    """Colours from the lowest to the highest value."""
    diverging: tuple[str, ...]
    """Colours from one opposite over nothing to the other one."""


_DASHED: Final = (0.0, (4.0, 1.5))
_DOTTED: Final = (0.0, (1.2, 1.2))
_DASH_DOT: Final = (0.0, (5.0, 1.5, 1.2, 1.5))

_VIRIDIS: Final = ("#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39")
_VIRIDIS_DARK: Final = ("#5b4bb0", "#4a6fc0", "#3793b5", "#29b39a", "#5ec962", "#b5de2b", "#fde725")

LIGHT: Final = Style(
    page="#ffffff",
    text="#1b1f24",
    quiet="#5b6672",
    grid="#e3e6ea",
    band="#f1f3f5",
    course="#d5d9de",
    pens={
        "lap": Pen("#0072b2", width=1.4),
        "reference": Pen("#d55e00", _DASHED),
        "third": Pen("#009e73"),
        "fourth": Pen("#cc79a7"),
        "fifth": Pen("#56b4e9", _DASH_DOT),
        "sixth": Pen("#e69f00", _DOTTED),
        "front left": Pen("#0072b2", marker="o"),
        "front right": Pen("#d55e00", marker="s"),
        "rear left": Pen("#56b4e9", _DASHED, marker="^"),
        "rear right": Pen("#e69f00", _DASHED, marker="D"),
        "plain": Pen("#8a939d", width=1.0),
    },
    sequential=_VIRIDIS,
    diverging=("#0072b2", "#6fa8cf", "#a9adb2", "#e59a5c", "#d55e00"),
)

DARK: Final = Style(
    page="#12161b",
    text="#e8ebee",
    quiet="#98a3ae",
    grid="#262d35",
    band="#1a2027",
    course="#39424c",
    pens={
        "lap": Pen("#56b4e9", width=1.4),
        "reference": Pen("#ff9d4d", _DASHED),
        "third": Pen("#2fc79a"),
        "fourth": Pen("#e6a3c8"),
        "fifth": Pen("#9ad4f5", _DASH_DOT),
        "sixth": Pen("#f0e442", _DOTTED),
        "front left": Pen("#56b4e9", marker="o"),
        "front right": Pen("#ff9d4d", marker="s"),
        "rear left": Pen("#a8d8f3", _DASHED, marker="^"),
        "rear right": Pen("#f0e442", _DASHED, marker="D"),
        "plain": Pen("#7d8894", width=1.0),
    },
    sequential=_VIRIDIS_DARK,
    diverging=("#4db4f0", "#4a87ad", "#6b747e", "#c77f45", "#ff9d4d"),
)

PRINT: Final = Style(
    page="#ffffff",
    text="#000000",
    quiet="#333333",
    grid="#d9d9d9",
    band="#efefef",
    course="#c8c8c8",
    pens={
        "lap": Pen("#000000", width=1.1),
        "reference": Pen("#7a7a7a", _DASHED, 1.2),
        "third": Pen("#4d4d4d", _DASH_DOT, 1.1),
        "fourth": Pen("#9a9a9a", width=1.4),
        "fifth": Pen("#5e5e5e", _DOTTED, 1.4),
        "sixth": Pen("#b0b0b0", _DASH_DOT, 1.4),
        "front left": Pen("#000000", marker="o"),
        "front right": Pen("#7a7a7a", marker="s"),
        "rear left": Pen("#000000", _DASHED, marker="^"),
        "rear right": Pen("#7a7a7a", _DASHED, marker="D"),
        "plain": Pen("#6e6e6e", width=1.0),
    },
    sequential=("#000000", "#3d3d3d", "#6b6b6b", "#989898", "#c2c2c2"),
    diverging=("#dcdcdc", "#a0a0a0", "#6a6a6a", "#363636", "#000000"),
)

STYLES: Final[Mapping[StyleName, Style]] = {"light": LIGHT, "dark": DARK, "print": PRINT}
