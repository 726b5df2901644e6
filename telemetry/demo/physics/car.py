"""The demo car: a body with six degrees of freedom on four wheels.

World axes are the game's (x, y up, z). The car's horizontal direction is kept as a unit vector, so that the simulation
needs no sine or cosine; heading, as the game publishes it, is taken from it for the pages only. Inside, x is forward,
y is left; yaw is positive to the left, pitch nose up, roll left side down.

Only + - * / and square roots act on the state: they give the same bits on every platform.
"""

# ruff: noqa: FBT001, FURB136, PLR1730 - in the hot step positional arguments and comparisons beat keywords and min()

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin, sqrt
from typing import TYPE_CHECKING, Final, TypeVar

from telemetry.base.units import STEP_S
from telemetry.demo.physics.engine import Engine
from telemetry.demo.physics.tyre import HEAT_EVERY, INERTIA, RADIUS, Wheel, wear_curve
from telemetry.demo.track import (
    HALF_WIDTH,
    KERB_WIDTH,
    PIT_ENTRY,
    PIT_EXIT,
    PIT_FORK,
    PIT_LANE_EDGES,
    ROUGHNESS_COUNT,
    ROUGHNESS_STEP,
)

if TYPE_CHECKING:
    from telemetry.demo.track import Track

G: Final = 9.80665  # m/s²

# Masses and lengths
DRY_MASS: Final = 1330.0  # kg with driver, without fuel
FUEL_DENSITY: Final = 0.74  # kg per litre
YAW_INERTIA: Final = 1850.0  # kg m²
PITCH_INERTIA: Final = 1700.0  # kg m²
ROLL_INERTIA: Final = 560.0  # kg m²
FRONT: Final = 1.38  # m from the centre of mass to the front axle
REAR: Final = 1.27  # m from the centre of mass to the rear axle
HALF_TRACK: Final = (0.83, 0.82)  # m, front and rear
CG_HEIGHT: Final = 0.45  # m above the ground at rest
CORNERS: Final = (
    (2.3, 0.97),
    (2.3, -0.97),
    (-2.2, 0.97),
    (-2.2, -0.97),
)  # m, forward and left: the corners that can hit a barrier

# Suspension
SPRING: Final = (150.0e3, 140.0e3)  # N/m at the wheel
DAMPER: Final = (8.2e3, 8.0e3)  # N s/m
ANTI_ROLL: Final = (62.0e3, 36.0e3)  # N/m of difference between left and right
BUMP_STOP: Final = 0.045  # m of bump from the static position, where the stop begins
BUMP_STOP_SPRING: Final = 500.0e3  # N/m
STATIC_TRAVEL: Final = (0.052, 0.060)  # m: what suspensionTravel reads at rest
MAX_TRAVEL: Final = (0.120, 0.130)  # m
STATIC_RIDE_HEIGHT: Final = (0.062, 0.081)  # m
ENVELOPE: Final = 0.012  # s: how fast a tyre follows the ground under it
ROLL_CENTRE: Final = 0.10  # m: lateral forces act on the springs with this much less leverage

# Aerodynamics
DOWNFORCE: Final = 1.70  # N per (m/s)², at 1.2 kg/m³: 8.5 kN at 255 km/h
DRAG: Final = 0.66  # N per (m/s)², at 1.2 kg/m³
DOWNFORCE_FRONT: Final = 0.45  # fraction of the downforce at the front axle
REFERENCE_DENSITY: Final = 1.2  # kg/m³

# Controls
STEER_LOCK: Final = 0.42  # rad at the front wheels for a steering input of 1
BRAKE_TORQUE: Final = 9800.0  # Nm, sum of all four discs with the pedal fully pressed
DIFFERENTIAL: Final = 55.0  # Nm per rad/s between the rear wheels

# Ground
TARMAC, KERB, GRASS = 0, 1, 2
GROUND_GRIP: Final = (1.0, 0.97, 0.58)  # factor of the grip
GROUND_DRAG: Final = (0.011, 0.013, 0.085)  # rolling resistance over load
KERB_HEIGHT: Final = 0.010  # m
KERB_LENGTH: Final = 1.8  # m between two ridges
GRASS_ROUGHNESS: Final = 7.0  # times that of tarmac

# Barriers
WALL_SPRING: Final = 1.1e6  # N/m: tyre stacks
WALL_RETURN: Final = 0.25  # fraction of the force while the car moves away from the barrier
WALL_FRICTION: Final = 0.35  # friction over normal force
LEAST_HIT: Final = 5.0  # km/h of closing speed above which a hit does damage
DAMAGE_DRAG: Final = 0.25  # fraction of the drag added at full damage
DAMAGE_DOWNFORCE: Final = 0.35  # fraction of the downforce lost at full damage
DAMAGE_POWER: Final = 0.20  # fraction of the power lost at full damage


# What a step computes with, so that no quotient or product of constants is taken at every step
_PER_RADIUS: Final = 1.0 / RADIUS
_PER_STEP: Final = 1.0 / STEP_S
_DROP: Final = G * STEP_S
_BRAKE_SHARE: Final = 0.5 * BRAKE_TORQUE
_PER_DENSITY: Final = 1.0 / REFERENCE_DENSITY
_FRONT_SHARE: Final = 0.5 * REAR / (FRONT + REAR)
_REAR_SHARE: Final = 0.5 * FRONT / (FRONT + REAR)
_DOWNFORCE_LEVER: Final = (1.0 - DOWNFORCE_FRONT) * REAR - DOWNFORCE_FRONT * FRONT
_PER_ROUGHNESS_STEP: Final = 1.0 / ROUGHNESS_STEP
_LAST_ROUGHNESS: Final = ROUGHNESS_COUNT - 1
_PER_KERB_LENGTH: Final = 1.0 / KERB_LENGTH
_KERB_EDGE: Final = HALF_WIDTH + KERB_WIDTH
_PER_ENVELOPE: Final = 1.0 / ENVELOPE
_YAW_STEP: Final = STEP_S / YAW_INERTIA
_PITCH_STEP: Final = STEP_S / PITCH_INERTIA
_ROLL_STEP: Final = STEP_S / ROLL_INERTIA
_HEAT_SECONDS: Final = STEP_S * HEAT_EVERY
_ANTI_ROLL_FRONT, _ANTI_ROLL_REAR = ANTI_ROLL
_INTACT: Final = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class DriverInputs:
    """The driver's inputs: `steer` -1..1, + = right; `gas` and `brake` 0..1; `reverse` requests reverse gear."""

    steer: float = 0.0
    gas: float = 0.0
    brake: float = 0.0
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Setup:
    """The settings of a session: aids, rates and weather."""

    tc: float = 0.10  # slip ratio at which traction control cuts; 0 = off
    abs: float = 0.11  # slip ratio at which the brakes release; 0 = off
    fuel: float = 60.0  # litres
    fuel_rate: float = 1.0
    tyre_rate: float = 1.0
    damage_rate: float = 1.0
    air: float = 24.0  # °C
    road: float = 31.0  # °C
    surface_grip: float = 0.98
    brake_bias: float = 0.66  # fraction at the front axle
    ballast: float = 0.0  # kg
    wind_kmh: float = 0.0
    wind_degrees: float = 0.0  # towards which it blows: 0 is the world's +z, and on to the right


def air_density(setup: Setup) -> float:
    """The density of the air in kg/m³, by the game's own formula."""
    return 1.2922 - 0.0041 * setup.air


def wind_of(setup: Setup) -> tuple[float, float]:
    """The velocity of the wind in m/s, along the world's x and z."""
    if setup.wind_kmh == 0.0:
        return 0.0, 0.0
    angle, speed = radians(setup.wind_degrees), setup.wind_kmh / 3.6
    return -sin(angle) * speed, cos(angle) * speed


_Slotted = TypeVar("_Slotted", "Car", Engine, Wheel)


def _copy_slots(one: _Slotted) -> _Slotted:
    kind = type(one)
    twin = kind.__new__(kind)
    for name in kind.__slots__:
        setattr(twin, name, getattr(one, name))
    return twin


class Car:
    """The car on its circuit."""

    __slots__ = (
        "abs_scale",
        "accel_x",
        "accel_y",
        "accel_z",
        "brake",
        "contact",
        "damage",
        "density",
        "dir_x",
        "dir_z",
        "distance",
        "engine",
        "gas",
        "ground",
        "mass",
        "n",
        "node",
        "pitch",
        "pitch_rate",
        "road",
        "road_y",
        "roll",
        "roll_rate",
        "s",
        "setup",
        "speed",
        "steer",
        "tc_scale",
        "track",
        "turn",
        "tyres_out",
        "velocity_x",
        "velocity_y",
        "velocity_z",
        "wheels",
        "wind_x",
        "wind_z",
        "x",
        "y",
        "yaw_rate",
        "z",
    )

    def __init__(self, track: Track, setup: Setup, s: float, n: float) -> None:
        self.track = track
        self.setup = setup
        self.density = air_density(setup)
        self.engine = Engine(setup.fuel)
        self.wheels = tuple(
            Wheel(axle, side, FRONT if axle == 0 else -REAR, side * HALF_TRACK[axle], setup.air)
            for axle in (0, 1)
            for side in (1, -1)
        )
        self.damage = _INTACT  # front, rear, left, right
        self.distance = 0.0  # m moved, jumps included
        self.turn = 0  # steps done: whose heat is due
        self.mass = DRY_MASS + FUEL_DENSITY * setup.fuel + setup.ballast
        self.wind_x, self.wind_z = wind_of(setup)
        self.steer = self.gas = self.brake = 0.0
        self.x = self.z = 0.0
        self.node = 0
        self.put(s, n)
        self.distance = 0.0

    def put(self, s: float, n: float) -> None:
        """Place the car at rest at `s`, `n`, facing along the circuit."""
        x, y, z, tx, tz = self.track.place(s, n)
        dx, dz = x - self.x, z - self.z
        self.distance += sqrt(dx * dx + dz * dz)
        self.x, self.y, self.z = x, y + CG_HEIGHT, z
        self.dir_x, self.dir_z = tx, tz
        self.velocity_x = self.velocity_y = self.velocity_z = 0.0
        self.accel_x = self.accel_y = self.accel_z = 0.0  # m/s², world
        self.node = self.track.node(s)
        self._find()
        gradient = self.track.gradient[self.node]
        self.pitch = gradient
        self.roll = 0.0
        self.yaw_rate = self.pitch_rate = self.roll_rate = 0.0
        self.speed = 0.0  # m/s, magnitude of the velocity
        self.road = [0.0, 0.0, 0.0, 0.0]  # m: the unevenness each tyre stands on
        self.ground = [TARMAC, TARMAC, TARMAC, TARMAC]
        self.tyres_out = 0
        self.contact = 0  # steps since a barrier was touched last; > 0 = still in that hit
        self.abs_scale = [1.0, 1.0, 1.0, 1.0]
        self.tc_scale = 1.0
        self.engine.joined = False
        for wheel in self.wheels:
            wheel.spin = wheel.kappa = wheel.sigma = 0.0
            wheel.force_forward = wheel.force_left = 0.0
            wheel.load = self.mass * G * 0.25

    def set_rolling(self, speed: float, slope: float, bend: float) -> None:
        """Let the car, just placed, roll at `speed` in m/s, in a fitting gear.

        It drives along a line that rises by `slope` metres to the left per metre of road and has the curvature `bend`
        in 1/m, + left.
        """
        dx, dz = self.dir_x + slope * self.dir_z, self.dir_z - slope * self.dir_x
        length = sqrt(dx * dx + dz * dz)
        self.dir_x, self.dir_z = dx, dz = dx / length, dz / length
        gradient = self.track.gradient[self.node]
        level = speed / sqrt(1.0 + gradient * gradient)
        self.velocity_x, self.velocity_y, self.velocity_z = level * dx, level * gradient, level * dz
        self.speed = speed
        self.yaw_rate = speed * bend
        for wheel in self.wheels:
            wheel.spin = speed / RADIUS
        self.engine.engage(speed / RADIUS)

    def copy(self) -> Car:
        """A car in the same state that moves by itself."""
        twin = _copy_slots(self)
        for name in ("road", "ground", "abs_scale"):
            setattr(twin, name, list(getattr(self, name)))
        twin.engine = _copy_slots(self.engine)
        twin.wheels = tuple([_copy_slots(wheel) for wheel in self.wheels])
        return twin

    def adapt(self, setup: Setup, tyre_used: float | None = None, tyre_temp: float | None = None) -> None:
        """Change to another setup, and to tyres of which this fraction is used and that have this temperature in °C."""
        self.setup = setup
        self.engine.fuel = setup.fuel
        self.mass = DRY_MASS + FUEL_DENSITY * setup.fuel + setup.ballast
        self.density = air_density(setup)
        self.wind_x, self.wind_z = wind_of(setup)
        for wheel in self.wheels:
            if tyre_used is not None:
                wheel.used = tyre_used
                wheel.wear = wear_curve(tyre_used)
            if tyre_temp is not None:
                wheel.core = wheel.inner = wheel.middle = wheel.outer = tyre_temp
            wheel.age(0.0, 0.0, setup.air, setup.road, self.roll, setup.tyre_rate, False)

    def repair(self) -> None:
        """Repair all damage."""
        self.damage = _INTACT
        self.engine.health = 1.0

    def step(self, steer: float, gas: float, brake: float, reverse: bool, speed_limit: float) -> None:
        """Advance by 3 ms; `speed_limit` in m/s is the pit limiter's, 0 = off."""
        setup = self.setup
        track = self.track
        engine = self.engine
        front_left, front_right, rear_left, rear_right = wheels = self.wheels
        self.steer, self.gas, self.brake = steer, gas, brake
        dir_x, dir_z = self.dir_x, self.dir_z
        old_x, old_y, old_z = self.velocity_x, self.velocity_y, self.velocity_z
        forward = old_x * dir_x + old_z * dir_z
        left = old_x * dir_z - old_z * dir_x
        yaw = self.yaw_rate
        mass = self.mass

        # Where the car is on the circuit, and the plane of the road under it
        node, s, n = self.node, self.s, self.n
        tx, tz = track.tangent_x[node], track.tangent_z[node]
        gradient = track.gradient[node]
        along_f = dir_x * tx + dir_z * tz  # part of forward along the road; also of left along the road's left
        across_f = dir_x * tz - dir_z * tx  # part of forward along the road's left; minus that of left along the road
        lever = self.y - self.road_y
        height = lever - CG_HEIGHT
        sink = self.velocity_y - gradient * (old_x * tx + old_z * tz)  # speed away from the road plane

        # Drive line and aids
        spin = 0.5 * (rear_left.spin + rear_right.spin)
        slipping = rear_left.kappa if rear_left.kappa > rear_right.kappa else rear_right.kappa
        tc = self.tc_scale
        if setup.tc > 0.0 and slipping > setup.tc and self.speed > 1.5:
            tc -= 0.08
            if tc < 0.1:
                tc = 0.1
        elif tc < 1.0:
            tc += 0.02
            if tc > 1.0:
                tc = 1.0
        self.tc_scale = tc
        engine.choose(spin, gas, brake, reverse, slipping > 0.25)
        torque = engine.run(spin, gas * tc, setup.fuel_rate, speed_limit * _PER_RADIUS)
        inertia = INERTIA + engine.inertia()
        lock = DIFFERENTIAL * (rear_left.spin - rear_right.spin)
        if lock > 1200.0:
            lock = 1200.0
        elif lock < -1200.0:
            lock = -1200.0
        drives = (0.0, 0.0, 0.5 * torque - lock, 0.5 * torque + lock)
        brake_front = brake * _BRAKE_SHARE * setup.brake_bias
        brake_rear = brake * _BRAKE_SHARE * (1.0 - setup.brake_bias)

        # Steering: sine and cosine of the small angle as polynomials
        angle = steer * STEER_LOCK
        square = angle * angle
        sin_front = angle * (1.0 - square * (1.0 / 6.0 - square * (1.0 / 120.0)))
        cos_front = 1.0 - square * (0.5 - square * (1.0 / 24.0 - square * (1.0 / 720.0)))

        # Air
        air_speed = through_air = self.speed
        wind_x, wind_z = self.wind_x, self.wind_z
        if wind_x != 0.0 or wind_z != 0.0:
            air_x, air_z = old_x - wind_x, old_z - wind_z
            through_air = sqrt(air_x * air_x + old_y * old_y + air_z * air_z)
        else:
            air_x, air_z = old_x, old_z
        broken = self.damage
        worst = 0.0 if broken == _INTACT else max(broken)
        share = worst * 0.01 if worst < 100.0 else 1.0
        press = self.density * _PER_DENSITY * through_air * through_air
        downforce = DOWNFORCE * press * (1.0 - DAMAGE_DOWNFORCE * share)
        drag = DRAG * press * (1.0 + DAMAGE_DRAG * share)

        # Suspension: bump of each corner from its static position
        pitch, roll = self.pitch, self.roll
        pitch_rate, roll_rate = self.pitch_rate, self.roll_rate
        roads, grounds = self.road, self.ground
        roughness = track.roughness
        kerb = track.kerb[node]
        near_pits = n < 0.0 and PIT_ENTRY < s < PIT_EXIT
        load_sum = force_forward = force_left = 0.0
        yaw_moment = pitch_moment = roll_moment = 0.0
        tyres_out = 0
        bar_front = _ANTI_ROLL_FRONT * (front_left.compression - front_right.compression)
        bar_rear = _ANTI_ROLL_REAR * (rear_left.compression - rear_right.compression)
        bars = (bar_front, -bar_front, bar_rear, -bar_rear)
        static_front = mass * G * _FRONT_SHARE
        static_rear = mass * G * _REAR_SHARE
        abs_limit = -setup.abs if setup.abs > 0.0 and air_speed > 4.0 else -100.0
        scales = self.abs_scale
        for i in (0, 1, 2, 3):
            wheel = wheels[i]
            x, y = wheel.x, wheel.y
            along = x * along_f - y * across_f
            side = n + x * across_f + y * along_f
            place = s + along
            distance = side if side >= 0.0 else -side
            # The ground under this tyre
            scaled = place * _PER_ROUGHNESS_STEP
            k = int(scaled)
            at = k & _LAST_ROUGHNESS
            low = roughness[at]
            bump = low + (scaled - k) * (roughness[at - _LAST_ROUGHNESS] - low)  # the next one, counted from the end
            if distance <= HALF_WIDTH:
                kind = TARMAC
            elif kerb and distance <= _KERB_EDGE:
                kind = KERB
                ridge = place * _PER_KERB_LENGTH
                ridge -= int(ridge)
                bump += KERB_HEIGHT * (4.0 * ridge * (1.0 - ridge))
            elif (
                near_pits
                and side < 0.0
                and (
                    PIT_LANE_EDGES[0] < side < PIT_LANE_EDGES[1]
                    or (side > PIT_LANE_EDGES[0] and (s < PIT_ENTRY + PIT_FORK or s > PIT_EXIT - PIT_FORK))
                )
            ):
                kind = TARMAC
            else:
                kind = GRASS
                bump *= GRASS_ROUGHNESS
                tyres_out += 1
            grounds[i] = kind
            road = roads[i]
            rise = (bump - road) * _PER_ENVELOPE
            road += rise * STEP_S
            roads[i] = road
            compression = road + gradient * along - height - pitch * x + roll * y
            wheel.compression = compression
            rate = rise - sink - pitch_rate * x + roll_rate * y
            axle = wheel.axle
            load = (static_rear if axle else static_front) + SPRING[axle] * compression + DAMPER[axle] * rate + bars[i]
            if compression > BUMP_STOP:
                load += BUMP_STOP_SPRING * (compression - BUMP_STOP)
            if load < 0.0:
                load = 0.0
            # Brakes
            scale = scales[i]
            if wheel.kappa < abs_limit:
                scale -= 0.12
                if scale < 0.1:
                    scale = 0.1
            elif scale < 1.0:
                scale += 0.03
                if scale > 1.0:
                    scale = 1.0
            scales[i] = scale
            if axle:
                wheel.roll(
                    forward - yaw * y, left + yaw * x, 1.0, 0.0, load,
                    GROUND_GRIP[kind] * setup.surface_grip, GROUND_DRAG[kind], drives[i], inertia, brake_rear * scale,
                )  # fmt: skip
            else:
                wheel.roll(
                    forward - yaw * y, left + yaw * x, cos_front, sin_front, load,
                    GROUND_GRIP[kind] * setup.surface_grip, GROUND_DRAG[kind], 0.0, INERTIA, brake_front * scale,
                )  # fmt: skip
            fx, fy = wheel.force_forward, wheel.force_left
            load_sum += load
            force_forward += fx
            force_left += fy
            yaw_moment += x * fy - y * fx
            pitch_moment += load * x
            roll_moment -= load * y
        self.tyres_out = tyres_out

        # One wheel's heat at a time and at every second step: 24 ms is short against a tread's time constant
        turn = self.turn + 1
        self.turn = turn
        if turn & 1:
            due = (turn >> 1) & 3
            wheels[due].age(
                _HEAT_SECONDS, air_speed, setup.air, setup.road, roll, setup.tyre_rate, grounds[due] == GRASS
            )
        elif turn & 7 == 0:
            self.mass = DRY_MASS + FUEL_DENSITY * engine.fuel + setup.ballast

        # Body
        drag_over_speed = drag / through_air if through_air > 0.1 else 0.0
        slope = load_sum * gradient  # the road pushes at right angles to itself
        world_x = dir_x * force_forward + dir_z * force_left - drag_over_speed * air_x - slope * tx
        world_z = dir_z * force_forward - dir_x * force_left - drag_over_speed * air_z - slope * tz
        wall = track.left_wall[node] if n > 0.0 else track.right_wall[node]
        if (n > wall - 2.6 if n > 0.0 else n < wall + 2.6) or self.contact:
            push_x, push_z, moment = self._barrier(wall, along_f, across_f, forward, left)
            world_x += push_x
            world_z += push_z
            yaw_moment += moment
        per_mass = STEP_S / mass
        new_x = old_x + world_x * per_mass
        new_z = old_z + world_z * per_mass
        new_y = old_y + (load_sum - downforce) * per_mass - _DROP
        self.velocity_x, self.velocity_y, self.velocity_z = new_x, new_y, new_z
        self.accel_x = (new_x - old_x) * _PER_STEP
        self.accel_y = (new_y - old_y) * _PER_STEP
        self.accel_z = (new_z - old_z) * _PER_STEP
        pitch_moment += force_forward * lever + downforce * _DOWNFORCE_LEVER
        roll_moment -= force_left * (lever - ROLL_CENTRE)
        pitch_rate += pitch_moment * _PITCH_STEP
        roll_rate += roll_moment * _ROLL_STEP
        yaw += yaw_moment * _YAW_STEP
        self.pitch_rate, self.roll_rate, self.yaw_rate = pitch_rate, roll_rate, yaw
        self.pitch = pitch + pitch_rate * STEP_S
        self.roll = roll + roll_rate * STEP_S
        self.x += new_x * STEP_S
        self.y += new_y * STEP_S
        self.z += new_z * STEP_S
        # Turn the direction by yaw * STEP_S: a rational rotation keeps its length
        half = 0.5 * yaw * STEP_S
        scale = 1.0 / (1.0 + half * half)
        cos_turn = (1.0 - half * half) * scale
        sin_turn = 2.0 * half * scale
        new_dir_x = dir_x * cos_turn + dir_z * sin_turn
        new_dir_z = dir_z * cos_turn - dir_x * sin_turn
        square = new_dir_x * new_dir_x + new_dir_z * new_dir_z
        scale = 1.5 - 0.5 * square  # one Newton step keeps it a unit vector
        self.dir_x, self.dir_z = new_dir_x * scale, new_dir_z * scale
        speed = sqrt(new_x * new_x + new_y * new_y + new_z * new_z)
        self.speed = speed
        self.distance += speed * STEP_S
        self._find()

    def _find(self) -> None:
        """Update the car's position on the circuit and the height of the road there."""
        track = self.track
        node, part, n = track.locate(self.x, self.z, self.node)
        self.node, self.n = node, n
        self.s = (node + part) * track.spacing
        heights = track.y
        y = heights[node]
        self.road_y = y + part * (heights[node + 1 if node + 1 < len(heights) else 0] - y)

    def _barrier(
        self, wall: float, along_f: float, across_f: float, forward: float, left: float
    ) -> tuple[float, float, float]:
        """Return force (world x, z) and yaw moment of the barrier at `n` = `wall`, and damage the car at a new hit."""
        out = 1.0 if wall > 0.0 else -1.0
        normal_forward = out * across_f  # the outward direction in the car's frame
        normal_left = out * along_f
        yaw = self.yaw_rate
        force_x = force_z = moment = 0.0
        touching = False
        for x, y in CORNERS:
            depth = out * (self.n + x * across_f + y * along_f - wall)
            if depth <= 0.0:
                continue
            touching = True
            u, w = forward - yaw * y, left + yaw * x
            closing = u * normal_forward + w * normal_left
            if closing * 3.6 > LEAST_HIT:
                hit = closing * 3.6 * self.setup.damage_rate
                nose, tail, left_side, right_side = self.damage
                if abs(normal_forward) > abs(normal_left):
                    if normal_forward > 0.0:
                        nose = max(nose, hit)
                    else:
                        tail = max(tail, hit)
                elif normal_left > 0.0:
                    left_side = max(left_side, hit)
                else:
                    right_side = max(right_side, hit)
                self.damage = nose, tail, left_side, right_side
                self.engine.health = 1.0 - DAMAGE_POWER * min(1.0, max(self.damage) * 0.01)
            push = WALL_SPRING * depth * (1.0 if closing > 0.0 else WALL_RETURN)
            sliding = u * normal_left - w * normal_forward  # along the barrier
            rub = WALL_FRICTION * push * max(-1.0, min(1.0, sliding))
            fx = -push * normal_forward - rub * normal_left
            fy = -push * normal_left + rub * normal_forward
            moment += x * fy - y * fx
            force_x += self.dir_x * fx + self.dir_z * fy
            force_z += self.dir_z * fx - self.dir_x * fy
        self.contact = 1 if touching else 0
        return force_x, force_z, moment
