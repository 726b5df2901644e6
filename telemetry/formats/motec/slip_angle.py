"""The slip angle of each tyre, which the game's pages do not hold."""

from collections.abc import Callable
from typing import Final

import numpy as np

from telemetry.fields.blocks import Array

NEEDED_FIELDS: Final = (
    "heading", "local_velocity_x", "local_velocity_z", "angular_velocity_y", "tyre_contact_point",
    "tyre_contact_heading",
)  # fmt: skip

MIN_SPEED_MS: Final = 0.5
"""Speed of a wheel below which it has no slip angle."""


def slip_angles(take: Callable[[str], Array]) -> Array:
    """Slip angles in degrees, + in a left turn, (n, 4), from these fields of n samples.

    They are those of the contact points in the plane, with the car turning about the middle of these; without the
    tyre's relaxation. A wheel that stands has 0.
    """
    heading, ahead_ms, left_ms, turning = (
        np.asarray(take(name), dtype=np.float64)[:, np.newaxis]
        for name in ("heading", "local_velocity_z", "local_velocity_x", "angular_velocity_y")
    )
    sin, cos = np.sin(heading), np.cos(heading)

    def in_car(vectors: Array) -> tuple[Array, Array]:
        """What of vectors in the world points ahead and left."""
        x, z = vectors[..., 0], vectors[..., 2]
        return z * cos - x * sin, x * cos + z * sin

    points = np.asarray(take("tyre_contact_point"), dtype=np.float64)
    ahead_m, left_m = in_car(points - points.mean(axis=1, keepdims=True))
    backwards_ahead, backwards_left = in_car(np.asarray(take("tyre_contact_heading"), dtype=np.float64))
    along, across = ahead_ms - turning * left_m, left_ms + turning * ahead_m
    forward = -(along * backwards_ahead + across * backwards_left)
    sideways = along * backwards_left - across * backwards_ahead
    with np.errstate(invalid="ignore"):  # pages can hold NaN
        moves = ~(np.abs(forward) <= MIN_SPEED_MS)
        angles: Array = np.where(moves, -np.degrees(np.arctan2(sideways, np.abs(forward))), 0.0)
    return angles
