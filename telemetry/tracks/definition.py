"""A track as analysis knows it: its course, its length, its timing line and its corners."""

from dataclasses import dataclass, replace
from typing import Any

from telemetry.tracks.corners import Corner, find_corners, number_corners
from telemetry.tracks.course import Course


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """One layout of a track. Every lap of it is measured through the same corners."""

    track: str
    """The game's name of the track."""
    layout: str = ""
    """The game's name of the layout; empty if the track has only one."""
    length_m: float
    """Length of a lap: the spline's, or that of the course where the game gives none."""
    line_position: float
    """``normalized_position`` of the timing line, 0..1."""
    course: Course
    corners: tuple[Corner, ...]
    """In driving order from the timing line."""
    origin: str
    """Where the course comes from, as text for people."""

    def since_line(self, position: Any) -> Any:
        """The fraction 0..1 of a lap since the line at a ``normalized_position``, a number or an array."""
        return (position - self.line_position) % 1.0

    def with_line(self, line_position: float) -> "Track":
        """The same track with its timing line elsewhere on the spline, and the corners numbered from there."""
        return replace(self, line_position=line_position, corners=number_corners(self.corners, line_position))


def make_track(
    course: Course, *, track: str, layout: str = "", length_m: float | None, line_position: float, origin: str
) -> Track:
    """The track of this course, its corners detected; ``length_m`` is None where the game gives no length."""
    return Track(
        track=track,
        layout=layout,
        length_m=course.length_m if length_m is None else length_m,
        line_position=line_position,
        course=course,
        corners=find_corners(course, line_position),
        origin=origin,
    )
