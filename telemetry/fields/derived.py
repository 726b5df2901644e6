"""A sample, which is a snapshot with all derived fields, and :func:`derive`, which makes one."""

from typing import Annotated, Final

from telemetry.fields.metrics.conversions import PHYSICS_STEPS, STEER_DEGREES
from telemetry.fields.metrics.damage import BODYWORK_CRITICAL, BODYWORK_DAMAGED, DAMAGE_LEVEL
from telemetry.fields.metrics.enums import FLAG_NAME, GEAR_NAME, SESSION_NAME, STATUS_NAME
from telemetry.fields.metrics.lap_progress import (
    IS_LAP_VALID,
    LAP,
    LAP_DISTANCE,
    LAP_TIME,
    LAP_VALID,
    LINE_POSITION,
    RUN,
)
from telemetry.fields.metrics.metric import Metric, collect_metrics, compile_metrics
from telemetry.fields.metrics.slip import LONGITUDINAL_SLIP, SLIP_RATIO, WHEEL_LOCK_DETECTED, WHEEL_LOCKED
from telemetry.fields.metrics.tyres import TYRE_CRITICAL, TYRE_DAMAGED, TYRE_WEAR_BEST, TYRE_WORN
from telemetry.fields.schema import DamageZones, NullableWheels, WheelFlags, Wheels
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.thresholds import DEFAULTS, Thresholds

__all__ = ["METRICS", "Sample", "derive"]


class Sample(Snapshot):
    """A snapshot and its derived fields: what every sink writes.

    Each attribute names the metric that it holds; :data:`METRICS` and :func:`derive` follow from them.
    """

    __slots__ = ()

    run: Annotated[int, RUN]
    lap: Annotated[int, LAP]
    lap_time: Annotated[int, LAP_TIME]
    lap_valid: Annotated[bool | None, LAP_VALID]
    is_lap_valid: Annotated[bool, IS_LAP_VALID]
    line_position: Annotated[float | None, LINE_POSITION]
    wheel_lock_detected: Annotated[bool | None, WHEEL_LOCK_DETECTED]
    wheel_locked: Annotated[WheelFlags, WHEEL_LOCKED]
    slip_ratio: Annotated[NullableWheels, SLIP_RATIO]
    longitudinal_slip: Annotated[NullableWheels, LONGITUDINAL_SLIP]
    damage_level: Annotated[DamageZones, DAMAGE_LEVEL]
    bodywork_damaged: Annotated[bool, BODYWORK_DAMAGED]
    bodywork_critical: Annotated[bool, BODYWORK_CRITICAL]
    tyre_worn: Annotated[NullableWheels, TYRE_WORN]
    tyre_wear_best: Annotated[Wheels, TYRE_WEAR_BEST]
    tyre_damaged: Annotated[bool, TYRE_DAMAGED]
    tyre_critical: Annotated[bool, TYRE_CRITICAL]
    lap_distance: Annotated[float | None, LAP_DISTANCE]
    steer_degrees: Annotated[float | None, STEER_DEGREES]
    status_name: Annotated[str, STATUS_NAME]
    session_name: Annotated[str, SESSION_NAME]
    flag_name: Annotated[str, FLAG_NAME]
    gear_name: Annotated[str, GEAR_NAME]
    physics_steps: Annotated[int | None, PHYSICS_STEPS]


METRICS: Final[tuple[Metric, ...]] = collect_metrics(Sample)
"""All metrics, in the order of the sample's fields."""

_calculate: Final = compile_metrics(METRICS)


def derive(now: Snapshot, before: Sample | None = None, thresholds: Thresholds = DEFAULTS) -> Sample:
    """The sample of this snapshot; a pure function of it, the sample before (None on the first) and the thresholds."""
    return tuple.__new__(Sample, now + _calculate(now, before, thresholds))
