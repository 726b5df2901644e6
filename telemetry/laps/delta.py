"""The delta: how far the running lap is behind or ahead of the best lap at the same position on the track.

A lap is stored as its times at evenly spaced positions since the line, wherever that lies on the spline. The reference
is the fastest valid lap that was recorded completely; :mod:`telemetry.laps.detector` decides which laps are valid and
what their official times are.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from telemetry.fields.derived import Sample
from telemetry.fields.lap_changes import MAX_SPEED_MS, lap_length_m, spline_tolerance_m
from telemetry.laps.car_and_track import CarAndTrack
from telemetry.laps.model import Lap

POSITION_COUNT: Final = 2000
"""Positions per lap at which its time is stored: one every 2.5 m on a track of 5 km."""

NEAR_LINE: Final = 0.05
"""Fraction of the lap before and after the line where clock, lap count and position may disagree."""

SETTLED_MS: Final = 1500
"""Lap time from which clock, count and position agree; a lap first seen before it was seen from its start."""

RESTART_MS: Final = 500
"""A lap clock that goes back by more than this belongs to another lap."""


@dataclass(frozen=True, slots=True)
class ReferenceLap:
    """Lap time as a function of lap position: the fraction 0..1 of the lap since its line."""

    time_ms: int
    """The official time of the lap."""
    times_ms: Sequence[float]
    """Time at position ``index / POSITION_COUNT``, rising; ``POSITION_COUNT + 1`` values, the last one is `time_ms`."""
    line_position: float = 0.0
    """``normalized_position`` of the line that the positions count from."""

    def time_at(self, position: float) -> float:
        """The time in ms at a position of 0..1."""
        scaled = min(max(position, 0.0), 1.0) * POSITION_COUNT
        index = min(int(scaled), POSITION_COUNT - 1)
        before, after = self.times_ms[index], self.times_ms[index + 1]
        return before + (after - before) * (scaled - index)

    def position_at(self, time_ms: float) -> float:
        """The position of 0..1 at a time of the lap."""
        index = min(max(bisect_right(self.times_ms, time_ms) - 1, 0), POSITION_COUNT - 1)
        before, after = self.times_ms[index], self.times_ms[index + 1]
        fraction = min(max((time_ms - before) / (after - before), 0.0), 1.0) if after > before else 0.0
        return (index + fraction) / POSITION_COUNT


class LapDelta(NamedTuple):
    """The running lap compared with the reference lap; each value is None without a comparison."""

    delta_s: float | None = None
    """Seconds behind (positive) or ahead of (negative) the reference lap at the same position."""
    reference_ms: int | None = None
    """Official time of the reference lap."""
    reference_position: float | None = None
    """``normalized_position`` that the reference lap had at the same time; None also after its end."""


class _RunningLap:
    """The lap in progress: its time at every position passed so far."""

    __slots__ = ("complete", "filled", "line_position", "number", "position", "time_ms", "timed", "times_ms")

    def __init__(self, sample: Sample) -> None:
        self.line_position = sample.line_position or 0.0
        position = self.since_line(sample)
        at_line = position < NEAR_LINE or position > 1.0 - NEAR_LINE
        self.number = sample.completed_laps + 1
        self.time_ms = sample.current_time
        self.position = position
        self.times_ms: list[float] = []
        """Times in ms at the positions ``index / POSITION_COUNT`` that the car has passed."""
        self.complete = self.time_ms < SETTLED_MS and at_line
        """Whether the lap was seen from its start, without a teleport so far."""
        self.timed = self.time_ms >= SETTLED_MS or at_line
        """Whether the clock belongs to this lap; on the grid it starts before the line."""

    @property
    def is_comparable(self) -> bool:
        """Whether clock and position belong to the same lap: not on the grid or on the way out of the pits."""
        return self.timed and math.isfinite(self.position) and (bool(self.times_ms) or not self.complete)

    def since_line(self, sample: Sample) -> float:
        """The fraction 0..1 of the lap since its line."""
        return (sample.normalized_position - self.line_position) % 1.0

    def update(self, sample: Sample) -> None:
        """Add a sample; times at positions between two samples are interpolated linearly."""
        time_ms, position = sample.current_time, self.since_line(sample)
        if self.complete:
            self._record(time_ms, position, lap_length_m(sample))
        self.time_ms, self.position = time_ms, position
        if NEAR_LINE < position < 1.0 - NEAR_LINE:
            self.number = sample.completed_laps + 1

    def _record(self, time_ms: int, position: float, length_m: float) -> None:
        times = self.times_ms
        if not times and position > 0.5:
            return  # the clock has restarted, but the position is still before the line
        if position < NEAR_LINE and len(times) > POSITION_COUNT / 2 + 1:
            return  # the position has restarted, but the clock has not
        start, start_ms = (self.position, self.time_ms) if times else (0.0, 0)
        # Clock and position are of one page: what was driven while nothing was drawn took the time that the clock says.
        max_m = MAX_SPEED_MS * (time_ms - start_ms) / 1e3
        if not abs(position - start) * length_m <= max_m + spline_tolerance_m(length_m):  # also for NaN
            self.complete = False
            return
        span = position - start
        for index in range(len(times), min(int(position * POSITION_COUNT), POSITION_COUNT - 1) + 1):
            fraction = (index / POSITION_COUNT - start) / span if span > 0.0 else 1.0
            times.append(self.time_ms + (time_ms - self.time_ms) * min(max(fraction, 0.0), 1.0))

    def finished_times(self) -> list[float] | None:
        """The times at all positions except the last; None if the lap was not seen completely.

        Behind the finish of an A-to-B drive, which is not where the lap began, they are all the time of the finish.
        """
        if not self.complete or not self.position > 0.5:
            return None
        return self.times_ms + [float(self.time_ms)] * (POSITION_COUNT - len(self.times_ms))


class DeltaTracker:
    """Keeps the best lap of each car, track and layout as a reference, and compares the running lap with its own.

    Call :meth:`update` with every sample, and :meth:`complete_lap` with each lap that
    :func:`telemetry.laps.detector.advance` returns, which may be some samples after the line.
    """

    def __init__(self) -> None:
        self._references: dict[CarAndTrack, ReferenceLap] = {}
        self._car_and_track = CarAndTrack("", "", "")
        self._running: _RunningLap | None = None
        self._pending: tuple[int, list[float], float] | None = None
        """Number, times and place of the line of a complete lap whose official time is not known yet."""

    def update(self, sample: Sample) -> None:
        """Add the next sample. With another car or track the reference is another one, or none."""
        running, time_ms = self._running, sample.current_time
        car_and_track = CarAndTrack(sample.car_model, sample.track, sample.track_configuration)
        if running is None or car_and_track != self._car_and_track:
            self._car_and_track = car_and_track
            self._pending = None
            running = self._running = _RunningLap(sample)
        elif time_ms < running.time_ms - RESTART_MS or sample.completed_laps < running.number - 1:
            times = running.finished_times()
            if times is not None:
                self._pending = (running.number, times, running.line_position)
            running = self._running = _RunningLap(sample)
        running.update(sample)

    def complete_lap(self, lap: Lap) -> None:
        """Make the lap the reference if it is valid, was seen completely, and is faster than the reference."""
        if not lap.valid or not lap.time_ms or self._pending is None or self._pending[0] != lap.number:
            return
        _, times, line_position = self._pending
        self._pending = None
        reference = self._references.get(lap.car_and_track)
        if reference is None or lap.time_ms < reference.time_ms:
            self._references[lap.car_and_track] = ReferenceLap(lap.time_ms, [*times, float(lap.time_ms)], line_position)

    def delta(self) -> LapDelta:
        """The running lap compared with the reference, at the newest sample."""
        running, reference = self._running, self._references.get(self._car_and_track)
        if running is None or reference is None:
            return LapDelta()
        if not running.is_comparable:
            return LapDelta(reference_ms=reference.time_ms)
        # The line was taken to be where the spline begins in a lap that ended before it was seen.
        shift = math.remainder(running.line_position - reference.line_position, 1.0)
        behind_ms = running.time_ms - reference.time_at(running.position + shift)
        position = None
        if running.time_ms <= reference.time_ms:
            position = round((reference.position_at(running.time_ms) + reference.line_position) % 1.0, 5)
        return LapDelta(round(behind_ms / 1000.0, 3), reference.time_ms, position)
