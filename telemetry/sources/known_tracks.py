"""The tracks that the product knows by itself: that of the demo."""

from functools import cache

from telemetry.demo import demo_track
from telemetry.demo.circuit import racing_line
from telemetry.demo.pages import TRACK
from telemetry.fields.derived import Sample
from telemetry.tracks.track import TrackMap


def known_track(sample: Sample) -> TrackMap | None:
    """The map of the track that this sample was driven on, where the product has one: that of the demo."""
    return _demo_map() if sample.track == TRACK else None


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
