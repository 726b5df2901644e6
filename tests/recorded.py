"""Recordings that tests make or read: the lap of the demo in fixtures, and laps of any number."""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import telemetry
from telemetry.fields.derived import Sample
from telemetry.fields.snapshot import Snapshot
from tests.conftest import REPOSITORY

LAP = REPOSITORY / "fixtures" / "lap.jsonl.zst"


@cache
def recorded_lap(path: Path = LAP) -> tuple[Snapshot, ...]:
    """The snapshots of a whole lap of the demo car, ten per second."""
    with telemetry.open_source(path) as source:
        readings = source.readings(telemetry.Clock(math.inf), None)
        return tuple(reading.snapshot for reading in readings if reading.snapshot)


def derived(snapshots: tuple[Snapshot, ...] | list[Snapshot]) -> Iterator[Sample]:
    """The samples of these snapshots."""
    before = None
    for snapshot in snapshots:
        before = telemetry.derive(snapshot, before)
        yield before


def drive(*numbers: int, cut: tuple[int, ...] = ()) -> list[Snapshot]:
    """Laps of these numbers, thirty seconds each, twice a second; in those that are ``cut`` all tyres are out once."""
    lap = recorded_lap()[200]
    found: list[Snapshot] = []
    for count, number in enumerate(numbers):
        for tick in range(60):
            elapsed = count * 30.0 + tick / 2
            found.append(
                lap.replace(
                    elapsed=elapsed,
                    timestamp=1.7e9 + elapsed,
                    sequence=len(found),
                    packet_id=1000 + round(elapsed / 0.003),
                    normalized_position=tick / 60,
                    current_time=tick * 500,
                    completed_laps=number - 1,
                    last_time=30_000 if count else 0,
                    best_time=30_000 if set(numbers[:count]) - set(cut) else 0,
                    number_of_tyres_out=4 if number in cut and tick == 30 else 0,
                    distance_traveled=elapsed * 30,
                )
            )
    return found


def days_later(snapshots: Sequence[Snapshot], days: int) -> list[Snapshot]:
    """The same on another day: another drive."""
    return [one.replace(timestamp=one.timestamp + 86_400.0 * days) for one in snapshots]


def driven_by_ai(snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    """The same, driven by the game's AI."""
    return [one.replace(is_ai_controlled=1) for one in snapshots]


def evening() -> list[Snapshot]:
    """Two laps of one car, 30 and 29 s, and then two of another one on another track, 31 and 33 s."""
    first, second = drive(1, 2, 3)[:124], drive(1, 2, 3)[:124]
    last = first[-1]
    parts = (
        [one.replace(car_model="formula", **_shown(one, 30_000, 29_000)) for one in first],
        [
            one.replace(
                car_model="road_car",
                track="spa",
                track_configuration="short",
                elapsed=last.elapsed + 60.0 + one.elapsed,
                timestamp=last.timestamp + 60.0 + one.elapsed,
                packet_id=last.packet_id + 20_000 + one.packet_id,
                sequence=last.sequence + 1 + one.sequence,
                **_shown(one, 31_000, 33_000),
            )
            for one in second
        ],
    )
    return [one for part in parts for one in part]


def _shown(snapshot: Snapshot, *times_ms: int) -> dict[str, int]:
    """The official times of the lap before and of the best one, as the game shows them."""
    driven = times_ms[: snapshot.completed_laps]
    return {"last_time": driven[-1], "best_time": min(driven)} if driven else {"last_time": 0, "best_time": 0}


def write(path: Path, snapshots: list[Snapshot]) -> Path:
    """Write the samples of these snapshots into a file, and return its path."""
    with telemetry.open_sink(path) as sink:
        for sample in derived(snapshots):
            sink.write(sample)
    return path
