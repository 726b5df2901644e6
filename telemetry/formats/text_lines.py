"""The lines of text files that anybody may have made: none is longer than a sample or a row can be."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from telemetry.base.errors import SourceError

MAX_LINE_BYTES: Final = 1 << 20
"""Of a line: a sample with all fields has less than a hundredth of it."""


class LineGroup(NamedTuple):
    """Consecutive lines without their line feeds; ``number`` is that of the first, from 1.

    ``complete`` says whether they had line feeds: only what follows the last of a file has none, and is alone. Of a
    long run of NULs, which a system that crashed can leave behind, a line has only one; ``nuls`` counts the others in
    the first line.
    """

    texts: list[bytes]
    number: int
    complete: bool
    nuls: int


class RawLine(NamedTuple):
    """A line without its line feed; ``number`` counts from 1.

    ``complete`` says whether it had a line feed. ``size`` is its length in the file: ``text`` has only one of a long
    run of NULs.
    """

    text: bytes
    size: int
    complete: bool
    number: int


def split_groups(path: Path, blocks: Iterable[bytes]) -> Iterator[LineGroup]:
    """All lines in these blocks of text, the empty ones too, and what follows the last line feed, even if nothing.

    Raises :class:`telemetry.SourceError` for a line of more than :data:`MAX_LINE_BYTES`; no more is ever held.
    """
    rest, nuls, number = b"", 0, 1
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        if lines:
            sizes = list(map(len, lines))
            if max(sizes) > MAX_LINE_BYTES:
                at = next(at for at, size in enumerate(sizes) if size > MAX_LINE_BYTES)
                if at:
                    yield LineGroup(lines[:at], number, complete=True, nuls=nuls)
                raise line_too_long(path, number + at)
            yield LineGroup(lines, number, complete=True, nuls=nuls)
            nuls, number = 0, number + len(lines)
        if len(rest) > MAX_LINE_BYTES:
            text = rest.rstrip(b"\0")
            if len(text) >= MAX_LINE_BYTES:
                raise line_too_long(path, number)
            nuls, rest = nuls + len(rest) - len(text) - 1, text + b"\0"
    yield LineGroup([rest], number, complete=False, nuls=nuls)


def split_lines(path: Path, blocks: Iterable[bytes]) -> Iterator[RawLine]:
    """The same, line by line."""
    for group in split_groups(path, blocks):
        nuls = group.nuls
        for number, text in enumerate(group.texts, start=group.number):
            yield RawLine(text, nuls + len(text), group.complete, number)
            nuls = 0


def line_too_long(path: Path, number: int | None = None) -> SourceError:
    """The error of a line of more than :data:`MAX_LINE_BYTES`; without a number it is the last."""
    which = "its last line" if number is None else f"line {number}"
    return SourceError(f"{path}, {which}: it has more than {MAX_LINE_BYTES:,} bytes, which no line of telemetry has.")
