"""The progress of laps over columns: :func:`telemetry.fields.metrics.lap_progress.follow_lap`, many samples at a time.

Between two samples that matter to laps nearly all is the same, and is calculated for a whole stretch at once. At the
samples that matter, the scalar form decides. Which samples these are is asked generously: one too many costs time, and
never changes a value.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from telemetry.base.units import STEP_MS
from telemetry.fields.blocks import Array
from telemetry.fields.lap_changes import DISTANCE_TOLERANCE_M, REPLAY, TIME_STOPPED_STATUSES, WAIT_MS
from telemetry.fields.metrics.lap_progress import (
    MAX_OVERSHOOT,
    LapProgress,
    carry_on_lap_distance,
    follow_lap,
    unwrap_distance,
)
from telemetry.fields.thresholds import Thresholds

if TYPE_CHECKING:
    from telemetry.fields.columns import DerivedBlock
    from telemetry.fields.derived import Sample

_FIRST_STRETCH: Final = 256
"""Samples that are calculated at once behind one that matters; twice as many each time that none is found."""


class LapProgressColumns(NamedTuple):
    """Columns of shape (n,): see :data:`~telemetry.fields.metrics.lap_progress.LapProgress`; NaN stands for None."""

    run: Array
    lap: Array
    lap_time: Array
    is_lap_valid: Array
    line_position: Array
    lap_distance: Array


def follow_laps(now: "DerivedBlock", before: "Sample | None", thresholds: Thresholds) -> LapProgressColumns:
    """What is known of the lap at each sample; ``before`` is the sample before the first."""
    return _Follower(now, before, thresholds).follow()


class _Follower:
    def __init__(self, now: "DerivedBlock", before: "Sample | None", thresholds: Thresholds) -> None:
        n = len(now)
        self._now = now
        self._before = before
        self._thresholds = thresholds
        self._columns = LapProgressColumns(
            np.zeros(n, dtype=np.int64),
            np.zeros(n, dtype=np.int64),
            np.zeros(n, dtype=np.int64),
            np.zeros(n, dtype=np.bool_),
            np.full(n, np.nan),
            np.full(n, np.nan),
        )
        self._steps_ms = now.input("packet_id") * STEP_MS
        self._clock = now.input("current_time")
        self._laps = now.input("completed_laps")
        self._frame = now.input("graphics_packet_id")
        self._position = now.input("normalized_position")
        self._length = now.input("track_spline_length")
        self._on_track = now.input("number_of_tyres_out") < thresholds.tyres_out

    def follow(self) -> LapProgressColumns:
        n = len(self._now)
        events = [*np.flatnonzero(self._find_events()).tolist(), n]
        for event, next_event in pairwise(events):
            at, length = event, _FIRST_STRETCH
            self._decide(at)
            while at + 1 < next_event:
                end = min(next_event, at + 1 + length)
                reached = self._carry_on(at, end)
                if reached == end:
                    at, length = end - 1, 2 * length
                else:
                    at, length = reached, _FIRST_STRETCH
                    self._decide(at)
        return self._columns

    def _find_events(self) -> Array:
        """The samples between which and the one before something may lie that matters to laps."""
        now = self._now
        status = now.input("status")
        is_replay, is_in_pit = status == REPLAY, now.input("is_in_pit") != 0
        distance = now.input("distance_traveled")
        is_event = np.isin(status, TIME_STOPPED_STATUSES)
        is_event[1:] |= is_replay[:-1] | (is_in_pit[1:] & ~is_in_pit[:-1])
        is_event[1:] |= distance[1:] < distance[:-1] - DISTANCE_TOLERANCE_M
        is_event[1:] |= (self._laps[1:] != self._laps[:-1]) | (self._clock[1:] < self._clock[:-1])
        is_event[1:] |= self._steps_ms[1:] < self._steps_ms[:-1]
        for name in ("car_model", "track", "track_configuration"):
            codes = now.input(name).codes
            is_event[1:] |= codes[1:] != codes[:-1]
        session = now.input("session")
        is_event[1:] |= session[1:] != session[:-1]
        is_event[:1] = True
        return is_event

    def _decide(self, at: int) -> None:
        """Fill in one sample by the scalar form."""
        progress = follow_lap(self._now.snapshot(at), self._sample(at - 1), self._thresholds)
        for column, value in zip(self._columns, progress, strict=True):
            column[at] = np.nan if value is None else value

    def _sample(self, at: int) -> "Sample | None":
        if at < 0:
            return self._before
        return self._now.sample_with(at, dict(zip(LapProgressColumns._fields, self._progress(at), strict=True)))

    def _progress(self, at: int) -> LapProgress:
        columns = self._columns
        line, distance = columns.line_position[at].item(), columns.lap_distance[at].item()
        return (
            columns.run[at].item(),
            columns.lap[at].item(),
            columns.lap_time[at].item(),
            columns.is_lap_valid[at].item(),
            None if np.isnan(line) else line,
            None if np.isnan(distance) else distance,
        )

    def _carry_on(self, at: int, end: int) -> int:
        """Fill in the samples from ``at + 1`` on in which the lap goes on; returns the first that has to be decided."""
        run, lap, lap_time, is_valid, line, _ = self._progress(at)
        if not -WAIT_MS <= self._clock[at] - lap_time <= WAIT_MS:
            return at + 1
        here, behind = slice(at + 1, end), slice(at, end - 1)
        # The clock of the lap: that of the drawn frame, or what the physics steps have added since, if that is more.
        clock, steps_ms = self._clock[here], self._steps_ms[here]
        stands = (clock == self._clock[behind]) & (self._frame[here] != self._frame[behind])
        start = clock - steps_ms
        times = _running_maximum(start, stands, lap_time - self._steps_ms[at]) + steps_ms
        times_before = np.concatenate([[lap_time], times[:-1]])
        predicted = times_before + steps_ms - self._steps_ms[behind]
        to_decide = (predicted > clock + WAIT_MS) & ~stands
        if lap > self._laps[at] + 1:  # the count is to follow
            to_decide |= clock >= WAIT_MS
        else:
            lap = self._laps[at].item() + 1
        if to_decide.any():
            end = at + 1 + int(to_decide.argmax())
            here = slice(at + 1, end)
        columns = self._columns
        columns.run[here] = run
        columns.lap[here] = lap
        columns.lap_time[here] = times[: end - at - 1]
        columns.is_lap_valid[here] = is_valid & np.logical_and.accumulate(self._on_track[here])
        columns.line_position[here] = np.nan if line is None else line
        self._carry_on_distance(at, end, line)
        return end

    def _carry_on_distance(self, at: int, end: int, line: float | None) -> None:
        here, behind = slice(at + 1, end), slice(at, end - 1)
        position, length_m = self._position[here], self._length[here]
        is_none = ~((length_m > 0.0) & np.isfinite(length_m) & np.isfinite(position))
        is_none |= (position == 0.0) & (self._position[behind] == 0.0)
        fraction = (position - line) % 1.0 if line else position % 1.0
        distance = np.where(is_none, np.nan, fraction * length_m)
        before = np.concatenate([self._columns.lap_distance[at : at + 1], distance[:-1]])
        turns = before / length_m - fraction
        is_odd = ((turns < -0.5) & (fraction > 0.5)) | ((turns > 0.5) & (fraction < MAX_OVERSHOOT)) | np.isnan(before)
        column = self._columns.lap_distance
        column[here] = distance
        done = 0
        for odd in np.flatnonzero(is_odd & ~is_none).tolist():
            # From an odd sample on, one after the other, until the distance is again what it is without the past.
            for index in range(max(odd, done), len(distance)):
                row = at + 1 + index
                column[row] = np.nan if is_none[index] else self._distance(row, fraction[index].item(), line)
                done = index + 1
                if column[row] == distance[index] or (is_none[index] and index > odd):
                    break

    def _distance(self, row: int, fraction: float, line: float | None) -> float:
        before = self._columns.lap_distance[row - 1].item()
        if not np.isnan(before):
            return unwrap_distance(fraction, before, self._length[row].item())
        sample = self._sample(row - 1)
        assert sample is not None
        distance = carry_on_lap_distance(self._now.snapshot(row), line, sample)
        return np.nan if distance is None else distance


def _running_maximum(values: Array, starts: Array, first: int) -> Array:
    """The greatest value so far, of ``first`` too; at each of the ``starts`` it begins again with that value."""
    if not starts.any():
        return np.maximum(np.maximum.accumulate(values), first)
    # Each segment is lifted above all before it.
    segment = np.cumsum(starts)
    low = min(int(values.min()), first)
    lift = segment * (max(int(values.max()), first) - low + 1)
    times: Array = np.maximum(np.maximum.accumulate(values + lift), first) - lift
    return times
