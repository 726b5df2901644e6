"""Resampled blocks hold, value for value, what resampling one snapshot after the other gives."""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_native_memory import Pages
from telemetry import UsageError
from telemetry.fields.blocks import Block, PageBlock, RowBlock
from telemetry.fields.resample import resample
from telemetry.fields.resample_columns import resample_blocks
from telemetry.fields.snapshot import Snapshot, decode
from tests.drives import SEEDS, frames_at
from tests.fields.test_columns import moments, pages_after, plain
from tests.fields.test_snapshot import any_pages
from tests.recorded import recorded_lap


def check(snapshots: Sequence[Snapshot], blocks: Sequence[Block], rate: float) -> None:
    """Compare both ways: every field, in both of its forms, and the last moment of each block as a snapshot."""
    wanted = list(resample(snapshots, rate))
    at = 0
    for block in resample_blocks(blocks, rate):
        part = wanted[at : at + len(block)]
        at += len(block)
        for field in Snapshot.FIELDS:
            rows = [snapshot[Snapshot.INDEX[field.name]] for snapshot in part]
            if field.dtype == "text":
                assert block.texts(field.name).values().tolist() == rows, field.name
                continue
            array = block.array(field.name)
            if field.dtype == "number":
                assert plain(block.decimals(field.name).tolist()) == plain(rows), field.name
            with np.errstate(over="ignore"):
                assert plain(array.tolist()) == plain(np.array(rows, dtype=array.dtype).tolist()), field.name
        assert plain(list(block.snapshot(len(block) - 1))) == plain(list(part[-1]))
    assert at == len(wanted)


def check_pages(pages: Sequence[Pages], times: Sequence[float], rate: float, size: int) -> None:
    """The same of pages, in blocks of ``size``."""
    snapshots = [
        decode(page, elapsed=time, sequence=number)
        for number, (page, time) in enumerate(zip(pages, times, strict=True))
    ]
    starts = range(0, len(pages), size)
    blocks = [PageBlock.from_pages(pages[at : at + size], times[at : at + size], at) for at in starts]
    check(snapshots, blocks, rate)


@pytest.mark.parametrize("scenario", ["laps", "restart", "pit"])
@pytest.mark.parametrize(("hertz", "rate"), [(60, 25.0), (25, 10.0), (10, 60.0)])
def test_scenarios_are_resampled_alike(scenario: str, hertz: int, rate: float) -> None:
    frames = frames_at(scenario, SEEDS.get(scenario, 0), 15.0, hertz)
    check_pages([frame.pages for frame in frames], [frame.seconds for frame in frames], rate, 217)


intervals = st.sampled_from([0.003, 0.003, 0.02, 0.04, 0.3, 1.5, 1.6, 30.0, 0.0, -0.2])


@given(
    st.lists(st.tuples(moments, intervals), min_size=1, max_size=60),
    st.integers(1, 40),
    st.sampled_from([3.0, 10.0, 25.0, 60.0, 333.0]),
)
def test_whatever_happens_it_is_resampled_alike(moves: list[Any], size: int, rate: float) -> None:
    pages = [page for page, _ in pages_after(move for move, _ in moves)]
    check_pages(pages, list(accumulate(interval for _, interval in moves)), rate, size)


@given(st.lists(any_pages, min_size=1, max_size=4))
def test_any_bytes_are_resampled_alike(pages: list[Pages]) -> None:
    check_pages(pages, [index * 0.1 for index in range(len(pages))], 25.0, 3)


@pytest.mark.parametrize("step_s", [8 * 3600.0, -3600.0, 1.0])
def test_a_step_of_the_time_of_day_is_neither_spread_nor_does_it_move_a_tick(step_s: float) -> None:
    lap = [one.replace(timestamp=one.timestamp + step_s) if one.sequence >= 40 else one for one in recorded_lap()[:80]]
    check(lap, [RowBlock(lap[:33]), RowBlock(lap[33:])], 25.0)


def test_numbers_that_are_no_float32_are_passed_on_where_a_moment_is_recorded() -> None:
    lap = [one.replace(fuel=one.sequence / 7.0, heading=math.pi) for one in recorded_lap()[:20]]
    check(lap, [RowBlock(lap)], 10.0)
    check(lap, [RowBlock(lap[:9]), RowBlock(lap[9:])], 25.0)


def test_a_speed_below_zero_is_no_jump() -> None:
    lap = [one.replace(speed_kmh=-120.0, world_position_x=0.01 * one.sequence) for one in recorded_lap()[:20]]
    check(lap, [RowBlock(lap)], 25.0)


def test_of_nothing_comes_nothing_and_of_one_moment_that_moment() -> None:
    lap = recorded_lap()[:1]
    assert list(resample_blocks([], 25.0)) == []
    check(lap, [RowBlock([]), RowBlock(lap)], 25.0)


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
def test_a_rate_that_is_not_positive_and_finite_is_refused(rate: float) -> None:
    with pytest.raises(UsageError, match="rate"):
        next(resample_blocks([], rate))
