"""What the tests of all formats share: every suffix of every format, written and read the same way.

It does without pytest and the other helpers, so that a process that only writes starts quickly.
"""

import csv
import ctypes
import math
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ac_native_memory import PAGES, Pages
from telemetry.base.clock import Clock
from telemetry.base.storage.output_file import Mode
from telemetry.fields.derived import Sample, derive
from telemetry.fields.selection import ALL_COLUMNS
from telemetry.fields.snapshot import Snapshot, decode, encode
from telemetry.formats import FORMATS, Format
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import PageSink, Sink, Step

START = 1_700_000_000.0
FIRST_PACKET_ID = 1000


class Case(NamedTuple):
    """A format, and one of its suffixes."""

    format: Format
    suffix: str


CASES = {suffix: Case(known, suffix) for known in FORMATS for suffix in known.suffixes}


@cache
def drive(count: int) -> tuple[Snapshot, ...]:
    """Snapshots of a car that moves, a hundred per second; each is another physics step."""
    physics, graphics, static = (bytes(ctypes.sizeof(page)) for page in PAGES.values())
    first = decode(Pages(physics, graphics, static, START)).replace(
        status=2, car_model="demo_gt3", track="demo_ring", player_name='Zoë, "Z"', tyre_wear=(100.0, 99.5, 0.25, -1.0)
    )
    return tuple(
        first.replace(
            timestamp=START + index / 100,
            elapsed=index / 100,
            sequence=index,
            packet_id=FIRST_PACKET_ID + index,
            graphics_packet_id=1 + index,
            speed_kmh=index / 8,
            gear=index % 7,
        )
        for index in range(count)
    )


class Writer:
    """Writes snapshots to a sink of steps, or to one of samples where a format has no other."""

    def __init__(
        self, case: Case, path: Path, *, mode: Mode = "new", metadata: Mapping[str, str] | None = None
    ) -> None:
        self._latest: Sample | None = None
        self._steps: PageSink | None = None
        self._samples: Sink | None = None
        if case.format.open_step_sink is not None:
            self._steps = case.format.open_step_sink(path, metadata=metadata or {}, overwrite=mode == "overwrite")
        else:
            assert case.format.open_sample_sink is not None, "a format that cannot be written"
            self._samples = case.format.open_sample_sink(path, ALL_COLUMNS, mode=mode, units=False)

    @property
    def sink(self) -> PageSink | Sink:
        sink = self._steps or self._samples
        assert sink is not None
        return sink

    def write(self, snapshot: Snapshot) -> None:
        if self._steps is not None:
            self._steps.write(Step(State.LIVE, encode(snapshot), snapshot.elapsed))
        if self._samples is not None:
            self._latest = derive(snapshot, self._latest)
            self._samples.write(self._latest)


def write(
    case: Case,
    path: Path,
    snapshots: Sequence[Snapshot],
    *,
    mode: Mode = "new",
    metadata: Mapping[str, str] | None = None,
    flush_every: int = 20,
) -> None:
    """Write a complete file, flushed after so many snapshots."""
    writer = Writer(case, path, mode=mode, metadata=metadata)
    with writer.sink as sink:
        for count, snapshot in enumerate(snapshots, start=1):
            writer.write(snapshot)
            if count % flush_every == 0:
                sink.flush()


class Row(NamedTuple):
    """Some values of a snapshot that every format holds: numbers, text and an array."""

    packet_id: int
    timestamp: float
    speed_kmh: float
    gear: int
    player_name: str
    tyre_wear: tuple[float, ...]


def row_of(snapshot: Snapshot) -> Row:
    """The row of a snapshot."""
    return Row(*(getattr(snapshot, name) for name in Row._fields))


def read_rows(case: Case, path: Path) -> list[Row]:
    """The rows of a file, by the format's own reader, which for a table finds what another library finds."""
    if case.format.is_table:
        rows = _FOREIGN_READERS[case.format.name](path)
        assert not rows or rows == [row_of(snapshot) for snapshot in read_snapshots(case, path)]
        return rows
    return [row_of(snapshot) for snapshot in read_snapshots(case, path)]


def read_snapshots(case: Case, path: Path) -> list[Snapshot]:
    """The snapshots of a file, by the format's own reader."""
    assert case.format.open_reader is not None, "a format without a reader"
    with case.format.open_reader(path, loop=False, begin=None, end=None) as source:
        return [reading.snapshot for reading in source.readings(Clock(math.inf), None) if reading.snapshot]


def _read_csv(path: Path) -> list[Row]:
    data = path.read_bytes()
    text = zlib.decompressobj(31).decompress(data) if path.suffix == ".gz" else data
    return [
        Row(
            int(cells["packet_id"]),
            float(cells["timestamp"]),
            float(cells["speed_kmh"]),
            int(cells["gear"]),
            cells["player_name"],
            tuple(float(cells[f"tyre_wear_{wheel}"]) for wheel in ("fl", "fr", "rl", "rr")),
        )
        for cells in csv.DictReader(text[: text.rfind(b"\n") + 1].decode().splitlines())  # without a row that is cut
    ]


def _read_parquet(path: Path) -> list[Row]:
    import pyarrow.parquet as pq

    rows = pq.read_table(path, columns=list(Row._fields)).to_pylist()
    return [Row(**(values | {"tyre_wear": tuple(values["tyre_wear"])})) for values in rows]


_FOREIGN_READERS = {"CSV": _read_csv, "Parquet": _read_parquet}
