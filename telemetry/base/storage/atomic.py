"""Files and folders that are written completely or not at all: write beside, sync to the disk, rename.

:func:`atomic_write` is for the output of a command, :func:`atomic_write_text` for a small file that is rewritten often.
Code that fills a file or folder itself ends with :func:`publish`, or with :func:`sync_to_disk` and :func:`rename` where
it has something to check in between.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Final

from telemetry.base.errors import SinkError
from telemetry.base.storage.output_file import make_folder
from telemetry.base.text import to_unicode

RENAME_ATTEMPTS: Final = 20
RENAME_PAUSE_S: Final = 0.05
"""Windows renames nothing while another program, for example a virus scanner, reads it: together one second."""


@contextmanager
def atomic_write(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A path in the same folder to write to, with the same suffix; it becomes ``path`` when the block succeeds.

    Folders that are missing are made. However else the block ends, nothing is left of it, and an existing file stays as
    it was. Raises :class:`telemetry.SinkError`, also where ``path`` exists and ``overwrite`` is false.
    """
    unfinished = path.with_name(f".unfinished-{os.getpid()}-{path.name}")
    _check_target(path, overwrite=overwrite)
    try:
        unfinished.open("wb").close()  # finds out at once whether the system allows it
    except OSError as error:
        raise SinkError(f"The file {path} cannot be written: {error.strerror}.") from error
    try:
        yield unfinished
        sync_to_disk(unfinished)
        _check_target(path, overwrite=overwrite)  # another program may have made it meanwhile
        rename(unfinished, path)
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


def atomic_write_text(path: Path, text: str) -> None:
    """Replace a file by this text and a newline, in UTF-8; a reader sees the old or the new file. Raises OSError."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    with unfinished.open("w", encoding="utf-8", newline="\n") as file:
        file.write(to_unicode(text))
        file.write("\n")
    publish(unfinished, path)


def publish(unfinished: Path, path: Path, *, sync_name: bool = False) -> None:
    """Sync a file or folder to the disk and give it its final name. Raises OSError."""
    sync_to_disk(unfinished)
    rename(unfinished, path, sync_name=sync_name)


def sync_to_disk(path: Path) -> None:
    """Have a file, or all files below a folder, on the disk: after a crash no name must exist without its bytes.

    Raises OSError.
    """
    for file_path in path.rglob("*") if path.is_dir() else (path,):
        if file_path.is_file():
            with file_path.open("rb+") as file:
                os.fsync(file.fileno())


def rename(old: Path, new: Path, *, sync_name: bool = False) -> None:
    """Give a file or a folder its name, with several attempts on Windows; a file replaces another. Raises OSError.

    ``sync_name`` has the new name on the disk too, where a system can do that.
    """
    for attempt in range(RENAME_ATTEMPTS):
        try:
            old.replace(new)
        except PermissionError:
            if os.name != "nt" or attempt == RENAME_ATTEMPTS - 1:
                raise
            Event().wait(RENAME_PAUSE_S)
        else:
            break
    if sync_name:
        with suppress(OSError):
            descriptor = os.open(new.parent, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _check_target(path: Path, *, overwrite: bool) -> None:
    if not path.name or path.is_dir():
        raise SinkError(f"{path} is a folder; name a file.")
    make_folder(path.parent)
    if path.exists() and not path.is_file():
        raise SinkError(f"{path} is not a regular file and cannot be replaced by one.")
    if path.exists() and not overwrite:
        raise SinkError(f"The file {path} exists already and stays untouched. Use --overwrite to replace it.")
