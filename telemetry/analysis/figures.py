"""Figures as data: series with units, bands of corners, axes. Pictures, terminal and report draw the same description.

A figure says what is shown and never how: no pixels, no colours, no fonts. Whoever draws it chooses these, and draws a
series of more values than it has columns by the lowest and the highest value of each column (:func:`thin`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from telemetry.analysis.corner_measures import windows
from telemetry.analysis.lap_clock import Floats
from telemetry.tracks.definition import Track

Tone = Literal[
    "lap",
    "reference",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "front left",
    "front right",
    "rear left",
    "rear right",
    "plain",
]
"""What a series belongs to, so that it looks alike in every figure: a lap, a wheel, or neither, like a course."""

TONES: Final[tuple[Tone, ...]] = ("lap", "reference", "third", "fourth", "fifth", "sixth")
"""The tones of laps; as many laps can be told apart in one figure."""

WHEEL_TONES: Final[tuple[Tone, ...]] = ("front left", "front right", "rear left", "rear right")

Kind = Literal["line", "step", "points", "bars"]
"""``step`` is held until the next value, like a gear; ``bars`` stand at each x and are one wide."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What is counted along an axis."""

    label: str
    unit: str = ""
    sign: str = ""
    """What a positive value means where one could ask, like ``+ slower``."""
    low: float | None = None
    high: float | None = None
    """Limits; None where the values decide."""
    ticks: tuple[tuple[float, str], ...] = ()
    """Places with a text of their own, like gears; empty for numbers."""
    is_time: bool = False
    """Whether its seconds are written like ``1:15.510``."""

    @property
    def title(self) -> str:
        """The axis for a person, like ``speed in km/h``."""
        title = f"{self.label} in {self.unit}" if self.unit and not self.is_time else self.label
        return f"{title}, {self.sign}" if self.sign else title


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Values to be drawn, in the order of driving."""

    name: str
    """For the legend; empty where it needs none."""
    x: Floats
    """Shape (n,), in the unit of the panel's x axis."""
    y: Floats
    """Shape (n,), in the unit of its y axis; NaN where nothing is known: the line is broken there."""
    tone: Tone = "plain"
    kind: Kind = "line"
    colours: Floats | None = None
    """Shape (n,): what the line is coloured by, on the scale of the panel."""
    low: Floats | None = None
    high: Floats | None = None
    """Shape (n,): an interval around y."""


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of the x axis, like a corner."""

    begin: float
    middle: float
    """Where its label stands: the apex of a corner."""
    end: float
    label: str
    """The whole name, like ``T4 Ascari``."""
    short: str
    """What stands where there is no room for it, like ``T4``."""


class Mark(NamedTuple):
    """A text at a place of a panel, and the direction, of length 1, in which there is room for it."""

    x: float
    y: float
    text: str
    away_x: float
    away_y: float


@dataclass(frozen=True, slots=True)
class ColourScale:
    """What the colour of a line means."""

    label: str
    unit: str
    low: float
    high: float
    is_diverging: bool = False
    """Whether the middle is nothing, and both ends are opposites."""
    low_text: str = ""
    high_text: str = ""
    """Words for both ends, like ``brake`` and ``throttle``; empty where numbers say it."""

    @property
    def title(self) -> str:
        """The scale for a person, like ``speed in km/h``."""
        return f"{self.label} in {self.unit}" if self.unit else self.label


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One pair of axes with what is drawn on it."""

    x: Axis
    y: Axis
    series: tuple[Series, ...]
    title: str = ""
    """Empty where the axes say it all."""
    bands: tuple[Band, ...] = ()
    marks: tuple[Mark, ...] = ()
    scale: ColourScale | None = None
    is_equal: bool = False
    """Whether a unit of x is as long as one of y, as on a map."""
    has_zero: bool = False
    """Whether a line at y = 0 is drawn, like that of no delta."""


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """What is drawn as one picture: panels from the left to the right, and then downwards."""

    name: str
    """As ``plot --what`` names it."""
    title: str
    panels: tuple[Panel, ...]
    columns: int = 1
    """How many panels are side by side; where it is 1 they share their x axis."""
    notes: tuple[str, ...] = ()
    """What could not be drawn and why, as sentences."""


def corner_bands(track: Track | None, length: float) -> tuple[Band, ...]:
    """The corners of a track on an axis that is this long from line to line, like the track in metres."""
    return tuple(
        Band(one.begin * length, one.apex * length, one.end * length, one.corner.label, f"T{one.corner.number}")
        for one in (windows(track) if track is not None else ())
    )


def thin(x: Floats, y: Floats, columns: int, low: float, high: float) -> NDArray[np.intp]:
    """The indices of a rising series that show it whole on so many columns of pixels between two values of x.

    Of each column these are the first and the last value, the lowest and the highest, so that no peak is lost; and of
    each stretch without values one, which breaks the line. What lies outside is left out but for one value on either
    side.
    """
    inside = np.flatnonzero((x >= low) & (x <= high))
    if not len(inside):
        return inside
    first, last = max(int(inside[0]) - 1, 0), min(int(inside[-1]) + 1, len(x) - 1)
    rows = np.arange(first, last + 1)
    if len(rows) <= 4 * columns or not high > low:
        return rows
    column = np.clip(((x[rows] - low) / (high - low) * columns).astype(np.int64), 0, columns - 1)
    is_known = np.isfinite(y[rows])
    run = np.cumsum(np.concatenate([[True], (column[1:] != column[:-1]) | (is_known[1:] != is_known[:-1])]))
    order = np.lexsort((y[rows], run))  # by run, and within one by value
    edges = np.flatnonzero(np.diff(run)) + 1
    begins, ends = np.concatenate([[0], edges]), np.concatenate([edges, [len(rows)]]) - 1
    kept = np.unique(np.concatenate([begins, ends, order[begins], order[ends]]))
    found: NDArray[np.intp] = rows[kept]
    return found


def thin_places(x: Floats, y: Floats, cell: float) -> NDArray[np.intp]:
    """The indices of a path that show it whole on pixels of this size: the first value of each stay in a pixel.

    What is unknown is kept once, so that a line stays broken there.
    """
    if not len(x):
        return np.zeros(0, dtype=np.intp)
    with np.errstate(invalid="ignore"):
        pixels = np.nan_to_num(np.stack([np.floor(x / cell), np.floor(y / cell)]), nan=1e300)
    moves = np.concatenate([[True], (np.diff(pixels.T, axis=0) != 0.0).any(axis=1)])
    moves[-1] = True
    found: NDArray[np.intp] = np.flatnonzero(moves)
    return found


def limits_of(panel: Panel, axis: Axis, name: str) -> tuple[float, float]:
    """The limits of one axis of a panel: as it says, or so that all known values have room."""
    names = (name, "low", "high") if name == "y" else (name,)
    columns = [column for one in panel.series for part in names if (column := getattr(one, part)) is not None]
    if panel.is_equal and axis.low is None:
        columns = [one.x if name == "x" else one.y for one in panel.series]
    known = np.concatenate([column[np.isfinite(column)] for column in columns] or [np.zeros(0)])
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    reach = (high if axis.high is None else axis.high) - (low if axis.low is None else axis.low)
    margin = 0.06 * reach or max(abs(high) * 0.01, 0.01)
    if panel.is_equal and axis.low is None:
        margin = max(margin, 0.14 * reach)
    is_whole = axis.low is not None and axis.high is not None and name == "y" and not axis.ticks and not axis.is_time
    beyond = 0.03 * (axis.high - axis.low) if is_whole and axis.high is not None and axis.low is not None else 0.0
    return (
        low - margin if axis.low is None else axis.low - beyond,
        high + margin if axis.high is None else axis.high + beyond,
    )


def fit_labels(bands: Sequence[Band], units_per_character: float) -> list[tuple[Band, str]]:
    """The bands with the names that fit beside each other: the whole one, the short one, or none."""

    def half(text: str) -> float:
        return (len(text) + 1) * units_per_character / 2.0

    found: list[tuple[Band, str]] = []
    free_from = -math.inf
    ordered = sorted(bands, key=lambda band: band.middle)
    for number, band in enumerate(ordered):
        following = ordered[number + 1] if number + 1 < len(ordered) else None
        limit = math.inf if following is None else following.middle - half(following.short)
        for text in (band.label, band.short):
            is_last = text == band.short
            if band.middle - half(text) >= free_from and (is_last or band.middle + half(text) <= limit):
                found.append((band, text))
                free_from = band.middle + half(text)
                break
    return found
