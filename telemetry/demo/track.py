"""The demo circuit: a closed B-spline with kerbs, grass, barriers, hills, three sectors and a pit lane.

The centre line is computed from a few control points and sampled every two metres; the result is shipped as a file,
so that the demo starts at once (:mod:`telemetry.demo.circuit`). Positions on it are given as `s`, metres along
the centre line from the start line, and `n`, metres to the *left* of it.

Coordinates are the game's: x and z are horizontal, y is up; a car that faces +z has +x on its left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import cos, pi, sin, sqrt
from random import Random

NODE_SPACING = 2.0  # m between two samples of the centre line, nearly
HALF_WIDTH = 6.0  # m from the centre line to the white line
KERB_WIDTH = 1.1  # m of kerb outside the white line, valid track as in the game
RUN_OFF = 15.0  # m from the white line to the barrier
SECTOR_COUNT = 3

PIT_ENTRY = 70.0  # m after the start line: the pit lane leaves the circuit
PIT_LIMIT_BEGIN = 145.0  # m: from here to PIT_LIMIT_END the speed limit holds
PIT_LIMIT_END = 390.0
PIT_EXIT = 480.0  # m: the pit lane has joined the circuit again
PIT_LANE_N = -17.0  # m, right of the centre line: where cars drive
PIT_BOX_N = -20.5  # m: where they stand
PIT_BOX_S = 300.0  # m: the demo car's own box
PIT_LANE_EDGES = (-24.0, -13.0)  # m: the tarmac of the lane
PIT_WALL_N = -27.0  # m: the barrier behind the boxes
PIT_FORK = 75.0  # m of tarmac between circuit and lane at both ends of the pit lane

GRID_BOX_S = -45.0  # m: the demo car's grid box lies before the line
GRID_BOX_N = 2.2  # m

# Control points (x, z) of a closed uniform cubic B-spline, clockwise seen from above; points in line form straights.
CONTROL_POINTS: tuple[tuple[float, float], ...] = (
    (0, -150), (0, -20), (0, 110), (0, 240), (0, 370), (0, 500), (0, 610),  # main straight
    (-8, 685), (-60, 712), (-125, 675), (-180, 620), (-255, 615), (-330, 680), (-430, 690),  # turns 1 to 4
    (-470, 610), (-455, 510), (-390, 430), (-330, 345), (-245, 265), (-165, 240),  # the descent
    (-120, 205), (-125, 155), (-175, 120), (-250, 120), (-340, 135), (-440, 150),  # hairpin and back straight
    (-540, 130), (-560, 40),
    (-480, -20), (-370, -10), (-290, -60), (-270, -160), (-205, -245), (-110, -290), (-20, -260),  # last turns
)  # fmt: skip

STRAIGHT_POINTS = range(7)  # those of them on the main straight, where the grid and the pits are


@dataclass(frozen=True, slots=True)
class Track:
    """The sampled circuit: every tuple holds one value for each node of the closed centre line."""

    length: float  # m along the centre line, hills included
    spacing: float  # m between two nodes
    x: tuple[float, ...]
    y: tuple[float, ...]  # m, height of the tarmac
    z: tuple[float, ...]
    tangent_x: tuple[float, ...]  # horizontal unit vector in driving direction
    tangent_z: tuple[float, ...]
    gradient: tuple[float, ...]  # rise per horizontal metre
    curvature: tuple[float, ...]  # 1/m, + = turning left
    kerb: tuple[bool, ...]  # whether kerbs lie outside both white lines
    left_wall: tuple[float, ...]  # m, n of the barrier on the left
    right_wall: tuple[float, ...]  # m, n of the barrier on the right (negative)
    roughness: tuple[float, ...]  # m, ROUGHNESS_STEP apart, repeating: the unevenness of the tarmac

    def locate(self, x: float, z: float, hint: int) -> tuple[int, float, float]:
        """Find the point (x, z) from node `hint` on: the node before it, the fraction to the next node, and `n`.

        Both numbers are continuous along the circuit, because the nodes on both sides contribute.
        """
        xs, zs, txs, tzs = self.x, self.z, self.tangent_x, self.tangent_z
        count = len(xs)
        dx, dz, tx, tz = x - xs[hint], z - zs[hint], txs[hint], tzs[hint]
        along = dx * tx + dz * tz
        for _ in range(count):
            if along >= 0.0:
                break
            hint = hint - 1 if hint > 0 else count - 1
            dx, dz, tx, tz = x - xs[hint], z - zs[hint], txs[hint], tzs[hint]
            along = dx * tx + dz * tz
        n = dx * tz - dz * tx
        for _ in range(count):
            following = hint + 1 if hint + 1 < count else 0
            dx, dz, tx, tz = x - xs[following], z - zs[following], txs[following], tzs[following]
            beyond = dx * tx + dz * tz
            next_n = dx * tz - dz * tx
            if beyond < 0.0:
                break
            hint, along, n = following, beyond, next_n
        part = along / (along - beyond) if beyond < 0.0 <= along else 0.0
        return hint, part, n + part * (next_n - n)

    def node(self, s: float) -> int:
        """Return the index of the node at or just before `s`, which may lie before or after the lap."""
        return int(s % self.length / self.spacing) % len(self.x)

    def place(self, s: float, n: float) -> tuple[float, float, float, float, float]:
        """Return x, y, z and the horizontal driving direction (x, z) at `s`, `n`."""
        s %= self.length
        i = self.node(s)
        j = (i + 1) % len(self.x)
        part = s / self.spacing - i
        tx = self.tangent_x[i] + part * (self.tangent_x[j] - self.tangent_x[i])
        tz = self.tangent_z[i] + part * (self.tangent_z[j] - self.tangent_z[i])
        norm = 1.0 / sqrt(tx * tx + tz * tz)
        tx *= norm
        tz *= norm
        x = self.x[i] + part * (self.x[j] - self.x[i])
        y = self.y[i] + part * (self.y[j] - self.y[i])
        z = self.z[i] + part * (self.z[j] - self.z[i])
        return x + n * tz, y, z - n * tx, tx, tz


ROUGHNESS_STEP = 0.5  # m between two values of Track.roughness
ROUGHNESS_COUNT = 4096  # values; a power of two, so that an index wraps with a mask
_SPLINE_STEPS = 60  # points on each B-spline segment before even spacing
_HILLS = ((4.2, 1, 0.9), (1.6, 2, 2.2), (0.5, 3, 4.0))  # (amplitude in m, waves a lap, phase in rad)
_KERB_RADIUS = 150.0  # m: bends tighter than this have kerbs
_KERB_LEAD = 12  # nodes of kerb before and after such a bend


def _b_spline(control_points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return points on the closed curve, close together but not evenly spaced."""
    points = []
    count = len(control_points)
    for k in range(count):
        corners = [control_points[(k + i) % count] for i in range(4)]
        for step in range(_SPLINE_STEPS):
            t = step / _SPLINE_STEPS
            u = 1.0 - t
            weights = (
                u * u * u / 6,
                (3 * t * t * t - 6 * t * t + 4) / 6,
                (-3 * t * t * t + 3 * t * t + 3 * t + 1) / 6,
                t * t * t / 6,
            )
            points.append(
                (
                    sum(w * c[0] for w, c in zip(weights, corners, strict=True)),
                    sum(w * c[1] for w, c in zip(weights, corners, strict=True)),
                )
            )
    return points


def _space_evenly(points: list[tuple[float, float]], spacing: float) -> list[tuple[float, float]]:
    """Return points of the closed polyline at equal distances close to `spacing`."""
    closed = [*points, points[0]]
    lengths = [sqrt((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2) for a, b in pairwise(closed)]
    total = sum(lengths)
    count = round(total / spacing)
    even = []
    k = 0
    passed = 0.0
    for i in range(count):
        want = i * total / count
        while passed + lengths[k] < want:
            passed += lengths[k]
            k += 1
        part = (want - passed) / lengths[k]
        a, b = closed[k], closed[k + 1]
        even.append((a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])))
    return even


def _rotate_to_start(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Rotate the list so that the node nearest to the start line (x = 0, z = 0 on the main straight) comes first."""
    first = min(range(len(points)), key=lambda i: points[i][0] ** 2 + points[i][1] ** 2)
    return points[first:] + points[:first]


def _roughness() -> tuple[float, ...]:
    """Return a repeating sum of waves of 2.5 to 40 m, about 1 mm high; the same at every call."""
    rng = Random(1)  # noqa: S311 - a road, not a secret
    total = ROUGHNESS_COUNT * ROUGHNESS_STEP
    waves = []
    for _ in range(24):
        length = 2.5 + 37.5 * rng.random()
        waves.append((round(total / length), 2 * pi * rng.random(), 6e-5 * sqrt(length)))
    return tuple(
        round(sum(a * sin(2 * pi * k * i / ROUGHNESS_COUNT + phase) for k, phase, a in waves), 9)
        for i in range(ROUGHNESS_COUNT)
    )


def compute_track(control_points: Sequence[tuple[float, float]] = CONTROL_POINTS) -> Track:
    """Compute a circuit from its control points, the demo's own from its.

    Values that come out of sine and cosine are rounded, so that every platform's library gives the same circuit.
    """
    flat = _space_evenly(_rotate_to_start(_b_spline(control_points)), NODE_SPACING)
    count = len(flat)

    def height(i: int) -> float:
        return sum(a * (cos(2 * pi * k * i / count + phase) - cos(phase)) for a, k, phase in _HILLS)

    xs = [round(p[0], 6) for p in flat]
    zs = [round(p[1], 6) for p in flat]
    ys = [round(height(i), 6) for i in range(count)]
    tangents = []
    gradients = []
    length = 0.0
    for i in range(count):
        j, h = (i + 1) % count, i - 1
        dx, dy, dz = xs[j] - xs[h], ys[j] - ys[h], zs[j] - zs[h]
        run = sqrt(dx * dx + dz * dz)
        tangents.append((dx / run, dz / run))
        gradients.append(dy / run)
        length += sqrt((xs[j] - xs[i]) ** 2 + (ys[j] - ys[i]) ** 2 + (zs[j] - zs[i]) ** 2)
    spacing = length / count
    bends = []
    for i in range(count):
        a, b = tangents[i - 1], tangents[(i + 1) % count]
        bends.append((b[0] * a[1] - b[1] * a[0]) / (2 * spacing))  # sine of the angle turned to the left
    tight = [abs(bend) > 1 / _KERB_RADIUS for bend in bends]
    kerbs = tuple(any(tight[(i + d) % count] for d in range(-_KERB_LEAD, _KERB_LEAD + 1)) for i in range(count))
    left_wall = []
    right_wall = []
    for i in range(count):
        # The inside of a tight bend has its barrier closer, so that no point is closer to another part of the circuit.
        inside = min(HALF_WIDTH + RUN_OFF, max(HALF_WIDTH + 4.0, 0.55 / max(abs(bends[i]), 1e-6)))
        wide = HALF_WIDTH + RUN_OFF
        left_wall.append(inside if bends[i] > 0 else wide)
        beside_pits = PIT_ENTRY - 30.0 < i * spacing < PIT_EXIT + 30.0
        right_wall.append(PIT_WALL_N if beside_pits else -(inside if bends[i] < 0 else wide))
    return Track(
        length=length,
        spacing=spacing,
        x=tuple(xs),
        y=tuple(ys),
        z=tuple(zs),
        tangent_x=tuple(t[0] for t in tangents),
        tangent_z=tuple(t[1] for t in tangents),
        gradient=tuple(gradients),
        curvature=tuple(bends),
        kerb=kerbs,
        left_wall=tuple(left_wall),
        right_wall=tuple(right_wall),
        roughness=_roughness(),
    )
