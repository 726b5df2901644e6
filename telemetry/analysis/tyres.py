"""Tyres in laps: pressures and temperatures at speed, and the spread over the tread by the side of the corner."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemetry.analysis.lap_clock import Array, Floats
from telemetry.analysis.traces import Trace

TYRE_FIELDS: Final = (
    "speed_kmh",
    "acc_g_x",
    "wheel_pressure",
    "tyre_core_temp",
    "tyre_temp_inner",
    "tyre_temp_middle",
    "tyre_temp_outer",
)
"""The channels that tyres are measured by."""

MIN_KMH: Final = 50.0
"""Speed below which pressures and temperatures are those of a stop, and not of driving."""

CORNER_G: Final = 0.3
"""Lateral acceleration from which on a car is in a corner."""

WHEELS: Final = 4


@dataclass(frozen=True, eq=False)
class TyreMeasure:
    """Means by time above :data:`MIN_KMH`, each of shape (4,): front left, front right, rear left, rear right.

    NaN where laps do not show it.
    """

    pressure_psi: Floats
    """Hot, as it was driven."""
    core_c: Floats
    inner_c: Floats
    middle_c: Floats
    outer_c: Floats
    spread_c: Floats
    """Inner less outer third of the tread: + = the inner one is hotter, as with much camber."""
    middle_over_edges_c: Floats
    """Middle of the tread less the mean of both edges: + = the middle is hotter, as with much pressure."""
    spread_left_c: Floats
    """Inner less outer in corners to the left, where the right tyres are outside."""
    spread_right_c: Floats
    """The same in corners to the right."""
    core_left_c: Floats
    """Core in corners to the left."""
    core_right_c: Floats
    seconds: float
    """The driving above :data:`MIN_KMH` that it is made of."""


def measure_tyres(traces: Iterable[Trace]) -> TyreMeasure:
    """The tyres in laps with :data:`TYRE_FIELDS`, together."""
    every = list(traces)
    if not every:
        unknown = np.full(WHEELS, np.nan)
        return TyreMeasure(*(unknown,) * 11, seconds=0.0)
    speed, lateral, pressure, core, inner, middle, outer = (
        np.concatenate([trace[name] for trace in every]) for name in TYRE_FIELDS
    )
    duration_ms = np.concatenate([trace.duration_ms for trace in every])
    at_speed = speed > MIN_KMH
    left, right = at_speed & (lateral > CORNER_G), at_speed & (lateral < -CORNER_G)
    return TyreMeasure(
        pressure_psi=mean_by_time(_known(pressure), duration_ms, at_speed),
        core_c=mean_by_time(core, duration_ms, at_speed),
        inner_c=mean_by_time(inner, duration_ms, at_speed),
        middle_c=mean_by_time(middle, duration_ms, at_speed),
        outer_c=mean_by_time(outer, duration_ms, at_speed),
        spread_c=mean_by_time(inner - outer, duration_ms, at_speed),
        middle_over_edges_c=mean_by_time(middle - (inner + outer) / 2.0, duration_ms, at_speed),
        spread_left_c=mean_by_time(inner - outer, duration_ms, left),
        spread_right_c=mean_by_time(inner - outer, duration_ms, right),
        core_left_c=mean_by_time(core, duration_ms, left),
        core_right_c=mean_by_time(core, duration_ms, right),
        seconds=float(duration_ms[at_speed].sum() / 1e3),
    )


def mean_by_time(values: Array, duration_ms: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """The mean of values (n, k) that last so long (n,), of those that are chosen (n,) and known; shape (k,)."""
    if len(values) and np.isfinite(values).all():
        single = np.where(chosen, duration_ms, 0.0)
        all_ms = float(single.sum())
        return single @ values / all_ms if all_ms > 0.0 else np.full(values.shape[1], np.nan)
    is_known = np.isfinite(values) & chosen[:, None]
    weights = np.where(is_known, duration_ms[:, None], 0.0)
    total = weights.sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean: Floats = (np.where(is_known, values, 0.0) * weights).sum(axis=0) / np.where(total > 0.0, total, np.nan)
    return mean


def _known(pressure_psi: Array) -> Floats:
    """The pressures, NaN for 0, which a recording without them holds."""
    return np.where(pressure_psi > 0.0, pressure_psi, np.nan)
