from typing import Any

import pytest

from telemetry.fields.lap_changes import is_count_or_clock_changed, is_lap_count_reset, laps_completed
from tests.conftest import snapshot_of

DRIVING = {"status": 2, "completed_laps": 3, "current_time": 80_000, "normalized_position": 0.99}


@pytest.mark.parametrize(
    ("changes", "laps"),
    [
        ({}, 0),
        ({"completed_laps": 4}, 1),
        ({"completed_laps": 5}, 2),
        ({"completed_laps": 103}, 100),
        ({"completed_laps": 104}, 0),
        ({"completed_laps": 2}, 0),
        ({"completed_laps": 4, "session": 2}, 0),
        ({"completed_laps": 4, "status": 1}, 0),
        ({"completed_laps": 4, "status": 3}, 0),
    ],
)
def test_laps_are_counted_by_how_far_the_count_rose(changes: dict[str, Any], laps: int) -> None:
    assert laps_completed(snapshot_of(**{**DRIVING, **changes}), snapshot_of(**DRIVING)) == laps


def test_laps_that_a_replay_showed_are_not_counted_when_it_ends() -> None:
    before = snapshot_of(**{**DRIVING, "status": 1, "completed_laps": 1})
    assert laps_completed(snapshot_of(**DRIVING), before) == 0


@pytest.mark.parametrize(("completed", "reset"), [(2, True), (3, False), (103, False), (104, True)])
def test_a_lap_count_that_falls_or_leaps_is_reset(completed: int, *, reset: bool) -> None:
    now = snapshot_of(**{**DRIVING, "completed_laps": completed})
    assert is_lap_count_reset(now, snapshot_of(**DRIVING)) is reset


@pytest.mark.parametrize(
    ("changes", "is_changed"), [({}, False), ({"completed_laps": 4}, True), ({"current_time": 10}, True)]
)
def test_a_count_or_a_clock_that_changed_is_seen(changes: dict[str, Any], *, is_changed: bool) -> None:
    assert is_count_or_clock_changed(snapshot_of(**{**DRIVING, **changes}), snapshot_of(**DRIVING)) is is_changed
