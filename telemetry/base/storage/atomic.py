"""Files and folders that are written completely or not at all: write beside, sync to the disk, rename.

:func:`atomic_write` is for the output of a command, :func:`atomic_write_text` for a small file that is rewritten often.
Code that fills a file itself makes it in a temporary folder (:mod:`telemetry.base.storage.temporary`) and ends with
:func:`replace_file` or :func:`name_file`. They, and :func:`remove_file`, are the only ways to replace or to delete a
file that another process may hold: they ask its lock first.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import IO, Final

from telemetry.base.errors import SinkError
from telemetry.base.storage.lock import TEMPORARY_LOCK_NAME, held_file
from telemetry.base.storage.output_file import make_folder
from telemetry.base.storage.temporary import temporary_folder
from telemetry.base.text import to_unicode

RENAME_ATTEMPTS: Final = 20
RENAME_PAUSE_S: Final = 0.05
"""Windows renames nothing while another program, for example a virus scanner, reads it: together one second."""


@contextmanager
def atomic_write(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A path to write to, with the same name in a temporary folder; it becomes ``path`` when the block succeeds.

    Files that the block has made beside it get their names beside ``path``, before it gets its own. Folders that are
    missing are made. However else the block ends, nothing is left of it, and an existing file stays as it was. Where
    ``path`` is a symbolic link, the file that it leads to is replaced, and of a file with several names
    (hard links) this name alone. Raises :class:`telemetry.SinkError`, also where ``path`` exists and ``overwrite`` is
    false, and where another process is writing it.
    """
    _check_target(path, overwrite=overwrite)
    make_folder(path.parent)
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    try:
        if overwrite:
            with held_file(path):  # finds out at once, not when all the work is done
                pass
        with temporary_folder(target.parent) as folder:
            unfinished = folder / path.name
            yield unfinished
            sync_to_disk(unfinished)
            companions = companions_of(unfinished)
            for made in [*companions, unfinished]:  # which another program may have made meanwhile
                _check_target(path.with_name(made.name), overwrite=overwrite)
            for companion in companions:
                sync_to_disk(companion)
                _give_name(companion, target.with_name(companion.name), overwrite=overwrite)
            _give_name(unfinished, target, overwrite=overwrite)
    except OSError as error:
        raise SinkError(f"The file {path} cannot be written: {error.strerror}. Nothing is left of it.") from error
    except SinkError as error:
        cause = error.__cause__
        reason = cause.strerror if isinstance(cause, OSError) else None
        if reason is None and not target.parent.is_dir():
            reason = "its folder was removed meanwhile"
        if reason is None:
            raise
        raise SinkError(f"The file {path} cannot be written: {reason}. Nothing is left of it.") from error


def companions_of(unfinished: Path) -> list[Path]:
    """The files that the block of an :func:`atomic_write` has made beside its own one so far, by name."""
    return sorted(
        other for other in unfinished.parent.iterdir() if other != unfinished and other.name != TEMPORARY_LOCK_NAME
    )


def _give_name(unfinished: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        replace_file(unfinished, path)
        return
    try:
        name_file(unfinished, path)
    except FileExistsError:
        raise _exists_already(path) from None


def atomic_write_text(path: Path, text: str) -> None:
    """Replace a file by this text and a newline, in UTF-8; a reader sees the old or the new file.

    A symbolic link is replaced too, not followed: such a file has a name that the user did not choose.
    Raises OSError, and :class:`telemetry.SinkError` where another process holds the file.
    """
    with temporary_folder(path.parent) as folder:
        unfinished = folder / path.name
        with unfinished.open("x", encoding="utf-8", newline="\n") as file:
            file.write(to_unicode(text))
            file.write("\n")
        sync_to_disk(unfinished)
        replace_file(unfinished, path)


def replace_file(unfinished: Path, path: Path) -> None:
    """Give a file its name; it takes the place of the file ``path``, if there is one, and gets its permissions.

    Raises :class:`telemetry.base.storage.lock.HeldError` where another process holds that file, and OSError.
    """
    with held_file(path):
        _rename_with_permissions(unfinished, path)


def replace_locked_file(unfinished: Path, path: Path, locked: IO[bytes]) -> None:
    """Like :func:`replace_file`, for a file whose lock this process has by ``locked``; closes that. Raises OSError."""
    with locked:
        if sys.platform == "win32":
            locked.close()  # it replaces no open file
        _rename_with_permissions(unfinished, path)


def name_file(unfinished: Path, path: Path) -> None:
    """Give a file a name that nothing has; raises OSError, FileExistsError where something has it."""

    def name() -> None:
        if sys.platform == "win32":
            unfinished.rename(path)  # which replaces nothing there
            return
        try:
            os.link(unfinished, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            if os.path.lexists(path):
                raise FileExistsError from None
            unfinished.rename(path)

    _try_often(name)
    sync_name(path)


def remove_file(path: Path) -> None:
    """Delete a file, unless another process holds it: then raises HeldError. Raises OSError."""
    with held_file(path):
        path.unlink()


def sync_to_disk(path: Path) -> None:
    """Have a file, or all files below a folder, on the disk: after a crash no name must exist without its bytes.

    Raises OSError.
    """
    for file_path in path.rglob("*") if path.is_dir() else (path,):
        if file_path.is_file():
            with file_path.open("rb+") as file:
                os.fsync(file.fileno())


def rename(old: Path, new: Path) -> None:
    """Give a file or a folder its name, with several attempts on Windows. Raises OSError.

    A file replaces another, whoever holds it: :func:`replace_file` is for a place where others may write.
    """
    _try_often(lambda: old.replace(new))


def _rename_with_permissions(unfinished: Path, path: Path) -> None:
    with suppress(OSError):  # a file system without permissions, or there is no file yet
        shutil.copymode(path, unfinished)
    rename(unfinished, path)
    sync_name(path)


def _try_often(act: Callable[[], object]) -> None:
    for attempt in range(RENAME_ATTEMPTS):
        try:
            act()
        except PermissionError:
            if os.name != "nt" or attempt == RENAME_ATTEMPTS - 1:
                raise
            Event().wait(RENAME_PAUSE_S)
        else:
            return


def sync_name(path: Path) -> None:
    """Have the name of a file on the disk too, where a system can do that."""
    with suppress(OSError):
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _check_target(path: Path, *, overwrite: bool) -> None:
    if not path.name or path.is_dir():
        raise SinkError(f"{path} is a folder; name a file.")
    if path.exists() and not path.is_file():
        raise SinkError(f"{path} is not a regular file and cannot be replaced by one.")
    if os.path.lexists(path) and not overwrite:
        raise _exists_already(path)


def _exists_already(path: Path) -> SinkError:
    return SinkError(f"The file {path} exists already and stays untouched. Use --overwrite to replace it.")
