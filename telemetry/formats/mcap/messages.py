"""The messages of a recording: pages and events, checked while they are read."""

import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from telemetry.formats.mcap.cdr import HEADER, LITTLE_ENDIAN, EventFields, decode_event, encode_event
from telemetry.formats.mcap.layout import MAX_TIME, PAGE_SIZES, Channel, seconds
from telemetry.formats.mcap.records import CorruptFile, Record
from telemetry.recording.interfaces import Event

_HEAD: Final = struct.Struct("<HIQQ")


class Message(NamedTuple):
    """A page or an event; times in nanoseconds. ``at`` is the offset in the file of the record or chunk it is in.

    ``data`` is a page as the game wrote it, or an event: in CDR without its header if ``is_cdr``, in JSON otherwise.
    """

    at: int
    topic: str
    log_time: int
    publish_time: int
    data: bytes
    is_cdr: bool


class MessageSpan(NamedTuple):
    """Where the data of a message begin and end in some bytes, its channel, and its times in nanoseconds."""

    channel: Channel
    log_time: int
    publish_time: int
    begin: int
    end: int


def locate_message(
    path: Path, at: int, data: bytes, span: tuple[int, int], channels: Mapping[int, Channel]
) -> MessageSpan:
    """The message whose record has its body at this span of ``data``, without the CDR header that it may have.

    ``at`` is the offset in the file of the record or chunk. Raises :class:`CorruptFile` for an unknown channel or a
    page of the wrong size.
    """
    begin, end = span
    if end - begin < _HEAD.size:
        raise CorruptFile(path, at, "a message is too short")
    number, _, log_time, publish_time = _HEAD.unpack_from(data, begin)
    channel = channels.get(number)
    if channel is None:
        raise CorruptFile(path, at, f"a message belongs to an unknown channel, {number}")
    if max(log_time, publish_time) > MAX_TIME:
        raise CorruptFile(path, at, "a message has a time beyond the year 2262")
    topic, begin = channel.topic, begin + _HEAD.size
    if channel.is_cdr:
        if not data.startswith(LITTLE_ENDIAN, begin, end):
            raise CorruptFile(path, at, f"a message of {topic} is not little-endian CDR")
        begin += len(HEADER)
    size = max(end - begin, 0)
    if size != PAGE_SIZES.get(topic, size):
        raise CorruptFile(path, at, f"a message of {topic} has {size:,} bytes instead of {PAGE_SIZES[topic]}")
    return MessageSpan(channel, log_time, publish_time, begin, end)


def parse_message(path: Path, record: Record, channels: Mapping[int, Channel]) -> Message:
    """The message in a record; raises :class:`CorruptFile` for an unknown channel or a page of the wrong size."""
    found = locate_message(path, record.at, record.body, (0, len(record.body)), channels)
    channel = found.channel
    data = record.body[found.begin : found.end]
    return Message(record.at, channel.topic, found.log_time, found.publish_time, data, channel.is_cdr)


def raw_message(record: Record) -> tuple[int, int, bytes]:
    """The number of the channel, the sequence and the unchanged bytes of the message in a record."""
    number, sequence, _, _ = _HEAD.unpack_from(record.body)
    return number, sequence, record.body[_HEAD.size :]


def encode_page(page: bytes, channel: Channel) -> bytes:
    """The message of a page on a channel of either format version."""
    return HEADER + page if channel.is_cdr else page


def encode_event_for(event: EventFields, channel: Channel) -> bytes:
    """The message of an event on a channel of either format version."""
    if channel.is_cdr:
        return encode_event(event)
    times = {"timestamp": event.timestamp, "elapsed": event.elapsed}
    return orjson.dumps({"kind": event.kind, **times, **event.values})


def parse_event(path: Path, message: Message, origin: int | None = None) -> Event:
    """The event in a message; raises :class:`CorruptFile` if it cannot be decoded or lacks its kind or timestamp.

    ``origin`` is the Unix time [ns] of the file's first step. JSON events without ``elapsed`` are from before there
    were steps of the time of day in recordings: their Unix time is sufficient.
    """
    if message.is_cdr:
        return _parse_cdr_event(path, message)
    try:
        values = orjson.loads(message.data)
        kind, timestamp = values.pop("kind"), values.pop("timestamp")
        if type(kind) is not str or type(timestamp) not in (int, float):
            raise ValueError  # noqa: TRY301 - handled below like every other error in an event
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CorruptFile(path, message.at, "an event is invalid") from None
    elapsed = values.get("elapsed")
    if type(elapsed) in (int, float):
        del values["elapsed"]
        return Event(kind, float(timestamp), values, float(elapsed))
    return Event(kind, float(timestamp), values, None if origin is None else timestamp - seconds(origin))


def _parse_cdr_event(path: Path, message: Message) -> Event:
    try:
        event = decode_event(message.data)
    except ValueError:
        raise CorruptFile(path, message.at, "an event is invalid") from None
    if not (math.isfinite(event.timestamp) and math.isfinite(event.elapsed)):
        raise CorruptFile(path, message.at, "an event has no time")
    return Event(event.kind, event.timestamp, event.values, event.elapsed)


def count_missing_steps(gap: Event) -> int:
    """The number of physics steps that a gap event reports as missing; 0 if it does not say."""
    steps = gap.values.get("steps")
    return steps if type(steps) is int and steps > 0 else 0
