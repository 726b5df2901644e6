"""When a lap reached each place: the official lap clock over the position since the lap's own line.

The game writes position and lap clock on the same page, once per drawn frame, so each frame is a pair that is right by
construction. A place that is reached more than once counts when it is reached first, and what a car loses by standing
or by going backwards is a step in time at the place where it stood.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from telemetry.base.units import STEP_MS
from telemetry.fields.lap_changes import MAX_SPEED_MS, NOMINAL_LENGTH_M, spline_tolerance_m
from telemetry.laps.lap_reference import GAP_INTERVALS, MIN_GAP_MS
from telemetry.laps.model import Lap

Array = NDArray[Any]
Floats = NDArray[np.float64]

CLOCK_FIELDS: Final = ("packet_id", "current_time", "normalized_position", "track_spline_length")
"""The raw fields that the clock of a lap is made of."""

SAME_LINE_M: Final = 50.0
"""Metres from the line within which a lap that the game counted ended at the line, and not at a finish elsewhere."""

MAX_FINISH: Final = 1.25
"""Laps since its line at which a lap can end at most, with all that the spline can be off by."""

MIN_COVERED: Final = 0.001
"""Fraction of a lap that has to be covered: less is a car that does not move."""

LATENCY_QUANTILE: Final = 0.9
"""Of the differences between lap clock and physics steps, the one without the delay in which a frame was noticed."""

MAX_CLOCK_DRIFT_MS: Final = 250.0
"""By how much the physics steps may disagree with the lap clock that is shown before only the latter is believed."""


class NoPositionError(ValueError):
    """There is no position over time in these samples; the text says why, without a dot."""


class Frames(NamedTuple):
    """The drawn frames of a lap, in order; all arrays have the shape (m,)."""

    rows: NDArray[np.intp]
    """The number of the sample that shows each of them first."""
    time_ms: Floats
    """The lap clock, not falling."""
    position: Floats
    """Fraction of the lap since the line, unwrapped: negative in front of the line, above 1 behind the next one."""


@dataclass(frozen=True, eq=False)
class LapClock:
    """Lap time over position: ``m`` places, of which each is farther along the lap than the one before."""

    fraction: Floats
    """Fraction of the lap since its line, strictly rising, shape (m,); the last one of a whole lap is 1."""
    time_ms: Floats
    """Official lap time at each place, not falling, shape (m,)."""
    is_gap: NDArray[np.bool_]
    """Whether nothing is known between each place and the next, shape (m - 1,)."""

    def time_at(self, fraction: Floats) -> Floats:
        """The lap time in ms at these places; NaN at those that the lap does not cover. Shape (k,)."""
        return interpolate(fraction, self.fraction, self.time_ms, self.is_gap)

    @cached_property
    def begin(self) -> float:
        """The first place that is covered."""
        return float(self.fraction[0])

    @cached_property
    def end(self) -> float:
        """The last place that is covered."""
        return float(self.fraction[-1])


def interpolate(
    at: Floats, places: Floats, values: Array, is_gap: NDArray[np.bool_], *, is_held: bool = False
) -> Array:
    """Values of shape (n, ...) over rising places of shape (n,), at other places of shape (k,): (k, ...).

    In a straight line, or as at the place before where they are held. Outside the places, and inside a gap between two
    of them (shape (n - 1,)), nothing is known: NaN, never the value of the end.
    """
    if len(places) < 2:
        return np.full((len(at), *values.shape[1:]), np.nan)
    index = np.clip(np.searchsorted(places, at, side="right") - 1, 0, len(places) - 2)
    before, after = places[index], places[index + 1]
    is_known = (at >= before) & (at <= after) & (~is_gap[index] | (at == before) | (at == after))
    share = (at - before) / (after - before)
    if is_held:
        found = np.where(_like(share >= 1.0, values), values[index + 1], values[index]).astype(np.float64)
    else:
        weight = _like(share, values)
        found = values[index] * (1.0 - weight) + values[index + 1] * weight
        found = np.where(weight == 1.0, values[index + 1], found)
    found[~is_known] = np.nan
    return found


def _like(column: Array, values: Array) -> Array:
    """A column (k,) that can be combined with values (k, ...)."""
    return column.reshape(-1, *(1,) * (values.ndim - 1))


def find_frames(columns: Mapping[str, Array], lap: Lap, line_position: float) -> Frames:
    """The frames of the samples of a lap (:data:`CLOCK_FIELDS`, shape (n,) each) that show its own clock.

    Raises :class:`NoPositionError` where there are none.
    """
    clock, spline = columns["current_time"].astype(np.float64), columns["normalized_position"].astype(np.float64)
    if len(clock) and not spline.any():
        raise NoPositionError("the position on the track is 0 throughout, as on a road without a line for the AI")
    is_new = np.ones(len(clock), dtype=bool)
    is_new[1:] = (clock[1:] != clock[:-1]) | (spline[1:] != spline[:-1])
    rows = np.flatnonzero(is_new & np.isfinite(spline) & (clock >= 0.0))
    rows = rows[_own_clock(clock[rows])]
    if len(rows) < 2 or clock[rows[0]] == clock[rows[-1]]:
        raise NoPositionError("its samples show no lap clock with a position that moves")
    time_ms = clock[rows]
    return Frames(rows, time_ms, _since_line(spline[rows], time_ms, lap, line_position))


def _own_clock(clock: Floats) -> slice:
    """The longest stretch in which the clock does not fall: around a line single frames show the other lap's clock."""
    edges = [0, *(np.flatnonzero(np.diff(clock) < 0.0) + 1).tolist(), len(clock)]
    stretches = [slice(begin, end) for begin, end in pairwise(edges) if end > begin]
    return max(stretches, key=lambda one: clock[one.stop - 1] - clock[one.start], default=slice(0, 0))


def _since_line(spline: Floats, time_ms: Floats, lap: Lap, line_position: float) -> Floats:
    """The positions since the line, unwrapped: the shorter way round, and forward where frames are missing."""
    fraction = (spline - line_position) % 1.0
    if lap.start != "joined" and fraction[0] > 0.5:
        fraction[0] -= 1.0  # still in front of the line
    change = np.diff(fraction)
    is_gap = np.diff(time_ms) > gap_limit_ms(time_ms)
    change = np.where(is_gap, change % 1.0, change - np.round(change))
    since: Floats = fraction[0] + np.concatenate([[0.0], np.cumsum(change)])
    # A lap ends at the line: one that goes on far beyond it was joined just in front of the first one.
    return since - 1.0 if since[-1] > MAX_FINISH else since


def gap_limit_ms(time_ms: Floats, shortest_ms: float = MIN_GAP_MS) -> float:
    """The longest interval between moments of a lap that is no gap: ``shortest_ms`` or three usual intervals."""
    intervals = np.diff(time_ms)
    usual = float(np.median(intervals[intervals > 0.0])) if (intervals > 0.0).any() else 0.0
    return max(shortest_ms, GAP_INTERVALS * usual)


def find_line(frames: Frames, lap: Lap, line_position: float) -> float | None:
    """Where the timing line lies, as ``normalized_position``, by the positions at the ends of this lap.

    The clock of the first frame says how long ago the car crossed the line, and that of the last one how long it has
    still to go. None for a lap that neither begins nor ends at a line.
    """
    found: list[float] = []
    time_ms, position = frames.time_ms, frames.position
    if lap.start == "line":
        found.append(_extrapolate(time_ms[:8], position[:8], 0.0))
    end_ms = lap_time_ms(lap)
    if lap.end == "line" and end_ms is not None:
        found.append(_extrapolate(time_ms[-8:], position[-8:], end_ms) - 1.0)
    near = [offset for offset in found if abs(offset) < 0.5]
    return (line_position + sum(near) / len(near)) % 1.0 if near else None


def _extrapolate(time_ms: Floats, position: Floats, at_ms: float) -> float:
    """The position at a time near these, by a straight line through them."""
    if time_ms[-1] == time_ms[0]:
        return float(position[0])
    slope, offset = np.polyfit(time_ms - at_ms, position, 1)
    return float(offset) if slope >= 0.0 else float(position[0])


def lap_time_ms(lap: Lap) -> float | None:
    """The time at the end of a complete lap: the official one, or the measured one where there is none."""
    time_ms = lap.time_ms or lap.measured_ms
    return float(time_ms) if lap.complete and time_ms else None


def make_lap_clock(frames: Frames, lap: Lap, length_m: float | None) -> LapClock:
    """The clock of a lap: its frames, anchored at 0 where the lap began at the line and at its official time.

    Raises :class:`NoPositionError` where the car does not move along the track.
    """
    time_ms, position = frames.time_ms, frames.position
    end_ms, finish = lap_time_ms(lap), _finish(frames, lap, length_m)
    kept = np.ones(len(time_ms), dtype=bool)
    if lap.start == "line":
        kept &= (position > 0.0) & (time_ms > 0.0)
    if end_ms is not None:
        kept &= (position < finish) & (time_ms < end_ms)
    time_ms, position = time_ms[kept], position[kept]
    if lap.start == "line":
        time_ms, position = np.append(0.0, time_ms), np.append(0.0, position)
    if end_ms is not None:
        time_ms, position = np.append(time_ms, end_ms), np.append(position, finish)
    intervals_ms, metres = np.diff(time_ms), np.diff(position) * (length_m or NOMINAL_LENGTH_M)
    is_jump = metres > MAX_SPEED_MS * intervals_ms / 1e3 + spline_tolerance_m(length_m or NOMINAL_LENGTH_M)
    is_gap = (intervals_ms > gap_limit_ms(frames.time_ms)) | is_jump
    return _first_arrivals(time_ms, position, is_gap)


def _finish(frames: Frames, lap: Lap, length_m: float | None) -> float:
    """Where a counted lap ended, as a fraction: 1, or the finish of an A-to-B road, which is not where it began."""
    end_ms = lap_time_ms(lap)
    if end_ms is None:
        return 1.0
    if end_ms - frames.time_ms[-1] > MIN_GAP_MS:
        return 1.0
    reached = _extrapolate(frames.time_ms[-8:], frames.position[-8:], end_ms)
    tolerance = 0.02 if length_m is None else max(SAME_LINE_M / length_m, 0.005)
    return 1.0 if reached > 1.0 - tolerance else reached


def _first_arrivals(time_ms: Floats, position: Floats, is_gap: NDArray[np.bool_]) -> LapClock:
    """The clock of the moments at which a car is farther than ever before.

    Where it comes back to the farthest place after it stood or went backwards, the time until then is a step: a second
    place behind the first one, by the smallest number that there is.
    """
    highest = np.maximum.accumulate(position)
    advances = np.concatenate([[True], position[1:] > highest[:-1]])
    kept = np.flatnonzero(advances)
    gaps = np.concatenate([[0], np.cumsum(is_gap)])
    between = np.diff(gaps[kept]) > 0
    if np.diff(position[kept])[~between].sum() < MIN_COVERED:
        raise NoPositionError("the car does not move along the track")
    fraction, times = position[kept], time_ms[kept]
    returned = np.flatnonzero(np.diff(kept) > 1)  # the places after which the car did not advance at once
    last = kept[returned + 1] - 1  # the last moment before it did
    share = (position[kept[returned]] - position[last]) / (position[last + 1] - position[last])
    back_ms = time_ms[last] + share * (time_ms[last + 1] - time_ms[last])
    step = np.nextafter(fraction[returned], np.inf)
    inserted = (step < fraction[returned + 1]) & ~between[returned]
    at = returned[inserted] + 1
    return LapClock(
        np.insert(fraction, at, step[inserted]),
        np.insert(times, at, back_ms[inserted]),
        np.insert(between, at, values=False),
    )


def step_times_ms(columns: Mapping[str, Array], frames: Frames) -> Floats:
    """The lap time of each sample in ms, shape (n,): the lap clock, carried on by the physics steps."""
    steps_ms = columns["packet_id"].astype(np.float64) * STEP_MS
    offset_ms = np.quantile(frames.time_ms - steps_ms[frames.rows], LATENCY_QUANTILE)
    by_steps = steps_ms + offset_ms
    shown = np.clip(np.searchsorted(frames.rows, np.arange(len(steps_ms)), side="right") - 1, 0, None)
    by_clock = frames.time_ms[shown]
    is_near = np.abs(by_steps - by_clock) <= MAX_CLOCK_DRIFT_MS
    times: Floats = np.where(is_near, by_steps, by_clock)
    return times
