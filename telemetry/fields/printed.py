"""Columns of samples as text, many rows at a time: the lines of JSON, and the rows of tables.

A number of a page is printed as the float32 that it is. What does not change in a piece of a column is printed once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import Final, NamedTuple

import numpy as np
import orjson

from telemetry.fields.blocks import Array, TextColumn, shortest_decimals
from telemetry.fields.columns import Columns
from telemetry.fields.selection import ALL_COLUMNS, Column

PIECE_ROWS: Final = 1 << 10
"""Rows that are printed at a time: 5 MB of text."""

_EXPONENT_DIFFERS: Final = ((1e-6, 1e-5), (1e13, 1e16))
"""Where orjson prints a float32 with an exponent and the double with the same digits without one, or the reverse."""


class Style(NamedTuple):
    """How values are written."""

    null: bytes
    """What stands for null, NaN and infinities."""
    text: Callable[[str], bytes]
    is_nested: bool
    """Whether an array has brackets; without them, its elements are cells like others."""
    translation: bytes | None = None
    """A table of :meth:`bytes.translate` for numbers and what separates them."""


JSON: Final = Style(null=b"null", text=orjson.dumps, is_nested=True)


def print_lines(samples: Columns, columns: Sequence[Column] = ALL_COLUMNS) -> Iterator[bytes]:
    """The JSON lines of consecutive samples, many at a time: those of :class:`telemetry.fields.wire.LineEncoder`."""
    keys = [orjson.dumps(column.key) + b":" for column in columns]
    for rows in print_rows(samples, columns, JSON, [b"{" + keys[0], *[b"," + key for key in keys[1:]], b"}\n"]):
        yield b"".join(rows)


def print_rows(
    samples: Columns, columns: Sequence[Column], style: Style, around: Sequence[bytes]
) -> Iterator[list[bytes]]:
    """Consecutive samples as rows of text, in lists of up to :data:`PIECE_ROWS`.

    ``around`` is what stands in front of each value, and behind the last one.
    """
    printers = [_make_printer(samples, column, style) for column in columns]
    for begin in range(0, len(samples), PIECE_ROWS):
        end = min(begin + PIECE_ROWS, len(samples))
        parts: list[Iterable[bytes]] = []
        between = b""  # what is the same in all rows since the last value that is not
        for before, printer in zip(around, printers, strict=False):
            printed = printer.print(begin, end)
            if isinstance(printed, bytes):
                between += before + printed
            else:
                parts += [repeat(between + before + b"[" * printer.brackets), printed]
                between = b"]" * printer.brackets
        parts.append(repeat(between + around[-1], end - begin))
        yield list(map(b"".join, zip(*parts, strict=False)))


def _make_printer(samples: Columns, column: Column, style: Style) -> "_TextPrinter | _ValuePrinter":
    first = column.fields[0]
    if first.dtype == "text":
        return _TextPrinter(samples.texts(first.name), style)
    is_double = first.dtype == "number" and first.group != "derived" and not samples.holds_float32
    parts = [samples.decimals(field.name) if is_double else samples[field.name] for field in column.fields]
    values = parts[0] if len(parts) == 1 else np.stack(parts, axis=1)
    return _ValuePrinter(values if style.is_nested or values.ndim < 3 else values.reshape(len(values), -1), style)


class _TextPrinter:
    """Prints a column of texts."""

    brackets = 0

    def __init__(self, column: TextColumn, style: Style) -> None:
        self._codes = column.codes
        self._texts = [style.text(text) for text in column.texts]

    def print(self, begin: int, end: int) -> bytes | list[bytes]:
        """The text of each of these rows, or the one that is the same in all of them."""
        codes = self._codes[begin:end]
        if (codes == codes[0]).all():
            return self._texts[int(codes[0])]
        return [self._texts[code] for code in codes.tolist()]


class _ValuePrinter:
    """Prints a column of numbers, integers or booleans."""

    def __init__(self, values: Array, style: Style) -> None:
        self._values = np.ascontiguousarray(np.ma.getdata(values))
        self._nulls = np.flatnonzero(np.ma.getmaskarray(values))
        self._doubles = _find_other_exponents(self._values)
        self._null = style.null
        self._translation = style.translation
        self._dimensions = values.ndim
        self.brackets = values.ndim - 1 if style.is_nested else 0
        """How many brackets are around the text of each row, and not part of it."""
        self._constant = self._print_constant(0, len(values))

    def print(self, begin: int, end: int) -> bytes | list[bytes]:
        """The text of each of these rows, or the one that is the same in all of them with its brackets."""
        constant = self._print_constant(begin, end) if self._constant is None else self._constant
        if constant is not None:
            return constant
        texts = self._print(self._values[begin:end])
        doubles = _between(self._doubles, begin, end)
        if len(doubles):
            for row, text in zip(doubles.tolist(), self._print(shortest_decimals(self._values[doubles])), strict=True):
                texts[row - begin] = text
        for row in _between(self._nulls, begin, end).tolist():
            texts[row - begin] = self._null
        return texts

    def _print_constant(self, begin: int, end: int) -> bytes | None:
        values = self._values[begin:end]
        first = values[:1].tobytes()
        if first != values[-1:].tobytes() or len(_between(self._nulls, begin, end)):
            return None
        if values.tobytes() != first * len(values):
            return None
        one = values[:1]
        (text,) = self._print(shortest_decimals(one) if len(_between(self._doubles, begin, end)) else one)
        return b"[" * self.brackets + text + b"]" * self.brackets

    def _print(self, values: Array) -> list[bytes]:
        """The text of each row, without the brackets around it."""
        outer, inner = self._dimensions, self._dimensions - 1
        text = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)[outer:-outer]
        separator = b"]" * inner + b"," + b"[" * inner
        if self._null != JSON.null:
            text = text.replace(JSON.null, self._null)
        if self._translation is not None:
            text, separator = text.translate(self._translation), separator.translate(self._translation)
        return text.split(separator)


def _find_other_exponents(numbers: Array) -> Array:
    """The rows with float32 numbers whose text is not that of the double with the same digits."""
    if numbers.dtype != np.float32:
        return np.zeros(0, dtype=np.intp)
    sizes = np.abs(numbers)
    differs = np.zeros(numbers.shape, dtype=np.bool_)
    for least, end in _EXPONENT_DIFFERS:
        differs |= (sizes >= np.float32(least)) & (sizes <= np.float32(end))
    return np.flatnonzero(differs.reshape(len(numbers), -1).any(axis=1))


def _between(rows: Array, begin: int, end: int) -> Array:
    """Those of these rows that are from one up to another."""
    return rows[(rows >= begin) & (rows < end)] if len(rows) else rows
