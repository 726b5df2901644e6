"""Recordings in text, compressed or not: what JSON lines and CSV share."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Generator, Iterator
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Final, Generic, TypeVar

from telemetry.base.errors import SourceError
from telemetry.base.typing import override
from telemetry.fields.column_block import ColumnBlock
from telemetry.formats.compression import BytesRead, is_complete
from telemetry.recording.column_recording import ColumnRecording

PARSED_ROWS: Final = 64
"""Lines or rows that are parsed at once: their Python objects stay in the processor's cache, which halves the time."""

_BLOCK_BYTES: Final = 1 << 25
"""Bytes of text from which on a block is complete, however few samples it has."""

PartT = TypeVar("PartT")


class PendingBlock(ABC, Generic[PartT]):
    """The samples of a block to come; after each :meth:`build` the next one begins."""

    length = 0
    """Samples so far."""
    bytes = 0
    """Bytes of their text."""

    def is_full(self, rows: int) -> bool:
        """Whether there are so many samples, or so large ones, that the block is complete."""
        return self.length >= rows or self.bytes >= _BLOCK_BYTES

    @abstractmethod
    def add(self, part: PartT) -> SourceError | None:
        """Add these samples, up to the first that is wrong: then the error."""

    @abstractmethod
    def build(self) -> ColumnBlock:
        """The block of these samples."""


class TextRecording(ColumnRecording, Generic[PartT]):
    """A recording in text; of a file that is cut, what is not whole at its end is left out.

    Raises :class:`SourceError` as :class:`~telemetry.recording.column_recording.ColumnRecording` does.
    """

    def __init__(self, path: Path, *, loop: bool = False, begin: float | None = None, end: float | None = None) -> None:
        self._progress = BytesRead()
        super().__init__(path, loop=loop, begin=begin, end=end)

    @abstractmethod
    def read_parts(self, count: int, progress: BytesRead) -> Generator[PartT, None, None]:
        """The text of the samples, of at most so many at once. Raises :class:`SourceError` behind what is intact."""

    @abstractmethod
    def begin_blocks(self, fields: Collection[str], first: PartT) -> PendingBlock[PartT]:
        """What takes the samples, with these raw fields loaded; ``first`` are those that the file begins with."""

    @cached_property
    def complete(self) -> bool:
        """Whether the file ends after a complete line, and its compressed stream, if it has one, has its end."""
        return is_complete(self.path)

    @property
    @override
    def read_share(self) -> float:
        return self._progress.share

    @override
    def read_columns(self, fields: Collection[str], rows: int) -> Iterator[ColumnBlock]:
        self._progress = BytesRead()
        pending: PendingBlock[PartT] | None = None
        error: SourceError | None = None
        with closing(self.read_parts(min(rows, PARSED_ROWS), self._progress)) as parts:
            while error is None:
                try:
                    part = next(parts, None)
                except SourceError as unreadable:
                    error = unreadable
                    break
                if part is None:
                    break
                if pending is None:
                    pending = self.begin_blocks(fields, part)
                error = pending.add(part)
                if pending.is_full(rows):
                    yield pending.build()
        if pending is not None and pending.length:
            yield pending.build()
        if error is not None:
            raise error.with_traceback(None)  # the frames in which it was raised hold the open file
