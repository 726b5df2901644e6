"""Writing samples as Parquet."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from telemetry.base.errors import SinkError
from telemetry.base.extras import require
from telemetry.base.storage.output_file import OutputFile
from telemetry.base.text import to_unicode
from telemetry.base.typing import override
from telemetry.base.version import VERSION
from telemetry.fields.columns import Columns
from telemetry.fields.derived import Sample
from telemetry.fields.held import MISSING_FIELDS, parse_missing, unknown_fields
from telemetry.fields.selection import ALL_COLUMNS, Column
from telemetry.formats.parquet.arrow import ArrowColumns, shape_of
from telemetry.recording.interfaces import Sink

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP_SECONDS: Final = 60.0
"""Recording time in one row group, the unit that a reader loads into memory or skips."""

ROW_GROUP_ROWS: Final = 1 << 16
"""Maximum rows of a row group, whatever their times."""

_PENDING_ROWS: Final = 1024
"""Samples kept as Python objects before they are converted to columns, which need a tenth of the memory."""

WRITER_OPTIONS: Final[Mapping[str, Any]] = {
    "compression": "zstd",
    "write_batch_size": 1 << 16,  # values that pyarrow encodes in one go; its own choice of 1,024 costs a fifth more
    "write_page_checksum": True,  # without it a damaged page can be read as other numbers
}
"""How pyarrow writes every file of samples."""

FILE_METADATA_FIELDS: Final = (
    "car_model",
    "track",
    "track_configuration",
    "session_name",
    "player_name",
    "tyre_compound",
)
"""Fields whose value is also in the metadata of the file."""


class ParquetSink(Sink):
    """Writes samples as columns; made by :func:`create`. Raises :class:`telemetry.SinkError`.

    Types, nulls and the metadata of each column are those of :class:`~telemetry.formats.parquet.arrow.ArrowColumns`.
    The metadata of the file hold car, track, layout, session, driver and tyres, as they were at the end of the first
    row group. The file cannot be read before it is closed.
    """

    def __init__(self, path: Path, columns: Sequence[Column], *, overwrite: bool) -> None:
        self.name = str(path)
        self._pa = require("pyarrow", extra="parquet", purpose="Parquet")
        self._arrow = ArrowColumns(self._pa, columns)
        self._encodings = choose_encodings(columns)
        self._metadata: dict[str, str] = {}
        self._drive_metadata: dict[str, str] = {}
        self._pending: list[Sample] = []
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0
        self._group_began: float | None = None
        self._writer: Any = None
        self._failed = False
        self._size = 0
        self._file = OutputFile.open(path, "overwrite" if overwrite else "new").buffered()

    @property
    @override
    def size(self) -> int:
        return self._size if self._file.closed else self._file.tell()

    @override
    def add_metadata(self, metadata: Mapping[str, str]) -> None:
        self._metadata.update((key, to_unicode(text)) for key, text in metadata.items())

    @override
    def write(self, sample: Sample) -> None:
        self._pending.append(sample)
        if len(self._pending) >= _PENDING_ROWS:
            self._write_pending()

    @override
    def write_columns(self, columns: Columns) -> None:
        self._write_pending()
        self._write_columns(columns)

    @override
    def flush(self) -> None:
        """Does nothing: a row group is written when it is full, and the file cannot be read before it is closed."""

    @override
    def close(self) -> None:
        if self._file.closed:
            return
        try:
            if self._failed:
                return
            self._write_pending()
            if self._batches or self._writer is None:
                self._write_group()
            self._call_pyarrow(self._writer.close)
            self._size = self._file.tell()
        finally:
            self._file.close()

    def _write_pending(self) -> None:
        samples, self._pending = self._pending, []
        if samples:
            self._write_columns(Columns.of(samples))

    def _write_columns(self, columns: Columns) -> None:
        batch = self._call_pyarrow(self._arrow.convert, columns)
        elapsed = columns["elapsed"]
        begin = 0
        while begin < len(elapsed):
            if self._group_began is None:
                self._group_began = float(elapsed[begin])
            # Time may also go back, so the distance in time counts.
            fills_group = np.abs(elapsed[begin:] - self._group_began) >= ROW_GROUP_SECONDS
            fills_group[ROW_GROUP_ROWS - self._rows - 1 :] = True
            is_full = bool(fills_group.any())
            count = int(fills_group.argmax()) + 1 if is_full else len(fills_group)
            self._batches.append(batch.slice(begin, count))
            self._rows += count
            begin += count
            if self._writer is None:
                self._drive_metadata = self._describe_drive(columns, begin - 1)
            if is_full:
                self._write_group()

    def _write_group(self) -> None:
        if self._writer is None:
            self._writer = self._call_pyarrow(self._open)
        if self._rows:
            table = self._pa.Table.from_batches(self._batches)
            self._call_pyarrow(self._writer.write_table, table, row_group_size=self._rows)
        self._batches, self._rows, self._group_began = [], 0, None

    def _open(self) -> Any:
        parquet = require("pyarrow.parquet", extra="parquet", purpose="Parquet")

        about = {"created_by": f"ac-telemetry {VERSION}", "game": "Assetto Corsa", **self._drive_metadata}
        schema = self._arrow.schema.with_metadata({**self._metadata, **about})
        return parquet.ParquetWriter(
            self._file,
            schema,
            **WRITER_OPTIONS,
            **self._encodings,
        )

    def _describe_drive(self, columns: Columns, row: int) -> dict[str, str]:
        """What was driven and by whom at this sample, as far as the samples hold it."""
        unknown = unknown_fields(parse_missing(self._metadata.get(MISSING_FIELDS, "")))
        texts = {name: columns.texts(name) for name in FILE_METADATA_FIELDS if name not in unknown}
        return {name: column.texts[column.codes[row]] for name, column in texts.items()}

    def _call_pyarrow(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a function of pyarrow; its errors are raised as :class:`SinkError`."""
        try:
            return function(*arguments, **options)
        except OSError as error:
            self._failed = True
            raise SinkError(f"Writing to {self.name} ended: {error.strerror or error}.") from error
        except (self._pa.ArrowException, OverflowError) as error:
            self._failed = True
            raise SinkError(f"Writing to {self.name} ended: {error}") from error


def create(path: Path, columns: Sequence[Column] = ALL_COLUMNS, *, overwrite: bool = False) -> ParquetSink:
    """A sink that writes this file. Raises :class:`telemetry.SinkError`, and UsageError if pyarrow is missing."""
    return ParquetSink(path, columns, overwrite=overwrite)


def choose_encodings(columns: Sequence[Column]) -> dict[str, Any]:
    """Encodings for pyarrow: varying numbers are split into bytes, counts and times are stored as differences."""
    byte_split: list[str] = []
    dictionary: list[str] = []
    delta: dict[str, str] = {}
    for column in columns:
        first = column.fields[0]
        path = column.key + ".list.element" * len(shape_of(column))
        if first.dtype == "number" and first.group != "static":
            byte_split.append(path)
        elif first.dtype == "integer" and first.unit in ("count", "ms") and first.group != "static":
            delta[path] = "DELTA_BINARY_PACKED"
        elif first.dtype != "bool":
            dictionary.append(path)
    # pyarrow would apply an empty list to all columns.
    return {
        "use_byte_stream_split": byte_split or False,
        "use_dictionary": dictionary or False,
        "column_encoding": delta or None,
    }
