"""The circuits of many cars as one table of nodes, and the search for the node that each car is at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetry.demo.track import Track
    from telemetry.fields.blocks import Array


Found = tuple["Array", "Array", "Array", "Array"]


class Surroundings(NamedTuple):
    """The node that each car is at, and the one after it: (cars,) each."""

    x: Array
    z: Array
    tangent_x: Array
    tangent_z: Array
    next_x: Array
    next_z: Array
    next_tangent_x: Array
    next_tangent_z: Array
    gradient: Array
    y: Array
    rise: Array
    """Metres from its height to that of the next node."""
    left_near: Array
    """`n` from which on a car may touch the barrier on the left."""
    right_near: Array
    """The same on the right."""


class TrackTable:
    """The nodes of several circuits one behind the other; every array is (nodes,), named as in a :class:`Track`."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        def join(name: str) -> Array:
            return np.concatenate([np.array(getattr(track, name)) for track in tracks])

        self.x, self.y, self.z = join("x"), join("y"), join("z")
        self.tangent_x, self.tangent_z = join("tangent_x"), join("tangent_z")
        self.gradient, self.kerb = join("gradient"), join("kerb")
        self.left_wall, self.right_wall = join("left_wall"), join("right_wall")
        counts = np.array([len(track.x) for track in tracks])
        self.first = np.cumsum(counts) - counts
        """The first node of each circuit."""
        self.length = np.array([track.length for track in tracks])
        self.spacing = np.array([track.spacing for track in tracks])
        nodes = np.arange(counts.sum())
        self.following, self.previous = nodes + 1, nodes - 1
        """The node after and before each node, around its circuit."""
        self.following[self.first + counts - 1] = self.first
        self.previous[self.first] = self.first + counts - 1
        near = 2.6  # m from a barrier at which a corner of the car may touch it
        following = self.following
        self.rows = np.stack(
            [
                *(self.x, self.z, self.tangent_x, self.tangent_z),
                *(self.x[following], self.z[following], self.tangent_x[following], self.tangent_z[following]),
                *(self.gradient, self.y, self.y[following] - self.y, self.left_wall - near, self.right_wall + near),
            ]
        )
        """What a step needs of each node, (13, nodes), see :class:`Surroundings`."""

    def place(self, node: Array, x: Array, z: Array) -> tuple[Array, Array]:
        """How far points lie along the direction of nodes, and to the left of it."""
        node_x, node_z, tx, tz = self.rows[:4].take(node, axis=1)
        dx, dz = x - node_x, z - node_z
        return dx * tx + dz * tz, dx * tz - dz * tx

    def pass_on(self, x: Array, z: Array, node: Array, placed: tuple[Array, Array]) -> Found | None:
        """:meth:`locate` for points that all lie between the next node and the one after it; None if one does not.

        ``placed`` is what :meth:`place` gives for the nodes after these.
        """
        along, n = placed
        node = self.following.take(node)
        rows = self.rows.take(node, axis=1)
        dx, dz = x - rows[4], z - rows[5]
        beyond = dx * rows[6] + dz * rows[7]
        if np.count_nonzero(along >= 0.0) < len(along) or np.count_nonzero(beyond >= 0.0):
            return None
        part = along / (along - beyond)
        return node, part, n + part * (dx * rows[7] - dz * rows[6] - n), rows

    def locate(self, x: Array, z: Array, hint: Array, placed: tuple[Array, Array]) -> Found:
        """:meth:`telemetry.demo.track.Track.locate` for many points: nodes, fractions, `n` and the nodes' rows.

        ``placed`` is what :meth:`place` gives for the hints.
        """
        node = hint.copy()
        along, n = placed
        behind = (along < 0.0).nonzero()[0]
        while len(behind):
            node[behind] = self.previous[node[behind]]
            along[behind], n[behind] = self.place(node[behind], x[behind], z[behind])
            behind = behind[along[behind] < 0.0]
        beyond, next_n = self.place(self.following[node], x, z)
        passed = (beyond >= 0.0).nonzero()[0]
        while len(passed):
            node[passed] = self.following[node[passed]]
            along[passed], n[passed] = beyond[passed], next_n[passed]
            beyond[passed], next_n[passed] = self.place(self.following[node[passed]], x[passed], z[passed])
            passed = passed[beyond[passed] >= 0.0]
        part = along / (along - beyond)
        return node, part, n + part * (next_n - n), self.rows.take(node, axis=1)
