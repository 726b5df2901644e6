"""The lines of text files that anybody may have made: none is longer than a sample or a row can be."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from telemetry.base.errors import SourceError

MAX_LINE_BYTES: Final = 1 << 20
"""Of a line: a sample with all fields has less than a hundredth of it."""


class RawLine(NamedTuple):
    """A line without its line feed; ``number`` counts from 1.

    ``complete`` says whether it had a line feed. ``size`` is its length in the file: ``text`` has only one of a long
    run of NULs, which a system that crashed can leave behind.
    """

    text: bytes
    size: int
    complete: bool
    number: int


def split_lines(path: Path, blocks: Iterable[bytes]) -> Iterator[RawLine]:
    """All lines in these blocks of text, the empty ones too, and what follows the last line feed, even if nothing.

    Raises :class:`telemetry.SourceError` for a line of more than :data:`MAX_LINE_BYTES`; no more is ever held.
    """
    rest, nuls, number = b"", 0, 1
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            if len(line) > MAX_LINE_BYTES:
                raise line_too_long(path, number)
            yield RawLine(line, nuls + len(line), complete=True, number=number)
            nuls, number = 0, number + 1
        if len(rest) > MAX_LINE_BYTES:
            text = rest.rstrip(b"\0")
            if len(text) >= MAX_LINE_BYTES:
                raise line_too_long(path, number)
            nuls, rest = nuls + len(rest) - len(text) - 1, text + b"\0"
    yield RawLine(rest, nuls + len(rest), complete=False, number=number)


def line_too_long(path: Path, number: int | None = None) -> SourceError:
    """The error of a line of more than :data:`MAX_LINE_BYTES`; without a number it is the last."""
    which = "its last line" if number is None else f"line {number}"
    return SourceError(f"{path}, {which}: it has more than {MAX_LINE_BYTES:,} bytes, which no line of telemetry has.")
