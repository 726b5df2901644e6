"""Opening files to read that somebody else may have put there: regular files alone, and never a wait for another."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

_DIRECT: Final = getattr(os, "O_NONBLOCK", 0)
"""With it a named pipe that nobody writes is opened at once; a regular file is read as ever."""

_PIECE_BYTES: Final = 1 << 20

_KINDS: Final = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)


def open_without_waiting(path: str | os.PathLike[str], flags: int) -> int:
    """A descriptor of a regular file: an ``opener`` for :func:`open`. Raises OSError for anything else.

    What was opened is asked, not the name: nobody can put something else there in between.
    """
    descriptor = os.open(path, flags | _DIRECT, 0o666)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "something else")
        _refuse(f"it is {kind}, and not a regular file", errno.EINVAL, path)
    return descriptor


def open_regular_file(path: Path) -> BinaryIO:
    """A regular file, open for reading. Raises OSError, also for anything else."""
    return open(path, "rb", opener=open_without_waiting)


def read_regular_file(path: Path, max_bytes: int) -> bytes:
    """All of a regular file that has at most ``max_bytes``. Raises OSError, also for a larger one."""
    with open_regular_file(path) as file:
        data = read_within(file, max_bytes)
    if data is None:
        _refuse(f"it has more than {max_bytes:,} bytes", errno.EFBIG, path)
    return data


def read_within(file: BinaryIO, max_bytes: int) -> bytes | None:
    """All that is left of a file; None where that is more than ``max_bytes``.

    It is read in pieces: Python allocates all that it is asked for before it reads, however short the file is, and
    Windows gives it that memory at once.
    """
    data = bytearray()
    while piece := file.read(min(_PIECE_BYTES, max_bytes + 1 - len(data))):
        data += piece
        if len(data) > max_bytes:
            return None
    return bytes(data)


def _refuse(reason: str, number: int, path: str | os.PathLike[str]) -> NoReturn:
    raise OSError(number, reason, os.fspath(path))
