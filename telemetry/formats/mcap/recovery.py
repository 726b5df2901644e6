"""Giving an end to recordings whose writer was killed, and saving all that is whole in those that are damaged."""

import shutil
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from telemetry.base.errors import SinkError, SourceError
from telemetry.base.storage.atomic import rename, sync_to_disk
from telemetry.fields.pages import read_packet_id
from telemetry.formats.format import Recovered
from telemetry.formats.mcap.layout import (
    CHANNELS,
    EVENTS,
    FILE_METADATA,
    GRAPHICS,
    PAGE_SIZES,
    PHYSICS,
    QUALITY_METADATA,
    STATIC,
    StepCounters,
    register,
    seconds,
)
from telemetry.formats.mcap.messages import Message, count_missing_steps, parse_event, parse_message
from telemetry.formats.mcap.recording import check_version
from telemetry.formats.mcap.records import (
    ATTACHMENT,
    BEGIN,
    CHANNEL,
    CHUNK,
    CHUNK_INDEX,
    DATA_END,
    FOOTER,
    MESSAGE,
    MESSAGE_INDEX,
    METADATA,
    SCHEMA,
    CorruptFile,
    Record,
    RecordFile,
    TruncatedFile,
)
from telemetry.recording.interfaces import Event

_UNREAD: Final = frozenset({MESSAGE_INDEX, CHUNK_INDEX})


def recover(path: Path) -> Recovered:
    """Give a recording that was cut its end; the file is replaced when the new one is whole and on the disk.

    Of a file that is damaged in the middle everything that is whole goes to ``NAME.recovered.mcap`` beside it, with a
    gap event where steps are lost. Raises :class:`SourceError` where there is nothing to keep, :class:`SinkError` where
    it cannot be written, or where the file is being recorded; the file is untouched then.
    """
    path = path.resolve()
    with RecordFile(path) as file:
        file.lock_file()
        if file.finished:
            kept = _RecoveryCopier(file)
            kept.run()
            if not kept.damage:
                if kept.quality.steps == 0:
                    raise SourceError(f"{path} holds no step.")
                return Recovered(path, kept.quality.steps, 0, was_complete=True)
        unfinished = path.with_name(f"{path.name}.recovering")  # what an earlier attempt left is written over
        try:
            kept = _write(file, unfinished)
            sync_to_disk(unfinished)
            if kept.quality.steps == 0:
                raise SourceError(kept.damage or f"{path} holds no step.")
            target = path.with_name(f"{path.stem}.recovered.mcap") if kept.damage else path
            if kept.damage and target.exists():
                raise SinkError(f"The file {target} exists already and stays untouched.")
            _check(unfinished, kept.messages)
            shutil.copymode(path, unfinished)
            result = Recovered(target, kept.quality.steps, kept.cut, file.finished, kept.damage, kept.lost)
            file.close()  # Windows replaces no open file
            rename(unfinished, target, sync_name=True)
        except OSError as error:
            raise SinkError(f"The file {unfinished} cannot be written: {error.strerror}.") from error
        finally:
            unfinished.unlink(missing_ok=True)
    return result


def _write(file: RecordFile, path: Path) -> "_RecoveryCopier":
    from mcap.writer import Writer  # noqa: PLC0415 - --help needs none of it

    with path.open("wb") as stream:
        writer: Any = Writer(stream)
        writer.start()
        pour = _RecoveryCopier(file, writer)
        pour.run()
        writer.add_metadata(QUALITY_METADATA, {**pour.quality.metadata(), "recovered": "true"})
        writer.finish()
    return pour


def _check(path: Path, messages: int) -> None:
    """Raise :class:`SinkError` where what was written does not read back."""
    try:
        with RecordFile(path) as file:
            found = sum(entry.opcode == MESSAGE for record in file.records(_UNREAD) for entry in file.contents(record))
            whole = file.finished and found == messages
    except SourceError:
        whole = False
    if not whole:
        raise SinkError(f"{path} was not written as it should be; the recording stays as it is.")


class _Entry(NamedTuple):
    """A record that was looked at, and what is in it: a message, maybe an event, else the library's object."""

    record: Record
    message: Message | None = None
    event: Event | None = None
    parsed: Any = None


@dataclass
class _RecoveryCopier:
    """Everything that is whole in a file, whole chunks only, into a writer if there is one.

    Behind a record that lost its length the next chunk is found where the file's index says that it is, or, without
    one, by what it looks like.
    """

    file: RecordFile
    writer: Any = None
    quality: StepCounters = field(default_factory=lambda: StepCounters(duplicates=None))
    messages: int = 0
    cut: int = 0
    _damages: list[CorruptFile] = field(default_factory=list)
    _gaps: int = 0  # steps in those that damage left
    _after_damage: bool = False  # since the last step
    _reported_missing: int = 0  # steps that are missing since then by the recording's own events
    _ends: dict[int, int] = field(default_factory=dict)  # of chunks, by their places, as the index tells
    _places: list[int] = field(default_factory=list)
    _packet_id: int | None = None
    _seen: set[str] = field(default_factory=set)
    _metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    _topics: dict[int, str] = field(default_factory=dict)
    _schemas: dict[int, int] = field(default_factory=dict)
    _channels: dict[int, int] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """The steps that damage cost, as far as the steps around it and the index tell."""
        if not self._damages:
            return 0
        held = 0
        if self.file.summary and self.file.summary.message_counts:
            counts = self.file.summary.message_counts.items()
            held = sum(count for channel, count in counts if self.file.summary.topics.get(channel) == PHYSICS)
        return max(self._gaps, held - self.quality.steps)

    @property
    def damage(self) -> str:
        """What was found in the middle of the file and what it cost, in sentences; nothing where all is whole."""
        if not self._damages:
            return ""
        first, *others = self._damages
        more = f" and in {len(others):,} more {'places' if others[1:] else 'place'}" if others else ""
        cost = f"{self.cut:,} bytes are lost"
        if self.lost:
            cost += f", and {self.lost:,} {'steps' if self.lost > 1 else 'step'} with them"
        return f"{self.file.path} is damaged at byte {first.at:,}{more}: {first.what}. {cost}."

    def run(self) -> None:
        """Read, and pour."""
        with suppress(CorruptFile):
            self._read_index()
        at: int | None = BEGIN
        try:
            while at is not None:
                at = self._advance(at)
        except TruncatedFile as cut:
            self.cut += self.file.size - cut.at

    def _read_index(self) -> None:
        """Learn from a file's index what damage in the middle can hide."""
        if self.file.summary is None:
            return
        for record in self.file.summary.declarations:
            self._take(self._look_at(record, {}))
        for chunk in self.file.summary.chunks:
            if BEGIN <= chunk.begin < chunk.end <= self.file.size:
                self._ends[chunk.begin] = chunk.end
        self._places = sorted(self._ends)

    def _advance(self, at: int) -> int | None:
        """Pour the record at this place; gives the place of the next, None after the last."""
        following: int | None = None
        try:
            record, end = self.file.read(at, _UNREAD)
            if not self._is_plausible(record, end):
                raise CorruptFile(self.file.path, at, "a record is not what stands there")  # noqa: TRY301
            if record.opcode in (DATA_END, FOOTER):
                if self._places or self.file.chunk_after(at) is None:
                    return None
                raise CorruptFile(self.file.path, at, "the data seems to end and does not")  # noqa: TRY301
            following = end
            topics = dict(self._topics)
            # All of a chunk is looked at before the first of it is poured.
            entries = [self._look_at(entry, topics) for entry in self.file.contents(record)]
        except TruncatedFile:
            following = self.file.chunk_after(at)
            if following is None:
                raise
            return self._skip(CorruptFile(self.file.path, at, "a record is longer than the file"), following)
        except CorruptFile as damaged:
            if self._places:
                return self._skip(damaged, self._ends.get(at) or following or self._chunk_after(at))
            return self._skip(damaged, self.file.chunk_after(at) or following)
        for entry in entries:
            if entry.message is None:
                self._take(entry)
            else:
                self._take_message(entry.record, entry.message, entry.event)
        return following

    def _skip(self, damaged: CorruptFile, following: int | None) -> int | None:
        """Go on behind damage, at this place, or where nothing more is to be had."""
        self._damages.append(damaged)
        self._after_damage = True
        self.cut += (following or self.file.size) - damaged.at
        return following

    def _is_plausible(self, record: Record, end: int) -> bool:
        """Whether a record leaves every chunk where the index, or its look, says that it is."""
        if not self._places:
            return record.opcode == CHUNK or not self.file.resembles_chunk(record.at)
        if record.at in self._ends:
            return record.opcode == CHUNK and end == self._ends[record.at]
        following = self._chunk_after(record.at)
        return following is None or (end <= following and record.opcode not in (DATA_END, FOOTER))

    def _chunk_after(self, at: int) -> int | None:
        index = bisect_right(self._places, at)
        return self._places[index] if index < len(self._places) else None

    def _look_at(self, entry: Record, topics: dict[int, str]) -> _Entry:
        if entry.opcode == MESSAGE:
            if self._damages and not topics:
                self._assume_channels()
                topics.update(self._topics)
            message = parse_message(self.file.path, entry, topics)
            return _Entry(entry, message, parse_event(self.file.path, message) if message.topic == EVENTS else None)
        parsed: Any = self.file.parse(entry) if entry.opcode in (SCHEMA, CHANNEL, METADATA, ATTACHMENT) else None
        if entry.opcode == CHANNEL:
            topics[parsed.id] = parsed.topic
        return _Entry(entry, parsed=parsed)

    def _assume_channels(self) -> None:
        """Do without the chunk that says which channels there are: ours are the same in every recording."""
        if self._metadata.get(FILE_METADATA, {}).get("tool") == "ac-telemetry":
            self._topics = dict(enumerate(CHANNELS, start=1))
            if self.writer:
                self._channels = dict(enumerate(register(self.writer).values(), start=1))

    def _take(self, entry: _Entry) -> None:
        opcode, parsed = entry.record.opcode, entry.parsed
        if opcode == SCHEMA:
            if self.writer and parsed.id not in self._schemas:
                self._schemas[parsed.id] = self.writer.register_schema(parsed.name, parsed.encoding, parsed.data)
        elif opcode == CHANNEL:
            self._topics[parsed.id] = parsed.topic
            if self.writer and parsed.id not in self._channels:
                schema = self._schemas.get(parsed.schema_id, 0)
                self._channels[parsed.id] = self.writer.register_channel(
                    parsed.topic, parsed.message_encoding, schema, parsed.metadata
                )
        elif opcode == METADATA:
            self._metadata[parsed.name] = parsed.metadata
            check_version(self.file.path, self._metadata)
            if self.writer and parsed.name != QUALITY_METADATA:  # its figures are counted anew
                self.writer.add_metadata(parsed.name, parsed.metadata)
        elif opcode == ATTACHMENT and self.writer:
            self.writer.add_attachment(parsed.create_time, parsed.log_time, parsed.name, parsed.media_type, parsed.data)

    def _take_message(self, record: Record, message: Message, event: Event | None) -> None:
        if message.topic == PHYSICS:
            if self._after_damage:
                self._write_gap(message)
            self._packet_id = read_packet_id(message.data)
            self.quality.steps += 1
        if message.topic in PAGE_SIZES:
            self._seen.add(message.topic)
            self.quality.see(message.log_time, message.publish_time)
        elif event is not None:
            self._count(event)
        channel, sequence = int.from_bytes(record.body[:2], "little"), int.from_bytes(record.body[2:6], "little")
        self._write(channel, message, sequence)

    def _count(self, event: Event) -> None:
        if event.kind == "gap":
            self.quality.gaps += 1
            self.quality.missing += count_missing_steps(event)
            self._reported_missing += count_missing_steps(event) if self._after_damage else 0
        self.quality.repaired += event.kind == "repaired"

    def _write_gap(self, step: Message) -> None:
        """Write what leads over damage to this step: a gap, and the pages that were lost, blank."""
        channels = {topic: channel for channel, topic in self._topics.items()}
        packet_id = read_packet_id(step.data)
        # What the recording itself tells of is missing, but was not lost here.
        steps = 0 if self._packet_id is None else max(0, packet_id - self._packet_id - 1 - self._reported_missing)
        self._gaps += steps
        if steps and EVENTS in channels:  # without a channel of events, readers count by the pages
            values = {"steps": steps, "after_packet_id": self._packet_id, "before_packet_id": packet_id}
            data = orjson.dumps({"kind": "gap", "timestamp": seconds(step.publish_time), **values})
            self.quality.gaps += 1
            self.quality.missing += steps
            self._write(channels[EVENTS], step._replace(data=data))
        for topic in (STATIC, GRAPHICS):  # a step without them could not be read, and the next may never come
            if topic in channels and topic not in self._seen:
                self._write(channels[topic], step._replace(data=bytes(PAGE_SIZES[topic])))
        self._after_damage, self._reported_missing = False, 0

    def _write(self, channel: int, message: Message, sequence: int = 0) -> None:
        self.messages += 1
        if self.writer:
            self.writer.add_message(
                self._channels[channel], message.log_time, message.data, message.publish_time, sequence
            )
