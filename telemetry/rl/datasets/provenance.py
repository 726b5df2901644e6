"""Identifies the program and the files that a dataset is made with, so that the results of two are never mixed."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import telemetry
from telemetry.base.errors import SourceError
from telemetry.base.version import VERSION


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


def tool_name() -> str:
    """Name and version of the program."""
    return f"ac-telemetry {VERSION}"


@cache
def program_digest() -> str:
    """:func:`tool_name` with a digest of the code, because the code of a checkout changes without its version."""
    root = Path(telemetry.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.read_bytes())
    return f"{tool_name()} ({digest.hexdigest()[:12]})"
