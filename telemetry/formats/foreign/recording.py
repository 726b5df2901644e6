"""Foreign CSV files as recordings."""

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

from telemetry.base.errors import SourceError
from telemetry.base.text import join_names
from telemetry.base.typing import override
from telemetry.fields.column_block import ColumnBlock
from telemetry.formats.csv.recording import CsvRecording
from telemetry.formats.foreign.about import About
from telemetry.formats.foreign.column_map import NO_MAP, ColumnMap
from telemetry.formats.foreign.columns import ChosenColumns
from telemetry.formats.foreign.head import Head, read_head
from telemetry.formats.foreign.table_clock import TableClock

OTHER_COLUMNS: Final = "other_columns"
"""The metadata that names the columns which are no field of ours."""

_MAX_OTHERS: Final = 200


class ForeignCsvRecording(CsvRecording):
    """A CSV file that another program wrote as a source.

    Where no column tells the time, the sampling rate or the lap clock does; where none tells the laps, the beacons of
    the export do. Raises :class:`telemetry.SourceError` also for a cell that is no value of its field.
    """

    def __init__(
        self, path: Path, head: Head, *, loop: bool = False, begin: float | None = None, end: float | None = None
    ) -> None:
        self._head = head
        super().__init__(path, loop=loop, begin=begin, end=end, header=head.header)

    @property
    @override
    def metadata(self) -> Mapping[str, str]:
        return describe_table(self._head.chosen, self._head.about)

    @cached_property
    def missing_fields(self) -> frozenset[str]:
        """The raw fields that neither a column nor anything else in the file holds."""
        return super().missing_fields - self._clock().filled

    @property
    @override
    def foreign_fields(self) -> frozenset[str]:
        return frozenset(self._head.chosen.fields)

    @override
    def read_columns(self, fields: Collection[str], rows: int) -> Iterator[ColumnBlock]:
        clock = self._clock()
        for block in super().read_columns({*fields, *clock.needed}, rows):
            yield clock.complete(block)

    def _clock(self) -> TableClock:
        return TableClock(self._head.header.parser.fields, self._head.about)


def describe_table(chosen: ChosenColumns, about: About) -> dict[str, str]:
    """The metadata of a foreign table."""
    described = {"comment": about.comment} if about.comment else {}
    if chosen.others:
        described[OTHER_COLUMNS] = join_names(chosen.others, _MAX_OTHERS)
    return described


def open_foreign_csv(
    path: Path, *, loop: bool = False, begin: float | None = None, end: float | None = None
) -> ForeignCsvRecording | None:
    """The recording in a table of another program; None where the file is none. Raises :class:`SourceError`."""
    head = read_head(path, NO_MAP)
    return None if head is None else ForeignCsvRecording(path, head, loop=loop, begin=begin, end=end)


def open_mapped_csv(
    path: Path, *, column_map: ColumnMap, loop: bool = False, begin: float | None = None, end: float | None = None
) -> ForeignCsvRecording:
    """The recording in a table whose columns this map names. Raises :class:`SourceError`."""
    head = read_head(path, column_map)
    if head is None:
        raise SourceError(f"{path} holds no table with a column that {column_map.name} names, or that is known.")
    return ForeignCsvRecording(path, head, loop=loop, begin=begin, end=end)


def is_csv_log(path: Path) -> bool:
    """Whether a file is surely the log of another program, by its first rows."""
    try:
        head = read_head(path, NO_MAP)
    except SourceError:
        return False
    return head is not None and head.is_log
