"""CSV: a row per sample and a number per cell, for spreadsheets and everything else."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from telemetry.base.storage.output_file import Mode
from telemetry.fields.selection import Column
from telemetry.formats.format import Format, OpenReader, Recovered, WatchShare, ignore
from telemetry.recording.interfaces import Sink, Source

__all__ = ["FORMAT"]


def _open_sample_sink(path: Path, columns: Sequence[Column], *, mode: Mode, units: bool) -> Sink:
    from telemetry.formats.csv.sink import create

    return create(path, columns, mode=mode, units=units)


def _open_decimal_comma_sink(path: Path, columns: Sequence[Column], *, mode: Mode, units: bool) -> Sink:
    from telemetry.formats.csv.sink import create

    return create(path, columns, mode=mode, units=units, decimal_comma=True)


def _recover(path: Path, watch: WatchShare = ignore) -> Recovered:
    from telemetry.formats.csv.recovery import recover

    return recover(path, watch)


def _open_reader(path: Path, *, loop: bool, begin: float | None, end: float | None) -> Source:
    from telemetry.formats.csv.recording import CsvRecording
    from telemetry.formats.foreign.recording import open_foreign_csv

    foreign = open_foreign_csv(path, loop=loop, begin=begin, end=end)
    return foreign or CsvRecording(path, loop=loop, begin=begin, end=end)


def _name_columns(column_map: Path) -> OpenReader:
    from telemetry.formats.foreign.column_map import ColumnMap
    from telemetry.formats.foreign.recording import open_mapped_csv

    return partial(open_mapped_csv, column_map=ColumnMap.read(column_map))


def _is_log(path: Path) -> bool:
    from telemetry.formats.foreign.recording import is_csv_log

    return is_csv_log(path)


FORMAT: Final = Format(
    name="CSV",
    suffixes=(".csv", ".csv.gz"),
    open_reader=_open_reader,
    open_sample_sink=_open_sample_sink,
    open_decimal_comma_sink=_open_decimal_comma_sink,
    survives_kill=True,
    has_units_row=True,
    is_table=True,
    recover=_recover,
    name_columns=_name_columns,
    is_log=_is_log,
)
