"""Files that are written as a whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Final

from telemetry.base.errors import SinkError


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


_ATTEMPTS: Final = 20
_PAUSE_SECONDS: Final = 0.05
"""Windows renames nothing while somebody, a virus scanner say, looks at it."""


def replace_file(path: Path, text: str) -> None:
    """Write a file so that at any moment the old one or the new one is there, whole; raises OSError."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    with unfinished.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    rename(unfinished, path)


def rename(old: Path, new: Path) -> None:
    """Give a file or a folder its name, as often as it takes; a file takes the place of another. Raises OSError."""
    for attempt in range(_ATTEMPTS):
        try:
            old.replace(new)
        except PermissionError:
            if os.name != "nt" or attempt == _ATTEMPTS - 1:
                raise
            Event().wait(_PAUSE_SECONDS)
        else:
            return
