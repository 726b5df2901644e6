"""A track: its course, its borders, and where a car is on it.

``track.py`` has the map that observations and rewards use, in the game's plane and without numpy; ``geometry.py`` has
borders, rays and grids in the plane of assetto_corsa_gym; ``fast_lane.py`` reads the game's own line of a track. Which
tracks are known without a file: :mod:`telemetry.sources.known_tracks`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.tracks.fast_lane import read_fast_lane
    from telemetry.tracks.geometry import Geometry
    from telemetry.tracks.track import Place, TrackMap
else:
    from telemetry.base.lazy import lazy_attributes

    __getattr__, __dir__ = lazy_attributes(
        __name__,
        {
            "Geometry": "telemetry.tracks.geometry",
            "Place": "telemetry.tracks.track",
            "TrackMap": "telemetry.tracks.track",
            "read_fast_lane": "telemetry.tracks.fast_lane",
        },
    )

__all__ = ["Geometry", "Place", "TrackMap", "read_fast_lane"]
