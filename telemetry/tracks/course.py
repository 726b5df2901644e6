"""The course of a track: the line of one lap in the horizontal plane, evenly spaced, and how it bends."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from telemetry.base.errors import UsageError
from telemetry.tracks.geometry import Floats

POINT_M: Final = 2.0
"""Metres between the points of a course, nearly."""

CHORD_POINTS: Final = 4
"""Points from end to end of a chord: curvature is the turn from one chord of 8 m to the next, so it sees 16 m."""

MAX_OPENING_M: Final = 60.0
"""Metres between the ends of a lap's points that are still a closed lap: between two frames, and two lines driven."""

MIN_LENGTH_M: Final = 100.0
"""Metres of the shortest course; a shorter one is no lap."""

MAX_LENGTH_M: Final = 1e6
"""Metres of the longest course; damaged points are further apart, and a course of them would fill the memory."""


@dataclass(frozen=True, slots=True)
class CoursePoints:
    """Points along a lap in driving order, as they were recorded; all arrays have the shape (n,)."""

    x: Floats
    """World x in metres."""
    z: Floats
    """World z in metres."""
    position: Floats
    """``normalized_position`` of each point, 0..1."""
    widths: Floats | None = None
    """Metres from each point to the left and to the right border of the road, (n, 2); None where they are unknown."""


class Borders(NamedTuple):
    """The borders of a road: world x and z of a point beside each point of its course, (n, 2) each."""

    left: Floats
    right: Floats


@dataclass(frozen=True, eq=False)
class Course:
    """Points of a lap at an even distance along it; all arrays have the shape (n,), unless they say otherwise."""

    x: Floats
    """World x in metres."""
    z: Floats
    """World z in metres."""
    position: Floats
    """``normalized_position`` of each point, unwrapped so that it rises; a lap spans at most 1."""
    step_m: float
    """Metres from each point to the next."""
    is_closed: bool
    """Whether the first point follows the last one, as on a circuit; false for an A-to-B road."""
    widths: Floats | None = None
    """Metres from each point to the left and to the right border of the road, (n, 2); None where they are unknown."""

    @cached_property
    def borders(self) -> Borders | None:
        """The borders of the road; None where they are unknown."""
        if self.widths is None:
            return None
        along_x, along_z = np.roll(self.x, -1) - np.roll(self.x, 1), np.roll(self.z, -1) - np.roll(self.z, 1)
        if not self.is_closed:
            along_x[[0, -1]], along_z[[0, -1]] = along_x[[1, -2]], along_z[[1, -2]]
        to_left = np.stack([along_z, -along_x], axis=1)  # a car that heads +z has +x on its left
        to_left /= np.maximum(np.linalg.norm(to_left, axis=1), 1e-9)[:, None]
        points = np.stack([self.x, self.z], axis=1)
        return Borders(points + to_left * self.widths[:, :1], points - to_left * self.widths[:, 1:])

    @property
    def length_m(self) -> float:
        """Metres from the first point to the end of the lap."""
        return self.step_m * (len(self.x) if self.is_closed else len(self.x) - 1)

    @cached_property
    def metres(self) -> Floats:
        """Metres along the course from the first point to each."""
        metres: Floats = np.arange(len(self.x), dtype=np.float64) * self.step_m
        return metres

    @cached_property
    def curvature(self) -> Floats:
        """Signed curvature at each point in 1/m, + = turning left; 0 near the ends of a course that is not closed.

        It is the angle between the chords before and after the point over their length. Around a closed course it adds
        up to 360 degrees exactly, or to the multiple of them that the course turns by.
        """
        half = CHORD_POINTS
        to_x, to_z = np.roll(self.x, -half) - self.x, np.roll(self.z, -half) - self.z
        direction = np.arctan2(to_x, to_z)  # a car that heads +z has +x on its left
        turn = direction - np.roll(direction, half)
        turn = (turn + np.pi) % (2.0 * np.pi) - np.pi
        if not self.is_closed:
            turn[:half] = turn[len(turn) - half :] = 0.0
        curvature: Floats = turn / (half * self.step_m)
        return curvature

    def turn_rad(self) -> float:
        """The angle by which the whole course turns, in radians, + = to the left."""
        return float(np.sum(self.curvature) * self.step_m)

    def position_at(self, metres: Floats) -> Floats:
        """``normalized_position``, 0..1, at these metres along the course, which may lie before or behind it."""
        turns, along = np.divmod(metres, self.length_m) if self.is_closed else (0.0, metres)
        knots, positions = self.metres, self.position
        if self.is_closed:
            knots, positions = np.append(knots, self.length_m), np.append(positions, positions[0] + 1.0)
        at: Floats = (np.interp(along, knots, positions) + turns) % 1.0
        return at

    def metres_at(self, position: Floats) -> Floats:
        """Metres along the course at a ``normalized_position``; at the nearer end where the course does not reach."""
        knots, metres = self.position, self.metres
        if self.is_closed:
            knots, metres = np.append(knots, knots[0] + 1.0), np.append(metres, self.length_m)
        along: Floats = np.interp((position - knots[0]) % 1.0 + knots[0], knots, metres)
        return along


def make_course(points: CoursePoints) -> Course:
    """The course through these points; points that are not finite, or do not advance on the spline, are left out.

    Raises :class:`telemetry.UsageError` where too few are left, or they do not move, or further than on any track.
    """
    kept = _advancing(points)
    x, z, position = points.x[kept], points.z[kept], np.unwrap(points.position[kept], period=1.0)
    widths = None if points.widths is None else points.widths[kept]
    steps_m = np.hypot(np.diff(x), np.diff(z))
    length_m = float(steps_m.sum())
    if len(x) < 3 or length_m < MIN_LENGTH_M:
        raise UsageError("The course of the track cannot be told: the lap has no positions in the world.")
    if length_m > MAX_LENGTH_M:
        raise UsageError(f"The course of the track cannot be told: its points lie {length_m / 1e3:.3g} km apart.")
    opening_m = float(np.hypot(x[0] - x[-1], z[0] - z[-1]))
    is_closed = bool(opening_m <= min(MAX_OPENING_M, 0.1 * length_m) and position[-1] < position[0] + 1.0)
    if is_closed:
        x, z, position = np.append(x, x[0]), np.append(z, z[0]), np.append(position, position[0] + 1.0)
        widths = None if widths is None else np.append(widths, widths[:1], axis=0)
        length_m += opening_m
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    rising = np.concatenate([[True], np.diff(along) > 0.0])
    along, x, z, position = along[rising], x[rising], z[rising], position[rising]
    widths = None if widths is None else widths[rising]
    # A multiple of the chord, so that a closed course consists of whole chords.
    count = max(round(length_m / POINT_M / CHORD_POINTS), 4) * CHORD_POINTS
    step_m = length_m / count
    at = np.arange(count if is_closed else count + 1) * step_m
    if widths is not None:
        widths = np.stack([np.interp(at, along, side) for side in widths.T], axis=1)
    return Course(
        np.interp(at, along, x), np.interp(at, along, z), np.interp(at, along, position), step_m, is_closed, widths
    )


def _advancing(points: CoursePoints) -> NDArray[np.int64]:
    """The indices of the points that are farther along the spline than all before; shape (k,)."""
    is_finite = np.isfinite(points.x) & np.isfinite(points.z) & np.isfinite(points.position)
    kept = np.flatnonzero(is_finite).astype(np.int64)
    if not len(kept):
        return kept
    position = np.unwrap(points.position[kept], period=1.0)
    highest = np.maximum.accumulate(position)
    is_new = np.concatenate([[True], position[1:] > highest[:-1]])
    is_first_lap = position < position[0] + 1.0
    advancing: NDArray[np.int64] = kept[is_new & is_first_lap]
    return advancing
