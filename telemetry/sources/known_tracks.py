"""The tracks whose course is known without any file: today the demo's."""

from functools import cache
from typing import TYPE_CHECKING

from telemetry.demo.circuit import demo_track, racing_line
from telemetry.demo.pages import TRACK as DEMO_TRACK
from telemetry.demo.track import HALF_WIDTH
from telemetry.fields.derived import Sample
from telemetry.tracks.track import TrackMap

if TYPE_CHECKING:
    from telemetry.tracks.geometry import Geometry

__all__ = ["DEMO_TRACK", "demo_geometry", "known_track"]


def known_track(sample: Sample) -> TrackMap | None:
    """The map of the track that this sample was driven on; None for a track that is not known."""
    return _demo_map() if sample.track == DEMO_TRACK else None


@cache
def _demo_map() -> TrackMap:
    track, line = demo_track(), racing_line()
    return TrackMap(
        track.length,
        track.x,
        track.z,
        track.tangent_x,
        track.tangent_z,
        track.curvature,
        tuple(
            (x + n * tz, z - n * tx)
            for x, z, tx, tz, n in zip(track.x, track.z, track.tangent_x, track.tangent_z, line.offset, strict=True)
        ),
    )


def demo_geometry() -> "Geometry":
    """The geometry of the demo's track: its white lines as the borders, its racing line as the reference line."""
    from telemetry.tracks.geometry import geometry_beside

    track = demo_track()
    return geometry_beside(
        DEMO_TRACK,
        (track.z, track.x),
        (track.tangent_z, track.tangent_x),
        HALF_WIDTH,
        racing_line().offset,
        track.length,
        "the demo's own track",
    )
