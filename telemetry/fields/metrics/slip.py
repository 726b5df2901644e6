"""How much the tyres slide, and whether wheels lock up."""

from typing import Final

from telemetry.fields.metrics.metric import Metric
from telemetry.fields.schema import NullableWheels, WheelFlags, Wheels
from telemetry.fields.thresholds import DEFAULTS, Thresholds

NOMINAL_RADIUS_M: Final = 0.33
"""Distinguishes a stopped wheel from a turning one where the game gives no tyre radius."""


def slip_ratio(
    forward_speed: float, angular_speed: Wheels, radius: Wheels, thresholds: Thresholds = DEFAULTS
) -> NullableWheels:
    """Per wheel 0 rolling .. 1 locked or spinning: the difference of tyre and road speed over the greater one.

    None at low speed, and for a wheel without a radius.
    """
    if not abs(forward_speed) >= thresholds.min_speed:  # also for NaN
        return (None, None, None, None)
    return (
        _slip_of_wheel(forward_speed, angular_speed[0], radius[0]),
        _slip_of_wheel(forward_speed, angular_speed[1], radius[1]),
        _slip_of_wheel(forward_speed, angular_speed[2], radius[2]),
        _slip_of_wheel(forward_speed, angular_speed[3], radius[3]),
    )


def _slip_of_wheel(road_speed: float, angular_speed: float, radius: float) -> float | None:
    if not radius > 0.0:
        return None
    tyre_speed = angular_speed * radius
    slip = abs(tyre_speed - road_speed) / max(abs(tyre_speed), abs(road_speed))
    if slip <= 1.0:
        return slip
    # A wheel that turns against the road exceeds 1; NaN and infinite speeds have no slip.
    return 1.0 if slip > 1.0 else None


def wheel_lock_detected(brake: float, slip: NullableWheels, thresholds: Thresholds = DEFAULTS) -> bool | None:
    """Whether the car brakes hard while its wheels, on average, slide more than they roll; None without slip ratios."""
    fl, fr, rl, rr = slip
    if fl is None or fr is None or rl is None or rr is None:
        return None
    return brake > thresholds.lock_brake and (fl + fr + rl + rr) / 4 > thresholds.lock_slip


def wheel_locked(
    brake: float, forward_speed: float, angular_speed: Wheels, radius: Wheels, thresholds: Thresholds = DEFAULTS
) -> WheelFlags:
    """Per wheel, whether it has (almost) stopped turning while the car moves and the brake is on."""
    road_speed = abs(forward_speed)
    if not (brake > thresholds.brake_on and road_speed >= thresholds.min_speed):
        return (False, False, False, False)
    limit = thresholds.locked_wheel * road_speed
    fl, fr, rl, rr = [
        abs(speed) * (size if size > 0.0 else NOMINAL_RADIUS_M) < limit
        for speed, size in zip(angular_speed, radius, strict=True)
    ]
    return (fl, fr, rl, rr)


SLIP_RATIO: Final = Metric(
    name="slip_ratio",
    value_type=NullableWheels,
    unit="ratio",
    meaning="0 rolling .. 1 locked or spinning; null at low speed or without a radius",
    valid_range=(0.0, 1.0),
    inputs=("local_velocity_z", "wheel_angular_speed", "tyre_radius", "thresholds"),
    scalar=slip_ratio,
)

WHEEL_LOCK_DETECTED: Final = Metric(
    name="wheel_lock_detected",
    value_type=bool | None,
    unit="",
    meaning="hard braking and a mean slip ratio above 0.5; null without slip ratios",
    inputs=("brake", SLIP_RATIO, "thresholds"),
    scalar=wheel_lock_detected,
)

WHEEL_LOCKED: Final = Metric(
    name="wheel_locked",
    value_type=WheelFlags,
    unit="",
    meaning="the wheel has (almost) stopped while the car moves and brakes",
    inputs=("brake", "local_velocity_z", "wheel_angular_speed", "tyre_radius", "thresholds"),
    scalar=wheel_locked,
)
