"""What a lap was like by itself, for its row: pedals by time, and its tyres at speed."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from math import isfinite
from typing import Final

import numpy as np

from telemetry.analysis.lap_measures import pedal_times
from telemetry.analysis.tyres import MIN_KMH, mean_by_time
from telemetry.catalog.state import Row
from telemetry.fields.blocks import Array
from telemetry.fields.columns import Columns

MEASURE_FIELDS: Final = ("speed_kmh", "gas", "brake", "wheel_pressure", "tyre_core_temp")
"""The channels that laps are measured by."""

MEASURES: Final = ("full_throttle_s", "braking_s", "coasting_s", "overlap_s", "mean_pressure_psi", "mean_core_c")
"""The columns of a lap's row that :func:`measure_samples` fills."""


def measure_samples(parts: Sequence[Columns], held: AbstractSet[str], rate_hz: float) -> Row:
    """The measures of a lap by its samples; those whose channels are not ``held`` are left out.

    They are those of :mod:`telemetry.analysis` at the rate of the catalog: a time is right to a few samples.
    """
    if "speed_kmh" not in held:
        return {}
    speed = _joined(parts, "speed_kmh")
    duration_ms = np.full(len(speed), 1e3 / rate_hz)
    measured: Row = {}
    if {"gas", "brake"} <= held:
        times = pedal_times(_joined(parts, "gas"), _joined(parts, "brake"), speed, duration_ms)
        measured |= {} if times is None else {name: round(value, 3) for name, value in times._asdict().items()}
    for channel, name in (("wheel_pressure", "mean_pressure_psi"), ("tyre_core_temp", "mean_core_c")):
        if channel in held:
            values = _joined(parts, channel)
            known = np.where(values > 0.0, values, np.nan) if channel == "wheel_pressure" else values
            measured[name] = _numbers(mean_by_time(known, duration_ms, speed > MIN_KMH))
    return measured


def _joined(parts: Sequence[Columns], name: str) -> Array:
    return np.concatenate([part[name] for part in parts])


def _numbers(wheels: Array) -> list[float | None] | None:
    """For JSON; None where nothing is known."""
    values = [round(value, 2) if isfinite(value) else None for value in wheels.tolist()]
    return values if any(value is not None for value in values) else None
