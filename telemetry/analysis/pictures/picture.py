"""Figures as one image: size, heading, legends, and the file."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from telemetry.analysis.figures import Figure, Panel, Series
from telemetry.analysis.pictures import layout
from telemetry.analysis.pictures.panels import FEW, SMALL, Pencil
from telemetry.analysis.pictures.styles import STYLES, Style, StyleName
from telemetry.base.errors import UsageError
from telemetry.base.extras import require
from telemetry.base.sanitize import sanitize_terminal
from telemetry.base.storage.atomic import atomic_write

SUFFIXES: Final = (".png", ".svg", ".pdf")
"""What a picture can be written as."""

WIDTH: Final = 10.0
"""Inches of a picture whose size is not asked for."""

DPI: Final = 150
"""Pixels of a PNG in an inch."""


class Size(NamedTuple):
    """A picture in inches."""

    width: float
    height: float
    is_paper: bool = False
    """Whether it is a sheet that need not be filled."""


PAPERS: Final = {
    "a4": Size(8.27, 11.69, is_paper=True),
    "a4-landscape": Size(11.69, 8.27, is_paper=True),
    "a3": Size(11.69, 16.54, is_paper=True),
    "letter": Size(8.5, 11.0, is_paper=True),
}

MIN_INCHES: Final = 2.5
MAX_INCHES: Final = 60.0


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture is made."""

    style: StyleName = "light"
    size: Size | None = None
    """None for one as high as its panels need."""
    dpi: int = DPI


def write_picture(title: str, figures: Sequence[Figure], path: Path, look: Look, *, overwrite: bool = False) -> None:
    """Write figures as one PNG, SVG or PDF, by the suffix of the path.

    The same figures give the same bytes each time. Raises :class:`telemetry.UsageError` where the suffix is another
    one, the size is too small or matplotlib is missing, and :class:`telemetry.SinkError` where the file cannot be
    written, or exists.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path}: a picture is written as {', '.join(SUFFIXES)}.")
    require("matplotlib", extra="plot", purpose="A picture")
    with _own_settings(), atomic_write(path, overwrite=overwrite) as unfinished:
        drawn = draw_picture(title, figures, look)
        metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(suffix)
        with unfinished.open("wb") as file:
            drawn.savefig(file, format=suffix[1:], dpi=look.dpi, metadata=metadata)


def draw_picture(title: str, figures: Sequence[Figure], look: Look) -> Any:
    """The ``matplotlib.figure.Figure`` of these figures; its font and settings are those of the time it is saved."""
    backend = require("matplotlib.backends.backend_agg", extra="plot", purpose="A picture")
    matplotlib_figure = require("matplotlib.figure", extra="plot", purpose="A picture")
    style = STYLES[look.style]
    width = look.size.width if look.size is not None else WIDTH
    groups = layout.make_groups(figures, width)
    height = layout.height_of(groups)
    if look.size is not None:
        groups = layout.fit(groups, look.size.height, may_grow=not look.size.is_paper)
        height = look.size.height
    canvas = matplotlib_figure.Figure(figsize=(width, height), facecolor=style.page)
    backend.FigureCanvasAgg(canvas)
    canvas.text(
        layout.LEFT / width, 1.0 - 0.12 / height, sanitize_terminal(title), ha="left", va="top", fontsize=12.0,
        fontweight="bold", color=style.text,
    )  # fmt: skip
    sheet = _Sheet(canvas, width, height, style)
    for group in groups:
        sheet.draw(group)
    return canvas


class _Sheet:
    """A picture that is filled from the top to the bottom."""

    def __init__(self, canvas: Any, width: float, height: float, style: Style) -> None:
        self._canvas, self._width, self._height, self._style = canvas, width, height, style
        self._top = height - layout.TITLE
        self._pencil = Pencil(style)
        self._lines = require("matplotlib.lines", extra="plot", purpose="A picture")
        self._patches = require("matplotlib.patches", extra="plot", purpose="A picture")

    def draw(self, group: layout.Group) -> None:
        """Draw the next group under what is there."""
        self._head(group)
        self._top -= layout.heading_of(group)
        for row in group.rows:
            self._top -= layout.title_of(row)
            self._draw_row(row)
            self._top -= row.height + (layout.TICKS if row.has_axis else layout.GAP)

    def _draw_row(self, row: layout.Row) -> None:
        count = len(row.panels)
        is_map = any(panel.is_equal for panel in row.panels)
        inner = layout.panel_widths(count, self._width) if is_map else self._width / count - layout.LEFT - layout.RIGHT
        for number, panel in enumerate(row.panels):
            share = (self._width - layout.SCALE if is_map else self._width) / count
            left = share * number + layout.LEFT
            box = layout.Box(left, self._top - row.height, inner, row.height)
            axes = self._canvas.add_axes(box.shares(self._width, self._height))
            self._pencil.draw(axes, panel, box.width, box.height)
            if row.has_axis:
                axes.set_xlabel(panel.x.title, fontsize=SMALL, color=self._style.text, labelpad=3.0)
            else:
                axes.tick_params(labelbottom=False, length=0.0)
                axes.spines["bottom"].set_visible(False)
            if row.is_first and panel.bands:
                self._pencil.name_bands(axes, panel.bands, box.width)
            if panel.scale is not None and number == count - 1:
                self._draw_scale(panel, box)

    def _draw_scale(self, panel: Panel, box: layout.Box) -> None:
        scale = panel.scale
        assert scale is not None
        height = min(box.height, 2.2)
        place = layout.Box(box.left + box.width + 0.08, box.bottom + (box.height - height) / 2.0, 0.1, height)
        mappable = require("matplotlib.cm", extra="plot", purpose="A picture").ScalarMappable(
            self._pencil.norm(scale), self._pencil.colour_map(scale)
        )
        bar = self._canvas.colorbar(mappable, cax=self._canvas.add_axes(place.shares(self._width, self._height)))
        bar.outline.set_visible(False)
        bar.ax.tick_params(colors=self._style.quiet, labelsize=SMALL, width=0.6, length=2.0)
        bar.ax.set_title(
            "" if scale.low_text else scale.unit, fontsize=SMALL, color=self._style.text, loc="left", pad=4.0
        )
        if scale.low_text:
            texts = [scale.low_text, *(["0"] if scale.is_diverging else []), scale.high_text]
            places = [scale.low, *([0.0] if scale.is_diverging else []), scale.high]
            bar.set_ticks(places, labels=texts)

    def _head(self, group: layout.Group) -> None:
        top = self._top / self._height
        if group.title:
            self._canvas.text(
                layout.LEFT / self._width, top, group.title, ha="left", va="top", fontsize=9.5, fontweight="bold",
                color=self._style.text,
            )  # fmt: skip
        entries = list(self._entries(group.panels))
        if not entries:
            return
        legend = self._canvas.legend(
            [handle for handle, _ in entries], [name for _, name in entries], loc="upper right",
            bbox_to_anchor=(1.0 - layout.RIGHT / self._width, top + 0.06 / self._height), ncols=len(entries),
            frameon=False, fontsize=SMALL + 0.5, labelcolor=self._style.text, handlelength=2.4, columnspacing=1.6,
            borderpad=0.0, borderaxespad=0.0,
        )  # fmt: skip
        self._canvas.add_artist(legend)

    def _entries(self, panels: Sequence[Panel]) -> Iterator[tuple[Any, str]]:
        """What the legend of a group names: each series once, in order."""
        names: set[str] = set()
        for panel in panels:
            for series in panel.series:
                is_line_of_map = panel.is_equal and series.tone != "plain"
                if series.name and series.name not in names and not is_line_of_map:
                    names.add(series.name)
                    yield self._handle(panel, series), sanitize_terminal(series.name)

    def _handle(self, panel: Panel, series: Series) -> Any:
        pen = self._pencil.pen(series)
        if series.colours is not None and panel.scale is not None:
            colour = self._pencil.colour_map(panel.scale)(self._pencil.norm(panel.scale)(float(series.colours[0])))
            return self._lines.Line2D([], [], color=colour, linewidth=1.8)
        if series.kind == "points":
            hollow = self._style.page if series.tone == "plain" else pen.colour
            return self._lines.Line2D(
                [], [], linestyle="", marker="o", markersize=4.5, markeredgecolor=pen.colour, markerfacecolor=hollow
            )
        if series.kind == "bars" and series is panel.series[0]:
            return self._patches.Patch(color=pen.colour, alpha=0.75, linewidth=0.0)
        has_marker = len(series.x) <= FEW and series.low is None and series.kind != "bars"
        marker = pen.marker if has_marker else ""
        return self._lines.Line2D(
            [], [], color=pen.colour, linestyle=pen.dash, linewidth=pen.width, marker=marker, markersize=3.5
        )


@contextmanager
def _own_settings() -> Iterator[None]:
    """Matplotlib as it comes, whatever the user's matplotlibrc says, with the font that it brings with it."""
    mpl = require("matplotlib", extra="plot", purpose="A picture")
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph ", category=UserWarning)  # a name may hold what no font has
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "font.family": ["DejaVu Sans"],
                "text.parse_math": False,
                "axes.unicode_minus": True,
                "svg.fonttype": "none",
                "svg.hashsalt": "ac-telemetry",
                "pdf.fonttype": 42,
            }
        )
        yield
