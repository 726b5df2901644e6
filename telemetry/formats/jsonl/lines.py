"""The lines of a text file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from telemetry.base.errors import SourceError
from telemetry.base.text_file import BYTE_ORDER_MARK, TextFormatError, check_not_utf16
from telemetry.formats.compression import BytesRead, read_blocks
from telemetry.formats.text_lines import MAX_LINE_BYTES, LineGroup, split_groups

_USUAL_BEGIN: Final = b"{"


class Line(NamedTuple):
    """A line without its line feed; ``complete`` says whether it had one, ``number`` counts all lines from 1."""

    text: bytes
    complete: bool
    number: int


class Lines(NamedTuple):
    """Consecutive lines that hold something, without their line feeds, and their numbers."""

    texts: list[bytes]
    numbers: Sequence[int]
    complete: bool
    """Whether they had line feeds: only the last of a file has none, and is alone."""


def read_lines(path: Path, progress: BytesRead | None = None) -> Iterator[Line]:
    """The lines of a file that hold something, one by one: see :func:`read_line_groups`."""
    for group in read_line_groups(path, progress):
        for text, number in zip(group.texts, group.numbers, strict=True):
            yield Line(text, group.complete, number)


def read_line_groups(path: Path, progress: BytesRead | None = None) -> Iterator[Lines]:
    """The lines of a file that hold something; a last one that a killed writer left unfinished is not an error.

    A byte order mark is left out at the beginning of any line: files that have one can be joined. ``progress`` is kept
    up to date. Raises
    :class:`telemetry.SourceError` for a file that cannot be read, is corrupt, or is text in UTF-16.
    """
    blank_bytes = 0
    for group in split_groups(path, (block.text for block in read_blocks(path, progress=progress))):
        first = group.texts[0]
        if group.number == 1 and (group.complete or len(first) > 1):
            _check_encoding(path, first)
        lines, blank_bytes, number = _without_blanks(group, blank_bytes)
        if lines.texts:
            yield lines
        if blank_bytes > MAX_LINE_BYTES:
            raise SourceError(f"{path}, line {number}: there are more than {MAX_LINE_BYTES:,} bytes of empty lines.")


def _without_blanks(group: LineGroup, blank_bytes: int) -> tuple[Lines, int, int]:
    """The lines that hold something, the bytes of empty lines behind the last of them, and the number of the last line.

    ``blank_bytes`` are those before the group. Ends where there are too many of them.
    """
    texts, numbers = group.texts, range(group.number, group.number + len(group.texts))
    if all(text.startswith(_USUAL_BEGIN) for text in texts):
        return Lines(texts, numbers, group.complete), 0, numbers[-1]
    blanks = None if group.complete else b"\0 \t\r"  # a system that crashed can leave NULs behind
    kept: list[tuple[bytes, int]] = []
    for text, number in zip(map(_without_mark, texts), numbers, strict=True):
        if text.strip(blanks):
            blank_bytes = 0
            kept.append((text, number))
        else:
            blank_bytes += len(text) + 1
            if blank_bytes > MAX_LINE_BYTES:
                break
    lines = Lines([text for text, _ in kept], [number for _, number in kept], group.complete)
    return lines, blank_bytes, number


def _without_mark(text: bytes) -> bytes:
    return text.removeprefix(BYTE_ORDER_MARK)


def _check_encoding(path: Path, beginning: bytes) -> None:
    try:
        check_not_utf16(beginning[:4])
    except TextFormatError as error:
        raise SourceError(f"{path} cannot be read: {error}.") from None
