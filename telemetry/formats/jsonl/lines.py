"""The lines of a text file."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from telemetry.base.errors import SourceError
from telemetry.base.text_file import BYTE_ORDER_MARK, TextFormatError, check_not_utf16
from telemetry.formats.compression import read_blocks


class Line(NamedTuple):
    """A line without its line feed; ``complete`` says whether it had one, ``number`` counts all lines from 1."""

    text: bytes
    complete: bool
    number: int


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a file that hold something; a last one that a killed writer left unfinished is not an error.

    A byte order mark is left out at the beginning of any line: files that have one can be joined. Raises
    :class:`telemetry.SourceError` for a file that cannot be read, is corrupt, or is text in UTF-16.
    """
    rest, number = b"", 0
    for block in read_blocks(path):
        *lines, rest = (rest + block.text).split(b"\n")
        if number == 0 and (lines or len(rest) > 1):
            _check_encoding(path, lines[0] if lines else rest)
        for line in lines:
            number += 1
            text = line.removeprefix(BYTE_ORDER_MARK)
            if text and not text.isspace():
                yield Line(text, complete=True, number=number)
    rest = rest.removeprefix(BYTE_ORDER_MARK)
    if rest.strip(b"\0 \t\r"):  # a system that crashed can leave NULs behind
        yield Line(rest, complete=False, number=number + 1)


def _check_encoding(path: Path, beginning: bytes) -> None:
    try:
        check_not_utf16(beginning[:4])
    except TextFormatError as error:
        raise SourceError(f"{path} cannot be read: {error}.") from None
