"""Markers from another terminal: every running recording has an inbox, a file that others append lines to."""

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Final

import orjson

from telemetry.base.errors import SinkError
from telemetry.base.storage.atomic import remove_file
from telemetry.base.storage.lock import HeldError, user_state_dir
from telemetry.base.storage.output_file import OutputFile
from telemetry.base.text import to_unicode
from telemetry.recording.interfaces import Closeable

POLL_SECONDS: Final = 0.5
"""How often a recording reads its inbox."""

HEARTBEAT_SECONDS: Final = 1.0
"""How often a recording shows that it runs, by the modification time of its inbox."""

DEAD_SECONDS: Final = 10.0
"""An inbox that has not changed for so long, and that nobody holds, belongs to a recording that was killed."""

_SUFFIX: Final = ".mailbox"

Deliver = Callable[[str, float], None]
"""Takes a marker's name and how many seconds ago it was set; called from the inbox's thread."""


class MarkerInbox(Closeable):
    """The inbox of one recording, from which a thread delivers markers until it is closed.

    Raises :class:`telemetry.SinkError` where its file cannot be created.
    """

    def __init__(self, recording: str, deliver: Deliver, folder: Path | None = None) -> None:
        folder = folder or user_state_dir()
        self._deliver = deliver
        self._path = folder / f"{os.getpid()}-{time.time_ns()}-{secrets.token_hex(8)}{_SUFFIX}"
        self._header = orjson.dumps({"recording": to_unicode(recording)}, option=orjson.OPT_APPEND_NEWLINE)
        self._read = len(self._header)
        try:
            self._file = self._create()
        except SinkError as error:
            raise SinkError(f"Markers cannot be received: {error}") from error
        self._closing = Event()
        # Not a daemon: it is joined on every way out.
        self._thread = Thread(target=self._work, name="markers")
        self._thread.start()

    def close(self) -> None:
        """Deliver the markers that have arrived, and remove the inbox."""
        self._closing.set()
        self._thread.join()
        self._file.close()
        with suppress(OSError):  # Windows keeps it while a marker is being sent; it will be cleared away later
            self._path.unlink()

    def _work(self) -> None:
        touched_at = time.monotonic()
        while not self._closing.wait(POLL_SECONDS):
            self._deliver_new()
            if time.monotonic() - touched_at >= HEARTBEAT_SECONDS:
                touched_at = time.monotonic()
                self._touch()
        self._deliver_new()

    def _create(self) -> OutputFile:
        """The new inbox; its lock shows that the recording runs, also while this computer sleeps."""
        file = OutputFile.open(self._path)
        file.write(self._header)
        return file

    def _touch(self) -> None:
        with suppress(OSError, SinkError):
            try:
                os.utime(self._path)
            except FileNotFoundError:  # somebody removed it, or it was cleared away where there are no locks
                self._file.close()
                self._file = self._create()
                self._read = len(self._header)

    def _deliver_new(self) -> None:
        with suppress(OSError):
            if self._path.stat().st_size <= self._read:
                return
            with self._path.open("rb") as file:
                file.seek(self._read)
                lines = file.read()
            complete = lines.rfind(b"\n") + 1
            self._read += complete
            for line in lines[:complete].splitlines():
                self._read_line(line)

    def _read_line(self, line: bytes) -> None:
        with suppress(ValueError, KeyError, TypeError):
            marker = orjson.loads(line)
            seconds_ago = time.time() - float(marker["timestamp"])
            # Beyond that the system's clock was set in between, and the marker is new.
            self._deliver(str(marker["name"]), seconds_ago if 0.0 <= seconds_ago <= DEAD_SECONDS else 0.0)


def send_marker(name: str, folder: Path | None = None, *, recording: Path | None = None) -> list[str]:
    """Set a marker in this user's running recordings and return their names; inboxes of killed ones are removed.

    ``recording`` limits them to the one that writes this file, or into this folder.
    """
    line = orjson.dumps({"name": to_unicode(name), "timestamp": time.time()}, option=orjson.OPT_APPEND_NEWLINE)
    reached = []
    for path, running in _running(folder or user_state_dir()):
        if recording is not None and not _writes(running, recording):
            continue
        with suppress(OSError), path.open("r+b") as file:  # never creates one: a recording that ends now removes it
            file.seek(0, os.SEEK_END)
            file.write(line)
            reached.append(running)
    return reached


def running_recordings(folder: Path | None = None) -> list[str]:
    """The names of this user's recordings that run now and take markers."""
    return [recording for _, recording in _running(folder or user_state_dir())]


def _running(folder: Path) -> Iterator[tuple[Path, str]]:
    """The inboxes of this user's running recordings, each with the recording's name; removes those of killed ones."""
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        with suppress(OSError, ValueError, KeyError):
            status = path.stat()
            if sys.platform != "win32" and status.st_uid != os.getuid():
                continue  # the folder can be shared, as by programs that were started with sudo
            # In the future, too, where the system's clock was set back: a recording that runs soon makes it new.
            if abs(time.time() - status.st_mtime) > DEAD_SECONDS:
                with suppress(HeldError):  # its recording runs, and this computer slept
                    remove_file(path)
                    continue
            with path.open("rb") as file:
                recording = str(orjson.loads(file.readline())["recording"])
            yield path, recording


def _writes(recording: str, wanted: Path) -> bool:
    """Whether a recording of this name, a file or a folder, writes the file or folder that is wanted."""
    path = Path(recording).resolve()
    return path == wanted.resolve() or path in wanted.resolve().parents
