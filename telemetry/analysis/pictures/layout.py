"""Where the panels of a picture stand: rows of panels from the top to the bottom, in inches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, NamedTuple

import numpy as np

from telemetry.analysis.figures import Figure, Panel

LEFT: Final = 0.82
RIGHT: Final = 0.18
"""Inches beside the axes of a row, for labels and numbers."""

TITLE: Final = 0.42
HEADING: Final = 0.3
"""Inches for the title of the picture, and for the heading of a group with its legend."""

BAND_LABELS: Final = 0.2
"""Inches above the first panel of a group for the names of corners."""

TICKS: Final = 0.5
"""Inches under a row for its numbers and the label of its axis."""

GAP: Final = 0.1
"""Inches between two rows that share their axis."""

SCALE: Final = 0.75
"""Inches right of a map for its scale of colours."""

MAX_MAP_SHARE: Final = 0.5
"""Height of a map as a share of its width, at most."""

_HEIGHTS: Final = {"speed": 2.0, "delta": 1.5, "gear": 1.0, "dampers": 1.9, "tyres": 1.7, "stint": 1.9}
_USUAL_HEIGHT: Final = 1.15


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side."""

    panels: tuple[Panel, ...]
    height: float
    """Of the axes, without what stands around them."""
    has_axis: bool = True
    """Whether its numbers and the label of its x axis are drawn; the rows of a stack have them under the last one."""
    is_first: bool = False
    """Whether the names of bands stand above it."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under one heading."""

    title: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> list[Panel]:
        """All panels, from the left to the right and then downwards."""
        return [panel for row in self.rows for panel in row.panels]


class Box(NamedTuple):
    """A rectangle in inches from the lower left corner of the picture."""

    left: float
    bottom: float
    width: float
    height: float

    def shares(self, width: float, height: float) -> tuple[float, float, float, float]:
        """The rectangle as shares of a picture of this size."""
        return self.left / width, self.bottom / height, self.width / width, self.height / height


def make_groups(figures: Sequence[Figure], width: float) -> list[Group]:
    """The figures as groups: those along the lap as one stack, maps side by side, g-g diagrams too."""
    groups: list[Group] = []
    for kind, same in groupby(figures, key=_kind):
        members = list(same)
        if kind == "stack":
            groups += [Group("", tuple(_stack(run))) for run in _runs(members)]
        elif kind.startswith("equal"):
            panels = [panel for figure in members for panel in figure.panels]
            groups.append(Group("", tuple(_equal_rows(panels, width))))
        else:
            groups += [Group(figure.title, tuple(_tiles(figure))) for figure in members]
    return groups


def _kind(figure: Figure) -> str:
    if any(panel.is_equal for panel in figure.panels):
        return f"equal {figure.name}"  # one scale of colours a row
    return "stack" if figure.columns == 1 else "tiles"


def _runs(figures: Sequence[Figure]) -> Iterator[list[Figure]]:
    """Figures one after the other that share their x axis."""
    for _, run in groupby(figures, key=lambda figure: figure.panels[0].x):
        yield list(run)


def _stack(figures: Sequence[Figure]) -> Iterator[Row]:
    panels = [(figure.name, panel) for figure in figures for panel in figure.panels]
    for number, (name, panel) in enumerate(panels):
        height = _HEIGHTS.get(name, _USUAL_HEIGHT)
        yield Row((panel,), height, has_axis=number == len(panels) - 1, is_first=number == 0)


def _tiles(figure: Figure) -> Iterator[Row]:
    height = _HEIGHTS.get(figure.name, _USUAL_HEIGHT)
    for begin in range(0, len(figure.panels), figure.columns):
        yield Row(figure.panels[begin : begin + figure.columns], height, is_first=begin == 0)


def _equal_rows(panels: Sequence[Panel], width: float) -> Iterator[Row]:
    columns = {1: 1, 2: 2, 4: 2}.get(len(panels), 3)
    for begin in range(0, len(panels), columns):
        row = tuple(panels[begin : begin + columns])
        inner = panel_widths(len(row), width)
        yield Row(row, min(inner * max(_aspect(panel) for panel in row), MAX_MAP_SHARE * width), is_first=begin == 0)


def panel_widths(count: int, width: float) -> float:
    """The width of the axes of one of so many panels in a row of a picture that is this wide."""
    return (width - SCALE) / count - LEFT - (0.0 if count == 1 else RIGHT)


def _aspect(panel: Panel) -> float:
    """Height over width of what a panel of equal units shows."""
    if panel.x.low is not None:
        return 1.0
    x, y = (np.concatenate([getattr(one, name) for one in panel.series]) for name in ("x", "y"))
    across, along = float(np.nanmax(x) - np.nanmin(x)), float(np.nanmax(y) - np.nanmin(y))
    return min(max(along / across if across > 0.0 else 1.0, 0.3), 1.0)


def height_of(groups: Sequence[Group]) -> float:
    """The height of a picture of these groups."""
    return TITLE + sum(_around(group) + sum(row.height for row in group.rows) for group in groups)


def _around(group: Group) -> float:
    """What a group takes besides its axes."""
    between = sum(TICKS if row.has_axis else GAP for row in group.rows)
    return heading_of(group) + sum(title_of(row) for row in group.rows) + between


def heading_of(group: Group) -> float:
    """Inches for the title and the legend of a group, and the names of its bands."""
    named = [one for panel in group.panels for one in panel.series if one.name]
    is_map = all(panel.is_equal and panel.x.low is None for panel in group.panels)
    heading = HEADING if group.title or (named and not is_map) else 0.0
    return heading + (BAND_LABELS if any(panel.bands for panel in group.panels) else 0.05)


def title_of(row: Row) -> float:
    """Inches for the titles above the panels of a row."""
    return 0.2 if any(panel.title for panel in row.panels) else 0.0


def fit(groups: Sequence[Group], height: float, *, may_grow: bool = True) -> list[Group]:
    """The groups with axes as high as fills a picture of this height; lower ones stay so where they may not grow."""
    around = TITLE + sum(_around(group) for group in groups)
    inside = sum(row.height for group in groups for row in group.rows)
    scale = max((height - around) / inside, 0.1)
    if not may_grow:
        scale = min(scale, 1.0)
    return [
        replace(group, rows=tuple(replace(row, height=row.height * scale) for row in group.rows)) for group in groups
    ]
