"""The contents of a recording: its channels, their schemas, and its metadata records."""

import ctypes
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ac_native_memory import PAGES, Page
from telemetry.fields.snapshot import Snapshot
from telemetry.formats.mcap.cdr import EVENT_SCHEMA

FORMAT_VERSION: Final = 2
"""Increased when a reader of the previous version would misread the file.

Version 1 had ROS 1 messages, which are the pages without a header, and JSON events; it is read, but not written.
"""

PROFILE: Final = "ros2"
"""The profile in the header of a file; version 1 had none."""

CDR: Final = "cdr"
"""The encoding of the messages of all channels; in version 1 it was ``ros1``, and ``json`` for events."""

MAX_TIME: Final = (1 << 63) - 1
"""The last time in ns that a message can have: in the year 2262."""

FILE_METADATA: Final = "ac_telemetry"
SESSION_METADATA: Final = "session"
QUALITY_METADATA: Final = "quality"

PHYSICS: Final = "/acpmf_physics"
GRAPHICS: Final = "/acpmf_graphics"
STATIC: Final = "/acpmf_static"
EVENTS: Final = "/ac_telemetry/events"

PAGE_TOPICS: Final = (PHYSICS, GRAPHICS, STATIC)

PAGE_SIZES: Final = {f"/{name}": ctypes.sizeof(structure) for name, structure in PAGES.items()}
"""Size in bytes of each page, and so of every message on its channel."""

SCHEMA_NAMES: Final = {
    PHYSICS: "assetto_corsa/msg/Physics",
    GRAPHICS: "assetto_corsa/msg/Graphics",
    STATIC: "assetto_corsa/msg/Static",
    EVENTS: "assetto_corsa/msg/Event",
}

CHANNELS: Final = (STATIC, GRAPHICS, PHYSICS, EVENTS)
"""The channels of a recording in the order of their ids, which begin at 1."""


CHUNK_BYTES: Final = 1 << 20
"""A chunk is ended once it has this many bytes of messages."""


class Channel(NamedTuple):
    """A channel of a file: its topic, and the encoding of its messages."""

    topic: str
    encoding: str

    @property
    def is_cdr(self) -> bool:
        """Whether its messages are behind a CDR header, as in format version 2."""
        return self.encoding == CDR


_ROS_TYPES: Final[dict[Any, str]] = {ctypes.c_int32: "int32", ctypes.c_float: "float32", ctypes.c_uint16: "uint16"}
_ASCII: Final = str.maketrans({"°": "deg ", "³": "3"})  # parsers in other languages may not support UTF-8


def page_schema(topic: str) -> bytes:
    """The ROS message definition of a page, byte for byte: its fields under their wire names, padding included.

    The text is the same in ROS 1 and ROS 2.
    """
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


def register_channels(writer: Any, version: int = FORMAT_VERSION) -> dict[int, Channel]:
    """Register all channels and their schemas with a new writer; returns the channels by id."""
    channels = {}
    for topic in CHANNELS:
        name, schema_encoding, data, encoding = _describe_channel(topic, version)
        schema = writer.register_schema(name, schema_encoding, data)
        channels[writer.register_channel(topic, encoding, schema)] = Channel(topic, encoding)
    return channels


def default_channels(version: int) -> dict[int, Channel]:
    """The channels by id of every recording of this format version that we wrote."""
    return {number: Channel(topic, _describe_channel(topic, version)[-1]) for number, topic in enumerate(CHANNELS, 1)}


def _describe_channel(topic: str, version: int) -> tuple[str, str, bytes, str]:
    """Name, encoding and text of a channel's schema, and the encoding of its messages."""
    if version > 1:
        return SCHEMA_NAMES[topic], "ros2msg", EVENT_SCHEMA if topic == EVENTS else page_schema(topic), CDR
    if topic == EVENTS:
        return "ac_telemetry/Event", "jsonschema", b'{"type":"object"}', "json"
    return SCHEMA_NAMES[topic].replace("/msg/", "/"), "ros1msg", page_schema(topic), "ros1"


def format_version(metadata: Mapping[str, Mapping[str, str]]) -> str:
    """The format version that the metadata records of a file tell; that of today if they do not."""
    return metadata.get(FILE_METADATA, {}).get("format_version", str(FORMAT_VERSION))


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
