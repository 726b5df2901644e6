"""Making room: the oldest recordings of a folder are deleted until the rest fits."""

from collections.abc import Iterable
from pathlib import Path

from telemetry.errors import SinkError


def prune(folder: Path, suffixes: Iterable[str], limit: float, keep: Path) -> list[tuple[Path, int]]:
    """Delete the oldest recordings under a folder until no more than ``limit`` bytes are left; the path ``keep`` stays.

    Gives what was deleted, with its size. Raises :class:`telemetry.SinkError` for a file that cannot be deleted.
    """
    endings = tuple(suffixes)
    found = []
    for path in folder.rglob("*"):
        if path.name.endswith(endings) and path.is_file():
            status = path.stat()
            found.append((status.st_mtime, path, status.st_size))
    total = sum(size for _, _, size in found)
    deleted = []
    for _, path, size in sorted(found):
        if total <= limit:
            break
        if path == keep:
            continue
        try:
            path.unlink()
        except OSError as error:
            raise SinkError(f"{path} cannot be deleted to make room: {error.strerror}.") from error
        total -= size
        deleted.append((path, size))
    return deleted
