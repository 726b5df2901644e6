"""The first rows of a CSV file of another program: which columns it has, and what is said in front of them."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from telemetry.base.text_file import TextFormatError, check_not_utf16
from telemetry.formats.compression import read_blocks
from telemetry.formats.csv.header import known_cells
from telemetry.formats.csv.recording import Header
from telemetry.formats.foreign.about import About, read_comments, read_rows
from telemetry.formats.foreign.cells import ForeignParser
from telemetry.formats.foreign.column_map import ColumnMap
from telemetry.formats.foreign.columns import ChosenColumns, choose_columns
from telemetry.formats.foreign.names import is_log
from telemetry.formats.motec.units import is_unit
from telemetry.formats.text_lines import split_lines

_MAX_LINES: Final = 80
"""Lines that are looked at: an export of i2 begins with some twenty."""

_SEPARATORS: Final = (",", ";", "\t")
_DECIMAL_COMMA: Final = re.compile(r"\s*[-+]?\d+,\d+([eE][-+]?\d+)?\s*")
_NUMBER: Final = re.compile(r"\s*[-+]?[\d.,:]+([eE][-+]?\d+)?\s*")


@dataclass(frozen=True, slots=True)
class Head:
    """What a table of another program says before its first sample."""

    header: Header
    chosen: ChosenColumns
    about: About
    is_export: bool
    """Whether it is an export of i2, or of a program that writes the same form."""

    @property
    def is_log(self) -> bool:
        """Whether this is surely the log of a drive."""
        return self.is_export or is_log(self.chosen.fields)


class _Layout(NamedTuple):
    """Where things are among the rows that are not empty; ``first`` is the first of the samples."""

    names: int
    units: int | None
    first: int


def read_head(path: Path, column_map: ColumnMap) -> Head | None:
    """What a file holds; None for a table of our own, and for one of which no column is known.

    Raises :class:`telemetry.SourceError` for a file that cannot be read, or that lacks a column that the map names.
    """
    data = [line.text for line in islice(split_lines(path, (block.text for block in read_blocks(path))), _MAX_LINES)]
    try:
        check_not_utf16(data[0][:4])
    except TextFormatError:
        return None  # our own reader says so
    texts, encoding = _decode(data)
    first = next((text for text in texts if text.strip() and not text.startswith("#")), "")
    separator = max(_SEPARATORS, key=first.count)
    try:
        all_rows = list(csv.reader([line + "\n" for line in texts], delimiter=separator))
    except csv.Error:
        return None
    is_export = _is_export(next((row for row in all_rows if row), []))
    layout = _find_layout(all_rows, is_export=is_export)
    if layout is None:
        return None
    rows = [row for row in all_rows if row]
    names = [cell.strip() for cell in rows[layout.names]]
    units = [""] * len(names) if layout.units is None else [cell.strip() for cell in rows[layout.units]]
    units = (units + [""] * len(names))[: len(names)]
    column_map.check(path, names)
    chosen = choose_columns(names, units, column_map, is_motec=is_export)
    if not chosen.fields or not (is_export or column_map.entries or _is_of_others(chosen, separator)):
        return None
    decimal_comma = any(_DECIMAL_COMMA.fullmatch(cell) for row in rows[layout.first :] for cell in row)
    about = (
        read_rows(rows[: layout.names], decimal_comma=decimal_comma)
        if is_export
        else read_comments([line for line in texts if line.startswith("#")])
    )
    parser = ForeignParser(chosen, decimal_comma=decimal_comma)
    header = Header(
        path=path, cells=names, separator=separator, parser=parser, encoding=encoding, first_rows=layout.first
    )
    return Head(header, chosen, about, is_export)


def _decode(lines: Sequence[bytes]) -> tuple[list[str], str]:
    """The lines as text, and their encoding: UTF-8, or else that of Western Windows."""
    whole = [line.rstrip(b"\r") for line in lines]
    try:
        return [line.decode("utf-8-sig" if not number else "utf-8") for number, line in enumerate(whole)], "utf-8"
    except UnicodeDecodeError:
        return [line.decode("cp1252", "replace") for line in whole], "cp1252"


def _is_export(row: Sequence[str]) -> bool:
    cells = [cell.strip().casefold() for cell in row[:2]]
    return len(cells) > 1 and cells[0] == "format" and cells[1].endswith("csv file")


def _find_layout(all_rows: Sequence[Sequence[str]], *, is_export: bool) -> _Layout | None:
    """Where names, units and samples begin; None where there are no names."""
    names: int | None = None
    units: int | None = None
    at = -1
    is_behind_gap = not is_export
    for row in all_rows:
        if not row:
            is_behind_gap = True
            continue
        at += 1
        if not any(cell.strip() for cell in row):
            is_behind_gap = True
        elif names is None:
            if is_behind_gap and not row[0].startswith("#"):
                names = at
        elif units is None and _is_units_row(row):
            units = at
        else:
            return _Layout(names, units, at)
    return None if names is None else _Layout(names, units, at + 1)


def _is_units_row(row: Sequence[str]) -> bool:
    cells = [cell.strip() for cell in row if cell.strip()]
    return not any(_NUMBER.fullmatch(cell) for cell in cells) and any(map(is_unit, cells))


def _is_of_others(chosen: ChosenColumns, separator: str) -> bool:
    """Whether a table has a column that is known, and is none of our own tables.

    Our own have our names, with a comma or a semicolon between them; a column that somebody added does not make it
    another program's.
    """
    if separator not in ",;":
        return True
    known = known_cells()
    foreign = {column.name for columns in chosen.fields.values() for column in columns if column.name not in known}
    return bool(foreign)
