"""Many cars, each on its circuit: :class:`telemetry.demo.physics.car.Car` in arrays of shape (cars,).

Each expression has the order of operations of the single car, so that every car gets the same bits as alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from telemetry.base.units import STEP_S
from telemetry.demo.driver import PIT_SPEED
from telemetry.demo.fleet.engines import Engines
from telemetry.demo.fleet.tracks import Surroundings, TrackTable
from telemetry.demo.fleet.wheels import Wheels, X, Y
from telemetry.demo.game import FORGIVING_STEPS
from telemetry.demo.physics.car import (
    ANTI_ROLL,
    BRAKE_TORQUE,
    BUMP_STOP,
    BUMP_STOP_SPRING,
    CG_HEIGHT,
    CORNERS,
    DAMAGE_DOWNFORCE,
    DAMAGE_DRAG,
    DAMAGE_POWER,
    DAMPER,
    DIFFERENTIAL,
    DOWNFORCE,
    DOWNFORCE_FRONT,
    DRAG,
    DRY_MASS,
    ENVELOPE,
    FRONT,
    FUEL_DENSITY,
    GRASS,
    GRASS_ROUGHNESS,
    GROUND_DRAG,
    GROUND_GRIP,
    KERB,
    KERB_HEIGHT,
    KERB_LENGTH,
    LEAST_HIT,
    PITCH_INERTIA,
    REAR,
    REFERENCE_DENSITY,
    ROLL_CENTRE,
    ROLL_INERTIA,
    SPRING,
    STEER_LOCK,
    TARMAC,
    WALL_FRICTION,
    WALL_RETURN,
    WALL_SPRING,
    YAW_INERTIA,
    G,
)
from telemetry.demo.physics.engine import DOWNSHIFT_RPM, LAZY_DOWNSHIFT_RPM
from telemetry.demo.physics.tyre import HEAT_NAMES, INERTIA, RADIUS
from telemetry.demo.track import (
    HALF_WIDTH,
    KERB_WIDTH,
    PIT_ENTRY,
    PIT_EXIT,
    PIT_FORK,
    PIT_LANE_EDGES,
    PIT_LIMIT_BEGIN,
    PIT_LIMIT_END,
    ROUGHNESS_COUNT,
    ROUGHNESS_STEP,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetry.demo.physics.car import Car
    from telemetry.demo.track import Track
    from telemetry.fields.blocks import Array

_MOVED: Final = (
    *("x", "y", "z", "dir_x", "dir_z", "velocity_x", "velocity_y", "velocity_z", "accel_x", "accel_y", "accel_z"),
    *("pitch", "roll", "yaw_rate", "pitch_rate", "roll_rate", "speed", "distance", "s", "n", "node", "road_y"),
    *("steer", "gas", "brake", "tc_scale", "mass", "turn", "tyres_out", "contact"),
)
"""What a step makes anew, (cars,) each, named as in a :class:`Car`."""
_WHEEL_MOVED: Final = ("road", "ground", "abs_scale")
"""The same, (4, cars) each."""
_WHOLE: Final = ("node", "turn", "tyres_out", "contact")
"""Those of them that are integers."""
SETTINGS: Final = (
    *("tc", "abs", "fuel_rate", "tyre_rate", "damage_rate", "air", "road", "surface_grip", "brake_bias", "ballast"),
)
"""What each car has of its :class:`~telemetry.demo.physics.car.Setup`."""

_SPRING: Final = np.repeat(SPRING, 2)[:, np.newaxis]
_DAMPER: Final = np.repeat(DAMPER, 2)[:, np.newaxis]
_STATIC_SHARE: Final = np.repeat([0.5 * REAR / (FRONT + REAR), 0.5 * FRONT / (FRONT + REAR)], 2)[:, np.newaxis]
_ANTI_ROLL: Final = np.array(ANTI_ROLL)[:, np.newaxis]
# numpy takes arrays without dimensions sooner than floats
_NONE, _STEP, _PER_STEP = np.array(0.0), np.array(STEP_S), np.array(1.0 / STEP_S)
_PER_ENVELOPE, _PER_ROUGHNESS_STEP = np.array(1.0 / ENVELOPE), np.array(1.0 / ROUGHNESS_STEP)
_GROUND_GRIP: Final = np.array(GROUND_GRIP)
_GROUND_DRAG: Final = np.array(GROUND_DRAG)
_CORNER_X: Final = np.array([x for x, _ in CORNERS])[:, np.newaxis]
_CORNER_Y: Final = np.array([y for _, y in CORNERS])[:, np.newaxis]


class Trail(NamedTuple):
    """Where all cars were before each of some steps, and after the last one: (steps + 1, cars) each."""

    s: Array
    n: Array
    x: Array
    y: Array
    z: Array
    distance: Array
    compression: Array
    """Of each wheel, (steps + 1, 4, cars)."""
    tyres_out: Array
    """After each step, (steps, cars)."""


class Controls:
    """What the drivers of all cars do, and what follows from it for every step for which they do it; (cars,) each."""

    def __init__(self, steer: Array, gas: Array, brake: Array, brake_bias: Array) -> None:
        self.steer, self.gas, self.brake = steer, gas, brake
        self.wants_up = gas > 0.2
        self.down_rpm = np.where((brake > 0.05) | (gas > 0.8), DOWNSHIFT_RPM, LAZY_DOWNSHIFT_RPM)
        shape = (4, len(steer))
        angle = steer * STEER_LOCK
        square = angle * angle
        self.sine: Array = np.zeros(shape)
        self.cosine: Array = np.ones(shape)
        self.sine[:2] = angle * (1.0 - square * (1.0 / 6.0 - square * (1.0 / 120.0)))
        self.cosine[:2] = 1.0 - square * (0.5 - square * (1.0 / 24.0 - square * (1.0 / 720.0)))
        self.braking: Array = np.empty(shape)
        self.braking[:2] = brake * (0.5 * BRAKE_TORQUE) * brake_bias
        self.braking[2:] = brake * (0.5 * BRAKE_TORQUE) * (1.0 - brake_bias)


class Cars:
    """The state of many cars; attributes as in a single :class:`Car`, (cars,) or (4, cars) each."""

    def __init__(self, tracks: Sequence[Track], count: int) -> None:
        """``count`` cars without a state: :meth:`take` gives each car one, and its circuit, one of ``tracks``."""
        self.table = TrackTable(tracks)
        self.tracks = tuple(tracks)
        self.count = count
        self.track_number = np.zeros(count, int)
        self._roughness = np.array(tracks[0].roughness)
        self._roughness_rise = np.diff(self._roughness, append=self._roughness[0])
        self.engine = Engines(count)
        self.wheels = Wheels(count)
        for name in _MOVED:
            setattr(self, name, np.zeros(count, int if name in _WHOLE else float))
        self.road, self.abs_scale = np.zeros((4, count)), np.zeros((4, count))
        self.ground = np.zeros((4, count), int)
        self.damage = np.zeros((4, count))
        self.density = np.zeros(count)
        self.wind_x, self.wind_z = np.zeros(count), np.zeros(count)
        self._is_windy = False
        self.setup = {name: np.zeros(count) for name in SETTINGS}
        self._rows = np.zeros((len(self.table.rows), count))
        self._around = Surroundings(*self._rows)  # views
        self._first, self._spacing = np.zeros(count, int), np.zeros(count)
        self._x, self._y = np.repeat(X, count, axis=1), np.repeat(Y, count, axis=1)
        self._spring, self._damper = np.repeat(_SPRING, count, axis=1), np.repeat(_DAMPER, count, axis=1)
        self._tarmac_drag = np.full((4, count), GROUND_DRAG[TARMAC])
        self._drives, self._inertia = np.zeros((4, count)), np.full((4, count), INERTIA)  # a step sets those behind
        self._all = np.arange(count)
        self._nobody, self._tarmac = np.zeros(count, int), np.zeros((4, count), int)
        self._tc_limit, self._abs_limit = np.full(count, np.inf), np.full(count, -np.inf)
        self._downforce_left, self._drag_grown = np.ones(count), np.ones(count)

    x: Array
    y: Array
    z: Array
    dir_x: Array
    dir_z: Array
    velocity_x: Array
    velocity_y: Array
    velocity_z: Array
    accel_x: Array
    accel_y: Array
    accel_z: Array
    pitch: Array
    roll: Array
    yaw_rate: Array
    pitch_rate: Array
    roll_rate: Array
    speed: Array
    distance: Array
    s: Array
    n: Array
    node: Array
    road_y: Array
    steer: Array
    gas: Array
    brake: Array
    tc_scale: Array
    mass: Array
    turn: Array
    tyres_out: Array
    contact: Array

    @property
    def length(self) -> Array:
        """The length of each car's circuit in m."""
        length: Array = self.table.length[self.track_number]
        return length

    def __getstate__(self) -> dict[str, Any]:
        """What a copy begins with, but for the views of its arrays."""
        state = dict(vars(self))
        del state["_around"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._around = Surroundings(*self._rows)

    # --- one car in and out

    def take(self, index: int, car: Car) -> None:
        """Set the state of one car to that of a single car, on one of the circuits."""
        number = self.tracks.index(car.track)
        self.track_number[index] = number
        for name in _MOVED:
            self._set(index, name, getattr(car, name))
        self._first[index], self._spacing[index] = self.table.first[number], self.table.spacing[number]
        self.node[index] += self.table.first[number]
        self._rows[:, index] = self.table.rows[:, self.node[index]]
        for name in (*_WHEEL_MOVED, "damage"):
            self._set(index, name, getattr(car, name))
        self._weaken()
        self._tc_limit[index] = car.setup.tc if car.setup.tc > 0.0 else np.inf
        self._abs_limit[index] = -car.setup.abs if car.setup.abs > 0.0 else -100.0
        self.density[index] = car.density
        self.wind_x[index], self.wind_z[index] = car.wind_x, car.wind_z
        self._is_windy = bool(self.wind_x.any() or self.wind_z.any())
        for name, values in self.setup.items():
            values[index] = getattr(car.setup, name)
        for name in (*Engines.CHANGED, "health"):
            getattr(self.engine, name)[index] = getattr(car.engine, name)
        for number, wheel in enumerate(car.wheels):
            for name in (*Wheels.ROLLED, *Wheels.SUMMED):
                getattr(self.wheels, name)[number, index] = getattr(wheel, name)
            self.wheels.heat_state[:, number, index] = [getattr(wheel, name) for name in HEAT_NAMES]

    def _set(self, index: int, name: str, value: object) -> None:
        """Set an attribute of one car; arrays that others hold stay as they are."""
        values = getattr(self, name).copy()
        values[..., index] = value
        setattr(self, name, values)

    def give(self, index: int, car: Car) -> None:
        """Set the state of a single car, of the same setup and circuit, to that of one car."""
        for name in _MOVED:
            setattr(car, name, getattr(self, name)[index].item())
        car.node -= self.table.first[self.track_number[index]].item()
        for name in _WHEEL_MOVED:
            setattr(car, name, getattr(self, name)[:, index].tolist())
        car.damage = tuple(self.damage[:, index].tolist())
        for name in (*Engines.CHANGED, "health"):
            setattr(car.engine, name, getattr(self.engine, name)[index].item())
        for number, wheel in enumerate(car.wheels):
            for name in (*Wheels.ROLLED, *Wheels.SUMMED, "slip"):
                setattr(wheel, name, getattr(self.wheels, name)[number, index].item())
            for name, value in zip(HEAT_NAMES, self.wheels.heat_state[:, number, index].tolist(), strict=True):
                setattr(wheel, name, value)

    # --- steps

    def run(self, steps: Array, controls: Controls, packets: Array) -> Trail:
        """Advance each car by its number of steps; the demo's limiter holds in the pit lane.

        ``packets`` is how many steps each car has done since its game was loaded: at first no tyre counts as out.
        """
        states, tyres_out = [], []
        least = int(steps.min())
        starting = packets.min() < FORGIVING_STEPS
        for step in range(int(steps.max())):
            states.append(self._state())
            self.step(controls, self._speed_limit(), None if step < least else steps > step)
            if starting and self.tyres_out is not self._nobody:
                self.tyres_out = np.where(packets + step + 1 < FORGIVING_STEPS, 0, self.tyres_out)
            tyres_out.append(self.tyres_out)
        states.append(self._state())
        return Trail(*map(np.array, [*zip(*states, strict=True), tyres_out]))  # quicker than np.stack

    def _state(self) -> tuple[Array, ...]:
        """The present values of a :class:`Trail`, but for the tyres."""
        return self.s, self.n, self.x, self.y, self.z, self.distance, self.wheels.compression

    def _speed_limit(self) -> Array | None:
        if not self.n.min() < PIT_LANE_EDGES[1]:
            return None
        return np.where(in_lane(self.s, self.n), PIT_SPEED, 0.0)

    def step(self, controls: Controls, speed_limit: Array | None = None, active: Array | None = None) -> None:
        """:meth:`telemetry.demo.physics.car.Car.step` of all cars, or of the ``active`` ones, a mask (cars,).

        Without a ``speed_limit`` no pit limiter is on.
        """
        if active is None:
            self._step(controls, speed_limit, self._all)
            return
        kept = [(owner, name, getattr(owner, name)) for owner, name in self._names()]
        damage, health, rows = self.damage.copy(), self.engine.health.copy(), self._rows.copy()
        self._step(controls, speed_limit, np.flatnonzero(active))
        resting = ~active
        for owner, name, before in kept:
            now = getattr(owner, name)
            setattr(owner, name, np.where(active, now, before))
        self.damage[:, resting], self.engine.health[resting] = damage[:, resting], health[resting]
        self._rows[:, resting] = rows[:, resting]
        self._weaken()

    def _names(self) -> list[tuple[object, str]]:
        own: list[tuple[object, str]] = [(self, name) for name in (*_MOVED, *_WHEEL_MOVED)]
        own += [(self.engine, name) for name in Engines.CHANGED]
        return own + [(self.wheels, name) for name in (*Wheels.ROLLED, *Wheels.SUMMED)]

    def _step(self, controls: Controls, speed_limit: Array | None, active: Array) -> None:
        setup, table, engine, wheels = self.setup, self.table, self.engine, self.wheels
        self.steer, self.gas, self.brake = controls.steer, controls.gas, controls.brake
        dir_x, dir_z = self.dir_x, self.dir_z
        old_x, old_y, old_z = self.velocity_x, self.velocity_y, self.velocity_z
        forward = old_x * dir_x + old_z * dir_z
        left = old_x * dir_z - old_z * dir_x
        yaw, mass = self.yaw_rate, self.mass

        # Where the cars are on the circuit, and the plane of the road under them
        node, s, n = self.node, self.s, self.n
        around = self._around
        tx, tz, gradient = around.tangent_x, around.tangent_z, around.gradient
        along_f = dir_x * tx + dir_z * tz
        across_f = dir_x * tz - dir_z * tx
        lever = self.y - self.road_y
        height = lever - CG_HEIGHT
        sink = self.velocity_y - gradient * (old_x * tx + old_z * tz)

        # Drive line and aids
        rear_left, rear_right = wheels.spin[2], wheels.spin[3]
        spin = 0.5 * (rear_left + rear_right)
        slipping = np.maximum(wheels.kappa[2], wheels.kappa[3])
        tc = np.minimum(self.tc_scale + 0.02, 1.0)
        cuts = slipping > self._tc_limit
        if np.count_nonzero(cuts):
            cuts &= self.speed > 1.5
            tc = np.where(cuts, np.maximum(self.tc_scale - 0.08, 0.1), tc)
        self.tc_scale = tc
        engine.choose(spin, controls.wants_up, controls.down_rpm, slipping)
        limit = None if speed_limit is None else speed_limit * (1.0 / RADIUS)
        torque = engine.run(spin, controls.gas * tc, setup["fuel_rate"], limit)
        lock = np.minimum(np.maximum(DIFFERENTIAL * (rear_left - rear_right), -1200.0), 1200.0)
        shape = wheels.spin.shape
        drives, inertia = self._drives, self._inertia
        half = 0.5 * torque
        np.subtract(half, lock, out=drives[2])
        np.add(half, lock, out=drives[3])
        inertia[2:] = INERTIA + engine.inertia()

        # Air
        air_speed = self.speed
        through_air, air_x, air_z = air_speed, old_x, old_z
        if self._is_windy:
            air_x, air_z = old_x - self.wind_x, old_z - self.wind_z
            still = (self.wind_x == 0.0) & (self.wind_z == 0.0)  # whose speed was rounded otherwise
            through_air = np.where(still, air_speed, np.sqrt(air_x * air_x + old_y * old_y + air_z * air_z))
        press = self.density * (1.0 / REFERENCE_DENSITY) * through_air * through_air
        downforce = DOWNFORCE * press * self._downforce_left
        drag = DRAG * press * self._drag_grown

        # The ground under each tyre
        x, y = self._x, self._y
        along = x * along_f - y * across_f
        side = n + x * across_f + y * along_f
        place = s + along
        scaled = place * _PER_ROUGHNESS_STEP
        k = scaled.astype(np.int64)
        ridge = k & (ROUGHNESS_COUNT - 1)
        bump = self._roughness.take(ridge) + (scaled - k) * self._roughness_rise.take(ridge)
        surface, rolling = setup["surface_grip"], self._tarmac_drag
        off: Array = np.abs(side) > HALF_WIDTH
        if np.count_nonzero(off):
            surface, rolling = self._leave_tarmac(np.nonzero(off), side, place, bump)
        else:
            self.ground, self.tyres_out = self._tarmac, self._nobody

        # Suspension
        pitch, roll, pitch_rate, roll_rate = self.pitch, self.roll, self.pitch_rate, self.roll_rate
        road = self.road
        rise = (bump - road) * _PER_ENVELOPE
        self.road = road = road + rise * _STEP
        bars = np.empty(shape)
        bars[::2] = _ANTI_ROLL * (wheels.compression[::2] - wheels.compression[1::2])
        np.negative(bars[::2], out=bars[1::2])
        compression = road + gradient * along - height - pitch * x + roll * y
        wheels.compression = compression
        rate = rise - sink - pitch_rate * x + roll_rate * y
        load = mass * G * _STATIC_SHARE + self._spring * compression + self._damper * rate + bars
        stopped = compression > BUMP_STOP
        if np.count_nonzero(stopped):
            load = load + BUMP_STOP_SPRING * np.maximum(compression - BUMP_STOP, 0.0)
        load = np.maximum(load, _NONE)

        # Brakes
        scale = np.minimum(self.abs_scale + 0.03, 1.0)
        locking = wheels.kappa < self._abs_limit
        if np.count_nonzero(locking):
            locking &= air_speed > 4.0
            scale = np.where(locking, np.maximum(self.abs_scale - 0.12, 0.1), scale)
        self.abs_scale = scale
        wheels.roll(
            forward - yaw * y,
            left + yaw * x,
            controls.cosine,
            controls.sine,
            load,
            surface,
            rolling,
            drives,
            inertia,
            controls.braking * scale,
        )
        fx, fy = wheels.force_forward, wheels.force_left
        load_sum, force_forward, force_left = _sum(load), _sum(fx), _sum(fy)
        yaw_moment = _sum(x * fy - y * fx)
        pitch_moment = _sum(load * x)
        roll_moment = -_sum(load * y)
        self._heat(active, air_speed, roll)

        # Body
        with_air = drag / np.maximum(through_air, 0.1) * (through_air > 0.1)
        slope = load_sum * gradient
        world_x = dir_x * force_forward + dir_z * force_left - with_air * air_x - slope * tx
        world_z = dir_z * force_forward - dir_x * force_left - with_air * air_z - slope * tz
        near = (n > around.left_near) | (n < around.right_near)
        if self.contact is not self._nobody:
            near |= self.contact != 0
        self.contact = self._nobody
        if np.count_nonzero(near) and len(hit := active[near[active]]):
            wall = np.where(n[hit] > 0.0, table.left_wall[node[hit]], table.right_wall[node[hit]])
            self.contact = np.zeros(self.count, int)
            push = self._barrier(hit, wall, along_f[hit], across_f[hit], forward[hit], left[hit])
            world_x[hit] += push[0]
            world_z[hit] += push[1]
            yaw_moment[hit] += push[2]
        per_mass = _STEP / mass
        new_x = old_x + world_x * per_mass
        new_z = old_z + world_z * per_mass
        new_y = old_y + (load_sum - downforce) * per_mass - G * STEP_S
        self.velocity_x, self.velocity_y, self.velocity_z = new_x, new_y, new_z
        self.accel_x = (new_x - old_x) * _PER_STEP
        self.accel_y = (new_y - old_y) * _PER_STEP
        self.accel_z = (new_z - old_z) * _PER_STEP
        pitch_moment = pitch_moment + (
            force_forward * lever + downforce * ((1.0 - DOWNFORCE_FRONT) * REAR - DOWNFORCE_FRONT * FRONT)
        )
        roll_moment = roll_moment - force_left * (lever - ROLL_CENTRE)
        pitch_rate = pitch_rate + pitch_moment * (STEP_S / PITCH_INERTIA)
        roll_rate = roll_rate + roll_moment * (STEP_S / ROLL_INERTIA)
        yaw = yaw + yaw_moment * (STEP_S / YAW_INERTIA)
        self.pitch_rate, self.roll_rate, self.yaw_rate = pitch_rate, roll_rate, yaw
        self.pitch = pitch + pitch_rate * _STEP
        self.roll = roll + roll_rate * _STEP
        self.x = self.x + new_x * _STEP
        self.y = self.y + new_y * _STEP
        self.z = self.z + new_z * _STEP
        half = 0.5 * yaw * _STEP
        scale = 1.0 / (1.0 + half * half)
        cos_turn = (1.0 - half * half) * scale
        sin_turn = 2.0 * half * scale
        new_dir_x = dir_x * cos_turn + dir_z * sin_turn
        new_dir_z = dir_z * cos_turn - dir_x * sin_turn
        square = new_dir_x * new_dir_x + new_dir_z * new_dir_z
        scale = 1.5 - 0.5 * square
        self.dir_x, self.dir_z = new_dir_x * scale, new_dir_z * scale
        speed = np.sqrt(new_x * new_x + new_y * new_y + new_z * new_z)
        self.speed = speed
        self.distance = self.distance + speed * _STEP
        self._find()

    def _leave_tarmac(self, off: tuple[Array, ...], side: Array, place: Array, bump: Array) -> tuple[Array, Array]:
        """Grip and rolling resistance under all tyres, (4, cars) each, where some are beyond a white line.

        ``bump`` is changed under those.
        """
        cars = off[1]
        own_side, own_place, s = side[off], place[off], self.s[cars]
        on_kerb = self.table.kerb[self.node[cars]] & (np.abs(own_side) <= HALF_WIDTH + KERB_WIDTH)
        near_pits = (self.n[cars] < 0.0) & (s > PIT_ENTRY) & (s < PIT_EXIT) & (own_side < 0.0)
        in_lane = (own_side > PIT_LANE_EDGES[0]) & (own_side < PIT_LANE_EDGES[1])
        in_fork = (own_side > PIT_LANE_EDGES[0]) & ((s < PIT_ENTRY + PIT_FORK) | (s > PIT_EXIT - PIT_FORK))
        kind = np.where(on_kerb, KERB, np.where(near_pits & (in_lane | in_fork), TARMAC, GRASS))
        ridge = own_place * (1.0 / KERB_LENGTH)
        ridge = ridge - np.trunc(ridge)
        own = bump[off]
        own = np.where(on_kerb, own + KERB_HEIGHT * (4.0 * ridge * (1.0 - ridge)), own)
        bump[off] = np.where(kind == GRASS, own * GRASS_ROUGHNESS, own)
        self.ground = np.zeros(side.shape, int)
        self.ground[off] = kind
        self.tyres_out = (self.ground == GRASS).sum(axis=0)
        grip = self.setup["surface_grip"]
        surface, rolling = np.empty(side.shape), np.full(side.shape, GROUND_DRAG[TARMAC])
        surface[:] = grip
        surface[off] = _GROUND_GRIP[kind] * grip[cars]
        rolling[off] = _GROUND_DRAG[kind]
        return surface, rolling

    def _heat(self, active: Array, air_speed: Array, roll: Array) -> None:
        """One wheel's heat of every second car, and the mass of the fuel."""
        self.turn = turn = self.turn + 1
        setup = self.setup
        odd = (turn & 1).nonzero()[0]
        if len(active) < self.count:
            odd = active[(turn[active] & 1).nonzero()[0]]
        if len(odd):
            place = ((turn[odd] >> 1) & 3) * self.count + odd
            self.wheels.age(
                place,
                air_speed[odd],
                setup["air"][odd],
                setup["road"][odd],
                roll[odd],
                setup["tyre_rate"][odd],
                self.ground.take(place) == GRASS,
            )
        weighed = (turn & 7) == 0
        if np.count_nonzero(weighed):
            self.mass = np.where(weighed, DRY_MASS + FUEL_DENSITY * self.engine.fuel + setup["ballast"], self.mass)

    def _weaken(self) -> None:
        """Update what damage does to the air's forces."""
        share = np.minimum(self.damage.max(axis=0) * 0.01, 1.0)
        self._downforce_left, self._drag_grown = 1.0 - DAMAGE_DOWNFORCE * share, 1.0 + DAMAGE_DRAG * share

    def _find(self) -> None:
        """Update the cars' positions on the circuit and the height of the road there."""
        around = self._around
        dx, dz = self.x - around.x, self.z - around.z
        along, n = dx * around.tangent_x + dz * around.tangent_z, dx * around.tangent_z - dz * around.tangent_x
        dx, dz = self.x - around.next_x, self.z - around.next_z
        beyond = dx * around.next_tangent_x + dz * around.next_tangent_z
        next_n = dx * around.next_tangent_z - dz * around.next_tangent_x
        part = along / (along - beyond)
        here, n = n, n + part * (next_n - n)
        left = ((along < 0.0) | (beyond >= 0.0)).nonzero()[0]
        if len(left):  # these cars are at another node now, mostly the next one
            place, passed = (self.x[left], self.z[left]), (beyond[left], next_n[left])
            found = self.table.pass_on(*place, self.node[left], passed)
            if found is None:
                found = self.table.locate(*place, self.node[left], (along[left], here[left]))
            self.node = self.node.copy()
            self.node[left], part[left], n[left], self._rows[:, left] = found
        self.n = n
        self.s = (self.node - self._first + part) * self._spacing
        self.road_y = around.y + part * around.rise

    def _barrier(
        self, cars: Array, wall: Array, along_f: Array, across_f: Array, forward: Array, left: Array
    ) -> tuple[Array, Array, Array]:
        """Forces (world x, z) and yaw moments of the barriers on these cars, (k,) each; hits damage them."""
        out = np.where(wall > 0.0, 1.0, -1.0)
        normal_forward, normal_left = out * across_f, out * along_f
        yaw = self.yaw_rate[cars]
        depth = out * (self.n[cars] + _CORNER_X * across_f + _CORNER_Y * along_f - wall)
        inside = depth > 0.0
        touching = inside.any(axis=0)
        self.contact[cars] = touching
        u, w = forward - yaw * _CORNER_Y, left + yaw * _CORNER_X
        closing = u * normal_forward + w * normal_left
        hard = inside & (closing * 3.6 > LEAST_HIT)
        if hard.any():
            head_on = np.abs(normal_forward) > np.abs(normal_left)
            part = np.where(head_on, np.where(normal_forward > 0.0, 0, 1), np.where(normal_left > 0.0, 2, 3))
            hit = np.where(hard, closing * 3.6 * self.setup["damage_rate"][cars], 0.0).max(axis=0)
            self.damage[part, cars] = np.maximum(self.damage[part, cars], hit)
            worst = self.damage[:, cars].max(axis=0)
            health = 1.0 - DAMAGE_POWER * np.minimum(1.0, worst * 0.01)
            self.engine.health[cars] = np.where(hard.any(axis=0), health, self.engine.health[cars])
            self._weaken()
        push = WALL_SPRING * depth * np.where(closing > 0.0, 1.0, WALL_RETURN)
        sliding = u * normal_left - w * normal_forward
        rub = WALL_FRICTION * push * np.maximum(-1.0, np.minimum(1.0, sliding))
        fx = np.where(inside, -push * normal_forward - rub * normal_left, 0.0)
        fy = np.where(inside, -push * normal_left + rub * normal_forward, 0.0)
        dir_x, dir_z = self.dir_x[cars], self.dir_z[cars]
        return (
            _sum(dir_x * fx + dir_z * fy),
            _sum(dir_z * fx - dir_x * fy),
            _sum(_CORNER_X * fy - _CORNER_Y * fx),
        )


def in_lane(s: Array, n: Array) -> Array:
    """:func:`telemetry.demo.game.is_in_lane` of many cars."""
    lane: Array = (n < PIT_LANE_EDGES[1]) & (s > PIT_LIMIT_BEGIN) & (s < PIT_LIMIT_END)
    return lane


def _sum(rows: Array) -> Array:
    """The sum of four rows, one after the other as a loop over wheels adds them."""
    total: Array = rows[0] + rows[1] + rows[2] + rows[3]
    return total
