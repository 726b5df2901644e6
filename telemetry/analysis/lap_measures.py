"""What a whole lap was like: pedals by time, speeds, and the corners together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from telemetry.analysis.corner_measures import CORNER_FIELDS, CornerMeasure
from telemetry.analysis.lap_clock import Floats, lap_time_ms
from telemetry.analysis.traces import Trace

LAP_FIELDS: Final = CORNER_FIELDS
"""The channels that laps are measured by."""

COASTING_KMH: Final = 30.0
"""Speed from which on a car without pedals is coasting."""


class PedalTimes(NamedTuple):
    """How long the pedals were used, in s, as :class:`LapMeasure` has it."""

    full_throttle_s: float
    braking_s: float
    coasting_s: float
    overlap_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LapMeasure:
    """One lap. Times are lap time, standing included; None where the lap does not show it."""

    lap_time_s: float | None
    full_throttle_s: float | None
    """Time with more than 95 % gas."""
    braking_s: float | None
    """Time with more than 5 % brake."""
    coasting_s: float | None
    """Time with less than 5 % of either pedal above 30 km/h."""
    overlap_s: float | None
    """Time with more than 10 % of both pedals."""
    top_kmh: float | None
    corner_min_kmh: float | None
    """Lowest speed of a corner, averaged over the corners."""
    corner_exit_kmh: float | None
    """Speed at the end of a corner, averaged over the corners."""
    to_apex_s: float | None
    """Time from begin to apex of all corners."""
    from_apex_s: float | None
    """Time from apex to end of all corners."""
    braking_m: float | None
    """Metres before the apex at which brakings begin, averaged over the corners that are braked for."""
    peak_brake: float | None
    """The most brake in them, 0..1, averaged alike."""
    throttle_s: float | None
    """Seconds from the apex to half throttle, averaged over the corners in which it is reached."""


def measure_lap(trace: Trace, corners: Sequence[CornerMeasure]) -> LapMeasure:
    """The measures of the lap of a trace with :data:`LAP_FIELDS`, and of what it did in the corners."""
    gas, brake, speed = trace["gas"], trace["brake"], trace["speed_kmh"]
    time_ms = lap_time_ms(trace.lap)
    times = pedal_times(gas, brake, speed, trace.duration_ms)
    full_throttle_s, braking_s, coasting_s, overlap_s = (None,) * 4 if times is None else times
    return LapMeasure(
        lap_time_s=None if time_ms is None else time_ms / 1e3,
        full_throttle_s=full_throttle_s,
        braking_s=braking_s,
        coasting_s=coasting_s,
        overlap_s=overlap_s,
        top_kmh=float(speed.max()) if np.isfinite(speed).all() else None,
        corner_min_kmh=_mean([corner.min_kmh for corner in corners]),
        corner_exit_kmh=_mean([corner.exit_kmh for corner in corners]),
        to_apex_s=_sum([corner.to_apex_s for corner in corners]),
        from_apex_s=_sum([corner.from_apex_s for corner in corners]),
        braking_m=_mean([corner.braking_m for corner in corners if corner.braking_m is not None]),
        peak_brake=_mean([corner.peak_brake for corner in corners if corner.peak_brake is not None]),
        throttle_s=_mean([corner.throttle_s for corner in corners if corner.throttle_s is not None]),
    )


def pedal_times(gas: Floats, brake: Floats, speed_kmh: Floats, duration_ms: Floats) -> PedalTimes | None:
    """How long the pedals were used in samples (n,) that last so long; None where some pedal is not known."""
    if not (np.isfinite(gas).all() and np.isfinite(brake).all()):
        return None

    def seconds(condition: np.typing.NDArray[np.bool_]) -> float:
        return float(duration_ms[condition].sum() / 1e3)

    return PedalTimes(
        full_throttle_s=seconds(gas > 0.95),
        braking_s=seconds(brake > 0.05),
        coasting_s=seconds((gas < 0.05) & (brake < 0.05) & (speed_kmh > COASTING_KMH)),
        overlap_s=seconds((gas > 0.1) & (brake > 0.1)),
    )


def _sum(values: Sequence[float | None]) -> float | None:
    """The sum; None where one is missing, because laps with and without it could not be compared."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _mean(values: Sequence[float | None]) -> float | None:
    total = _sum(values)
    return None if total is None else total / len(values)
