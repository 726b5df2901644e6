"""Repairing the end of a file of JSON lines."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from telemetry.base.errors import SinkError, SourceError
from telemetry.base.storage.lock import lock_file
from telemetry.base.storage.regular_file import open_regular_file
from telemetry.base.text_file import BYTE_ORDER_MARK
from telemetry.fields.wire import parse_snapshot
from telemetry.formats.compression import compression_for, is_complete
from telemetry.formats.jsonl.lines import Line, read_lines
from telemetry.formats.text_lines import MAX_LINE_BYTES, line_too_long
from telemetry.formats.text_repair import COMPLETE, Repair, replace_compressed

_BLOCK_BYTES: Final = 1 << 16


def repair_tail(path: Path) -> None:
    """Make the file end after a complete line.

    Raises OSError, and :class:`SinkError` for a file that is not a recording, is corrupt, or is being written.
    """
    with open_regular_file(path) as file:
        lock_file(file.fileno(), str(path))
        try:
            _check_first_line(path)
            repair_locked(path, file)
        except SourceError as error:
            raise SinkError(f"{error} It cannot be continued.") from error


def repair_locked(path: Path, locked: IO[bytes]) -> Repair:
    """Make the file end after a complete line, and its compressed stream with its end.

    ``locked`` is the open file whose lock keeps others out. Raises OSError, and :class:`SourceError` for a file that
    is corrupt; the file is not changed then.
    """
    if is_complete(path):
        return COMPLETE
    compression = compression_for(path)
    if compression is None:
        return _repair_plain(path)
    discarded: list[Line] = []
    replace_compressed(path, compression, _whole_lines(path, discarded), locked)
    return Repair(was_complete=False, discarded_bytes=sum(len(line.text) for line in discarded))


def _whole_lines(path: Path, discarded: list[Line]) -> Iterator[bytes]:
    """The lines of a file with their line feeds; a last one that is not whole goes to ``discarded``."""
    for line in read_lines(path):
        if line.complete or _is_sample(line.text):
            yield line.text + b"\n"
        else:
            discarded.append(line)


def _check_first_line(path: Path) -> None:
    """Raise :class:`SinkError` for a file whose first line is not a sample: a repair would destroy it."""
    try:
        first = next(read_lines(path), None)
        if first is not None and first.complete:
            parse_snapshot(first.text)
        elif first is not None and not first.text.startswith(b'{"'):
            parse_snapshot(b"")
    except ValueError as error:
        raise SinkError(f"{path} is not a recording and is left untouched: {error}.") from error


def _repair_plain(path: Path) -> Repair:
    """Remove a last line that is not complete; where only its line feed is missing, add that."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        begin = _begin_of_last_line(path, file, size)
        file.seek(begin)
        rest = file.read(min(size - begin, MAX_LINE_BYTES))
        if _is_sample(rest.removeprefix(BYTE_ORDER_MARK)):
            file.seek(0, os.SEEK_END)
            file.write(b"\n")
            return Repair(was_complete=False, discarded_bytes=0)
        file.truncate(begin)
    return Repair(was_complete=False, discarded_bytes=size - begin)


def _begin_of_last_line(path: Path, file: IO[bytes], size: int) -> int:
    """The offset behind the last line feed; SourceError for a line that is too long without the NULs at its end."""
    end, text_end = size, 0
    while end > 0:
        begin = max(0, end - _BLOCK_BYTES)
        file.seek(begin)
        block = file.read(end - begin)
        newline = block.rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        text_end = text_end or (begin + len(block.rstrip(b"\0")) if any(block) else 0)
        if text_end - begin > MAX_LINE_BYTES:
            raise line_too_long(path)
        end = begin
    return 0


def _is_sample(text: bytes) -> bool:
    try:
        parse_snapshot(text)
    except ValueError:
        return False
    return True
