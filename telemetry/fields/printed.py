"""Columns of samples as text, many rows at a time: the lines of JSON, and the rows of tables.

A number of a page is printed as the float32 that it is. What does not change in a piece of a column is printed once,
and stands in the template of the rows.
"""

from collections.abc import Callable, Iterator, Sequence
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

    def join(values: Sequence[bytes]) -> bytes:
        return b"{" + b",".join(map(bytes.__add__, keys, values)) + b"}\n"

    for rows in print_rows(samples, columns, JSON, join):
        yield b"".join(rows)


def print_rows(
    samples: Columns, columns: Sequence[Column], style: Style, join: Callable[[Sequence[bytes]], bytes]
) -> Iterator[list[bytes]]:
    """Consecutive samples as rows of text, in lists of up to :data:`PIECE_ROWS`; ``join`` makes a row of its values."""
    printers = [_make_printer(samples, column, style) for column in columns]
    for begin in range(0, len(samples), PIECE_ROWS):
        end = min(begin + PIECE_ROWS, len(samples))
        printed = [printer(begin, end) for printer in printers]
        row = join([one.template for one in printed])
        varying = [one.values for one in printed if one.values is not None]
        yield [row % values for values in zip(*varying, strict=True)] if varying else [row % ()] * (end - begin)


class _Printed(NamedTuple):
    """A piece of a column."""

    template: bytes
    """What stands in the template of a row: the text itself where it is the same in all rows."""
    values: list[bytes] | None = None


_Printer = Callable[[int, int], _Printed]
"""Prints the rows from one number up to another."""


def _constant(text: bytes) -> _Printed:
    return _Printed(text.replace(b"%", b"%%"))


def _make_printer(samples: Columns, column: Column, style: Style) -> _Printer:
    first = column.fields[0]
    if first.dtype == "text":
        return _TextPrinter(samples.texts(first.name), style)
    is_double = first.dtype == "number" and first.group != "derived" and not samples.holds_float32
    parts = [samples.decimals(field.name) if is_double else samples[field.name] for field in column.fields]
    values = parts[0] if len(parts) == 1 else np.stack(parts, axis=1)
    return _ValuePrinter(values if style.is_nested or values.ndim < 3 else values.reshape(len(values), -1), style)


class _TextPrinter:
    """Prints a column of texts."""

    def __init__(self, column: TextColumn, style: Style) -> None:
        self._codes = column.codes
        self._texts = [style.text(text) for text in column.texts]

    def __call__(self, begin: int, end: int) -> _Printed:
        codes = self._codes[begin:end]
        if (codes == codes[0]).all():
            return _constant(self._texts[codes[0]])
        return _Printed(b"%b", [self._texts[code] for code in codes.tolist()])


class _ValuePrinter:
    """Prints a column of numbers, integers or booleans."""

    def __init__(self, values: Array, style: Style) -> None:
        self._values = np.ma.getdata(values)
        self._nulls = np.flatnonzero(np.ma.getmaskarray(values))
        self._doubles = _find_other_exponents(self._values)
        self._null = style.null
        self._translation = style.translation
        self._brackets = values.ndim - 1
        self._template = b"%b"
        if style.is_nested:
            self._template = b"[" * self._brackets + b"%b" + b"]" * self._brackets

    def __call__(self, begin: int, end: int) -> _Printed:
        values = np.ascontiguousarray(self._values[begin:end])
        nulls, doubles = _between(self._nulls, begin, end), _between(self._doubles, begin, end)
        data = values.tobytes()
        is_constant = not len(nulls) and data == data[: len(data) // len(values)] * len(values)
        if is_constant:
            values, doubles = values[:1], doubles[:1]
        texts = self._print(values)
        if len(doubles):
            for row, text in zip(doubles.tolist(), self._print(shortest_decimals(values[doubles])), strict=True):
                texts[row] = text
        for row in nulls.tolist():
            texts[row] = self._null
        return _constant(self._template % texts[0]) if is_constant else _Printed(self._template, texts)

    def _print(self, values: Array) -> list[bytes]:
        """The text of each row, without the brackets around it."""
        outer = self._brackets + 1
        text = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)[outer:-outer]
        separator = b"]" * self._brackets + b"," + b"[" * self._brackets
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
    """The rows from one up to another, counted from the first of these."""
    if not len(rows):
        return rows
    between: Array = rows[(rows >= begin) & (rows < end)] - begin
    return between
