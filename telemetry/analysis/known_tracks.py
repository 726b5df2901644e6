"""The track of a lap: the user's file of it, the game's own files, or the course of the lap itself."""

from dataclasses import dataclass
from pathlib import Path

from telemetry.analysis.traces import Trace
from telemetry.base.errors import SinkError
from telemetry.base.text import format_measured_lap_time
from telemetry.laps.model import Lap
from telemetry.tracks.course import CoursePoints, make_course
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


def track_of(trace: Trace) -> Track:
    """The track along the course of this lap; raises :class:`telemetry.UsageError` where it has no positions."""
    lap = trace.lap
    on_lap = (trace.fraction >= 0.0) & (trace.fraction < 1.0)
    points = CoursePoints(trace["world_position_x"][on_lap], trace["world_position_z"][on_lap], trace.position[on_lap])
    time = format_measured_lap_time(lap.time_ms, lap.measured_ms)
    return make_track(
        make_course(points),
        track=lap.track,
        layout=lap.layout,
        length_m=trace.length_m if trace.length_m > 0.0 else None,
        line_position=trace.line_position,
        origin=f"lap {lap.number}, {time}, {lap.car}" if time else f"lap {lap.number}, {lap.car}",
    )
