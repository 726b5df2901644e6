"""Foreign Parquet files as recordings: the same columns as those of foreign CSV."""

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import ArrowException

from telemetry.base.errors import SourceError
from telemetry.base.typing import override
from telemetry.fields.blocks import Array, TextColumn
from telemetry.fields.column_block import AnyColumn, ColumnBlock
from telemetry.fields.selection import all_keys
from telemetry.fields.snapshot import Snapshot
from telemetry.formats.csv.columns import WrongCell
from telemetry.formats.foreign.about import About
from telemetry.formats.foreign.cells import read_texts
from telemetry.formats.foreign.column_map import NO_MAP, ColumnMap
from telemetry.formats.foreign.columns import (
    ChosenColumns,
    TableColumn,
    choose_columns,
    join_elements,
    list_length,
)
from telemetry.formats.foreign.names import FIELDS, is_log
from telemetry.formats.foreign.recording import describe_table
from telemetry.formats.foreign.table_clock import TableClock
from telemetry.formats.parquet.recording import NO_COLUMN, ParquetFileRecording, open_table
from telemetry.recording.column_recording import COUNTED_FIELDS

_NO_ABOUT: Final = About()


class ForeignParquetRecording(ParquetFileRecording):
    """A Parquet file that another program wrote as a source, as :class:`ForeignCsvRecording` is one of CSV."""

    def __init__(
        self,
        path: Path,
        column_map: ColumnMap = NO_MAP,
        *,
        loop: bool = False,
        begin: float | None = None,
        end: float | None = None,
    ) -> None:
        file = open_table(path)
        column_map.check(path, file.schema_arrow.names)
        self._chosen = choose_table_columns(file.schema_arrow, column_map)
        if not self._chosen.fields:
            raise SourceError(NO_COLUMN.format(path))
        super().__init__(path, file, loop=loop, begin=begin, end=end)

    @property
    @override
    def metadata(self) -> Mapping[str, str]:
        return describe_table(self._chosen, _NO_ABOUT)

    @cached_property
    def missing_fields(self) -> frozenset[str]:
        """The raw fields that no column holds."""
        held = self.foreign_fields
        return frozenset(Snapshot.NAMES) - held - COUNTED_FIELDS - TableClock(held, _NO_ABOUT).filled

    @property
    @override
    def foreign_fields(self) -> frozenset[str]:
        return frozenset(self._chosen.fields)

    @override
    def read_columns(self, fields: Collection[str], rows: int) -> Iterator[ColumnBlock]:
        clock = TableClock(self.foreign_fields, _NO_ABOUT)
        chosen = self._chosen.fields  # all of them: a block that is left cannot be read again
        names = sorted({column.name for columns in chosen.values() for column in columns})
        self._rows_read = 0
        try:
            for batch in self._file.iter_batches(rows, columns=names, use_threads=False):
                yield clock.complete(ColumnBlock(batch.num_rows, self._read(batch)))
                self._rows_read += batch.num_rows
        except (OSError, ArrowException) as error:
            raise SourceError(f"{self.path} is corrupt: {str(error).partition(chr(10))[0]}") from error

    def _read(self, batch: Any) -> dict[str, AnyColumn]:
        """The fields of a batch. Raises :class:`SourceError`."""
        found: dict[str, AnyColumn] = {}
        for name, columns in self._chosen.fields.items():
            field = FIELDS[name]
            try:
                if field.dtype == "text":
                    found[name] = _texts(batch.column(columns[0].name))
                else:
                    parts = [(column, _numbers(column, batch.column(column.name))) for column in columns]
                    found[name] = join_elements(field, batch.num_rows, parts)
            except WrongCell as wrong:
                raise SourceError(f"{self.path}, row {self._rows_read + wrong.row + 1}: {wrong}.") from None
        return found


def choose_table_columns(schema: Any, column_map: ColumnMap = NO_MAP) -> ChosenColumns:
    """The columns of a file that are fields, without those of other types and those that have the same name."""
    names = [
        name if schema.names.count(name) == 1 and _is_read(schema.field(name).type) else "" for name in schema.names
    ]
    return choose_columns(names, [""] * len(names), column_map)


def is_foreign_table(path: Path) -> bool:
    """Whether a file is a table of another program: it has a column that is known, and that our own do not have.

    Our own have a column for each field, with a list for each array.
    """
    schema = _read_schema(path)
    if schema is None:
        return False
    own = all_keys()
    chosen = choose_table_columns(schema)
    return any(column.name not in own for columns in chosen.fields.values() for column in columns)


def is_parquet_log(path: Path) -> bool:
    """Whether a file is surely the log of another program, by its columns."""
    return is_foreign_table(path) and is_log(choose_table_columns(_read_schema(path)).fields)


def _read_schema(path: Path) -> Any:
    try:
        with open_table(path) as file:
            return file.schema_arrow
    except SourceError:
        return None


def _is_read(kind: Any) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind = kind.value_type
        return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
    return any(
        is_kind(kind)
        for is_kind in (
            pa.types.is_integer,
            pa.types.is_floating,
            pa.types.is_boolean,
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_timestamp,
            pa.types.is_duration,
            pa.types.is_decimal,
        )
    )


def _texts(values: Any) -> TextColumn:
    coded = values.cast(pa.large_string()).fill_null("").dictionary_encode()
    return TextColumn(coded.indices.to_numpy(zero_copy_only=False).astype(np.intp), tuple(coded.dictionary.to_pylist()))


def _numbers(column: TableColumn, values: Any) -> Array:
    """The numbers of a batch, float64, shape (n,), or (n, length) of lists. Raises :class:`WrongCell`."""
    kind = values.type
    length = list_length(column)
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if is_list != (length is not None):
        raise WrongCell(0, f"{column.name} is of the type {kind}")
    if length is not None:
        for row, one in enumerate(values.to_pylist()):
            if one is None or len(one) != length:
                raise WrongCell(row, f"{column.name} must be a list of {length} numbers")
        return _plain(values.flatten()).reshape(len(values), length)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return read_texts([text or "" for text in values.to_pylist()], column)
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        unit = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[kind.unit]
        seconds = 1e3 if column.channel.unit == "ms" else 1.0
        return _plain(values.cast(pa.int64())) / unit * seconds
    return _plain(values.cast(pa.uint8()) if pa.types.is_boolean(kind) else values)


def _plain(values: Any) -> Array:
    numbers: Array = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return numbers
