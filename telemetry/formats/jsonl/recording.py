"""Reading JSON lines: a recording as a source."""

from collections.abc import Collection, Generator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import orjson

from telemetry.base.errors import SourceError
from telemetry.base.typing import override
from telemetry.fields.column_block import AnyColumn, ColumnBlock
from telemetry.fields.selection import all_keys
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.wire import parse_snapshot
from telemetry.formats.compression import BytesRead
from telemetry.formats.jsonl.columns import LineColumns, LineParser
from telemetry.formats.jsonl.lines import Lines, read_line_groups, read_lines
from telemetry.formats.text_recording import PARSED_ROWS, PendingBlock, TextRecording
from telemetry.recording.column_recording import COUNTED_FIELDS


class JsonlRecording(TextRecording[Lines]):
    """A recording in JSON lines as a source; a truncated last line is left out."""

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

    @override
    def begin_blocks(self, fields: Collection[str], first: Lines) -> "_PendingBlock":
        return _PendingBlock(self.path, LineParser(first.texts[0], fields), first.texts[0])

    @override
    def read_parts(self, count: int, progress: BytesRead) -> Generator[Lines, None, None]:
        for texts, numbers, complete in read_line_groups(self.path, progress):
            for begin in range(0, len(texts), count):
                part = slice(begin, begin + count)
                yield Lines(texts[part], numbers[part], complete)


class _PendingBlock(PendingBlock[Lines]):
    """The lines of a block to come."""

    def __init__(self, path: Path, parser: LineParser, first_line: bytes) -> None:
        self._path = path
        self._parser = parser
        self._first_line = first_line
        self._columns: list[LineColumns] = []
        self._lines: list[bytes] = []
        self._numbers: list[int] = []

    @override
    def add(self, part: Lines) -> SourceError | None:
        columns, error = self._parser.parse(part.texts)
        self._columns.append(columns)
        self.length += columns.length
        self.bytes += sum(map(len, part.texts))
        if not self._parser.reads_all:
            self._lines += part.texts[: columns.length]
            self._numbers += part.numbers[: columns.length]
        if error is None or not part.complete:
            return None
        return _error_in(self._path, part.numbers[columns.length], error)

    @override
    def build(self) -> ColumnBlock:
        columns = self._parser.join(self._columns)
        if self._parser.reads_all:
            block = ColumnBlock(self.length, columns)
        else:
            others = _OtherFields(self._path, self._first_line, self._lines, self._numbers)
            block = ColumnBlock(self.length, columns, others.load, others.read_row)
        self.length = self.bytes = 0
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
        for begin in range(0, len(self._lines), PARSED_ROWS):
            columns, error = self._parser.parse(self._lines[begin : begin + PARSED_ROWS])
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
