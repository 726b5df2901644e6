"""Giving text files their end: what the formats of lines share."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from telemetry.base.errors import SinkError, SourceError
from telemetry.base.storage.atomic import replace_locked_file, sync_to_disk
from telemetry.base.storage.lock import lock_file
from telemetry.base.storage.regular_file import open_regular_file
from telemetry.base.storage.temporary import remove_abandoned, temporary_folder
from telemetry.formats.compression import Compression


class Repair(NamedTuple):
    """What a repair did: whether the file was complete before, and how many bytes of its text were no complete line."""

    was_complete: bool
    discarded_bytes: int


COMPLETE = Repair(was_complete=True, discarded_bytes=0)
"""The file had its end, and stays as it was."""


def replace_compressed(path: Path, compression: Compression, lines: Iterable[bytes], locked: IO[bytes]) -> None:
    """Replace a compressed file by one of these lines, each with its line feed.

    ``locked`` is the open file whose lock keeps others out; it is closed. Where ``path`` is a symbolic link, the file
    that it leads to is replaced. Raises OSError.
    """
    path = path.resolve()
    with temporary_folder(path.parent) as folder:
        repaired = folder / path.name
        with repaired.open("xb") as output:
            stream = compression.compressor()
            for line in lines:
                output.write(stream.compress(line))
            output.write(stream.flush(compression.finish))
        sync_to_disk(repaired)
        replace_locked_file(repaired, path, locked)


@contextmanager
def locked_for_repair(path: Path) -> Iterator[IO[bytes]]:
    """The open file, while its lock keeps writers out.

    What an earlier repair that was killed left beside it is removed. An OSError in the block becomes a
    :class:`telemetry.SinkError`. Raises :class:`telemetry.SourceError` for a file
    that cannot be read, and :class:`telemetry.SinkError` for one that is being recorded.
    """
    try:
        file = open_regular_file(path)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    with file:
        lock_file(file.fileno(), str(path))
        remove_abandoned(path.parent)
        try:
            yield file
        except OSError as error:
            raise SinkError(f"The file {path} cannot be written: {error.strerror}.") from error
