"""Encodes the game's three pages from the state of the simulation."""

from __future__ import annotations

from math import atan2, sqrt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ac_native_memory import units_of
from telemetry.demo.circuit import OWN_NAME
from telemetry.demo.physics.car import (
    FRONT,
    HALF_TRACK,
    MAX_TRAVEL,
    REAR,
    STATIC_RIDE_HEIGHT,
    STATIC_TRAVEL,
    STEER_LOCK,
    G,
)
from telemetry.demo.physics.engine import LIMITER_RPM, MAX_POWER, MAX_TORQUE, RPM
from telemetry.demo.physics.tyre import RADIUS
from telemetry.demo.timing import Board
from telemetry.demo.track import SECTOR_COUNT
from telemetry.fields.pages import encode_page, page_struct

if TYPE_CHECKING:
    from telemetry.demo.physics.car import Car, Setup

CAR: Final = "demo_gt3"
TRACK: Final = OWN_NAME
PLAYER: Final = "Demo Driver"
SKIN: Final = "00_demo"
COMPOUND: Final = "Slicks Medium (M)"
TANK_L: Final = 110.0  # litres
ALIGNING_FORCE_N: Final = 9000.0  # N of front lateral force that make a force feedback of 1 while the tyres grip
PRACTICE: Final = 0
LIVE, PAUSE, REPLAY = 2, 3, 1  # the graphics page's status


Vector = tuple[float, float, float]
"""x, y and z."""

_PHYSICS: Final = page_struct("physics")
_GRAPHICS: Final = page_struct("graphics")
PHYSICS_SIZE: Final = _PHYSICS.size
GRAPHICS_SIZE: Final = _GRAPHICS.size


def ride_heights(car: Car) -> tuple[float, float]:
    """Return the clearance under the front and the rear axle in m."""
    a, b, c, d = car.wheels
    return (
        STATIC_RIDE_HEIGHT[0] - 0.5 * (a.compression + b.compression),
        STATIC_RIDE_HEIGHT[1] - 0.5 * (c.compression + d.compression),
    )


def physics_page(car: Car, packet: int, ride: tuple[float, float], delta: float) -> bytes:
    """Return `acpmf_physics`; `ride` holds the heights of the last frame, `delta` the time to the best lap in s.

    One line per field or group of fields, in the order of the page: passing them by name takes twice as long. The
    tests read the page by name.
    """
    engine, setup = car.engine, car.setup
    axes = _body_axes(car)
    front, rear = _contact_headings(car)
    normal = _road_normal(car)
    a, b, c, d = car.wheels
    damage = car.damage
    return _PHYSICS.pack(
        packet, car.gas, car.brake, engine.fuel,
        engine.gear, int(engine.speed * RPM), car.steer, car.speed * 3.6,
        car.velocity_x, car.velocity_y, car.velocity_z,
        *_in_body(car.accel_x / G, car.accel_y / G, car.accel_z / G, axes),
        a.slip, b.slip, c.slip, d.slip,
        a.load, b.load, c.load, d.load,
        a.pressure, b.pressure, c.pressure, d.pressure,
        a.spin, b.spin, c.spin, d.spin,
        a.wear, b.wear, c.wear, d.wear,
        a.dirt, b.dirt, c.dirt, d.dirt,
        a.core, b.core, c.core, d.core,
        a.camber, -b.camber, c.camber, -d.camber,
        STATIC_TRAVEL[0] + a.compression, STATIC_TRAVEL[0] + b.compression,
        STATIC_TRAVEL[1] + c.compression, STATIC_TRAVEL[1] + d.compression,
        0.0, setup.tc,  # no DRS
        atan2(-car.dir_x, car.dir_z), car.pitch, car.roll, car.y - car.road_y,
        *damage, max(damage),
        car.tyres_out, engine.limiting, setup.abs,
        0.0, 0.0, 1,  # no KERS; automatic gearbox
        *ride,
        0.0, setup.ballast,  # no turbo
        car.density, setup.air, setup.road,
        *_angular_velocity(car),
        _force_feedback(car), delta,
        0, 0, 0, 0, 0, 0.0, 0, 0,  # engine brake, ERS, KERS and DRS: the car has none
        a.disc, b.disc, c.disc, d.disc,
        engine.clutch,
        a.inner, b.inner, c.inner, d.inner,
        a.middle, b.middle, c.middle, d.middle,
        a.outer, b.outer, c.outer, d.outer,
        0,  # the demo's driver stands for the player, not for the game's autopilot
        *_contact_points(car),
        *normal, *normal, *normal, *normal,
        *front, *front, *rear, *rear,
        setup.brake_bias,
        *_in_body(car.velocity_x, car.velocity_y, car.velocity_z, axes),
        0, 0, LIMITER_RPM,  # no push-to-pass
    )  # fmt: skip


def _small_sine_cosine(angle: float) -> tuple[float, float]:
    """Return sine and cosine of a small angle in rad, as polynomials."""
    square = angle * angle
    sine = angle * (1.0 - square * (1.0 / 6.0 - square * (1.0 / 120.0)))
    return sine, 1.0 - square * (0.5 - square * (1.0 / 24.0))


def _body_axes(car: Car) -> tuple[Vector, Vector, Vector]:
    """Return the body's axes left, up and forward in the world: turned by heading, then pitch, then roll."""
    dx, dz = car.dir_x, car.dir_z
    sin_p, cos_p = _small_sine_cosine(car.pitch)
    sin_r, cos_r = _small_sine_cosine(car.roll)
    ex, ey, ez = -dx * sin_p, cos_p, -dz * sin_p  # up, before rolling
    left = (dz * cos_r - ex * sin_r, -ey * sin_r, -dx * cos_r - ez * sin_r)
    up = (ex * cos_r + dz * sin_r, ey * cos_r, ez * cos_r - dx * sin_r)
    return left, up, (dx * cos_p, sin_p, dz * cos_p)


def _in_body(x: float, y: float, z: float, axes: tuple[Vector, Vector, Vector]) -> Vector:
    """Return the components of a vector of the world along the body's axes left, up and forward."""
    (lx, ly, lz), (ux, uy, uz), (fx, fy, fz) = axes
    return x * lx + y * ly + z * lz, x * ux + y * uy + z * uz, x * fx + y * fy + z * fz


def _angular_velocity(car: Car) -> Vector:
    """Return the angular velocity in rad/s around the body's axes."""
    sin_p, cos_p = _small_sine_cosine(car.pitch)
    sin_r, cos_r = _small_sine_cosine(car.roll)
    heading_rate, pitch_rate = -car.yaw_rate, car.pitch_rate
    return (
        heading_rate * sin_r * cos_p - pitch_rate * cos_r,
        -heading_rate * cos_r * cos_p - pitch_rate * sin_r,
        -heading_rate * sin_p - car.roll_rate,
    )


def _force_feedback(car: Car) -> float:
    """Return the force on the steering wheel, 1 = full: the tyres' moment fades towards the peak of grip."""
    a, b = car.wheels[:2]
    aligning = max(0.0, 1.0 - 0.35 * (a.slip + b.slip))
    return (a.force_left + b.force_left) * (0.35 + 0.65 * aligning) / ALIGNING_FORCE_N


def _contact_points(car: Car) -> tuple[float, ...]:
    """Return where the four tyres touch the road, x, y and z in the world each."""
    dx, dz, x, z, plane = car.dir_x, car.dir_z, car.x, car.z, car.road_y
    gradient = car.track.gradient[car.node]
    tx, tz = car.track.tangent_x[car.node], car.track.tangent_z[car.node]
    road_a, road_b, road_c, road_d = car.road
    along, across = dx * tx + dz * tz, dz * tx - dx * tz  # parts of forward and left along the road
    front_x, front_z = x + dx * FRONT, z + dz * FRONT
    rear_x, rear_z = x - dx * REAR, z - dz * REAR
    front_y, rear_y = plane + gradient * along * FRONT, plane - gradient * along * REAR
    half = HALF_TRACK[0]
    side_x, side_y, side_z = dz * half, gradient * across * half, -dx * half
    half = HALF_TRACK[1]
    back_x, back_y, back_z = dz * half, gradient * across * half, -dx * half
    return (
        front_x + side_x, front_y + side_y + road_a, front_z + side_z,
        front_x - side_x, front_y - side_y + road_b, front_z - side_z,
        rear_x + back_x, rear_y + back_y + road_c, rear_z + back_z,
        rear_x - back_x, rear_y - back_y + road_d, rear_z - back_z,
    )  # fmt: skip


def _road_normal(car: Car) -> Vector:
    """Return the unit vector that points up from the road under the car."""
    gradient = car.track.gradient[car.node]
    tilt = 1.0 / sqrt(1.0 + gradient * gradient)
    tx, tz = car.track.tangent_x[car.node], car.track.tangent_z[car.node]
    return -gradient * tx * tilt, tilt, -gradient * tz * tilt


def _contact_headings(car: Car) -> tuple[Vector, Vector]:
    """Return the headings of a front and a rear wheel in the road: minus the direction in which the wheel rolls.

    The front wheels are steered to the right.
    """
    dx, dz = car.dir_x, car.dir_z
    gradient = car.track.gradient[car.node]
    tx, tz = car.track.tangent_x[car.node], car.track.tangent_z[car.node]
    sin_s, cos_s = _small_sine_cosine(car.steer * STEER_LOCK)
    hx, hz = dz * sin_s - dx * cos_s, -dx * sin_s - dz * cos_s
    hy = gradient * (hx * tx + hz * tz)
    length = 1.0 / sqrt(hx * hx + hy * hy + hz * hz)
    front = (hx * length, hy * length, hz * length)
    hy = -gradient * (dx * tx + dz * tz)
    length = 1.0 / sqrt(1.0 + hy * hy)
    return front, (-dx * length, hy * length, -dz * length)


def shown_position(s: Any, length: Any, line: Any) -> Any:
    """The ``normalized_position`` at `s`; floats, or arrays of them."""
    return (s / length + line) % 1.0


class Drawn(NamedTuple):
    """What a frame shows of the game: all that `acpmf_graphics` is made of, which few of the frames are asked for."""

    packet: int
    status: int
    escape: bool
    in_pit: bool
    in_lane: bool
    current_ms: int
    time_left_ms: float
    board: tuple[int, int, int, int, int]
    """:meth:`telemetry.demo.timing.Board.values`."""
    setup: Setup
    distance: float
    s: float
    x: float
    y: float
    z: float


def graphics_page(drawn: Drawn, length: float, line: float) -> bytes:
    """Return `acpmf_graphics`; `line` is the timing line's position on the spline of this length in m."""
    completed, last_ms, best_ms, sector, sector_ms = drawn.board
    return _GRAPHICS.pack(
        drawn.packet, drawn.status, PRACTICE,
        units_of(Board.text(drawn.current_ms), 15), units_of(Board.text(last_ms), 15),
        units_of(Board.text(best_ms), 15), units_of(Board.split_text(sector_ms), 15),
        completed, 1,
        drawn.current_ms, last_ms, best_ms,
        -1.0 if drawn.status == REPLAY else drawn.time_left_ms, drawn.distance,
        drawn.in_pit, sector, sector_ms, 0,
        units_of(COMPOUND, 33),
        1.0, shown_position(drawn.s, length, line),
        drawn.x, drawn.y, drawn.z,
        0.0, 0, 0,  # no penalty, no flag, no ideal line
        drawn.in_lane, drawn.setup.surface_grip, 0,
        drawn.setup.wind_kmh, drawn.setup.wind_degrees,
        -1, drawn.escape,
    )  # fmt: skip


def static_page(setup: Setup, length: float, layout: str, *, filled: bool, track: str = TRACK) -> bytes:
    """Return `acpmf_static`; until it is `filled`, car and track are empty, as while the game loads."""
    versions = {"sm_version": "1.7", "ac_version": "1.16.4"}
    if not filled:
        return encode_page("static", **versions)
    return encode_page(
        "static",
        **versions,
        number_of_sessions=1,
        num_cars=1,
        car_model=CAR,
        track=track,
        track_configuration=layout,
        player_name=PLAYER,
        player_surname=PLAYER,
        player_nick=PLAYER,
        car_skin=SKIN,
        sector_count=SECTOR_COUNT,
        max_torque=MAX_TORQUE,
        max_power=MAX_POWER,
        max_rpm=LIMITER_RPM,
        max_fuel=TANK_L,
        suspension_max_travel=(MAX_TRAVEL[0], MAX_TRAVEL[0], MAX_TRAVEL[1], MAX_TRAVEL[1]),
        tyre_radius=(RADIUS, RADIUS, RADIUS, RADIUS),
        penalties_enabled=1,
        aid_fuel_rate=setup.fuel_rate,
        aid_tire_rate=setup.tyre_rate,
        aid_mechanical_damage=setup.damage_rate,
        aid_allow_tyre_blankets=1,
        aid_auto_clutch=1,
        aid_auto_blip=1,
        track_spline_length=length,
    )
