"""Reading CSV: a table of samples as a recording."""

import csv
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

from telemetry.base.errors import SourceError
from telemetry.base.typing import override
from telemetry.fields.column_block import AnyColumn, ColumnBlock
from telemetry.fields.snapshot import Snapshot
from telemetry.formats.compression import BytesRead, read_blocks
from telemetry.formats.csv.columns import CellParser, Rows, WrongCell, join
from telemetry.formats.csv.header import cells_of, check_header, find_separator, is_units_row
from telemetry.formats.text_lines import split_groups
from telemetry.formats.text_recording import PendingBlock, TextRecording
from telemetry.recording.column_recording import COUNTED_FIELDS


class CsvRecording(TextRecording["_Batch"]):
    """A table of samples as a source: with a row of units or without, with decimal points or commas.

    A truncated last row is left out, as its last number may be cut. Raises :class:`SourceError` also for a row of
    another width.
    """

    def __init__(
        self,
        path: Path,
        *,
        loop: bool = False,
        begin: float | None = None,
        end: float | None = None,
        header: "Header | None" = None,
    ) -> None:
        """``header`` is that of a table of another program."""
        self._header = header or _read_header(path)
        super().__init__(path, loop=loop, begin=begin, end=end)

    @cached_property
    def missing_fields(self) -> frozenset[str]:
        """The raw fields that have no cells."""
        return frozenset(Snapshot.NAMES) - self._header.parser.fields - COUNTED_FIELDS

    @override
    def begin_blocks(self, fields: Collection[str], first: "_Batch") -> "_PendingBlock":
        return _PendingBlock(self._header, fields)

    @override
    def read_parts(self, count: int, progress: BytesRead) -> Generator["_Batch", None, None]:
        return _read_rows(self._header, progress, count)


class Parser(Protocol):
    """What reads raw fields from rows."""

    @property
    def fields(self) -> frozenset[str]:
        """The raw fields that the rows hold."""
        ...

    def parse(self, rows: Rows, names: Collection[str]) -> dict[str, AnyColumn]:
        """These fields, as far as the rows hold them. Raises :class:`WrongCell`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the first rows of a file say."""

    path: Path
    cells: Sequence[str]
    """The names of the columns."""
    separator: str
    parser: Parser
    encoding: str = "utf-8"
    first_rows: int | None = None
    """Rows in front of the samples; None: one, and one of our units where there is one."""

    def holds(self, number: int, row: Sequence[str]) -> bool:
        """Whether a row that is not empty, counted from 1, is none of the samples."""
        if self.first_rows is not None:
            return number <= self.first_rows
        return number == 1 or (number == 2 and is_units_row(self.cells, row))


class _Batch(NamedTuple):
    """Some rows, the numbers of the lines where they end, and their lines."""

    rows: list[list[str]]
    numbers: list[int]
    lines: list[str]

    def begin(self, count: int) -> "_Batch":
        """The first rows."""
        return _Batch(self.rows[:count], self.numbers[:count], self.lines)


def _read_header(path: Path) -> Header:
    """What the first row says. Raises :class:`SourceError`."""
    for group in split_groups(path, (block.text for block in read_blocks(path))):
        for text in group.texts:
            row = text.strip(b"\r" if group.complete else b"\0 \t\r\n")
            if not row:
                continue
            cells = cells_of(path, row)
            check_header(path, cells)
            separator = find_separator(row.decode("utf-8-sig"))
            try:
                parser = CellParser(cells, decimal_comma=separator == ";")
            except ValueError as error:
                raise SourceError(f"{path} cannot be read: {error}.") from None
            return Header(path=path, cells=cells, separator=separator, parser=parser)
    raise SourceError(f"{path} holds no sample.")


def _read_rows(header: Header, progress: BytesRead, count: int) -> Generator[_Batch, None, None]:
    """The rows below the header and the units, at most so many at once. Raises :class:`SourceError` behind them."""
    with closing(_Lines(header, progress)) as lines:
        reader = csv.reader(lines, delimiter=header.separator, strict=True)
        below = 0  # rows so far, the header included
        while True:
            batch = _Batch([], [], [])
            error: SourceError | None = None
            try:
                for row in islice(reader, count):
                    if not row:
                        continue
                    below += 1
                    if header.holds(below, row):
                        lines.taken.clear()
                        continue
                    if len(row) != len(header.cells):
                        wrong = f"it has {len(row)} cells, but the first row has {len(header.cells)}"
                        error = SourceError(f"{header.path}, line {reader.line_num}: {wrong}.")
                        break
                    batch.rows.append(row)
                    batch.numbers.append(reader.line_num)
            except csv.Error as unreadable:
                if not lines.ended:  # else the rest of a row that was not written to its end
                    error = SourceError(f"{header.path}, line {reader.line_num}: it is no row of CSV: {unreadable}.")
            except SourceError as unreadable:
                error = unreadable
            batch.lines.extend(lines.taken)
            lines.taken.clear()
            if batch.rows:
                yield batch
            if error is not None:
                raise error
            if lines.ended:
                return


class _Lines(Iterator[str]):
    """The complete lines of a file, each with its line feed, and those that were taken since somebody looked."""

    def __init__(self, header: Header, progress: BytesRead) -> None:
        self.taken: list[str] = []
        self.ended = False
        self._lines = _read_text_lines(header.path, header.encoding, progress)

    def close(self) -> None:
        """Close the file."""
        self._lines.close()

    @override
    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self.taken.append(line)
        return line


def _read_text_lines(path: Path, encoding: str, progress: BytesRead) -> Generator[str, None, None]:
    errors = "strict" if encoding == "utf-8" else "replace"
    for group in split_groups(path, (block.text for block in read_blocks(path, progress=progress))):
        if not group.complete:
            return
        for number, line in enumerate(group.texts, start=group.number):
            try:
                text = line.decode("utf-8-sig" if number == 1 and encoding == "utf-8" else encoding, errors)
            except UnicodeDecodeError:
                raise SourceError(f"{path}, line {number}: it is not text in UTF-8.") from None
            yield text + "\n"


class _PendingBlock(PendingBlock[_Batch]):
    """The rows of a block to come."""

    def __init__(self, header: Header, fields: Collection[str]) -> None:
        self._header = header
        self._wanted = header.parser.fields.intersection(fields)
        self._columns: list[Mapping[str, AnyColumn]] = []
        self._batches: list[_Batch] = []

    @override
    def add(self, part: _Batch) -> SourceError | None:
        error: SourceError | None = None
        try:
            columns = self._header.parser.parse(part.rows, self._wanted)
        except WrongCell as wrong:
            part, error = _intact_part(self._header, part, self._wanted, wrong)
            columns = self._header.parser.parse(part.rows, self._wanted)
        self.length += len(part.rows)
        self.bytes += sum(map(len, part.lines))
        self._columns.append(columns)
        if self._wanted < self._header.parser.fields:
            self._batches.append(part._replace(rows=[]))
        return error

    @override
    def build(self) -> ColumnBlock:
        columns = join(self._columns)
        block = ColumnBlock(self.length, columns)
        if self._batches:
            block = ColumnBlock(self.length, columns, _OtherFields(self._header, self._batches).load)
        self.length = self.bytes = 0
        self._columns, self._batches = [], []
        return block


class _OtherFields:
    """The fields in the rows of a block that were not asked for at first."""

    def __init__(self, header: Header, batches: Sequence[_Batch]) -> None:
        self._header = header
        self._batches = batches

    def load(self, names: Collection[str]) -> Mapping[str, AnyColumn]:
        """Their columns. Raises :class:`SourceError`."""
        return {} if self._header.parser.fields.isdisjoint(names) else self._columns

    @cached_property
    def _columns(self) -> Mapping[str, AnyColumn]:
        """All columns: who asks for one that nobody has named asks for others too, and each pass costs the same."""
        parser = self._header.parser
        parts = []
        for batch in self._batches:
            rows = [row for row in csv.reader(batch.lines, delimiter=self._header.separator) if row]
            rows = rows[: len(batch.numbers)]
            try:
                parts.append(parser.parse(rows, parser.fields))
            except WrongCell as wrong:
                raise _error_in(self._header, batch, wrong) from None
        return join(parts)


def _intact_part(
    header: Header, batch: _Batch, fields: Collection[str], wrong: WrongCell
) -> tuple[_Batch, SourceError]:
    """The rows before the first that has a wrong cell, and the error about that: columns are read one by one."""
    while True:
        rows = batch.begin(wrong.row)
        try:
            header.parser.parse(rows.rows, fields)
        except WrongCell as earlier:
            wrong = earlier
            continue
        return rows, _error_in(header, batch, wrong)


def _error_in(header: Header, batch: _Batch, wrong: WrongCell) -> SourceError:
    return SourceError(f"{header.path}, line {batch.numbers[wrong.row]}: {wrong}.")
