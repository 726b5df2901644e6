"""The map of a known track, and the position of a car on it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from telemetry.fields.derived import Sample

_REACH = 6
"""Segments of the reference line before and after the car that are searched for the nearest one."""


class Place(NamedTuple):
    """Where a car is: metres to the left of the centre line, and radians turned to the left of the road's direction."""

    offset: float
    heading: float


@dataclass(frozen=True, slots=True, eq=False)
class TrackMap:
    """A closed circuit, sampled at equal distances along the spline; x and z of the world, in metres.

    ``curvature`` is in 1/m, + where the road turns left. ``line`` are the points of the reference line, one beside each
    point of the centre line; empty where none is known.
    """

    length: float
    x: Sequence[float]
    z: Sequence[float]
    tangent_x: Sequence[float]
    tangent_z: Sequence[float]
    curvature: Sequence[float]
    line: Sequence[tuple[float, float]] = ()
    first_position: float = 0.0
    """``normalized_position`` of the first point, 0..1."""
    half_width_m: float | None = None
    """Metres from the centre line to the border on either side; None where it is not known."""

    @classmethod
    def of_points(
        cls, points: Sequence[tuple[float, float]], length: float, line: Sequence[tuple[float, float]] = ()
    ) -> "TrackMap":
        """The map of a closed centre line (x, z), evenly spaced in driving direction from position 0 on."""
        count = len(points)
        spacing = length / count
        tangents = []
        for index in range(count):
            before, after = points[index - 1], points[(index + 1) % count]
            dx, dz = after[0] - before[0], after[1] - before[1]
            run = math.hypot(dx, dz) or 1.0
            tangents.append((dx / run, dz / run))
        bends = []
        for index in range(count):
            a, b = tangents[index - 1], tangents[(index + 1) % count]
            bends.append((b[0] * a[1] - b[1] * a[0]) / (2.0 * spacing))
        return cls(
            length,
            tuple(point[0] for point in points),
            tuple(point[1] for point in points),
            tuple(tangent[0] for tangent in tangents),
            tuple(tangent[1] for tangent in tangents),
            tuple(bends),
            tuple(line),
        )

    def node(self, position: float, x: float, z: float) -> int:
        """The index of the point nearest to x, z; the search starts at the ``normalized_position``."""
        count = len(self.x)
        index = int((position - self.first_position) % 1.0 * count) % count if math.isfinite(position) else 0
        best = (self.x[index] - x) ** 2 + (self.z[index] - z) ** 2
        for step in (1, -1):
            while True:
                following = (index + step) % count
                distance = (self.x[following] - x) ** 2 + (self.z[following] - z) ** 2
                if not distance < best:
                    break
                index, best = following, distance
        return index

    def place(self, sample: Sample) -> Place:
        """The position of the car in this sample."""
        return self.place_at(
            sample.normalized_position, sample.world_position_x, sample.world_position_z, sample.heading
        )

    def place_at(self, position: float, x: float, z: float, heading: float) -> Place:
        """The position of a car at this ``normalized_position`` and this place in the world."""
        node = self.node(position, x, z)
        tx, tz = self.tangent_x[node], self.tangent_z[node]
        turned = math.atan2(-tx, tz) - heading
        heading = math.remainder(turned, math.tau) if math.isfinite(turned) else math.nan
        return Place((x - self.x[node]) * tz - (z - self.z[node]) * tx, heading)

    def curvature_ahead(self, position: float, count: int, metres: float) -> list[float]:
        """The curvature at ``count`` even distances up to ``metres`` ahead of a ``normalized_position``."""
        bends = self.curvature
        if not math.isfinite(position):
            return [math.nan] * count
        nodes = len(bends)
        start, stride = (position - self.first_position) % 1.0 * nodes, metres / count * nodes / self.length
        return [bends[int(start + stride * ahead) % nodes] for ahead in range(1, count + 1)]

    def gap(self, sample: Sample) -> float | None:
        """Metres from the reference line, in a straight line; None where no reference line is known."""
        return self.gap_at(sample.normalized_position, sample.world_position_x, sample.world_position_z)

    def gap_at(self, position: float, x: float, z: float) -> float | None:
        """:meth:`gap` of a car at this ``normalized_position`` and this place in the world."""
        line = self.line
        if not line:
            return None
        node = self.node(position, x, z)
        count = len(line)
        nearest = math.inf
        for index in range(node - _REACH, node + _REACH):
            (ax, az), (bx, bz) = line[index % count], line[(index + 1) % count]
            dx, dz = bx - ax, bz - az
            along = ((x - ax) * dx + (z - az) * dz) / ((dx * dx + dz * dz) or 1.0)
            along = min(max(along, 0.0), 1.0)
            nearest = min(nearest, math.hypot(x - ax - along * dx, z - az - along * dz))
        return nearest
