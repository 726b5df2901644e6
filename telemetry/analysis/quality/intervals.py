"""The times of a recording's samples: how far apart they are, and what lies between them."""

from collections import Counter
from typing import Final

import numpy as np

from telemetry.analysis.quality.report import ClockStep
from telemetry.base.clock import CLOCK_STEP_S
from telemetry.base.histogram import DurationHistogram, round_to_four_digits
from telemetry.fields.blocks import Array, Block
from telemetry.fields.clock_steps import clock_step_seconds
from telemetry.fields.pauses import MIN_PAUSE_S, paused_seconds
from telemetry.recording.blocks import NewSteps

_NEARLY_HALF: Final = 1e-6
"""Where a scaled duration is so near to the middle of two, its rounding error could decide: many times that error."""

_TIMES: Final = ("timestamp", "elapsed", "packet_id")


class IntervalCounter:
    """Counts intervals, pauses and steps of the clocks, from consecutive blocks of samples."""

    def __init__(self) -> None:
        self.lengths_ms = DurationHistogram()
        """The intervals in milliseconds, without pauses."""
        self.steps_between: Counter[int] = Counter()
        """How often two samples are a number of physics steps apart, without pauses."""
        self.first_s = self.last_s = 0.0
        """``elapsed`` of the first and of the last sample."""
        self.pauses = self.restarts = self.time_backwards = 0
        self.paused_s = 0.0
        self.clock_steps: list[ClockStep] = []
        self._new_steps = NewSteps()
        self._last: dict[str, Array] = {}
        self._last_is_new = np.zeros(0, dtype=np.bool_)

    def add(self, block: Block) -> None:
        """Add the samples of a block."""
        if not len(block):
            return
        times = {name: block.array(name) for name in _TIMES}
        if not self._last:
            self.first_s = float(times["elapsed"][0])
        self.last_s = float(times["elapsed"][-1])
        timestamp, elapsed, packet_id = (
            np.concatenate([self._last.get(name, column[:0]), column]) for name, column in times.items()
        )
        is_new = np.concatenate([self._last_is_new, self._new_steps.find(block)])
        self._last = {name: column[-1:].copy() for name, column in times.items()}
        self._last_is_new = is_new[-1:]
        intervals_s = np.diff(elapsed)
        self._follow_clocks(timestamp, elapsed, intervals_s)
        self._count(intervals_s, np.diff(packet_id.astype(np.int64)), is_new)

    def _follow_clocks(self, timestamp: Array, elapsed: Array, intervals_s: Array) -> None:
        is_back = (timestamp[1:] < timestamp[:-1]) | (intervals_s < 0.0)
        with np.errstate(invalid="ignore"):  # a time stamp can be infinite
            changes_s = np.diff(timestamp)
            can_step = np.abs(changes_s - intervals_s) >= CLOCK_STEP_S
        for row in np.flatnonzero(can_step).tolist():
            if seconds := clock_step_seconds(float(changes_s[row]), float(intervals_s[row])):
                self.clock_steps.append(ClockStep(at_s=float(elapsed[row + 1]) - self.first_s, seconds=seconds))
                is_back[row] = False
        self.time_backwards += int(is_back.sum())

    def _count(self, intervals_s: Array, steps: Array, is_new: Array) -> None:
        """Count intervals of so many physics steps; ``is_new`` says where game time advances, one sample more."""
        is_known = steps >= 0
        self.restarts += int((~is_known).sum())
        is_driven = is_known & is_new[1:] & is_new[:-1]
        paused_s = np.where(is_driven, 0.0, np.maximum(intervals_s, 0.0))
        for row in np.flatnonzero(is_driven & (intervals_s > MIN_PAUSE_S)).tolist():
            paused_s[row] = paused_seconds(float(intervals_s[row]), int(steps[row]))
        is_paused = is_known & (~is_driven | (paused_s != 0.0))
        self.pauses += int(is_new[:-1][is_paused].sum())
        self.paused_s = _add_up(self.paused_s, paused_s[is_paused])
        is_counted = is_known & ~is_paused
        numbers, counts = np.unique(steps[is_counted], return_counts=True)
        self.steps_between.update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
        self._add_lengths(intervals_s[is_counted] * 1e3)

    def _add_lengths(self, lengths_ms: Array) -> None:
        if not len(lengths_ms):
            return
        buckets, counts = np.unique(round_all_to_four_digits(lengths_ms), return_counts=True)
        self.lengths_ms.add_counts(
            dict(zip(buckets.tolist(), counts.tolist(), strict=True)),
            total=_add_up(self.lengths_ms.sum, lengths_ms),
            longest=float(lengths_ms.max()),
        )


def round_all_to_four_digits(durations: Array) -> Array:
    """:func:`round_to_four_digits` of each duration of an array of shape (n,), all the same doubles."""
    is_usual = (durations >= 1e-3) & (durations < 1e4)
    exponents = np.floor(np.log10(np.where(is_usual, durations, 1.0)))
    scales = 10.0 ** (3.0 - exponents)  # a power from 1 to a million, as an exact double
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = durations * scales
        whole = np.rint(scaled)
        is_clear = np.abs(np.abs(scaled - whole) - 0.5) > _NEARLY_HALF
    rounded: Array = whole / scales
    for row in np.flatnonzero(~(is_usual & is_clear)).tolist():
        rounded[row] = round_to_four_digits(float(durations[row]))
    return rounded


def _add_up(total: float, numbers: Array) -> float:
    """The sum as it is when one number is added after the other."""
    return float(np.add.accumulate(np.append(total, numbers))[-1])
