"""Writing samples as Parquet."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from telemetry.base.errors import SinkError
from telemetry.base.extras import require
from telemetry.base.storage.output_file import OutputFile
from telemetry.base.text import to_unicode
from telemetry.base.typing import override
from telemetry.base.version import VERSION
from telemetry.fields.derived import Sample
from telemetry.fields.held import MISSING_FIELDS, parse_missing, unknown_fields
from telemetry.fields.schema import Field
from telemetry.fields.selection import ALL_COLUMNS, Column
from telemetry.recording.interfaces import Sink

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP_SECONDS: Final = 60.0
"""Recording time in one row group, the unit that a reader loads into memory or skips."""

ROW_GROUP_ROWS: Final = 1 << 16
"""Maximum rows of a row group, whatever their times."""

_CHUNK_ROWS: Final = 1024
"""Samples kept as Python objects before they are converted to columns, which need a tenth of the memory."""

_FILE_METADATA_FIELDS: Final = (
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

    Numbers are float32 as in the game, derived ones too; times are float64. NaN and infinite values become null.
    Arrays are lists of a fixed size. The metadata of each column holds its unit and meaning; that of the file holds
    car, track, layout, session, driver and tyres, as they were at the end of the first row group. The file cannot be
    read before it is closed.
    """

    def __init__(self, path: Path, columns: Sequence[Column], *, overwrite: bool) -> None:
        self.name = str(path)
        self._pa = require("pyarrow", extra="parquet", purpose="Parquet")
        self._makers = [_array_maker(self._pa, column) for column in columns]
        self._picks = [column.pick for column in columns]
        self._fields = [_arrow_field(self._pa, column) for column in columns]
        self._encodings = _choose_encodings(columns)
        self._metadata: dict[str, str] = {}
        self._pending: list[Sample] = []
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0
        self._group_began: float | None = None
        self._latest: Sample | None = None
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
        if self._group_began is None:
            self._group_began = sample.elapsed
        self._pending.append(sample)
        self._latest = sample
        if len(self._pending) >= _CHUNK_ROWS:
            self._convert_pending()
        rows = self._rows + len(self._pending)
        # Time may also go back, so the distance in time counts.
        if rows >= ROW_GROUP_ROWS or abs(sample.elapsed - self._group_began) >= ROW_GROUP_SECONDS:
            self._write_group()

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
            if self._pending or self._batches or self._writer is None:
                self._write_group()
            self._call_pyarrow(self._writer.close)
            self._size = self._file.tell()
        finally:
            self._file.close()

    def _convert_pending(self) -> None:
        """Convert the pending samples to columns."""
        rows, self._pending = self._pending, []
        schema = self._pa.schema(self._fields)
        columns = [
            self._call_pyarrow(make, list(map(pick, rows)))
            for make, pick in zip(self._makers, self._picks, strict=True)
        ]
        self._batches.append(self._pa.RecordBatch.from_arrays(columns, schema=schema))
        self._rows += len(rows)

    def _write_group(self) -> None:
        if self._pending:
            self._convert_pending()
        if self._writer is None:
            self._writer = self._call_pyarrow(self._open)
        if self._rows:
            table = self._pa.Table.from_batches(self._batches)
            self._call_pyarrow(self._writer.write_table, table, row_group_size=self._rows)
        self._batches, self._rows, self._group_began = [], 0, None

    def _open(self) -> Any:
        parquet = require("pyarrow.parquet", extra="parquet", purpose="Parquet")

        schema = self._pa.schema(self._fields, metadata={**self._metadata, **self._drive_metadata()})
        return parquet.ParquetWriter(self._file, schema, compression="zstd", **self._encodings)

    def _drive_metadata(self) -> dict[str, str]:
        """What was driven and by whom, as far as the samples hold it."""
        metadata = {"created_by": f"ac-telemetry {VERSION}", "game": "Assetto Corsa"}
        if self._latest is not None:
            unknown = unknown_fields(parse_missing(self._metadata.get(MISSING_FIELDS, "")))
            metadata |= {name: getattr(self._latest, name) for name in _FILE_METADATA_FIELDS if name not in unknown}
        return metadata

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


def _arrow_type_name(field: Field) -> str:
    if field.group == "sample":
        return "double" if field.dtype == "number" else "int64"
    return {"integer": "int32", "number": "float", "text": "string", "bool": "bool"}[field.dtype]


def _array_shape(column: Column) -> tuple[int, ...]:
    return column.fields[0].shape if len(column.fields) == 1 else (len(column.fields),)


def _arrow_field(pa: Any, column: Column) -> Any:
    """The column as an Arrow field, with unit, meaning and group in its metadata."""
    first = column.fields[0]
    arrow_type = pa.type_for_alias(_arrow_type_name(first))
    for length in reversed(_array_shape(column)):
        arrow_type = pa.list_(arrow_type, length)
    meaning = "; ".join(field.meaning for field in column.fields)
    metadata = {"unit": first.unit, "meaning": meaning, "group": first.group}
    if first.sdk_name:
        metadata["sdk_name"] = first.sdk_name
    return pa.field(column.key, arrow_type, metadata=metadata)


def _array_maker(pa: Any, column: Column) -> Callable[[Sequence[Any]], Any]:
    """A function that converts the values of a column to an Arrow array."""
    import numpy as np

    first, shape = column.fields[0], _array_shape(column)
    arrow_type = pa.type_for_alias(_arrow_type_name(first))
    is_number = first.dtype == "number"

    def make(values: Sequence[Any]) -> Any:
        for _ in shape:
            values = list(chain.from_iterable(values))
        if is_number:
            with np.errstate(over="ignore"):
                numbers = np.array(values, dtype=np.float64).astype(arrow_type.to_pandas_dtype())  # None becomes NaN
            array = pa.array(numbers, mask=~np.isfinite(numbers))
        else:
            array = pa.array(values, arrow_type)
        for length in reversed(shape):
            array = pa.FixedSizeListArray.from_arrays(array, length)
        return array

    return make


def _choose_encodings(columns: Sequence[Column]) -> dict[str, Any]:
    """Encodings for pyarrow: varying numbers are split into bytes, counts and times are stored as differences."""
    byte_split: list[str] = []
    dictionary: list[str] = []
    delta: dict[str, str] = {}
    for column in columns:
        first = column.fields[0]
        path = column.key + ".list.element" * len(_array_shape(column))
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
