"""The demo car's engine, clutch and automatic gearbox."""

# ruff: noqa: FBT001, FURB136, PLR1730 - in the hot step positional arguments and comparisons beat keywords and min()

from __future__ import annotations

from typing import Final

from telemetry.base.units import STEP_S

RPM: Final = 9.549296585513721  # rpm per rad/s

# Engine turns per wheel turn: reverse, neutral, first to sixth
GEARS: Final = (-9.2, 0.0, 9.9, 7.75, 6.3, 5.2, 4.35, 3.65)
REVERSE, NEUTRAL, FIRST, TOP = 0, 1, 2, 7
EFFICIENCY: Final = 0.94  # of the gearbox
IDLE_RPM: Final = 1500.0
LIMITER_RPM: Final = 8250
UPSHIFT_RPM: Final = 7950.0
DOWNSHIFT_RPM: Final = 6650.0  # the lower gear may not turn faster than this after a downshift
LAZY_DOWNSHIFT_RPM: Final = 4600.0  # the same while the driver neither brakes nor asks for full power
UPSHIFT_STEPS: Final = 22  # 66 ms
DOWNSHIFT_STEPS: Final = 34  # 102 ms
SHIFT_PAUSE: Final = 60  # steps between two shifts
ENGINE_INERTIA: Final = 0.16  # kg m²
CLUTCH_TORQUE: Final = 620.0  # Nm, the largest that it transmits
CLUTCH_BITE: Final = 60.0  # rad/s of difference at which it carries that
CLUTCH_GRAB: Final = 12.0  # rad/s of difference at which a closing clutch holds
LAUNCH_RPM: Final = 3200.0  # the automatic clutch begins to close
LAUNCH_RANGE: Final = 3500.0  # rpm over which it closes
LIMITER_CUT: Final = 9  # steps without ignition at the limiter
JOULES_PER_LITRE: Final = 32.0e6 * 0.27  # of fuel, behind the engine's efficiency
IDLE_LITRES: Final = 0.0008  # per second

# What a step computes with, so that no quotient or product of constants is taken at every step
_IDLE: Final = IDLE_RPM / RPM  # rad/s
_HOLDS_RPM: Final = IDLE_RPM * 1.02  # below which joined wheels would stall the engine
_GRABS_RPM: Final = IDLE_RPM * 1.1
_OPEN_RPM: Final = LAUNCH_RPM + 600.0
_IDLE_STEP_LITRES: Final = IDLE_LITRES * STEP_S
_BETWEEN_GEARS: Final = STEP_S / 0.018
_SPEED_UP: Final = STEP_S / ENGINE_INERTIA

# Full-throttle torque in Nm every 500 rpm from 0
TORQUE: Final = (
    60.0, 140.0, 220.0, 280.0, 325.0, 365.0, 400.0, 430.0, 455.0, 476.0,
    494.0, 508.0, 517.0, 520.0, 512.0, 490.0, 455.0, 400.0, 300.0,
)  # fmt: skip
_LAST: Final = len(TORQUE) - 1
MAX_TORQUE: Final = max(TORQUE)
MAX_POWER: Final = max(torque * 500.0 * i / RPM for i, torque in enumerate(TORQUE))  # W


def full_torque(rpm: float) -> float:
    """Return the full-throttle torque in Nm."""
    place = rpm * 0.002
    if place <= 0.0:
        return TORQUE[0]
    i = int(place)
    if i >= _LAST:
        return TORQUE[-1]
    low = TORQUE[i]
    return low + (place - i) * (TORQUE[i + 1] - low)


class Engine:
    """The state of engine, clutch and gearbox; `run` returns the torque on the rear wheels."""

    __slots__ = (
        "clutch",
        "cut",
        "fuel",
        "gear",
        "health",
        "joined",
        "limiting",
        "shift_left",
        "speed",
        "target",
        "wait",
    )

    def __init__(self, fuel: float) -> None:
        self.speed = _IDLE  # rad/s of the crankshaft
        self.gear = FIRST
        self.target = FIRST
        self.clutch = 0.0  # 1 = engaged
        self.joined = False  # whether crankshaft and wheels turn as one
        self.shift_left = 0  # steps until the gear is in
        self.wait = 0  # steps until the next shift may begin
        self.cut = 0  # steps of ignition cut left
        self.fuel = fuel  # litres
        self.health = 1.0  # of the power, after damage
        self.limiting = False  # whether the pit limiter cuts now

    def inertia(self) -> float:
        """Return the inertia in kg m² that the engine adds to each driven wheel in the present gear."""
        if not self.joined:
            return 0.0
        ratio = GEARS[self.gear]
        return 0.5 * ENGINE_INERTIA * ratio * ratio

    def choose(self, wheel: float, gas: float, brake: float, reverse: bool, sliding: bool) -> None:
        """Let the automatic gearbox shift, given the driven wheels' mean spin in rad/s."""
        gear = self.target
        if reverse != (gear == REVERSE):
            if -3.0 < wheel < 3.0:  # about 1 m/s: only then may forward and reverse change places
                self._shift(REVERSE if reverse else FIRST, DOWNSHIFT_STEPS)
            return
        if gear == REVERSE or self.wait > 0:
            return
        rpm = wheel * GEARS[gear] * RPM
        if gear < TOP and rpm > UPSHIFT_RPM and gas > 0.2 and not sliding:
            self._shift(gear + 1, UPSHIFT_STEPS)
        elif gear > FIRST:
            lower = wheel * GEARS[gear - 1] * RPM
            if lower < (DOWNSHIFT_RPM if brake > 0.05 or gas > 0.8 else LAZY_DOWNSHIFT_RPM):
                self._shift(gear - 1, DOWNSHIFT_STEPS)

    def engage(self, wheel: float) -> None:
        """Take the gear for a driven wheel that turns at so many rad/s; the clutch closes unless that is too slow."""
        gear = FIRST
        while gear < TOP and wheel * GEARS[gear] * RPM > DOWNSHIFT_RPM:
            gear += 1
        self.gear = self.target = gear
        self.shift_left = self.wait = self.cut = 0
        driven = wheel * GEARS[gear]
        self.joined = driven * RPM > IDLE_RPM * 1.1
        self.clutch = 1.0 if self.joined else 0.0
        self.speed = driven if self.joined else IDLE_RPM / RPM

    def _shift(self, gear: int, steps: int) -> None:
        self.target = gear
        self.gear = NEUTRAL
        self.joined = False
        self.shift_left = steps
        self.wait = steps + SHIFT_PAUSE

    def run(self, wheel: float, gas: float, fuel_rate: float, limit_wheel: float) -> float:
        """Advance by one step and return the total torque on the driven wheels in Nm.

        `wheel`: mean spin of the driven wheels, rad/s; `limit_wheel`: the spin at which the pit limiter cuts, 0 = off.
        """
        if self.wait > 0:
            self.wait -= 1
        if self.shift_left > 0:
            self.shift_left -= 1
            if self.shift_left == 0:
                self.gear = self.target
        gear = self.gear
        ratio = GEARS[gear]
        speed = self.speed
        rpm = speed * RPM
        self.limiting = limit_wheel > 0.0 and wheel > limit_wheel
        if rpm > LIMITER_RPM:
            self.cut = LIMITER_CUT
        if self.cut > 0:
            self.cut -= 1
            gas = 0.0
        fuel = self.fuel
        if fuel <= 0.0 or self.limiting:
            gas = 0.0
        full = full_torque(rpm) * self.health
        friction = 18.0 + 0.0055 * rpm
        torque = gas * (full + friction) - friction
        if rpm < IDLE_RPM and fuel > 0.0 and torque < (IDLE_RPM - rpm) * 0.2:
            torque = (IDLE_RPM - rpm) * 0.2  # the idle governor
        if torque > 0.0:
            fuel -= torque * speed * STEP_S * fuel_rate / JOULES_PER_LITRE
        if fuel > 0.0:
            fuel -= _IDLE_STEP_LITRES * fuel_rate
        self.fuel = fuel if fuel > 0.0 else 0.0
        if gear == NEUTRAL:  # between two gears the engine is brought to the speed it will need
            self.clutch = 0.0
            want = wheel * GEARS[self.target]
            if want < _IDLE:
                want = _IDLE
            self.speed = speed + (want - speed) * _BETWEEN_GEARS
            return 0.0
        driven = wheel * ratio
        if self.joined and driven * RPM > _HOLDS_RPM:
            self.clutch = 1.0
            self.speed = driven
            return torque * ratio * EFFICIENCY
        self.joined = False
        if driven * RPM > _OPEN_RPM:
            clutch = 1.0
        else:
            clutch = (rpm - LAUNCH_RPM * (0.5 + 0.5 * gas)) / LAUNCH_RANGE
            if gas < 0.02 or clutch < 0.0:
                clutch = 0.0
            elif clutch > 1.0:
                clutch = 1.0
        difference = speed - driven
        if clutch > 0.0 and -CLUTCH_GRAB < difference < CLUTCH_GRAB and driven * RPM > _GRABS_RPM:
            self.joined = True
            clutch = 1.0
        self.clutch = clutch
        carried = clutch * CLUTCH_TORQUE * difference / CLUTCH_BITE
        most = clutch * CLUTCH_TORQUE
        if carried > most:
            carried = most
        elif carried < -most:
            carried = -most
        self.speed = max(0.0, speed + (torque - carried) * _SPEED_UP)
        return carried * ratio * EFFICIENCY
