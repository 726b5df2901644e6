"""Identifies the files that a dataset is made with, so that the results of two are never mixed."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from telemetry.base.errors import SourceError


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A small file that conversions read, as it was when it was pinned."""

    path: Path
    digest: str

    @classmethod
    def of(cls, path: Path) -> "PinnedFile":
        """Pin a file. Raises OSError."""
        return cls(path.absolute(), _digest(path))

    def check(self) -> Path:
        """The path. Raises :class:`telemetry.SourceError` if the file has changed, and OSError."""
        if _digest(self.path) != self.digest:
            raise SourceError(f"The file {self.path} has changed in the meantime. Start again.")
        return self.path


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
