"""From the cells of a foreign CSV file to raw fields: numbers, times like ``0:07:845``, dates, words for no value."""

import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Final

import numpy as np
import orjson

from telemetry.fields.blocks import Array, TextColumn
from telemetry.fields.column_block import AnyColumn
from telemetry.formats.csv.columns import Rows, WrongCell, read_plain_numbers, shorten_cell
from telemetry.formats.foreign.columns import ChosenColumns, TableColumn, join_elements, list_length
from telemetry.formats.foreign.names import FIELDS

_NUMBER: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)
_PAGE_CLOCK: Final = re.compile(r"(\d{1,6}):(\d{1,2}):(\d{3})", re.ASCII)
_CLOCK: Final = re.compile(r"(?:(\d{1,6}):)?(\d{1,6}):(\d{1,2}(?:\.\d{1,9})?)", re.ASCII)
_NO_TIME: Final = re.compile(r"-+:-+[:.]-+")
_WORDS: Final = {"": np.nan, "none": np.nan, "null": np.nan, "na": np.nan, "n/a": np.nan, "-": np.nan,
                 "true": 1.0, "false": 0.0}  # fmt: skip


class ForeignParser:
    """Reads raw fields from the rows of a foreign table; it stands where :class:`~csv.columns.CellParser` does."""

    def __init__(self, chosen: ChosenColumns, *, decimal_comma: bool) -> None:
        self._columns = chosen.fields
        self._decimal_comma = decimal_comma

    @property
    def fields(self) -> frozenset[str]:
        """The raw fields that the rows hold."""
        return frozenset(self._columns)

    def parse(self, rows: Rows, names: Collection[str]) -> dict[str, AnyColumn]:
        """These fields, as far as the rows hold them. Raises :class:`WrongCell`."""
        return {name: self._read(rows, name) for name in names if name in self._columns}

    def _read(self, rows: Rows, name: str) -> AnyColumn:
        field, columns = FIELDS[name], self._columns[name]
        if field.dtype == "text":
            codes: dict[str, int] = {}
            each = [codes.setdefault(row[columns[0].place], len(codes)) for row in rows]
            return TextColumn(np.array(each, dtype=np.intp), tuple(codes))
        return join_elements(field, len(rows), ((column, self._numbers(rows, column)) for column in columns))

    def _numbers(self, rows: Rows, column: TableColumn) -> Array:
        cells = [row[column.place] for row in rows]
        length = list_length(column)
        if length is not None:
            return _read_lists(cells, column, length)
        if self._decimal_comma:
            cells = [cell.replace(",", ".") for cell in cells]
        numbers = read_plain_numbers(cells)
        return read_texts(cells, column) if numbers is None else numbers


def read_texts(cells: Sequence[str], column: TableColumn) -> Array:
    """The number of each text, float64; raises :class:`WrongCell` for one that is none."""
    read = _read_date if column.channel.field in ("timestamp", "elapsed") else _read_no_date
    seconds = 1e3 if column.channel.unit == "ms" else 1.0
    numbers = np.empty(len(cells))
    for row, cell in enumerate(cells):
        number = _read_one(cell.strip(), seconds, read)
        if number is None:
            raise WrongCell(row, f"{column.name} is {shorten_cell(cell)}, but it must be a number or a time")
        numbers[row] = number
    return numbers


def _read_one(cell: str, seconds: float, read_date: Callable[[str], float | None]) -> float | None:
    if _NUMBER.fullmatch(cell):
        return float(cell)
    if match := _PAGE_CLOCK.fullmatch(cell):
        minutes, whole, milliseconds = map(int, match.groups())
        return (minutes * 60 + whole + milliseconds / 1e3) * seconds
    if match := _CLOCK.fullmatch(cell):
        hours, minutes_text, rest = match.groups()
        return (int(hours or 0) * 3600 + int(minutes_text) * 60 + float(rest)) * seconds
    if _NO_TIME.fullmatch(cell):
        return np.nan
    known = _WORDS.get(cell.casefold())
    return read_date(cell) if known is None else known


def _read_date(cell: str) -> float | None:
    try:
        return datetime.fromisoformat(cell).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _read_no_date(_cell: str) -> float | None:
    return None


def _read_lists(cells: Sequence[str], column: TableColumn, length: int) -> Array:
    """The numbers of lists like ``[1.5, 0.0, 20.25]``, shape (n, length)."""
    numbers = np.empty((len(cells), length))
    for row, cell in enumerate(cells):
        try:
            found = orjson.loads("[" + cell.strip().strip("[]()") + "]")
        except orjson.JSONDecodeError:
            found = ()
        if len(found) != length or any(isinstance(one, bool) or not isinstance(one, int | float) for one in found):
            raise WrongCell(row, f"{column.name} is {shorten_cell(cell)}, but it must be a list of {length} numbers")
        numbers[row] = found
    return numbers
