"""What a lap did in a corner: speeds, times, pedals, gear, lateral g and line, in windows that belong to the track."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from telemetry.analysis.traces import Trace
from telemetry.fields.lap_changes import NOMINAL_LENGTH_M
from telemetry.tracks.corners import Corner
from telemetry.tracks.definition import Track

CORNER_FIELDS: Final = ("speed_kmh", "gas", "brake", "gear", "acc_g_x")
"""The channels that corners are measured by."""

MIN_BRAKE: Final = 0.05
"""Pedal from which on a car brakes."""

MAX_BRAKE_GAP_MS: Final = 200.0
"""Lap time without brake within one braking: an anti-lock system, or a foot that hesitates."""

MAX_COASTING_MS: Final = 2000.0
"""Lap time between the end of a braking and the apex that it belongs to."""

PICK_UP_GAS: Final = 0.5
"""Pedal from which on a driver is on the throttle again."""

MAX_SPACING_M: Final = 20.0
"""Metres between two samples up to which speeds and pedals within a corner can be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CornerMeasure:
    """One lap in one corner. None where the lap does not show it; no number stands for nothing."""

    number: int
    time_s: float | None = None
    """From the begin of the corner to its end."""
    to_apex_s: float | None = None
    from_apex_s: float | None = None
    entry_kmh: float | None = None
    """At the begin."""
    min_kmh: float | None = None
    """The lowest between begin and end."""
    min_at_m: float | None = None
    """Metres from the apex to where it is, + = behind the apex."""
    apex_kmh: float | None = None
    exit_kmh: float | None = None
    """At the end."""
    braking_m: float | None = None
    """Metres before the apex at which the braking for this corner begins; None for a corner taken without."""
    peak_brake: float | None = None
    """The most brake of this braking, 0..1."""
    release_m: float | None = None
    """Metres before the apex at which the brake is released, negative behind it."""
    throttle_s: float | None = None
    """Seconds from the apex to half throttle, 0 where it was there already; None if never within the corner."""
    gear: int | None = None
    """At the apex, by the game's number: 0 reverse, 1 neutral, 2 first."""
    peak_g: float | None = None
    """The highest lateral acceleration in g, whichever way the corner turns."""
    offset_m: float | None = None
    """Metres between this lap and the reference at the apex, + = to the left of it in driving direction."""


MEASURES: Final = tuple(field.name for field in fields(CornerMeasure) if field.name != "number")
"""The names of all measures of a corner."""


@dataclass(frozen=True, slots=True)
class Window:
    """A corner as fractions of a lap since its line; what lies beyond the line belongs to another lap."""

    corner: Corner
    before: float
    """Where the corner before it ends; 0 for the first one."""
    begin: float
    apex: float
    end: float


def windows(track: Track) -> list[Window]:
    """The windows of all corners of a track, in driving order from the line."""
    found: list[Window] = []
    for corner in track.corners:
        apex = float(track.since_line(corner.apex))
        begin = max(apex - (corner.apex - corner.begin) % 1.0, 0.0)
        end = min(apex + (corner.end - corner.apex) % 1.0, 1.0)
        found.append(Window(corner, min(found[-1].end, apex) if found else 0.0, begin, apex, end))
    return found


def measure(window: Window, trace: Trace, reference: Trace | None = None) -> CornerMeasure:
    """What the lap of a trace, with :data:`CORNER_FIELDS`, did in a corner.

    Distances need the length of the track, and the offset a reference. Speeds and pedals are None where the samples are
    more than :data:`MAX_SPACING_M` apart, as at one sample a second.
    """
    places = np.array([window.begin, window.apex, window.end])
    begin_ms, apex_ms, end_ms = trace.clock.time_at(places).tolist()
    timed = CornerMeasure(
        number=window.corner.number,
        time_s=_number((end_ms - begin_ms) / 1e3),
        to_apex_s=_number((apex_ms - begin_ms) / 1e3),
        from_apex_s=_number((end_ms - apex_ms) / 1e3),
    )
    inside = np.flatnonzero((trace.fraction >= window.begin) & (trace.fraction <= window.end))
    if not _is_dense(window, trace, inside):
        return timed
    entry, apex_kmh, leaving = (_number(value) for value in trace.at("speed_kmh", places).tolist())
    speed = trace["speed_kmh"][inside]
    slowest = int(np.argmin(speed)) if np.isfinite(speed).all() else None
    gear = _number(trace.at("gear", places[1:2])[0])
    lateral = np.abs(trace["acc_g_x"][inside])
    braking = _braking(window, trace, apex_ms)
    return replace(
        timed,
        entry_kmh=entry,
        min_kmh=None if slowest is None else float(speed[slowest]),
        min_at_m=None if slowest is None else _metres(trace, trace.fraction[inside[slowest]] - window.apex),
        apex_kmh=apex_kmh,
        exit_kmh=leaving,
        braking_m=braking.begin_m,
        peak_brake=braking.peak,
        release_m=braking.end_m,
        throttle_s=_throttle_delay_s(window, trace, apex_ms),
        gear=None if gear is None else int(gear),
        peak_g=_number(lateral.max()),
        offset_m=None if reference is None else lateral_offset_m(window.apex, trace, reference),
    )


def measure_corners(track: Track, trace: Trace, reference: Trace | None = None) -> list[CornerMeasure]:
    """What the lap did in each corner of its track."""
    return [measure(window, trace, reference) for window in windows(track)]


def lateral_offset_m(fraction: float, trace: Trace, reference: Trace) -> float | None:
    """Metres to the left of the reference's driven line at a place; None where one of the laps does not cover it."""
    at = np.array([fraction])
    x, z = trace.at("world_position_x", at)[0], trace.at("world_position_z", at)[0]
    step = 4.0 / reference.length_m if reference.length_m > 0.0 else 0.001
    around = np.array([fraction - step, fraction, fraction + step])
    xs, zs = reference.at("world_position_x", around), reference.at("world_position_z", around)
    ahead_x, ahead_z = xs[2] - xs[0], zs[2] - zs[0]
    ahead = math.hypot(ahead_x, ahead_z)
    if not ahead > 0.0:
        return None
    return _number(((x - xs[1]) * ahead_z - (z - zs[1]) * ahead_x) / ahead)


def _is_dense(window: Window, trace: Trace, inside: NDArray[np.intp]) -> bool:
    """Whether these samples lie near enough to each other, and to the ends of the window, to tell a speed."""
    if not len(inside) or trace.is_gap[inside[0] : inside[-1]].any():
        return False
    length_m = trace.length_m if trace.length_m > 0.0 else NOMINAL_LENGTH_M
    places = np.concatenate([[window.begin], trace.fraction[inside], [window.end]])
    return float(np.diff(places).max()) * length_m <= MAX_SPACING_M


class _Braking(NamedTuple):
    """A braking, in metres before the apex; all None for none."""

    begin_m: float | None = None
    peak: float | None = None
    end_m: float | None = None


def _braking(window: Window, trace: Trace, apex_ms: float) -> _Braking:
    """The braking that ends last before the apex, or at it, walked back from there through short gaps."""
    brakes = (trace.fraction >= window.before) & (trace.fraction <= window.end) & (trace["brake"] > MIN_BRAKE)
    rows = np.flatnonzero(brakes)
    is_before = trace.fraction[rows] <= window.apex
    if not is_before.any():
        return _Braking()
    times = trace.time_ms[rows]
    last = int(np.flatnonzero(is_before)[-1])
    if not apex_ms - times[last] <= MAX_COASTING_MS:
        return _Braking()
    run = np.concatenate([[0], np.cumsum(np.diff(times) > MAX_BRAKE_GAP_MS)])
    own = rows[run == run[last]]
    return _Braking(
        _metres(trace, window.apex - trace.fraction[own[0]]),
        _number(trace["brake"][own].max()),
        _metres(trace, window.apex - trace.fraction[own[-1]]),
    )


def _throttle_delay_s(window: Window, trace: Trace, apex_ms: float) -> float | None:
    """Seconds from the apex to half throttle."""
    behind = np.flatnonzero((trace.fraction >= window.apex) & (trace.fraction <= window.end))
    on = behind[trace["gas"][behind] >= PICK_UP_GAS]
    if not len(on):
        return None
    return 0.0 if on[0] == behind[0] else _number((trace.time_ms[on[0]] - apex_ms) / 1e3)


def _metres(trace: Trace, fraction: float) -> float | None:
    return _number(fraction * trace.length_m)


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Spread:
    """One measure over laps."""

    mean: float | None
    """None where no lap shows it."""
    deviation: float | None
    """Standard deviation between laps; None below two laps."""
    laps: int
    """How many laps show it."""


def spread(values: Iterable[float | None]) -> Spread:
    """Mean and standard deviation of the values that there are."""
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if not len(known):
        return Spread(None, None, 0)
    deviation = float(known.std(ddof=1)) if len(known) > 1 else None
    return Spread(float(known.mean()), deviation, len(known))


def spreads(measures: Sequence[CornerMeasure]) -> dict[str, Spread]:
    """Each measure of one corner over laps, by its name."""
    return {name: spread(getattr(one, name) for one in measures) for name in MEASURES}
