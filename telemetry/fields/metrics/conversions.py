"""Raw values in another unit, or relative to the sample before."""

from typing import TYPE_CHECKING, Any, Final

from telemetry.fields.metrics.metric import Metric
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.thresholds import DEFAULTS, Thresholds

if TYPE_CHECKING:
    import numpy as np

    from telemetry.fields.blocks import Array


def steer_degrees(steer_angle: float, thresholds: Thresholds = DEFAULTS) -> float | None:
    """Degrees of the steering wheel, + right; None unless the lock was stated."""
    return None if thresholds.steer_lock is None else steer_angle * thresholds.steer_lock


def steer_degrees_columns(steer_angle: "Array", thresholds: Thresholds = DEFAULTS) -> "Array":
    """The column form of :func:`steer_degrees`, shape (n,)."""
    import numpy as np

    lock = np.nan if thresholds.steer_lock is None else thresholds.steer_lock
    return steer_angle * lock


def physics_steps(packet_id: int, before: Snapshot | None) -> int | None:
    """Physics steps since the sample before; None on the first sample and where the count started again."""
    if before is None:
        return None
    steps = packet_id - before.packet_id
    return steps if steps >= 0 else None


def physics_steps_columns(packet_id: "Array", before: Snapshot | None) -> "np.ma.MaskedArray[Any, Any]":
    """The column form of :func:`physics_steps`, shape (n,)."""
    return physics_steps_after(packet_id, None if before is None else before.packet_id)


def physics_steps_after(packet_id: "Array", before: int | None) -> "np.ma.MaskedArray[Any, Any]":
    """The same after a sample with this ``packet_id``."""
    import numpy as np

    first = packet_id[:1] + 1 if before is None else [before]
    steps = np.diff(packet_id, prepend=first)
    return np.ma.masked_less(steps, 0)


STEER_DEGREES: Final = Metric(
    name="steer_degrees",
    value_type=float | None,
    unit="deg",
    meaning="steer_angle x the stated steering lock; null without one",
    inputs=("steer_angle", "thresholds"),
    scalar=steer_degrees,
    columns=steer_degrees_columns,
)

PHYSICS_STEPS: Final = Metric(
    name="physics_steps",
    value_type=int | None,
    unit="count",
    meaning="physics steps since the sample before; null on the first and after a restart",
    inputs=("packet_id", "before"),
    scalar=physics_steps,
    columns=physics_steps_columns,
)
