"""How much the tyres slide along the road, and whether wheels lock up."""

import math
from typing import TYPE_CHECKING, Any, Final

from telemetry.fields.metrics.metric import Metric
from telemetry.fields.schema import NullableWheels, WheelFlags, Wheels
from telemetry.fields.thresholds import DEFAULTS, LOCK_SLIPS, Thresholds

if TYPE_CHECKING:
    import numpy as np

    from telemetry.fields.blocks import Array

KMH_PER_M_S: Final = 3.6
"""km/h in one m/s: the pages have the velocity of the car in m/s."""

NOMINAL_RADIUS_M: Final = 0.33
"""Distinguishes a stopped wheel from a turning one where the game gives no tyre radius."""

NO_SLIP: Final = (None, None, None, None)
"""Slip at low speed, or without any radius."""


def longitudinal_slip(
    forward_speed: float, angular_speed: Wheels, radius: Wheels, thresholds: Thresholds = DEFAULTS
) -> NullableWheels:
    """Per wheel (tyre speed - road speed) / road speed, as the game has it: -1 locked, 0 rolling, + spinning.

    It has no bounds: a wheel that spins at the start reaches 30, one that turns against the road is below -1. In
    reverse both speeds are negative, so that there, too, -1 is a locked wheel and + one that turns too fast. None at
    low speed, and for a wheel without a radius.
    """
    if not abs(forward_speed) * KMH_PER_M_S >= thresholds.min_speed_kmh:  # also for NaN
        return NO_SLIP
    fl, fr, rl, rr = radius
    if fl > 0.0 and fr > 0.0 and rl > 0.0 and rr > 0.0:
        fl = (angular_speed[0] * fl - forward_speed) / forward_speed
        fr = (angular_speed[1] * fr - forward_speed) / forward_speed
        rl = (angular_speed[2] * rl - forward_speed) / forward_speed
        rr = (angular_speed[3] * rr - forward_speed) / forward_speed
        if math.isfinite(fl + fr + rl + rr):
            return (fl, fr, rl, rr)
    # Written out, because all this runs once per sample.
    return (
        _slip_of_wheel(forward_speed, angular_speed[0], radius[0]),
        _slip_of_wheel(forward_speed, angular_speed[1], radius[1]),
        _slip_of_wheel(forward_speed, angular_speed[2], radius[2]),
        _slip_of_wheel(forward_speed, angular_speed[3], radius[3]),
    )


def _slip_of_wheel(road_speed: float, angular_speed: float, radius: float) -> float | None:
    if not radius > 0.0:
        return None
    slip = (angular_speed * radius - road_speed) / road_speed
    return slip if math.isfinite(slip) else None


def slip_ratio(slip: NullableWheels) -> NullableWheels:
    """Per wheel 0 rolling .. 1 locked or spinning: the difference of tyre and road speed over the greater one.

    ``slip`` is the :func:`longitudinal_slip`; a wheel that turns against the road slides wholly.
    """
    fl, fr, rl, rr = slip
    if fl is None or fr is None or rl is None or rr is None:
        return NO_SLIP if slip is NO_SLIP else (_bounded(fl), _bounded(fr), _bounded(rl), _bounded(rr))
    return (
        fl / (1.0 + fl) if fl > 0.0 else 0.0 - fl if fl > -1.0 else 1.0,
        fr / (1.0 + fr) if fr > 0.0 else 0.0 - fr if fr > -1.0 else 1.0,
        rl / (1.0 + rl) if rl > 0.0 else 0.0 - rl if rl > -1.0 else 1.0,
        rr / (1.0 + rr) if rr > 0.0 else 0.0 - rr if rr > -1.0 else 1.0,
    )


def _bounded(slip: float | None) -> float | None:
    if slip is None:
        return None
    return slip / (1.0 + slip) if slip > 0.0 else min(0.0 - slip, 1.0)


def wheel_lock_detected(
    brake: float, slip: NullableWheels, load: Wheels, thresholds: Thresholds = DEFAULTS
) -> bool | None:
    """Whether the car brakes hard while a wheel locks up: by the rule of the thresholds.

    ``greatest``: any wheel on the road is slower than it by more than ``lock_slip``. A wheel that spins is no lock, nor
    is one in the air, which the brake stops at once. ``mean``: the mean of the four slip ratios is above ``lock_slip``.

    ``slip`` is the :func:`longitudinal_slip`. None without any slip, and while braking where the answer depends on a
    wheel whose slip is not known.
    """
    if not brake > thresholds.lock_brake:
        return None if slip == NO_SLIP else False
    limit = thresholds.lock_slip
    if limit is None:
        limit = LOCK_SLIPS[thresholds.lock_rule]
    if thresholds.lock_rule == "mean":
        fl, fr, rl, rr = slip_ratio(slip)
        if fl is None or fr is None or rl is None or rr is None:
            return None
        return (fl + fr + rl + rr) / 4 > limit
    on_road = [wheel for wheel, newtons in zip(slip, load, strict=True) if not newtons < thresholds.min_load]
    if any(wheel is not None and wheel < -limit for wheel in on_road):
        return True
    return None if None in on_road or slip == NO_SLIP else False


def wheel_locked(
    brake: float,
    forward_speed: float,
    angular_speed: Wheels,
    radius: Wheels,
    load: Wheels,
    thresholds: Thresholds = DEFAULTS,
) -> WheelFlags:
    """Per wheel, whether it has (almost) stopped turning on the road while the car moves and the brake is on."""
    road_speed = abs(forward_speed)
    if not (brake > thresholds.brake_on and road_speed * KMH_PER_M_S >= thresholds.min_speed_kmh):
        return (False, False, False, False)
    limit = thresholds.locked_wheel * road_speed
    fl, fr, rl, rr = [
        abs(speed) * (size if size > 0.0 else NOMINAL_RADIUS_M) < limit and not newtons < thresholds.min_load
        for speed, size, newtons in zip(angular_speed, radius, load, strict=True)
    ]
    return (fl, fr, rl, rr)


def longitudinal_slip_columns(
    forward_speed: "Array", angular_speed: "Array", radius: "Array", thresholds: Thresholds = DEFAULTS
) -> "Array":
    """The column form of :func:`longitudinal_slip`, shape (n, 4)."""
    import numpy as np

    road_speed = forward_speed[:, np.newaxis]
    slip = (angular_speed * radius - road_speed) / road_speed
    is_known = (np.abs(road_speed) * KMH_PER_M_S >= thresholds.min_speed_kmh) & (radius > 0.0) & np.isfinite(slip)
    return np.where(is_known, slip, np.nan)


def slip_ratio_columns(slip: "Array") -> "Array":
    """The column form of :func:`slip_ratio`, shape (n, 4)."""
    import numpy as np

    sliding = np.where(slip > -1.0, 0.0 - slip, 1.0)
    return np.where(np.isnan(slip), np.nan, np.where(slip > 0.0, slip / (1.0 + slip), sliding))


def wheel_lock_columns(
    brake: "Array", slip: "Array", load: "Array", thresholds: Thresholds = DEFAULTS
) -> "np.ma.MaskedArray[Any, Any]":
    """The column form of :func:`wheel_lock_detected`, shape (n,)."""
    import numpy as np

    limit = LOCK_SLIPS[thresholds.lock_rule] if thresholds.lock_slip is None else thresholds.lock_slip
    is_unknown = np.isnan(slip)
    if thresholds.lock_rule == "mean":
        fl, fr, rl, rr = slip_ratio_columns(slip).T
        is_locked = (fl + fr + rl + rr) / 4 > limit
        has_no_answer = is_unknown.any(axis=1)
    else:
        on_road = ~(load < thresholds.min_load)
        is_locked = (on_road & (slip < -limit)).any(axis=1)
        has_no_answer = ~is_locked & ((on_road & is_unknown).any(axis=1) | is_unknown.all(axis=1))
    is_braking = brake > thresholds.lock_brake
    return np.ma.MaskedArray(is_braking & is_locked, np.where(is_braking, has_no_answer, is_unknown.all(axis=1)))


def wheel_locked_columns(
    brake: "Array",
    forward_speed: "Array",
    angular_speed: "Array",
    radius: "Array",
    load: "Array",
    thresholds: Thresholds = DEFAULTS,
) -> "Array":
    """The column form of :func:`wheel_locked`, shape (n, 4)."""
    import numpy as np

    road_speed = np.abs(forward_speed)
    is_braking = (brake > thresholds.brake_on) & (road_speed * KMH_PER_M_S >= thresholds.min_speed_kmh)
    tyre_speed = np.abs(angular_speed) * np.where(radius > 0.0, radius, NOMINAL_RADIUS_M)
    has_stopped = tyre_speed < (thresholds.locked_wheel * road_speed)[:, np.newaxis]
    return is_braking[:, np.newaxis] & has_stopped & ~(load < thresholds.min_load)


LONGITUDINAL_SLIP: Final = Metric(
    name="longitudinal_slip",
    value_type=NullableWheels,
    unit="ratio",
    meaning="(tyre - road) / road speed: -1 locked, 0 rolling, + spinning, no bounds; null as slip_ratio",
    inputs=("local_velocity_z", "wheel_angular_speed", "tyre_radius", "thresholds"),
    scalar=longitudinal_slip,
    columns=longitudinal_slip_columns,
)

SLIP_RATIO: Final = Metric(
    name="slip_ratio",
    value_type=NullableWheels,
    unit="ratio",
    meaning="0 rolling .. 1 locked or spinning; null at low speed or without a radius",
    valid_range=(0.0, 1.0),
    inputs=(LONGITUDINAL_SLIP,),
    scalar=slip_ratio,
    columns=slip_ratio_columns,
)

WHEEL_LOCK_DETECTED: Final = Metric(
    name="wheel_lock_detected",
    value_type=bool | None,
    unit="",
    meaning="hard braking and a loaded wheel with a longitudinal_slip below -0.7; null without slip",
    inputs=("brake", LONGITUDINAL_SLIP, "wheel_load", "thresholds"),
    scalar=wheel_lock_detected,
    columns=wheel_lock_columns,
)

WHEEL_LOCKED: Final = Metric(
    name="wheel_locked",
    value_type=WheelFlags,
    unit="",
    meaning="the loaded wheel has (almost) stopped while the car moves and brakes",
    inputs=("brake", "local_velocity_z", "wheel_angular_speed", "tyre_radius", "wheel_load", "thresholds"),
    scalar=wheel_locked,
    columns=wheel_locked_columns,
)
