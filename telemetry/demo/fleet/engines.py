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
_RISE: Final = np.append(np.diff(_TORQUE), 0.0)  # behind the end it stays
# numpy takes arrays without dimensions sooner than floats
_LAST, _NONE, _STEP = np.array(len(TORQUE) - 1.0), np.array(0.0), np.array(STEP_S)
_RPM, _UPSHIFT_RPM, _HOLDS_RPM = np.array(RPM), np.array(UPSHIFT_RPM), np.array(IDLE_RPM * 1.02)
_EFFICIENCY, _JOULES_PER_LITRE = np.array(EFFICIENCY), np.array(JOULES_PER_LITRE)
_IDLE_STEP_LITRES: Final = np.array(IDLE_LITRES * STEP_S)


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
        up = wheel * _RATIOS[target] * _RPM > _UPSHIFT_RPM
        down = (wheel * _LOWER_RATIOS[target] * _RPM < down_rpm) & (target > FIRST)
        shifting = (up | down) & (self.wait <= 0)
        if not np.count_nonzero(shifting):
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
        if np.count_nonzero(self.shift_left):
            self.gear = np.where(self.shift_left == 1, self.target, self.gear)
            self.shift_left = np.maximum(self.shift_left - 1, 0)
        gear, speed = self.gear, self.speed
        ratio = _RATIOS[gear]
        rpm = speed * _RPM
        ignites = self.fuel > 0.0
        has_fuel = ignites
        if limit_wheel is None:
            self.limiting = self._nowhere
        else:
            self.limiting = (limit_wheel > 0.0) & (wheel > limit_wheel)
            ignites = ignites & ~self.limiting
        over = rpm > LIMITER_RPM
        if np.count_nonzero(over) or np.count_nonzero(self.cut):
            cut = np.where(over, LIMITER_CUT, self.cut)
            ignites = ignites & (cut <= 0)
            self.cut = np.maximum(cut - 1, 0)
        gas = gas * ignites
        full = full_torque(rpm) * self.health
        friction = 18.0 + 0.0055 * rpm
        torque = gas * (full + friction) - friction
        slow = rpm < IDLE_RPM
        if np.count_nonzero(slow):
            idle = (IDLE_RPM - rpm) * 0.2
            torque = np.where(slow & (torque < idle) & has_fuel, idle, torque)
        burnt = np.maximum(torque, _NONE) * speed * _STEP * fuel_rate / _JOULES_PER_LITRE
        fuel = np.maximum(self.fuel - burnt, _NONE)
        self.fuel = np.maximum(fuel - _IDLE_STEP_LITRES * fuel_rate, _NONE)
        driven = wheel * ratio
        self.joined = self.joined & (driven * _RPM > _HOLDS_RPM)
        self.clutch = self.joined * 1.0
        result: Array = torque * ratio * _EFFICIENCY
        slipping = (~self.joined).nonzero()[0]
        if len(slipping):
            self._slip(slipping, wheel, rpm, gas, torque, driven, ratio, result)
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
    place = np.minimum(np.maximum(rpm * 0.002, _NONE), _LAST)
    i = place.astype(np.int64)
    torque: Array = _TORQUE[i] + (place - i) * _RISE[i]
    return torque
