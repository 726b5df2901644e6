"""The racing line of the demo circuit and the speed a car can drive it at.

The line is a closed curve between the white lines that is relaxed until it bends as little as possible. Its speed comes
from a forward and a backward pass: never faster than the bend, the engine or the brakes allow.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

from telemetry.demo.track import HALF_WIDTH, Track

MARGIN_M: Final = 1.35
"""Distance between the middle of the car and the white line: half a car and some centimetres."""
COARSE_NODES: Final = 6
"""Track nodes between two points of the curve that is relaxed."""
SWEEPS: Final = 260
"""Passes of the relaxation over all points."""
OVER_RELAXATION: Final = 1.55
"""Factor of each correction; above 1 the relaxation converges faster."""

G: Final = 9.80665  # m/s²
GRIP_LATERAL: Final = 1.235  # g at no downforce that the profile plans with
GRIP_BRAKE: Final = 1.05
DOWNFORCE_PER_WEIGHT: Final = 1.70 / 1370.0 / G  # fraction of the weight per (m/s)²
GRIP_OF_DOWNFORCE: Final = 1.05
DRAG_PER_MASS: Final = 0.66 / 1370.0
POWER_PER_MASS: Final = 350.0e3 / 1370.0  # W/kg at the wheels, between the gears' peaks
TRACTION: Final = 0.80  # g of drive at no downforce
TOP_SPEED: Final = 78.0  # m/s


@dataclass(frozen=True, slots=True)
class Line:
    """Offset from the centre line, own curvature, target speed and planned acceleration at every node of the track."""

    offset: tuple[float, ...]  # m, + left
    curvature: tuple[float, ...]  # 1/m, + = turning left
    speed: tuple[float, ...]  # m/s
    acceleration: tuple[float, ...]  # m/s², along the line

    def slope(self, node: int, spacing: float) -> float:
        """Metres that the line goes to the left per metre of road at a node; nodes are `spacing` metres apart."""
        return (self.offset[(node + 1) % len(self.offset)] - self.offset[node - 1]) / (2.0 * spacing)


def compute_racing_line(track: Track) -> Line:
    """Compute the racing line of a circuit; takes some 100 ms."""
    count = len(track.x)
    coarse = list(range(0, count - COARSE_NODES // 2, COARSE_NODES))
    points = [(track.x[i], track.z[i]) for i in coarse]
    sides = [(track.tangent_z[i], -track.tangent_x[i]) for i in coarse]  # to the left
    offsets = _relax(points, sides, HALF_WIDTH - MARGIN_M)
    fine = _interpolate(coarse, offsets, count)
    xs = [track.x[i] + fine[i] * track.tangent_z[i] for i in range(count)]
    zs = [track.z[i] - fine[i] * track.tangent_x[i] for i in range(count)]
    bends = []
    steps = []
    reach = 3  # nodes to either side: a chord of 12 m smooths the kinks of the curve
    for i in range(count):
        a, b = i - reach, (i + reach) % count
        ax, az = xs[i] - xs[a], zs[i] - zs[a]
        bx, bz = xs[b] - xs[i], zs[b] - zs[i]
        la, lb = sqrt(ax * ax + az * az), sqrt(bx * bx + bz * bz)
        bends.append(2.0 * (bx * az - bz * ax) / (la * lb * (la + lb)))
        steps.append(sqrt((xs[(i + 1) % count] - xs[i]) ** 2 + (zs[(i + 1) % count] - zs[i]) ** 2))
    speed = [_bend_speed(bend) for bend in bends]
    for _ in range(2):  # two rounds, so that the end of the lap fits its beginning
        for i in range(count):
            j = (i + 1) % count
            v = speed[i]
            square = v * v + 2.0 * steps[i] * _drive(v, bends[i])
            speed[j] = min(speed[j], sqrt(max(square, 1.0)))
        for i in range(count - 1, -1, -1):
            j = (i + 1) % count
            v = speed[j]
            speed[i] = min(speed[i], sqrt(v * v + 2.0 * steps[i] * _stop(v, bends[j])))
    sharp = [(speed[(i + 1) % count] ** 2 - speed[i] ** 2) / (2.0 * steps[i]) for i in range(count)]
    # The pedals cannot follow every node: take the mean over 14 m
    planned = tuple(sum(sharp[(i + k) % count] for k in range(-3, 4)) / 7.0 for i in range(count))
    return Line(tuple(round(n, 6) for n in fine), tuple(bends), tuple(speed), planned)


def _relax(points: list[tuple[float, float]], sides: list[tuple[float, float]], max_offset: float) -> list[float]:
    """Return the offsets, within ±`max_offset`, of the closed line near `points` that bends least."""
    count = len(points)
    offsets = [0.0] * count
    xs = [p[0] for p in points]
    zs = [p[1] for p in points]
    for _ in range(SWEEPS):
        for i in range(count):
            h, g, j, k = i - 1, i - 2, (i + 1) % count, (i + 2) % count
            # The point that minimises the squared second differences while all others stay
            x = (4.0 * (xs[h] + xs[j]) - xs[g] - xs[k]) / 6.0
            z = (4.0 * (zs[h] + zs[j]) - zs[g] - zs[k]) / 6.0
            px, pz = points[i]
            sx, sz = sides[i]
            n = offsets[i]
            n += OVER_RELAXATION * ((x - px) * sx + (z - pz) * sz - n)
            n = min(max_offset, max(-max_offset, n))
            offsets[i] = n
            xs[i] = px + n * sx
            zs[i] = pz + n * sz
    return offsets


def _interpolate(coarse: list[int], offsets: list[float], count: int) -> list[float]:
    """Return the offsets at every node, smoothed with the B-spline that has the coarse ones as control points."""
    fine = []
    number = len(coarse)
    for k in range(number):
        start = coarse[k]
        end = coarse[k + 1] if k + 1 < number else count
        a, b, c, d = (offsets[(k + i) % number] for i in (-1, 0, 1, 2))
        for i in range(end - start):
            t = i / (end - start)
            u = 1.0 - t
            fine.append(
                (
                    u * u * u * a
                    + (3 * t * t * t - 6 * t * t + 4) * b
                    + (-3 * t * t * t + 3 * t * t + 3 * t + 1) * c
                    + t * t * t * d
                )
                / 6.0
            )
    return fine


def _bend_speed(bend: float) -> float:
    """Return the speed in m/s at which a bend of this curvature in 1/m uses all lateral grip."""
    need = abs(bend) - GRIP_OF_DOWNFORCE * GRIP_LATERAL * DOWNFORCE_PER_WEIGHT * G
    if need * TOP_SPEED * TOP_SPEED <= GRIP_LATERAL * G:
        return TOP_SPEED
    return sqrt(GRIP_LATERAL * G / need)


def _remaining_grip(v: float, bend: float) -> float:
    """Return the fraction of the grip that a bend leaves for driving and braking."""
    limit = GRIP_LATERAL * G * (1.0 + GRIP_OF_DOWNFORCE * DOWNFORCE_PER_WEIGHT * v * v)
    used = min(1.0, v * v * abs(bend) / limit)
    return sqrt(1.0 - used * used)


def _drive(v: float, bend: float) -> float:
    """Return the largest acceleration in m/s² that grip and power allow."""
    grip = TRACTION * G * (1.0 + DOWNFORCE_PER_WEIGHT * v * v) * _remaining_grip(v, bend)
    return min(grip, POWER_PER_MASS / max(v, 1.0)) - DRAG_PER_MASS * v * v


def _stop(v: float, bend: float) -> float:
    """Return the largest deceleration in m/s²."""
    return GRIP_BRAKE * G * (1.0 + DOWNFORCE_PER_WEIGHT * v * v) * _remaining_grip(v, bend) + DRAG_PER_MASS * v * v
