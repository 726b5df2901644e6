"""The tracks whose course is known without any file: today the demo's, in every layout."""

from functools import lru_cache
from typing import TYPE_CHECKING

from telemetry.demo.circuit import demo_track, layout_name, line_of_layout, racing_line
from telemetry.demo.pages import TRACK as DEMO_TRACK
from telemetry.demo.track import HALF_WIDTH
from telemetry.fields.derived import Sample
from telemetry.tracks.track import TrackMap

if TYPE_CHECKING:
    from telemetry.tracks.geometry import Geometry

__all__ = ["DEMO_TRACK", "demo_geometry", "find_track_map", "known_geometry", "known_track"]


def known_track(sample: Sample) -> TrackMap | None:
    """The map of the track and layout that this sample was driven on; None for one that is not known."""
    return find_track_map(sample.track, sample.track_configuration)


def find_track_map(track: str, layout: str) -> TrackMap | None:
    """The map of the track and layout of these names; None for one that is not known."""
    timing_line = line_of_layout(layout) if track == DEMO_TRACK else None
    return None if timing_line is None else _demo_map(timing_line)


@lru_cache(maxsize=8)  # a recording can name any number of layouts
def _demo_map(timing_line: float) -> TrackMap:
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
        timing_line,  # where the points begin
        HALF_WIDTH,
    )


def known_geometry(track: str, layout: str) -> "Geometry | None":
    """The geometry of this track and layout; None for one that is not known."""
    timing_line = line_of_layout(layout) if track == DEMO_TRACK else None
    return None if timing_line is None else demo_geometry(timing_line)


def demo_geometry(timing_line: float = 0.0) -> "Geometry":
    """The geometry of the demo's track: its white lines as the borders, its racing line as the reference line.

    All begin where the spline does, within a metre; the timing line lies at ``timing_line`` of it, 0..1.
    """
    from telemetry.tracks.geometry import geometry_beside

    layout = layout_name(timing_line)
    track = demo_track()
    first = round(-timing_line * len(track.x)) % len(track.x)

    def from_origin(series: tuple[float, ...]) -> tuple[float, ...]:
        return series[first:] + series[:first]

    return geometry_beside(
        f"{DEMO_TRACK}-{layout}" if layout else DEMO_TRACK,
        (from_origin(track.z), from_origin(track.x)),
        (from_origin(track.tangent_z), from_origin(track.tangent_x)),
        HALF_WIDTH,
        from_origin(racing_line().offset),
        track.length,
        "the demo's own track",
    )
