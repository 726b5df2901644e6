"""CSV: one row per sample and one number per cell, for spreadsheets and everything else."""

import csv
import io
import zlib
from collections.abc import Iterable, Sequence
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Final

import orjson

from telemetry.base.errors import SinkError
from telemetry.base.storage.output_file import Mode, OutputFile
from telemetry.fields.derived import Sample
from telemetry.fields.selection import ALL_COLUMNS, Column
from telemetry.recording.interfaces import Sink

SUFFIXES: Final = (".csv", ".csv.gz")

WHEELS: Final = ("fl", "fr", "rl", "rr")
AXES: Final = ("x", "y", "z")
ZONES: Final = ("front", "rear", "left", "right", "overall")
"""What the five figures of damage are about."""
ENDS: Final = ("front", "rear")

_NAMES: Final = {2: ENDS, 3: AXES, 4: WHEELS, 5: ZONES}
"""What the elements of an array are called, by how many there are."""

_BUFFER: Final = 1 << 20
"""Bytes of rows that are handed on at the latest."""

_GZIP_WINDOW: Final = 31


def header_of(column: Column) -> tuple[str, ...]:
    """The names of a column's cells: its own, or that of each element, like ``tyre_wear_fl``."""
    names = [column.key]
    for length in column.fields[0].shape if len(column.fields) == 1 else (len(column.fields),):
        names = [f"{name}_{element}" for name in names for element in _NAMES[length]]
    return tuple(names)


class CsvSink(Sink):
    """Writes samples as rows below a header; made by :func:`create`. Raises :class:`telemetry.SinkError`.

    Numbers are those of the JSON lines: shortest decimals, nothing where there is none or it is endless. Rows end with
    a line feed, booleans are ``true`` and ``false``, and text is UTF-8, quoted where it must be.
    """

    def __init__(self, output: OutputFile, columns: Sequence[Column], *, units: bool, packed: bool) -> None:
        self.name = output.name
        self._output = output
        self._compressor = zlib.compressobj(6, zlib.DEFLATED, _GZIP_WINDOW) if packed else None
        headers = [header_of(column) for column in columns]
        self._runs = [_ColumnGroup(tuple(run)) for _, run in groupby(columns, key=_column_kind)]
        self._single_column = sum(map(len, headers)) == 1
        self._pending = [_quoted(chain.from_iterable(headers)) + b"\n"]
        if units:
            cells = [column.fields[0].unit for column, names in zip(columns, headers, strict=True) for _ in names]
            self._pending.append(_quoted(cells) + b"\n")
        self._pending_bytes = 0

    @property
    def size(self) -> int:
        """Bytes in the file so far."""
        return self._output.size

    def write(self, sample: Sample) -> None:
        """Take one sample."""
        row = b",".join([run.encode(sample) for run in self._runs])
        # A row of nothing at all would be taken for a blank line.
        self._pending.append((b'""' if self._single_column and not row else row) + b"\n")
        self._pending_bytes += len(row)
        if self._pending_bytes >= _BUFFER:
            self._hand_on(zlib.Z_NO_FLUSH)

    def flush(self) -> None:
        """Hand all rows to the operating system."""
        self._hand_on(zlib.Z_SYNC_FLUSH)

    def close(self) -> None:
        """Write what is left and end the file."""
        if self._output.closed:
            return
        try:
            self._hand_on(zlib.Z_FINISH)
        finally:
            self._output.close()

    def _hand_on(self, mode: int) -> None:
        data = b"".join(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        if self._compressor:
            data = self._compressor.compress(data) + (self._compressor.flush(mode) if mode else b"")
        self._output.write(data, after=None if self._compressor else b"\n")


def create(
    path: Path,
    columns: Sequence[Column] = ALL_COLUMNS,
    *,
    mode: Mode = "new",
    units: bool = False,
) -> CsvSink:
    """A sink that writes this file, compressed if it ends in ``.gz``; ``units`` adds a second row with the units.

    An existing file is an error unless ``mode`` says to overwrite it; appending is for JSON lines. Raises
    :class:`telemetry.SinkError`.
    """
    if mode == "append" and path.exists():
        raise SinkError(f"{path} cannot be continued: only JSON lines can. Use --overwrite, or another name.")
    return CsvSink(OutputFile.open(path, mode), columns, units=units, packed=path.suffix == ".gz")


class _ColumnGroup:
    """Neighbouring columns of one sort as the cells of a row; what seldom changes is encoded when it does."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._is_text, self._seldom = _column_kind(columns[0])
        self._picks = [(column.pick, _depth_of(column)) for column in columns]
        self._remembered: tuple[list[Any], bytes] = ([], b"")

    def encode(self, sample: Sample) -> bytes:
        values = [pick(sample) for pick, _ in self._picks]
        if not self._seldom:
            return self._encode(values)
        remembered, text = self._remembered
        if values != remembered:
            text = self._encode(values)
            self._remembered = (values, text)
        return text

    def _encode(self, values: list[Any]) -> bytes:
        if self._is_text:
            return _quoted(values)
        cells: list[Any] = []
        for value, (_, depth) in zip(values, self._picks, strict=True):
            if depth == 0:
                cells.append(value)
            elif depth == 1:
                cells += value
            else:
                cells += chain.from_iterable(value)
        # Numbers and booleans are written in CSV as in JSON, but for null; orjson is the quickest that writes them.
        return orjson.dumps(cells)[1:-1].replace(b"null", b"")


def _column_kind(column: Column) -> tuple[bool, bool]:
    """Whether a column holds text, and whether it seldom changes."""
    field = column.fields[0]
    return field.dtype == "text", field.group in ("graphics", "static")


def _depth_of(column: Column) -> int:
    """How deep the cells of a column lie in its value."""
    return len(column.fields[0].shape) if len(column.fields) == 1 else 1


def _quoted(cells: Iterable[str]) -> bytes:
    """Texts as the cells of a row, quoted where they must be."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    row = text.getvalue().encode()
    return b"" if row == b'""' else row  # alone in its run it looks like a row of nothing
