"""Panels of figures as SVG: their colours and fonts are the page's, so that they follow its theme and print sharply."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil, floor, isfinite, log10
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from telemetry.analysis.figures import Axis, Panel, Series, thin
from telemetry.analysis.lap_clock import Floats
from telemetry.base.sanitize import sanitize_html
from telemetry.base.text import format_lap_time

SHADES: Final = 9
"""Steps of a colour scale: classes ``shade-0`` to ``shade-8`` of the style sheet."""

MAX_POINTS: Final = 2000
"""Points of a cloud, or of a line on a map; of more, so many are drawn at even distances."""

_DENSE: Final = 200
"""Points from which on a cloud has smaller ones."""

_LEFT, _RIGHT, _TOP = 46.0, 10.0, 22.0
_BAND_NAMES, _TICKS, _TITLE = 14.0, 20.0, 16.0
"""Room beside, above and below the axes: for numbers, names of corners and titles."""
_PER_COLUMN: Final = 2.0
"""Units of the drawing for which a line has a lowest and a highest value."""


class Size(NamedTuple):
    """The size of a drawing in units of the page; it is scaled to the room that there is."""

    width: float
    height: float


class _Frame(NamedTuple):
    """Where values lie in the drawing."""

    left: float
    top: float
    width: float
    height: float
    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, values: Floats) -> Floats:
        return self.left + (np.asarray(values) - self.x_low) / (self.x_high - self.x_low) * self.width

    def y(self, values: Floats) -> Floats:
        return self.top + (self.y_high - np.asarray(values)) / (self.y_high - self.y_low) * self.height


def draw_panel(panel: Panel, size: Size, *, has_axes: bool = True) -> str:
    """The panel as an ``svg`` element; without axes it is a map, which says where the world's metres lie on it."""
    frame = _frame(panel, size, has_axes=has_axes)
    name = " over ".join(title for title in (panel.y.title, panel.x.title) if title)
    kind, label = _class(panel, has_axes=has_axes), sanitize_html(panel.title or name)
    parts = [f'<svg viewBox="0 0 {size.width:g} {size.height:g}" role="img" class="{kind}" aria-label="{label}">']
    if has_axes:
        parts += _bands(panel, frame)
        parts += _axes(panel, frame, size)
    if panel.has_zero and frame.y_low < 0.0 < frame.y_high:
        at = float(frame.y(np.zeros(1))[0])
        parts.append(f'<path class="zero" d="M{frame.left:.1f} {at:.1f}h{frame.width:.1f}"/>')
    # Along an axis what comes first is what one looks at, and lies on top; a cloud lies below its envelope.
    for series in panel.series if panel.is_equal else panel.series[::-1]:
        parts += _series(series, panel, frame, has_axes=has_axes)
    parts += _marks(panel, frame)
    if not has_axes:
        scale = frame.width / (frame.x_high - frame.x_low)
        origin = (frame.left - frame.x_low * scale, frame.top + frame.y_high * scale)
        parts.append(
            f'<circle class="dot" r="6" data-scale="{scale:.6g}" data-x="{origin[0]:.6g}" data-y="{origin[1]:.6g}"/>'
        )
    parts.append("</svg>")
    return "".join(parts)


def _frame(panel: Panel, size: Size, *, has_axes: bool) -> _Frame:
    """The frame that all values fit into; where a unit of x is one of y, the axes are widened until it is so."""
    x_low, x_high = _range(panel.x, [one.x for one in panel.series])
    y_low, y_high = _range(panel.y, [one.y for one in panel.series] + _intervals(panel.series))
    if any(one.kind == "bars" for one in panel.series):
        x_low, x_high, y_low = x_low - 0.6, x_high + 0.6, min(y_low, 0.0)
    if has_axes:
        left, top = _LEFT, _TOP + (_BAND_NAMES if any(band.short for band in panel.bands) else 0.0)
        below = _TICKS + (_TITLE if panel.x.title else 0.0)
        width, height = size.width - _LEFT - _RIGHT, size.height - top - below
    else:
        left, top, width, height = 26.0, 26.0, size.width - 52.0, size.height - 52.0
    if panel.is_equal:
        per_unit = min(width / (x_high - x_low), height / (y_high - y_low))
        x_more, y_more = width / per_unit - (x_high - x_low), height / per_unit - (y_high - y_low)
        x_low, x_high = x_low - x_more / 2.0, x_high + x_more / 2.0
        y_low, y_high = y_low - y_more / 2.0, y_high + y_more / 2.0
    else:
        margin = 0.06 * (y_high - y_low)
        y_low = y_low if panel.y.low is not None or y_low == 0.0 else y_low - margin
        y_high = y_high if panel.y.high is not None else y_high + margin
    return _Frame(left, top, width, height, x_low, x_high, y_low, y_high)


def _intervals(series: Sequence[Series]) -> list[Floats]:
    return [edge for one in series for edge in (one.low, one.high) if edge is not None]


def _range(axis: Axis, columns: Sequence[Floats]) -> tuple[float, float]:
    known = np.concatenate([np.asarray(column)[np.isfinite(column)] for column in columns]) if columns else np.zeros(0)
    low = axis.low if axis.low is not None else float(known.min()) if len(known) else 0.0
    high = axis.high if axis.high is not None else float(known.max()) if len(known) else 1.0
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _bands(panel: Panel, frame: _Frame) -> Iterator[str]:
    taken = -1e9
    for at, band in enumerate(panel.bands):
        begin, middle, end = frame.x(np.array([band.begin, band.middle, band.end])).tolist()
        yield (
            f'<rect class="band{" odd" * (at % 2)}" x="{begin:.1f}" y="{frame.top:g}" '
            f'width="{max(end - begin, 0.0):.1f}" height="{frame.height:g}"/>'
        )
        if band.short and middle - taken > 9.0 * len(band.short):
            taken = middle
            yield f'<text class="corner" x="{middle:.1f}" y="{frame.top - 4.0:g}">{sanitize_html(band.short)}</text>'


def _axes(panel: Panel, frame: _Frame, size: Size) -> Iterator[str]:
    yield f'<text class="title" x="2" y="13">{sanitize_html(panel.y.title)}</text>'
    x_title = panel.x.title
    middle = frame.left + frame.width / 2.0 if len(x_title) * 6.0 < frame.width else size.width / 2.0
    yield f'<text class="title x" x="{middle:g}" y="{size.height - 4:g}">{sanitize_html(x_title)}</text>'
    for value, name in panel.y.ticks or _ticks(frame.y_low, frame.y_high, 5 if frame.height > 120.0 else 3):
        text = _time_text(value) if panel.y.is_time else name
        at = float(frame.y(np.array([value]))[0])
        yield f'<path class="grid" d="M{frame.left:g} {at:.1f}h{frame.width:.1f}"/>'
        yield f'<text class="tick y" x="{frame.left - 6:g}" y="{at + 4:.1f}">{sanitize_html(text)}</text>'
    count = max(int(frame.width / (50.0 if panel.is_equal else 80.0)), 2)
    for value, text in _sparse(panel.x.ticks, frame) or _ticks(frame.x_low, frame.x_high, count):
        at = float(frame.x(np.array([value]))[0])
        if panel.is_equal:
            yield f'<path class="grid" d="M{at:.1f} {frame.top:g}v{frame.height:.1f}"/>'
        yield f'<text class="tick x" x="{at:.1f}" y="{frame.top + frame.height + 15:g}">{sanitize_html(text)}</text>'


def _time_text(seconds: float) -> str:
    """A lap time to a tenth."""
    return format_lap_time(round(seconds * 1e3))[:-2]


def _sparse(ticks: Sequence[tuple[float, str]], frame: _Frame) -> Sequence[tuple[float, str]]:
    """As many of these ticks, evenly, as there is room for."""
    if len(ticks) < 2:
        return ticks
    spacing = (ticks[-1][0] - ticks[0][0]) / (len(ticks) - 1) / (frame.x_high - frame.x_low) * frame.width
    needed = 7.0 * max(len(text) for _, text in ticks) + 5.0
    every = max(ceil(needed / spacing), 1)
    zero = next((at for at, (_, text) in enumerate(ticks) if text == "0"), 0)
    return ticks[zero % every :: every]


def _ticks(low: float, high: float, count: int) -> list[tuple[float, str]]:
    """About so many round numbers between two."""
    rough = (high - low) / count
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1.0, 2.0, 5.0, 10.0) if power * factor >= rough * 0.999)
    decimals = max(-floor(log10(step) + 1e-9), 0)
    values = np.arange(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1) * step
    return [
        (value, f"{value:,.{decimals}f}".replace("-0", "0") if value == 0 else _signed(value, decimals))
        for value in values.tolist()
    ]


def _signed(value: float, decimals: int) -> str:
    return f"{value:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def _series(series: Series, panel: Panel, frame: _Frame, *, has_axes: bool) -> Iterator[str]:
    tone = f"tone-{series.tone.replace(' ', '-')}"
    if series.kind == "bars":
        yield from _bars(series, frame, tone)
        return
    if series.kind == "points":
        yield from _points(series, panel, frame, tone)
        return
    if series.low is not None and series.high is not None:
        yield from _interval(series, frame, tone)
    is_rising = has_axes and not panel.is_equal
    rows = (
        thin(series.x, series.y, int(frame.width / _PER_COLUMN), frame.x_low, frame.x_high)
        if is_rising
        else _even(series.x)
    )
    x, y = frame.x(series.x[rows]), frame.y(series.y[rows])
    if series.colours is not None and panel.scale is not None:
        yield from _coloured(x, y, _shades(series.colours[rows], panel))
        return
    yield f'<path class="line {tone}" d="{_path(x, y, is_held=series.kind == "step")}"/>'
    known = np.concatenate([[False], np.isfinite(x) & np.isfinite(y), [False]])
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    if alone.any():
        yield f'<path class="points {tone}" d="{_dots(x[alone], y[alone])}"/>'


def _even(values: Floats) -> NDArray[np.intp]:
    step = max(ceil(len(values) / MAX_POINTS), 1)
    return np.unique(np.append(np.arange(0, len(values), step), max(len(values) - 1, 0)))


def _path(x: Floats, y: Floats, *, is_held: bool = False) -> str:
    """The commands of a line through these points, broken where one is unknown."""
    commands: list[str] = []
    is_drawing = False
    for at_x, at_y in zip(np.round(x, 1).tolist(), np.round(y, 1).tolist(), strict=True):
        if not (isfinite(at_x) and isfinite(at_y)):
            is_drawing = False
        elif is_drawing and is_held:
            commands.append(f"H{at_x:g}V{at_y:g}")
        else:
            commands.append(f"{'L' if is_drawing else 'M'}{at_x:g} {at_y:g}")
            is_drawing = True
    return "".join(commands)


def _shades(values: Floats, panel: Panel) -> Floats:
    """The number of the shade of each value on the scale of the panel; NaN where it is unknown."""
    scale = panel.scale
    low, high = (scale.low, scale.high) if scale is not None else (0.0, 1.0)
    share = (values - low) / (high - low) if high > low else np.where(np.isfinite(values), 0.5, np.nan)
    shades: Floats = np.clip(np.floor(share * SHADES), 0, SHADES - 1)
    return shades


def _class(panel: Panel, *, has_axes: bool) -> str:
    """What the style sheet needs to know of a drawing."""
    scale = "" if panel.scale is None else "diverging" if panel.scale.is_diverging else "rising"
    is_dense = any(one.kind == "points" and len(one.x) > _DENSE for one in panel.series)
    return " ".join(filter(None, (scale, "" if has_axes else "map", "dense" if is_dense else "")))


def _coloured(x: Floats, y: Floats, shades: Floats) -> Iterator[str]:
    """A line in stretches of one shade each, which reach to the first point of the next one."""
    edges = [0, *(np.flatnonzero(shades[1:] != shades[:-1]) + 1).tolist(), len(shades)]
    for begin, end in pairwise(edges):
        if end > begin and isfinite(shades[begin]):
            stretch = slice(begin, min(end + 1, len(x)))
            yield f'<path class="line shade-{int(shades[begin])}" d="{_path(x[stretch], y[stretch])}"/>'


def _points(series: Series, panel: Panel, frame: _Frame, tone: str) -> Iterator[str]:
    rows = _even(series.x)
    x, y = frame.x(series.x[rows]), frame.y(series.y[rows])
    shades = np.zeros(len(rows)) if series.colours is None else _shades(series.colours[rows], panel)
    is_known = np.isfinite(x) & np.isfinite(y) & np.isfinite(shades)
    for shade in np.unique(shades[is_known]).tolist():
        chosen = is_known & (shades == shade)
        kind = tone if series.colours is None else f"shade-{int(shade)}"
        yield f'<path class="points {kind}" d="{_dots(x[chosen], y[chosen])}"/>'
    if series.low is not None and series.high is not None:
        yield from _interval(series, frame, tone)


def _dots(x: Floats, y: Floats) -> str:
    """The commands of round dots."""
    places = zip(np.round(x, 1).tolist(), np.round(y, 1).tolist(), strict=True)
    return "".join(f"M{at_x:g} {at_y:g}h0" for at_x, at_y in places)


def _bars(series: Series, frame: _Frame, tone: str) -> Iterator[str]:
    width = frame.width / (frame.x_high - frame.x_low) * 0.84
    zero = float(frame.y(np.zeros(1))[0])
    for x, y in zip(frame.x(series.x).tolist(), frame.y(series.y).tolist(), strict=True):
        if isfinite(y):
            top, height = min(y, zero), abs(y - zero)
            place = f'x="{x - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"'
            yield f'<rect class="bar {tone}" {place}/>'


def _interval(series: Series, frame: _Frame, tone: str) -> Iterator[str]:
    """The interval around a line as an area, around points as bars."""
    if series.low is None or series.high is None:
        return
    x, low, high = frame.x(series.x), frame.y(series.low), frame.y(series.high)
    known = np.isfinite(x) & np.isfinite(low) & np.isfinite(high)
    if series.kind == "points":
        bars = (f"M{a:.1f} {b:.1f}V{c:.1f}" for a, b, c in zip(x[known], low[known], high[known], strict=True))
        yield f'<path class="whisker {tone}" d="{"".join(bars)}"/>'
        return
    if known.any():
        there, back = _path(x[known], low[known]), _path(x[known][::-1], high[known][::-1])
        yield f'<path class="interval {tone}" d="{there}L{back[1:]}Z"/>'


def _marks(panel: Panel, frame: _Frame) -> Iterator[str]:
    for mark in panel.marks:
        x, y = float(frame.x(np.array([mark.x]))[0]), float(frame.y(np.array([mark.y]))[0])
        x, y = x + 15.0 * mark.away_x, y - 15.0 * mark.away_y + 4.0
        yield f'<text class="mark" x="{x:.1f}" y="{y:.1f}">{sanitize_html(mark.text)}</text>'
