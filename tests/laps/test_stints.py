from collections.abc import Callable, Iterator
from typing import Any

import pytest

from telemetry.fields.derived import Sample
from telemetry.laps import Lap, laps
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Step
from telemetry.recording.lap_tracker import LapTracker
from telemetry.rl.datasets.episodes import group
from tests.conftest import pages_of, sample_of

LAP_S = 30.0
LANE: dict[str, Any] = {"is_in_pit_lane": 1, "speed_kmh": 80.0}
STOP: dict[str, Any] = {"is_in_pit_lane": 1, "is_in_pit": 1, "speed_kmh": 0.0}
PASS_BOX: dict[str, Any] = {"is_in_pit_lane": 1, "is_in_pit": 1, "speed_kmh": 80.0}

Pits = Callable[[float], dict[str, Any]]
"""What is different at this time of the drive."""


def rows(at: Pits, hz: float = 10.0, lap_count: int = 4) -> Iterator[dict[str, Any]]:
    """Laps of thirty seconds, and ten seconds of another."""
    for number in range(round((lap_count * LAP_S + 10.0) * hz)):
        elapsed = number / hz
        done, lap_s = divmod(elapsed + 1e-9, LAP_S)
        yield {
            "elapsed": elapsed,
            "sequence": number,
            "packet_id": 1000 + round(elapsed / 0.003),
            "graphics_packet_id": 1 + 2 * number,
            "completed_laps": int(done),
            "current_time": round(lap_s * 1000),
            "last_time": 30_000 if done else 0,
            "normalized_position": lap_s / LAP_S,
            "distance_traveled": 10.0 + elapsed * 50.0,
            "speed_kmh": 180.0,
            "tyre_compound": "Slicks (S)",
            **at(elapsed),
        }


def samples(at: Pits, hz: float = 10.0) -> Iterator[Sample]:
    before = None
    for row in rows(at, hz):
        before = sample_of(before, **row)
        yield before


def between(*stretches: tuple[float, float, dict[str, Any]]) -> Pits:
    """The values of the stretch in which a time lies."""
    return lambda elapsed: next((values for begin, end, values in stretches if begin <= elapsed < end), {})


def stints(found: tuple[Lap, ...]) -> list[list[int]]:
    return [[lap.number for lap in stint] for stint in group(found, found, "stint")]


WAYS = {
    "no pits": (between(), [[1, 2, 3, 4, 5]], []),
    "drive-through": (between((55.0, 65.0, LANE)), [[1, 2, 3, 4, 5]], []),
    "drive-through over its own box": (
        between((55.0, 58.0, LANE), (58.0, 58.2, PASS_BOX), (58.2, 65.0, LANE)),
        [[1, 2, 3, 4, 5]],
        [],
    ),
    "stop before the line": (
        between((52.0, 54.0, LANE), (54.0, 58.0, STOP), (58.0, 65.0, LANE)),
        [[1, 2], [3, 4, 5]],
        [65.0],
    ),
    "stop behind the line": (
        between((55.0, 62.0, LANE), (62.0, 66.0, STOP), (66.0, 70.0, LANE)),
        [[1, 2], [3, 4, 5]],
        [70.0],
    ),
    "stop in the middle of a lap": (
        between((40.0, 42.0, LANE), (42.0, 46.0, STOP), (46.0, 50.0, LANE)),
        [[1], [2, 3, 4, 5]],
        [50.0],
    ),
    "two stops": (
        between(
            *((begin, begin + 4.0, STOP) for begin in (58.0, 88.0)),
            *((begin, begin + 8.0, LANE) for begin in (57.0, 87.0)),
        ),
        [[1, 2], [3], [4, 5]],
        [65.0, 95.0],
    ),
    "from the box": (between((0.0, 4.0, STOP), (4.0, 8.0, LANE)), [[1, 2, 3, 4, 5]], [8.0]),
    "other tyres": (
        lambda elapsed: {
            **({"tyre_compound": "Slicks (H)"} if elapsed >= 60.0 else {}),
            **(LANE if 55.0 <= elapsed < 65.0 else {}),
        },
        [[1, 2], [3, 4, 5]],
        [65.0],
    ),
    "other tyres, seen on the track": (
        lambda elapsed: {"tyre_compound": "Slicks (H)"} if elapsed >= 65.0 else {},
        [[1, 2], [3, 4, 5]],
        [65.0],
    ),
    "a new set": (
        lambda elapsed: {
            "tyre_wear": (97.0 if elapsed < 60.0 else 99.8,) * 4,
            **(LANE if 55.0 <= elapsed < 65.0 else {}),
        },
        [[1, 2], [3, 4, 5]],
        [65.0],
    ),
    "tyres that wear": (
        lambda elapsed: {"tyre_wear": (100.0 - elapsed / 100.0,) * 4, **(LANE if 55.0 <= elapsed < 65.0 else {})},
        [[1, 2, 3, 4, 5]],
        [],
    ),
    "the name of the tyres is read late": (
        lambda elapsed: {"tyre_compound": ""} if elapsed < 5.0 else {},
        [[1, 2, 3, 4, 5]],
        [],
    ),
}


@pytest.mark.parametrize("hz", [2.0, 10.0])
@pytest.mark.parametrize("way", WAYS)
def test_stints_part_where_the_car_leaves_the_pits_after_a_stop(way: str, hz: float) -> None:
    at, expected, _ = WAYS[way]
    assert stints(tuple(laps(samples(at, hz)))) == expected


@pytest.mark.parametrize("way", WAYS)
def test_a_recording_is_split_in_the_same_places(way: str) -> None:
    at, _, expected = WAYS[way]
    tracker = LapTracker()
    found = []
    for row in rows(at, hz=2.0):
        update = tracker.update(Step(State.LIVE, pages_of(**row), row["elapsed"]))
        if update is not None and "stint" in update.started:
            found.append(row["elapsed"])
    assert found == [0.0, *expected]


def test_a_jump_into_the_pits_ends_a_stint() -> None:
    """From the menu: the car stands in its box at once, and the clock begins again."""

    def at(elapsed: float) -> dict[str, Any]:
        if elapsed < 75.0:
            return {}
        moved = {"current_time": round((elapsed - 75.0) * 1000), "completed_laps": 2}
        return {**moved, "normalized_position": 0.99, **(STOP if elapsed < 80.0 else LANE if elapsed < 85.0 else {})}

    found = tuple(laps(sample for sample in samples(at) if sample.elapsed < 89.0))
    assert [(lap.number, lap.end, lap.stint) for lap in found] == [
        (1, "line", 1),
        (2, "line", 1),
        (3, "pits", 1),
        (3, "recording", 2),
    ]
    assert stints(found) == [[1, 2, 3], [3]]


def test_a_restart_begins_a_stint() -> None:
    def at(elapsed: float) -> dict[str, Any]:
        again = elapsed - 75.0
        if again < 0.0:
            return {}
        return {
            "packet_id": 300 + round(again / 0.003),
            "completed_laps": int(again // LAP_S),
            "current_time": round(again % LAP_S * 1000),
            "last_time": 30_000 if again >= LAP_S else 0,
            "normalized_position": again % LAP_S / LAP_S,
            "distance_traveled": 10.0 + again * 50.0,
        }

    found = tuple(laps(samples(at)))
    assert [(lap.number, lap.stint) for lap in found] == [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2)]
    assert stints(found) == [[1, 2, 3], [1, 2]]
