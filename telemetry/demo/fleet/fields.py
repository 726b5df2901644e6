"""The fields of the pages of a fleet as columns: what a reader of each car's pages would decode, without any page."""

from __future__ import annotations

from functools import cached_property
from math import atan2
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from telemetry.base.typing import override
from telemetry.demo.pages import ALIGNING_FORCE_N
from telemetry.demo.physics.car import FRONT, HALF_TRACK, REAR, STATIC_TRAVEL, STEER_LOCK, G
from telemetry.demo.physics.engine import RPM
from telemetry.fields.blocks import Array, Block, TextColumn, shortest_decimals
from telemetry.fields.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from telemetry.demo.fleet.fleet import Fleet

_FIELDS: Final = {field.name: field for field in Snapshot.FIELDS}

Axes = tuple[Array, Array, Array]


class FleetBlock(Block):
    """The raw fields of all cars at one time, each made when it is asked for: row ``i`` is car ``i``.

    It is valid until the fleet is advanced. ``still`` are the fields that no step changes, car by car.
    """

    def __init__(self, fleet: Fleet, elapsed: Array, sequence: Array, still: StillFields) -> None:
        self._fleet = fleet
        self._times: dict[str, Array] = {"timestamp": elapsed, "elapsed": elapsed, "sequence": sequence}
        self._still = still
        self._decimals: dict[str, Array] = {}

    @override
    def __len__(self) -> int:
        return self._fleet.count

    @override
    def array(self, name: str) -> Array:
        if name in self._times:
            return self._times[name]
        if name in MOVING:
            column: Array = MOVING[name](self).astype("<i4" if _FIELDS[name].dtype == "integer" else "<f4")
            return column
        return self._still.array(name)

    @override
    def decimals(self, name: str) -> Array:
        if name in self._times:
            return self._times[name]
        if name not in MOVING:
            return self._still.decimals(name)
        if name not in self._decimals:
            self.prepare([name])
        return self._decimals[name]

    def prepare(self, names: Collection[str]) -> None:
        """Make the decimals of these fields in one go, which is much cheaper than one by one."""
        numbers = [name for name in names if name in MOVING and _FIELDS[name].dtype == "number"]
        arrays = [self.array(name).reshape(len(self), -1) for name in numbers]
        if not arrays:
            return
        decimals = shortest_decimals(np.concatenate(arrays, axis=1))
        begin = 0
        for name, array in zip(numbers, arrays, strict=True):
            end = begin + array.shape[1]
            self._decimals[name] = decimals[:, begin:end].reshape(len(self), *_FIELDS[name].shape)
            begin = end

    @override
    def texts(self, name: str) -> TextColumn:
        return self._still.texts(name)

    @override
    def snapshot(self, index: int) -> Snapshot:
        return Snapshot.of(tuple(self._value(name, index) for name in Snapshot.NAMES))

    def _value(self, name: str, index: int) -> Any:
        field = _FIELDS[name]
        if field.dtype == "text":
            column = self.texts(name)
            return column.texts[column.codes[index]]
        values = self.decimals(name) if field.dtype == "number" else self.array(name)
        value = values[index].tolist()
        return value if not field.shape else tuple(map(tuple, value)) if len(field.shape) > 1 else tuple(value)

    # --- what several fields are made of

    @property
    def fleet(self) -> Fleet:
        """The fleet."""
        return self._fleet

    @cached_property
    def axes(self) -> tuple[Axes, Axes, Axes]:
        """The body's axes left, up and forward in the world."""
        cars = self._fleet.cars
        dx, dz = cars.dir_x, cars.dir_z
        (sin_p, cos_p), (sin_r, cos_r) = self.pitch, self.roll
        ex, ey, ez = -dx * sin_p, cos_p, -dz * sin_p
        left = (dz * cos_r - ex * sin_r, -ey * sin_r, -dx * cos_r - ez * sin_r)
        up = (ex * cos_r + dz * sin_r, ey * cos_r, ez * cos_r - dx * sin_r)
        return left, up, (dx * cos_p, sin_p, dz * cos_p)

    @cached_property
    def pitch(self) -> tuple[Array, Array]:
        """Sine and cosine of the pitch."""
        return _small_sine_cosine(self._fleet.cars.pitch)

    @cached_property
    def roll(self) -> tuple[Array, Array]:
        """Sine and cosine of the roll."""
        return _small_sine_cosine(self._fleet.cars.roll)

    @cached_property
    def gradient(self) -> Array:
        """The gradient of the road under each car."""
        gradient: Array = self._fleet.cars.table.gradient[self._fleet.cars.node]
        return gradient

    @cached_property
    def tangent(self) -> tuple[Array, Array]:
        """The direction of the road under each car."""
        cars = self._fleet.cars
        return cars.table.tangent_x[cars.node], cars.table.tangent_z[cars.node]

    def in_body(self, axis: int, x: Array, y: Array, z: Array) -> Array:
        """The component of vectors of the world along one of the body's axes left, up and forward."""
        ax, ay, az = self.axes[axis]
        component: Array = x * ax + y * ay + z * az
        return component


class StillFields:
    """The fields of the pages that stay as they are while a car drives: those of the snapshots that it began with."""

    def __init__(self, count: int) -> None:
        self._rows: list[Snapshot | None] = [None] * count
        self._columns: dict[str, Any] = {}

    def take(self, index: int, snapshot: Snapshot) -> None:
        """Set the fields of one car."""
        known = self._rows[index]
        if known is None or _get_still(known) != _get_still(snapshot):
            self._rows[index] = snapshot
            self._columns.clear()

    def array(self, name: str) -> Array:
        """A field as the page has it."""
        integer = _FIELDS[name].dtype == "integer"
        array: Array = self.decimals(name).astype("<i4" if integer else "<f4")
        return array

    def decimals(self, name: str) -> Array:
        """A field as a snapshot has it."""
        if name not in self._columns:
            self._columns[name] = np.array([getattr(row, name) for row in self._known()])
        column: Array = self._columns[name]
        return column

    def texts(self, name: str) -> TextColumn:
        """A text of the pages."""
        if name not in self._columns:
            self._columns[name] = TextColumn.of([getattr(row, name) for row in self._known()])
        column: TextColumn = self._columns[name]
        return column

    def _known(self) -> Sequence[Snapshot]:
        known = next(row for row in self._rows if row is not None)
        return [known if row is None else row for row in self._rows]


def _small_sine_cosine(angle: Array) -> tuple[Array, Array]:
    """:func:`telemetry.demo.pages.small_sine_cosine` of many angles."""
    square = angle * angle
    sine = angle * (1.0 - square * (1.0 / 6.0 - square * (1.0 / 120.0)))
    return sine, 1.0 - square * (0.5 - square * (1.0 / 24.0))


def _heading(block: FleetBlock) -> Array:
    cars = block.fleet.cars
    # Not by numpy, whose arc tangent is not always rounded alike.
    return np.array(list(map(atan2, (-cars.dir_x).tolist(), cars.dir_z.tolist())))


def _camber(block: FleetBlock) -> Array:
    camber: Array = block.fleet.cars.wheels.heat_row("camber").T * np.array([1.0, -1.0, 1.0, -1.0])
    return camber


def _travel(block: FleetBlock) -> Array:
    return np.repeat(STATIC_TRAVEL, 2) + block.fleet.cars.wheels.compression.T


def _damage(block: FleetBlock) -> Array:
    damage = block.fleet.cars.damage
    return np.concatenate([damage, damage.max(axis=0, keepdims=True)]).T


def _angular_velocity(block: FleetBlock, axis: int) -> Array:
    cars = block.fleet.cars
    (sin_p, cos_p), (sin_r, cos_r) = block.pitch, block.roll
    heading_rate, pitch_rate = -cars.yaw_rate, cars.pitch_rate
    rate: Array
    if axis == 0:
        rate = heading_rate * sin_r * cos_p - pitch_rate * cos_r
    elif axis == 1:
        rate = -heading_rate * cos_r * cos_p - pitch_rate * sin_r
    else:
        rate = -heading_rate * sin_p - cars.roll_rate
    return rate


def _force_feedback(block: FleetBlock) -> Array:
    wheels = block.fleet.cars.wheels
    aligning = np.maximum(0.0, 1.0 - 0.35 * (wheels.slip[0] + wheels.slip[1]))
    force: Array = (wheels.force_left[0] + wheels.force_left[1]) * (0.35 + 0.65 * aligning) / ALIGNING_FORCE_N
    return force


def _contact_points(block: FleetBlock) -> Array:
    cars = block.fleet.cars
    dx, dz, x, z, plane, gradient = cars.dir_x, cars.dir_z, cars.x, cars.z, cars.road_y, block.gradient
    tx, tz = block.tangent
    along, across = dx * tx + dz * tz, dz * tx - dx * tz
    points = []
    for axle, reach in ((0, FRONT), (1, REAR)):
        ahead = 1.0 if axle == 0 else -1.0
        axle_x, axle_z = x + ahead * (dx * reach), z + ahead * (dz * reach)
        axle_y = plane + ahead * (gradient * along * reach)
        half = HALF_TRACK[axle]
        side_x, side_y, side_z = dz * half, gradient * across * half, -dx * half
        for left, road in ((1.0, cars.road[2 * axle]), (-1.0, cars.road[2 * axle + 1])):
            points.append(np.stack([axle_x + left * side_x, axle_y + left * side_y + road, axle_z + left * side_z], -1))
    return np.stack(points, axis=1)


def _road_normals(block: FleetBlock) -> Array:
    gradient = block.gradient
    tilt = 1.0 / np.sqrt(1.0 + gradient * gradient)
    tx, tz = block.tangent
    normal = np.stack([-gradient * tx * tilt, tilt, -gradient * tz * tilt], axis=-1)
    return np.repeat(normal[:, np.newaxis], 4, axis=1)


def _contact_headings(block: FleetBlock) -> Array:
    cars = block.fleet.cars
    dx, dz, gradient = cars.dir_x, cars.dir_z, block.gradient
    tx, tz = block.tangent
    sin_s, cos_s = _small_sine_cosine(cars.steer * STEER_LOCK)
    hx, hz = dz * sin_s - dx * cos_s, -dx * sin_s - dz * cos_s
    hy = gradient * (hx * tx + hz * tz)
    length = 1.0 / np.sqrt(hx * hx + hy * hy + hz * hz)
    front = np.stack([hx * length, hy * length, hz * length], axis=-1)
    hy = -gradient * (dx * tx + dz * tz)
    length = 1.0 / np.sqrt(1.0 + hy * hy)
    rear = np.stack([-dx * length, hy * length, -dz * length], axis=-1)
    return np.stack([front, front, rear, rear], axis=1)


def _of_car(name: str) -> Callable[[FleetBlock], Array]:
    return lambda block: getattr(block.fleet.cars, name)


def _of_engine(name: str) -> Callable[[FleetBlock], Array]:
    return lambda block: getattr(block.fleet.cars.engine, name)


def _of_wheels(name: str) -> Callable[[FleetBlock], Array]:
    return lambda block: getattr(block.fleet.cars.wheels, name).T


def _of_heat(name: str) -> Callable[[FleetBlock], Array]:
    return lambda block: block.fleet.cars.wheels.heat_row(name).T


def _shown(name: str) -> Callable[[FleetBlock], Array]:
    return lambda block: block.fleet.shown[name]


def _along(axis: int, what: str, factor: float) -> Callable[[FleetBlock], Array]:
    def column(block: FleetBlock) -> Array:
        cars = block.fleet.cars
        x, y, z = (getattr(cars, f"{what}_{name}") for name in "xyz")
        return block.in_body(axis, x / factor, y / factor, z / factor)

    return column


_SHOWN_FIELDS: Final = (
    *("completed_laps", "last_time", "best_time", "current_sector_index", "last_sector_time", "current_time"),
    *("graphics_packet_id", "is_in_pit", "is_in_pit_lane", "session_time_left", "distance_traveled"),
    *("normalized_position", "world_position_x", "world_position_y", "world_position_z"),
)

MOVING: Final[dict[str, Callable[[FleetBlock], Array]]] = {
    "packet_id": lambda block: block.fleet.packet,
    "gas": _of_car("gas"),
    "brake": _of_car("brake"),
    "fuel": _of_engine("fuel"),
    "gear": _of_engine("gear"),
    "rpm": lambda block: np.trunc(block.fleet.cars.engine.speed * RPM),
    "steer_angle": _of_car("steer"),
    "speed_kmh": lambda block: block.fleet.cars.speed * 3.6,
    "velocity_x": _of_car("velocity_x"),
    "velocity_y": _of_car("velocity_y"),
    "velocity_z": _of_car("velocity_z"),
    "acc_g_x": _along(0, "accel", G),
    "acc_g_y": _along(1, "accel", G),
    "acc_g_z": _along(2, "accel", G),
    "wheel_slip": _of_wheels("slip"),
    "wheel_load": _of_wheels("load"),
    "wheel_pressure": _of_heat("pressure"),
    "wheel_angular_speed": _of_wheels("spin"),
    "tyre_wear": _of_heat("wear"),
    "tyre_dirty_level": _of_heat("dirt"),
    "tyre_core_temp": _of_heat("core"),
    "camber_rad": _camber,
    "suspension_travel": _travel,
    "heading": _heading,
    "pitch": _of_car("pitch"),
    "roll": _of_car("roll"),
    "cg_height": lambda block: block.fleet.cars.y - block.fleet.cars.road_y,
    "car_damage": _damage,
    "number_of_tyres_out": _of_car("tyres_out"),
    "pit_limiter_on": _of_engine("limiting"),
    "ride_height": lambda block: block.fleet.ride.T,
    "angular_velocity_x": lambda block: _angular_velocity(block, 0),
    "angular_velocity_y": lambda block: _angular_velocity(block, 1),
    "angular_velocity_z": lambda block: _angular_velocity(block, 2),
    "final_ff": _force_feedback,
    "brake_temp": _of_heat("disc"),
    "clutch": _of_engine("clutch"),
    "tyre_temp_inner": _of_heat("inner"),
    "tyre_temp_middle": _of_heat("middle"),
    "tyre_temp_outer": _of_heat("outer"),
    "tyre_contact_point": _contact_points,
    "tyre_contact_normal": _road_normals,
    "tyre_contact_heading": _contact_headings,
    "local_velocity_x": _along(0, "velocity", 1.0),
    "local_velocity_y": _along(1, "velocity", 1.0),
    "local_velocity_z": _along(2, "velocity", 1.0),
    **{name: _shown(name) for name in _SHOWN_FIELDS},
}
"""The fields that change while a car drives; ``performance_meter`` and the texts of the times are not among them."""

_NOT_FOLLOWED: Final = ("performance_meter", "current_time_text", "last_time_text", "best_time_text", "split_text")
"""Fields that change and are not followed: they stay as at the beginning of the episode."""

_STILL: Final = tuple(
    name for name in Snapshot.NAMES if name not in (*MOVING, *_NOT_FOLLOWED, "timestamp", "elapsed", "sequence")
)
_get_still: Final = Snapshot.getter(*_STILL)
