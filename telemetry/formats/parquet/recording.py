"""Reading Parquet: a table of samples as a recording."""

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Final

from pyarrow import ArrowException
from pyarrow.parquet import ParquetFile

from telemetry.base.errors import SourceError
from telemetry.base.storage.regular_file import open_regular_file
from telemetry.base.typing import override
from telemetry.fields.blocks import TextColumn
from telemetry.fields.column_block import AnyColumn, ColumnBlock
from telemetry.fields.held import MISSING_FIELDS, parse_missing
from telemetry.fields.snapshot import Snapshot
from telemetry.formats.parquet.columns import WrongColumn, find_columns, read_column
from telemetry.formats.parquet.sink import FILE_METADATA_FIELDS
from telemetry.recording.column_recording import COUNTED_FIELDS, ColumnRecording
from telemetry.recording.stand_ins import Timing

_MIN_BATCH_ROWS: Final = 1 << 9
"""Rows that are read at once at least: the work per batch and column costs as much as some hundred rows."""

NO_COLUMN: Final = "{} is not a table of telemetry: no column is named like a field."
"""The sentence about a file of this path."""

_NOT_ITS_OWN: Final = ("created_by", "game", "ARROW:schema", "pandas")
"""Metadata of every file, and of the programs that write them."""


class ParquetFileRecording(ColumnRecording):
    """An open Parquet file as a source, whichever program wrote it."""

    def __init__(
        self, path: Path, file: Any, *, loop: bool = False, begin: float | None = None, end: float | None = None
    ) -> None:
        self._file = file
        self._rows_read = 0
        super().__init__(path, loop=loop, begin=begin, end=end)

    @override
    def close(self) -> None:
        self._file.close()

    @property
    @override
    def read_share(self) -> float:
        rows: int = self._file.metadata.num_rows
        return self._rows_read / max(rows, 1)


class ParquetRecording(ParquetFileRecording):
    """A table of samples as a source. Only the columns that are asked for are read, and only of the part to play.

    Raises :class:`SourceError` as :class:`~telemetry.recording.column_recording.ColumnRecording` does, also for a
    column of another type than its field, and UsageError if pyarrow is missing.
    """

    def __init__(self, path: Path, *, loop: bool = False, begin: float | None = None, end: float | None = None) -> None:
        file = open_table(path)
        try:
            self._columns = find_columns(file.schema_arrow)
        except ValueError as error:
            raise SourceError(f"{path} cannot be read: {error}.") from None
        if not self._columns:
            raise SourceError(NO_COLUMN.format(path))
        super().__init__(path, file, loop=loop, begin=begin, end=end)

    @cached_property
    def metadata(self) -> Mapping[str, str]:
        """What the file says of itself; not what its samples say too."""
        entries = self._file.metadata.metadata or {}
        texts = {key.decode(errors="replace"): text.decode(errors="replace") for key, text in entries.items()}
        hidden = {*_NOT_ITS_OWN, *FILE_METADATA_FIELDS}
        return {key: text for key, text in texts.items() if key not in hidden}

    @cached_property
    def missing_fields(self) -> frozenset[str]:
        """The raw fields that have no column, and those that the file says are missing."""
        lacking = frozenset(Snapshot.NAMES) - self._columns.keys() - COUNTED_FIELDS
        return lacking | parse_missing(self.metadata.get(MISSING_FIELDS, ""))

    @property
    def held_fields(self) -> frozenset[str]:
        """The raw fields that have a column."""
        return frozenset(self._columns)

    @override
    def read_columns(self, fields: Collection[str], rows: int) -> Iterator[ColumnBlock]:
        self._rows_read = 0
        for number in range(self._file.metadata.num_row_groups):
            group = _RowGroup(self, number, fields, max(rows, _MIN_BATCH_ROWS))
            for block in group.blocks():
                yield block
                self._rows_read += len(block)

    def read_batches(self, group: int, fields: Collection[str], rows: int) -> Iterator[Mapping[str, AnyColumn]]:
        """These fields, as far as the file holds them, of a row group in batches of so many rows.

        Raises :class:`SourceError` for a corrupt file, and a value that is none of its field.
        """
        columns = {name: self._columns[name] for name in fields if name in self._columns}
        paths = sorted({column.name for column in columns.values()})
        row = sum(map(self.rows_of, range(group)))
        try:
            for batch in self._file.iter_batches(
                rows, row_groups=[group], columns=paths, use_threads=False
            ):  # CPU time counts
                try:
                    yield {name: read_column(column, batch.column(column.name)) for name, column in columns.items()}
                except WrongColumn as wrong:
                    raise SourceError(f"{self.path}, row {row + wrong.row + 1}: {wrong}.") from None
                row += batch.num_rows
        except (OSError, ArrowException) as error:
            raise SourceError(f"{self.path} is corrupt: {_first_line(error)}") from error

    def rows_of(self, group: int) -> int:
        """The rows of a row group."""
        return int(self._file.metadata.row_group(group).num_rows)


class _RowGroup:
    """A row group as blocks; the columns that were named are read in one pass over it, as far as they are asked for.

    What tells the time is read before, in a pass of its own: by it blocks are left out without reading more of them.
    """

    def __init__(self, recording: ParquetRecording, number: int, fields: Collection[str], rows: int) -> None:
        self._recording = recording
        self._number = number
        self._fields = frozenset(fields)
        self._rows = rows
        self._named = self._open(fields)
        self._all = self._open(recording.held_fields)

    def blocks(self) -> Iterator[ColumnBlock]:
        """The blocks, in which only the time is loaded yet."""
        names = [name for name in (Timing(self._recording.missing_fields).name,) if name is not None]
        times = self._recording.read_batches(self._number, names, self._rows)
        count = self._recording.rows_of(self._number)
        for index, begin in enumerate(range(0, count, self._rows)):
            length = min(self._rows, count - begin)

            def load(names: Collection[str], index: int = index, length: int = length) -> Mapping[str, AnyColumn]:
                columns = self._load(index, names)
                if any(len(column) != length for column in columns.values() if not isinstance(column, TextColumn)):
                    raise SourceError(f"{self._recording.path} is corrupt: its columns are not equally long.")
                return columns

            yield ColumnBlock(length, next(times, {}) if names else {}, load)

    def _load(self, index: int, names: Collection[str]) -> Mapping[str, AnyColumn]:
        """The columns of a block: all that were named in advance, if it is asked for in its turn."""
        if self._recording.held_fields.isdisjoint(names):
            return {}
        if self._fields.issuperset(names):
            if index < self._named.done:
                self._named = self._open(self._fields)
            return self._named.read(index)
        if index < self._all.done:
            self._all = self._open(self._recording.held_fields)
        return self._all.read(index)

    def _open(self, fields: Collection[str]) -> "_Batches":
        return _Batches(self._recording.read_batches(self._number, fields, self._rows))


class _Batches:
    """The batches of a row group, of which ``done`` are behind the place of reading."""

    def __init__(self, batches: Iterator[Mapping[str, AnyColumn]]) -> None:
        self.done = 0
        self._batches = batches

    def read(self, index: int) -> Mapping[str, AnyColumn]:
        """The batch of this number, which is not behind the place of reading."""
        skipped, self.done = index - self.done, index + 1
        return next(islice(self._batches, skipped, None), {})


def open_table(path: Path) -> Any:
    """The open file of pyarrow. Raises :class:`SourceError`."""
    try:
        open_regular_file(path).close()
        return ParquetFile(path, page_checksum_verification=True)
    except (OSError, ArrowException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else None
        if reason is None:
            reason = "it is no Parquet file, or was not written to its end: " + _first_line(error)
        raise SourceError(f"{path} cannot be read: {reason.rstrip('.')}.") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
