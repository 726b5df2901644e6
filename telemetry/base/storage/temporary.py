"""Temporary folders: where a process makes what gets its name when it is complete, and what becomes of a killed one's.

A temporary folder lies in the folder of the output, because a rename does not leave a file system. Its name cannot be
guessed, and on Linux only its owner may look into it: nobody can lay a link where a file is going to be made. Its lock
says whether the process that made it still runs.
"""

import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from telemetry.base.errors import SinkError
from telemetry.base.storage.lock import TEMPORARY_LOCK_NAME, FileLock, HeldError, held_file
from telemetry.base.storage.output_file import make_folder

_NAME: Final = re.compile(r"\.temporary-[0-9a-f]{32}")
_FORMER_FILE_NAMES: Final = re.compile(
    r"""\.unfinished-\d+-.+          # a conversion, with the number of its process
    |   \.(?:manifest|quality|request)\.json\.unfinished
    |   (?P<recording>.+\.mcap)\.recovering
    |   (?P<lines>.+\.(?:jsonl|csv)(?:\.gz|\.zst)?)\.mending""",
    re.VERBOSE | re.DOTALL,
)
"""Files that earlier versions made beside their output: a killed one left them for ever."""
_FORMER_BUSY_S: Final = 60.0
"""Seconds since the last change after which no earlier version, which did not lock all of them, still writes one."""
_PERMISSIONS: Final = 0o777 if sys.platform == "win32" else 0o700
"""Newer Pythons make of the latter, on Windows, an access list that files keep when they are moved out."""
_ATTEMPTS: Final = 100


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A new folder in ``parent``, removed at the end with all that is still in it.

    It has a name of its own, :data:`TEMPORARY_LOCK_NAME`, that is taken. What killed processes left in ``parent`` is
    removed first. Raises OSError where the folder cannot be made.
    """
    remove_abandoned(parent)
    path, lock = _make(parent)
    try:
        yield path
    finally:
        remove_locked_folder(path, lock)


def make_private_folder(folder: Path) -> None:
    """Make a folder that on Linux only this user may look into, or take the one that is there, if it is this user's.

    Raises :class:`telemetry.SinkError`, also for a link, which could lead to files that are not ours to remove.
    """
    try:
        make_folder(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(_PERMISSIONS)
        is_own = _is_own_folder(folder)
    except OSError as error:
        raise SinkError(f"The folder {folder} cannot be written: {error.strerror}.") from error
    if not is_own:
        raise SinkError(f"{folder} is needed for unfinished work, and is not a folder of this user. Remove it.")


def remove_abandoned(parent: Path) -> None:
    """Remove the temporary folders in ``parent`` whose process has ended, as far as this user may.

    Where the file system has no locks, all stay. What earlier versions left, under other names, is removed too.
    """
    with suppress(OSError):
        for path in list(parent.iterdir()):
            if _NAME.fullmatch(path.name):
                _remove_if_abandoned(path)
            elif former := _FORMER_FILE_NAMES.fullmatch(path.name):
                _remove_former_file(path, former["recording"] or former["lines"])


def is_temporary(path: Path) -> bool:
    """Whether a path lies in a temporary folder."""
    return any(_NAME.fullmatch(part) for part in path.parts)


def remove_locked_folder(folder: Path, lock: FileLock) -> None:
    """Remove a folder with everything in it, and at the very end the file of its lock, which is in it too.

    Who wants the lock meanwhile is refused, or finds that there is no folder; it never gets one that is being removed.
    What cannot be removed stays, with the file of the lock.
    """
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path != lock.path:
                with suppress(OSError):  # another program reads it, on Windows
                    path.unlink()
        if list(folder.iterdir()) == [lock.path]:
            lock.remove()
            folder.rmdir()
    lock.close()


def _make(parent: Path) -> tuple[Path, FileLock]:
    """A new folder and its lock, which others may take for abandoned and remove before it has the lock."""
    for _ in range(_ATTEMPTS):
        path = parent / f".temporary-{secrets.token_hex(16)}"
        path.mkdir(_PERMISSIONS)
        with suppress(HeldError, FileNotFoundError):
            (path / TEMPORARY_LOCK_NAME).touch()
            return path, FileLock(path / TEMPORARY_LOCK_NAME, "It is being removed.", must_exist=True)
    raise SinkError(f"The folder {parent} cannot be written: other processes remove what is made there.")


def _remove_if_abandoned(folder: Path) -> None:
    """Remove a folder unless its lock is held; one without its lock file is only removed if it is empty.

    A folder that another user made, or a link, was not left by a process of ours.
    """
    if not _is_own_folder(folder):
        return
    path = folder / TEMPORARY_LOCK_NAME
    if not path.exists():
        with suppress(OSError):
            folder.rmdir()
        return
    with suppress(SinkError):
        lock = FileLock(path, "Its process still runs.", must_exist=True)
        if lock.is_known:
            remove_locked_folder(folder, lock)
        lock.close()


def _remove_former_file(path: Path, repaired: str | None) -> None:
    """Remove what an earlier version left: a file of this user, not held, beside the recording that it ``repaired``."""
    with suppress(OSError, HeldError):
        status = path.lstat()
        is_own = stat.S_ISREG(status.st_mode) and (sys.platform == "win32" or status.st_uid == os.geteuid())
        is_old = abs(time.time() - status.st_mtime) > _FORMER_BUSY_S
        if is_own and is_old and (repaired is None or path.with_name(repaired).exists()):
            with held_file(path):
                path.unlink()


def _is_own_folder(folder: Path) -> bool:
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and (sys.platform == "win32" or status.st_uid == os.geteuid())
