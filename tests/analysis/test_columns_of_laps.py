"""Laps of a recording read at once: each has the samples that it has when it is read alone."""

from pathlib import Path

import numpy as np
import pytest

from telemetry.analysis.recorded_laps import columns_of_laps, lap_columns, read_recording
from telemetry.base.errors import UsageError
from tests import recorded

FIELDS = ("packet_id", "current_time", "speed_kmh", "tyre_core_temp")


@pytest.fixture(params=["drive.mcap", "drive.jsonl"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    name: str = request.param
    if name.endswith(".mcap"):
        from tests.drives import record_long_drive

        return record_long_drive(tmp_path / name)
    return recorded.write(tmp_path / name, recorded.drive(1, 2, 3, 4))


def test_laps_come_in_the_order_of_driving_with_the_samples_that_each_has_alone(path: Path) -> None:
    recording = read_recording(path)
    wanted = [lap for lap in recording.laps if lap.first is not None][1:]
    read = list(columns_of_laps(recording, reversed(wanted), FIELDS))
    assert [lap for lap, _ in read] == wanted
    for lap, columns in read:
        assert len(columns["packet_id"]) == lap.last_sequence - lap.first_sequence + 1
        alone = lap_columns(recording, lap, FIELDS)
        for name in FIELDS:
            assert np.array_equal(columns[name], alone[name], equal_nan=True)


def test_laps_with_others_between_them_are_read_too(path: Path) -> None:
    recording = read_recording(path)
    first, _, third, *_ = (lap for lap in recording.laps if lap.first is not None)
    (_, a), (_, b) = columns_of_laps(recording, [first, third], FIELDS)
    assert first.first is not None
    assert third.first is not None
    assert (a["packet_id"][0], b["packet_id"][0]) == (first.first.packet_id, third.first.packet_id)


def test_no_laps_are_no_columns_and_a_lap_without_samples_is_refused(path: Path) -> None:
    from tests.analysis.laps_by_hand import lap_of

    recording = read_recording(path)
    assert list(columns_of_laps(recording, [], FIELDS)) == []
    with pytest.raises(UsageError, match=r"Lap 9 of .* has no samples"):
        list(columns_of_laps(recording, [lap_of(90_000, 9)], FIELDS))
