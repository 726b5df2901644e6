"""Figures as data: series with units, bands of corners, axes. Pictures, terminal and report draw the same description.

A figure says what is shown and never how: no pixels, no colours, no fonts. Whoever draws it chooses these, and draws a
series of more values than it has columns by the lowest and the highest value of each column (:func:`thin`).
"""

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
