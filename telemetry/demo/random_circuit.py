"""Further circuits of the demo, each made from its number: the own one's straight and pits, and other bends.

The bends of the own circuit are moved, stretched and in half of the circuits mirrored; what comes out too tight or too
close to itself is drawn anew. The same number gives the same circuit everywhere.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from telemetry.demo.track import CONTROL_POINTS, HALF_WIDTH, RUN_OFF, STRAIGHT_POINTS, compute_track

if TYPE_CHECKING:
    from telemetry.demo.track import Track

_MAX_SHIFT_M: Final = 30.0
"""How far each control point is moved along both axes at most."""
_STRETCH: Final = (0.9, 1.4)
"""How wide the circuit is, of the own one's width."""
_LEAST_RADIUS_M: Final = 22.0
"""Tighter bends are not driven by the demo's car."""
_FAR_M: Final = 130.0
"""Parts of the circuit that are at least so far apart along it must not be close to each other."""


def make_circuit(number: int) -> tuple[Track, float]:
    """The circuit of a number from 1 on, and where its timing line lies on its spline, 0..1; takes some 100 ms."""
    rng = Random(number)  # noqa: S311 - a circuit, not a secret
    line = round(rng.random(), 3)
    while True:
        track = compute_track(_draw_points(rng))
        if _is_drivable(track):
            return track, line


def _draw_points(rng: Random) -> tuple[tuple[float, float], ...]:
    side = rng.choice((1.0, -1.0))
    stretch = rng.uniform(*_STRETCH)
    points = []
    for index, (x, z) in enumerate(CONTROL_POINTS):
        if index in STRAIGHT_POINTS:
            points.append((float(x), float(z)))
            continue
        moved_x, moved_z = (rng.uniform(-_MAX_SHIFT_M, _MAX_SHIFT_M) for _ in range(2))
        points.append((side * min(x * stretch + moved_x, 0.0), z + moved_z))
    return tuple(points)


def _is_drivable(track: Track) -> bool:
    """Whether no bend is too tight and no two parts of the circuit share their run-off."""
    if max(map(abs, track.curvature)) > 1.0 / _LEAST_RADIUS_M:
        return False
    every = 4
    places = list(zip(track.x, track.z, strict=True))[::every]
    apart = round(_FAR_M / track.spacing / every)
    least = (2.0 * (HALF_WIDTH + RUN_OFF)) ** 2
    count = len(places)
    for first in range(count):
        x, z = places[first]
        for second in range(first + apart, min(count, first + count - apart)):
            other_x, other_z = places[second]
            if (x - other_x) ** 2 + (z - other_z) ** 2 < least:
                return False
    return True
