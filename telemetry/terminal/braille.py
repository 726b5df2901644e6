"""Curves in braille: eight dots a cell, so that a line of text shows twice as many values as it has cells."""

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

EMPTY: Final = "\N{BRAILLE PATTERN BLANK}"
"""A cell without dots: as wide as one with dots in fonts in which a blank is not."""

_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a cell, from the top row to the bottom one, left and right."""


class Dashes:
    """Which dots of a line are set, counted along all of its pieces: so that lines differ without their colours."""

    def __init__(self, pattern: str) -> None:
        """``pattern`` is repeated along the line: a space leaves a dot out; an empty one leaves none out."""
        self._pattern = pattern or "."
        self._at = -1
        self._latest: tuple[int, int] | None = None

    def sets(self, column: int, row: int) -> bool:
        """Whether the next dot of the line is set, which is here; a dot that is met twice in a row counts once."""
        if (column, row) != self._latest:
            self._latest = (column, row)
            self._at += 1
        return self._pattern[self._at % len(self._pattern)] != " "


class BrailleCanvas:
    """Cells of dots, each in the style of what was drawn on it first."""

    def __init__(self, width: int, height: int) -> None:
        self.columns, self.rows = width * 2, height * 4
        """Dots across and down."""
        self._cells = [[0] * width for _ in range(height)]
        self._styles = [[""] * width for _ in range(height)]

    def dot(self, column: int, row: int, style: str = "") -> None:
        """Set a dot; what lies outside is left out."""
        if not (0 <= column < self.columns and 0 <= row < self.rows):
            return
        if not self._cells[row // 4][column // 2]:
            self._styles[row // 4][column // 2] = style
        self._cells[row // 4][column // 2] |= _DOTS[row % 4][column % 2]

    def line(
        self, begin: tuple[float, float], end: tuple[float, float], style: str = "", dashes: Dashes | None = None
    ) -> None:
        """Set the dots between two places, column and row, both included; with ``dashes``, some of them."""
        steps = max(round(max(abs(end[0] - begin[0]), abs(end[1] - begin[1]))), 1)
        for step in range(steps + 1):
            share = step / steps
            column = round(begin[0] + (end[0] - begin[0]) * share)
            row = round(begin[1] + (end[1] - begin[1]) * share)
            if dashes is None or dashes.sets(column, row):
                self.dot(column, row, style)

    def lines(self) -> list[str]:
        """The cells, line by line."""
        return ["".join(chr(0x2800 + cell) for cell in line) for line in self._cells]

    def styled_lines(self) -> Iterator[list[tuple[str, str]]]:
        """The cells line by line, as runs of one style: the style, and the text."""
        for line, styles in zip(self.lines(), self._styles, strict=True):
            cells = zip(line, styles, strict=True)
            yield [(style, "".join(cell for cell, _ in run)) for style, run in groupby(cells, key=lambda cell: cell[1])]


def braille_curve(values: Sequence[float | None], width: int, height: int, low: float, high: float) -> list[str]:
    """The curve of evenly spaced values as ``height`` lines of ``width`` cells, ``high`` at the top.

    Each column of dots shows all values from the lowest to the highest that fall into it, and joins the column before,
    so that no peak is lost. What is None or no number is left empty.
    """
    canvas = BrailleCanvas(width, height)
    columns, rows = canvas.columns, canvas.rows
    before: int | None = None
    for column, (lowest, highest) in enumerate(_ranges(values, columns)):
        if math.isnan(lowest):
            before = None
            continue
        top, bottom = (_row(value, rows, low, high) for value in (highest, lowest))
        first = min(top, before + 1) if before is not None and before < top else top
        last = max(bottom, before - 1) if before is not None and before > bottom else bottom
        for row in range(first, last + 1):
            canvas.dot(column, row)
        before = (top + bottom) // 2
    return canvas.lines()


def _ranges(values: Sequence[float | None], columns: int) -> list[tuple[float, float]]:
    """The lowest and the highest value of each column; NaN for one without any."""
    found: list[tuple[float, float]] = []
    for column in range(columns):
        begin, end = column * len(values) // columns, (column + 1) * len(values) // columns
        part = values[begin : max(end, begin + 1)]
        known = [value for value in part if value is not None and math.isfinite(value)]
        found.append((min(known), max(known)) if known else (math.nan, math.nan))
    return found


def _row(value: float, rows: int, low: float, high: float) -> int:
    share = (high - value) / (high - low) if high > low else 0.5
    return min(max(round(share * (rows - 1)), 0), rows - 1)
