"""Writing recordings: pages as they are, in chunks that survive the process that wrote them."""

import os
import stat
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from ac_native_memory import Pages, SPageFileGraphic, SPageFileStatic, text_of
from telemetry.derived import SESSION_NAMES
from telemetry.errors import SinkError
from telemetry.io.mcap.layout import (
    EVENTS,
    FILE_METADATA,
    FORMAT_VERSION,
    GRAPHICS,
    PHYSICS,
    QUALITY_METADATA,
    SESSION_METADATA,
    STATIC,
    Quality,
    nanoseconds,
    register,
    seconds,
)
from telemetry.locking import hold
from telemetry.recorder import Event, PageSink, State, Step
from telemetry.steps import packet_id_of

_CHUNK: Final = 1 << 20
"""Bytes of messages after which a chunk is ended at the latest."""

_NEVER: Final = 1 << 62
"""The library may end no chunk by itself: it would do so in the middle of a step."""

_SESSION: Final = struct.Struct("<i")
_SESSION_PLACE: Final = slice(SPageFileGraphic.session.offset, SPageFileGraphic.session.offset + _SESSION.size)


class _File:
    """The stream that the library writes to: it ends after a whole record, even when a write fails half way.

    What it is given is held until :meth:`flush`. A file made ``anew`` that nothing was written to is removed again, and
    one to be overwritten keeps what it has until then. Raises :class:`SinkError` where another process writes the file.
    """

    def __init__(self, descriptor: int, path: Path, *, anew: bool) -> None:
        self.name = str(path)
        self._path = path
        self._anew = anew
        self._file = open(descriptor, "wb", buffering=0)  # noqa: SIM115
        status = os.fstat(descriptor)
        self._regular = stat.S_ISREG(status.st_mode)
        self._identity = (status.st_dev, status.st_ino)
        if self._regular:
            try:
                hold(descriptor, self.name)
            except SinkError:
                self._file.close()
                raise
        self._pending: list[bytes] = []
        self._length = 0
        self.size = 0

    @property
    def closed(self) -> bool:
        """Whether it was closed, by us or by an error."""
        return self._file.closed

    def tell(self) -> int:
        """Where the next byte goes."""
        return self._length

    def write(self, data: bytes) -> None:
        """Take these bytes."""
        self._pending.append(data)
        self._length += len(data)

    def flush(self) -> None:
        """Hand all bytes to the operating system; where that fails, cut off what is no whole record, and raise."""
        view, done = memoryview(b"".join(self._pending)), 0
        self._pending.clear()
        try:
            if self.size == 0 and self._regular:
                self._file.truncate(0)
            while done < len(view):
                done += self._file.write(view[done:]) or 0
        except OSError as error:
            if self._regular:
                with suppress(OSError):
                    self._file.truncate(self.size)
            self.close()
            kept = f" Everything before is intact ({self.size:,} bytes) and can be read." if self.size else ""
            raise SinkError(f"Writing to {self.name} ended: {error.strerror}.{kept}") from error
        self.size += done
        self._check()

    def _check(self) -> None:
        """Raise for a file that was removed: on Linux writing goes on without an error, and into nowhere."""
        if self._regular and not self._is_in_place():
            self._file.close()
            raise SinkError(f"The file {self.name} was removed or replaced while it was being written.")

    def _is_in_place(self) -> bool:
        try:
            status = self._path.stat()
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._identity

    def close(self) -> None:
        """Close the file."""
        if self.closed:
            return
        useless = self._anew and self._regular and self.size == 0 and self._is_in_place()
        if useless and sys.platform != "win32":  # while it is still held: nobody else's recording is in it
            self._path.unlink(missing_ok=True)
        self._file.close()
        if useless and sys.platform == "win32":  # which removes no open file
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


class McapSink(PageSink):
    """A recording of the pages; the file has its end once the sink is closed, and can be read before that too.

    A physics step has one message for each page that changed, all of one time, in the order static, graphics, physics.
    """

    def __init__(self, file: _File, metadata: Mapping[str, str]) -> None:
        # The library takes longer to import than all the rest, and --help needs none of it; here, and not at the first
        # step, because that one must not come late.
        from mcap.writer import Writer  # noqa: PLC0415

        self.name = file.name
        self._file = file
        self._metadata = {**metadata, "tool": "ac-telemetry", "version": _version()}
        self._writer: Any = Writer(file, chunk_size=_NEVER)  # type: ignore[arg-type]  # it needs no more of a stream
        self._channels: dict[str, int] = {}
        self._held: list[Event] = []
        self._physics = self._graphics = self._static = b""
        self._packet_id: int | None = None
        self._state: State | None = None
        self._session: dict[str, str] = {}
        self._session_place = b""
        self._log_time = -1
        self._timestamp = self._elapsed = 0.0
        self._events = 0
        self._chunk = 0
        self._quality = Quality()

    @property
    def size(self) -> int:
        """Bytes in the file so far."""
        return self._file.size

    def write(self, step: Step) -> None:
        """Take one step; its pages are written where they changed, and its physics page counts as the step."""
        pages = step.pages
        if pages is None:
            if self._channels and step.state is not self._state:  # a recording begins with its first step
                self._write_state(step.state, self._timestamp + max(0.0, step.elapsed - self._elapsed))
            return
        publish_time = nanoseconds(pages.timestamp)
        log_time = publish_time
        if log_time <= self._log_time:  # the wall clock was set back: go on by the source's own
            log_time = self._log_time + max(1, nanoseconds(step.elapsed - self._elapsed))
        self._log_time, self._timestamp, self._elapsed = log_time, pages.timestamp, step.elapsed
        if not self._channels:
            self._start()

        moved = pages.physics != self._physics
        drawn = pages.graphics != self._graphics
        loaded = pages.static != self._static
        add = self._writer.add_message
        if loaded:
            self._static = pages.static
            self._chunk += len(pages.static)
            add(self._channels[STATIC], log_time, pages.static, publish_time)
        if drawn:
            self._graphics = pages.graphics
            self._chunk += len(pages.graphics)
            number = int.from_bytes(pages.graphics[:4], "little")
            add(self._channels[GRAPHICS], log_time, pages.graphics, publish_time, number)
        if step.state is not self._state:
            self._write_state(step.state, pages.timestamp)
        if moved or step.missing or step.repaired:
            packet_id = packet_id_of(pages.physics)
            if step.missing or step.repaired:
                self._write_flaws(step, pages, packet_id)
            if moved:
                self._physics = pages.physics
                self._packet_id = packet_id
                self._chunk += len(pages.physics)
                self._quality.steps += 1
                add(self._channels[PHYSICS], log_time, pages.physics, publish_time, packet_id & 0xFFFFFFFF)
        elif not (drawn or loaded) and self._quality.duplicates is not None:
            self._quality.duplicates += 1
        self._quality.see(log_time, publish_time)
        if loaded or (drawn and pages.graphics[_SESSION_PLACE] != self._session_place):
            self._tell_session()
        if self._held:
            held, self._held = self._held, []
            for event in held:
                self.note(event)
        if self._chunk >= _CHUNK:
            self.flush()

    def note(self, event: Event) -> None:
        """Write an event at the time of the last step, its own time inside; before the first step it is held back."""
        if not self._channels:
            self._held.append(event)
            return
        publish_time = nanoseconds(event.timestamp)
        head = {"kind": event.kind, "timestamp": seconds(publish_time)}
        data = orjson.dumps({**head, **event.values, **head})
        self._chunk += len(data)
        self._writer.add_message(self._channels[EVENTS], self._log_time, data, publish_time, self._events & 0xFFFFFFFF)
        self._events += 1

    def flush(self) -> None:
        """End the open chunk and hand it to the operating system."""
        self._chunk = 0
        if self._channels:
            self._writer.flush()

    def close(self) -> None:
        """Write what is left, the figures and the index, and end the file."""
        if self._file.closed:
            return
        try:
            if self._channels:
                self.flush()
                self._writer.add_metadata(QUALITY_METADATA, self._quality.metadata())
                self._writer.finish()
                self._file.flush()
        finally:
            self._file.close()

    def _start(self) -> None:
        own = {
            "format_version": str(FORMAT_VERSION),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._writer.start()
        self._writer.add_metadata(FILE_METADATA, {**self._metadata, **own})
        self._channels = register(self._writer)

    def _write_state(self, state: State, timestamp: float) -> None:
        self._state = state
        self.note(Event("state", timestamp, {"state": state.value}))

    def _write_flaws(self, step: Step, pages: Pages, packet_id: int) -> None:
        if step.missing > 0:
            self._quality.gaps += 1
            self._quality.missing += step.missing
            between = {"after_packet_id": self._packet_id, "before_packet_id": packet_id}
            self.note(Event("gap", pages.timestamp, {"steps": step.missing, **between}))
        if step.repaired:
            self._quality.repaired += 1
            self.note(Event("repaired", pages.timestamp, {"packet_id": packet_id}))

    def _tell_session(self) -> None:
        """Write what is driven, where and by whom, once it is known and whenever it changes."""
        self._session_place = self._graphics[_SESSION_PLACE]
        session = {
            "car": _text(self._static, SPageFileStatic.carModel),
            "track": _text(self._static, SPageFileStatic.track),
            "layout": _text(self._static, SPageFileStatic.trackConfiguration),
            "session": SESSION_NAMES.get(_SESSION.unpack(self._session_place)[0], "unknown"),
            "player": _text(self._static, SPageFileStatic.playerName),
            "ac_version": _text(self._static, SPageFileStatic.acVersion),
        }
        if session["car"] and session["track"] and session != self._session:
            self._session = session
            self._writer.add_metadata(SESSION_METADATA, {key: text for key, text in session.items() if text})


def create(path: Path, *, metadata: Mapping[str, str] | None = None, overwrite: bool = False) -> McapSink:
    """A sink that writes this new file; ``metadata`` is kept with the recording.

    An existing file is an error unless it is to be overwritten, which happens at the first step, and not while another
    process writes it. Raises :class:`SinkError`.
    """
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0)
    try:
        anew = not path.exists()
        descriptor = os.open(path, flags if overwrite else flags | os.O_EXCL, 0o666)
        return McapSink(_File(descriptor, path, anew=anew), metadata or {})
    except FileExistsError:
        raise SinkError(f"The file {path} exists already and stays untouched. Use --overwrite to replace it.") from None
    except OSError as error:
        raise SinkError(f"The file {path} cannot be written: {error.strerror}.") from error


def _text(page: bytes, field: Any) -> str:
    return text_of(page[field.offset : field.offset + field.size])


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - as slow as the library

    try:
        return version("ac-telemetry")
    except PackageNotFoundError:  # run from its folder, not installed
        return "unknown"
