"""What is known beforehand of a drive with this car on this track: the track, the game's picture, a reference lap."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from telemetry.laps.car_and_track import CarAndTrack
from telemetry.laps.lap_reference import LapReference
from telemetry.tracks.definition import Track
from telemetry.tracks.map_picture import MapPicture

MAX_POINTS: Final = 1000
"""Points of a line that is sent: enough for a map that fills a monitor."""


@dataclass(frozen=True, slots=True)
class DriveContext:
    """Each is None where it is not known."""

    track: Track | None = None
    picture: MapPicture | None = None
    reference: LapReference | None = None

    def messages(self) -> list[dict[str, Any]]:
        """The messages for clients that asked for the track."""
        found = []
        if self.track is not None:
            found.append(_track_message(self.track, self.picture))
        if self.reference is not None:
            found.append(_reference_message(self.reference))
        return found


FindContext = Callable[[CarAndTrack], DriveContext]
"""Finds what is known of a drive; it may read files, and does not raise."""


def _track_message(track: Track, picture: MapPicture | None) -> dict[str, Any]:
    course = track.course
    every = max(-(-len(course.x) // MAX_POINTS), 1)
    borders = course.borders
    return {
        "type": "track",
        "track": track.track,
        "layout": track.layout,
        "length_m": track.length_m,
        "line_position": track.line_position,
        "closed": course.is_closed,
        "position": _rounded((course.position[::every] % 1.0).tolist(), 5),
        **_line(course.x[::every].tolist(), course.z[::every].tolist()),
        "left": None if borders is None else _line(*borders.left[::every].T.tolist()),
        "right": None if borders is None else _line(*borders.right[::every].T.tolist()),
        "corners": [{"label": corner.label, **asdict(corner)} for corner in track.corners],
        "picture": None if picture is None else _picture(picture),
    }


def _picture(picture: MapPicture) -> dict[str, Any]:
    return {
        "path": f"map.png?{hashlib.sha256(picture.png).hexdigest()[:12]}",
        "width_px": picture.width_px,
        "height_px": picture.height_px,
        "x_offset_m": picture.x_offset_m,
        "z_offset_m": picture.z_offset_m,
        "metres_per_pixel": picture.metres_per_pixel,
    }


def _reference_message(reference: LapReference) -> dict[str, Any]:
    every = max(-(-len(reference.path) // MAX_POINTS), 1)
    path = reference.path[::every]
    return {
        "type": "reference",
        **reference.to_dict(),
        "position": _rounded([point.position for point in path], 5),
        **_line([point.x for point in path], [point.z for point in path]),
    }


def _line(x: Sequence[float], z: Sequence[float]) -> dict[str, list[float]]:
    return {"x": _rounded(x, 1), "z": _rounded(z, 1)}


def _rounded(values: Sequence[float], digits: int) -> list[float]:
    return [round(value, digits) for value in values]
