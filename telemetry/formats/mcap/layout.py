"""The contents of a recording: its channels, their schemas, and its metadata records."""

import ctypes
import math
import re
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ac_native_memory import PAGES, Page
from telemetry.fields.snapshot import Snapshot

FORMAT_VERSION: Final = 1
"""Increased when a reader of the previous version would misread the file."""

FILE_METADATA: Final = "ac_telemetry"
SESSION_METADATA: Final = "session"
QUALITY_METADATA: Final = "quality"

PHYSICS: Final = "/acpmf_physics"
GRAPHICS: Final = "/acpmf_graphics"
STATIC: Final = "/acpmf_static"
EVENTS: Final = "/ac_telemetry/events"

PAGE_SIZES: Final = {f"/{name}": ctypes.sizeof(structure) for name, structure in PAGES.items()}
"""Size in bytes of each page, and so of every message on its channel."""

SCHEMA_NAMES: Final = {
    PHYSICS: "assetto_corsa/Physics",
    GRAPHICS: "assetto_corsa/Graphics",
    STATIC: "assetto_corsa/Static",
    EVENTS: "ac_telemetry/Event",
}

CHANNELS: Final = (STATIC, GRAPHICS, PHYSICS, EVENTS)
"""The channels of a recording in the order of their ids, which begin at 1."""

EVENT_SCHEMA: Final = orjson.dumps(
    {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA_NAMES[EVENTS],
        "description": "What happened in a recording, and the values that belong to it.",
        "type": "object",
        "properties": {
            "kind": {"type": "string", "description": "gap, repaired, state, clock, marker"},
            "timestamp": {"type": "number", "description": "Unix time [s]"},
            "elapsed": {"type": "number", "description": "time since the first step of the file [s]"},
            "steps": {"type": "integer", "description": "gap: physics steps that could not be seen"},
            "after_packet_id": {"type": ["integer", "null"], "description": "gap: the last step seen before it"},
            "before_packet_id": {"type": "integer", "description": "gap: the first step seen after it"},
            "packet_id": {"type": "integer", "description": "repaired: the step"},
            "state": {"type": "string", "description": "state: how things stand from now on"},
            "seconds": {"type": "number", "description": "clock: by how much the time of day stepped, + forward [s]"},
        },
        "required": ["kind", "timestamp"],
    }
)

_ROS_TYPES: Final[dict[Any, str]] = {ctypes.c_int32: "int32", ctypes.c_float: "float32", ctypes.c_uint16: "uint16"}
_ASCII: Final = str.maketrans({"°": "deg ", "³": "3"})  # parsers in other languages may not support UTF-8


def page_schema(topic: str) -> bytes:
    """The ROS 1 message definition of a page: its fields under their wire names, padding included, byte for byte."""
    name = topic.removeprefix("/")
    structure = PAGES[name]
    lines = [f"# {name}: {ctypes.sizeof(structure)} bytes as the game writes them, texts in UTF-16 units"]
    end = paddings = 0

    def pad(offset: int) -> None:
        nonlocal paddings
        if offset > end:
            paddings += 1
            lines.append(f"uint8[{offset - end}] padding_{paddings}")

    for sdk_name, c_type, *_ in structure._fields_:
        member = getattr(structure, sdk_name)
        pad(member.offset)
        lines.extend(_field_lines(structure, sdk_name, c_type))
        end = member.offset + member.size
    pad(ctypes.sizeof(structure))
    return ("\n".join(lines) + "\n").encode("ascii")


def _field_lines(structure: type[Page], sdk_name: str, c_type: Any) -> list[str]:
    length = 1
    while issubclass(c_type, ctypes.Array):
        length *= c_type._length_
        c_type = c_type._type_
    ros_type = _ROS_TYPES[c_type]
    fields = [
        field
        for field in Snapshot.FIELDS
        if field.sdk_name == sdk_name and field.page and PAGES[field.page] is structure
    ]
    if not fields:
        snake_case = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", sdk_name).lower()
        return [f"{ros_type} {snake_case}" if length == 1 else f"{ros_type}[{length}] {snake_case}"]
    if length > 1 and fields[0].component is None:
        ros_type += f"[{length}]"
    elif len(fields) != length:
        raise TypeError(f"{sdk_name} has {length} components, but {len(fields)} of them are declared")
    return [f"{ros_type} {field.name}  # {field.unit}: {field.meaning}".translate(_ASCII) for field in fields]


def register_channels(writer: Any) -> dict[str, int]:
    """Register all channels and their schemas with a new writer of the library; returns the channel ids by topic."""
    channels = {}
    for topic in CHANNELS:
        schema_encoding, message_encoding = ("jsonschema", "json") if topic == EVENTS else ("ros1msg", "ros1")
        data = EVENT_SCHEMA if topic == EVENTS else page_schema(topic)
        schema = writer.register_schema(SCHEMA_NAMES[topic], schema_encoding, data)
        channels[topic] = writer.register_channel(topic, message_encoding, schema)
    return channels


def nanoseconds(timestamp: float) -> int:
    """Convert Unix seconds to nanoseconds; :func:`seconds` returns the same float. 0 for NaN or a time out of range."""
    if not 0.0 <= timestamp < 1e10:  # NaN too
        return 0
    whole_seconds = int(timestamp)  # converted separately: a double cannot hold the nanoseconds exactly
    return whole_seconds * 1_000_000_000 + round((timestamp - whole_seconds) * 1e9)


def seconds(nanoseconds: int) -> float:
    """Convert nanoseconds to seconds."""
    return nanoseconds / 1_000_000_000


@dataclass
class StepCounters:
    """Counts of the physics steps of a recording, and its times; ``duplicates`` is None if it cannot be determined.

    ``first_ns`` and ``last_ns`` are Unix times, ``elapsed_s`` is the recording's duration.
    """

    steps: int = 0
    missing: int = 0
    gaps: int = 0
    repaired: int = 0
    duplicates: int | None = 0
    first_ns: int = 0
    last_ns: int = 0
    elapsed_s: float = math.nan
    _origin_ns: int | None = None

    def update_times(self, log_time: int, publish_time: int) -> None:
        """Record the times [ns] of a step."""
        if self._origin_ns is None:
            self._origin_ns, self.first_ns = log_time, publish_time
        self.last_ns, self.elapsed_s = publish_time, self.elapsed_at(log_time)

    def elapsed_at(self, log_time: int) -> float:
        """Seconds from the first step to this log time [ns]; 0 before the first step."""
        return 0.0 if self._origin_ns is None else seconds(log_time - self._origin_ns)

    def metadata(self) -> dict[str, str]:
        """The counts as metadata of a file."""
        counts = {
            "steps": self.steps,
            "missing": self.missing,
            "gaps": self.gaps,
            "repaired": self.repaired,
            "duplicates": self.duplicates,
            "first_timestamp": seconds(self.first_ns),
            "last_timestamp": seconds(self.last_ns),
            "elapsed_seconds": self.elapsed_s,
        }
        return {name: str(count) for name, count in counts.items() if count is not None}
