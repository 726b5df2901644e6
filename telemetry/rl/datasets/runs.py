"""A recording cut into runs: its moments in which time advances, without a jump, pause or gap inside."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from telemetry.fields.blocks import Array, Block, JoinedBlock
from telemetry.fields.resample import GAP_SECONDS, is_jump
from telemetry.fields.resample_columns import FrameAges, Pairs, can_be_jumps
from telemetry.recording.blocks import NewSteps


class RunPart(NamedTuple):
    """Consecutive moments of one run; at least one."""

    run: int
    """Counted from 1 through the recording."""
    block: Block


def find_runs(blocks: Iterable[Block]) -> Iterator[RunPart]:
    """The parts of all runs in order.

    A new run begins after moments that are no new physics step, after a jump and after a gap.
    """
    finder = _RunFinder()
    for block in blocks:
        yield from finder.add(block)


class _RunFinder:
    def __init__(self) -> None:
        self._new_steps = NewSteps()
        self._run = 0
        self._last: Block | None = None
        """The moment before, if it was a new step."""
        self._frame_s = 0.0

    def add(self, block: Block) -> Iterator[RunPart]:
        """The parts of runs in the next block of the recording."""
        is_new = self._new_steps.find(block)
        rows = np.flatnonzero(is_new)
        if not len(rows):
            if len(is_new):
                self._last = None
            return
        driven = block if len(rows) == len(is_new) else block.select(rows)
        begins = self._find_begins(driven, rows)
        self._last = driven.select(np.array([len(rows) - 1])) if is_new[-1] else None
        for begin, end in pairwise([0, *begins[begins > 0].tolist(), len(rows)]):
            self._run += begin in begins
            yield RunPart(self._run, driven if end - begin == len(rows) else driven.select(np.arange(begin, end)))

    def _find_begins(self, driven: Block, rows: Array) -> Array:
        """Where in the moments of a block, whose numbers are ``rows``, a run begins."""
        known = int(self._last is not None)
        block = driven if self._last is None else JoinedBlock([self._last, driven])
        numbers = np.append(-1, rows) if known else rows
        parted = np.flatnonzero(np.diff(numbers) != 1) + 1
        ages = FrameAges(block, self._frame_s if known else 0.0, parted)
        self._frame_s = ages.at(len(block) - 1)
        seconds = np.diff(block.array("elapsed"))
        is_begin = ~((seconds > 0.0) & (seconds <= GAP_SECONDS))
        is_begin[parted - 1] = True
        possible = can_be_jumps(Pairs(block, slice(None, -1), slice(1, None))) & ~is_begin
        for row in np.flatnonzero(possible).tolist():
            is_begin[row] = is_jump(block.snapshot(row), block.snapshot(row + 1), ages.at(row))
        begins: Array = np.flatnonzero(is_begin) + 1 - known
        return begins if known else np.append(0, begins)
