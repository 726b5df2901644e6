"""Giving an end to recordings whose writer was killed, without ever losing what can be read."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from telemetry.errors import SinkError, SourceError
from telemetry.io.mcap.layout import EVENTS, PAGE_SIZES, PHYSICS, QUALITY_METADATA, Quality
from telemetry.io.mcap.recording import Message, check_version, event_of, message_of, steps_of
from telemetry.io.mcap.records import (
    ATTACHMENT,
    CHANNEL,
    CHUNK_INDEX,
    MESSAGE,
    MESSAGE_INDEX,
    METADATA,
    SCHEMA,
    Cut,
    Damaged,
    Record,
    RecordFile,
)
from telemetry.recorder import Event

_UNREAD = frozenset({MESSAGE_INDEX, CHUNK_INDEX})


class Recovered(NamedTuple):
    """What became of a recording: ``path`` is the whole file, ``steps`` what it holds, ``cut`` the bytes given up.

    ``finished`` says that the file had its end already. ``damage`` says what was found in its middle: then the original
    is where it was, and ``path`` is another file.
    """

    path: Path
    steps: int
    cut: int
    finished: bool
    damage: str = ""


def recover(path: Path) -> Recovered:
    """Give a recording that was cut its end; the file is replaced when the new one is whole and on the disk.

    Of a file that is damaged in the middle everything before goes to ``NAME.recovered.mcap`` beside it. Raises
    :class:`SourceError` where there is nothing to keep, :class:`SinkError` where it cannot be written; the file is
    untouched then.
    """
    path = path.resolve()
    with RecordFile(path) as file:
        if file.finished:
            kept = _Pour(file)
            kept.run()
            if not kept.damage:
                if kept.quality.steps == 0:
                    raise SourceError(f"{path} holds no step.")
                return Recovered(path, kept.quality.steps, 0, finished=True)
        unfinished = path.with_name(f"{path.name}.recovering")  # what an earlier attempt left is written over
        try:
            kept = _write(file, unfinished)
            if kept.quality.steps == 0:
                raise SourceError(kept.damage or f"{path} holds no step.")
            target = path.with_name(f"{path.stem}.recovered.mcap") if kept.damage else path
            if kept.damage and target.exists():
                raise SinkError(f"The file {target} exists already and stays untouched.")
            _check(unfinished, kept.messages)
            shutil.copymode(path, unfinished)
            result = Recovered(target, kept.quality.steps, file.size - kept.end, file.finished, kept.damage)
            file.close()  # Windows replaces no open file
            unfinished.replace(target)
        except OSError as error:
            raise SinkError(f"The file {unfinished} cannot be written: {error.strerror}.") from error
        finally:
            unfinished.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return result


def _write(file: RecordFile, path: Path) -> "_Pour":
    from mcap.writer import Writer  # noqa: PLC0415 - --help needs none of it

    with path.open("wb") as stream:
        writer: Any = Writer(stream)
        writer.start()
        pour = _Pour(file, writer)
        pour.run()
        writer.add_metadata(QUALITY_METADATA, {**pour.quality.metadata(), "recovered": "true"})
        writer.finish()
        stream.flush()
        os.fsync(stream.fileno())
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


def _sync_folder(folder: Path) -> None:
    """Make the new name last, where a system knows how."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@dataclass
class _Pour:
    """Everything in a file up to where it was cut or damaged, whole chunks only, into a writer if there is one."""

    file: RecordFile
    writer: Any = None
    quality: Quality = field(default_factory=lambda: Quality(duplicates=None))
    messages: int = 0
    end: int = 0
    damage: str = ""
    _metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    _topics: dict[int, str] = field(default_factory=dict)
    _schemas: dict[int, int] = field(default_factory=dict)
    _channels: dict[int, int] = field(default_factory=dict)

    def run(self) -> None:
        """Read, and pour."""
        self.end = self.file.size
        try:
            for record in self.file.records(_UNREAD):
                topics = dict(self._topics)
                # All of a chunk is looked at before the first of it is poured.
                for entry, message, event in [self._look_at(entry, topics) for entry in self.file.contents(record)]:
                    if message is not None:
                        self._take_message(entry, message, event)
                    else:
                        self._take(entry)
        except Cut as cut:
            self.end = cut.at
        except Damaged as damaged:
            self.end, self.damage = damaged.at, str(damaged)

    def _look_at(self, entry: Record, topics: dict[int, str]) -> tuple[Record, Message | None, Event | None]:
        if entry.opcode == MESSAGE:
            message = message_of(self.file, entry, topics)
            return entry, message, event_of(self.file, message) if message.topic == EVENTS else None
        if entry.opcode == CHANNEL:
            channel = self.file.parse(entry)
            topics[channel.id] = channel.topic
        return entry, None, None

    def _take(self, entry: Record) -> None:
        if entry.opcode == SCHEMA:
            schema = self.file.parse(entry)
            if self.writer and schema.id not in self._schemas:
                self._schemas[schema.id] = self.writer.register_schema(schema.name, schema.encoding, schema.data)
        elif entry.opcode == CHANNEL:
            channel = self.file.parse(entry)
            self._topics[channel.id] = channel.topic
            if self.writer and channel.id not in self._channels:
                schema = self._schemas.get(channel.schema_id, 0)
                self._channels[channel.id] = self.writer.register_channel(
                    channel.topic, channel.message_encoding, schema, channel.metadata
                )
        elif entry.opcode == METADATA:
            metadata = self.file.parse(entry)
            self._metadata[metadata.name] = metadata.metadata
            check_version(self.file.path, self._metadata)
            if self.writer and metadata.name != QUALITY_METADATA:  # its figures are counted anew
                self.writer.add_metadata(metadata.name, metadata.metadata)
        elif entry.opcode == ATTACHMENT:
            attachment = self.file.parse(entry)
            if self.writer:
                self.writer.add_attachment(
                    attachment.create_time, attachment.log_time, attachment.name, attachment.media_type, attachment.data
                )

    def _take_message(self, entry: Record, message: Message, event: Event | None) -> None:
        self.messages += 1
        if message.topic == PHYSICS:
            self.quality.steps += 1
        if message.topic in PAGE_SIZES:
            self.quality.see(message.log_time, message.publish_time)
        elif event is not None:
            if event.kind == "gap":
                self.quality.gaps += 1
                self.quality.missing += steps_of(event)
            self.quality.repaired += event.kind == "repaired"
        if self.writer:
            sequence = int.from_bytes(entry.body[2:6], "little")
            self.writer.add_message(
                self._channels[int.from_bytes(entry.body[:2], "little")],
                message.log_time,
                message.data,
                message.publish_time,
                sequence,
            )
