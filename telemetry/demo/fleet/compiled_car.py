"""The single car in compiled code: the very methods of :class:`telemetry.demo.physics.car.Car` and its parts, by numba.

So there is no further description of the physics, and the bits are the same. What is written here only says of what
types the attributes are, and carries the state of a car into a compiled one and out of it. numba can neither keep
compiled classes on disk nor get attributes by name, hence the seconds at the first use, and two functions whose source
is written by this module.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from telemetry.base.errors import UsageError
from telemetry.base.extras import require
from telemetry.demo.physics import engine, tyre
from telemetry.demo.physics.car import FRONT, HALF_TRACK, REAR, Car, Setup
from telemetry.demo.track import Track

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from telemetry.fields.blocks import Array

CAR: Final = (
    *("x", "y", "z", "dir_x", "dir_z", "velocity_x", "velocity_y", "velocity_z", "accel_x", "accel_y", "accel_z"),
    *("pitch", "roll", "yaw_rate", "pitch_rate", "roll_rate", "speed", "distance", "s", "n", "road_y"),
    *("steer", "gas", "brake", "tc_scale", "mass", "density", "wind_x", "wind_z"),
)
CAR_WHOLE: Final = ("node", "turn", "tyres_out", "contact")
CAR_FOURS: Final = ("road", "abs_scale", "damage")
ENGINE: Final = ("speed", "clutch", "fuel", "health")
ENGINE_WHOLE: Final = ("gear", "target", "shift_left", "wait", "cut")
ENGINE_FLAGS: Final = ("joined", "limiting")
SETUP: Final = tuple(field.name for field in fields(Setup))
_FITTED: Final = ("axle", "side", "x", "y")
WHEEL: Final = (*(name for name in tyre.Wheel.__slots__ if name not in (*_FITTED, *tyre.HEAT_NAMES)), *tyre.HEAT_NAMES)
"""The attributes that the state of a car is: numbers, integers and flags, some of them for each of the four wheels."""

_NODES: Final = ("x", "y", "z", "tangent_x", "tangent_z", "gradient", "left_wall", "right_wall")
_WHEELS: Final = ("front_left", "front_right", "rear_left", "rear_right")


class Place(NamedTuple):
    """Where a value of the state is found."""

    owner: str
    """``car``, ``engine``, ``setup`` or a wheel."""
    name: str
    part: int | None = None
    """The wheel, or the side of the damage, of an attribute of the car that has four."""

    @property
    def path(self) -> str:
        """As Python writes it."""
        return f"{self.owner}.{self.name}" + ("" if self.part is None else f"[{self.part}]")

    def value(self, car: Car) -> Any:
        """What a car has there."""
        owners = {"car": car, "engine": car.engine, "setup": car.setup, **dict(zip(_WHEELS, car.wheels, strict=True))}
        value = getattr(owners[self.owner], self.name)
        return value if self.part is None else value[self.part]


FLOATS: Final = (
    *(Place("car", name) for name in CAR),
    *(Place("engine", name) for name in ENGINE),
    *(Place("setup", name) for name in SETUP),
    *(Place("car", name, number) for name in CAR_FOURS for number in range(4)),
    *(Place(wheel, name) for name in WHEEL for wheel in _WHEELS),
)
WHOLES: Final = (
    *(Place("car", name) for name in CAR_WHOLE),
    *(Place("engine", name) for name in ENGINE_WHOLE),
    *(Place("car", "ground", number) for number in range(4)),
)
FLAGS: Final = tuple(Place("engine", name) for name in ENGINE_FLAGS)
"""The state of a car as three columns, of float64, int64 and bool; of many cars they are (rows, cars)."""


class Code(NamedTuple):
    """Compiled functions."""

    make_car: Callable[..., Any]
    """From what :func:`nodes_of` says to a compiled car on that circuit, which has no state yet."""
    load: Callable[..., None]
    """From the three columns of :data:`FLOATS` and so on, and the number of one car, into a compiled car."""
    store: Callable[..., None]
    """Back from a compiled car into the columns."""


def compile_physics() -> Code:
    """The compiled code, which is made once in a process.

    Raises MissingExtraError without numba, and UsageError where its compiler is switched off.
    """
    numba = require("numba", extra="numba", purpose="The compiled physics")
    if numba.config.DISABLE_JIT:
        raise UsageError("The compiled physics needs numba's compiler, which NUMBA_DISABLE_JIT switches off.")
    return _compile(numba)


def compile_car(car: Car) -> Car:
    """A compiled car in the state of this one: with its attributes, and the methods that a drive needs.

    Those are ``step`` and ``repair``, and :meth:`~telemetry.demo.physics.tyre.Wheel.fit` of its wheels. Raises
    MissingExtraError without numba.
    """
    code = compile_physics()
    compiled = code.make_car(*nodes_of(car.track))
    columns = [
        np.array([[place.value(car)] for place in places], dtype)
        for places, dtype in ((FLOATS, float), (WHOLES, np.int64), (FLAGS, bool))
    ]
    code.load(compiled, *columns, 0)
    same: Car = compiled
    return same


def interpret_car(compiled: Car, like: Car) -> Car:
    """A car of plain Python in the state of a compiled one, of the circuit and setup of ``like``."""
    car = like.copy()
    owners = {"car": car, "engine": car.engine, **dict(zip(_WHEELS, car.wheels, strict=True))}
    damage = []
    for place in (*FLOATS, *WHOLES, *FLAGS):
        if place.owner not in owners:
            continue
        value = place.value(compiled)
        if place.name == "damage":
            damage.append(value)
        elif place.part is None:
            setattr(owners[place.owner], place.name, value)
        else:
            getattr(car, place.name)[place.part] = value.item()
    front, rear, left, right = damage
    car.damage = front, rear, left, right
    return car


def nodes_of(track: Track) -> tuple[Array, Array, Array, float]:
    """What a compiled car needs of its circuit: (8, nodes), the kerbs, the roughness and the spacing."""
    nodes = np.array([getattr(track, name) for name in _NODES])
    return nodes, np.array(track.kerb), np.array(track.roughness), track.spacing


@cache
def _compile(numba: Any) -> Code:
    jitclass = import_module("numba.experimental").jitclass
    number, whole, flag = numba.float64, numba.int64, numba.boolean

    def compiled(kind: type, init: Any, methods: Sequence[str], types: dict[str, Any], **others: Any) -> Any:
        """The compiled class with these methods of one of ours, which call these other functions."""
        body = {name: with_globals(vars(kind)[name], others) for name in methods}
        return jitclass(types)(type(kind.__name__, (), {"__init__": init, **body}))

    def types_of(names: Sequence[str], **special: Any) -> dict[str, Any]:
        return {name: special.get(name, number) for name in names}

    wholes, flags = dict.fromkeys(ENGINE_WHOLE, whole), dict.fromkeys(ENGINE_FLAGS, flag)
    engines = compiled(
        engine.Engine,
        _init_nothing,
        ("inertia", "choose", "run", "_shift"),
        types_of(engine.Engine.__slots__, **wholes, **flags),
        full_torque=numba.njit(engine.full_torque),
    )
    wheels = compiled(
        tyre.Wheel,
        _init_wheel,
        ("roll", "age", "fit"),
        types_of(tyre.Wheel.__slots__, axle=whole, side=whole),
        wear_curve=numba.njit(tyre.wear_curve),
    )
    nodes = dict.fromkeys((*_NODES, "roughness"), number[::1])
    tracks = compiled(Track, _init_track, ("locate",), {**nodes, "kerb": flag[::1], "spacing": number})
    setups = compiled(Setup, _init_nothing, (), types_of(SETUP))
    special = {
        "engine": engines.class_type.instance_type,
        "wheels": numba.types.UniTuple(wheels.class_type.instance_type, 4),
        "track": tracks.class_type.instance_type,
        "setup": setups.class_type.instance_type,
        "damage": numba.types.UniTuple(number, 4),
        "ground": whole[::1],
        **dict.fromkeys(("road", "abs_scale"), number[::1]),
        **dict.fromkeys(CAR_WHOLE, whole),
    }
    cars = compiled(Car, _init_car, ("step", "repair", "_find", "_barrier"), types_of(Car.__slots__, **special))

    def make_car(nodes: Any, kerb: Any, roughness: Any, spacing: float) -> Any:
        fitted = (
            wheels(0, 1, FRONT, HALF_TRACK[0]),
            wheels(0, -1, FRONT, -HALF_TRACK[0]),
            wheels(1, 1, -REAR, HALF_TRACK[1]),
            wheels(1, -1, -REAR, -HALF_TRACK[1]),
        )
        return cars(engines(), fitted, tracks(nodes, kerb, roughness, spacing), setups())

    load, store = (_write_function(*names) for names in (("load", "{path} = {value}"), ("store", "{value} = {path}")))
    return Code(numba.njit(make_car), numba.njit(load), numba.njit(store))


def with_globals(function: Any, others: dict[str, Any]) -> Any:
    """The same function, to which these names mean other things."""
    return FunctionType(function.__code__, {**function.__globals__, **others}, function.__name__)


def _write_function(name: str, line: str) -> Any:
    """A function that carries the state of one of many cars into a compiled car or out of it, by lines like this."""
    lines = [
        f"def {name}(car, floats, wholes, flags, index):",
        "engine, setup = car.engine, car.setup",
        f"{', '.join(_WHEELS)} = car.wheels",
    ]
    damage = []  # a tuple: all of it is set at once
    for column, places in {"floats": FLOATS, "wholes": WHOLES, "flags": FLAGS}.items():
        for row, place in enumerate(places):
            value = f"{column}[{row}, index]"
            if place.name == "damage":
                damage.append(value)
            else:
                lines.append(line.format(path=place.path, value=value))
    lines.append(line.format(path="car.damage", value=", ".join(damage)))
    written: dict[str, Any] = {}
    exec("\n    ".join(lines), written)  # noqa: S102 - of names in this project
    return written[name]


# --- what becomes methods of the compiled classes


def _init_nothing(self: Any) -> None:
    pass


def _init_wheel(self: Any, axle: int, side: int, x: float, y: float) -> None:
    self.axle, self.side, self.x, self.y = axle, side, x, y


def _init_track(self: Any, nodes: Any, kerb: Any, roughness: Any, spacing: float) -> None:
    self.x, self.y, self.z, self.tangent_x, self.tangent_z = nodes[0], nodes[1], nodes[2], nodes[3], nodes[4]
    self.gradient, self.left_wall, self.right_wall = nodes[5], nodes[6], nodes[7]
    self.kerb, self.roughness, self.spacing = kerb, roughness, spacing


def _init_car(self: Any, engine: Any, wheels: Any, track: Any, setup: Any) -> None:
    self.engine, self.wheels, self.track, self.setup = engine, wheels, track, setup
    self.road, self.abs_scale, self.ground = np.zeros(4), np.zeros(4), np.zeros(4, np.int64)
