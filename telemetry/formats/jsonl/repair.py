"""Repairing the end of a file of JSON lines, so that it can be continued."""

import os
from pathlib import Path
from typing import IO, Final

from telemetry.base.errors import SinkError, SourceError
from telemetry.base.storage.atomic import publish
from telemetry.base.storage.lock import lock_file
from telemetry.base.text_file import BYTE_ORDER_MARK
from telemetry.fields.wire import parse_snapshot
from telemetry.formats.compression import Compression, compression_for, is_complete
from telemetry.formats.jsonl.lines import read_lines

_BLOCK_BYTES: Final = 1 << 16


def repair_tail(path: Path) -> None:
    """Make the file end after a complete line.

    Raises OSError, and :class:`SinkError` for a file that is not a recording, is corrupt, or is being written.
    """
    compression = compression_for(path)
    with path.open("rb") as file:
        lock_file(file.fileno(), str(path))
        try:
            _check_first_line(path)
            if compression is None:
                _repair_plain(path)
            elif not is_complete(path):
                _repair_compressed(path, compression, file)
        except SourceError as error:
            raise SinkError(f"{error} It cannot be continued.") from error


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


def _repair_plain(path: Path) -> None:
    """Remove a last line that is not complete; where only its line feed is missing, add that."""
    with path.open("r+b") as file:
        end = size = file.seek(0, os.SEEK_END)
        tail, newline = b"", -1
        while end > 0 and newline < 0:
            start = max(0, end - _BLOCK_BYTES)
            file.seek(start)
            tail = file.read(end - start) + tail
            newline = tail.rfind(b"\n")
            end = start
        rest = tail[newline + 1 :]
        try:
            parse_snapshot(rest.removeprefix(BYTE_ORDER_MARK))
        except ValueError:
            file.truncate(size - len(rest))
        else:
            file.seek(0, os.SEEK_END)
            file.write(b"\n")


def _repair_compressed(path: Path, compression: Compression, locked: IO[bytes]) -> None:
    """Replace the file by one with all its complete lines; ``locked`` is the open file whose lock keeps others out."""
    repaired = path.with_name(path.name + ".mending")
    try:
        with repaired.open("wb") as output:
            stream = compression.compressor()
            for line in read_lines(path):
                if line.complete:
                    output.write(stream.compress(line.text + b"\n"))
            output.write(stream.flush(compression.finish))
        locked.close()  # Windows replaces no open file
        publish(repaired, path)
    finally:
        repaired.unlink(missing_ok=True)
