"""The engines of many cars: :class:`telemetry.demo.physics.engine.Engine` in arrays of shape (cars,)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from telemetry.base.units import STEP_S
from telemetry.demo.physics.engine import (
    CLUTCH_BITE,
    CLUTCH_GRAB,
    CLUTCH_TORQUE,
    DOWNSHIFT_RPM,
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
    LAZY_DOWNSHIFT_RPM,
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
        self.joined, self.limiting = np.zeros(count, bool), np.zeros(count, bool)
        self.gear, self.target = np.full(count, FIRST), np.full(count, FIRST)
        self.shift_left, self.wait, self.cut = np.zeros(count, int), np.zeros(count, int), np.zeros(count, int)

    def inertia(self) -> Array:
        """:meth:`telemetry.demo.physics.engine.Engine.inertia` of each engine."""
        inertia: Array = _INERTIA[self.gear] * self.joined
        return inertia

    def choose(self, wheel: Array, gas: Array, brake: Array, sliding: Array) -> None:
        """Let the automatic gearboxes shift, given the driven wheels' mean spin in rad/s."""
        target = self.target
        ready = self.wait <= 0
        rpm = wheel * _RATIOS[target] * RPM
        up = ready & (rpm > UPSHIFT_RPM) & (target < TOP) & (gas > 0.2) & ~sliding
        lower = wheel * _LOWER_RATIOS[target] * RPM
        limit = np.where((brake > 0.05) | (gas > 0.8), DOWNSHIFT_RPM, LAZY_DOWNSHIFT_RPM)
        down = ready & (lower < limit) & (target > FIRST) & ~up
        shifting = up | down
        if not shifting.any():
            return
        steps = np.where(up, UPSHIFT_STEPS, DOWNSHIFT_STEPS)
        self.target = target + up - down
        self.gear = np.where(shifting, NEUTRAL, self.gear)
        self.joined = self.joined & ~shifting
        self.shift_left = np.where(shifting, steps, self.shift_left)
        self.wait = np.where(shifting, steps + SHIFT_PAUSE, self.wait)

    def run(self, wheel: Array, gas: Array, fuel_rate: Array, limit_wheel: Array) -> Array:
        """:meth:`telemetry.demo.physics.engine.Engine.run` of each engine: the torques on the driven wheels in Nm."""
        self.wait = np.maximum(self.wait - 1, 0)
        if self.shift_left.any():
            self.gear = np.where(self.shift_left == 1, self.target, self.gear)
            self.shift_left = np.maximum(self.shift_left - 1, 0)
        gear, speed = self.gear, self.speed
        ratio = _RATIOS[gear]
        rpm = speed * RPM
        self.limiting = (limit_wheel > 0.0) & (wheel > limit_wheel)
        cut = np.where(rpm > LIMITER_RPM, LIMITER_CUT, self.cut)
        gas = gas * ((cut <= 0) & (self.fuel > 0.0) & ~self.limiting)
        self.cut = np.maximum(cut - 1, 0)
        full = full_torque(rpm) * self.health
        friction = 18.0 + 0.0055 * rpm
        torque = gas * (full + friction) - friction
        idle = (IDLE_RPM - rpm) * 0.2
        torque = np.where((idle > 0.0) & (torque < idle) & (self.fuel > 0.0), idle, torque)
        burnt = np.maximum(torque, 0.0) * speed * STEP_S * fuel_rate / JOULES_PER_LITRE
        fuel = np.maximum(self.fuel - burnt, 0.0)
        self.fuel = np.maximum(fuel - IDLE_LITRES * STEP_S * fuel_rate, 0.0)
        driven = wheel * ratio
        self.joined = self.joined & (driven * RPM > IDLE_RPM * 1.02)
        self.clutch = self.joined * 1.0
        self.speed = np.where(self.joined, driven, speed)
        result: Array = torque * ratio * EFFICIENCY
        loose = np.flatnonzero(~self.joined)
        if len(loose):
            self._slip(loose, wheel, rpm, gas, torque, driven, ratio, result)
        return result

    def _slip(
        self, cars: Array, wheel: Array, rpm: Array, gas: Array, torque: Array, driven: Array, ratio: Array,
        result: Array,
    ) -> None:  # fmt: skip
        """The step of the cars whose clutch slips, or that are between two gears; their torques go into `result`."""
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
    low = _TORQUE[i]
    torque: Array = low + (place - i) * (_TORQUE[i + 1] - low)
    return torque
