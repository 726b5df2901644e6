"""Writing Parquet."""

from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from telemetry.base.errors import SinkError
from telemetry.base.extras import require
from telemetry.base.version import VERSION
from telemetry.fields.derived import Sample
from telemetry.fields.schema import Field
from telemetry.fields.selection import ALL_COLUMNS, Column
from telemetry.recording.interfaces import Sink

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP_SECONDS: Final = 60.0
"""Recording time in one row group: what a reader takes into memory at once, and can skip as a whole."""

ROW_GROUP_ROWS: Final = 1 << 16
"""Rows of a row group at most, however they are timed."""

_CHUNK_ROWS: Final = 1024
"""Samples that are kept as Python objects, which take ten times the room, before they become columns."""

_DESCRIBED: Final = ("car_model", "track", "track_configuration", "session_name", "player_name", "tyre_compound")
"""Fields whose value is also told of the file as a whole."""


class ParquetSink(Sink):
    """Writes samples as columns; made by :func:`create`. Raises :class:`telemetry.SinkError`.

    Numbers are float32 as in the game, derived ones too; times are float64. Numbers that are none or endless are null.
    Arrays are lists of a fixed size. Unit and meaning stand in the metadata of each column; car, track, layout,
    session, driver and tyres (of the end of the first minute) in that of the file. The file can be read once it is
    closed, and not before.
    """

    def __init__(self, path: Path, columns: Sequence[Column], *, overwrite: bool) -> None:
        self.name = str(path)
        self._pa = require("pyarrow", extra="parquet", purpose="Parquet")
        self._makers = [_maker_of(self._pa, column) for column in columns]
        self._picks = [column.pick for column in columns]
        self._fields = [_described(self._pa, column) for column in columns]
        self._encodings = _encodings_of(columns)
        self._pending: list[Sample] = []
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0
        self._group_began: float | None = None
        self._latest: Sample | None = None
        self._writer: Any = None
        self._failed = False
        self._size = 0
        try:
            self._file = path.open("wb" if overwrite else "xb")
        except FileExistsError:
            raise SinkError(
                f"The file {path} exists already and stays untouched. Use --overwrite to replace it."
            ) from None
        except OSError as error:
            raise SinkError(f"The file {path} cannot be written: {error.strerror}.") from error

    @property
    def size(self) -> int:
        """Bytes in the file so far."""
        return self._size if self._file.closed else self._file.tell()

    def write(self, sample: Sample) -> None:
        """Take one sample."""
        if self._group_began is None:
            self._group_began = sample.elapsed
        self._pending.append(sample)
        self._latest = sample
        if len(self._pending) >= _CHUNK_ROWS:
            self._gather()
        rows = self._rows + len(self._pending)
        # A pause is no reason for a new group, and time may go back; so it is its distance that counts.
        if rows >= ROW_GROUP_ROWS or abs(sample.elapsed - self._group_began) >= ROW_GROUP_SECONDS:
            self._write_group()

    def flush(self) -> None:
        """Nothing: a row group is written when it is full, and the file can be read when it is closed."""

    def close(self) -> None:
        """Write what is left and end the file."""
        if self._file.closed:
            return
        try:
            if self._failed:
                return
            if self._pending or self._batches or self._writer is None:
                self._write_group()
            self._translated(self._writer.close)
            self._size = self._file.tell()
        finally:
            self._file.close()

    def _gather(self) -> None:
        """Turn pending samples into columns."""
        rows, self._pending = self._pending, []
        schema = self._pa.schema(self._fields)
        columns = [
            self._translated(make, list(map(pick, rows))) for make, pick in zip(self._makers, self._picks, strict=True)
        ]
        self._batches.append(self._pa.RecordBatch.from_arrays(columns, schema=schema))
        self._rows += len(rows)

    def _write_group(self) -> None:
        if self._pending:
            self._gather()
        if self._writer is None:
            self._writer = self._translated(self._open)
        if self._rows:
            table = self._pa.Table.from_batches(self._batches)
            self._translated(self._writer.write_table, table, row_group_size=self._rows)
        self._batches, self._rows, self._group_began = [], 0, None

    def _open(self) -> Any:
        parquet = require("pyarrow.parquet", extra="parquet", purpose="Parquet")

        schema = self._pa.schema(self._fields, metadata=_file_metadata(self._latest))
        return parquet.ParquetWriter(self._file, schema, compression="zstd", **self._encodings)

    def _translated(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """The result of a call into pyarrow, its errors as ours."""
        try:
            return function(*arguments, **options)
        except OSError as error:
            self._failed = True
            raise SinkError(f"Writing to {self.name} ended: {error.strerror or error}.") from error
        except (self._pa.ArrowException, OverflowError) as error:
            self._failed = True
            raise SinkError(f"Writing to {self.name} ended: {error}") from error


def create(path: Path, columns: Sequence[Column] = ALL_COLUMNS, *, overwrite: bool = False) -> ParquetSink:
    """A sink that writes this file. Raises :class:`telemetry.SinkError`, and UsageError where pyarrow is missing."""
    return ParquetSink(path, columns, overwrite=overwrite)


def _type_of(field: Field) -> str:
    if field.group == "sample":
        return "double" if field.dtype == "number" else "int64"
    return {"integer": "int32", "number": "float", "text": "string", "bool": "bool"}[field.dtype]


def _shape_of(column: Column) -> tuple[int, ...]:
    return column.fields[0].shape if len(column.fields) == 1 else (len(column.fields),)


def _described(pa: Any, column: Column) -> Any:
    """The column as a field of Arrow, with what is known of it."""
    first = column.fields[0]
    arrow_type = pa.type_for_alias(_type_of(first))
    for length in reversed(_shape_of(column)):
        arrow_type = pa.list_(arrow_type, length)
    meaning = "; ".join(field.meaning for field in column.fields)
    metadata = {"unit": first.unit, "meaning": meaning, "group": first.group}
    if first.sdk_name:
        metadata["sdk_name"] = first.sdk_name
    return pa.field(column.key, arrow_type, metadata=metadata)


def _maker_of(pa: Any, column: Column) -> Callable[[Sequence[Any]], Any]:
    """Turns the values of a column into an array of Arrow."""
    import numpy as np  # noqa: PLC0415 - takes longer to import than all the rest, and --help needs none of it

    first, shape = column.fields[0], _shape_of(column)
    arrow_type = pa.type_for_alias(_type_of(first))
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


def _encodings_of(columns: Sequence[Column]) -> dict[str, Any]:
    """How columns are packed: numbers that move are split into their bytes, counts and times told by their steps."""
    split: list[str] = []
    listed: list[str] = []
    steps: dict[str, str] = {}
    for column in columns:
        first = column.fields[0]
        path = column.key + ".list.element" * len(_shape_of(column))
        if first.dtype == "number" and first.group != "static":
            split.append(path)
        elif first.dtype == "integer" and first.unit in ("count", "ms") and first.group != "static":
            steps[path] = "DELTA_BINARY_PACKED"
        elif first.dtype != "bool":
            listed.append(path)
    # pyarrow takes an empty list of either for all columns.
    return {
        "use_byte_stream_split": split or False,
        "use_dictionary": listed or False,
        "column_encoding": steps or None,
    }


def _file_metadata(sample: Sample | None) -> dict[str, str]:
    about = {"created_by": f"ac-telemetry {VERSION}", "game": "Assetto Corsa"}
    if sample is not None:
        values = Sample.getter(*_DESCRIBED)(sample)
        about |= dict(zip(_DESCRIBED, values, strict=True))
    return about
