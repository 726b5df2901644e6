"""What waits to be delivered from a folder of recordings, and what was: files on the rig's disk that survive a crash.

The recordings stay where they are. The folder ``.outbox`` beside them holds a small file for each that waits, which is
replaced as a whole, and a list of those that were delivered, which only grows.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from telemetry.base.errors import SinkError
from telemetry.base.storage.atomic import atomic_write_text, sync_name, sync_to_disk
from telemetry.base.storage.file_content import FileVersion
from telemetry.base.storage.inside_folder import OutsideFolderError, path_inside
from telemetry.base.storage.output_file import make_folder
from telemetry.base.storage.regular_file import read_regular_file
from telemetry.base.typed_values import build

OUTBOX_NAME: Final = ".outbox"

MAX_ENTRY_BYTES: Final = 1 << 16
MAX_LIST_BYTES: Final = 1 << 28

_WAITING_NAME: Final = "waiting"
_LIST_NAME: Final = "delivered.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFile:
    """A recording that is to be delivered."""

    file: str
    """Its path in the folder of recordings, with slashes."""
    target: str
    added: float
    """Unix time, by a clock that may have been off."""
    tyres_out: int | None = None
    """The threshold with which the recording's summary is stored in it first; None: it stays as it is."""
    attempts: int = 0
    error: str = ""
    """Why the last attempt failed, as a sentence; empty before the first one."""


class DeliveredFile(NamedTuple):
    """What a recording was when it was delivered."""

    size: int
    modified_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """What waits in an outbox; ``/healthz`` shows it under these names."""

    waiting: int = 0
    """Recordings that were not delivered yet, the one that is being recorded included."""
    waiting_bytes: int = 0
    oldest: float | None = None
    """The Unix time at which the first of them was added; None where nothing waits."""
    error: str = ""
    """Why the last attempt failed; empty after one that did not."""

    @property
    def oldest_s(self) -> float | None:
        """How long the first of them has been waiting, in seconds."""
        return None if self.oldest is None else round(max(0.0, time.time() - self.oldest), 1)

    def to_dict(self) -> dict[str, Any]:
        """The status for a program, JSON-compatible."""
        return {
            "waiting": self.waiting,
            "waiting_bytes": self.waiting_bytes,
            "oldest_s": self.oldest_s,
            "error": self.error,
        }


class Outbox:
    """The outbox of a folder of recordings. Nothing is written before something is added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._waiting = folder / OUTBOX_NAME / _WAITING_NAME
        self._list = folder / OUTBOX_NAME / _LIST_NAME
        self._delivered: dict[tuple[str, str], DeliveredFile] | None = None

    def add(self, path: Path, target: str, *, tyres_out: int | None = None) -> None:
        """Have a recording of the folder delivered once it is finished; harmless where it waits already.

        Raises :class:`telemetry.SinkError`.
        """
        entry = WaitingFile(file=self._name_of(path), target=target, added=time.time(), tyres_out=tyres_out)
        self.path(entry)
        if not self._path_of(entry).exists():
            make_folder(self._waiting)
            self._write(entry)

    def waiting(self, target: str | None = None) -> list[WaitingFile]:
        """What waits, for this target or for any, the first first; damaged entries are passed over."""
        found = []
        with suppress(FileNotFoundError):
            for path in self._waiting.glob("*.json"):
                with suppress(OSError, ValueError, TypeError):
                    entry = build(WaitingFile, orjson.loads(read_regular_file(path, MAX_ENTRY_BYTES)))
                    if target in (None, entry.target):
                        found.append(entry)
        return sorted(found, key=lambda entry: (entry.added, entry.file))

    def path(self, entry: WaitingFile) -> Path:
        """Where the recording lies; :class:`telemetry.SinkError` for an entry that leads out of the folder."""
        try:
            return path_inside(self.folder, entry.file)
        except OutsideFolderError as error:
            raise SinkError(f"{self._path_of(entry)} names a file outside of {self.folder}: {error}.") from None

    def fail(self, entry: WaitingFile, sentence: str) -> None:
        """Remember why a recording could not be delivered. Raises :class:`telemetry.SinkError`."""
        self._write(replace(entry, attempts=entry.attempts + 1, error=sentence))

    def finish(self, entry: WaitingFile, delivered: DeliveredFile) -> None:
        """Remember that a recording was delivered. Raises :class:`telemetry.SinkError`."""
        known = self._known()
        if known.get((entry.target, entry.file)) == delivered:
            self.forget(entry)
            return
        line = orjson.dumps({"file": entry.file, "target": entry.target, **delivered._asdict()})
        try:
            with self._list.open("ab") as file:
                file.write(b"\n" + line + b"\n" if _lacks_end(self._list) else line + b"\n")
            sync_to_disk(self._list)
        except OSError as error:
            raise SinkError(f"{self._list} cannot be written: {error.strerror}.") from error
        known[entry.target, entry.file] = delivered
        self.forget(entry)

    def forget(self, entry: WaitingFile) -> None:
        """Let a recording wait no longer. Raises :class:`telemetry.SinkError`."""
        path = self._path_of(entry)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise SinkError(f"{path} cannot be removed: {error.strerror}.") from error
        sync_name(path)

    def delivered(self, path: Path, target: str) -> DeliveredFile | None:
        """What this recording was when it was delivered there, if it has the size and the time of change of then."""
        known = self._known().get((target, self._name_of(path)))
        return known if known is not None and known[:2] == FileVersion.find(path) else None

    def status(self, target: str | None = None) -> DeliveryStatus:
        """What waits now, for this target or for any."""
        entries = self.waiting(target)
        size = 0
        for entry in entries:
            with suppress(OSError, SinkError):
                size += self.path(entry).stat().st_size
        error = max(entries, key=lambda entry: entry.attempts).error if entries else ""
        return DeliveryStatus(len(entries), size, min((entry.added for entry in entries), default=None), error)

    def _name_of(self, path: Path) -> str:
        return path.absolute().relative_to(self.folder.absolute()).as_posix()

    def _path_of(self, entry: WaitingFile) -> Path:
        key = sha256(f"{entry.target}\n{entry.file}".encode()).hexdigest()
        return self._waiting / f"{key[:32]}.json"

    def _write(self, entry: WaitingFile) -> None:
        path = self._path_of(entry)
        try:
            atomic_write_text(path, orjson.dumps(asdict(entry)).decode())
        except OSError as error:
            raise SinkError(f"{path} cannot be written: {error.strerror}.") from error

    def _known(self) -> dict[tuple[str, str], DeliveredFile]:
        if self._delivered is None:
            self._delivered = {
                (row["target"], row["file"]): DeliveredFile(row["size"], row["modified_ns"], row["sha256"])
                for row in _read_list(self._list)
            }
        return self._delivered


def _read_list(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of the list; lines that a power cut left half are passed over: those files are looked at again."""
    try:
        lines = read_regular_file(path, MAX_LIST_BYTES).splitlines()
    except OSError:
        return
    for line in lines:
        with suppress(ValueError):
            row = orjson.loads(line)
            if isinstance(row, dict) and row.keys() >= {"target", "file", "size", "modified_ns", "sha256"}:
                yield row


def _lacks_end(path: Path) -> bool:
    """Whether a power cut left the last line of a file half."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 1))
        return size > 0 and file.read(1) != b"\n"
