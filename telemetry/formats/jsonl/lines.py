"""The lines of a text file."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from telemetry.base.errors import SourceError
from telemetry.base.text_file import BYTE_ORDER_MARK, TextFormatError, check_not_utf16
from telemetry.formats.compression import BytesRead, read_blocks
from telemetry.formats.text_lines import MAX_LINE_BYTES, split_lines


class Line(NamedTuple):
    """A line without its line feed; ``complete`` says whether it had one, ``number`` counts all lines from 1."""

    text: bytes
    complete: bool
    number: int


def read_lines(path: Path, progress: BytesRead | None = None) -> Iterator[Line]:
    """The lines of a file that hold something; a last one that a killed writer left unfinished is not an error.

    A byte order mark is left out at the beginning of any line: files that have one can be joined. ``progress`` is kept
    up to date. Raises
    :class:`telemetry.SourceError` for a file that cannot be read, is corrupt, or is text in UTF-16.
    """
    blank_bytes = 0
    for line in split_lines(path, (block.text for block in read_blocks(path, progress=progress))):
        if line.number == 1 and (line.complete or len(line.text) > 1):
            _check_encoding(path, line.text)
        text = line.text.removeprefix(BYTE_ORDER_MARK)
        if text and text.strip(None if line.complete else b"\0 \t\r"):  # a system that crashed can leave NULs behind
            blank_bytes = 0
            yield Line(text, line.complete, line.number)
        else:
            blank_bytes += len(text) + 1
            if blank_bytes > MAX_LINE_BYTES:
                raise SourceError(
                    f"{path}, line {line.number}: there are more than {MAX_LINE_BYTES:,} bytes of empty lines."
                )


def _check_encoding(path: Path, beginning: bytes) -> None:
    try:
        check_not_utf16(beginning[:4])
    except TextFormatError as error:
        raise SourceError(f"{path} cannot be read: {error}.") from None
