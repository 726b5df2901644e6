"""Text files, compressed or not: their first line, and whether they have their end."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import zstandard

from telemetry.base.errors import SourceError

_CHUNK: Final = 1 << 18
_LONGEST_LINE: Final = 1 << 20
"""Bytes within which the first line of a recording ends; a full one has five thousand."""

_GZIP_WINDOW: Final = 31


def keys_of_first_line(path: Path) -> frozenset[str]:
    """The keys of the first of a file's JSON lines; none where that is no object."""
    data = b""
    for piece in _text(path):
        data += piece[0]
        if b"\n" in data or len(data) > _LONGEST_LINE:
            break
    try:
        values = orjson.loads(data.partition(b"\n")[0])
    except orjson.JSONDecodeError:
        return frozenset()
    return frozenset(values) if isinstance(values, dict) else frozenset()


def is_complete(path: Path) -> bool:
    """Whether a file of JSON lines ends after a whole one, and its compressed stream, if it has one, was ended."""
    last, ended = b"\n", True
    for text, is_end in _text(path, tail_only=True):
        last, ended = text[-1:] or last, is_end
    return ended and last == b"\n"


def _text(path: Path, *, tail_only: bool = False) -> Iterator[tuple[bytes, bool]]:
    """The text of a file piece by piece, decompressed by its suffix, and of each whether its stream can end there.

    ``tail_only`` spares what can be skipped: all but the last bytes of a file that is not compressed.
    """
    make = {".gz": _gunzip, ".zst": _unzstd}.get(path.suffix)
    try:
        with path.open("rb") as file:
            if make is None and tail_only:
                file.seek(max(file.seek(0, os.SEEK_END) - 1, 0))
            stream: Any = None
            while data := file.read(_CHUNK):
                if make is None:
                    yield data, True
                    continue
                while data:
                    if stream is None or stream.eof:
                        stream = make()
                    text = stream.decompress(data)
                    yield text, stream.eof
                    data = stream.unused_data if stream.eof else b""
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    except (zlib.error, zstandard.ZstdError) as error:
        raise SourceError(f"{path} is damaged, or not compressed as its name says.") from error


def _gunzip() -> Any:
    return zlib.decompressobj(_GZIP_WINDOW)


def _unzstd() -> Any:
    return zstandard.ZstdDecompressor().decompressobj()
