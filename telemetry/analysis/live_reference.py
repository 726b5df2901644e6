"""A recorded lap as the reference of a running one: what :mod:`telemetry.laps.reference_delta` compares with."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from telemetry.analysis.lap_clock import lap_time_ms
from telemetry.analysis.lap_segments import segments
from telemetry.analysis.recorded_laps import LapRecording, trace
from telemetry.analysis.traces import Trace
from telemetry.base.errors import UsageError
from telemetry.laps.lap_reference import LapReference, PathPoint, ReferenceSegment
from telemetry.laps.model import Lap
from telemetry.tracks.definition import Track

MAX_PATH_POINTS: Final = 2000
"""Points of the path of a reference: one every 2.5 m on a track of 5 km."""


def make_reference(recording: LapRecording, lap: Lap, track: Track | None = None) -> LapReference:
    """The lap as a reference, on the line of its track, in whose segments the gains are counted.

    Raises :class:`telemetry.UsageError` where it was not completed, or cannot be put on the track.
    """
    name = f"lap {lap.number} of {recording.path.name}"
    time_ms = lap_time_ms(lap)
    if time_ms is None:
        raise UsageError(f"{recording.path}: lap {lap.number} was not driven to its end, so it can be no reference.")
    driven = trace(recording, lap, line_position=None if track is None else track.line_position)
    return reference_of(driven, name, track)


def reference_of(driven: Trace, name: str, track: Track | None = None) -> LapReference:
    """The reference of a trace whose lap has a time."""
    clock = driven.clock
    return LapReference(
        name=name,
        car_and_track=driven.lap.car_and_track,
        time_ms=round(float(clock.time_ms[-1])),
        line_position=driven.line_position,
        fraction=tuple(clock.fraction.tolist()),
        times_ms=tuple(clock.time_ms.tolist()),
        is_gap=tuple(clock.is_gap.tolist()),
        segments=tuple(
            ReferenceSegment(part.label, None if part.corner is None else part.corner.number, part.begin, part.end)
            for part in segments(track, clock.end)
        ),
        path=tuple(_path(driven)),
    )


def _path(driven: Trace) -> Iterable[PathPoint]:
    x, z = driven["world_position_x"], driven["world_position_z"]
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(z) & (driven.fraction >= 0.0) & (driven.fraction <= 1.0))
    if not (x[known].any() or z[known].any()):
        return []
    known = known[:: max(len(known) // MAX_PATH_POINTS, 1)]
    return map(PathPoint, driven.position[known].tolist(), x[known].tolist(), z[known].tolist())
