"""The engines of many cars: :class:`telemetry.demo.physics.engine.Engine` in arrays of shape (cars,)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from telemetry.base.units import STEP_S
from telemetry.demo.physics.engine import (
    CLUTCH_BITE,
    CLUTCH_GRAB,
    CLUTCH_TORQUE,
    DOWNSHIFT_STEPS,
    EFFICIENCY,
    ENGINE_INERTIA,
    FIRST,
    GEARS,
    IDLE_LITRES,
    IDLE_RPM,
    JOULES_PER_LITRE,
    LAUNCH_RANGE,
    LAUNCH_RPM,
    LIMITER_CUT,
    LIMITER_RPM,
    NEUTRAL,
    RPM,
    SHIFT_PAUSE,
    TOP,
    TORQUE,
    UPSHIFT_RPM,
    UPSHIFT_STEPS,
)

if TYPE_CHECKING:
    from telemetry.fields.blocks import Array

_RATIOS: Final = np.array(GEARS)
_LOWER_RATIOS: Final = np.array([0.0, *GEARS[:-1]])
_INERTIA: Final = np.array([0.5 * ENGINE_INERTIA * ratio * ratio for ratio in GEARS])
_TORQUE: Final = np.array(TORQUE)
_RISE: Final = np.diff(_TORQUE)
_LAST: Final = len(TORQUE) - 1


class Engines:
    """The state of engines, clutches and gearboxes; attributes as in a single :class:`Engine`, (cars,) each.

    No car of a fleet drives backwards: reverse gear is never chosen.
    """

    CHANGED: Final = ("speed", "clutch", "joined", "fuel", "limiting", "gear", "target", "shift_left", "wait", "cut")
    """What a step makes anew; only ``health`` is left."""

    def __init__(self, count: int) -> None:
        self.speed, self.clutch, self.fuel = np.zeros(count), np.zeros(count), np.zeros(count)
        self.health = np.ones(count)
        self._nowhere = np.zeros(count, bool)
        self.joined, self.limiting = np.zeros(count, bool), np.zeros(count, bool)
        self.gear, self.target = np.full(count, FIRST), np.full(count, FIRST)
        self.shift_left, self.wait, self.cut = np.zeros(count, int), np.zeros(count, int), np.zeros(count, int)

    def inertia(self) -> Array:
        """:meth:`telemetry.demo.physics.engine.Engine.inertia` of each engine."""
        inertia: Array = _INERTIA[self.gear] * self.joined
        return inertia

    def choose(self, wheel: Array, wants_up: Array, down_rpm: Array, slipping: Array) -> None:
        """Let the automatic gearboxes shift, given the driven wheels' mean spin in rad/s and their slip.

        ``wants_up`` is whether there is gas enough for a higher gear, ``down_rpm`` where a lower one is taken.
        """
        target = self.target
        up = wheel * _RATIOS[target] * RPM > UPSHIFT_RPM
        down = (wheel * _LOWER_RATIOS[target] * RPM < down_rpm) & (target > FIRST)
        shifting = (up | down) & (self.wait <= 0)
        if not shifting.any():
            return
        up &= shifting & (target < TOP) & wants_up & ~(slipping > 0.25)
        down &= shifting & ~up
        shifting = up | down
        steps = np.where(up, UPSHIFT_STEPS, DOWNSHIFT_STEPS)
        self.target = target + up - down
        self.gear = np.where(shifting, NEUTRAL, self.gear)
        self.joined = self.joined & ~shifting
        self.shift_left = np.where(shifting, steps, self.shift_left)
        self.wait = np.where(shifting, steps + SHIFT_PAUSE, self.wait)

    def run(self, wheel: Array, gas: Array, fuel_rate: Array, limit_wheel: Array | None) -> Array:
        """:meth:`telemetry.demo.physics.engine.Engine.run` of each engine: the torques on the driven wheels in Nm.

        Without a ``limit_wheel`` no pit limiter is on.
        """
        self.wait = np.maximum(self.wait - 1, 0)
        if self.shift_left.any():
            self.gear = np.where(self.shift_left == 1, self.target, self.gear)
            self.shift_left = np.maximum(self.shift_left - 1, 0)
        gear, speed = self.gear, self.speed
        ratio = _RATIOS[gear]
        rpm = speed * RPM
        ignites = self.fuel > 0.0
        has_fuel = ignites
        if limit_wheel is None:
            self.limiting = self._nowhere
        else:
            self.limiting = (limit_wheel > 0.0) & (wheel > limit_wheel)
            ignites = ignites & ~self.limiting
        over = rpm > LIMITER_RPM
        if over.any() or self.cut.any():
            cut = np.where(over, LIMITER_CUT, self.cut)
            ignites = ignites & (cut <= 0)
            self.cut = np.maximum(cut - 1, 0)
        gas = gas * ignites
        full = full_torque(rpm) * self.health
        friction = 18.0 + 0.0055 * rpm
        torque = gas * (full + friction) - friction
        idle = (IDLE_RPM - rpm) * 0.2
        idles = (idle > 0.0) & (torque < idle) & has_fuel
        if idles.any():
            torque = np.where(idles, idle, torque)
        burnt = np.maximum(torque, 0.0) * speed * STEP_S * fuel_rate / JOULES_PER_LITRE
        fuel = np.maximum(self.fuel - burnt, 0.0)
        self.fuel = np.maximum(fuel - IDLE_LITRES * STEP_S * fuel_rate, 0.0)
        driven = wheel * ratio
        self.joined = self.joined & (driven * RPM > IDLE_RPM * 1.02)
        self.clutch = self.joined * 1.0
        result: Array = torque * ratio * EFFICIENCY
        if not self.joined.all():
            self._slip(np.flatnonzero(~self.joined), wheel, rpm, gas, torque, driven, ratio, result)
        else:
            self.speed = driven
        return result

    def _slip(
        self, cars: Array, wheel: Array, rpm: Array, gas: Array, torque: Array, driven: Array, ratio: Array,
        result: Array,
    ) -> None:  # fmt: skip
        """The step of the cars whose clutch slips, or that are between two gears; their torques go into `result`."""
        everywhere = driven
        speed, driven, ratio, gas = self.speed[cars], driven[cars], ratio[cars], gas[cars]
        clutch = (rpm[cars] - LAUNCH_RPM * (0.5 + 0.5 * gas)) / LAUNCH_RANGE
        clutch = np.where(gas < 0.02, 0.0, np.minimum(np.maximum(clutch, 0.0), 1.0))
        clutch = np.where(driven * RPM > LAUNCH_RPM + 600.0, 1.0, clutch)
        difference = speed - driven
        neutral = self.gear[cars] == NEUTRAL
        grabs = (clutch > 0.0) & (np.abs(difference) < CLUTCH_GRAB) & (driven * RPM > IDLE_RPM * 1.1) & ~neutral
        clutch = np.where(neutral, 0.0, np.where(grabs, 1.0, clutch))
        most = clutch * CLUTCH_TORQUE
        carried = np.minimum(np.maximum(clutch * CLUTCH_TORQUE * difference / CLUTCH_BITE, -most), most)
        want = np.maximum(wheel[cars] * _RATIOS[self.target[cars]], IDLE_RPM / RPM)
        self.joined[cars] = grabs
        self.clutch[cars] = clutch
        self.speed = everywhere.copy()
        self.speed[cars] = np.where(
            neutral,
            speed + (want - speed) * (STEP_S / 0.018),
            np.maximum(speed + (torque[cars] - carried) * (STEP_S / ENGINE_INERTIA), 0.0),
        )
        result[cars] = np.where(neutral, 0.0, carried * ratio * EFFICIENCY)


def full_torque(rpm: Array) -> Array:
    """:func:`telemetry.demo.physics.engine.full_torque` at each of these engine speeds, in Nm."""
    place = np.minimum(np.maximum(rpm * 0.002, 0.0), _LAST)
    i = np.minimum(place.astype(np.int64), _LAST - 1)
    torque: Array = _TORQUE[i] + (place - i) * _RISE[i]
    return torque
