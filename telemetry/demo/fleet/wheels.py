"""The wheels of many cars: :class:`telemetry.demo.physics.tyre.Wheel` in arrays of shape (4, cars)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from telemetry.base.units import STEP_S
from telemetry.demo.physics.car import FRONT, HALF_TRACK, REAR
from telemetry.demo.physics.tyre import (
    ATMOSPHERE,
    BEST_CORE,
    CAMBER_ROLL,
    CAMBER_SPREAD,
    CAMBER_TRAVEL,
    CLEAN_PER_METRE,
    COLD_PRESSURE,
    CORE_AIR,
    CORE_AIR_SPEED,
    CORE_HEAT,
    CORNER_SPREAD,
    DIRT_FULL,
    DIRT_GRIP,
    DIRT_PER_METRE,
    DISC_AIR,
    DISC_AIR_SPEED,
    DISC_HEAT,
    DISC_RADIATION,
    FLEX_SHARE,
    GRIP,
    GRIP_LOSS,
    HEAT_EVERY,
    HEAT_NAMES,
    KELVIN,
    LEAST_WARM_GRIP,
    LIFE,
    LOAD_SENSITIVITY,
    MAX_SLIP,
    NOMINAL_LOAD,
    PEAK_SLIP_RATIO,
    PEAK_SLIP_TAN,
    RADIUS,
    RELAXATION,
    RIM_SHARE,
    SLIDE_SHARE,
    STATIC_CAMBER,
    WEAR_CURVE,
    ZONE_AIR,
    ZONE_AIR_SPEED,
    ZONE_HEAT,
    ZONE_TO_CORE,
    ZONE_TO_ZONE,
)

if TYPE_CHECKING:
    from telemetry.fields.blocks import Array

AXLES: Final = np.array([0, 0, 1, 1])
"""The axle of each wheel: 0 front, 1 rear."""
SIDES: Final = np.array([1.0, -1.0, 1.0, -1.0])
"""The side of each wheel: +1 left, -1 right."""
X: Final = np.array([FRONT, FRONT, -REAR, -REAR])[:, np.newaxis]
"""Metres from the centre of mass forward to each wheel, (4, 1)."""
Y: Final = (SIDES * np.array(HALF_TRACK)[AXLES])[:, np.newaxis]
"""Metres from the centre of mass to the left to each wheel, (4, 1)."""

# numpy takes arrays without dimensions sooner than floats
_NONE, _ONE, _STEP, _RADIUS = np.array(0.0), np.array(1.0), np.array(STEP_S), np.array(RADIUS)
_HOLD, _GAIN = np.array(STEP_S / RELAXATION), np.array(STEP_S / RELAXATION * RADIUS)
_PER_PEAK_RATIO, _PER_PEAK_TAN = np.array(1.0 / PEAK_SLIP_RATIO), np.array(1.0 / PEAK_SLIP_TAN)
_STIFFNESS = np.array(RADIUS / PEAK_SLIP_RATIO)
_UNLOADED_GRIP, _GRIP_LOSS_PER_N = np.array(1.0 + LOAD_SENSITIVITY), np.array(LOAD_SENSITIVITY / NOMINAL_LOAD)
_MOST_SLIP, _LEAST_SLIP = np.array(MAX_SLIP), np.array(-MAX_SLIP)
_SECONDS: Final = STEP_S * HEAT_EVERY
_WEAR_USED: Final = np.array([used for used, _ in WEAR_CURVE])
_WEAR_ENDS: Final = _WEAR_USED[1:]
_WEAR_RAW: Final = np.array([raw for _, raw in WEAR_CURVE])
_WEAR_RISE: Final = np.append(np.diff(_WEAR_RAW), 0.0)  # behind the end of the curve it stays
_WEAR_RUN: Final = np.append(np.diff(_WEAR_USED), 1.0)


class Wheels:
    """The state of all wheels: each attribute is an array of shape (4, cars), named as in a single :class:`Wheel`.

    :meth:`roll` makes new arrays and leaves the old ones as they were.
    """

    ROLLED: Final = ("spin", "kappa", "sigma", "load", "compression", "force_forward", "force_left", "outward")
    """What :meth:`roll` makes anew at each step, besides :data:`SUMMED`."""
    SUMMED: Final = ("heat", "travelled", "warm_brake")
    """What :meth:`roll` adds up until the next thermal step."""

    def __init__(self, count: int) -> None:
        def zeros() -> Array:
            return np.zeros((4, count))

        self.spin, self.kappa, self.sigma = zeros(), zeros(), zeros()
        self.load, self.compression = zeros(), zeros()
        self.force_forward, self.force_left, self.outward = zeros(), zeros(), zeros()
        self.heat, self.travelled, self.warm_brake = zeros(), zeros(), zeros()
        self.heat_state = np.zeros((len(HEAT_NAMES), 4, count))
        self._grip = np.repeat(np.array(GRIP)[AXLES], count).reshape(4, count)
        self._side = np.repeat(SIDES, count).reshape(4, count)

    def heat_row(self, name: str) -> Array:
        """A quantity of :data:`HEAT_NAMES`, as a view of shape (4, cars)."""
        row: Array = self.heat_state[HEAT_NAMES.index(name)]
        return row

    @property
    def slip(self) -> Array:
        """Combined slip, 1 at the peak of grip."""
        a, b = self.kappa * (1.0 / PEAK_SLIP_RATIO), self.sigma * (1.0 / PEAK_SLIP_TAN)
        slip: Array = np.sqrt(a * a + b * b)
        return slip

    def roll(
        self,
        forward: Array,
        left: Array,
        cos_steer: Array,
        sin_steer: Array,
        load: Array,
        surface: Array,
        drag: Array,
        drive: Array,
        inertia: Array,
        brake: Array,
    ) -> None:
        """:meth:`telemetry.demo.physics.tyre.Wheel.roll` of all wheels; every argument has the shape (4, cars)."""
        spin = self.spin
        vx = forward * cos_steer - left * sin_steer
        vy = left * cos_steer + forward * sin_steer
        speed = np.abs(vx)
        fade = _ONE / (_ONE + _HOLD * speed)
        sigma = _limit_slip((self.sigma - _HOLD * vy) * fade)
        kappa = self.kappa
        a = kappa * _PER_PEAK_RATIO
        b = sigma * _PER_PEAK_TAN
        square = a * a + b * b
        grip = surface * self.heat_state[_ROLL_GRIP]
        sensitivity = np.maximum(_UNLOADED_GRIP - _GRIP_LOSS_PER_N * load, 0.5)
        secant = self._grip * grip * sensitivity * load * (2.0 + 3.0 * np.sqrt(square)) / (1.0 + 4.0 * square)
        stiffness = secant * _STIFFNESS
        gain = _GAIN * fade
        start = (kappa - _HOLD * vx) * fade
        turn = _STEP / inertia
        below = _ONE / (_ONE + turn * stiffness * gain)
        free = (spin + turn * (drive - stiffness * start)) * below
        most = turn * (brake + drag * load * _RADIUS) * below
        new = free - np.minimum(np.maximum(free, -most), most)  # 0 where the brake holds the wheel
        kappa = _limit_slip(start + gain * new)
        a = kappa * _PER_PEAK_RATIO
        slide = new * _RADIUS - vx
        fx = secant * a
        fy = secant * b
        slow = speed < 2.0
        if np.count_nonzero(slow):
            _damp(np.flatnonzero(slow), speed, load, slide, vy, fx, fy)
        power = fx * slide - fy * vy
        before = self.spin, self.heat, self.travelled, self.warm_brake
        self.spin, self.kappa, self.sigma, self.load = new, kappa, sigma, load
        self.force_forward = fx * cos_steer + fy * sin_steer
        self.force_left = fy * cos_steer - fx * sin_steer
        self.heat = self.heat + np.maximum(power, _NONE) * _STEP
        self.travelled = self.travelled + speed * _STEP
        self.outward = fy / load * self._side
        self.warm_brake = self.warm_brake + brake * np.abs(new) * _STEP
        air = load <= _NONE
        if np.count_nonzero(air):
            self._fly(np.flatnonzero(air), before, drive, inertia, brake)

    def _fly(
        self, air: Array, before: tuple[Array, Array, Array, Array], drive: Array, inertia: Array, brake: Array
    ) -> None:
        """The step of the wheels in the air, by their flat indices: there is nothing to push against."""
        for name in ("force_forward", "force_left", "kappa", "sigma", "outward"):
            getattr(self, name).flat[air] = 0.0
        spin, heat, travelled, warm_brake = (array.flat[air] for array in before)
        inertia = np.broadcast_to(inertia, self.spin.shape).flat[air]
        spin = spin + STEP_S / inertia * np.broadcast_to(drive, self.spin.shape).flat[air]
        most = STEP_S / inertia * brake.flat[air]
        self.spin.flat[air] = spin - np.minimum(np.maximum(spin, -most), most)
        self.heat.flat[air], self.travelled.flat[air], self.warm_brake.flat[air] = heat, travelled, warm_brake

    def age(
        self,
        place: Array,
        speed: Array,
        air: Array,
        road: Array,
        roll: Array,
        tyre_rate: Array,
        dirty: Array,
    ) -> None:
        """:meth:`telemetry.demo.physics.tyre.Wheel.age` of some wheels, by their flat indices: arrays of shape (k,)."""
        state = self.heat_state.reshape(len(HEAT_NAMES), -1)
        before = state.take(place, axis=1)
        zones = before[_ZONES]
        inner, middle, outer = zones
        core, disc, used, wear, dirt, pressure = before[:_AGED]
        slid, metres, braked = self.heat.take(place), self.travelled.take(place), self.warm_brake.take(place)
        by_wheel = _BY_WHEEL.take(place // self.spin.shape[1], axis=1)
        static_camber, side_roll, zone_air_speed, disc_heat, disc_air, disc_air_speed = by_wheel
        camber = static_camber + side_roll * roll - CAMBER_TRAVEL * self.compression.take(place)
        lean = _limit(CAMBER_SPREAD * camber - CORNER_SPREAD * self.outward.take(place), 0.8)
        bulge = 0.02 * (pressure - 27.5)
        into = slid * SLIDE_SHARE / 3.0
        to_air = (ZONE_AIR + zone_air_speed * speed) * _SECONDS
        across = ZONE_TO_ZONE * _SECONDS
        inward = ZONE_TO_CORE * _SECONDS
        ambient = 0.7 * air + 0.3 * road
        half = 0.5 * bulge
        share, beside = np.empty_like(zones), np.empty_like(zones)
        share[0], share[1], share[2] = 1.0 - lean - half, 1.0 + bulge, 1.0 + lean - half
        beside[0], beside[1], beside[2] = inner - middle, 2.0 * middle - inner - outer, outer - middle
        new_zones = zones + (into * share - to_air * (zones - ambient) - across * beside - inward * (zones - core)) * (
            1.0 / ZONE_HEAT
        )
        core = core + (
            FLEX_SHARE * self.load.take(place) * metres
            + inward * (inner + middle + outer - 3.0 * core)
            - (CORE_AIR + CORE_AIR_SPEED * speed) * _SECONDS * (core - air)
            + RIM_SHARE * _SECONDS * (disc - core)
        ) * (1.0 / CORE_HEAT)
        hot, cold = disc + KELVIN, air + KELVIN
        new_disc = (
            disc
            + (
                braked
                - _SECONDS
                * (
                    (disc_air + disc_air_speed * speed) * (disc - air)
                    + DISC_RADIATION * (hot * hot * hot * hot - cold * cold * cold * cold)
                )
            )
            / disc_heat
        )
        pressure = (COLD_PRESSURE + ATMOSPHERE) * (core + KELVIN) / (air + KELVIN) - ATMOSPHERE
        used = used + slid * tyre_rate * (1.0 / LIFE)
        wear = wear_curve(used) if tyre_rate.all() else np.where(tyre_rate > 0.0, wear_curve(used), wear)
        cleaned = np.maximum(0.0, dirt - CLEAN_PER_METRE * metres)
        if np.count_nonzero(dirty):
            cleaned = np.where(dirty, np.minimum(DIRT_FULL, dirt + DIRT_PER_METRE * metres), cleaned)
        dirt = cleaned
        away = core - BEST_CORE
        warm = np.maximum(1.0 - GRIP_LOSS * away * away, LEAST_WARM_GRIP)
        roll_grip = warm * wear * 0.01 * (1.0 - DIRT_GRIP * dirt)
        for row, values in zip(
            state, (core, new_disc, used, wear, dirt, pressure, roll_grip, camber, *new_zones), strict=True
        ):
            row[place] = values
        for summed in (self.heat, self.travelled, self.warm_brake):
            summed.reshape(-1)[place] = 0.0


_ROLL_GRIP: Final = HEAT_NAMES.index("roll_grip")
_AGED: Final = HEAT_NAMES.index("pressure") + 1
_ZONES: Final = slice(HEAT_NAMES.index("inner"), HEAT_NAMES.index("outer") + 1)

# By wheel
_BY_WHEEL: Final = np.stack(
    [
        np.array(STATIC_CAMBER)[AXLES],
        SIDES * CAMBER_ROLL,
        *(np.array(by_axle)[AXLES] for by_axle in (ZONE_AIR_SPEED, DISC_HEAT, DISC_AIR, DISC_AIR_SPEED)),
    ]
)


def wear_curve(used: Array) -> Array:
    """:func:`telemetry.demo.physics.tyre.wear_curve` of many tyres."""
    part = _WEAR_ENDS.searchsorted(used, "right")
    raw: Array = _WEAR_RAW[part] + _WEAR_RISE[part] * (used - _WEAR_USED[part]) / _WEAR_RUN[part]
    return raw


def _limit_slip(values: Array) -> Array:
    """The values within the bounds of the slip."""
    limited: Array = np.minimum(np.maximum(values, _LEAST_SLIP), _MOST_SLIP)
    return limited


def _limit(values: Array, most: float) -> Array:
    """The values, but none beyond plus or minus the most."""
    limited: Array = np.minimum(np.maximum(values, -most), most)
    return limited


def _damp(slow: Array, speed: Array, load: Array, slide: Array, vy: Array, fx: Array, fy: Array) -> None:
    """Add to the forces of slow wheels, by their flat indices, what the carcass damps."""
    soft = (2.0 - speed.flat[slow]) * 0.5 * load.flat[slow] * 0.25
    along, across = slide.flat[slow], vy.flat[slow]
    fx.flat[slow] += soft * np.where(np.abs(along) < 1.0, along, 0.0)
    fy.flat[slow] -= soft * np.where(np.abs(across) < 1.0, across, 0.0)
