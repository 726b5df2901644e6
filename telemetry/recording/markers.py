"""Markers from another terminal: every running recording has a mailbox, a file that others append lines to."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Final

import orjson

from telemetry.base.errors import SinkError
from telemetry.base.storage.lock import user_state_dir
from telemetry.recording.interfaces import Closeable

LOOK_SECONDS: Final = 0.5
"""How often a recording looks into its mailbox."""

BEAT_SECONDS: Final = 1.0
"""How often a recording shows that it is alive, by the time of its mailbox's last change."""

DEAD_SECONDS: Final = 10.0
"""A mailbox that has not changed for so long belongs to a recording that was killed."""

_SUFFIX: Final = ".mailbox"

Deliver = Callable[[str, float], None]
"""Takes a marker's name and the Unix time at which it was set; called from the mailbox's thread."""


class MarkerInbox(Closeable):
    """The mailbox of one recording, from which a thread delivers markers until it is closed.

    Raises :class:`telemetry.SinkError` where none can be made.
    """

    def __init__(self, recording: str, deliver: Deliver, folder: Path | None = None) -> None:
        folder = folder or user_state_dir()
        self._deliver = deliver
        self._path = folder / f"{os.getpid()}-{time.time_ns()}{_SUFFIX}"
        self._header = orjson.dumps({"recording": recording}, option=orjson.OPT_APPEND_NEWLINE)
        self._read = len(self._header)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(self._header)
        except OSError as error:
            raise SinkError(f"Markers cannot be taken: {self._path} cannot be written: {error.strerror}.") from error
        self._closing = Event()
        # Not a daemon: it is joined on every way out.
        self._thread = Thread(target=self._work, name="markers")
        self._thread.start()

    def close(self) -> None:
        """Deliver what has come, and take no more."""
        self._closing.set()
        self._thread.join()
        with suppress(OSError):  # Windows leaves it while somebody posts; it will be found dead
            self._path.unlink()

    def _work(self) -> None:
        beaten = time.monotonic()
        while not self._closing.wait(LOOK_SECONDS):
            self._look()
            if time.monotonic() - beaten >= BEAT_SECONDS:
                beaten = time.monotonic()
                self._touch()
        self._look()

    def _touch(self) -> None:
        with suppress(OSError):
            try:
                os.utime(self._path)
            except FileNotFoundError:  # taken for dead while this computer slept
                self._path.write_bytes(self._header)
                self._read = len(self._header)

    def _look(self) -> None:
        with suppress(OSError):
            if self._path.stat().st_size <= self._read:
                return
            with self._path.open("rb") as file:
                file.seek(self._read)
                lines = file.read()
            whole = lines.rfind(b"\n") + 1
            self._read += whole
            for line in lines[:whole].splitlines():
                self._read_line(line)

    def _read_line(self, line: bytes) -> None:
        with suppress(ValueError, KeyError, TypeError):
            marker = orjson.loads(line)
            self._deliver(str(marker["name"]), float(marker["timestamp"]))


def send_marker(name: str, folder: Path | None = None) -> list[str]:
    """Put a marker into all recordings that run now and name them; mailboxes of killed ones are cleared away."""
    line = orjson.dumps({"name": name, "timestamp": time.time()}, option=orjson.OPT_APPEND_NEWLINE)
    reached = []
    for path in sorted((folder or user_state_dir()).glob(f"*{_SUFFIX}")):
        with suppress(OSError, ValueError, KeyError):
            if time.time() - path.stat().st_mtime > DEAD_SECONDS:
                path.unlink()
                continue
            with path.open("r+b") as file:  # a recording that ends now takes its mailbox along: make no new one
                recording = str(orjson.loads(file.readline())["recording"])
                file.seek(0, os.SEEK_END)
                file.write(line)
            reached.append(recording)
    return reached
