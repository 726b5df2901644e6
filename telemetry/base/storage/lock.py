"""Locks: what one process at a time may have, and the names and paths of all lock files.

The operating system releases a lock when the process that holds it ends, however it ends.
"""

import os
import sys
from hashlib import sha256
from pathlib import Path
from typing import Final

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
        # LockFile blocks readers too, so lock one byte far beyond the end of the file: farther than msvcrt.locking can
        # count.
        if not _kernel32.LockFile(msvcrt.get_osfhandle(descriptor), 0, 1 << 30, 1, 0):
            error = ctypes.get_last_error()
            raise BlockingIOError if error == _LOCK_VIOLATION else OSError(error, "The file cannot be locked")

else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


PLAN_LOCK_NAME: Final = ".recording"
"""Lock file in the folder of a plan that is being recorded."""

DATASET_LOCK_NAME: Final = ".conversion"
"""Lock file in the staging folder of a dataset that is being built."""


def lock_file(descriptor: int, name: str) -> None:
    """Keep the file of this descriptor from other writers until it is closed; everybody can still read it.

    Raises :class:`telemetry.SinkError` where another process holds it.
    """
    _lock(descriptor, f"{name} is being recorded now, by another process.")


class FileLock:
    """A lock file, held from now until it is closed; its folder is created.

    A second lock on the same file is refused in the same process too. Raises :class:`telemetry.SinkError`, with the
    text of ``refusal`` where the lock is held, and where the file cannot be written.
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
        """Release the lock; harmless when done twice."""
        self._file.close()


def lock_plan_folder(folder: Path) -> FileLock:
    """The lock of a folder that a plan is recorded into; SinkError where another recording holds it."""
    return FileLock(folder / PLAN_LOCK_NAME, f"Another recording works in {folder} now.")


def lock_dataset_folder(folder: Path) -> FileLock:
    """The lock of a dataset's staging folder; SinkError where another conversion holds it."""
    return FileLock(folder / DATASET_LOCK_NAME, f"Another conversion is running in {folder}.")


def lock_actuator(name: str) -> FileLock:
    """The lock of an actuator of this user, by its name; SinkError where another environment holds it."""
    path = user_state_dir() / f"actuator-{sha256(name.encode()).hexdigest()[:16]}.lock"
    return FileLock(path, f"{name} is in use by another environment, here or in another process. Close that one.")


def user_state_dir() -> Path:
    """The folder for files that this user's running programs share; SinkError if the user has no home directory."""
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
    except OSError:  # a file system without locks
        return
