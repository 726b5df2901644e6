"""The track of a lap: the user's file of it, the game's own files, or the course of the lap itself."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from telemetry.analysis.corner_measures import MAX_SPACING_M
from telemetry.analysis.traces import Trace
from telemetry.base.errors import SinkError, UsageError
from telemetry.base.text import format_measured_lap_time
from telemetry.laps.model import Lap
from telemetry.sources.known_tracks import find_track_map
from telemetry.tracks.course import Course, CoursePoints, make_course
from telemetry.tracks.definition import Track, make_track
from telemetry.tracks.game_track import read_game_track
from telemetry.tracks.track_file import read_track, track_path, tracks_folder, write_track


@dataclass(frozen=True, slots=True)
class FoundTrack:
    """A track, and where it is kept."""

    track: Track
    path: Path | None
    """Its file; None where it could not be kept."""
    is_new: bool
    """Whether it was found just now."""
    problem: str = ""
    """Why it could not be kept, as a sentence; empty if it is."""


def load_track(lap: Lap, *, folder: Path | None = None) -> FoundTrack | None:
    """The track of a lap as the user's folder (or another one) has it; None where it has no such file.

    Raises :class:`telemetry.UsageError` for a file that is no track's.
    """
    try:
        path = track_path(folder or tracks_folder(), lap.track, lap.layout)
    except SinkError:
        return None
    return FoundTrack(read_track(path), path, is_new=False) if path.is_file() else None


def find_track(trace: Trace, *, ac_root: Path | None = None, folder: Path | None = None) -> FoundTrack:
    """The track of the best lap that there is, which is kept in the user's folder (or another one) for all later laps.

    It is made of the game's own files below ``ac_root``, where these have the track, or else of the course of the lap.
    Raises :class:`telemetry.UsageError` for a lap without positions in the world, and :class:`telemetry.SourceError`
    for a file of the game that cannot be read.
    """
    lap = trace.lap
    track = None if ac_root is None else read_game_track(ac_root, lap.track, lap.layout, trace.line_position)
    if track is None:
        track = track_of(trace)
    try:
        path = track_path(folder or tracks_folder(), lap.track, lap.layout)
        write_track(track, path, overwrite=True)
    except SinkError as error:
        return FoundTrack(track, None, is_new=True, problem=str(error))
    return FoundTrack(track, path, is_new=True)


def look_up_track(track: str, layout: str, *, ac_root: Path | None = None, folder: Path | None = None) -> Track | None:
    """The track of this name without a lap of it, to be drawn; None for one that is not known.

    It is the user's file of it, or else the game's own files below ``ac_root``, or else the demo's; the borders are
    those of :func:`with_borders`. Raises what :func:`load_track` and :func:`find_track` do.
    """
    try:
        path = track_path(folder or tracks_folder(), track, layout)
    except SinkError:
        path = None
    if path is not None and path.is_file():
        return with_borders(read_track(path), ac_root)
    if ac_root is not None and (of_game := read_game_track(ac_root, track, layout, 0.0)) is not None:
        return of_game
    course = _known_course(track, layout)
    line_position = 0.0 if course is None else float(course.position[0])
    if course is None:
        return None
    return make_track(
        course, track=track, layout=layout, length_m=None, line_position=line_position, origin="the demo's own track"
    )


def with_borders(track: Track, ac_root: Path | None = None) -> Track:
    """The same track, its course with the borders of the road where they are known and the track has none.

    They are those of the game's own line below ``ac_root``, which then is the course, or of the demo's track. Corners
    stay as they are. Raises :class:`telemetry.SourceError` for a file of the game that cannot be read.
    """
    if track.course.widths is not None:
        return track
    of_game = None if ac_root is None else read_game_track(ac_root, track.track, track.layout, track.line_position)
    course = _known_course(track.track, track.layout) if of_game is None else of_game.course
    return track if course is None else replace(track, course=course)


def _known_course(track: str, layout: str) -> Course | None:
    """The centre line and the borders of a track that is known without a file."""
    known = find_track_map(track, layout)
    if known is None or known.half_width_m is None:
        return None
    count = len(known.x)
    position = (known.first_position + np.arange(count) / count) % 1.0
    widths = np.full((count, 2), known.half_width_m)
    return make_course(CoursePoints(np.array(known.x), np.array(known.z), position, widths))


def track_of(trace: Trace) -> Track:
    """The track along the course of this lap.

    Raises :class:`telemetry.UsageError` where the lap has no positions, or fewer than its bends can be told by.
    """
    lap = trace.lap
    on_lap = (trace.fraction >= 0.0) & (trace.fraction < 1.0)
    points = CoursePoints(trace["world_position_x"][on_lap], trace["world_position_z"][on_lap], trace.position[on_lap])
    spacing_m = np.hypot(np.diff(points.x), np.diff(points.z))
    known_m = spacing_m[np.isfinite(spacing_m)]
    if len(known_m) and np.median(known_m) > MAX_SPACING_M:
        raise UsageError(
            f"The samples of lap {lap.number} are {np.median(known_m):.0f} m apart: too far to show the course of its "
            "track and the corners."
        )
    time = format_measured_lap_time(lap.time_ms, lap.measured_ms)
    return make_track(
        make_course(points),
        track=lap.track,
        layout=lap.layout,
        length_m=trace.length_m if trace.length_m > 0.0 else None,
        line_position=trace.line_position,
        origin=f"lap {lap.number}, {time}, {lap.car}" if time else f"lap {lap.number}, {lap.car}",
    )
