"""ROS 2 messages as their bytes: CDR, little-endian, behind a header of four bytes.

A page is such a message as the game writes it: its fields are aligned by themselves, so only the header is added. In
CDR each value is aligned to its own size, counted from the end of the header, and a text is its length with the final
0, its UTF-8 bytes, and that 0.
"""

import struct
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson

HEADER: Final = b"\x00\x01\x00\x00"
"""Little-endian CDR without options, in front of every message."""

LITTLE_ENDIAN: Final = HEADER[:2]
"""How every message that we read begins; the other two bytes of a header are options, of no meaning here."""

EVENT_SCHEMA: Final = b"""\
# What happened in a recording, and the values that belong to it
float64 timestamp  # s: Unix time
float64 elapsed  # s: time since the first step of the file
string kind  # gap, repaired, state, clock or marker
string values_json  # a JSON object: the values of this kind of event
"""

_TIMES: Final = struct.Struct("<dd")
_LENGTH: Final = struct.Struct("<I")


class EventFields(NamedTuple):
    """The fields of the message of an event; times in seconds."""

    timestamp: float
    elapsed: float
    kind: str
    values: Mapping[str, Any]


def encode_event(event: EventFields) -> bytes:
    """The message of an event, with its header."""
    kind = _encode_text(event.kind.encode())
    alignment = bytes(-len(kind) % _LENGTH.size)
    times = _TIMES.pack(event.timestamp, event.elapsed)
    return b"".join((HEADER, times, kind, alignment, _encode_text(orjson.dumps(event.values))))


def decode_event(data: bytes) -> EventFields:
    """The event in a message without its header; raises :class:`ValueError` for anything else."""
    if len(data) < _TIMES.size:
        raise ValueError("too short")
    kind, end = _decode_text(data, _TIMES.size)
    text, _ = _decode_text(data, end + -end % _LENGTH.size)
    values = orjson.loads(text)
    if not isinstance(values, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - one error for every invalid message
    timestamp, elapsed = _TIMES.unpack_from(data)
    return EventFields(timestamp, elapsed, kind, values)


def _encode_text(text: bytes) -> bytes:
    return _LENGTH.pack(len(text) + 1) + text + b"\0"


def _decode_text(data: bytes, at: int) -> tuple[str, int]:
    """The text at this offset, and the offset of its end."""
    begin = at + _LENGTH.size
    if begin > len(data):
        raise ValueError("no length")
    end = begin + int.from_bytes(data[at:begin], "little")
    if not begin < end <= len(data) or data[end - 1]:
        raise ValueError("no text of this length")
    return data[begin : end - 1].decode(), end
