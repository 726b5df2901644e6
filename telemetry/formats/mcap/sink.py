"""Writing recordings: pages as they are, in chunks that survive the process that wrote them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from ac_native_memory import Pages
from telemetry.base.storage.output_file import OutputFile
from telemetry.base.version import VERSION
from telemetry.fields.metrics.enums import SESSION_NAMES
from telemetry.fields.pages import (
    read_ac_version,
    read_car_model,
    read_graphics_packet_id,
    read_packet_id,
    read_player_name,
    read_session,
    read_track,
    read_track_configuration,
)
from telemetry.formats.mcap.layout import (
    EVENTS,
    FILE_METADATA,
    FORMAT_VERSION,
    GRAPHICS,
    PHYSICS,
    QUALITY_METADATA,
    SESSION_METADATA,
    STATIC,
    StepCounters,
    nanoseconds,
    register,
    seconds,
)
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Event, PageSink, Step

_CHUNK: Final = 1 << 20
"""Bytes of messages after which a chunk is ended at the latest."""

_NEVER: Final = 1 << 62
"""The library may end no chunk by itself: it would do so in the middle of a step."""


class _File:
    """The stream that the library writes to: what it is given is held until :meth:`flush`."""

    def __init__(self, output: OutputFile) -> None:
        self.output = output
        self._pending: list[bytes] = []
        self._length = 0

    def tell(self) -> int:
        """Where the next byte goes."""
        return self._length

    def write(self, data: bytes) -> None:
        """Take these bytes."""
        self._pending.append(data)
        self._length += len(data)

    def flush(self) -> None:
        """Hand all bytes on."""
        data = b"".join(self._pending)
        self._pending.clear()
        self.output.write(data)


class McapSink(PageSink):
    """A recording of the pages; the file has its end once the sink is closed, and can be read before that too.

    A physics step has one message for each page that changed, all of one time, in the order static, graphics, physics.
    """

    def __init__(self, output: OutputFile, metadata: Mapping[str, str]) -> None:
        # The library takes longer to import than all the rest, and --help needs none of it; here, and not at the first
        # step, because that one must not come late.
        from mcap.writer import Writer  # noqa: PLC0415

        self.name = output.name
        self._output = output
        self._file = _File(output)
        self._metadata = {**metadata, "tool": "ac-telemetry", "version": VERSION}
        self._writer: Any = Writer(self._file, chunk_size=_NEVER)  # type: ignore[arg-type]  # it needs no more of a stream
        self._channels: dict[str, int] = {}
        self._held: list[Event] = []
        self._physics = self._graphics = self._static = b""
        self._packet_id: int | None = None
        self._state: State | None = None
        self._session: dict[str, str] = {}
        self._session_kind: int | None = None
        self._log_time = -1
        self._timestamp = self._elapsed = 0.0
        self._events = 0
        self._chunk = 0
        self._quality = StepCounters()

    @property
    def size(self) -> int:
        """Bytes in the file so far."""
        return self._output.size

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
            number = read_graphics_packet_id(pages.graphics) & 0xFFFFFFFF
            add(self._channels[GRAPHICS], log_time, pages.graphics, publish_time, number)
        if step.state is not self._state:
            self._write_state(step.state, pages.timestamp)
        if moved or step.missing or step.repaired:
            packet_id = read_packet_id(pages.physics)
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
        if loaded or (drawn and read_session(pages.graphics) != self._session_kind):
            self._tell_session()
        if self._held:
            held, self._held = self._held, []
            for event in held:
                self.add_event(event)
        if self._chunk >= _CHUNK:
            self.flush()

    def add_event(self, event: Event) -> None:
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
        if self._output.closed:
            return
        try:
            if self._channels:
                self.flush()
                self._writer.add_metadata(QUALITY_METADATA, self._quality.metadata())
                self._writer.finish()
                self._file.flush()
        finally:
            self._output.close()

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
        self.add_event(Event("state", timestamp, {"state": state.value}))

    def _write_flaws(self, step: Step, pages: Pages, packet_id: int) -> None:
        if step.missing > 0:
            self._quality.gaps += 1
            self._quality.missing += step.missing
            between = {"after_packet_id": self._packet_id, "before_packet_id": packet_id}
            self.add_event(Event("gap", pages.timestamp, {"steps": step.missing, **between}))
        if step.repaired:
            self._quality.repaired += 1
            self.add_event(Event("repaired", pages.timestamp, {"packet_id": packet_id}))

    def _tell_session(self) -> None:
        """Write what is driven, where and by whom, once it is known and whenever it changes."""
        self._session_kind = read_session(self._graphics)
        session = {
            "car": read_car_model(self._static),
            "track": read_track(self._static),
            "layout": read_track_configuration(self._static),
            "session": SESSION_NAMES.get(self._session_kind, "unknown"),
            "player": read_player_name(self._static),
            "ac_version": read_ac_version(self._static),
        }
        if session["car"] and session["track"] and session != self._session:
            self._session = session
            self._writer.add_metadata(SESSION_METADATA, {key: text for key, text in session.items() if text})


def create(path: Path, *, metadata: Mapping[str, str] | None = None, overwrite: bool = False) -> McapSink:
    """A sink that writes this new file; ``metadata`` is kept with the recording.

    An existing file is an error unless it is to be overwritten, which happens at the first step, and not while another
    process writes it. Raises :class:`SinkError`.
    """
    return McapSink(OutputFile.open(path, "overwrite" if overwrite else "new"), metadata or {})
