"""Completing recordings whose writer was killed, and saving what is intact of corrupt ones."""

import shutil
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from telemetry.base.errors import SinkError, SourceError
from telemetry.base.storage.atomic import name_file, sync_to_disk
from telemetry.base.storage.temporary import remove_abandoned, temporary_folder
from telemetry.base.text import format_count
from telemetry.fields.pages import read_packet_id
from telemetry.formats.format import Recovered, WatchShare, ignore
from telemetry.formats.mcap.cdr import EventFields
from telemetry.formats.mcap.layout import (
    CHUNK_BYTES,
    EVENTS,
    FILE_METADATA,
    GRAPHICS,
    PAGE_SIZES,
    PHYSICS,
    PROFILE,
    QUALITY_METADATA,
    STATIC,
    Channel,
    StepCounters,
    default_channels,
    format_version,
    register_channels,
    seconds,
)
from telemetry.formats.mcap.messages import (
    Message,
    count_missing_steps,
    encode_event_for,
    encode_page,
    parse_event,
    parse_message,
    raw_message,
)
from telemetry.formats.mcap.recording import check_version
from telemetry.formats.mcap.records import (
    ATTACHMENT,
    BEGIN,
    CHANNEL,
    CHUNK,
    CHUNK_INDEX,
    DATA_END,
    FOOTER,
    HEADER,
    MESSAGE,
    MESSAGE_INDEX,
    METADATA,
    SCHEMA,
    CorruptFile,
    Record,
    RecordFile,
    TruncatedFile,
)
from telemetry.formats.mcap.stored_summary import NAME as SUMMARY_NAME
from telemetry.formats.mcap.writer import McapWriter
from telemetry.recording.interfaces import Event

_UNREAD: Final = frozenset({MESSAGE_INDEX, CHUNK_INDEX})


def recover(path: Path, watch: WatchShare = ignore) -> Recovered:
    """Complete a truncated recording; the file is replaced once the new one is complete and on the disk.

    If the file is corrupt in the middle, everything intact is written to ``NAME.recovered.mcap`` beside it, with a gap
    event where steps are lost. Raises :class:`SourceError` if no step can be read, and :class:`SinkError` if the file
    is being recorded or the new one cannot be written; the file is not changed then.
    """
    path = path.resolve()
    with RecordFile(path) as file:
        file.lock_file()
        remove_abandoned(path.parent)  # by an earlier attempt
        if file.finished:
            copier = _RecoveryCopier(file)
            copier.run(watch)
            if not copier.damage:
                if copier.counters.steps == 0:
                    raise SourceError(f"{path} holds no step.")
                return Recovered(path, copier.counters.steps, 0, was_complete=True)
        target = path
        try:
            with temporary_folder(path.parent) as folder:
                unfinished = folder / path.name
                copier = _write_copy(file, unfinished, lambda share: watch(0.5 * share))
                sync_to_disk(unfinished)
                if copier.counters.steps == 0:
                    raise SourceError(copier.damage or f"{path} holds no step.")
                _check_copy(unfinished, copier.messages, lambda share: watch(0.5 + 0.5 * share))
                was_complete = file.finished
                if copier.damage:
                    target = path.with_name(f"{path.stem}.recovered.mcap")
                    shutil.copymode(path, unfinished)
                    name_file(unfinished, target)
                else:
                    file.replace_by(unfinished)
        except FileExistsError:
            raise SinkError(f"The file {target} exists already and stays untouched.") from None
        except OSError as error:
            raise SinkError(f"The file {target} cannot be written: {error.strerror}.") from error
    return Recovered(
        target, copier.counters.steps, copier.discarded_bytes, was_complete, copier.damage, copier.lost_steps
    )


def _write_copy(file: RecordFile, path: Path, watch: WatchShare) -> "_RecoveryCopier":
    with path.open("xb") as stream:
        writer = McapWriter(stream)
        writer.start(_read_profile(file))
        copier = _RecoveryCopier(file, writer)
        copier.run(watch)
        writer.add_metadata(QUALITY_METADATA, {**copier.counters.metadata(), "recovered": "true"})
        writer.finish()
    return copier


def _read_profile(file: RecordFile) -> str:
    """The profile of a file: none in format version 1."""
    try:
        profile: str = file.parse(file.record(BEGIN, HEADER)).profile
    except (CorruptFile, TruncatedFile):
        return PROFILE
    return profile


def _check_copy(path: Path, messages: int, watch: WatchShare) -> None:
    """Raise :class:`SinkError` unless the new file is complete and has this many messages."""
    try:
        with RecordFile(path) as file:
            count = 0
            for record in file.records(_UNREAD):
                watch(record.at / file.size)
                count += sum(entry.opcode == MESSAGE for entry in file.contents(record))
            intact = file.finished and count == messages
    except SourceError:
        intact = False
    if not intact:
        raise SinkError(f"{path} was not written correctly; the recording is unchanged. Check the disk, and try again.")


class _Entry(NamedTuple):
    """A checked record and its content: a message, perhaps with its event, or an object of the mcap library."""

    record: Record
    message: Message | None = None
    event: Event | None = None
    parsed: Any = None


@dataclass
class _RecoveryCopier:
    """Reads everything intact in a file, complete chunks only, and copies it to a writer if there is one.

    After a record with a corrupt length, the next chunk is found by the file's index or, without one, by its signature.
    ``counters`` counts the steps that were read, ``messages`` everything that was copied.
    """

    file: RecordFile
    writer: McapWriter | None = None
    counters: StepCounters = field(default_factory=lambda: StepCounters(duplicates=None))
    messages: int = 0
    discarded_bytes: int = 0
    _damaged_places: int = 0
    _first_damage: tuple[int, str] = (0, "")  # its offset, and what it is
    _steps_in_new_gaps: int = 0
    _corrupt_since_last_step: bool = False
    _reported_missing: int = 0  # steps missing since then according to the recording's own gap events
    _chunk_ends: dict[int, int] = field(default_factory=dict)  # by the offset of the chunk, from the index
    _chunk_offsets: list[int] = field(default_factory=list)  # sorted
    _last_packet_id: int | None = None
    _copied_topics: set[str] = field(default_factory=set)
    _metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    _channels: dict[int, Channel] = field(default_factory=dict)
    _schema_copies: dict[int, int] = field(default_factory=dict)  # the numbers in the new file
    _channel_copies: dict[int, int] = field(default_factory=dict)

    @property
    def lost_steps(self) -> int:
        """The steps lost in corrupt data, as far as the packet ids around it and the index show."""
        if not self._damaged_places:
            return 0
        indexed_steps = 0
        if self.file.summary and self.file.summary.message_counts:
            physics = [number for number, one in self.file.summary.channels.items() if one.topic == PHYSICS]
            indexed_steps = sum(self.file.summary.message_counts.get(number, 0) for number in physics)
        return max(self._steps_in_new_gaps, indexed_steps - self.counters.steps)

    @property
    def damage(self) -> str:
        """Where the file is corrupt and what is lost, in sentences; empty if it is intact."""
        if not self._damaged_places:
            return ""
        at, what = self._first_damage
        others = self._damaged_places - 1
        more = f" and in {format_count(others, 'more place')}" if others else ""
        lost = f"{self.discarded_bytes:,} bytes"
        if self.lost_steps:
            lost += f" and {self.lost_steps:,} {'steps' if self.lost_steps > 1 else 'step'}"
        return f"{self.file.path} is corrupt at byte {at:,}{more}: {what}. {lost} are lost."

    def run(self, watch: WatchShare) -> None:
        """Read the file to its end, and copy what is intact."""
        with suppress(CorruptFile):
            self._read_index()
        at: int | None = BEGIN
        try:
            while at is not None:
                watch(at / max(self.file.size, 1))
                at = self._advance(at)
        except TruncatedFile as truncated:
            self.discarded_bytes += self.file.size - truncated.at

    def _read_index(self) -> None:
        """Take channels, schemas and the offsets of the chunks from the index: corrupt data may hide them."""
        if self.file.summary is None:
            return
        for record in self.file.summary.declarations:
            self._copy_declaration(self._parse_entry(record, {}))
        for chunk in self.file.summary.chunks:
            if BEGIN <= chunk.begin < chunk.end <= self.file.size:
                self._chunk_ends[chunk.begin] = chunk.end
        self._chunk_offsets = sorted(self._chunk_ends)

    def _advance(self, at: int) -> int | None:
        """Copy the record at this offset; returns the offset of the next one, None after the last."""
        following: int | None = None
        try:
            record, end = self.file.read(at, _UNREAD)
            if not self._is_plausible(record, end):
                raise CorruptFile(self.file.path, at, "unexpected data instead of a record")  # noqa: TRY301 - handled below like every corrupt record
            if record.opcode in (DATA_END, FOOTER):
                if self._chunk_offsets or self.file.chunk_after(at) is None:
                    return None
                raise CorruptFile(self.file.path, at, "the data section ends before its last chunk")  # noqa: TRY301 - the same
            following = end
            channels = dict(self._channels)
            # A chunk is checked completely before any of it is copied.
            entries = [self._parse_entry(entry, channels) for entry in self.file.contents(record)]
        except TruncatedFile:
            following = self.file.chunk_after(at)
            if following is None:
                raise
            return self._skip(CorruptFile(self.file.path, at, "a record is longer than the file"), following)
        except CorruptFile as error:
            if self._chunk_offsets:
                return self._skip(error, self._chunk_ends.get(at) or following or self._chunk_after(at))
            return self._skip(error, self.file.chunk_after(at) or following)
        for entry in entries:
            if entry.message is None:
                self._copy_declaration(entry)
            else:
                self._copy_message(entry.record, entry.message, entry.event)
        return following

    def _skip(self, error: CorruptFile, following: int | None) -> int | None:
        """Record an error and the bytes lost up to the ``following`` offset (None: to the end of the file)."""
        if not self._damaged_places:
            self._first_damage = (error.at, error.what)
        self._damaged_places += 1
        self._corrupt_since_last_step = True
        self.discarded_bytes += (following or self.file.size) - error.at
        return following

    def _is_plausible(self, record: Record, end: int) -> bool:
        """Whether a record contradicts neither the chunk offsets of the index nor, without one, a chunk's signature."""
        if not self._chunk_offsets:
            return record.opcode == CHUNK or not self.file.resembles_chunk(record.at)
        if record.at in self._chunk_ends:
            return record.opcode == CHUNK and end == self._chunk_ends[record.at]
        following = self._chunk_after(record.at)
        return following is None or (end <= following and record.opcode not in (DATA_END, FOOTER))

    def _chunk_after(self, at: int) -> int | None:
        index = bisect_right(self._chunk_offsets, at)
        return self._chunk_offsets[index] if index < len(self._chunk_offsets) else None

    def _parse_entry(self, entry: Record, channels: dict[int, Channel]) -> _Entry:
        if entry.opcode == MESSAGE:
            if self._damaged_places and not channels:
                self._assume_channels()
                channels.update(self._channels)
            message = parse_message(self.file.path, entry, channels)
            return _Entry(entry, message, parse_event(self.file.path, message) if message.topic == EVENTS else None)
        parsed: Any = self.file.parse(entry) if entry.opcode in (SCHEMA, CHANNEL, METADATA, ATTACHMENT) else None
        if entry.opcode == CHANNEL:
            channels[parsed.id] = Channel(parsed.topic, parsed.message_encoding)
        return _Entry(entry, parsed=parsed)

    def _assume_channels(self) -> None:
        """Use the default channels if the chunk that declares them is lost: in our recordings they never differ."""
        if self._metadata.get(FILE_METADATA, {}).get("tool") == "ac-telemetry":
            version = int(format_version(self._metadata))  # checked when it was read
            self._channels = default_channels(version)
            if self.writer:
                self._channel_copies = dict(enumerate(register_channels(self.writer, version), start=1))

    def _copy_declaration(self, entry: _Entry) -> None:
        opcode, parsed = entry.record.opcode, entry.parsed
        if opcode == SCHEMA:
            if self.writer and parsed.id not in self._schema_copies:
                self._schema_copies[parsed.id] = self.writer.register_schema(parsed.name, parsed.encoding, parsed.data)
        elif opcode == CHANNEL:
            self._channels[parsed.id] = Channel(parsed.topic, parsed.message_encoding)
            if self.writer and parsed.id not in self._channel_copies:
                schema = self._schema_copies.get(parsed.schema_id, 0)
                self._channel_copies[parsed.id] = self.writer.register_channel(
                    parsed.topic, parsed.message_encoding, schema, parsed.metadata
                )
        elif opcode == METADATA:
            self._metadata[parsed.name] = parsed.metadata
            check_version(self.file.path, self._metadata)
            if self.writer and parsed.name != QUALITY_METADATA:  # counted again from what is copied
                self.writer.add_metadata(parsed.name, parsed.metadata)
        elif opcode == ATTACHMENT and self.writer and parsed.name != SUMMARY_NAME:
            self.writer.add_attachment(parsed.create_time, parsed.log_time, parsed.name, parsed.media_type, parsed.data)

    def _copy_message(self, record: Record, message: Message, event: Event | None) -> None:
        if message.topic == PHYSICS:
            if self._corrupt_since_last_step:
                self._write_gap(message)
            self._last_packet_id = read_packet_id(message.data)
            self.counters.steps += 1
        if message.topic in PAGE_SIZES:
            self._copied_topics.add(message.topic)
            self.counters.update_times(message.log_time, message.publish_time)
        elif event is not None:
            self._count_event(event)
        number, sequence, data = raw_message(record)
        self._write(number, message, data, sequence)

    def _count_event(self, event: Event) -> None:
        if event.kind == "gap":
            self.counters.gaps += 1
            self.counters.missing += count_missing_steps(event)
            self._reported_missing += count_missing_steps(event) if self._corrupt_since_last_step else 0
        self.counters.repaired += event.kind == "repaired"

    def _write_gap(self, step: Message) -> None:
        """Before the first step after corrupt data, write a gap event, and empty pages for those that are lost."""
        numbers = {channel.topic: number for number, channel in self._channels.items()}
        packet_id = read_packet_id(step.data)
        # Steps that the recording itself reports as missing were not lost here.
        steps = (
            0 if self._last_packet_id is None else max(0, packet_id - self._last_packet_id - 1 - self._reported_missing)
        )
        self._steps_in_new_gaps += steps
        if steps and EVENTS in numbers:  # without an events channel, readers count missing steps by packet ids
            values = {"steps": steps, "after_packet_id": self._last_packet_id, "before_packet_id": packet_id}
            elapsed = self.counters.elapsed_at(step.log_time)
            event = EventFields(seconds(step.publish_time), elapsed, "gap", values)
            self.counters.gaps += 1
            self.counters.missing += steps
            number = numbers[EVENTS]
            self._write(number, step, encode_event_for(event, self._channels[number]))
        for topic in (STATIC, GRAPHICS):  # steps cannot be read without them, and the recording may hold no later ones
            if topic in numbers and topic not in self._copied_topics:
                number = numbers[topic]
                self._write(number, step, encode_page(bytes(PAGE_SIZES[topic]), self._channels[number]))
        self._corrupt_since_last_step, self._reported_missing = False, 0

    def _write(self, number: int, times: Message, data: bytes, sequence: int = 0) -> None:
        """Write a message on the channel of this number in the file read, with the times of another message."""
        self.messages += 1
        if self.writer:
            self.writer.add_message(self._channel_copies[number], times.log_time, data, times.publish_time, sequence)
            if self.writer.chunk_bytes >= CHUNK_BYTES:
                self.writer.flush()
