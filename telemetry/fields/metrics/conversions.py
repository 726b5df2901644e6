"""Raw values in another unit, or relative to the sample before."""

from typing import Final

from telemetry.fields.metrics.metric import Metric
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.thresholds import DEFAULTS, Thresholds


def steer_degrees(steer_angle: float, thresholds: Thresholds = DEFAULTS) -> float | None:
    """Degrees of the steering wheel, + right; None unless the lock was stated."""
    return None if thresholds.steer_lock is None else steer_angle * thresholds.steer_lock


def physics_steps(packet_id: int, before: Snapshot | None) -> int | None:
    """Physics steps since the sample before; None on the first sample and where the count started again."""
    if before is None:
        return None
    steps = packet_id - before.packet_id
    return steps if steps >= 0 else None


STEER_DEGREES: Final = Metric(
    name="steer_degrees",
    value_type=float | None,
    unit="deg",
    meaning="steer_angle x the stated steering lock; null without one",
    inputs=("steer_angle", "thresholds"),
    scalar=steer_degrees,
)

PHYSICS_STEPS: Final = Metric(
    name="physics_steps",
    value_type=int | None,
    unit="count",
    meaning="physics steps since the sample before; null on the first and after a restart",
    inputs=("packet_id", "before"),
    scalar=physics_steps,
)
