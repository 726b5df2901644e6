"""The blocks of a recording hold what its readings hold, one after the other."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import pytest

import telemetry
from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError
from telemetry.fields.blocks import Block
from telemetry.fields.snapshot import Snapshot, encode
from telemetry.formats.mcap.recording import McapRecording
from telemetry.formats.mcap.sink import create
from telemetry.recording.blocks import read_blocks
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Event, Source, Step
from tests.conftest import REPOSITORY
from tests.recorded import recorded_lap

LAP = recorded_lap()[:240]
T = TypeVar("T")


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A recording in small chunks with events, a repeated frame, and a step that shows the physics page before it."""
    path = tmp_path / "drive.mcap"
    with create(path, metadata={}) as sink:
        for number, snapshot in enumerate(LAP):
            sink.write(Step(State.LIVE, encode(snapshot), snapshot.elapsed, missing=2 if number == 100 else 0))
            if number % 50 == 20:
                sink.add_event(Event("marker", snapshot.timestamp, {"name": "here"}, snapshot.elapsed))
            if number % 30 == 0:
                sink.flush()
            if number == 77:
                still = snapshot.replace(graphics_packet_id=snapshot.graphics_packet_id + 1)
                sink.write(Step(State.LIVE, encode(still), snapshot.elapsed + 0.001))
    return path


def snapshots_of(source: Source, rate: float | None = None) -> list[Snapshot]:
    readings = source.readings(Clock(math.inf), rate)
    return [reading.snapshot.replace(sequence=0) for reading in readings if reading.snapshot is not None]


def rows_of(blocks: Iterable[Block]) -> list[Snapshot]:
    return [block.snapshot(row).replace(sequence=0) for block in blocks for row in range(len(block))]


def check(path: Path, rate: float | None = None, begin: float | None = None, end: float | None = None) -> int:
    with telemetry.open_source(path, begin=begin, end=end) as source:
        rows = rows_of(list(read_blocks(source, rate)))
        assert list(map(repr, rows)) == list(map(repr, snapshots_of(source, rate)))
    return len(rows)


@pytest.mark.parametrize("rate", [None, 5.0])
def test_blocks_hold_the_readings(drive: Path, rate: float | None) -> None:
    assert check(drive, rate) == (len(LAP) + 1 if rate is None else check(drive, rate))


def test_blocks_hold_the_readings_of_a_part(drive: Path) -> None:
    whole = LAP[-1].elapsed - LAP[0].elapsed
    assert 0 < check(drive, None, whole / 3, whole / 2) < len(LAP) / 4


def test_blocks_of_the_former_format_version_hold_its_readings() -> None:
    assert check(REPOSITORY / "fixtures" / "version1.mcap") == 90


def test_blocks_of_json_lines_hold_its_readings() -> None:
    assert check(REPOSITORY / "fixtures" / "lap.jsonl.zst") > len(LAP)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.999])
def test_blocks_of_a_truncated_file_hold_what_is_intact(drive: Path, share: float) -> None:
    data = drive.read_bytes()
    drive.write_bytes(data[: int(len(data) * share)])
    assert 0 < check(drive) <= len(LAP) + 1


def test_what_is_intact_comes_before_the_error_of_a_corrupt_file(drive: Path) -> None:
    data = bytearray(drive.read_bytes())
    data[len(data) // 2] ^= 0xFF
    drive.write_bytes(data)
    with telemetry.open_source(drive) as source:
        assert isinstance(source, McapRecording)
        readings, row_error = until_error(source.readings(Clock(math.inf), None))
        blocks, block_error = until_error(source.blocks())
    assert block_error == row_error != ""
    assert rows_of(blocks) == [reading.snapshot for reading in readings]
    assert readings


def until_error(items: Iterable[T]) -> tuple[list[T], str]:
    """What comes before the error, and its text."""
    found: list[T] = []
    try:
        for item in items:
            found.append(item)  # noqa: PERF402 - what came before the error is kept
    except SourceError as error:
        return found, str(error)
    return found, ""


def test_the_share_that_was_read_grows_with_the_blocks(drive: Path) -> None:
    with telemetry.open_source(drive) as source:
        for _ in read_blocks(source):
            pass
        assert source.read_share is not None
        assert 0.5 < source.read_share <= 1.0
