"""Writing CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from telemetry.base.sanitize import sanitize_csv
from telemetry.base.storage.output_file import Mode, OutputFile
from telemetry.base.typing import override
from telemetry.fields.derived import Sample
from telemetry.fields.selection import ALL_COLUMNS, Column
from telemetry.formats.compression import compression_for
from telemetry.formats.text_output import TextOutput, TextSink

if TYPE_CHECKING:
    from telemetry.fields.columns import Columns

WHEELS: Final = ("fl", "fr", "rl", "rr")
AXES: Final = ("x", "y", "z")
ZONES: Final = ("front", "rear", "left", "right", "overall")
"""The zones of the five damage values."""
ENDS: Final = ("front", "rear")

_COMMA: Final = b","
_SEMICOLON: Final = b";"
_TO_DECIMAL_COMMAS: Final = bytes.maketrans(b",.", b";,")
"""From the separators and decimal points of a row of numbers."""

_ELEMENT_NAMES: Final = {2: ENDS, 3: AXES, 4: WHEELS, 5: ZONES}
"""The names of the elements of an array, by its length."""


def header_of(column: Column) -> tuple[str, ...]:
    """The names of a column's cells: its own, or that of each element, like ``tyre_wear_fl``."""
    names = [column.key]
    for length in column.fields[0].shape if len(column.fields) == 1 else (len(column.fields),):
        names = [f"{name}_{element}" for name in names for element in _ELEMENT_NAMES[length]]
    return tuple(names)


class CsvSink(TextSink):
    """Writes samples as rows below a header; made by :func:`create`. Raises :class:`telemetry.SinkError`.

    Numbers are those of the JSON lines: shortest decimals, and an empty cell for a missing or infinite one. Rows end
    with a line feed, booleans are ``true`` and ``false``, and text is UTF-8, quoted where it must be and harmless in a
    spreadsheet (:func:`telemetry.base.sanitize.sanitize_csv`). With
    ``decimal_comma`` numbers are like ``3,5``, and semicolons separate the cells.
    """

    def __init__(
        self, output: TextOutput, columns: Sequence[Column], *, units: bool, decimal_comma: bool = False
    ) -> None:
        super().__init__(output)
        self._separator = _SEMICOLON if decimal_comma else _COMMA
        self._columns = columns
        headers = [header_of(column) for column in columns]
        self._groups = [_ColumnGroup(tuple(group), self._separator) for _, group in groupby(columns, key=_column_kind)]
        # A row of a single empty cell would be read as a blank line.
        self._empty_row = b'""' if sum(map(len, headers)) == 1 else b""
        rows: list[Iterable[str]] = [chain.from_iterable(headers)]
        if units:
            cells = [column.fields[0].unit for column, names in zip(columns, headers, strict=True) for _ in names]
            rows.append(cells)
        output.add(b"".join(_quoted(row, self._separator) + b"\n" for row in rows))

    @override
    def write(self, sample: Sample) -> None:
        row = self._separator.join([group.encode(sample) for group in self._groups])
        self._output.add((row or self._empty_row) + b"\n")

    @override
    def write_columns(self, columns: "Columns") -> None:
        from telemetry.fields.printed import Style, print_rows

        separator = self._separator
        style = Style(
            null=b"",
            text=lambda text: _quoted([sanitize_csv(text)], separator),
            is_nested=False,
            translation=None if separator == _COMMA else _TO_DECIMAL_COMMAS,
        )
        around = [b"", *[separator] * (len(self._columns) - 1), b""]
        for rows in print_rows(columns, self._columns, style, around):
            self._output.add(b"".join([(row or self._empty_row) + b"\n" for row in rows]))


def create(
    path: Path,
    columns: Sequence[Column] = ALL_COLUMNS,
    *,
    mode: Mode = "new",
    units: bool = False,
    decimal_comma: bool = False,
) -> CsvSink:
    """A sink that writes this file, compressed if it ends in ``.gz``; ``units`` adds a second row with the units.

    ``decimal_comma`` writes numbers like ``3,5``, with semicolons between the cells. An existing file is an error
    unless ``mode`` says to overwrite it. Raises :class:`telemetry.SinkError`.
    """
    output = TextOutput(OutputFile.open(path, mode), compression_for(path))
    return CsvSink(output, columns, units=units, decimal_comma=decimal_comma)


class _ColumnGroup:
    """Neighbouring columns of one kind as the cells of a row; those that rarely change are encoded when they do."""

    def __init__(self, columns: Sequence[Column], separator: bytes) -> None:
        self._separator = separator
        self._is_text, self._is_cached = _column_kind(columns[0])
        self._getters = [(column.pick, _array_dimensions(column)) for column in columns]
        self._latest: tuple[list[Any], bytes] = ([], b"")

    def encode(self, sample: Sample) -> bytes:
        values = [pick(sample) for pick, _ in self._getters]
        if not self._is_cached:
            return self._encode(values)
        latest, row = self._latest
        if values != latest:
            row = self._encode(values)
            self._latest = (values, row)
        return row

    def _encode(self, values: list[Any]) -> bytes:
        if self._is_text:
            return _quoted(map(sanitize_csv, values), self._separator)
        cells: list[Any] = []
        for value, (_, dimensions) in zip(values, self._getters, strict=True):
            if dimensions == 0:
                cells.append(value)
            elif dimensions == 1:
                cells += value
            else:
                cells += chain.from_iterable(value)
        # CSV writes numbers and booleans as JSON does, except null; nothing writes them faster than orjson.
        row = orjson.dumps(cells)[1:-1].replace(b"null", b"")
        return row if self._separator == _COMMA else row.translate(_TO_DECIMAL_COMMAS)


def _column_kind(column: Column) -> tuple[bool, bool]:
    """Whether a column holds text, and whether it rarely changes."""
    field = column.fields[0]
    return field.dtype == "text", field.group in ("graphics", "static")


def _array_dimensions(column: Column) -> int:
    """The dimensions of a column's value: 0 for a number, 1 for a list, 2 for a list of lists."""
    return len(column.fields[0].shape) if len(column.fields) == 1 else 1


def _quoted(cells: Iterable[str], separator: bytes) -> bytes:
    """Texts as the cells of a row, quoted where they must be."""
    text = io.StringIO()
    csv.writer(text, lineterminator="", delimiter=separator.decode()).writerow(cells)
    row = text.getvalue().encode()
    return b"" if row == b'""' else row  # the writer quotes a single empty cell, which need not be alone in our row
