"""Locks: what one process at a time may have, and the names and paths of all lock files.

The operating system releases a lock when the process that holds it ends, however it ends. On Linux a lock belongs to
the open file (``flock``), which can be renamed and removed while it is held. On Windows it is a byte far beyond the
end, and a file that a program has open can be neither renamed nor removed.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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

CATALOG_LOCK_NAME: Final = ".changing"
"""Lock file in the folder of a catalog that is being changed."""

OUTBOX_LOCK_NAME: Final = ".delivering"
"""Lock file in an outbox from which recordings are being delivered."""

TEMPORARY_LOCK_NAME: Final = ".lock"
"""Lock file in a temporary folder, as long as the process that made it needs it."""

_OPEN_FLAGS: Final = sum(getattr(os, name, 0) for name in ("O_BINARY", "O_NOFOLLOW", "O_NONBLOCK"))
"""A lock is never opened through a link, and a named pipe in its place must not wait for a partner."""


class HeldError(SinkError):
    """Another process holds the lock, or another part of this one."""


def lock_file(descriptor: int, name: str) -> None:
    """Keep the file of this descriptor from other writers until it is closed; everybody can still read it.

    Raises :class:`HeldError` where another process holds it.
    """
    _lock(descriptor, f"{name} is being recorded now, by another process.")


@contextmanager
def held_file(path: Path) -> Iterator[None]:
    """Hold the lock of a file that is about to be replaced or removed, where there is one.

    On Windows the lock is released before the block, since nobody can replace or remove an open file there: a process
    that opens the file in between keeps it by that. Raises :class:`HeldError` where another process holds the file, and
    OSError where it can be neither written nor read, so that nobody can tell.
    """
    descriptor = _open_existing(path)
    if descriptor is None:
        yield
        return
    is_open = True
    try:
        refusal = f"The file {path} is being written now, by another process, and stays as it is."
        _lock(descriptor, refusal)
        if not is_in_place(descriptor, path):  # another process replaced it between the two calls
            raise HeldError(refusal)
        if sys.platform == "win32":
            os.close(descriptor)
            is_open = False
        yield
    finally:
        if is_open:
            os.close(descriptor)


def is_in_place(descriptor: int, path: Path) -> bool:
    """Whether this path still leads to the open file: it can be removed or replaced before its lock was there.

    Windows keeps an open file in its place, and does not always tell which file a path leads to that is mapped.
    """
    if sys.platform == "win32":
        return True
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


class FileLock:
    """A lock file, held from now until it is closed; its folder is created.

    A second lock on the same file is refused in the same process too. ``is_known`` is false where the file system has
    no locks, so that nobody can tell who holds it. With ``must_exist`` nothing is made. Raises :class:`HeldError` with
    the text of ``refusal`` where the lock is held, or its file is removed just then, and :class:`telemetry.SinkError`
    where the file cannot be written, or is none: a link, for example.
    """

    def __init__(self, path: Path, refusal: str, *, must_exist: bool = False) -> None:
        self.path = path
        self._descriptor: int | None = None
        try:
            if not must_exist:
                path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | _OPEN_FLAGS | (0 if must_exist else os.O_CREAT), 0o666)
        except OSError as error:
            if must_exist and isinstance(error, FileNotFoundError):
                raise HeldError(refusal) from error
            raise SinkError(f"The folder {path.parent} cannot be written: {error.strerror}.") from error
        self._descriptor = descriptor
        try:
            self.is_known = _lock(descriptor, refusal)
            if not is_in_place(descriptor, path):  # its holder removed it between the two calls
                raise HeldError(refusal)
        except SinkError:
            self.close()
            raise

    def close(self) -> None:
        """Release the lock; harmless when done twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def remove(self) -> None:
        """Remove the lock file and release the lock; nobody gets a lock on a file that has gone. Raises OSError."""
        if sys.platform == "win32":  # which removes no open file, and none that another process has opened meanwhile
            self.close()
            self.path.unlink()
        else:
            self.path.unlink()
            self.close()


def lock_plan_folder(folder: Path) -> FileLock:
    """The lock of a folder that a plan is recorded into; SinkError where another recording holds it."""
    return FileLock(folder / PLAN_LOCK_NAME, f"Another recording works in {folder} now.")


def lock_dataset_folder(folder: Path) -> FileLock:
    """The lock of a dataset's staging folder; SinkError where another conversion holds it."""
    return FileLock(folder / DATASET_LOCK_NAME, f"Another conversion is running in {folder}.")


def lock_catalog(folder: Path) -> FileLock:
    """The lock of a catalog that is about to change; SinkError where another command changes it."""
    return FileLock(
        folder / CATALOG_LOCK_NAME, f"Another command changes the catalog {folder} now. Wait until it ends."
    )


def lock_outbox(outbox: Path, recordings: Path) -> FileLock:
    """The lock of the outbox of a folder of recordings; HeldError where another process delivers from it."""
    return FileLock(
        outbox / OUTBOX_LOCK_NAME, f"Another command delivers the recordings of {recordings} now. Wait until it ends."
    )


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


def _open_existing(path: Path) -> int | None:
    """A descriptor of a file for its lock, for writing where that is allowed; None where there is no file."""
    flags = _OPEN_FLAGS & ~getattr(os, "O_NOFOLLOW", 0)  # the file that the user's link leads to is the one to ask
    try:
        return os.open(path, os.O_RDWR | flags)  # a network file system locks only what is open for writing
    except FileNotFoundError:
        return None
    except OSError:
        return os.open(path, os.O_RDONLY | flags)


def _lock(descriptor: int, refusal: str) -> bool:
    """Take a lock; false where the file system has none."""
    try:
        _take(descriptor)
    except BlockingIOError:
        raise HeldError(refusal) from None
    except OSError:
        return False
    return True
