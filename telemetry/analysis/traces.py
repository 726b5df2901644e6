"""Traces: the channels of a lap over its length, and the difference between two laps at the same place.

The axis is the position since the lap's own line, which is the same place of the track for every lap. Driven distance
is no such axis: it differs by the line that was driven.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemetry.analysis.lap_clock import (
    CLOCK_FIELDS,
    Array,
    Floats,
    Frames,
    LapClock,
    NoPositionError,
    find_frames,
    find_line,
    gap_limit_ms,
    interpolate,
    make_lap_clock,
    step_times_ms,
)
from telemetry.base.errors import UsageError
from telemetry.fields.derived import Sample
from telemetry.laps.model import Lap

TRACE_FIELDS: Final = (*CLOCK_FIELDS, "world_position_x", "world_position_z")
"""The raw fields that :func:`make_trace` needs, besides the channels that are asked for."""

MIN_CHANNEL_GAP_MS: Final = 100.0
"""Lap time between two samples from which on channels in between are not covered; three intervals where it is more."""

MAX_LINE_GAP_MS: Final = 50.0
"""Lap time between the line and the nearest sample within which that sample stands for the line itself."""

GRID_M: Final = 5.0
"""Metres between the places of a grid, where nothing else is asked for."""

_FIELDS: Final = {field.name: field for field in Sample.FIELDS}


@dataclass(frozen=True, eq=False)
class Trace:
    """A lap as columns over its length: ``trace["speed_kmh"]`` has the shape (n,), ``trace["slip_ratio"]`` (n, 4).

    Each place is farther along the lap than the one before. What the car did while it stood or went backwards is not
    on this axis; the time that it took is. What the lap does not cover is NaN.
    """

    lap: Lap
    length_m: float
    """Length of the track by the game; NaN where it gives none."""
    line_position: float
    """``normalized_position`` of the timing line, 0..1."""
    fraction: Floats
    """Fraction of the lap since its line, strictly rising, shape (n,)."""
    time_ms: Floats
    """Official lap time at each place in ms, not falling, shape (n,)."""
    is_gap: NDArray[np.bool_]
    """Whether the channels are unknown between each place and the next, shape (n - 1,)."""
    channels: Mapping[str, Array]
    clock: LapClock
    rate_hz: float
    """How many samples a second it is made of."""

    def __getitem__(self, name: str) -> Array:
        """The channel of this name; KeyError for one that was not asked for."""
        return self.channels[name]

    def __len__(self) -> int:
        return len(self.fraction)

    @cached_property
    def metres(self) -> Floats:
        """Metres since the line along the spline, shape (n,); NaN where the length of the track is unknown."""
        return self.fraction * self.length_m

    @cached_property
    def position(self) -> Floats:
        """``normalized_position`` of each place, 0..1, shape (n,)."""
        return (self.fraction + self.line_position) % 1.0

    @cached_property
    def duration_ms(self) -> Floats:
        """Lap time from each place to the next, standing included; 0 at the last one and over gaps. Shape (n,)."""
        return np.append(np.where(self.is_gap, 0.0, np.nan_to_num(np.diff(self.time_ms))), 0.0)

    def at(self, name: str, fraction: Floats) -> Array:
        """A channel at other places (k,); NaN where it is not covered.

        Numbers are interpolated in a straight line; what is held, like a gear, is as at the place before.
        """
        is_held = _FIELDS[name].interpolation in _HELD
        values = self.channels[name]
        if _FIELDS[name].interpolation == "angle_rad":
            values = np.unwrap(values, axis=0)
            return (interpolate(fraction, self.fraction, values, self.is_gap) + np.pi) % (2.0 * np.pi) - np.pi
        return interpolate(fraction, self.fraction, values, self.is_gap, is_held=is_held)


_HELD: Final = ("held", "time", "lap_fraction", "angle_deg")


def make_trace(
    columns: Mapping[str, Array], lap: Lap, channels: Sequence[str] = (), line_position: float | None = None
) -> Trace:
    """The trace of a lap out of its samples: those of :data:`TRACE_FIELDS` and of the channels, shape (n, ...) each.

    The samples are those in which game time advances, in order. ``line_position`` is the place of the timing line on
    the spline; laps that are compared have to have the same one, and without it the lap's own ends tell it. Raises
    :class:`telemetry.UsageError` where the samples have no position over time.
    """
    try:
        return _make_trace(columns, lap, channels, line_position)
    except NoPositionError as error:
        raise UsageError(f"Lap {lap.number} cannot be put on the track: {error}.") from error


def _make_trace(columns: Mapping[str, Array], lap: Lap, channels: Sequence[str], line_position: float | None) -> Trace:
    frames = find_frames(columns, lap, line_position or 0.0)
    if line_position is None:
        line_position = find_line(frames, lap, 0.0) or 0.0
        frames = find_frames(columns, lap, line_position)
    length_m = float(columns["track_spline_length"][-1])
    is_known = 0.0 < length_m < np.inf
    clock = make_lap_clock(frames, lap, length_m if is_known else None)
    times_ms = step_times_ms(columns, frames)
    frame_places = np.interp(times_ms, *_rising(frames, clock))
    rows, is_gap = _advancing_rows(times_ms, frame_places, clock)
    place, time_ms = frame_places[rows], times_ms[rows]
    values = {name: _channel(columns, name, frames, times_ms)[rows] for name in (*channels, *TRACE_FIELDS[-2:])}
    intervals = np.diff(times_ms)
    trace = Trace(
        lap=lap,
        length_m=length_m if is_known else np.nan,
        line_position=line_position,
        fraction=place,
        time_ms=time_ms,
        is_gap=is_gap,
        channels=values,
        clock=clock,
        rate_hz=float(1e3 / np.median(intervals[intervals > 0.0])) if (intervals > 0.0).any() else 0.0,
    )
    return _with_ends(trace)


def _rising(frames: Frames, clock: LapClock) -> tuple[Floats, Floats]:
    """Lap times and places of all frames, with the anchored ends of the clock, for interpolation over time."""
    inside = (frames.time_ms > clock.time_ms[0]) & (frames.time_ms < clock.time_ms[-1])
    times = np.concatenate([clock.time_ms[:1], frames.time_ms[inside], clock.time_ms[-1:]])
    places = np.concatenate([clock.fraction[:1], frames.position[inside], clock.fraction[-1:]])
    return times, places


def _advancing_rows(times_ms: Floats, places: Floats, clock: LapClock) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The samples that are farther along the lap than all before, and where there is a gap behind one of them."""
    inside = np.flatnonzero((times_ms >= clock.time_ms[0]) & (times_ms <= clock.time_ms[-1]))
    if not len(inside):
        raise NoPositionError("its samples are not of its own time")
    along = places[inside]
    highest = np.maximum.accumulate(along)
    advances = np.concatenate([[True], along[1:] > highest[:-1]])
    rows = inside[advances]
    limit_ms = gap_limit_ms(times_ms[inside], MIN_CHANNEL_GAP_MS)
    gaps = np.concatenate([[0], np.cumsum(np.diff(times_ms[inside]) > limit_ms)])
    return rows, np.diff(gaps[advances]) > 0


def _channel(columns: Mapping[str, Array], name: str, frames: Frames, times_ms: Floats) -> Array:
    """A channel at each sample; one of the graphics page, which is as old as its frame, at the time of the sample."""
    field = _FIELDS[name]
    column: Array = columns[name].astype(np.float64)
    if field.group != "graphics" or field.interpolation != "linear" or column.ndim != 1:
        return column
    at_time: Array = np.interp(times_ms, frames.time_ms, column[frames.rows].astype(np.float64))
    return at_time


def _with_ends(trace: Trace) -> Trace:
    """The trace with a place at either end of its clock, where a sample lies near enough to stand for it."""
    clock, parts = trace.clock, [slice(0, 0), slice(None), slice(0, 0)]
    begin = trace.fraction[0] > clock.begin and trace.time_ms[0] - clock.time_ms[0] <= MAX_LINE_GAP_MS
    end = trace.fraction[-1] < clock.end and clock.time_ms[-1] - trace.time_ms[-1] <= MAX_LINE_GAP_MS
    parts[0], parts[2] = slice(0, int(begin)), slice(len(trace) - int(end), len(trace))

    def extend(column: Array, first: float | None = None, last: float | None = None) -> Array:
        pieces = [np.array(column[part], dtype=column.dtype) for part in parts]
        if first is not None:
            pieces[0][:] = first
        if last is not None:
            pieces[2][:] = last
        return np.concatenate(pieces)

    no_gaps = np.zeros(1, dtype=bool)
    return Trace(
        lap=trace.lap,
        length_m=trace.length_m,
        line_position=trace.line_position,
        fraction=extend(trace.fraction, clock.begin, clock.end),
        time_ms=extend(trace.time_ms, float(clock.time_ms[0]), float(clock.time_ms[-1])),
        is_gap=np.concatenate([no_gaps[: int(begin)], trace.is_gap, no_gaps[: int(end)]]),
        channels={name: extend(column) for name, column in trace.channels.items()},
        clock=clock,
        rate_hz=trace.rate_hz,
    )


def make_grid(traces: Iterable[Trace], metres: float = GRID_M) -> Floats:
    """Evenly spaced places from the line to where the shortest of these laps ends, both included; shape (k,).

    They are as far apart as this or a little less, so that the last one is the end. Raises
    :class:`telemetry.UsageError` where the length of the track is unknown.
    """
    traces = list(traces)
    length_m = next((trace.length_m for trace in traces if trace.length_m > 0.0), np.nan)
    if not metres > 0.0:
        raise UsageError(f"The places of a grid must be more than 0 m apart, got {metres:g} m.")
    if not np.isfinite(length_m):
        raise UsageError("The game gives no length of this track, so a grid in metres cannot be made.")
    end = min((trace.clock.end for trace in traces), default=1.0)
    return np.linspace(0.0, end, int(np.ceil(end * length_m / metres)) + 1)


def align(traces: Iterable[Trace], grid: Floats) -> list[Trace]:
    """The traces at the same places: fractions of the lap since the line, rising, shape (k,).

    A trace is NaN where its lap does not cover a place; nothing is repeated beyond its ends.
    """
    return [_at(trace, grid) for trace in traces]


def _at(trace: Trace, grid: Floats) -> Trace:
    return Trace(
        lap=trace.lap,
        length_m=trace.length_m,
        line_position=trace.line_position,
        fraction=grid,
        time_ms=trace.clock.time_at(grid),
        is_gap=np.zeros(max(len(grid) - 1, 0), dtype=bool),
        channels={name: trace.at(name, grid) for name in trace.channels},
        clock=trace.clock,
        rate_hz=trace.rate_hz,
    )


def delta(a: Trace, b: Trace) -> Floats:
    """Seconds by which ``a`` is later than ``b`` at each place of two aligned traces, shape (k,): + = slower.

    At the line it is the difference of the official times. NaN where either lap does not cover the place. Raises
    :class:`telemetry.UsageError` for traces that are not aligned.
    """
    if a.fraction.shape != b.fraction.shape or not np.array_equal(a.fraction, b.fraction):
        raise UsageError("These traces are not at the same places: align them first.")
    return (a.time_ms - b.time_ms) / 1e3
