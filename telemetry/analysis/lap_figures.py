"""Figures of laps over their length: the delta, speed, pedals, gear, steering and slip.

Laps are given with the one first that is looked at and the reference last, all on the line of one track. Each value of
the recording is in the figure.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from telemetry.analysis.comparison import DrivenLap
from telemetry.analysis.figures import TONES, Axis, Figure, Kind, Panel, Series, Tone, corner_bands
from telemetry.analysis.lap_clock import Floats
from telemetry.analysis.traces import Trace
from telemetry.base.errors import UsageError
from telemetry.base.text import format_measured_lap_time
from telemetry.formats.motec import slip_angle
from telemetry.tracks.definition import Track

SLIP_FIELDS: Final = ("slip_ratio", *slip_angle.NEEDED_FIELDS)
"""The channels that :func:`slip_figure` needs."""

_AXLES: Final = (("front", slice(0, 2)), ("rear", slice(2, 4)))


class Lengths(NamedTuple):
    """The axis along a lap, and how long it is from line to line."""

    axis: Axis
    length: float


def lap_tones(laps: Sequence[DrivenLap]) -> list[Tone]:
    """The tone of each lap; raises :class:`telemetry.UsageError` for more laps than can be told apart."""
    if len(laps) > len(TONES):
        raise UsageError(f"{len(laps)} laps cannot be told apart in one figure: name {len(TONES)} at most.")
    if len(laps) == 1:
        return ["lap"]
    return ["lap", *TONES[2 : len(laps)], "reference"]


def lap_names(laps: Sequence[DrivenLap]) -> list[str]:
    """The laps for a legend, like ``lap 2, 1:15.510``, with their files where there are several."""
    paths = {lap.path for lap in laps}
    is_unique = len({path.name for path in paths}) == len(paths)
    names = []
    for one in laps:
        lap = one.lap
        name = f"lap {lap.number}"
        if len(paths) > 1:
            name += f" of {one.path.name if is_unique else one.path}"
        time = format_measured_lap_time(lap.time_ms, lap.measured_ms if lap.complete else None)
        names.append(f"{name}, {time}" if time else name)
    return names


def lengths_of(laps: Sequence[DrivenLap]) -> Lengths:
    """The axis of these laps: metres since the line, or percent where the length of the track is unknown."""
    length_m = next((one.trace.length_m for one in laps if one.trace.length_m > 0.0), None)
    end = max(one.trace.clock.end for one in laps)
    if length_m is None:
        return Lengths(Axis("place on the lap", "%", low=0.0, high=100.0 * end), 100.0)
    return Lengths(Axis("distance since the line", "m", low=0.0, high=length_m * end), length_m)


def delta_figure(laps: Sequence[DrivenLap], track: Track | None) -> Figure:
    """The delta of each lap to the reference, + = slower; raises :class:`telemetry.UsageError` for one lap alone."""
    if len(laps) < 2:
        raise UsageError("A delta needs a second lap to compare with.")
    *others, reference = laps
    lengths = lengths_of(laps)
    series = []
    for one, name, tone in zip(others, lap_names(laps), lap_tones(laps), strict=False):
        places = np.union1d(one.trace.fraction, reference.trace.fraction)
        delta_s = (one.trace.clock.time_at(places) - reference.trace.clock.time_at(places)) / 1e3
        series.append(Series(name, places * lengths.length, delta_s, tone))
    panel = Panel(
        lengths.axis,
        Axis(f"delta to lap {reference.lap.number}", "s", "+ slower"),
        tuple(series),
        bands=corner_bands(track, lengths.length),
        has_zero=True,
    )
    return Figure("delta", "Delta", (panel,))


def speed_figure(laps: Sequence[DrivenLap], track: Track | None) -> Figure:
    """The speed of the laps."""
    return Figure("speed", "Speed", (_panel(laps, track, Axis("speed", "km/h"), lambda trace: trace["speed_kmh"]),))


def pedals_figure(laps: Sequence[DrivenLap], track: Track | None) -> Figure:
    """Throttle and brake."""
    panels = (
        _panel(laps, track, Axis(label, "%", low=0.0, high=100.0), _percent(name))
        for label, name in (("throttle", "gas"), ("brake", "brake"))
    )
    return Figure("pedals", "Pedals", tuple(panels))


def gear_figure(laps: Sequence[DrivenLap], track: Track | None) -> Figure:
    """The gear, numbered as on the dashboard: R, N, 1, 2..."""
    panel = _panel(laps, track, Axis("gear"), lambda trace: trace["gear"], "step")
    known = np.concatenate([one.y[np.isfinite(one.y)] for one in panel.series])
    lowest, highest = (int(known.min()), int(known.max())) if len(known) else (1, 2)
    names = {0: "R", 1: "N"}
    ticks = tuple((float(gear), names.get(gear, str(gear - 1))) for gear in range(lowest, highest + 1))
    axis = Axis("gear", low=lowest - 0.4, high=highest + 0.4, ticks=ticks)
    return Figure("gear", "Gear", (Panel(panel.x, axis, panel.series, bands=panel.bands),))


def steer_figure(laps: Sequence[DrivenLap], track: Track | None) -> Figure:
    """The steering, in percent of the car's full lock, which is all that the game tells."""
    axis = Axis("steering", "% of lock", "+ right")
    panel = _panel(laps, track, axis, _percent("steer_angle"), has_zero=True)
    return Figure("steer", "Steering", (panel,))


def slip_figure(laps: Sequence[DrivenLap], track: Track | None) -> Figure:
    """Slip angles and slip ratios by axle: the mean of both angles, and the ratio of the wheel that slips more."""
    panels = [
        _panel(laps, track, Axis(f"slip angle {name}", "°", "+ left turn"), _axle_angle(wheels), has_zero=True)
        for name, wheels in _AXLES
    ]
    panels += [
        _panel(laps, track, Axis(f"slip ratio {name}", "%", "+ spins"), _axle_ratio(wheels), has_zero=True)
        for name, wheels in _AXLES
    ]
    return Figure("slip", "Slip", tuple(panels))


def _panel(
    laps: Sequence[DrivenLap],
    track: Track | None,
    axis: Axis,
    channel: Callable[[Trace], Floats],
    kind: Kind = "line",
    *,
    has_zero: bool = False,
) -> Panel:
    lengths = lengths_of(laps)
    series = tuple(_series(laps, lengths.length, channel, kind))
    return Panel(lengths.axis, axis, series, bands=corner_bands(track, lengths.length), has_zero=has_zero)


def _series(
    laps: Sequence[DrivenLap], length: float, channel: Callable[[Trace], Floats], kind: Kind
) -> Iterator[Series]:
    for one, name, tone in zip(laps, lap_names(laps), lap_tones(laps), strict=True):
        x, values = break_at_gaps(one.trace, one.trace.fraction * length, channel(one.trace))
        yield Series(name, x, values, tone, kind)


def break_at_gaps(trace: Trace, *columns: Floats) -> list[Floats]:
    """The columns of a trace, of shape (n,), with a value in each gap: NaN, but for the first one, which is repeated.

    So a line through them is broken where the lap is not covered.
    """
    gaps = np.flatnonzero(trace.is_gap)
    first, *rest = (np.asarray(column, dtype=np.float64) for column in columns)
    return [np.insert(first, gaps + 1, first[gaps]), *(np.insert(column, gaps + 1, np.nan) for column in rest)]


def _percent(name: str) -> Callable[[Trace], Floats]:
    return lambda trace: np.asarray(trace[name] * 100.0, dtype=np.float64)


def _axle_angle(wheels: slice) -> Callable[[Trace], Floats]:
    def channel(trace: Trace) -> Floats:
        angles: Floats = slip_angle.slip_angles(trace.__getitem__)[:, wheels].mean(axis=1)
        return angles

    return channel


def _axle_ratio(wheels: slice) -> Callable[[Trace], Floats]:
    def channel(trace: Trace) -> Floats:
        left, right = trace["slip_ratio"][:, wheels].T * 100.0
        greater: Floats = np.where(np.abs(left) >= np.abs(right), left, right)
        return greater

    return channel
