"""The messages of a recording: pages and events, checked while they are read."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from telemetry.formats.mcap.layout import PAGE_SIZES, seconds
from telemetry.formats.mcap.records import CorruptFile, Record
from telemetry.recording.interfaces import Event

_HEAD: Final = struct.Struct("<HIQQ")


class Message(NamedTuple):
    """A page or an event; times in nanoseconds. ``at`` is the offset in the file of the record or chunk it is in."""

    at: int
    topic: str
    log_time: int
    publish_time: int
    data: bytes


def parse_message(path: Path, record: Record, topics: Mapping[int, str]) -> Message:
    """The message in a record; raises :class:`CorruptFile` for an unknown channel or a page of the wrong size."""
    if len(record.body) < _HEAD.size:
        raise CorruptFile(path, record.at, "a message is too short")
    channel, _, log_time, publish_time = _HEAD.unpack_from(record.body)
    topic = topics.get(channel)
    if topic is None:
        raise CorruptFile(path, record.at, f"a message belongs to an unknown channel, {channel}")
    data = record.body[_HEAD.size :]
    if len(data) != PAGE_SIZES.get(topic, len(data)):
        raise CorruptFile(
            path, record.at, f"a message of {topic} has {len(data):,} bytes instead of {PAGE_SIZES[topic]}"
        )
    return Message(record.at, topic, log_time, publish_time, data)


def parse_event(path: Path, message: Message, origin: int | None = None) -> Event:
    """The event in a message; raises :class:`CorruptFile` if it is not JSON or lacks its kind or timestamp.

    ``origin`` is the Unix time [ns] of the file's first step. Events without ``elapsed`` are from before there were
    steps of the time of day in recordings: their Unix time is sufficient.
    """
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


def count_missing_steps(gap: Event) -> int:
    """The number of physics steps that a gap event reports as missing; 0 if it does not say."""
    steps = gap.values.get("steps")
    return steps if type(steps) is int and steps > 0 else 0
