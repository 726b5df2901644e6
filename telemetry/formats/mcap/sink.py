"""Writing recordings: unchanged pages, in chunks that remain readable if the process is killed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from telemetry.base.storage.output_file import OutputFile
from telemetry.base.text import to_unicode
from telemetry.base.typing import override
from telemetry.base.version import VERSION
from telemetry.fields.clock_steps import ClockStepDetector
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
from telemetry.formats.mcap.cdr import HEADER, EventFields, encode_event
from telemetry.formats.mcap.layout import (
    CHUNK_BYTES,
    EVENTS,
    FILE_METADATA,
    FORMAT_VERSION,
    GRAPHICS,
    PHYSICS,
    PROFILE,
    QUALITY_METADATA,
    SESSION_METADATA,
    STATIC,
    StepCounters,
    nanoseconds,
    register_channels,
    seconds,
)
from telemetry.formats.mcap.writer import McapWriter
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Event, PageSink, Step
from telemetry.recording.recording_id import RECORDING_ID, make_recording_id


class McapSink(PageSink):
    """Writes steps with their pages; made by :func:`create`. Raises :class:`telemetry.SinkError`.

    For each physics step it writes one message per changed page, which is the page behind a CDR header; all have the
    same log time, and the order is static, graphics, physics. Log times begin with the Unix time of the first step and
    go on with the clock of the source, so that they never go back or jump; publish times are the Unix times of the
    steps. Where these step, the file has an event ``clock``. The file can be read while it is being written, up to the
    last flush; closing finishes it.
    """

    def __init__(self, output: OutputFile, metadata: Mapping[str, str]) -> None:
        self.name = output.name
        self._output = output
        texts = {key: to_unicode(text) for key, text in metadata.items()}
        self._metadata = {RECORDING_ID: make_recording_id(), **texts, "tool": "ac-telemetry", "version": VERSION}
        self._writer = McapWriter(output)
        self._channels: dict[str, int] = {}
        self._early_events: list[Event] = []
        self._physics = self._graphics = self._static = b""
        self._packet_id: int | None = None
        self._state: State | None = None
        self._session: dict[str, str] = {}
        self._session_kind: int | None = None
        self._log_time = -1
        self._first_log_time = 0
        # The log time, and the time of the source, from which on log times are counted:
        self._origin = (0, 0.0)
        self._timestamp = self._elapsed = 0.0
        self._clock_steps = ClockStepDetector()
        self._events = 0
        self._quality = StepCounters()

    @property
    @override
    def size(self) -> int:
        return self._output.size

    @override
    def write(self, step: Step) -> None:
        pages = step.pages
        if pages is None:
            if self._channels:  # nothing is written before the first step with pages
                self._write_without_pages(step)
            return
        publish_time = nanoseconds(pages.timestamp)
        log_time = self._log_time = self._next_log_time(step.elapsed, publish_time)
        self._timestamp, self._elapsed = pages.timestamp, step.elapsed
        if not self._channels:
            self._start()

        physics_changed = pages.physics != self._physics
        graphics_changed = pages.graphics != self._graphics
        static_changed = pages.static != self._static
        add = self._writer.add_message
        if static_changed:
            self._static = pages.static
            add(self._channels[STATIC], log_time, HEADER + pages.static, publish_time)
        if graphics_changed:
            self._graphics = pages.graphics
            sequence = read_graphics_packet_id(pages.graphics) & 0xFFFFFFFF
            add(self._channels[GRAPHICS], log_time, HEADER + pages.graphics, publish_time, sequence)
        if clock_step := self._clock_steps.update(pages.timestamp, step.elapsed):
            self.add_event(Event("clock", pages.timestamp, {"seconds": clock_step}, step.elapsed))
        if step.state is not self._state:
            self._write_state(step.state, pages.timestamp, step.elapsed)
        if physics_changed or step.missing or step.repaired:
            packet_id = read_packet_id(pages.physics)
            if step.missing or step.repaired:
                self._write_flaws(step, pages.timestamp, packet_id)
            if physics_changed:
                self._physics = pages.physics
                self._packet_id = packet_id
                self._quality.steps += 1
                data = HEADER + pages.physics
                add(self._channels[PHYSICS], log_time, data, publish_time, packet_id & 0xFFFFFFFF)
        elif not (graphics_changed or static_changed) and self._quality.duplicates is not None:
            self._quality.duplicates += 1
        self._quality.update_times(log_time, publish_time)
        if static_changed or (graphics_changed and read_session(pages.graphics) != self._session_kind):
            self._write_session()
        if self._early_events:
            early_events, self._early_events = self._early_events, []
            for event in early_events:
                self.add_event(event)
        if self._writer.chunk_bytes >= CHUNK_BYTES:
            self.flush()

    @override
    def add_event(self, event: Event) -> None:
        """Write an event with the log time of the last step, so that log times never decrease.

        Its own times are in the message, ``elapsed`` in seconds since the file's first step; where it does not say,
        it happened at the last step. Events before the first step are written after that step.
        """
        if not self._channels:
            self._early_events.append(event)
            return
        publish_time = nanoseconds(event.timestamp)
        elapsed = self._elapsed if event.elapsed is None else event.elapsed
        if event.kind == "clock" and elapsed > self._elapsed:  # the next step must not tell it again
            self._clock_steps.update(event.timestamp, elapsed)
        values = {name: value for name, value in event.values.items() if name not in EventFields._fields}
        data = encode_event(EventFields(seconds(publish_time), self._elapsed_in_file(elapsed), event.kind, values))
        self._writer.add_message(self._channels[EVENTS], self._log_time, data, publish_time, self._events & 0xFFFFFFFF)
        self._events += 1

    @override
    def flush(self) -> None:
        """End the current chunk and pass it to the operating system."""
        if self._channels:
            self._writer.flush()

    @override
    def close(self) -> None:
        """Write the remaining messages, the counts and the index, and close the file."""
        if self._output.closed:
            return
        try:
            if self._channels:
                self.flush()  # before the index, for which there may be no room on the disk
                self._writer.add_metadata(QUALITY_METADATA, self._quality.metadata())
                self._writer.finish()
        finally:
            self._output.close()

    def _start(self) -> None:
        format_metadata = {
            "format_version": str(FORMAT_VERSION),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._writer.start(PROFILE)
        self._writer.add_metadata(FILE_METADATA, {**self._metadata, **format_metadata})
        channels = register_channels(self._writer)
        self._channels = {channel.topic: number for number, channel in channels.items()}

    def _next_log_time(self, elapsed: float, publish_time: int) -> int:
        """The log time of a step: later than all before it, whatever the source's clock or the wall clock do."""
        if not self._channels:
            self._first_log_time = publish_time
            self._origin = publish_time, elapsed
            return publish_time
        begin, began = self._origin
        log_time = begin + nanoseconds(elapsed - began)
        if log_time <= self._log_time:  # the source repeats a time, or has started again
            log_time = self._log_time + 1
            if elapsed < self._elapsed:
                self._origin = log_time, elapsed
        return log_time

    def _elapsed_in_file(self, elapsed: float) -> float:
        """Seconds since the file's first step, of a time of the source's clock."""
        begin, began = self._origin
        return round(seconds(begin - self._first_log_time) + elapsed - began, 9)

    def _write_without_pages(self, step: Step) -> None:
        """Write what a step without pages says: a change of the state, or of the computer's clock."""
        timestamp = step.timestamp
        if timestamp is None:
            timestamp = self._timestamp + max(0.0, step.elapsed - self._elapsed)
        elif clock_step := self._clock_steps.update(timestamp, step.elapsed):
            self.add_event(Event("clock", timestamp, {"seconds": clock_step}, step.elapsed))
        if step.state is not self._state:
            self._write_state(step.state, timestamp, step.elapsed)

    def _write_state(self, state: State, timestamp: float, elapsed: float) -> None:
        self._state = state
        self.add_event(Event("state", timestamp, {"state": state.value}, elapsed))

    def _write_flaws(self, step: Step, timestamp: float, packet_id: int) -> None:
        if step.missing > 0:
            self._quality.gaps += 1
            self._quality.missing += step.missing
            between = {"after_packet_id": self._packet_id, "before_packet_id": packet_id}
            self.add_event(Event("gap", timestamp, {"steps": step.missing, **between}, step.elapsed))
        if step.repaired:
            self._quality.repaired += 1
            self.add_event(Event("repaired", timestamp, {"packet_id": packet_id}, step.elapsed))

    def _write_session(self) -> None:
        """Write car, track, session and driver once they are known and whenever they change."""
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
    """A sink that writes a new file; ``metadata`` is stored in the recording.

    Raises :class:`telemetry.SinkError` for a file that exists, unless ``overwrite`` is set, and for one that another
    process is writing. An existing file is replaced at the first step, not before.
    """
    return McapSink(OutputFile.open(path, "overwrite" if overwrite else "new"), metadata or {})
