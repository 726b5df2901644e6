"""Laps made by hand for analysis: the columns and the lap of a car whose place follows from the time alone."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from telemetry.analysis.lap_clock import Array, Floats
from telemetry.analysis.traces import Trace, make_trace
from telemetry.laps.model import Lap, LapEnd, LapStart

LENGTH_M = 3000.0
FRAME_MS = 15
"""Of the game's own clock: a frame after each fifth physics step."""

Place = Callable[[Floats], Floats]
"""The fraction of the lap since the line at times in ms."""


def steady(time_ms: float) -> Place:
    """A lap at one speed that takes so long."""
    return lambda at: at / time_ms


def stopping(time_ms: float, place: float, stop_ms: float) -> Place:
    """A lap at one speed that takes so long without a stop at this place."""
    stop_at = place * time_ms

    def at(time: Floats) -> Floats:
        return np.where(time <= stop_at, time, np.maximum(time - stop_ms, stop_at)) / time_ms

    return at


def spinning(time_ms: float, place: float, back: float, spin_ms: float) -> Place:
    """A lap at one speed that takes so long, but for a spin in which the car rolls back from this place and returns."""
    begin = place * time_ms

    def at(time: Floats) -> Floats:
        share = np.clip((time - begin) / spin_ms, 0.0, 1.0)
        driven = np.where(time <= begin, time, np.maximum(time - spin_ms, begin))
        return driven / time_ms - back * np.sin(np.pi * share)

    return at


def lap_of(time_ms: int | None, number: int = 1, **values: Any) -> Lap:
    """A valid lap from line to line of this official time; other values as they are given."""
    start: LapStart = "line"
    end: LapEnd = "line"
    usual: dict[str, Any] = {
        "start_index": 1,
        "start": start,
        "end": end,
        "first": None,
        "last": None,
        "measured_ms": time_ms,
        "sectors_ms": (),
        "invalid_because": (),
        "first_cut_m": None,
        "first_cut_position": None,
        "out_lap": False,
        "in_lap": False,
        "in_pits": False,
        "paused_s": 0.0,
        "top_speed_kmh": 200.0,
        "fuel_used_l": 2.0,
        "tyre_compound": "Slicks Medium (M)",
        "tyre_worn": (0.1, 0.1, 0.1, 0.1),
        "session": "practice",
        "car": "demo_gt3",
        "track": "demo_ring",
        "layout": "",
    }
    return Lap(number=number, time_ms=time_ms, **(usual | values))


def columns_of(
    place: Place,
    end_ms: float,
    *,
    hertz: float = 1000.0 / 3.0,
    line: float = 0.0,
    begin_ms: float = 0.0,
    length_m: float = LENGTH_M,
    **channels: Callable[[Floats], Array],
) -> dict[str, Array]:
    """The samples of a lap on a circle, ``hertz`` a second; each channel is a function of the place."""
    period_ms = 3.0 * max(round(1000.0 / hertz / 3.0), 1)
    time_ms = np.arange(begin_ms + period_ms, end_ms, period_ms)
    drawn_ms = np.maximum(np.floor(time_ms / FRAME_MS) * FRAME_MS, 0.0)
    drawn, now = place(drawn_ms), place(time_ms)
    angle = 2.0 * np.pi * drawn
    radius_m = length_m / (2.0 * np.pi)
    return {
        "packet_id": (1000 + time_ms / 3.0).astype(np.int32),
        "current_time": drawn_ms.astype(np.int32),
        "normalized_position": ((drawn + line) % 1.0).astype(np.float32),
        "track_spline_length": np.full(len(time_ms), length_m, dtype=np.float32),
        "world_position_x": (radius_m * np.cos(angle)).astype(np.float32),
        "world_position_z": (radius_m * np.sin(angle)).astype(np.float32),
        **{name: channel(now) for name, channel in channels.items()},
    }


def trace_of(
    place: Place,
    time_ms: int,
    *,
    line_position: float | None = 0.0,
    lap: Mapping[str, Any] | None = None,
    **options: Any,
) -> Trace:
    """The trace of such a lap."""
    channels = [name for name in options if name not in ("hertz", "line", "begin_ms", "length_m")]
    columns = columns_of(place, time_ms, **options)
    return make_trace(columns, lap_of(time_ms, **(lap or {})), channels, line_position)
