"""One panel on a pair of matplotlib's axes."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from telemetry.analysis.figures import (
    Axis,
    Band,
    ColourScale,
    Panel,
    Series,
    fit_labels,
    limits_of,
    thin,
    thin_places,
)
from telemetry.analysis.lap_clock import Floats
from telemetry.analysis.pictures.styles import Pen, Style
from telemetry.base.extras import require
from telemetry.base.sanitize import sanitize_terminal
from telemetry.base.text import format_lap_time

FEW: Final = 60
"""Values up to which each of them is marked by a point."""

SMALL: Final = 7.5
"""Points of the font of numbers and labels."""

CHARACTER: Final = 0.62
"""Mean width of a character as a share of the size of its font, rather too wide than too narrow."""

_COLUMNS_PER_INCH: Final = 250
"""Columns that a line is thinned to: more than any screen or printer shows at the size of a picture."""

_ROAD: Final = 5.0
_MAP_LINE: Final = 2.6
"""Points of the road on a map, and of the lap on it."""


class Pencil:
    """Draws panels in a style on axes of a known size."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._colors = require("matplotlib.colors", extra="plot", purpose="A picture")
        self._collections = require("matplotlib.collections", extra="plot", purpose="A picture")
        self._ticker = require("matplotlib.ticker", extra="plot", purpose="A picture")
        self._effects = require("matplotlib.patheffects", extra="plot", purpose="A picture")

    def draw(self, axes: Any, panel: Panel, width: float, height: float) -> None:
        """Draw a panel on axes of this size in inches, without the names of its bands."""
        self._prepare(axes)
        for band in panel.bands:
            axes.axvspan(band.begin, band.end, color=self._style.band, zorder=0, linewidth=0.0)
        if panel.has_zero:
            axes.axhline(0.0, color=self._style.quiet, linewidth=0.7, zorder=1)
        self._limit(axes, panel)
        for series in reversed(panel.series):  # the first one lies on top
            self._interval(axes, series)
            if series.kind == "bars":
                self._bars(axes, series, is_filled=series is panel.series[0])
            elif series.kind == "points":
                self._points(axes, series, panel, width)
            elif series.colours is not None and panel.scale is not None and series.tone == "plain":
                self._envelope(axes, series, panel.scale)
            elif series.colours is not None and panel.scale is not None:
                self._coloured(axes, series, panel, width)
            elif panel.is_equal:
                self._road(axes, series, width)
            else:
                self._line(axes, series, width)
        self._number(axes, panel, width, height)
        if panel.is_equal and panel.x.low is None:
            self._map_furniture(axes, panel)
        elif panel.is_equal:
            axes.set_aspect("equal", adjustable="box")
            axes.axhline(0.0, color=self._style.quiet, linewidth=0.6, zorder=1)
            axes.axvline(0.0, color=self._style.quiet, linewidth=0.6, zorder=1)

    def name_bands(self, axes: Any, bands: Sequence[Band], width: float) -> None:
        """Write the names of bands above the axes: the whole name where it has room, none where even ``T4`` has not."""
        low, high = axes.get_xlim()
        units_per_character = (high - low) / width * SMALL * CHARACTER / 72.0
        for band, text in fit_labels(bands, units_per_character):
            axes.annotate(
                sanitize_terminal(text), (band.middle, 1.0), (0.0, 3.0),
                xycoords=("data", "axes fraction"), textcoords="offset points",
                ha="center", va="bottom", fontsize=SMALL, color=self._style.quiet, annotation_clip=True,
            )  # fmt: skip

    def colour_map(self, scale: ColourScale) -> Any:
        """The colours of a scale."""
        colours = self._style.diverging if scale.is_diverging else self._style.sequential
        return self._colors.LinearSegmentedColormap.from_list("scale", colours)

    def norm(self, scale: ColourScale) -> Any:
        """Where a value lies on a scale."""
        return self._colors.Normalize(scale.low, scale.high if scale.high > scale.low else scale.low + 1.0)

    def pen(self, series: Series) -> Pen:
        """How a series is drawn."""
        return self._style.pens[series.tone]

    def _prepare(self, axes: Any) -> None:
        style = self._style
        axes.set_facecolor(style.page)
        axes.grid(visible=True, axis="y", color=style.grid, linewidth=0.6)
        axes.set_axisbelow(True)
        for side, spine in axes.spines.items():
            spine.set_visible(side in {"left", "bottom"})
            spine.set_color(style.quiet)
            spine.set_linewidth(0.6)
        axes.tick_params(colors=style.quiet, labelsize=SMALL, width=0.6, length=3.0)

    def _limit(self, axes: Any, panel: Panel) -> None:
        for axis, name, limit in ((panel.x, "x", axes.set_xlim), (panel.y, "y", axes.set_ylim)):
            low, high = limits_of(panel, axis, name)
            limit(low, high)

    def _line(self, axes: Any, series: Series, width: float) -> None:
        pen = self.pen(series)
        low, high = axes.get_xlim()
        rows = thin(series.x, series.y, int(width * _COLUMNS_PER_INCH), low, high)
        is_few = len(series.x) <= FEW
        axes.plot(
            series.x[rows], series.y[rows], color=pen.colour, linestyle=pen.dash, linewidth=pen.width,
            drawstyle="steps-post" if series.kind == "step" else "default",
            marker=pen.marker if is_few and series.low is None else "", markersize=3.5, zorder=3,
        )  # fmt: skip
        alone = _alone(series.y[rows])
        if len(alone) and not is_few:  # a line needs two points
            axes.plot(series.x[rows][alone], series.y[rows][alone], color=pen.colour, marker=".", linestyle="")

    def _interval(self, axes: Any, series: Series) -> None:
        if series.low is not None and series.high is not None:
            axes.fill_between(
                series.x, series.low, series.high, color=self.pen(series).colour, alpha=0.18, linewidth=0.0
            )

    def _bars(self, axes: Any, series: Series, *, is_filled: bool) -> None:
        pen = self.pen(series)
        if is_filled:
            axes.bar(series.x, series.y, width=0.86, color=pen.colour, alpha=0.75, zorder=2, linewidth=0.0)
            return
        edges = np.append(series.x - 0.5, series.x[-1] + 0.5)
        axes.stairs(series.y, edges, color=pen.colour, linewidth=pen.width, linestyle=pen.dash, zorder=4)

    def _points(self, axes: Any, series: Series, panel: Panel, width: float) -> None:
        pen = self.pen(series)
        if series.colours is None or panel.scale is None:
            hollow = self._style.page if series.tone == "plain" else pen.colour
            axes.scatter(series.x, series.y, s=22.0, color=hollow, edgecolors=pen.colour, linewidths=1.0, zorder=4)
            return
        (low, high), dots = axes.get_xlim(), width * 150.0
        keys = np.stack([np.floor(series.x / (high - low) * dots), np.floor(series.y / (high - low) * dots)])
        known = np.flatnonzero(np.isfinite(keys).all(axis=0))
        _, first = np.unique(keys[:, known], axis=1, return_index=True)
        rows = known[np.sort(first)]
        axes.scatter(
            series.x[rows], series.y[rows], c=series.colours[rows], cmap=self.colour_map(panel.scale),
            norm=self.norm(panel.scale), s=2.5, linewidths=0.0, alpha=0.55, zorder=2, rasterized=True,
        )  # fmt: skip

    def _coloured(self, axes: Any, series: Series, panel: Panel, width: float) -> None:
        assert series.colours is not None
        assert panel.scale is not None
        low, high = axes.get_xlim()
        rows = thin_places(series.x, series.y, (high - low) / (width * 150.0))
        points = np.stack([series.x[rows], series.y[rows]], axis=1)
        parts = np.stack([points[:-1], points[1:]], axis=1)
        known = np.isfinite(parts).all(axis=(1, 2))
        line = self._collections.LineCollection(
            parts[known], cmap=self.colour_map(panel.scale), norm=self.norm(panel.scale),
            linewidths=_MAP_LINE, capstyle="round", zorder=3,
        )  # fmt: skip
        line.set_array(series.colours[rows][:-1][known])
        axes.add_collection(line)

    def _envelope(self, axes: Any, series: Series, scale: ColourScale) -> None:
        """A line of one colour of the scale, with a margin that sets it off from the points behind it."""
        assert series.colours is not None
        colour = self.colour_map(scale)(self.norm(scale)(float(series.colours[0])))
        (line,) = axes.plot(series.x, series.y, color=colour, linewidth=1.8, zorder=4, solid_capstyle="round")
        line.set_path_effects([self._effects.withStroke(linewidth=3.4, foreground=self._style.page)])

    def _road(self, axes: Any, series: Series, width: float) -> None:
        low, high = axes.get_xlim()
        rows = thin_places(series.x, series.y, (high - low) / (width * 150.0))
        axes.plot(
            series.x[rows], series.y[rows], color=self._style.course, linewidth=_ROAD, solid_capstyle="round",
            solid_joinstyle="round", zorder=2,
        )  # fmt: skip

    def _number(self, axes: Any, panel: Panel, width: float, height: float) -> None:
        ticker = self._ticker
        for axis, target, inches in ((panel.x, axes.xaxis, width / 1.1), (panel.y, axes.yaxis, height / 0.38)):
            if axis.ticks:
                step = max(math.ceil(len(axis.ticks) * _tick_inches(axis) / (width if axis is panel.x else height)), 1)
                target.set_major_locator(ticker.FixedLocator([place for place, _ in axis.ticks[::step]]))
                target.set_major_formatter(ticker.FixedFormatter([text for _, text in axis.ticks[::step]]))
            else:
                target.set_major_locator(ticker.MaxNLocator(max(min(int(inches), 8), 2), steps=[1, 2, 2.5, 5, 10]))
            if axis.is_time:
                target.set_major_formatter(ticker.FuncFormatter(lambda value, _: format_lap_time(round(value * 1e3))))
        axes.set_ylabel(_in_two_lines(panel.y), fontsize=SMALL, color=self._style.text, labelpad=4.0)
        axes.yaxis.set_label_coords((-0.68 if panel.y.is_time else -0.52) / width, 0.5)
        if panel.title:
            axes.set_title(
                sanitize_terminal(panel.title), loc="left", fontsize=SMALL + 0.5, color=self._style.text, pad=4.0
            )

    def _map_furniture(self, axes: Any, panel: Panel) -> None:
        axes.set_aspect("equal", adjustable="box", anchor="C")
        axes.grid(visible=False)
        axes.set_axis_off()
        for mark in panel.marks:
            is_line = mark.text == "line"
            axes.annotate(
                mark.text, (mark.x, mark.y), (mark.away_x * 15.0, mark.away_y * 12.0), textcoords="offset points",
                ha="center", va="center", fontsize=SMALL, color=self._style.text,
                fontweight="bold" if not is_line else "normal", zorder=5,
            )  # fmt: skip
            if is_line:
                axes.annotate(
                    "", (mark.x - mark.away_x, mark.y - mark.away_y), (mark.away_x * 9.0, mark.away_y * 9.0),
                    textcoords="offset points", zorder=4,
                    arrowprops={"arrowstyle": "-", "color": self._style.text, "linewidth": 1.4, "shrinkB": -5.0},
                )  # fmt: skip
        self._ruler(axes)

    def _ruler(self, axes: Any) -> None:
        """A line of a round number of metres in the lower left corner."""
        low, high = axes.get_xlim()
        metres = round_below((high - low) / 5.0)
        share = metres / (high - low)
        axes.plot(
            [0.0, share], [0.02, 0.02], color=self._style.quiet, linewidth=1.5, transform=axes.transAxes, clip_on=False
        )
        axes.text(
            share / 2.0, 0.035, f"{metres:g} m", ha="center", va="bottom", fontsize=SMALL, color=self._style.quiet,
            transform=axes.transAxes,
        )  # fmt: skip


def round_below(value: float) -> float:
    """The greatest of 1, 2 and 5 times a power of ten that is not above a value."""
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in (5.0, 2.0) if step * power <= value), power)


def _alone(values: Floats) -> "np.typing.NDArray[np.intp]":
    """The values that are known and have no known neighbour."""
    is_known = np.concatenate([[False], np.isfinite(values), [False]])
    return np.flatnonzero(is_known[1:-1] & ~is_known[:-2] & ~is_known[2:])


def _in_two_lines(axis: Axis) -> str:
    """The label of a y axis: what it is, and under it the unit and the sign."""
    unit = axis.unit if not axis.is_time else ""
    return "\n".join(text for text in (axis.label, ", ".join(part for part in (unit, axis.sign) if part)) if text)


def _tick_inches(axis: Axis) -> float:
    """Room that each text of an axis needs."""
    return max(len(text) for _, text in axis.ticks) * SMALL * CHARACTER / 72.0 + 0.06
