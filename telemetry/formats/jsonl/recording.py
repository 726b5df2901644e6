"""Reading JSON lines: a recording as a source."""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Final

import orjson

from telemetry.base.errors import SourceError
from telemetry.base.typing import override
from telemetry.fields.column_block import AnyColumn, ColumnBlock
from telemetry.fields.selection import all_keys
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.wire import parse_snapshot
from telemetry.formats.compression import BytesRead, is_complete
from telemetry.formats.jsonl.columns import LineColumns, LineParser
from telemetry.formats.jsonl.lines import Lines, read_line_groups, read_lines
from telemetry.recording.column_recording import COUNTED_FIELDS, ColumnRecording

_PARSED_LINES: Final = 64
"""Lines that are parsed at once: their Python objects stay in the processor's cache, which halves the time."""

_BLOCK_BYTES: Final = 1 << 25
"""Bytes of lines from which on a block is complete, however few they are."""


class JsonlRecording(ColumnRecording):
    """A recording in JSON lines as a source; a truncated last line is left out.

    Raises :class:`SourceError` as :class:`~telemetry.recording.column_recording.ColumnRecording` does.
    """

    def __init__(self, path: Path, *, loop: bool = False, begin: float | None = None, end: float | None = None) -> None:
        self._progress = BytesRead()
        super().__init__(path, loop=loop, begin=begin, end=end)

    @cached_property
    def complete(self) -> bool:
        """Whether the file ends after a complete line, and its compressed stream, if it has one, has its end."""
        return is_complete(self.path)

    @cached_property
    def missing_fields(self) -> frozenset[str]:
        """The raw fields that the file lacks, by its first line."""
        line = next(read_lines(self.path), None)
        try:
            values = orjson.loads(line.text if line else b"")
        except orjson.JSONDecodeError:
            values = None
        keys = values if isinstance(values, dict) else {}
        known = all_keys()
        present = {field.name for key in keys for field in known.get(key, ())}
        return frozenset(Snapshot.NAMES) - present - COUNTED_FIELDS

    @property
    @override
    def read_share(self) -> float:
        return self._progress.share

    @override
    def read_columns(self, fields: Collection[str], rows: int) -> Iterator[ColumnBlock]:
        self._progress = BytesRead()
        pending: _PendingBlock | None = None
        error: SourceError | None = None
        with closing(self._read_lines(min(rows, _PARSED_LINES))) as lines:
            while error is None:
                try:
                    some = next(lines, None)
                except SourceError as unreadable:
                    error = unreadable
                    break
                if some is None:
                    break
                if pending is None:
                    pending = _PendingBlock(self.path, LineParser(some.texts[0], fields), some.texts[0])
                error = pending.add(some)
                if pending.is_full(rows):
                    yield pending.build()
        if pending is not None and pending.length:
            yield pending.build()
        if error is not None:
            raise error.with_traceback(None)  # the frames in which it was raised hold the open file

    def _read_lines(self, count: int) -> Generator[Lines, None, None]:
        """The lines that hold something, at most so many at once."""
        for texts, numbers, complete in read_line_groups(self.path, self._progress):
            for begin in range(0, len(texts), count):
                part = slice(begin, begin + count)
                yield Lines(texts[part], numbers[part], complete)


class _PendingBlock:
    """The lines of a block to come."""

    def __init__(self, path: Path, parser: LineParser, first_line: bytes) -> None:
        self.length = 0
        self._path = path
        self._parser = parser
        self._first_line = first_line
        self._bytes = 0
        self._columns: list[LineColumns] = []
        self._lines: list[bytes] = []
        self._numbers: list[int] = []

    def is_full(self, rows: int) -> bool:
        """Whether there are so many, or so large ones, that the block is complete."""
        return self.length >= rows or self._bytes >= _BLOCK_BYTES

    def add(self, lines: Lines) -> SourceError | None:
        """Add these lines, up to the first that is no sample: then the error."""
        columns, error = self._parser.parse(lines.texts)
        self._columns.append(columns)
        self.length += columns.length
        self._bytes += sum(map(len, lines.texts))
        if not self._parser.reads_all:
            self._lines += lines.texts[: columns.length]
            self._numbers += lines.numbers[: columns.length]
        if error is None or not lines.complete:
            return None
        return _error_in(self._path, lines.numbers[columns.length], error)

    def build(self) -> ColumnBlock:
        """The block of these lines, after which the next one begins."""
        columns = self._parser.join(self._columns)
        if self._parser.reads_all:
            block = ColumnBlock(self.length, columns)
        else:
            others = _OtherFields(self._path, self._first_line, self._lines, self._numbers)
            block = ColumnBlock(self.length, columns, others.load, others.read_row)
        self.length = self._bytes = 0
        self._columns, self._lines, self._numbers = [], [], []
        return block


class _OtherFields:
    """The fields in the lines of a block that were not asked for at first."""

    def __init__(self, path: Path, first_line: bytes, lines: Sequence[bytes], numbers: Sequence[int]) -> None:
        self._path = path
        self._first_line = first_line
        self._lines = lines
        self._numbers = numbers

    def load(self, names: Collection[str]) -> Mapping[str, AnyColumn]:
        """Their columns. Raises :class:`SourceError`."""
        return {} if self._parser.fields.isdisjoint(names) else self._columns

    @cached_property
    def _parser(self) -> LineParser:
        return LineParser(self._first_line, Snapshot.NAMES)

    @cached_property
    def _columns(self) -> Mapping[str, AnyColumn]:
        """All columns: who asks for one that nobody has named asks for others too, and each pass costs the same."""
        parts = []
        for begin in range(0, len(self._lines), _PARSED_LINES):
            columns, error = self._parser.parse(self._lines[begin : begin + _PARSED_LINES])
            if error is not None:
                raise _error_in(self._path, self._numbers[begin + columns.length], error)
            parts.append(columns)
        return self._parser.join(parts)

    def read_row(self, index: int) -> Snapshot:
        """All of one line. Raises :class:`SourceError`."""
        try:
            return parse_snapshot(self._lines[index])
        except ValueError as error:
            raise _error_in(self._path, self._numbers[index], error) from error


def _error_in(path: Path, number: int, error: ValueError) -> SourceError:
    return SourceError(f"{path}, line {number}: {error}.")
