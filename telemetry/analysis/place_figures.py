"""Figures in which a lap is no line over its length: the map of the track, and the g-g diagram."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np

from telemetry.analysis.comparison import DrivenLap
from telemetry.analysis.figures import Axis, ColourScale, Figure, Mark, Panel, Series
from telemetry.analysis.grip import BAND_KMH, DIRECTIONS, ENVELOPE_FIELDS, Envelope, envelope
from telemetry.analysis.lap_clock import Floats
from telemetry.analysis.lap_figures import break_at_gaps, lap_names
from telemetry.analysis.traces import Trace
from telemetry.base.errors import UsageError
from telemetry.tracks.definition import Track

MapColour = Literal["speed", "gain", "pedals"]

GG_FIELDS: Final = ENVELOPE_FIELDS
"""The channels that :func:`gg_figure` needs."""

GAIN_WINDOW_M: Final = 50.0
"""Metres over which the gain at a place is averaged: over fewer it is the game's frames that one sees."""

_MIN_GAIN: Final = 0.02
"""Seconds per 100 m at which the colours of gain are strongest, where no more is gained or lost."""

_AHEAD_POINTS: Final = 3
"""Points of a course before and behind a place that tell the direction of the road there."""

_SHOWN_PERCENT: Final = 99.9
"""Accelerations that a g-g diagram has room for."""

_MIN_DIRECTIONS: Final = DIRECTIONS * 3 // 4
"""Known directions from which on an envelope is drawn."""


def map_figure(laps: Sequence[DrivenLap], track: Track | None, colour: MapColour = "speed") -> Figure:
    """The first lap on the track seen from above, coloured by its speed, its gain on the last lap, or its pedals.

    North is where the game's own maps have it. Raises :class:`telemetry.UsageError` for a lap without positions in the
    world, and for the gain of one lap alone.
    """
    lap = laps[0]
    x, y = lap.trace["world_position_x"], -lap.trace["world_position_z"]
    if not (np.isfinite(x) & np.isfinite(y)).any() or not (np.ptp(x) > 0.0 or np.ptp(y) > 0.0):
        raise UsageError(f"{lap.name} holds no positions in the world, so its map cannot be drawn.")
    values, scale = _map_colours(laps, colour)
    x, y, values = break_at_gaps(lap.trace, x, y, values)
    series = [Series(lap_names(laps)[0], x, y, "lap", colours=values)]
    marks: tuple[Mark, ...] = ()
    if track is not None:
        course_x, course_y = track.course.x, -track.course.z
        if track.course.is_closed:
            course_x, course_y = np.append(course_x, course_x[0]), np.append(course_y, course_y[0])
        series.insert(0, Series("", course_x, course_y))
        marks = tuple(_marks(track))
    axes = (Axis("x", "m"), Axis("-z", "m"))
    title = f"{lap_names(laps)[0]}: {scale.title}"
    return Figure("map", "Map", (Panel(*axes, tuple(series), title, marks=marks, scale=scale, is_equal=True),))


def _map_colours(laps: Sequence[DrivenLap], colour: MapColour) -> tuple[Floats, ColourScale]:
    trace = laps[0].trace
    if colour == "pedals":
        scale = ColourScale("pedals", "", -1.0, 1.0, is_diverging=True, low_text="brake", high_text="throttle")
        return trace["gas"] - trace["brake"], scale
    if colour == "gain":
        if len(laps) < 2:
            raise UsageError("A gain needs a second lap to compare with.")
        values = gain_per_100m(trace, laps[-1].trace)
        known = np.abs(values[np.isfinite(values)])
        limit = max(float(np.percentile(known, 98.0)) if len(known) else 0.0, _MIN_GAIN)
        reference = f"lost on lap {laps[-1].lap.number}"
        scale = ColourScale(
            reference, "s per 100 m", -limit, limit, is_diverging=True, low_text="faster", high_text="slower"
        )
        return values, scale
    speed = trace["speed_kmh"]
    known = speed[np.isfinite(speed)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    return speed, ColourScale("speed", "km/h", low, high)


def gain_per_100m(trace: Trace, reference: Trace) -> Floats:
    """Seconds per 100 m that a lap loses on the reference around each of its places, + = loses, shape (n,).

    The mean over :data:`GAIN_WINDOW_M`; NaN where one of the laps does not cover it. Where the length of the track is
    unknown, a lap is taken for 5 km.
    """
    length_m = trace.length_m if trace.length_m > 0.0 else 5000.0
    half = GAIN_WINDOW_M / 2.0 / length_m
    end = min(trace.clock.end, reference.clock.end)
    before = np.clip(trace.fraction - half, 0.0, end)
    behind = np.clip(trace.fraction + half, 0.0, end)
    deltas = [(trace.clock.time_at(at) - reference.clock.time_at(at)) / 1e3 for at in (before, behind)]
    metres = (behind - before) * length_m
    with np.errstate(divide="ignore", invalid="ignore"):
        gain: Floats = np.where(metres > 0.0, (deltas[1] - deltas[0]) / metres * 100.0, np.nan)
    return gain


def _marks(track: Track) -> Iterator[Mark]:
    """The corners on the outside of their bends, and the timing line."""
    for corner in track.corners:
        place = _place_on(track, corner.apex)
        yield place.mark(f"T{corner.number}", to_left=corner.direction == "right")
    yield _place_on(track, track.line_position).mark("line", to_left=True)


class _Place(NamedTuple):
    """A place of the course on the map, and the direction in which it is driven, of length 1."""

    x: float
    y: float
    ahead_x: float
    ahead_y: float

    def mark(self, text: str, *, to_left: bool) -> Mark:
        """A text beside the course."""
        side = 1.0 if to_left else -1.0
        return Mark(self.x, self.y, text, -self.ahead_y * side, self.ahead_x * side)


def _place_on(track: Track, position: float) -> _Place:
    course = track.course
    here = round(float(course.metres_at(np.array([position]))[0]) / course.step_m)
    last = len(course.x) - 1
    before, at, behind = (
        number % (last + 1) if course.is_closed else min(max(number, 0), last)
        for number in (here - _AHEAD_POINTS, here, here + _AHEAD_POINTS)
    )
    ahead_x, ahead_y = course.x[behind] - course.x[before], course.z[before] - course.z[behind]
    size = float(np.hypot(ahead_x, ahead_y)) or 1.0
    return _Place(float(course.x[at]), -float(course.z[at]), float(ahead_x) / size, float(ahead_y) / size)


def gg_figure(laps: Sequence[DrivenLap], limits: Envelope | None = None) -> Figure:
    """Lateral against longitudinal acceleration of each lap, with an envelope: without one, that of these laps.

    Raises :class:`telemetry.UsageError` where the laps hold no accelerations at speed.
    """
    lines = tuple(_envelope_lines(envelope([one.trace for one in laps]) if limits is None else limits))
    speed = np.concatenate([one.trace["speed_kmh"] for one in laps])
    scale = ColourScale("speed", "km/h", float(np.nanmin(speed)), float(np.nanmax(speed)))
    combined = np.concatenate([np.hypot(one.trace["acc_g_x"], one.trace["acc_g_z"]) for one in laps])
    reach = max(1.0, float(np.nanpercentile(combined, _SHOWN_PERCENT)) * 1.1)  # a kerb or a wall would be all of it
    axes = (
        Axis("lateral acceleration", "g", "+ right", low=-reach, high=reach),
        Axis("longitudinal acceleration", "g", "+ forwards", low=-reach, high=reach),
    )
    panels = []
    for one, name in zip(laps, lap_names(laps), strict=True):
        trace = one.trace
        points = Series("", -trace["acc_g_x"], trace["acc_g_z"], kind="points", colours=trace["speed_kmh"])
        panels.append(Panel(*axes, (points, *lines), name, scale=scale, is_equal=True))
    return Figure("gg", "Accelerations", tuple(panels), columns=len(panels))


def _envelope_lines(limits: Envelope) -> Iterator[Series]:
    """The envelope of the slowest, the middle and the fastest band of speed that are known all around."""
    angles = np.arange(DIRECTIONS + 1) * 2.0 * np.pi / DIRECTIONS
    is_known = np.isfinite(limits.limit_g).sum(axis=1) >= _MIN_DIRECTIONS
    bands = np.flatnonzero(is_known)
    for band in dict.fromkeys(bands[[0, len(bands) // 2, -1]].tolist()) if len(bands) else ():
        limit = np.append(limits.limit_g[band], limits.limit_g[band, 0])
        kmh = float(limits.speeds_kmh[band])
        name = f"envelope at {kmh - BAND_KMH / 2.0:.0f} to {kmh + BAND_KMH / 2.0:.0f} km/h"
        colours = np.full(len(limit), kmh)
        yield Series(name, -limit * np.cos(angles), limit * np.sin(angles), colours=colours)
