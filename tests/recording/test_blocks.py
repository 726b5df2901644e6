"""Blocks know in which moments game time has advanced, as readings do."""

import math
from pathlib import Path

import pytest

import telemetry
from telemetry.base.clock import Clock
from telemetry.fields.blocks import RowBlock
from telemetry.fields.snapshot import encode
from telemetry.recording.blocks import NewSteps, read_blocks
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Step
from telemetry.sources import open_page_sink
from telemetry.sources.convert import ConversionOptions, convert_recording
from tests.conftest import snapshot_of

MOMENTS = [  # status, is_esc_menu_visible, packet_id, whether game time has advanced
    (2, 1, 10, False),  # nothing before it tells
    (2, 1, 11, True),
    (2, 1, 11, False),
    (2, 0, 11, True),
    (3, 0, 12, False),
    (1, 1, 13, False),
    (2, 0, 14, True),
    (0, 0, 15, True),
    (2, 1, 9, True),
]
ROWS = [
    snapshot_of(
        status=status,
        is_esc_menu_visible=menu,
        packet_id=packet_id,
        graphics_packet_id=number,
        elapsed=number / 8,
        timestamp=1e9 + number / 8,
    )
    for number, (status, menu, packet_id, _) in enumerate(MOMENTS)
]


@pytest.mark.parametrize("suffix", [".jsonl", ".mcap"])
def test_game_time_advances_in_blocks_where_it_does_in_readings(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "drive.mcap"
    with open_page_sink(path) as sink:
        for row in ROWS:
            sink.write(Step(State.LIVE, encode(row), row.elapsed))
    if suffix == ".jsonl":
        lines = path.with_suffix(suffix)
        convert_recording(path, lines, ConversionOptions(include_paused=True))
        path = lines
    with telemetry.open_source(path) as source:
        (block,) = read_blocks(source)
        readings = list(source.readings(Clock(math.inf), None))
    wanted = [is_new for *_, is_new in MOMENTS]
    assert [reading.is_new_step for reading in readings] == wanted
    assert NewSteps().find(block).tolist() == wanted


@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_moment_before_a_block_is_remembered(size: int) -> None:
    steps = NewSteps()
    found: list[bool] = []
    for begin in range(0, len(ROWS), size):
        found += steps.find(RowBlock(ROWS[begin : begin + size])).tolist()
    assert found == [is_new for *_, is_new in MOMENTS]
    assert steps.find(RowBlock([])).tolist() == []
