"""From the cells of a CSV file to columns."""

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from math import prod
from typing import Final, NamedTuple

import numpy as np
import orjson

from telemetry.base.sanitize import read_csv_text
from telemetry.fields.blocks import Array, TextColumn
from telemetry.fields.column_block import AnyColumn
from telemetry.fields.schema import Field
from telemetry.formats.csv.header import raw_cells

_NUMBER: Final = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", re.ASCII)
_NOT_OF_NUMBERS: Final = '"[{tf'
"""Characters that are in every JSON value that is neither a number nor null, but for those that are made of them."""
_LARGEST_EXACT: Final = 2**53 - 1
_LARGEST_INTEGER: Final = 2**31 - 1

Rows = Sequence[Sequence[str]]


class WrongCell(Exception):
    """A cell that holds no value of its field; ``row`` counts from 0 among the rows."""

    def __init__(self, row: int, text: str) -> None:
        super().__init__(text)
        self.row = row


class _FieldCells(NamedTuple):
    """A raw field, and the places in a row of the cells of its elements."""

    field: Field
    places: tuple[int, ...]


class CellParser:
    """Reads raw fields from the rows below a header; numbers have decimal commas where semicolons separate cells.

    ValueError for a header that names a cell twice.
    """

    def __init__(self, header: Sequence[str], *, decimal_comma: bool) -> None:
        self._header = header
        self._decimal_comma = decimal_comma
        known = [(place, raw_cells()[name]) for place, name in enumerate(header) if name in raw_cells()]
        names = [header[place] for place, _ in known]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"it has two columns {twice[0]}")
        places: dict[str, dict[int, int]] = {}
        for place, (field, element) in known:
            places.setdefault(field.name, {})[element] = place
        fields = {field.name: field for _, (field, _) in known}
        self._cells = {
            name: _FieldCells(fields[name], tuple(found[element] for element in sorted(found)))
            for name, found in places.items()
            if len(found) == prod(fields[name].shape)  # a field that has not all its elements is missing
        }

    @property
    def fields(self) -> frozenset[str]:
        """The raw fields that the rows hold."""
        return frozenset(self._cells)

    def parse(self, rows: Rows, names: Collection[str]) -> dict[str, AnyColumn]:
        """These fields, as far as the rows hold them. Raises :class:`WrongCell`."""
        return {name: self._read(rows, self._cells[name]) for name in names if name in self._cells}

    def _read(self, rows: Rows, cells: _FieldCells) -> AnyColumn:
        field, places = cells
        if field.dtype == "text":
            (place,) = places
            codes: dict[str, int] = {}
            each = [codes.setdefault(row[place], len(codes)) for row in rows]
            return TextColumn(np.array(each, dtype=np.intp), tuple(map(read_csv_text, codes)))
        numbers = self._read_numbers(rows, places).reshape(len(rows), *field.shape)
        return self._check_integers(rows, cells, numbers) if field.dtype == "integer" else numbers

    def _read_numbers(self, rows: Rows, places: Sequence[int]) -> Array:
        """The numbers in these places, one row after the other; NaN for an empty cell."""
        if len(places) == 1:
            cells = [row[places[0]] for row in rows]
        else:
            cells = list(chain.from_iterable([[row[place] for place in places] for row in rows]))
        if self._decimal_comma:
            cells = [cell.replace(",", ".") for cell in cells]
        numbers = read_plain_numbers(cells)
        if numbers is not None:
            return numbers
        return np.array([self._read_number(rows, places, at, cell) for at, cell in enumerate(cells)], dtype=np.float64)

    def _read_number(self, rows: Rows, places: Sequence[int], at: int, cell: str) -> float:
        if not cell:
            return float("nan")
        if not _NUMBER.fullmatch(cell):
            row, element = divmod(at, len(places))
            name, found = self._header[places[element]], rows[row][places[element]]
            raise WrongCell(row, f"{name} is {shorten_cell(found)}, but it must be a number or empty")
        return float(cell)

    def _check_integers(self, rows: Rows, cells: _FieldCells, numbers: Array) -> Array:
        is_sample = cells.field.group == "sample"
        limit = _LARGEST_EXACT if is_sample else _LARGEST_INTEGER
        is_right = (np.rint(numbers) == numbers) & (numbers >= -limit - 1) & (numbers <= limit)
        if not is_right.all():
            at = int((~is_right).argmax())
            name, found = self._header[cells.places[0]], rows[at][cells.places[0]]
            found = shorten_cell(found) if found else "empty"
            raise WrongCell(at, f"{name} is {found}, but it must be a whole number that fits the field")
        return numbers.astype(np.int64 if is_sample else np.int32)


def read_plain_numbers(cells: Sequence[str]) -> Array | None:
    """The numbers of cells that hold decimals with points, NaN for an empty one; None where one holds anything else."""
    # Nothing reads numbers faster than orjson, and what it refuses is looked at one by one.
    text = ",".join([cell or "null" for cell in cells])
    if any(character in text for character in _NOT_OF_NUMBERS):
        return None
    try:
        values = orjson.loads(f"[{text}]")
    except orjson.JSONDecodeError:
        return None
    return np.array(values, dtype=np.float64) if len(values) == len(cells) else None


def join(parts: Sequence[Mapping[str, AnyColumn]]) -> dict[str, AnyColumn]:
    """The columns of consecutive parts as one."""
    if len(parts) == 1:
        return dict(parts[0])
    columns: dict[str, AnyColumn] = {}
    for name, first in parts[0].items():
        if isinstance(first, TextColumn):
            columns[name] = _join_texts([part[name] for part in parts])
        else:
            columns[name] = np.concatenate([part[name] for part in parts])
    return columns


def _join_texts(parts: Sequence[AnyColumn]) -> TextColumn:
    codes: dict[str, int] = {}
    joined = []
    for part in parts:
        assert isinstance(part, TextColumn)
        numbers = np.array([codes.setdefault(text, len(codes)) for text in part.texts], dtype=np.intp)
        joined.append(numbers[part.codes])
    return TextColumn(np.concatenate(joined), tuple(codes))


def shorten_cell(cell: str) -> str:
    """A cell for a message."""
    return repr(cell if len(cell) <= 60 else f"{cell[:60]}...")
