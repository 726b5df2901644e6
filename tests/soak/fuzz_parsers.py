"""Fuzz of files that other programs write, read by the library: data or a SourceError, and nothing else.

A command starts for each input of :mod:`tests.soak.fuzz_files`; here a thousand are read in the same time.
``python -m tests.soak.fuzz_parsers READER SEED INPUTS FOLDER`` is the process that a trial runs.
"""

import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import process_time
from typing import Final, NamedTuple

from telemetry.base.errors import SourceError
from telemetry.formats.motec.ldx import format_ldx, ldx_path, read_ldx
from telemetry.formats.motec.log import read_log
from telemetry.formats.motec.recording import MotecRecording
from telemetry.recording.recorded_laps import find_recorded_laps
from telemetry.tracks.game_track import read_game_track
from telemetry.tracks.map_picture import read_map_picture
from tests.formats.ld_bytes import Node, encode
from tests.soak.mutation import NASTY_TEXTS, mutate

MAX_CPU_S: Final = 5.0
"""Seconds of processor time that reading one input may take."""

NODE_WORDS: Final = (0, 4, 8, 12)
"""Where a node has its links, its samples and their count."""

NODES: Final = (
    Node("Ground Speed", "km/h", 20, tuple(float(number) for number in range(40))),
    Node("Engine RPM", "rpm", 10, tuple(range(1000, 1020)), (3, 2), multiplier=6, scale=10, decimals=-1),
    Node("Lap Time", "s", 20, tuple(number / 20 for number in range(40))),
    Node("Session Lap Count", "", 5, (0.0,) * 5 + (1.0,) * 5, (5, 4)),
    Node("Brake Temp FL", "F", 1, (100.0, 120.0), (7, 2)),
    Node("Beacon", "", 1, (0xC000, 0x8001, 0x4005, 100), (0, 2), id=110),
    Node("Oil Pres", "kPa", 1, (1.0, 2.0), (8, 8)),
)

LDX: Final = (
    format_ldx([500_000, 1_250_000], {1: 750_000}, {"Driver": "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}"}),
    (
        b'<?xml version="1.0" encoding="windows-1252"?><LDXFile><Layers><Layer><MarkerBlock>'
        b'<MarkerGroup Name="Beacons"><Marker Time="1.5e+06"/></MarkerGroup></MarkerBlock></Layer>'
        b'<Details><String Id="Sky" Value=""/></Details></Layers></LDXFile>'
    ),
    b'<LDXFile><Layers><Details><String Id="Total Laps" Value="1"/></Details></Layers></LDXFile>',
)

SECTIONS: Final = b"[SECTION_0]\r\nIN=0.1\r\nOUT=0.3\r\nTEXT=First\r\n[SECTION_1]\nIN=0.9\nOUT=0.05\nTEXT=Last\n"
MAP: Final = b"[PARAMETERS]\nWIDTH=200\nHEIGHT=100\nX_OFFSET=20\nZ_OFFSET=-3.5\nSCALE_FACTOR=1.25\nMARGIN=20\n"


class Parser(NamedTuple):
    """A kind of file."""

    write: Callable[[Path, Random], object]
    """Makes an input in a folder."""
    read: Callable[[Path], object]
    """Reads what is in this folder."""


def write_log(folder: Path, random: Random) -> None:
    """A changed log, beside none or a good ``.ldx``."""
    chosen = random.sample(NODES, random.randint(1, len(NODES)))
    size, beacon = random.choice((124, 124, 116)), random.choice((0, 99))
    good = encode(
        chosen,
        {"date": "05/07/2024", "time": "14:31:00", "venue": "spa"},
        blocks=random.random() < 0.7,
        node_size=size,
        node_kind=random.randrange(3),
        beacon=beacon,
    )
    change = random.choice((_flip_nodes, _change_links, _change_links, _mutate))
    (folder / "in.ld").write_bytes(change(good, len(chosen), size, random))
    beside = ldx_path(folder / "in.ld")
    if random.random() < 0.3:
        beside.write_bytes(LDX[0])
    else:
        beside.unlink(missing_ok=True)


def _mutate(good: bytes, _count: int, _size: int, random: Random) -> bytes:
    """Anything changed: also cut, repeated or filled."""
    return mutate(good, random)


def _flip_nodes(good: bytes, count: int, size: int, random: Random) -> bytes:
    """Other bits in the nodes behind their links, and in the samples."""
    data = bytearray(good)
    (first,) = struct.unpack_from("<I", data, 8)
    for _ in range(random.choice((1, 3, 20))):
        place = first + random.randrange(count) * size + random.randrange(16, 84)
        data[random.choice((place, random.randrange(first + count * size, len(data))))] ^= 1 << random.randrange(8)
    return bytes(data)


def _change_links(good: bytes, count: int, size: int, random: Random) -> bytes:
    """Other places and counts in the header, the blocks and the list of channels: loops, and 2^32 of everything."""
    data = bytearray(good)
    (first,) = struct.unpack_from("<I", data, 8)
    nodes = [first + number * size for number in range(count)]
    numbers = (0, 1, 8, len(data) - 1, len(data), len(data) - 92, 2**31, 2**32 - 1, *nodes)
    for _ in range(random.choice((1, 1, 2, 5))):
        place = random.choice((8, 12, 36, 1762 + 1150, *(node + word for node in nodes for word in NODE_WORDS)))
        if place + 4 <= len(data):
            struct.pack_into("<I", data, place, random.choice(numbers))
        half = random.choice(nodes) + random.choice((16, 18, 20, 22, 24, 26, 28, 30))
        if random.random() < 0.3 and half + 2 <= len(data):
            struct.pack_into("<H", data, half, random.choice((0, 1, 2, 4, 8, 255, 0x7FFF, 0x8000, 0xFFFF)))
    return bytes(data[: random.choice((len(data), len(data), random.randrange(len(data)))) or 1])


def read_motec(folder: Path) -> None:
    """Every sample of every channel, and as a recording its blocks and laps."""
    path = folder / "in.ld"
    for channel in read_log(path).channels:
        assert len(channel.values()) == channel.count
    recording = MotecRecording(path)
    for block in recording.blocks():
        for name in ("speed_kmh", "rpm", "current_time", "brake_temp", "normalized_position"):
            assert len(block.array(name)) == len(block.decimals(name)) == len(block)
        block.snapshot(len(block) - 1)
    for lap in find_recorded_laps(recording):
        assert lap.number >= 1


def write_details(folder: Path, random: Random) -> None:
    """A changed ``.ldx`` beside a good log."""
    log = folder / "in.ld"
    if not log.exists():
        log.write_bytes(encode(NODES[:2]))
    good = random.choice(LDX)
    ldx_path(log).write_bytes(mutate(good, random) if random.random() < 0.5 else _change_value(good, random))


def _change_value(good: bytes, random: Random) -> bytes:
    """Another text or number within the quotes of an attribute, so that it stays XML."""
    parts = good.split(b'"')
    for _ in range(random.choice((1, 2, 8))):
        text = random.choice((*NASTY_TEXTS, b"1e6", b"2.5e+05", b"0.000000", b"Beacons", b"Driver", b"999999999999"))
        printable = bytes(byte for byte in text if 0x20 <= byte < 0x7F and byte not in b'<&"')
        parts[random.randrange(len(parts) // 2) * 2 + 1] = printable
    return b'"'.join(parts)


def read_details(folder: Path) -> None:
    """It alone, and with the log."""
    beacons = read_ldx(folder / "in.ldx").beacons_s
    assert sorted(beacons) == list(beacons)
    for lap in find_recorded_laps(MotecRecording(folder / "in.ld")):
        assert lap.number >= 1


def write_track(folder: Path, random: Random) -> None:
    """A track of the game with one of its files changed."""
    count, track = 40, folder / "content" / "tracks" / "ring"
    points = b"".join(struct.pack("<4fi", 10.0 * (i % 20), 0.0, 7.0 * (i // 20), 2.0 * i, i) for i in range(count))
    details = struct.pack("<18f", 50.0, 1.0, 0.0, 0.0, 0.0, 5.0, 7.0, *[0.0] * 11) * count
    files = {
        track / "ai" / "fast_lane.ai": struct.pack("<4i", 7, count, 0, 0) + points + struct.pack("<i", count) + details,
        track / "data" / "sections.ini": SECTIONS,
        track / "data" / "map.ini": MAP,
        track / "map.png": struct.pack(">8sI4s2I5sI", b"\x89PNG\r\n\x1a\n", 13, b"IHDR", 200, 100, bytes(5), 0),
    }
    changed = random.choice((*files, track / "ai" / "fast_lane.ai"))
    for path, data in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mutate(data, random) if path == changed else data)


def read_track(folder: Path) -> None:
    """The line with its corners, and the map."""
    read_map_picture(folder, "ring", "")
    track = read_game_track(folder, "ring", "", 0.0)
    assert track is None or track.length_m >= 0.0


PARSERS: Final = {
    "ld": Parser(write_log, read_motec),
    "ldx": Parser(write_details, read_details),
    "ai": Parser(write_track, read_track),
}


class Tried(NamedTuple):
    """What came of some inputs, of which none failed."""

    refused: int
    """Those that were a sentence."""
    slowest_s: float
    """Processor time of the slowest."""


def try_inputs(reader: str, seed: int, inputs: int, folder: Path) -> Tried:
    """Read so many inputs; AssertionError, which names the input, where one is neither data nor a SourceError."""
    parser = PARSERS[reader]
    refused, slowest = 0, 0.0
    for number in range(inputs):
        parser.write(folder, Random(f"{reader} {seed + number}"))
        began = process_time()
        try:
            parser.read(folder)
        except SourceError as error:
            if not str(error).endswith("."):
                raise AssertionError(f"input {seed + number} of {reader}: {error} is no sentence") from error
            refused += 1
        except BaseException as error:
            error.add_note(f"input {seed + number} of {reader}")
            raise
        seconds = process_time() - began
        assert seconds < MAX_CPU_S, f"input {seed + number} of {reader} took {seconds:.1f} s of processor time"
        slowest = max(slowest, seconds)
    return Tried(refused, slowest)


def main(reader: str, seed: int, inputs: int, folder: Path) -> None:
    """Try them in parts, and print a JSON line after each, as :mod:`tests.soak.fuzz_worker` does."""
    import resource
    import warnings

    from tests.soak.fuzz_files import MEMORY_MB

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MB << 20, MEMORY_MB << 20))
    warnings.simplefilter("error")
    part = 100
    for begin in range(seed, seed + inputs, part):
        at = f"inputs {begin} to {begin + part - 1}"
        try:
            tried = try_inputs(reader, begin, min(part, seed + inputs - begin), folder)
        except BaseException as error:  # noqa: BLE001 - whatever comes out is the finding
            notes = " ".join(getattr(error, "__notes__", ()))
            say(at=at, failed=f"{type(error).__name__}: {str(error)[:300]} {notes}")
            return
        say(at=at, seconds=tried.slowest_s, done=min(part, seed + inputs - begin))


def say(**values: object) -> None:
    """A JSON line for the process that watches."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
