"""Retention: the oldest recordings of a folder are deleted until the rest fits a limit."""

import re
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

from telemetry.base.errors import SinkError
from telemetry.base.storage.atomic import remove_file
from telemetry.base.storage.lock import HeldError
from telemetry.base.storage.temporary import is_temporary

BUSY_SECONDS: Final = 5.0
"""A file that changed less than this ago may be in use by another recording."""


def prune(folder: Path, names: re.Pattern[str], limit: float, keep: Collection[Path]) -> list[tuple[Path, int]]:
    """Delete the oldest recordings in a folder until no more than ``limit`` bytes are left.

    Only files whose path in the folder, with slashes, matches ``names`` count; those in ``keep`` stay, and those that
    are being written, however long ago they changed. Returns what was deleted, with its size in bytes. Raises
    :class:`telemetry.SinkError` for a file that cannot be deleted.
    """
    recordings = []
    for path in folder.rglob("*"):
        if names.fullmatch(path.relative_to(folder).as_posix()) and path.is_file() and not is_temporary(path):
            status = path.stat()
            recordings.append((status.st_mtime, path, status.st_size))
    total = sum(size for _, _, size in recordings)
    deleted = []
    for changed, path, size in sorted(recordings):
        if total <= limit:
            break
        # A time in the future is one from before the system's clock was set back: nobody writes that file now.
        if path in keep or abs(time.time() - changed) < BUSY_SECONDS:
            continue
        try:
            remove_file(path)
        except HeldError:
            continue
        except OSError as error:
            raise SinkError(f"{path} cannot be deleted to make room: {error.strerror}.") from error
        total -= size
        deleted.append((path, size))
    return deleted
