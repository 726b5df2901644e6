"""MoTeC logs byte by byte, written from the table in ``docs/motec.md`` without any code of the product."""

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

KINDS = {(7, 4): "<f4", (3, 2): "<i2", (5, 4): "<i4", (0, 2): "<u2", (7, 2): "<f2", (3, 4): "<i4", (8, 8): "<f8"}


class Node(NamedTuple):
    """A channel in a log."""

    name: str
    unit: str = ""
    rate: int = 10
    samples: tuple[float, ...] = ()
    kind: tuple[int, int] = (7, 4)
    shift: int = 0
    multiplier: int = 1
    scale: int = 1
    decimals: int = 0
    id: int = 8000


class Decoded(NamedTuple):
    """What lies in a log."""

    texts: dict[str, str]
    pointers: dict[str, int]
    nodes: list[Node]
    limits: list[tuple[int, int]]
    venue_mm: int


def text(data: bytes, at: int, length: int) -> str:
    return data[at : at + length].split(b"\0")[0].decode("ascii")


def decode(data: bytes) -> Decoded:
    """Everything in a log of float32 or int32 channels, by the offsets of the table."""

    def u32(at: int) -> int:
        (number,) = struct.unpack_from("<I", data, at)
        assert isinstance(number, int)
        return number

    event = u32(36)
    venue = struct.unpack_from("<H", data, event + 1152)[0]
    vehicle = struct.unpack_from("<H", data, venue + 1098)[0]
    texts = {
        "date": text(data, 94, 16), "time": text(data, 126, 16), "driver": text(data, 158, 64),
        "vehicle": text(data, 222, 64), "venue": text(data, 350, 64), "comment": text(data, 1572, 64),
        "event": text(data, event, 64), "session": text(data, event + 64, 64),
        "event comment": text(data, event + 128, 1024), "venue name": text(data, venue, 64),
        "vehicle name": text(data, vehicle, 64), "vehicle type": text(data, vehicle + 196, 32),
    }  # fmt: skip
    pointers = {
        "mark": u32(0), "first channel": u32(8), "first sample": u32(12), "event": event, "venue": venue,
        "vehicle": vehicle, "clock": u32(66), "licence": u32(1502), "channels": struct.unpack_from("<H", data, 86)[0],
    }  # fmt: skip
    nodes, limits, before, at = [], [], 0, u32(8)
    while at:
        previous, following, samples, count = struct.unpack_from("<4I", data, at)
        assert previous == before
        number, kind, size, rate, shift, multiplier, scale, decimals = struct.unpack_from("<HHHHhhhh", data, at + 16)
        values = np.frombuffer(data, KINDS[kind, size], count, samples)
        highest, lowest = struct.unpack_from("<ii", data, at + 84)
        nodes.append(
            Node(
                text(data, at + 32, 32),
                text(data, at + 72, 12),
                rate,
                tuple(values.tolist()),
                (kind, size),
                shift,
                multiplier,
                scale,
                decimals,
                number,
            )
        )
        limits.append((lowest, highest))
        before, at = at, following
    return Decoded(texts, pointers, nodes, limits, struct.unpack_from("<I", data, venue + 66)[0])


def encode(
    nodes: Sequence[Node],
    texts: Mapping[str, str] | None = None,
    *,
    blocks: bool = True,
    node_size: int = 124,
    node_kind: int = 1,
    beacon: int = 0,
) -> bytes:
    """A log of these channels; without ``blocks`` it has no event, venue and vehicle, as of some writers."""
    data, texts = bytearray(1762), texts or {}
    struct.pack_into("<I", data, 0, 0x40)
    struct.pack_into("<HI", data, 64, node_kind, 1_000_000)
    struct.pack_into("<HH", data, 86, len(nodes), len(nodes))
    struct.pack_into("<I", data, 1644, beacon)
    for name, (at, length) in {
        "date": (94, 16), "time": (126, 16), "driver": (158, 64), "vehicle": (222, 64), "venue": (350, 64),
        "comment": (1572, 64),
    }.items():  # fmt: skip
        struct.pack_into(f"{length}s", data, at, texts.get(name, "").encode("cp1252"))
    if blocks:  # shortened to what is known of them, as third-party writers do
        struct.pack_into("<I", data, 36, 1762)
        data += struct.pack(
            "<64s64s1024sH",
            b"",
            texts.get("session", "").encode(),
            texts.get("event_comment", "").encode(),
            1762 + 1154,
        )
        data += struct.pack("<64s2xI1028xH", b"", 2_160_000, 1762 + 1154 + 1100)
        data += struct.pack("<64s196x", b"")
    first = len(data)
    struct.pack_into("<II", data, 8, first if nodes else 0, first + len(nodes) * node_size)
    place = first + len(nodes) * node_size
    samples = b""
    for number, node in enumerate(nodes):
        values = np.array(node.samples, KINDS[node.kind]).tobytes()
        following = first + (number + 1) * node_size if number + 1 < len(nodes) else 0
        short, unit = (node.unit, "") if node_kind == 2 else (node.name[:7], node.unit)
        data += struct.pack(
            "<4IHHHHhhhh32s8s12s8x", 0, following, place + len(samples), len(node.samples), node.id, *node.kind,
            node.rate, node.shift, node.multiplier, node.scale, node.decimals, node.name.encode("cp1252"),
            short.encode("cp1252"), unit.encode("cp1252"),
        ).ljust(node_size, b"\0")  # fmt: skip
        samples += values
    return bytes(data) + samples
