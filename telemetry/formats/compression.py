"""Compressed text files: by suffix, in blocks, and whether they have their end."""

import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, Protocol

from telemetry.base.errors import SourceError
from telemetry.base.storage.regular_file import open_regular_file

GZIP_WINDOW_BITS: Final = 31
"""The largest window of zlib, and a gzip header around the data."""

_BLOCK_BYTES: Final = 1 << 18
_TAIL_BYTES: Final = 1 << 10
_ZSTD_LAST_BLOCK: Final = b"\1\0\0"
"""An empty block that says that it is the last of its frame; our frames have no checksum (RFC 8878, section 3.1.1)."""


class Compressor(Protocol):
    """A stream that compresses."""

    def compress(self, data: bytes, /) -> bytes:
        """What can be written after this data."""
        ...

    def flush(self, mode: int = ..., /) -> bytes:
        """The rest of what can be written, by a mode of its :class:`Compression`."""
        ...


class Decompressor(Protocol):
    """A stream that decompresses."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was read."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What follows the end of the stream."""
        ...

    def decompress(self, data: bytes, /) -> bytes:
        """What can be read with this data."""
        ...


class Compression(NamedTuple):
    """A kind of compression.

    ``sync`` is the flush mode after which all data so far can be read, ``finish`` the one that ends the stream, and
    ``error`` what a decompressor raises for corrupt data. ``end_of`` gives the bytes that would end a stream after a
    flush with ``sync``; the stream itself can go on. ``piece_bytes`` of compressed data hold 8 MB of text at most.
    """

    compressor: Callable[[], Compressor]
    decompressor: Callable[[], Decompressor]
    sync: int
    finish: int
    error: type[Exception]
    end_of: Callable[[Any], bytes]
    piece_bytes: int


def compression_for(path: Path) -> Compression | None:
    """The compression that the suffix of a file asks for, ``.gz`` or ``.zst``; None for any other."""
    if path.suffix == ".gz":
        return _GZIP
    return _zstd() if path.suffix == ".zst" else None


class TextBlock(NamedTuple):
    """Some text of a file, and whether its compressed stream, if it has one, has ended after it."""

    text: bytes
    stream_ended: bool


@dataclass(slots=True)
class BytesRead:
    """How far a file was read, in bytes as they are on the disk."""

    done: int = 0
    total: int = 0

    @property
    def share(self) -> float:
        """The share that was read, from 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0


def read_blocks(path: Path, *, tail_only: bool = False, progress: BytesRead | None = None) -> Iterator[TextBlock]:
    """The text of a file in blocks, decompressed by its suffix, up to where the file ends or is truncated.

    With ``tail_only`` all but the last bytes are skipped where that is possible: in a file that is not compressed. A
    compressed file that is being written is read as far as it goes now: its writer replaces the end of its stream.
    ``progress`` is kept up to date.
    Raises :class:`SourceError` for a file that cannot be read, or is corrupt.
    """
    compression = compression_for(path)
    corrupt = zlib.error if compression is None else compression.error
    progress = progress or BytesRead()
    try:
        with open_regular_file(path) as file:
            progress.total = os.fstat(file.fileno()).st_size
            if compression is None:
                if tail_only:
                    file.seek(max(file.seek(0, os.SEEK_END) - _TAIL_BYTES, 0))
                while data := file.read(_BLOCK_BYTES):
                    progress.done = file.tell()
                    yield TextBlock(data, stream_ended=True)
            else:
                for block in _decompress(file, compression):
                    progress.done = file.tell()
                    yield block
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    except corrupt as error:
        raise SourceError(f"{path} is corrupt, or not compressed as its suffix says.") from error


def _decompress(file: BinaryIO, compression: Compression) -> Iterator[TextBlock]:
    """The text of a file in blocks, piece by piece: a few bytes can hold the zeros of gigabytes."""
    stream = compression.decompressor()
    left = file.seek(0, os.SEEK_END)
    file.seek(0)
    pending = bytearray()
    while data := file.read(min(compression.piece_bytes, left)):
        left -= len(data)
        while data:
            if stream.eof:
                stream = compression.decompressor()
            pending += stream.decompress(data)
            data = stream.unused_data if stream.eof else b""
        while len(pending) >= _BLOCK_BYTES:
            yield TextBlock(bytes(pending[:_BLOCK_BYTES]), stream.eof)
            del pending[:_BLOCK_BYTES]
    yield TextBlock(bytes(pending), stream.eof)


def is_complete(path: Path) -> bool:
    """Whether a text file ends after a complete line, and its compressed stream, if it has one, has its end.

    Blanks after that line do not count.
    Reads all of a compressed file. Raises :class:`SourceError`.
    """
    last, ended = b"\n", True
    for block in read_blocks(path, tail_only=True):
        last, ended = block.text.rstrip(b" \t\r")[-1:] or last, block.stream_ended
    return ended and last == b"\n"


_GZIP: Final = Compression(
    lambda: zlib.compressobj(6, zlib.DEFLATED, GZIP_WINDOW_BITS),
    lambda: zlib.decompressobj(GZIP_WINDOW_BITS),
    zlib.Z_SYNC_FLUSH,
    zlib.Z_FINISH,
    zlib.error,
    lambda compressor: compressor.copy().flush(zlib.Z_FINISH),
    piece_bytes=1 << 13,  # deflate makes at most 1,032 bytes of one
)


@cache
def _zstd() -> Compression:
    import zstandard

    return Compression(
        lambda: zstandard.ZstdCompressor().compressobj(),
        lambda: zstandard.ZstdDecompressor().decompressobj(),
        zstandard.COMPRESSOBJ_FLUSH_BLOCK,
        zstandard.COMPRESSOBJ_FLUSH_FINISH,
        zstandard.ZstdError,
        lambda _: _ZSTD_LAST_BLOCK,
        piece_bytes=1 << 8,  # a block takes four bytes at least, and holds 128 kB at most
    )
