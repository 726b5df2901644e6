"""The demo's driver: follows the racing line, with limited speed of steering and pedals, and small mistakes.

Positions on the track are given as `s`, metres along the centre line, and `n`, metres to the left of it, as in
:mod:`telemetry.demo.track`.
"""

# ruff: noqa: FBT001, FURB136 - in the hot step positional arguments and comparisons beat keywords and min()

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Final

from telemetry.base.units import STEP_S
from telemetry.demo.physics.car import BRAKE_TORQUE, DRAG, FRONT, REAR, STEER_LOCK, DriverInputs
from telemetry.demo.physics.engine import EFFICIENCY, GEARS, RPM, full_torque
from telemetry.demo.physics.tyre import RADIUS
from telemetry.demo.track import (
    PIT_BOX_N,
    PIT_BOX_S,
    PIT_ENTRY,
    PIT_EXIT,
    PIT_FORK,
    PIT_LANE_N,
    PIT_LIMIT_BEGIN,
    PIT_LIMIT_END,
)

if TYPE_CHECKING:
    from random import Random

    from telemetry.demo.physics.car import Car
    from telemetry.demo.racing_line import Line

DECISION_STEPS: Final = 4
"""Physics steps between two decisions; steering and pedals move at every step."""
PIT_SPEED: Final = 60.0 / 3.6
"""Speed limit of the pit lane, m/s."""
PIT_BRAKING: Final = 7.0
"""Deceleration on the way into the pit lane, m/s²."""
BOX_BRAKING: Final = 3.0
"""Deceleration on the way to the box, m/s²."""
AIM_TIME_S: Final = 0.50
"""How far ahead the driver aims, in seconds of driving."""
MIN_AIM_DISTANCE_M: Final = 7.0
"""How far ahead the driver aims at least."""
UNDERSTEER_S2_M2: Final = 0.0011
"""How much more the wheel is turned at speed, per (m/s)²."""
YAW_CORRECTION_S: Final = 0.20
"""Steering in rad for each rad/s by which the car turns less than intended."""
SPEED_CORRECTION_PER_S: Final = 1.6
"""Acceleration in m/s² for each m/s of speed error."""
STEER_RATE: Final = 3.2 * STEP_S
"""Largest change of the steering wheel in one step, fraction of full lock."""
GAS_RATE: Final = 6.0 * STEP_S
"""Largest change of the gas pedal in one step when it is pressed, fraction of its travel."""
PEDAL_OFF_RATE: Final = 12.0 * STEP_S
"""Largest change of either pedal in one step when it is released, fraction of its travel."""
BRAKE_RATE: Final = 9.0 * STEP_S
"""Largest change of the brake pedal in one step when it is pressed, fraction of its travel."""
STRETCH_M: Final = 170.0
"""Length of the stretches of the lap; the driver's concentration, and so his pace, is another in each."""
PACE_SPREAD: Final = 0.022
"""Fraction of the pace between good and bad concentration."""
WANDER_M: Final = 0.18
"""Largest deviation to the left or right of the intended line."""
STUCK_STEPS: Final = 500
"""Steps without movement after which the driver uses reverse gear."""
REVERSE_STEPS: Final = 800
"""Steps in reverse gear for one attempt to get unstuck."""
MAX_ATTEMPTS: Final = 4
"""Attempts with reverse gear before the driver gives up."""
FORGET_ATTEMPTS_STEPS: Final = 5000
"""Steps of driving after which earlier attempts no longer count."""
MAX_GAS_ON_GRASS: Final = 0.45
"""Most gas with two tyres or more off the track."""
MAX_BRAKE_ON_GRASS: Final = 0.30
"""Most brake with two tyres or more off the track."""


@dataclass(slots=True)
class Detour:
    """A stretch of the lap that is driven off the racing line and at another pace."""

    begin: float
    """Where it begins, m after the start line."""
    end: float
    """Where it ends, m after the start line."""
    n: float
    """Offset of the path, m to the left of the centre line."""
    pace: float = 1.0
    """Factor of the target speed."""
    ramp: float = 60.0
    """Metres to get from the racing line to the offset, and back."""


def _smooth(fraction: float) -> float:
    """Return a smooth step: 0 up to 0, 1 from 1 on, and a cubic in between."""
    if fraction <= 0.0:
        return 0.0
    if fraction >= 1.0:
        return 1.0
    return fraction * fraction * (3.0 - 2.0 * fraction)


class Driver:
    """Decides on steering and pedals from the state of the car, every few steps, and moves them at every step.

    The same line, random numbers and states give the same inputs.
    """

    __slots__ = (
        "_aim",
        "_attempts",
        "_brake",
        "_driving",
        "_gas",
        "_left",
        "_line",
        "_pace",
        "_reverse_left",
        "_rng",
        "_still",
        "_stretch",
        "_wander",
        "brake",
        "detour",
        "gas",
        "give_up",
        "hold",
        "pitting",
        "reverse",
        "skill",
        "stamp_steps",
        "steer",
    )

    def __init__(self, line: Line, rng: Random) -> None:
        self._line = line
        self._rng = rng
        self.skill = 0.990 + 0.012 * rng.random()  # fraction of the speed that the racing line plans with
        self.steer = self.gas = self.brake = 0.0
        self.reverse = False
        self._aim = 0.0
        self._gas = self._brake = 0.0
        self._left = 0  # steps until the next decision
        self._stretch = -1  # index of the stretch of the lap for which `_pace` was drawn
        self._pace = 1.0
        self._wander = 0.0  # m, deviation from the line
        self._still = 0  # steps without movement
        self._reverse_left = 0  # steps until this attempt in reverse gear ends
        self._attempts = 0  # to get unstuck
        self._driving = 0  # steps since the car last stood still
        self.hold = True  # whether the car is held on the brake
        self.pitting = False  # whether the path leads through the pit lane
        self.detour: Detour | None = None
        self.stamp_steps = 0  # steps for which the brake pedal is still fully pressed
        self.give_up = False  # whether the driver asks for a reset to the pits

    def path(self, s: float, length: float, spacing: float) -> float:
        """Return the intended offset from the centre line at `s`, in m to the left."""
        s %= length
        offsets = self._line.offset
        position = s / spacing
        i = int(position)
        count = len(offsets)
        low = offsets[i % count]
        n = low + (position - i) * (offsets[(i + 1) % count] - low) + self._wander
        if self.pitting and PIT_ENTRY < s < PIT_EXIT:
            lane = PIT_LANE_N + (PIT_BOX_N - PIT_LANE_N) * _smooth(1.0 - (abs(s - PIT_BOX_S) - 6.0) / 16.0)
            into = _smooth((s - PIT_ENTRY) / PIT_FORK)
            out = _smooth((PIT_EXIT - s) / PIT_FORK)
            return n + (lane - n) * min(into, out)
        detour = self.detour
        if detour is not None and detour.begin < s < detour.end:
            fraction = min((s - detour.begin) / detour.ramp, (detour.end - s) / detour.ramp)
            n += (detour.n - n) * _smooth(fraction)
        return n

    def drive(self, car: Car, stop_at_box: bool) -> None:
        """Move steering and pedals by one step; with `stop_at_box` the car stops at its pit box."""
        if self._left == 0:
            self._left = DECISION_STEPS
            self._decide(car, stop_at_box)
        self._left -= 1
        change = self._aim - self.steer
        self.steer += STEER_RATE if change > STEER_RATE else -STEER_RATE if change < -STEER_RATE else change
        change = self._gas - self.gas
        self.gas += GAS_RATE if change > GAS_RATE else -PEDAL_OFF_RATE if change < -PEDAL_OFF_RATE else change
        change = self._brake - self.brake
        self.brake += BRAKE_RATE if change > BRAKE_RATE else -PEDAL_OFF_RATE if change < -PEDAL_OFF_RATE else change

    def controls(self) -> DriverInputs:
        """Return the present inputs."""
        return DriverInputs(self.steer, self.gas, self.brake, self.reverse)

    def _decide(self, car: Car, stop_at_box: bool) -> None:
        """Decide where steering and pedals should be; `drive` moves them there."""
        if self.hold:
            self._stand_still()
            return
        track = car.track
        s = car.s
        self._vary_concentration(s)
        facing = car.dir_x * track.tangent_x[car.node] + car.dir_z * track.tangent_z[car.node]
        off_path = abs(car.n - self.path(s, track.length, track.spacing))
        self._aim_at_path(car)
        target, acceleration = self._target_speed(car, stop_at_box, off_path, facing)
        self._set_pedals(car, target, acceleration)
        self._get_unstuck(car.speed, target)

    def _stand_still(self) -> None:
        """Hold the car on the brake."""
        self._aim, self._gas, self._brake, self.reverse = 0.0, 0.0, 1.0, False
        self._still = 0

    def _vary_concentration(self, s: float) -> None:
        """Draw a new pace at each stretch of the lap, and move the small deviation from the line at random."""
        stretch = int(s / STRETCH_M)
        if stretch != self._stretch:
            self._stretch = stretch
            self._pace = 1.0 - PACE_SPREAD * self._rng.random()
        self._wander += (WANDER_M * (2.0 * self._rng.random() - 1.0) - self._wander) * 0.01

    def _aim_at_path(self, car: Car) -> None:
        """Steer along the arc that leads to a point of the path ahead of the car (pure pursuit)."""
        track, speed = car.track, car.speed
        dir_x, dir_z = car.dir_x, car.dir_z
        aim_s = car.s + max(MIN_AIM_DISTANCE_M, AIM_TIME_S * speed)
        x, _, z, _, _ = track.place(aim_s, self.path(aim_s, track.length, track.spacing))
        dx, dz = x - car.x, z - car.z
        forward = car.velocity_x * dir_x + car.velocity_z * dir_z
        if forward > 5.0:  # the car goes where its velocity points, not where its nose does
            scale = 1.0 / sqrt(car.velocity_x**2 + car.velocity_z**2)
            aim_x, aim_z = car.velocity_x * scale, car.velocity_z * scale
        else:
            aim_x, aim_z = dir_x, dir_z
        ahead = dx * aim_x + dz * aim_z
        to_left = dx * aim_z - dz * aim_x
        square = dx * dx + dz * dz
        if ahead < 0.0:  # the point is behind: turn round by the shorter way
            to_left = sqrt(square) if to_left > 0.0 else -sqrt(square)
        bend = 2.0 * to_left / max(square, 1.0)
        yaw_error = bend * speed - car.yaw_rate
        angle = (FRONT + REAR) * bend * (1.0 + UNDERSTEER_S2_M2 * speed * speed) + YAW_CORRECTION_S * yaw_error
        self._aim = max(-1.0, min(1.0, -angle / STEER_LOCK))

    def _target_speed(self, car: Car, stop_at_box: bool, off_path: float, facing: float) -> tuple[float, float]:
        """Return the speed to drive at in m/s, and the acceleration in m/s² that is planned here.

        `off_path` is the distance to the path in m, `facing` the cosine of the angle between car and track.
        """
        s, speed = car.s, car.speed
        a, b, c, d = car.wheels
        grip = 0.5 * min(a.roll_grip + b.roll_grip, c.roll_grip + d.roll_grip)
        damage = min(100.0, max(car.damage)) * 0.01
        # With little grip the driver is more careful than physics demands
        pace = self.skill * self._pace * sqrt(grip) * (0.75 + 0.25 * grip) * (1.0 - 0.07 * damage)
        node = car.track.node(s + 0.12 * speed)
        target = self._line.speed[node] * pace
        acceleration = self._line.acceleration[node] * pace * pace
        detour = self.detour
        if detour is not None and detour.begin < s < detour.end:
            target *= detour.pace
        if self.pitting:
            limit, slowing = self._pit_speed(s, stop_at_box, car.track.length)
            if limit < target:
                target, acceleration = limit, slowing
        if off_path > 3.0 and not self.pitting:
            target = min(target, max(12.0, target * (1.0 - 0.03 * off_path)))
            acceleration = min(acceleration, 2.0)
        if facing < 0.8:
            target, acceleration = min(target, 7.0), 0.0
        return target, acceleration

    def _set_pedals(self, car: Car, target: float, acceleration: float) -> None:
        """Choose the pedals that give the planned acceleration and correct the speed error, within the tyres' grip."""
        speed = car.speed
        a, b, c, d = car.wheels
        demand = acceleration + SPEED_CORRECTION_PER_S * (target - speed)
        force = demand * car.mass + DRAG * speed * speed
        gas = brake = 0.0
        if force > 0.0:
            ratio = GEARS[car.engine.target]
            max_force = full_torque(car.engine.speed * RPM) * max(ratio, 1.0) * EFFICIENCY / RADIUS
            gas = min(1.0, force / max_force)
        elif force < -600.0:  # less than that is engine braking
            brake = min(1.0, -force * RADIUS / BRAKE_TORQUE)
        rear = c.slip if c.slip > d.slip else d.slip
        if rear > 1.1 and speed > 8.0:  # the rear slides: less gas
            gas *= max(0.15, 1.0 - 0.9 * (rear - 1.1))
        front = a.slip if a.slip > b.slip else b.slip
        if front > 1.15 and speed > 8.0:  # the front slides: less brake
            brake *= max(0.4, 1.0 - 0.8 * (front - 1.15))
        if car.tyres_out >= 2:
            gas, brake = min(gas, MAX_GAS_ON_GRASS), min(brake, MAX_BRAKE_ON_GRASS)
        if target < 0.5 and speed < 0.8:
            gas, brake = 0.0, 1.0
        if self.stamp_steps > 0:
            self.stamp_steps -= DECISION_STEPS
            gas, brake = 0.0, 1.0
        self._gas, self._brake = gas, brake

    def _get_unstuck(self, speed: float, target: float) -> None:
        """Use reverse gear when the car does not move, and ask for a reset to the pits when that does not help."""
        if self._reverse_left > 0:
            self._reverse_left -= DECISION_STEPS
            self._aim = -self._aim
            self._gas, self._brake = (0.35, 0.0) if speed < 5.0 else (0.0, 0.1)
            self.reverse = True
            if self._reverse_left <= 0:
                self._still = 0
            return
        if self.reverse:
            self._brake, self._gas = (0.6, 0.0) if speed > 0.8 else (0.0, 0.3)
            self.reverse = speed > 0.8
        if speed < 1.5 and target > 2.0:
            self._still += DECISION_STEPS
            self._driving = 0
        else:
            self._still = 0
            self._driving += DECISION_STEPS
            if self._driving > FORGET_ATTEMPTS_STEPS:
                self._attempts = 0
        if self._still > STUCK_STEPS:
            self._still = 0
            self._attempts += 1
            if self._attempts > MAX_ATTEMPTS:
                self._attempts = 0
                self.give_up = True
            else:
                self._reverse_left = REVERSE_STEPS

    @staticmethod
    def _pit_speed(s: float, stop_at_box: bool, length: float) -> tuple[float, float]:
        """Return the highest speed in m/s into and through the pit lane, and the acceleration for it in m/s²."""
        if s > length - 400.0:
            s -= length
        if s < -400.0 or s > PIT_LIMIT_END:
            return 1000.0, 0.0
        slow_at = PIT_ENTRY + 12.0
        limit, slowing = PIT_SPEED * 1.12 if s > PIT_LIMIT_BEGIN else PIT_SPEED * 0.98, 0.0
        if s < slow_at:
            limit, slowing = sqrt((PIT_SPEED * 1.2) ** 2 + 2.0 * PIT_BRAKING * (slow_at - s)), -PIT_BRAKING
        if stop_at_box:
            distance = PIT_BOX_S - s
            stopping_speed = sqrt(2.0 * BOX_BRAKING * distance) if distance > 0.05 else 0.0
            if stopping_speed < limit:
                limit, slowing = stopping_speed, -BOX_BRAKING
        return limit, slowing
