"""The demo's driver: follows the racing line, with hands and feet of limited speed and small mistakes from the seed."""

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

THINK_EVERY: Final = 4  # steps between two decisions; hands and feet move at every step
PIT_SPEED: Final = 60.0 / 3.6  # m/s, the limit in the pit lane
PIT_BRAKING: Final = 7.0  # m/s² on the way into the pit lane
BOX_BRAKING: Final = 3.0  # m/s² on the way to the box
LOOK_TIME: Final = 0.50  # s ahead the driver aims
LOOK_LEAST: Final = 7.0  # m
UNDERSTEER: Final = 0.0011  # s²/m²: how much more the wheel is turned at speed
YAW_FEEL: Final = 0.20  # s: correction of the wheel for yaw that was not asked for
SPEED_FEEL: Final = 1.6  # 1/s: how hard a speed error is corrected
STEER_RATE: Final = 3.2 * STEP_S  # of full lock each step
GAS_RATE: Final = 6.0 * STEP_S  # of the pedal each step
PEDAL_OFF_RATE: Final = 12.0 * STEP_S
BRAKE_RATE: Final = 9.0 * STEP_S
MOOD_LENGTH: Final = 170.0  # m after which the driver's concentration is another
MOOD_SPREAD: Final = 0.022  # share of pace between good and bad concentration
WANDER: Final = 0.18  # m left or right of the line he means
STUCK_STEPS: Final = 500  # steps without movement that call for reverse gear
REVERSE_STEPS: Final = 800
PATIENCE: Final = 4  # attempts with reverse gear before he asks to be put back
CALM_STEPS: Final = 5000  # steps of driving after which the attempts are forgotten
OFF_GAS: Final = 0.45  # most gas on grass
OFF_BRAKE: Final = 0.30


@dataclass(slots=True)
class Detour:
    """A stretch of the lap driven elsewhere: from `begin` to `end`, in m, the path leads to `n`, at another pace."""

    begin: float
    end: float
    n: float
    pace: float = 1.0
    ramp: float = 60.0  # m to get there and to come back


def _smooth(part: float) -> float:
    """Return the smooth step from 0 to 1."""
    if part <= 0.0:
        return 0.0
    if part >= 1.0:
        return 1.0
    return part * part * (3.0 - 2.0 * part)


class Driver:
    """Turns what he sees of the car into steering and pedals."""

    __slots__ = (
        "_aim",
        "_brake",
        "_calm",
        "_gas",
        "_left",
        "_line",
        "_mood_at",
        "_pace",
        "_reverse_left",
        "_rng",
        "_still",
        "_tries",
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
        self.skill = 0.990 + 0.012 * rng.random()  # of what he thinks the grip allows
        self.steer = self.gas = self.brake = 0.0
        self.reverse = False
        self._aim = 0.0
        self._gas = self._brake = 0.0
        self._left = 0  # steps until the next thought
        self._mood_at = -1  # the stretch of the lap whose mood he is in
        self._pace = 1.0
        self._wander = 0.0
        self._still = 0
        self._reverse_left = 0
        self._tries = 0
        self._calm = 0
        self.hold = True  # stands on the brake
        self.pitting = False  # drives through the pit lane to the box
        self.detour: Detour | None = None
        self.stamp_steps = 0  # steps for which he still stands on the brake pedal
        self.give_up = False  # asks to be put back

    def path(self, s: float, length: float, spacing: float) -> float:
        """Return where he wants to be, m left of the centre line, at `s`."""
        s %= length
        offsets = self._line.offset
        place = s / spacing
        i = int(place)
        count = len(offsets)
        low = offsets[i % count]
        n = low + (place - i) * (offsets[(i + 1) % count] - low) + self._wander
        if self.pitting and PIT_ENTRY < s < PIT_EXIT:
            lane = PIT_LANE_N + (PIT_BOX_N - PIT_LANE_N) * _smooth(1.0 - (abs(s - PIT_BOX_S) - 6.0) / 16.0)
            into = _smooth((s - PIT_ENTRY) / PIT_FORK)
            out = _smooth((PIT_EXIT - s) / PIT_FORK)
            return n + (lane - n) * min(into, out)
        detour = self.detour
        if detour is not None and detour.begin < s < detour.end:
            part = min((s - detour.begin) / detour.ramp, (detour.end - s) / detour.ramp)
            n += (detour.n - n) * _smooth(part)
        return n

    def drive(self, car: Car, stop_at_box: bool) -> None:
        """Move hands and feet by one step."""
        if self._left == 0:
            self._left = THINK_EVERY
            self._think(car, stop_at_box)
        self._left -= 1
        change = self._aim - self.steer
        self.steer += STEER_RATE if change > STEER_RATE else -STEER_RATE if change < -STEER_RATE else change
        change = self._gas - self.gas
        self.gas += GAS_RATE if change > GAS_RATE else -PEDAL_OFF_RATE if change < -PEDAL_OFF_RATE else change
        change = self._brake - self.brake
        self.brake += BRAKE_RATE if change > BRAKE_RATE else -PEDAL_OFF_RATE if change < -PEDAL_OFF_RATE else change

    def controls(self) -> DriverInputs:
        """Return what hands and feet do now."""
        return DriverInputs(self.steer, self.gas, self.brake, self.reverse)

    def _think(self, car: Car, stop_at_box: bool) -> None:
        if self.hold:
            self._aim, self._gas, self._brake, self.reverse = 0.0, 0.0, 1.0, False
            self._still = 0
            return
        track = car.track
        length, spacing = track.length, track.spacing
        s, speed = car.s, car.speed
        stretch = int(s / MOOD_LENGTH)
        if stretch != self._mood_at:
            self._mood_at = stretch
            self._pace = 1.0 - MOOD_SPREAD * self._rng.random()
        self._wander += (WANDER * (2.0 * self._rng.random() - 1.0) - self._wander) * 0.01
        dir_x, dir_z = car.dir_x, car.dir_z
        tx, tz = track.tangent_x[car.node], track.tangent_z[car.node]
        facing = dir_x * tx + dir_z * tz
        off_path = abs(car.n - self.path(s, length, spacing))

        # Hands: aim at a point ahead on the path
        look = max(LOOK_LEAST, LOOK_TIME * speed)
        x, _, z, _, _ = track.place(s + look, self.path(s + look, length, spacing))
        dx, dz = x - car.x, z - car.z
        forward = car.velocity_x * dir_x + car.velocity_z * dir_z
        if forward > 5.0:  # the car goes where its velocity points, not where its nose does
            flat = 1.0 / sqrt(car.velocity_x**2 + car.velocity_z**2)
            aim_x, aim_z = car.velocity_x * flat, car.velocity_z * flat
        else:
            aim_x, aim_z = dir_x, dir_z
        ahead = dx * aim_x + dz * aim_z
        to_left = dx * aim_z - dz * aim_x
        far = dx * dx + dz * dz
        if ahead < 0.0:  # behind: turn round by the shorter way
            to_left = sqrt(far) if to_left > 0.0 else -sqrt(far)
        bend = 2.0 * to_left / max(far, 1.0)
        angle = (FRONT + REAR) * bend * (1.0 + UNDERSTEER * speed * speed) + YAW_FEEL * (bend * speed - car.yaw_rate)
        self._aim = max(-1.0, min(1.0, -angle / STEER_LOCK))

        # Feet: the planned acceleration and a correction
        a, b, c, d = car.wheels
        grip = 0.5 * min(a.roll_grip + b.roll_grip, c.roll_grip + d.roll_grip)
        damage = min(100.0, max(car.damage)) * 0.01
        # Little grip is treated with more respect than physics asks for
        pace = self.skill * self._pace * sqrt(grip) * (0.75 + 0.25 * grip) * (1.0 - 0.07 * damage)
        node = track.node(s + 0.12 * speed)
        want = self._line.speed[node] * pace
        accel = self._line.acceleration[node] * pace * pace
        detour = self.detour
        if detour is not None and detour.begin < s < detour.end:
            want *= detour.pace
        if self.pitting:
            limit, slowing = self._pit_speed(s, stop_at_box, length)
            if limit < want:
                want, accel = limit, slowing
        outside = car.tyres_out
        if off_path > 3.0 and not self.pitting:
            want = min(want, max(12.0, want * (1.0 - 0.03 * off_path)))
            accel = min(accel, 2.0)
        if facing < 0.8:
            want, accel = min(want, 7.0), 0.0
        demand = accel + SPEED_FEEL * (want - speed)
        force = demand * car.mass + DRAG * speed * speed
        gas = brake = 0.0
        if force > 0.0:
            ratio = GEARS[car.engine.target]
            most = full_torque(car.engine.speed * RPM) * max(ratio, 1.0) * EFFICIENCY / RADIUS
            gas = min(1.0, force / most)
        elif force < -600.0:  # less than that is engine braking
            brake = min(1.0, -force * RADIUS / BRAKE_TORQUE)
        rear = c.slip if c.slip > d.slip else d.slip
        if rear > 1.1 and speed > 8.0:  # the tail moves: less gas
            gas *= max(0.15, 1.0 - 0.9 * (rear - 1.1))
        front = a.slip if a.slip > b.slip else b.slip
        if front > 1.15 and speed > 8.0:  # the front slides: less brake
            brake *= max(0.4, 1.0 - 0.8 * (front - 1.15))
        if outside >= 2:
            gas, brake = min(gas, OFF_GAS), min(brake, OFF_BRAKE)
        if want < 0.5 and speed < 0.8:
            gas, brake = 0.0, 1.0
        if self.stamp_steps > 0:
            self.stamp_steps -= THINK_EVERY
            gas, brake = 0.0, 1.0
        self._gas, self._brake = gas, brake
        self._free_oneself(speed, want)

    def _free_oneself(self, speed: float, want: float) -> None:
        """Use reverse gear where the car does not move, and ask to be put back where that does not help."""
        if self._reverse_left > 0:
            self._reverse_left -= THINK_EVERY
            self._aim = -self._aim
            self._gas, self._brake = (0.35, 0.0) if speed < 5.0 else (0.0, 0.1)
            self.reverse = True
            if self._reverse_left <= 0:
                self._still = 0
            return
        if self.reverse:
            self._brake, self._gas = (0.6, 0.0) if speed > 0.8 else (0.0, 0.3)
            self.reverse = speed > 0.8
        if speed < 1.5 and want > 2.0:
            self._still += THINK_EVERY
            self._calm = 0
        else:
            self._still = 0
            self._calm += THINK_EVERY
            if self._calm > CALM_STEPS:
                self._tries = 0
        if self._still > STUCK_STEPS:
            self._still = 0
            self._tries += 1
            if self._tries > PATIENCE:
                self._tries = 0
                self.give_up = True
            else:
                self._reverse_left = REVERSE_STEPS

    @staticmethod
    def _pit_speed(s: float, stop_at_box: bool, length: float) -> tuple[float, float]:
        """Return the highest speed on the way into and through the pit lane, and the acceleration that keeps to it."""
        if s > length - 400.0:
            s -= length
        if s < -400.0 or s > PIT_LIMIT_END:
            return 1000.0, 0.0
        slow_at = PIT_ENTRY + 12.0
        limit, slowing = PIT_SPEED * 1.12 if s > PIT_LIMIT_BEGIN else PIT_SPEED * 0.98, 0.0
        if s < slow_at:
            limit, slowing = sqrt((PIT_SPEED * 1.2) ** 2 + 2.0 * PIT_BRAKING * (slow_at - s)), -PIT_BRAKING
        if stop_at_box:
            to_go = PIT_BOX_S - s
            to_box = sqrt(2.0 * BOX_BRAKING * to_go) if to_go > 0.05 else 0.0
            if to_box < limit:
                limit, slowing = to_box, -BOX_BRAKING
        return limit, slowing
