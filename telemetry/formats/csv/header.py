"""The first rows of a CSV file: the names of its cells, perhaps their units, and what separates them."""

import csv
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from telemetry.base.errors import SourceError
from telemetry.base.text_file import TextFormatError, check_not_utf16
from telemetry.fields.schema import Field
from telemetry.fields.selection import Column, all_keys
from telemetry.formats.csv.sink import header_of

_COMMA: Final = ","
_SEMICOLON: Final = ";"


def find_separator(header: str) -> str:
    """What separates the cells of a file with this first row: a semicolon goes with decimal commas."""
    return _SEMICOLON if _SEMICOLON in header and _COMMA not in header.partition(_SEMICOLON)[0] else _COMMA


def cells_of(path: Path, row: bytes) -> list[str]:
    """The cells of one of the first rows of a file. Raises :class:`SourceError`."""
    try:
        check_not_utf16(row[:4])
        text = row.decode("utf-8-sig")
    except (UnicodeDecodeError, TextFormatError):
        raise SourceError(f"{path} is not a CSV file of telemetry: it is not text in UTF-8.") from None
    try:
        return next(csv.reader([text], delimiter=find_separator(text)), [])
    except csv.Error:
        raise SourceError(f"{path} is not a CSV file of telemetry: its first row cannot be read.") from None


def check_header(path: Path, header: Sequence[str]) -> None:
    """Raise :class:`SourceError` where a first row names no field."""
    if _units_of_cells().keys().isdisjoint(header):
        raise SourceError(f"{path} is not a CSV file of telemetry: its first row names no field.")


def is_units_row(header: Sequence[str], cells: Sequence[str]) -> bool:
    """Whether a row below this header holds the units of its cells."""
    units = _units_of_cells()
    return list(cells) == [units.get(name) for name in header]


@cache
def raw_cells() -> dict[str, tuple[Field, int]]:
    """Every name that a cell of a raw field can have: the field, and which of its elements the cell holds."""
    cells: dict[str, tuple[Field, int]] = {}
    for key, fields in all_keys().items():
        if fields[0].group != "derived":
            for at, name in enumerate(header_of(Column(key, fields))):
                cells[name] = (fields[0], at) if len(fields) == 1 else (fields[at], 0)
    return cells


def known_cells() -> frozenset[str]:
    """The names that cells of our own tables have, derived fields included."""
    return frozenset(_units_of_cells())


@cache
def _units_of_cells() -> dict[str, str]:
    """The unit of every cell that a file can have, by the cell's name in the header."""
    columns = [Column(key, fields) for key, fields in all_keys().items()]
    return {name: column.fields[0].unit for column in columns for name in header_of(column)}
