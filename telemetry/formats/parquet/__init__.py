"""Parquet: a typed column per field, for data frames and databases; a file can be read only after it is closed."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from telemetry.base.errors import UsageError
from telemetry.base.extras import require
from telemetry.base.storage.output_file import Mode
from telemetry.fields.selection import Column
from telemetry.formats.format import Format, OpenReader
from telemetry.recording.interfaces import Sink, Source

__all__ = ["FORMAT"]


def _open_sample_sink(path: Path, columns: Sequence[Column], *, mode: Mode, units: bool) -> Sink:  # noqa: ARG001 - units are always in the metadata
    from telemetry.formats.parquet.sink import create

    return create(path, columns, overwrite=mode == "overwrite")


def _open_reader(path: Path, *, loop: bool, begin: float | None, end: float | None) -> Source:
    require("pyarrow.parquet", extra="parquet", purpose="Parquet")
    from telemetry.formats.foreign.parquet import ForeignParquetRecording, is_foreign_table
    from telemetry.formats.parquet.recording import ParquetRecording

    if is_foreign_table(path):
        return ForeignParquetRecording(path, loop=loop, begin=begin, end=end)
    return ParquetRecording(path, loop=loop, begin=begin, end=end)


def _name_columns(column_map: Path) -> OpenReader:
    require("pyarrow.parquet", extra="parquet", purpose="Parquet")
    from telemetry.formats.foreign.column_map import ColumnMap
    from telemetry.formats.foreign.parquet import ForeignParquetRecording

    return partial(ForeignParquetRecording, column_map=ColumnMap.read(column_map))


def _is_log(path: Path) -> bool:
    try:
        require("pyarrow.parquet", extra="parquet", purpose="Parquet")
    except UsageError:
        return False
    from telemetry.formats.foreign.parquet import is_parquet_log

    return is_parquet_log(path)


FORMAT: Final = Format(
    name="Parquet",
    suffixes=(".parquet",),
    open_reader=_open_reader,
    open_sample_sink=_open_sample_sink,
    is_table=True,
    name_columns=_name_columns,
    is_log=_is_log,
)
