"""Runs and smoothed frames are the same whatever the blocks of a recording are, and those of the single moments."""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from telemetry.fields.blocks import Block, RowBlock
from telemetry.fields.snapshot import Snapshot, decode
from telemetry.recording.game_state import is_advancing, state_in_session
from telemetry.recording.interfaces import Reading
from telemetry.rl.datasets.frames import smooth_frames
from telemetry.rl.datasets.runs import find_runs
from tests.fields.test_columns import moments, pages_after
from tests.line_drives import Line, drive_laps
from tests.rl.test_dataset_columns import live_runs

SMOOTHED = ("world_position_x", "world_position_y", "world_position_z", "normalized_position", "current_time")


def blocks_of(snapshots: Sequence[Snapshot], size: int) -> Iterable[Block]:
    return (RowBlock(snapshots[at : at + size]) for at in range(0, len(snapshots), size))


def readings_of(snapshots: Iterable[Snapshot]) -> Iterable[Reading]:
    packet_id = None
    for snapshot in snapshots:
        state = state_in_session(snapshot.status, snapshot.is_esc_menu_visible)
        moved = packet_id is not None and snapshot.packet_id != packet_id
        yield Reading(state, snapshot, is_advancing(state, moved=moved))
        packet_id = snapshot.packet_id


intervals = st.sampled_from([0.003, 0.003, 0.02, 0.3, 1.5, 1.6, 0.0, -0.2])
menus = st.sampled_from([0, 0, 0, 1])


@given(st.lists(st.tuples(moments, intervals, menus), min_size=1, max_size=80), st.integers(1, 40))
def test_runs_are_those_of_the_single_moments(moves: list[Any], size: int) -> None:
    times = accumulate(interval for _, interval, _ in moves)
    pages = pages_after(move for move, _, _ in moves)
    snapshots = [
        decode(page, elapsed=time, sequence=number).replace(is_esc_menu_visible=menu)
        for number, ((page, _), time, (_, _, menu)) in enumerate(zip(pages, times, moves, strict=True))
    ]
    found: dict[int, list[int]] = {}
    for part in find_runs(blocks_of(snapshots, size)):
        found.setdefault(part.run, []).extend(part.block.array("sequence").tolist())
    expected = [[snapshot.sequence for snapshot in run] for run in live_runs(readings_of(snapshots))]
    assert list(found.values()) == expected
    assert list(found) == list(range(1, len(expected) + 1))


def smoothed(snapshots: Sequence[Snapshot], size: int) -> list[list[float]]:
    parts = list(smooth_frames(blocks_of(snapshots, size)))
    assert [one.snapshot(0).current_time for one in parts] == [int(one.array("current_time")[0]) for one in parts]
    return [np.concatenate([part.decimals(name) for part in parts]).tolist() for name in SMOOTHED]


def test_frames_are_smoothed_alike_in_blocks_of_any_size() -> None:
    snapshots = [one for one in drive_laps(1 / 0.003, Line()) if one.elapsed < 1.0]
    whole = smoothed(snapshots, len(snapshots))
    assert len(whole[0]) == len(snapshots)
    assert smoothed(snapshots, 7) == smoothed(snapshots, 1) == whole


def test_the_place_goes_evenly_from_one_frame_to_the_next_and_on_after_the_last() -> None:
    frames = [(0.0, 1, 10.0), (0.003, 1, 10.0), (0.006, 2, 13.0), (0.009, 2, 13.0)]
    base = drive_laps(10.0, Line())[0]
    snapshots = [
        base.replace(
            elapsed=elapsed, graphics_packet_id=number, world_position_x=place, velocity_x=200.0, current_time=50
        )
        for elapsed, number, place in frames
    ]
    place, _, _, _, clock = smoothed(snapshots, 4)
    assert place == [10.0, 11.5, 13.0, 13.0 + 200.0 * (0.009 - 0.006)]
    assert clock == [50, 53, 50, 53]
