"""A folder that one recording, or one of any other work, goes on in at a time."""

import sys
from pathlib import Path
from typing import IO

from telemetry.errors import SinkError
from telemetry.recorder import Closing

if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[bytes]) -> None:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error

else:
    import fcntl

    def _take(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lock(Closing):
    """Keeps other processes out of a folder until it is closed; however this process ends, the system opens it again.

    The folder is made where there is none. Raises :class:`telemetry.SinkError` where another process works in it.
    """

    def __init__(self, folder: Path, work: str = "recording") -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / f".{work}").open("ab")
        except OSError as error:
            raise SinkError(f"The folder {folder} cannot be written: {error.strerror}.") from error
        try:
            _take(self._file)
        except BlockingIOError:
            self._file.close()
            raise SinkError(f"Another {work} works in {folder} now.") from None
        except OSError:  # a file system that knows no locks
            return

    def close(self) -> None:
        """Let others in."""
        self._file.close()
