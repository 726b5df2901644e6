"""A track: its course, its borders, and where a car is on it.

``course.py`` and ``corners.py`` have the course of a track and its corners, which ``definition.py`` puts together as a
:class:`Track`, ``track_file.py`` keeps in a file of the user's, and ``game_track.py`` makes of the game's own files.
``track.py`` has the map that observations and rewards use, in the game's plane and without numpy; ``geometry.py`` has
borders, rays and grids in the plane of assetto_corsa_gym; ``track_folder.py`` makes both of
track files; ``fast_lane.py`` reads the game's own line of a track. Which tracks are known without a file:
:mod:`telemetry.sources.known_tracks`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.tracks.corners import Corner, find_corners
    from telemetry.tracks.course import Course
    from telemetry.tracks.definition import Track
    from telemetry.tracks.fast_lane import read_fast_lane
    from telemetry.tracks.geometry import Geometry
    from telemetry.tracks.track import Place, TrackMap
    from telemetry.tracks.track_folder import TrackFolder
else:
    from telemetry.base.lazy import lazy_attributes

    __getattr__, __dir__ = lazy_attributes(
        __name__,
        {
            "Corner": "telemetry.tracks.corners",
            "Course": "telemetry.tracks.course",
            "Geometry": "telemetry.tracks.geometry",
            "Place": "telemetry.tracks.track",
            "Track": "telemetry.tracks.definition",
            "TrackFolder": "telemetry.tracks.track_folder",
            "TrackMap": "telemetry.tracks.track",
            "find_corners": "telemetry.tracks.corners",
            "read_fast_lane": "telemetry.tracks.fast_lane",
        },
    )

__all__ = [
    "Corner",
    "Course",
    "Geometry",
    "Place",
    "Track",
    "TrackFolder",
    "TrackMap",
    "find_corners",
    "read_fast_lane",
]
