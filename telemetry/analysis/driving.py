"""How a lap was driven: how long each phase took, and how smooth the steering was."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemetry.analysis.corner_measures import MIN_BRAKE, Window
from telemetry.analysis.lap_clock import Floats
from telemetry.analysis.traces import Trace

PHASE_FIELDS: Final = ("brake",)
"""The channels that the phases of a lap are told by."""

STEERING_FIELDS: Final = ("steer_angle",)
"""The channels that smoothness is measured by."""

STEERING_PERIOD_MS: Final = 20.0
"""Time between the values of steering that are compared, whatever rate the lap was recorded at."""

FILTER_VALUES: Final = 5
"""Values that are averaged before they are compared, 0.1 s in all: what is faster is road and force feedback."""

REVERSAL: Final = 0.005
"""Change of steering back by which it has reversed, as a share of full lock: 2 degrees of 400."""


@dataclass(frozen=True, slots=True)
class Phases:
    """The time of a lap by what was done, in s: each moment is in one of them, so they add up to the lap."""

    braking_s: float
    """On the brake, wherever that is."""
    to_apex_s: float
    """Off the brake, between the begin of a corner and its apex."""
    from_apex_s: float
    """Off the brake, between an apex and the end of its corner."""
    straight_s: float
    """Off the brake, elsewhere."""


def measure_phases(trace: Trace, windows: Sequence[Window]) -> Phases | None:
    """The phases of a lap with :data:`PHASE_FIELDS`, by the corners of its track.

    None where the lap has gaps or no pedals: the phases would not add up to it.
    """
    brake = trace["brake"]
    if trace.is_gap.any() or not np.isfinite(brake).all():
        return None
    braking = brake > MIN_BRAKE
    to_apex, from_apex = np.zeros((2, len(trace)), dtype=bool)
    for window in windows:
        to_apex |= (trace.fraction >= window.begin) & (trace.fraction < window.apex)
        from_apex |= (trace.fraction >= window.apex) & (trace.fraction < window.end)

    def seconds(chosen: NDArray[np.bool_]) -> float:
        return float(trace.duration_ms[chosen].sum() / 1e3)

    return Phases(
        seconds(braking),
        seconds(~braking & to_apex),
        seconds(~braking & from_apex & ~to_apex),
        seconds(~braking & ~to_apex & ~from_apex),
    )


@dataclass(frozen=True, slots=True)
class Smoothness:
    """How the steering moved, the same at every rate that shows it."""

    rms_per_s: float
    """Root of the mean square of its speed, in full locks per second."""
    reversals_per_s: float
    """How often it turned back by at least :data:`REVERSAL`, per second."""
    seconds: float


def measure_smoothness(trace: Trace) -> Smoothness | None:
    """The steering of a lap with :data:`STEERING_FIELDS`, on values each 20 ms, averaged over 0.1 s.

    None where the lap was recorded at less than 50 a second, or without the steering.
    """
    steer = trace["steer_angle"]
    if trace.rate_hz < 0.9 * 1e3 / STEERING_PERIOD_MS or not np.isfinite(steer).all():
        return None
    edges = [0, *(np.flatnonzero(trace.is_gap) + 1).tolist(), len(trace)]
    squares, reversals, values = 0.0, 0, 0
    for begin, end in pairwise(edges):
        smooth = _smoothed(trace.time_ms[begin:end], steer[begin:end])
        squares += float(np.square(np.diff(smooth) / (STEERING_PERIOD_MS / 1e3)).sum())
        reversals += count_reversals(smooth, REVERSAL)
        values += max(len(smooth) - 1, 0)
    if not values:
        return None
    seconds = values * STEERING_PERIOD_MS / 1e3
    return Smoothness(float(np.sqrt(squares / values)), reversals / seconds, seconds)


def _smoothed(time_ms: Floats, steer: Floats) -> Floats:
    """Steering each 20 ms, each the mean of five such values; empty for a stretch that is too short."""
    times = np.arange(time_ms[0], time_ms[-1], STEERING_PERIOD_MS)
    if len(times) < FILTER_VALUES:
        return np.zeros(0)
    return np.convolve(np.interp(times, time_ms, steer), np.full(FILTER_VALUES, 1.0 / FILTER_VALUES), mode="valid")


def count_reversals(values: Floats, least: float) -> int:
    """How often values turn back by at least this much."""
    count, way, extreme = 0, 0, values[0] if len(values) else 0.0
    for value in values.tolist():
        if way == 0:
            if abs(value - extreme) >= least:
                way, extreme = (1 if value > extreme else -1), value
        elif (value - extreme) * way > 0.0:
            extreme = value
        elif (extreme - value) * way >= least:
            count, way, extreme = count + 1, -way, value
    return count
