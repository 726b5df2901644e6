"""Where many cars are on the map of a track: :meth:`telemetry.tracks.track.TrackMap.place_at` in arrays."""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from telemetry.fields.blocks import Array
from telemetry.tracks.track import TrackMap


def find_places(track: TrackMap, position: Array, x: Array, z: Array, heading: Array) -> Array:
    """:meth:`~telemetry.tracks.track.TrackMap.place_at` of many cars, (n,) each: offset and heading, (n, 2)."""
    nodes = _node_columns(track)
    node = _find_nodes(track, nodes, position, x, z)
    headings = _remainder_of_turn(nodes.direction[node] - heading)
    offset = (x - nodes.x[node]) * nodes.tangent_z[node] - (z - nodes.z[node]) * nodes.tangent_x[node]
    return np.stack([offset, headings], axis=1)


def _remainder_of_turn(angles: Array) -> Array:
    """The angles without whole turns, -pi to pi, as ``math.remainder`` has them; NaN where they are not finite."""
    size = np.abs(angles)
    within = np.where(size > math.pi, angles - np.copysign(math.tau, angles), angles)  # exact up to a turn and a half
    (others,) = (~(size < 1.5 * math.tau) | (within == 0.0)).nonzero()
    for index in others.tolist():
        angle = angles[index].item()
        within[index] = math.remainder(angle, math.tau) if math.isfinite(angle) else math.nan
    return within


class _Nodes(NamedTuple):
    """The points of a map, and the direction of the road there, also as an angle."""

    x: Array
    z: Array
    tangent_x: Array
    tangent_z: Array
    direction: Array


def _find_nodes(track: TrackMap, nodes: _Nodes, position: Array, x: Array, z: Array) -> Array:
    """:meth:`~telemetry.tracks.track.TrackMap.node` of many cars."""
    count = len(nodes.x)
    share = (np.where(np.isfinite(position), position, track.first_position) - track.first_position) % 1.0
    node: Array = (share * count).astype(np.int64) % count
    best = (nodes.x[node] - x) ** 2 + (nodes.z[node] - z) ** 2
    for step in (1, -1):
        moving = np.arange(len(x))
        while len(moving):
            following = (node[moving] + step) % count
            distance = (nodes.x[following] - x[moving]) ** 2 + (nodes.z[following] - z[moving]) ** 2
            nearer = distance < best[moving]
            moving = moving[nearer]
            node[moving], best[moving] = following[nearer], distance[nearer]
    return node


@lru_cache(maxsize=8)
def _node_columns(track: TrackMap) -> _Nodes:
    direction = [math.atan2(-tx, tz) for tx, tz in zip(track.tangent_x, track.tangent_z, strict=True)]
    return _Nodes(*map(np.array, (track.x, track.z, track.tangent_x, track.tangent_z, direction)))
