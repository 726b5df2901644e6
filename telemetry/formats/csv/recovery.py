"""Giving a killed CSV file its end: complete rows, and the end of its compressed stream."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from telemetry.base.errors import SourceError
from telemetry.formats.compression import BytesRead, compression_for, read_blocks
from telemetry.formats.csv.header import cells_of, check_header, is_units_row
from telemetry.formats.format import Recovered, WatchShare, ignore
from telemetry.formats.text_lines import MAX_LINE_BYTES, line_too_long, split_lines
from telemetry.formats.text_repair import locked_for_repair, replace_compressed


def recover(path: Path, watch: WatchShare = ignore) -> Recovered:
    """Make a truncated file end after a complete row, and its compressed stream with its end.

    A last row without a line feed is dropped: its last number may be cut. Raises :class:`SourceError` for a file that
    holds no row of telemetry, or is corrupt, and :class:`SinkError` where it is being written or cannot be; the file
    is not changed then.
    """
    path = path.resolve()
    with locked_for_repair(path) as file:
        content = _read_content(path, watch)
        if content.rows == 0:
            raise SourceError(f"{path} holds no complete row.")
        if not content.is_complete:
            if compression := compression_for(path):
                replace_compressed(path, compression, _beginning(path, content.row_bytes), file)
            else:
                with path.open("r+b") as output:
                    output.truncate(content.row_bytes)
    return Recovered(path, content.rows, content.rest_bytes, content.is_complete)


@dataclass
class _Content:
    """The text of a file: ``rows`` of samples, the bytes of all complete rows, and those of the rest."""

    rows: int = 0
    row_bytes: int = 0
    rest_bytes: int = 0
    stream_ended: bool = True

    @property
    def is_complete(self) -> bool:
        return self.stream_ended and self.rest_bytes == 0


def _read_content(path: Path, watch: WatchShare) -> _Content:
    """What a file holds; SourceError where its first row is no header of ours."""
    content = _Content()
    row_count, row, row_bytes = 0, b"", 0
    in_quotes = False
    header: list[str] = []

    progress = BytesRead()

    def texts() -> Iterator[bytes]:
        for block in read_blocks(path, progress=progress):
            watch(progress.share)
            content.stream_ended = block.stream_ended
            yield block.text

    for line in split_lines(path, texts()):
        content.rest_bytes += line.size + line.complete
        in_quotes ^= line.text.count(b'"') % 2 == 1  # a quote within a text is doubled
        row_bytes += len(line.text) + 1
        if row_bytes > MAX_LINE_BYTES:
            raise line_too_long(path, line.number)
        if row_count < 2:
            row += line.text + b"\n"
        if in_quotes or not line.complete:
            continue
        content.row_bytes += content.rest_bytes
        content.rest_bytes = 0
        if row_count == 0:
            header = cells_of(path, row)
            check_header(path, header)
        elif row_count > 1 or not is_units_row(header, cells_of(path, row)):
            content.rows += 1
        row_count, row, row_bytes = row_count + 1, b"", 0
    return content


def _beginning(path: Path, count: int) -> Iterator[bytes]:
    """The first bytes of a file's text, in blocks."""
    for block in read_blocks(path):
        if count <= 0:
            return
        yield block.text[:count]
        count -= len(block.text)
