"""Writing a MoTeC log (``.ld``): its blocks at the places where loggers have them, and float32 channels."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Final

import numpy as np

from telemetry.fields.blocks import Array
from telemetry.formats.motec.layout import EVENT, HEADER, MARK, NODE, VEHICLE, VENUE, Structure
from telemetry.formats.motec.names import fold_to_ascii

_FIRST_CHANNEL_ID: Final = 12001

# The node layout, device, licence and beacon of Assetto Corsa Competizione and of the writers that copied it: all
# float32 channels that i2 is known to have opened are in such logs.
_DEVICE: Final = {
    "mark": MARK,
    "node_kind": 1,
    "clock_hz": 1_000_000,
    "device_serial": 8004,
    "device_type": b"ADL",
    "device_version": 420,
    "device_flags": 0xADB0,
    "licence": 0xC81A4,
}

EVENT_AT: Final = HEADER.itemsize
VENUE_AT: Final = EVENT_AT + EVENT.itemsize
VEHICLE_AT: Final = VENUE_AT + VENUE.itemsize
FIRST_NODE_AT: Final = VEHICLE_AT + VEHICLE.itemsize

MAX_BYTES: Final = (1 << 32) - 1
"""Of a log, whose pointers have 32 bits."""


@dataclass(frozen=True, slots=True)
class Series:
    """A channel to be written: its samples in parts, float32 or int32."""

    name: str
    unit: str
    parts: Sequence[Array]

    @property
    def count(self) -> int:
        """How many samples there are."""
        return sum(map(len, self.parts))


def log_size(channels: int, samples: int) -> int:
    """Bytes of a log with so many channels, and samples in each of them."""
    return FIRST_NODE_AT + channels * (NODE.itemsize + 4 * samples)


def write_log(
    file: IO[bytes], rate_hz: int, channels: Sequence[Series], about: Mapping[str, str], venue_length_m: float
) -> None:
    """Write a log; ``about`` has texts by the names of :attr:`telemetry.formats.motec.log.Log.about`."""
    first_sample = FIRST_NODE_AT + len(channels) * NODE.itemsize
    text = {name: fold_to_ascii(value).encode("ascii") for name, value in about.items()}.get

    def texts(**names: str) -> dict[str, bytes]:
        return {field: text(name, b"") for field, name in names.items()}

    file.write(
        _pack(
            HEADER,
            **_DEVICE,
            first_channel=FIRST_NODE_AT if channels else 0,
            first_sample=first_sample,
            event=EVENT_AT,
            channel_count=len(channels),
            **texts(
                date="date",
                time="time",
                driver="driver",
                vehicle="vehicle",
                venue="venue",
                session="session",
                comment="comment",
            ),
        )
    )
    file.write(_pack(EVENT, venue=VENUE_AT, **texts(name="event", session="event_session", comment="event_comment")))
    length_mm = round(venue_length_m * 1e3) if 0.0 < venue_length_m < 1e6 else 0
    file.write(_pack(VENUE, vehicle=VEHICLE_AT, length_mm=length_mm, **texts(name="venue_name")))
    file.write(_pack(VEHICLE, **texts(name="vehicle_name", description="vehicle_description", kind="vehicle_type")))
    file.write(_nodes(rate_hz, channels, first_sample).tobytes())
    for channel in channels:
        for part in channel.parts:
            file.write(np.ascontiguousarray(part, part.dtype.newbyteorder("<")).data)


def _pack(structure: Structure, **values: Any) -> bytes:
    block = np.zeros((), structure)
    for name, value in values.items():
        block[name] = value
    return block.tobytes()


def _nodes(rate_hz: int, channels: Sequence[Series], first_sample: int) -> Array:
    nodes = np.zeros(len(channels), NODE)
    places = FIRST_NODE_AT + np.arange(len(channels)) * NODE.itemsize
    nodes["previous"][1:] = places[:-1]
    nodes["next"][:-1] = places[1:]
    nodes["id"] = _FIRST_CHANNEL_ID + np.arange(len(channels))
    nodes["rate_hz"], nodes["multiplier"], nodes["scale"], nodes["sample_size"] = rate_hz, 1, 1, 4
    begin = first_sample
    for node, channel in zip(nodes, channels, strict=True):
        node["samples"], node["count"] = begin, (count := channel.count)
        begin += 4 * count
        node["kind"] = 5 if channel.parts and channel.parts[0].dtype.kind == "i" else 7
        node["name"] = channel.name.encode("ascii")
        node["short_name"] = channel.name.replace(" ", "")[:7].encode("ascii")
        node["unit"] = channel.unit.encode("ascii")
        node["lowest"], node["highest"] = _limits(channel.parts)
    return nodes


def _limits(parts: Sequence[Array]) -> tuple[int, int]:
    """The lowest and the highest sample, rounded; 0 where there is none."""
    found = [limit for part in parts if len(part) for limit in (np.fmin.reduce(part), np.fmax.reduce(part))]
    numbers = [float(limit) for limit in found if math.isfinite(limit)]
    if not numbers:
        return 0, 0
    bounds = np.iinfo(np.int32)
    lowest, highest = (min(max(round(limit), bounds.min), bounds.max) for limit in (min(numbers), max(numbers)))
    return lowest, highest
