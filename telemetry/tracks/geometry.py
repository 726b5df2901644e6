"""Where a car is on a track: rays to the borders, the distance from a reference line, and whether it is off the road.

Everything is in the plane of assetto_corsa_gym: x is the game's z, y is the game's x, angles are counted from x to the
left. The definitions are its own, so that an export equals what its environment computes online.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RAYS: Final = 11
"""Number of rays, from 90 degrees to the right of the car to 90 degrees to its left."""

RAY_METRES: Final = 200.0
"""Longest ray."""

BORDER_STEP: Final = 10
"""Of a border, every tenth point is used, and its last one."""

POINT_METRES: Final = 1.5
"""Distance of the points of borders and lines that are made here: that of assetto_corsa_gym's own."""

CELL_METRES: Final = 0.5
"""Size of a grid's cells; assetto_corsa_gym's own are 0.1 m, which makes 50 MB of a small track."""

GRID_MARGIN: Final = 1.0
"""Metres around the track that belong to its grid: its corners must be off the track."""

_AT_ONCE: Final = 256
"""Points computed together: more take more memory and save no time."""


@dataclass(frozen=True)
class Geometry:
    """A track's borders and its reference line as open polylines of points (n, 2), whose ends nearly meet."""

    name: str
    """As assetto_corsa_gym names it: the track, and after a hyphen its layout if it has one."""
    left: Floats
    right: Floats
    """As many points as ``left``, each opposite to the one of the same index."""
    line: Floats
    length: float | None
    """Length of a lap in m where the source of the geometry says so."""
    origin: str
    """Where it comes from, as text for people."""

    @cached_property
    def borders(self) -> tuple[Floats, Floats]:
        """Left and right border with the points that are used: every tenth and the last."""
        return _thinned(self.left), _thinned(self.right)

    @cached_property
    def walls(self) -> Floats:
        """The borders as segments x1, y1, x2, y2: (n, 4)."""
        return np.concatenate([np.concatenate([border[:-1], border[1:]], axis=1) for border in self.borders])

    def rays(self, places: Floats, yaw: Floats) -> Floats:
        """Metres from each place to the first border in every direction: (n, 11), at most :data:`RAY_METRES`."""
        turns = np.linspace(0.0, np.pi, RAYS) - np.pi / 2.0
        found = [
            _cast(places[at : at + _AT_ONCE], yaw[at : at + _AT_ONCE, None] + turns, self.walls)
            for at in range(0, len(places), _AT_ONCE)
        ]
        return np.concatenate(found) if found else np.empty((0, RAYS))

    def gaps(self, places: Floats) -> tuple[Floats, NDArray[np.int64]]:
        """Metres from the reference line, + to its right, and the index of the line's point that is next behind.

        The line is taken from the point before the nearest one to the point after it.
        """
        found = [_gap(places[at : at + _AT_ONCE], self.line) for at in range(0, len(places), _AT_ONCE)]
        if not found:
            return np.empty(0), np.empty(0, dtype=np.int64)
        return np.concatenate([gap for gap, _ in found]), np.concatenate([point for _, point in found])

    def off_track(self, places: Floats) -> NDArray[np.bool_]:
        """Whether each place lies in none of the quadrilaterals between the borders, the closing one included."""
        left, right = self.borders
        next_left, next_right = np.roll(left, -1, axis=0), np.roll(right, -1, axis=0)
        found = []
        for at in range(0, len(places), _AT_ONCE):
            part = places[at : at + _AT_ONCE]
            inside = _in_triangles(part, right, left, next_left) | _in_triangles(part, right, next_left, next_right)
            found.append(~inside)
        return np.concatenate(found) if found else np.empty(0, dtype=np.bool_)

    def grid(self) -> tuple[Floats, Floats, NDArray[np.uint8]]:
        """Places :data:`CELL_METRES` apart along x and along y, and 1 where they are on the track: (len(y), len(x))."""
        left, right = self.borders
        points = np.concatenate([left, right])
        low, high = points.min(axis=0) - GRID_MARGIN, points.max(axis=0) + GRID_MARGIN
        x, y = (np.arange(low[axis], high[axis], CELL_METRES) for axis in (0, 1))
        inside = np.zeros((len(y), len(x)), dtype=np.uint8)
        corners = np.stack([right, left, np.roll(left, -1, axis=0), np.roll(right, -1, axis=0)], axis=1)
        for quad in corners:  # each looks at the places around it alone
            at_x = slice(*np.searchsorted(x, [quad[:, 0].min(), quad[:, 0].max() + CELL_METRES]))
            at_y = slice(*np.searchsorted(y, [quad[:, 1].min(), quad[:, 1].max() + CELL_METRES]))
            places = np.stack(np.meshgrid(x[at_x], y[at_y]), axis=-1).reshape(-1, 2)
            found = _in_triangles(places, *quad[:3, None]) | _in_triangles(places, *quad[[0, 2, 3], None])
            inside[at_y, at_x] |= found.reshape(inside[at_y, at_x].shape)
        return x, y, inside


def geometry_around(
    name: str,
    centre: Floats,
    to_left: Floats,
    widths: tuple[Floats | float, Floats | float],
    line: Floats,
    length: float | None,
    origin: str,
) -> Geometry:
    """A geometry from a closed centre line, with points at an even distance on borders and reference line.

    ``centre``, ``to_left`` (unit vectors) and ``line`` have shape (n, 2); ``widths`` are the distances of the left and
    the right border from the centre in m, shape (n, 1) or one number each.
    """
    places = along(centre)
    left, right = widths
    left_border, right_border = at(centre + to_left * left, places), at(centre - to_left * right, places)
    return Geometry(name, left_border, right_border, at(line, places), length, origin)


def geometry_beside(
    name: str,
    centre: tuple[Sequence[float], Sequence[float]],
    tangent: tuple[Sequence[float], Sequence[float]],
    half_width_m: float,
    line_offset_m: Sequence[float],
    length: float,
    origin: str,
) -> Geometry:
    """The geometry of a road of one width; the reference line lies ``line_offset_m`` to the left of its centre line.

    ``centre`` and ``tangent`` (unit vectors in driving direction) are given as columns x and y of this plane.
    """
    points = np.stack([np.array(centre[0]), np.array(centre[1])], axis=1)
    to_left = np.stack([-np.array(tangent[1]), np.array(tangent[0])], axis=1)
    line = points + to_left * np.array(line_offset_m)[:, None]
    return geometry_around(name, points, to_left, (half_width_m, half_width_m), line, length, origin)


def along(points: Any, spacing: float = POINT_METRES) -> Floats:
    """How far along a closed line of points (n, k) places at an even distance lie, as fractions of their index: (m,).

    The last one precedes the first, so that the line does not overlap. There are as many as leave the last one among
    those that are taken of a border: assetto_corsa_gym fails where it has to add it and the border runs along an axis.
    """
    closed = np.concatenate([points, points[:1]])
    metres = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    count = max(int(metres[-1] / spacing) - 1, BORDER_STEP) // BORDER_STEP * BORDER_STEP + 1
    places: Floats = np.interp(np.arange(count) * metres[-1] / count, metres, np.arange(len(closed)))
    return places


def at(points: Any, places: Floats) -> Floats:
    """The points of a closed line (n, k) at these fractions of their index: (m, k)."""
    closed = np.concatenate([points, points[:1]])
    return np.stack([np.interp(places, np.arange(len(closed)), column) for column in closed.T], axis=1)


def _thinned(border: Floats) -> Floats:
    thin = border[::BORDER_STEP]
    return thin if (len(border) - 1) % BORDER_STEP == 0 else np.concatenate([thin, border[-1:]])


def _cross(a: Floats, b: Floats) -> Any:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _cast(places: Floats, angles: Floats, walls: Floats) -> Floats:
    start, way = walls[:, :2], walls[:, 2:] - walls[:, :2]
    ray = np.stack([np.cos(angles), np.sin(angles)], axis=-1)[:, :, None, :]
    to_start = (start - places[:, None, :])[:, None, :, :]
    across = _cross(ray, way)
    with np.errstate(divide="ignore", invalid="ignore"):
        metres = _cross(to_start, way) / across
        share = _cross(to_start, ray) / across
    hit = (metres >= 0.0) & (share >= 0.0) & (share <= 1.0)
    nearest: Floats = np.minimum(np.where(hit, metres, RAY_METRES).min(axis=-1), RAY_METRES)
    return nearest


def _gap(places: Floats, line: Floats) -> tuple[Floats, NDArray[np.int64]]:
    nearest = np.minimum(np.square(places[:, None, :] - line).sum(axis=-1).argmin(axis=1), len(line) - 2)
    before, share_before, side = _to_segment(places, line[nearest - 1], line[nearest])
    after, share_after, _ = _to_segment(places, line[nearest], line[nearest + 1])
    on_before = (share_before > 0.0) & (share_before < 1.0)
    both = on_before & (share_after > 0.0) & (share_after < 1.0)
    metres = np.where(on_before & ~(both & (after < before)), before, after)
    return -side * metres, np.where(on_before, nearest - 1, nearest)


def _to_segment(places: Floats, start: Floats, end: Floats) -> tuple[Floats, Floats, Floats]:
    """Distance, share of the way along the segment at the nearest place, and the side: 1 left, -1 right."""
    way, to_place = end - start, places - start
    share = np.clip((way * to_place).sum(axis=1) / np.square(way).sum(axis=1), 0.0, 1.0)
    metres = np.linalg.norm(to_place - way * share[:, None], axis=1)
    return metres, share, np.sign(_cross(way, to_place))


def _in_triangles(places: Floats, a: Floats, b: Floats, c: Floats) -> NDArray[np.bool_]:
    """Whether each place (n, 2) lies in any of the triangles, each corner (m, 2); edges belong to them."""
    place = places[:, None, :]
    sides = [_cross(end - start, place - start) for start, end in ((a, b), (b, c), (c, a))]
    inside = ((sides[0] >= 0) & (sides[1] >= 0) & (sides[2] >= 0)) | (
        (sides[0] <= 0) & (sides[1] <= 0) & (sides[2] <= 0)
    )
    return np.asarray(inside.any(axis=1), dtype=np.bool_)
