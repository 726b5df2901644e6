"""Steps from one sample to another, as columns: what rewards and end rules are made of.

Each column has, value for value, what the function of :mod:`telemetry.fields.lap_changes` or
:mod:`telemetry.rl.reward` of the same name gives for each pair of samples.
"""

import math
from functools import cached_property
from typing import Self

import numpy as np

from telemetry.base.units import STEP_MS
from telemetry.fields.blocks import Array
from telemetry.fields.lap_changes import (
    MAX_FRAME_MS,
    MAX_INTERVAL_S,
    MAX_MISSED_LAPS,
    MAX_SPEED_MS,
    MAX_SPLINE_TOLERANCE_M,
    NOMINAL_LENGTH_M,
    SPLINE_TOLERANCE,
    TOLERANCE_M,
)
from telemetry.fields.metrics.lap_steps import has_time_stopped
from telemetry.rl.sample_columns import SampleColumns

_POSITION = ("world_position_x", "world_position_y", "world_position_z")


class StepColumns:
    """``n`` steps, from each sample of ``before`` to that of the same row in ``after``; every column is (n,)."""

    def __init__(self, before: SampleColumns, after: SampleColumns) -> None:
        self._before = before
        self._after = after

    @classmethod
    def of(cls, samples: SampleColumns) -> Self:
        """The steps of ``n + 1`` consecutive samples."""
        return cls(samples[:-1], samples[1:])

    @cached_property
    def is_session_start(self) -> Array:
        """Whether the session was started again, or another one was started."""
        starts = self._change("packet_id") < 0
        starts |= self._change("session") != 0
        for name in ("track", "car_model"):
            starts |= self._after.texts(name).codes != self._before.texts(name).codes
        return starts

    @cached_property
    def is_lap_clock_reset(self) -> Array:
        """Whether the lap clock fell."""
        return self._change("current_time") < 0

    @cached_property
    def laps_completed(self) -> Array:
        """How many laps the game counted."""
        counted = self._change("completed_laps")
        stopped = has_time_stopped(self._after.integers("status"))
        stopped |= has_time_stopped(self._before.integers("status"))
        is_other = (counted < 0) | (counted > MAX_MISSED_LAPS) | (self._change("session") != 0)
        return np.where(is_other | stopped, 0, counted)

    @cached_property
    def is_driven(self) -> Array:
        """Whether the car can have been driven, rather than moved by the game."""
        steps, seconds = self._change("packet_id"), self._numbers_change("elapsed")
        with np.errstate(all="ignore"):  # pages can hold NaN and infinities
            is_known = (seconds > 0.0) & (seconds < MAX_INTERVAL_S)
            game_ms = np.where(steps > 0, steps * STEP_MS, np.where(is_known, np.trunc(seconds * 1e3), 0.0))
            age_ms = self._before.integers("lap_time") - self._before.integers("current_time")
            age_ms = np.where((age_ms > 0) & (age_ms < MAX_FRAME_MS), age_ms, 0)
            driven_m = MAX_SPEED_MS * ((game_ms + age_ms) / 1e3)
            is_moved = self._numbers_change("distance_traveled") > driven_m + TOLERANCE_M
            is_moved |= self._world_metres > driven_m + TOLERANCE_M
            length_m = self._after("track_spline_length")
            length_m = np.where(length_m > 0.0, length_m, NOMINAL_LENGTH_M)
            tolerance_m = np.minimum(SPLINE_TOLERANCE * length_m, MAX_SPLINE_TOLERANCE_M)
            progress_m = ((self._numbers_change("normalized_position") + 0.5) % 1.0 - 0.5) * length_m
            is_moved |= (progress_m < -tolerance_m) | (progress_m > driven_m + tolerance_m)
        is_driven: Array = ~is_moved
        return is_driven

    @cached_property
    def progress_metres(self) -> Array:
        """Metres along the spline; 0 where they are not known, and where the car was moved by the game."""
        laps = self._numbers_change("normalized_position")
        length = self._after("track_spline_length")
        with np.errstate(all="ignore"):
            is_known = np.isfinite(laps) & (length > 0.0) & ~self.is_session_start & self.is_driven
            return np.where(is_known, (laps - np.rint(laps)) * length, 0.0)

    @cached_property
    def driven_metres(self) -> Array:
        """The progress that end rules look at."""
        metres = self._numbers_change("distance_traveled")
        has_no_spline = (self._before("normalized_position") == 0.0) & (self._after("normalized_position") == 0.0)
        along = np.where((metres > 0.0) & self.is_driven, metres, 0.0)
        return np.where(has_no_spline, along, self.progress_metres)

    @cached_property
    def _world_metres(self) -> Array:
        """Metres between two places in the world; NaN where one of them is not known."""
        here, there = self._after(*_POSITION), self._before(*_POSITION)
        is_known = (here != 0.0).any(axis=1) & (there != 0.0).any(axis=1)
        # Not by numpy, whose square root of a sum is not always rounded alike.
        metres = np.array(list(map(math.dist, here.tolist(), there.tolist())), dtype=np.float64)
        return np.where(is_known, metres, np.nan)

    def _change(self, name: str) -> Array:
        change: Array = self._after.integers(name) - self._before.integers(name)
        return change

    def _numbers_change(self, name: str) -> Array:
        with np.errstate(invalid="ignore"):
            change: Array = self._after(name) - self._before(name)
        return change
