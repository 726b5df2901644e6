"""What one process at a time may have: a file that is being recorded, a folder, a way to drive.

However a process ends, the system lets the next one in.
"""

import os
import sys
from pathlib import Path

from telemetry.base.errors import SinkError

if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel32.LockFile.argtypes = (wintypes.HANDLE, *[wintypes.DWORD] * 4)
    _kernel32.LockFile.restype = wintypes.BOOL
    _LOCK_VIOLATION = 33

    def _take(descriptor: int) -> None:
        # What is locked there nobody else can read: a byte that no file reaches, for which msvcrt.locking counts too
        # short.
        if not _kernel32.LockFile(msvcrt.get_osfhandle(descriptor), 0, 1 << 30, 1, 0):
            error = ctypes.get_last_error()
            raise BlockingIOError if error == _LOCK_VIOLATION else OSError(error, "The file cannot be locked")

else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock_file(descriptor: int, name: str) -> None:
    """Keep the file of this descriptor from every other writer that asks, until it is closed; all can read it.

    Raises :class:`telemetry.SinkError` where another holds it.
    """
    _lock(descriptor, f"{name} is being recorded now, by another process.")


class FileLock:
    """A file that stands for something which only one may have, from now until it is closed; its folder is made.

    Another one is refused in the same process too. Raises :class:`telemetry.SinkError` with the ``refusal`` where
    somebody has it, and where the file cannot be written.
    """

    def __init__(self, path: Path, refusal: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
        except OSError as error:
            raise SinkError(f"The folder {path.parent} cannot be written: {error.strerror}.") from error
        try:
            _lock(self._file.fileno(), refusal)
        except SinkError:
            self._file.close()
            raise

    def close(self) -> None:
        """Let others in; harmless when done twice."""
        self._file.close()


def user_state_dir() -> Path:
    """Where this user's running programs leave what is for each other; SinkError where there is no place."""
    variable, usual = (
        ("LOCALAPPDATA", "AppData/Local") if sys.platform == "win32" else ("XDG_STATE_HOME", ".local/state")
    )
    try:
        base = Path(os.environ.get(variable) or Path.home() / usual)
    except RuntimeError as error:
        raise SinkError("There is no place for markers and locks: this user has no home directory.") from error
    return base / "ac-telemetry"


def _lock(descriptor: int, refusal: str) -> None:
    try:
        _take(descriptor)
    except BlockingIOError:
        raise SinkError(refusal) from None
    except OSError:  # a file system that knows no locks
        return
