"""Figures for a terminal: braille on as many columns as it has."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from telemetry.analysis.figures import (
    TONES,
    Axis,
    Figure,
    Panel,
    Series,
    Tone,
    fit_labels,
    limits_of,
    thin,
    thin_places,
)
from telemetry.base.sanitize import sanitize_terminal
from telemetry.base.text import format_lap_time
from telemetry.cli._shared.tables import table_console
from telemetry.terminal.braille import BrailleCanvas, Dashes

_SCALE_CELLS: Final = 9
"""Cells of the numbers beside a panel."""

_MAX_CELLS: Final = 120
_HEIGHTS: Final = {"speed": 8, "map": 20, "gg": 16, "dampers": 6, "tyres": 6}
_USUAL_HEIGHT: Final = 5
_MAP_CELLS: Final = 60

_COLOURS: Final[dict[Tone, str]] = {
    "lap": "bright_blue",
    "reference": "yellow",
    "third": "green",
    "fourth": "magenta",
    "fifth": "cyan",
    "sixth": "red",
    "front left": "bright_blue",
    "front right": "yellow",
    "rear left": "cyan",
    "rear right": "magenta",
    "plain": "bright_black",
}
_DASHES: Final[dict[Tone, tuple[str, str]]] = {
    "lap": ("━━", ""),
    "reference": ("╍╍", "....   "),
    "third": ("┅┅", "..  "),
    "fourth": ("┉┉", ".  "),
    "fifth": ("━╍", "........ . "),
    "sixth": ("╍┉", "....  .  "),
    "front left": ("━━", ""),
    "front right": ("╍╍", "....   "),
    "rear left": ("┅┅", "..  "),
    "rear right": ("┉┉", ".  "),
    "plain": ("━━", ""),
}
"""How the line of a tone looks in a legend, and which of its dots are set: colours alone are not for everybody."""

_SCALE_COLOURS: Final = ("blue", "cyan", "green", "yellow", "bright_yellow")
_DIVERGING_COLOURS: Final = ("bright_blue", "bright_black", "yellow")


def print_figures(title: str, figures: Sequence[Figure]) -> None:
    """Print all panels below each other on standard output."""
    console = table_console()
    width = min(console.width, _MAX_CELLS)
    console.print(Text(sanitize_terminal(title), style="bold"))
    for figure in figures:
        for panel in figure.panels:
            for line in _panel_lines(figure, panel, width):
                console.print(line, no_wrap=True, crop=True, highlight=False)


def _panel_lines(figure: Figure, panel: Panel, width: int) -> Iterator[Text]:
    yield Text("")
    yield _heading(figure, panel)
    height = _HEIGHTS.get(figure.name, _USUAL_HEIGHT)
    cells = width - _SCALE_CELLS
    low, high = limits_of(panel, panel.y, "y")
    if panel.y.low is not None and panel.y.high is not None:
        low, high = panel.y.low, panel.y.high
    left, right = limits_of(panel, panel.x, "x")
    if panel.is_equal:
        cells = min(cells, _MAP_CELLS)
        wanted = (high - low) / (right - left) * cells * 2.0 / 4.0  # a dot is as high as it is wide
        if wanted > height:
            cells = max(int(cells * height / wanted), 4)
        else:
            height = max(math.ceil(wanted), 2)
    canvas = BrailleCanvas(cells, height)
    draw = _Drawing(canvas, panel, (left, right), (low, high))
    for series in panel.series:
        if not (panel.is_equal and series.tone == "plain" and series.colours is None):
            draw.series(series)
    is_map = panel.is_equal and panel.x.low is None
    for number, runs in enumerate(canvas.styled_lines()):
        text = "" if is_map else _scale_text(panel.y, low, high, number, height)
        line = Text(f"{text:>{_SCALE_CELLS - 1}} ", style="bright_black")
        for style, cells_of_run in runs:
            line.append(cells_of_run, style=style or "default")
        yield line
    if not is_map:
        yield from _below(panel, cells, left, right)


def _heading(figure: Figure, panel: Panel) -> Text:
    name = panel.title if panel.is_equal else f"{panel.title}: {panel.y.title}" if panel.title else panel.y.title
    line = Text(sanitize_terminal(name), style="bold")
    shown = [one for one in panel.series if one.name and one.colours is None]
    for series in shown:
        line.append(f"  {_mark_of(series)} {sanitize_terminal(series.name)}", style=_COLOURS[series.tone])
    if panel.scale is not None:
        scale = panel.scale
        colours = _DIVERGING_COLOURS if scale.is_diverging else _SCALE_COLOURS
        low, high = scale.low_text or f"{scale.low:.3g}", scale.high_text or f"{scale.high:.3g}"
        line.append(f"  {low} ")
        for colour in colours:
            line.append("━", style=colour)
        line.append(f" {high}")
        if not panel.is_equal or panel.x.low is not None:
            line.append(f" {scale.unit}")
    return line if line.plain else Text(figure.title, style="bold")


def _mark_of(series: Series) -> str:
    """How a series is drawn, for a legend."""
    if series.kind == "points":
        return "■" if series.tone == TONES[0] else "x"
    if series.kind == "bars":
        return "▆" if series.tone == TONES[0] else "▔"
    return _DASHES[series.tone][0]


def _scale_text(axis: Axis, low: float, high: float, number: int, height: int) -> str:
    """The number beside a line of cells: the highest value at the top and the lowest at the bottom."""
    if axis.ticks:
        span = (high - low) / height
        top = high - number * span
        inside = [text for place, text in axis.ticks if top - span <= place < top]
        return inside[-1] if inside else ""
    if number not in {0, height - 1}:
        return ""
    value = high if number == 0 else low
    return format_lap_time(round(value * 1e3)) if axis.is_time else f"{value:.{_decimals(high - low)}f}"


def _decimals(span: float) -> int:
    return 0 if span >= 20.0 else 1 if span >= 2.0 else 2 if span >= 0.2 else 3


def _below(panel: Panel, cells: int, left: float, right: float) -> Iterator[Text]:
    """The names of bands, or the numbers of the x axis, under a panel."""
    per_cell = (right - left) / cells
    marks = [" "] * cells
    if panel.bands:
        texts = [(band.middle, text) for band, text in fit_labels(panel.bands, per_cell)]
    elif panel.x.ticks:
        texts = list(panel.x.ticks)
    else:
        texts = [(left, f"{left:.3g}"), (right, f"{right:.3g}")]
    free_from = 0
    for place, text in texts:
        begin = min(max(round((place - left) / per_cell - len(text) / 2.0), 0), cells - len(text))
        if begin < free_from:
            continue
        marks[begin : begin + len(text)] = text
        free_from = begin + len(text) + 1
    yield Text(" " * _SCALE_CELLS + "".join(marks), style="bright_black")


class _Drawing:
    """Draws series of a panel on a canvas."""

    def __init__(self, canvas: BrailleCanvas, panel: Panel, x: tuple[float, float], y: tuple[float, float]) -> None:
        self._canvas, self._panel, self._x, self._y = canvas, panel, x, y

    def series(self, series: Series) -> None:
        """Draw one series; the first one that is drawn gives a cell its colour."""
        (left, right), columns = self._x, self._canvas.columns
        if series.kind == "points" or self._panel.is_equal:
            rows = thin_places(series.x, series.y, (right - left) / columns)
        else:
            rows = thin(series.x, series.y, columns, left, right)
        x, y = series.x[rows].tolist(), series.y[rows].tolist()
        colours = None if series.colours is None else series.colours[rows].tolist()
        before: tuple[float, float] | None = None
        dashes = Dashes(_DASHES[series.tone][1])
        for at, value in enumerate(zip(x, y, strict=True)):
            style = _COLOURS[series.tone] if colours is None else self._colour(colours[at])
            if not all(map(math.isfinite, value)):
                before = None
                continue
            place = self._place(*value)
            if series.kind == "bars":
                self._bar(value, style, is_filled=series.tone == TONES[0])
            elif series.kind == "points" and series.name:
                self._mark(place, style, is_filled=series.tone == TONES[0])
            elif series.kind == "points" or before is None:
                self._canvas.dot(round(place[0]), round(place[1]), style)
            elif series.kind == "step":
                self._canvas.line(before, (place[0], before[1]), style, dashes)
                self._canvas.line((place[0], before[1]), place, style, dashes)
            else:
                self._canvas.line(before, place, style, dashes)
            before = place

    def _bar(self, value: tuple[float, float], style: str, *, is_filled: bool) -> None:
        """A bar, or its upper edge alone."""
        (left, top), (right, _) = (self._place(value[0] + offset, value[1]) for offset in (-0.3, 0.3))
        if not is_filled:
            self._canvas.line((left, top), (right, top), style)
            return
        for column in (left, (left + right) / 2.0, right):
            self._canvas.line((column, self._canvas.rows - 1), (column, top), style)

    def _mark(self, place: tuple[float, float], style: str, *, is_filled: bool) -> None:
        """A point that is more than a dot: a square, or a cross."""
        column, row = round(place[0]), round(place[1])
        dots = ((0, 0), (1, 0), (0, 1), (1, 1)) if is_filled else ((-1, -1), (1, -1), (0, 0), (-1, 1), (1, 1))
        for across, down in dots:
            self._canvas.dot(column + across, row + down, style)

    def _place(self, x: float, y: float) -> tuple[float, float]:
        (left, right), (low, high) = self._x, self._y
        return (
            (x - left) / (right - left) * (self._canvas.columns - 1),
            (high - y) / (high - low) * (self._canvas.rows - 1),
        )

    def _colour(self, value: float) -> str:
        scale = self._panel.scale
        if scale is None or not math.isfinite(value):
            return "default"
        colours = _DIVERGING_COLOURS if scale.is_diverging else _SCALE_COLOURS
        share = (value - scale.low) / ((scale.high - scale.low) or 1.0)
        return colours[min(max(int(share * len(colours)), 0), len(colours) - 1)]
