"""The tracks whose course is known without any file: today the demo's, in every layout."""

from functools import lru_cache
from typing import TYPE_CHECKING

from telemetry.demo.circuit import circuit_of_name, find_circuit, layout_name, line_of_layout
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
    number, timing_line = circuit_of_name(track), line_of_layout(layout)
    return None if number is None or timing_line is None else _demo_map(number, timing_line)


@lru_cache(maxsize=64)  # a recording can name any number of layouts
def _demo_map(number: int, timing_line: float) -> TrackMap:
    _, track, line, _ = find_circuit(number)
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
    number, timing_line = circuit_of_name(track), line_of_layout(layout)
    return None if number is None or timing_line is None else demo_geometry(timing_line, number)


def demo_geometry(timing_line: float = 0.0, number: int = 0) -> "Geometry":
    """The geometry of the demo's track, or of its further circuit of this number.

    Its white lines are the borders, its racing line is the reference line. All begin where the spline does, within a
    metre; the timing line lies at ``timing_line`` of it, 0..1.
    """
    from telemetry.tracks.geometry import geometry_beside

    layout = layout_name(timing_line)
    circuit = find_circuit(number)
    track = circuit.track
    first = round(-timing_line * len(track.x)) % len(track.x)

    def from_origin(series: tuple[float, ...]) -> tuple[float, ...]:
        return series[first:] + series[:first]

    return geometry_beside(
        f"{circuit.name}-{layout}" if layout else circuit.name,
        (from_origin(track.z), from_origin(track.x)),
        (from_origin(track.tangent_z), from_origin(track.tangent_x)),
        HALF_WIDTH,
        from_origin(circuit.racing_line.offset),
        track.length,
        "the demo's own track" if not number else f"the demo's circuit {number}",
    )
