"""Whole files: what is made under a temporary name and appears when it is finished, and what tells whether one is."""

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson
import zstandard

from telemetry.errors import SinkError, SourceError

_CHUNK: Final = 1 << 18
_LONGEST_LINE: Final = 1 << 20
"""Bytes within which the first line of a recording ends; a full one has five thousand."""

_GZIP_WINDOW: Final = 31


@contextmanager
def atomic_write(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A path in the same folder to write to, with the same suffix; it becomes ``path`` when the block ends well.

    However else the block ends, nothing is left of it, and an older file stays what it was. Raises
    :class:`telemetry.SinkError`.
    """
    unfinished = path.with_name(f".unfinished-{os.getpid()}-{path.name}")
    _refuse(path, overwrite=overwrite)
    try:
        unfinished.open("wb").close()  # finds out at once what the system has against it
    except OSError as error:
        raise SinkError(f"The file {path} cannot be written: {error.strerror}.") from error
    try:
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())  # a system that crashes must not find a name without its bytes
        _refuse(path, overwrite=overwrite)  # somebody else may have made it meanwhile
        unfinished.replace(path)
    except OSError as error:
        raise SinkError(f"The file {path} cannot be written: {error.strerror}. Nothing is left of it.") from error
    except SinkError as error:
        cause = error.__cause__
        reason = cause.strerror if isinstance(cause, OSError) else None
        if reason is None:
            raise
        raise SinkError(f"The file {path} cannot be written: {reason}. Nothing is left of it.") from error
    finally:
        unfinished.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Have all files below a folder on the disk, so that it can be given its name. Raises OSError."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())


def _refuse(path: Path, *, overwrite: bool) -> None:
    if not path.name or path.is_dir():
        raise SinkError(f"{path} is a folder; name a file.")
    if not path.parent.is_dir():
        raise SinkError(f"There is no folder {path.parent} for {path.name}.")
    if path.exists() and not path.is_file():
        raise SinkError(f"{path} is no regular file, and cannot be replaced by one.")
    if path.exists() and not overwrite:
        raise SinkError(f"The file {path} exists already and stays untouched. Use --overwrite to replace it.")


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
