"""What a file holds: its bytes in chunks, their hash, and what tells without reading whether they have changed."""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

CHUNK_BYTES: Final = 1 << 20


class FileVersion(NamedTuple):
    """A file that is written to gets another one."""

    size: int
    modified_ns: int
    """Unix time of the last change."""

    @classmethod
    def of(cls, path: Path) -> "FileVersion":
        """That of a file now. Raises OSError."""
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns)

    @classmethod
    def find(cls, path: Path) -> "FileVersion | None":
        """That of a file now; None where there is none, or it cannot be asked."""
        try:
            return cls.of(path)
        except OSError:
            return None


def read_chunks(file: BinaryIO, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
    """All that is left to read of a file. Raises OSError."""
    while chunk := file.read(chunk_bytes):
        yield chunk


def hash_chunks(chunks: Iterable[bytes]) -> str:
    """The SHA-256 of these bytes, in hexadecimal digits."""
    digest = sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits. Raises OSError."""
    with path.open("rb") as file:
        return hash_chunks(read_chunks(file))
