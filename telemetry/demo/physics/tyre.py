"""One wheel of the demo car: a tyre with combined slip, a spinning wheel with its brake, their heat and their wear.

The slip quantities follow the road with a relaxation length, and the wheel's spin is solved together with the tyre's
slip in one implicit step. So the model is stable at 3 ms from standstill to top speed and through lock-up.

Only + - * / and square roots act on the state: they give the same bits on every platform.
"""

# ruff: noqa: FBT001, PLR1730 - in the hot step positional arguments and comparisons beat keywords and min()

from __future__ import annotations

from math import sqrt
from typing import Final

from telemetry.base.units import STEP_S

HEAT_EVERY: Final = 8  # steps between two updates of heat and wear of one wheel
HEAT_NAMES: Final = (
    *("core", "disc", "used", "wear", "dirt", "pressure", "roll_grip", "camber", "inner", "middle", "outer"),
)
"""What such an update changes."""

RADIUS: Final = 0.33  # m, front and rear
INERTIA: Final = 1.3  # kg m², wheel, tyre and disc

# Grip
PEAK_SLIP_RATIO: Final = 0.10  # longitudinal slip at the top of the grip curve: a locked wheel then reads 10
PEAK_SLIP_TAN: Final = 0.105  # tangent of the slip angle at the top of the grip curve, 6 degrees
# Coefficient of friction, front and (wider) rear, at NOMINAL_LOAD on clean tarmac, the tyre at its best
GRIP: Final = (1.40, 1.50)
NOMINAL_LOAD: Final = 3300.0  # N
LOAD_SENSITIVITY: Final = 0.11  # fraction of grip lost for each further NOMINAL_LOAD
RELAXATION: Final = 0.25  # m
MAX_SLIP: Final = 1.5  # bound of the slip state, so that a spun wheel forgets its spin

# What a step computes with, so that no quotient of constants is taken at every step
_HOLD: Final = STEP_S / RELAXATION
_PER_PEAK_RATIO: Final = 1.0 / PEAK_SLIP_RATIO
_PER_PEAK_TAN: Final = 1.0 / PEAK_SLIP_TAN
_UNLOADED_GRIP: Final = 1.0 + LOAD_SENSITIVITY
_GRIP_LOSS_PER_N: Final = LOAD_SENSITIVITY / NOMINAL_LOAD
_STIFFNESS: Final = RADIUS / PEAK_SLIP_RATIO
_GAIN: Final = _HOLD * RADIUS

# Temperatures
BEST_CORE: Final = 84.0  # °C of the best grip
GRIP_LOSS: Final = 0.10 / (60.0 * 60.0)  # fraction of grip lost per K² away from it
LEAST_WARM_GRIP: Final = 0.82
ZONE_HEAT: Final = 1700.0  # J/K of each third of the tread
CORE_HEAT: Final = 15000.0  # J/K of carcass and air
SLIDE_SHARE: Final = 0.54  # of the sliding power goes into the tread; the road takes the rest
FLEX_SHARE: Final = 0.0050  # of load times speed is turned into heat in the carcass
ZONE_TO_CORE: Final = 45.0  # W/K of each zone
ZONE_TO_ZONE: Final = 15.0  # W/K between neighbours
ZONE_AIR: Final = 3.0  # W/K of each zone, standing
ZONE_AIR_SPEED: Final = (0.36, 0.47)  # W/K of each zone per m/s, front and (wider) rear
CORE_AIR: Final = 6.0  # W/K
CORE_AIR_SPEED: Final = 0.10  # W/K per m/s
RIM_SHARE: Final = 0.6  # W/K from the brake disc into the core

# Pressure
ATMOSPHERE: Final = 14.7  # psi
COLD_PRESSURE: Final = 20.6  # psi at the ambient temperature
KELVIN: Final = 273.15

# Wear
LIFE: Final = 14.0e6  # J of sliding that wear a set from new to its floor, at tyre rate 1
FLOOR: Final = 88.0  # raw wear of a slick at the end
NEW: Final = 99.6  # raw wear of an unused tyre
# (fraction of the life used, raw wear): scrubs in to 100, then falls
WEAR_CURVE: Final = ((0.0, NEW), (0.015, 100.0), (0.30, 98.2), (0.75, 93.5), (1.0, FLOOR))

# Dirt
DIRT_FULL: Final = 5.0
DIRT_PER_METRE: Final = 0.045  # level gained per metre on grass
CLEAN_PER_METRE: Final = 0.008  # level lost per metre on tarmac
DIRT_GRIP: Final = 0.03  # fraction of grip lost per level

# Brakes
DISC_HEAT: Final = (5200.0, 4000.0)  # J/K, front and rear
DISC_AIR: Final = (14.0, 11.0)  # W/K, standing
DISC_AIR_SPEED: Final = (1.75, 1.0)  # W/K per m/s
DISC_RADIATION: Final = 2.6e-9  # W/K⁴

# Camber
STATIC_CAMBER: Final = (-0.060, -0.045)  # rad, top of the wheel inwards, front and rear
CAMBER_ROLL: Final = 0.55  # rad of camber per rad of body roll
CAMBER_TRAVEL: Final = 0.35  # rad per metre of bump
CAMBER_SPREAD: Final = 3.2  # how much of the contact pressure moves inwards per rad of camber
CORNER_SPREAD: Final = 0.14  # how much moves outwards per unit of lateral force over load


def wear_curve(used: float) -> float:
    """Return the raw wear (100 = best) after a fraction of the tyre's life."""
    low, raw_low = WEAR_CURVE[0]
    for high, raw_high in WEAR_CURVE[1:]:
        if used < high:
            return raw_low + (raw_high - raw_low) * (used - low) / (high - low)
        low, raw_low = high, raw_high
    return FLOOR


class Wheel:
    """The state of one wheel, its tyre and its brake."""

    __slots__ = (
        "axle",
        "camber",
        "compression",
        "core",
        "dirt",
        "disc",
        "force_forward",
        "force_left",
        "heat",
        "inner",
        "kappa",
        "load",
        "middle",
        "outer",
        "outward",
        "pressure",
        "roll_grip",
        "side",
        "sigma",
        "slip",
        "spin",
        "travelled",
        "used",
        "warm_brake",
        "wear",
        "x",
        "y",
    )

    def __init__(self, axle: int, side: int, x: float, y: float, ambient: float) -> None:
        """`axle` 0 front, 1 rear; `side` +1 left, -1 right; `x`, `y` metres forward and left of the centre of mass."""
        self.axle = axle
        self.side = side
        self.x = x
        self.y = y
        self.spin = 0.0  # rad/s
        self.kappa = 0.0  # longitudinal slip, -1 locked
        self.sigma = 0.0  # minus the tangent of the slip angle, + pushes left
        self.slip = 0.0  # combined, 1 at the peak
        self.load = 0.0  # N
        self.compression = 0.0  # m of bump from the static position
        self.force_forward = 0.0  # N, car frame, at the ground
        self.force_left = 0.0
        self.outward = 0.0  # force towards the car's outside over load
        self.camber = STATIC_CAMBER[axle]  # rad, negative = top inwards
        self.heat = 0.0  # J slid since the last thermal step
        self.travelled = 0.0  # m rolled since the last thermal step
        self.warm_brake = 0.0  # J braked since the last thermal step
        self.disc = ambient  # °C
        self.fit(ambient)

    def fit(self, ambient: float) -> None:
        """Put on a new tyre that comes from warmers 45 K above the air."""
        self.core = self.inner = self.middle = self.outer = ambient + 45.0
        self.used = 0.0  # fraction of its life
        self.wear = NEW
        self.dirt = 0.0
        self.pressure = COLD_PRESSURE
        self.roll_grip = 1.0  # what temperature, wear and dirt leave of the grip
        self.age(0.0, 0.0, ambient, ambient, 0.0, 0.0, False)

    def roll(
        self,
        forward: float,
        left: float,
        cos_steer: float,
        sin_steer: float,
        load: float,
        surface: float,
        drag: float,
        drive: float,
        inertia: float,
        brake: float,
    ) -> None:
        """Advance spin and slip by one step and leave the force on the car.

        `forward`, `left`: velocity of the contact point, m/s, car frame; `surface`: grip of the ground; `drag`: rolling
        resistance over load; `drive`, `brake`: torques in Nm, the latter a capacity; `inertia`: of the wheel and all
        that turns with it.
        """
        self.load = load
        spin = self.spin
        # The steered wheel's own axes: steering is positive to the right.
        vx = forward * cos_steer - left * sin_steer
        vy = left * cos_steer + forward * sin_steer
        speed = vx if vx >= 0.0 else -vx
        if load <= 0.0:  # in the air: nothing to push against
            self.force_forward = self.force_left = self.slip = self.kappa = self.sigma = self.outward = 0.0
            spin += STEP_S / inertia * drive
            most = STEP_S / inertia * brake
            self.spin = spin - most if spin > most else spin + most if spin < -most else 0.0
            return
        fade = 1.0 / (1.0 + _HOLD * speed)
        sigma = (self.sigma - _HOLD * vy) * fade
        if sigma > MAX_SLIP:
            sigma = MAX_SLIP
        elif sigma < -MAX_SLIP:
            sigma = -MAX_SLIP
        self.sigma = sigma
        kappa = self.kappa
        a = kappa * _PER_PEAK_RATIO
        b = sigma * _PER_PEAK_TAN
        square = a * a + b * b
        grip = surface * self.roll_grip
        sensitivity = _UNLOADED_GRIP - _GRIP_LOSS_PER_N * load
        if sensitivity < 0.5:
            sensitivity = 0.5
        # The curve is 1 at slip 1, about 0.8 at 10. Force over slip is taken at the old slip and used with the new one.
        secant = GRIP[self.axle] * grip * sensitivity * load * (2.0 + 3.0 * sqrt(square)) / (1.0 + 4.0 * square)
        # Spin and longitudinal slip together: slip' = start + gain * spin'.
        stiffness = secant * _STIFFNESS
        gain = _GAIN * fade
        start = (kappa - _HOLD * vx) * fade
        turn = STEP_S / inertia
        below = 1.0 / (1.0 + turn * stiffness * gain)
        free = (spin + turn * (drive - stiffness * start)) * below
        most = turn * (brake + drag * load * RADIUS) * below
        # A brake can stop a wheel but not turn it.
        new = free - most if free > most else free + most if free < -most else 0.0
        self.spin = new
        kappa = start + gain * new
        if kappa > MAX_SLIP:
            kappa = MAX_SLIP
        elif kappa < -MAX_SLIP:
            kappa = -MAX_SLIP
        self.kappa = kappa
        a = kappa * _PER_PEAK_RATIO
        self.slip = sqrt(a * a + b * b)
        slide = new * RADIUS - vx
        fx = secant * a
        fy = secant * b
        if speed < 2.0:  # the carcass damps what its springs would let swing for ever at standstill
            soft = (2.0 - speed) * 0.5
            fx += soft * load * 0.25 * (slide if -1.0 < slide < 1.0 else 0.0)
            fy -= soft * load * 0.25 * (vy if -1.0 < vy < 1.0 else 0.0)
        self.force_forward = fx * cos_steer + fy * sin_steer
        self.force_left = fy * cos_steer - fx * sin_steer
        power = fx * slide - fy * vy
        if power > 0.0:
            self.heat += power * STEP_S
        self.travelled += speed * STEP_S
        self.outward = fy / load * self.side
        if brake > 0.0:
            self.warm_brake += brake * (new if new >= 0.0 else -new) * STEP_S

    def age(
        self, seconds: float, speed: float, air: float, road: float, roll: float, tyre_rate: float, dirty: bool
    ) -> None:
        """Advance heat, pressure, wear and dirt by some seconds at a speed in m/s."""
        axle = self.axle
        camber = STATIC_CAMBER[axle] + self.side * CAMBER_ROLL * roll - CAMBER_TRAVEL * self.compression
        self.camber = camber
        core, inner, middle, outer = self.core, self.inner, self.middle, self.outer
        slid = self.heat
        metres = self.travelled
        # A tyre that is pushed inwards (towards the car) leans on its outer shoulder.
        lean = CAMBER_SPREAD * camber - CORNER_SPREAD * self.outward
        if lean > 0.8:
            lean = 0.8
        elif lean < -0.8:
            lean = -0.8
        bulge = 0.02 * (self.pressure - 27.5)  # hot pressure arches the tread
        into = slid * SLIDE_SHARE / 3.0
        to_air = (ZONE_AIR + ZONE_AIR_SPEED[axle] * speed) * seconds
        across = ZONE_TO_ZONE * seconds
        inward = ZONE_TO_CORE * seconds
        ambient = 0.7 * air + 0.3 * road  # the tread is cooled by air and by the road it touches
        self.inner = inner + (
            into * (1.0 - lean - 0.5 * bulge)
            - to_air * (inner - ambient)
            - across * (inner - middle)
            - inward * (inner - core)
        ) * (1.0 / ZONE_HEAT)
        self.middle = middle + (
            into * (1.0 + bulge)
            - to_air * (middle - ambient)
            - across * (2.0 * middle - inner - outer)
            - inward * (middle - core)
        ) * (1.0 / ZONE_HEAT)
        self.outer = outer + (
            into * (1.0 + lean - 0.5 * bulge)
            - to_air * (outer - ambient)
            - across * (outer - middle)
            - inward * (outer - core)
        ) * (1.0 / ZONE_HEAT)
        disc = self.disc
        core += (
            FLEX_SHARE * self.load * metres
            + inward * (inner + middle + outer - 3.0 * core)
            - (CORE_AIR + CORE_AIR_SPEED * speed) * seconds * (core - air)
            + RIM_SHARE * seconds * (disc - core)
        ) * (1.0 / CORE_HEAT)
        self.core = core
        hot, cold = disc + KELVIN, air + KELVIN
        self.disc = (
            disc
            + (
                self.warm_brake
                - seconds
                * (
                    (DISC_AIR[axle] + DISC_AIR_SPEED[axle] * speed) * (disc - air)
                    + DISC_RADIATION * (hot * hot * hot * hot - cold * cold * cold * cold)
                )
            )
            / DISC_HEAT[axle]
        )
        self.pressure = (COLD_PRESSURE + ATMOSPHERE) * (core + KELVIN) / (air + KELVIN) - ATMOSPHERE
        if tyre_rate > 0.0:
            self.used += slid * tyre_rate * (1.0 / LIFE)
            self.wear = wear_curve(self.used)
        if dirty:
            self.dirt = min(DIRT_FULL, self.dirt + DIRT_PER_METRE * metres)
        elif self.dirt > 0.0:
            self.dirt = max(0.0, self.dirt - CLEAN_PER_METRE * metres)
        away = core - BEST_CORE
        warm = 1.0 - GRIP_LOSS * away * away
        if warm < LEAST_WARM_GRIP:
            warm = LEAST_WARM_GRIP
        self.roll_grip = warm * self.wear * 0.01 * (1.0 - DIRT_GRIP * self.dirt)
        self.heat = self.travelled = self.warm_brake = 0.0
