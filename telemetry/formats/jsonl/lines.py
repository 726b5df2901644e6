"""The lines of a text file."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from telemetry.formats.compression import read_blocks


class Line(NamedTuple):
    """A line without its line feed; ``complete`` says whether it had one."""

    text: bytes
    complete: bool


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a file; a last one that a killed writer left unfinished is not an error.

    Raises :class:`telemetry.SourceError` for a file that cannot be read, or is corrupt.
    """
    rest = b""
    for block in read_blocks(path):
        *lines, rest = (rest + block.text).split(b"\n")
        for line in lines:
            yield Line(line, complete=True)
    if rest.strip(b"\0"):  # a system that crashed can leave NULs behind
        yield Line(rest, complete=False)
