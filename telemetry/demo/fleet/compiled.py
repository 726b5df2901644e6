"""Many cars in compiled code: the methods of the single car, compiled by numba as they stand.

So there is no further description of the physics, and every car has the same bits as alone: what is here only carries
the state of each car between the arrays of a fleet and one compiled car, which does its steps. numba can neither keep
compiled classes on disk nor get attributes by name, hence the seconds at the start, and the two functions whose source
is written here.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from telemetry.base.extras import require
from telemetry.base.typing import override
from telemetry.demo.driver import PIT_SPEED
from telemetry.demo.fleet.cars import SETTINGS, Cars, Controls, Trail
from telemetry.demo.fleet.wheels import HEAT_NAMES, Wheels
from telemetry.demo.game import FORGIVING_STEPS, is_in_lane
from telemetry.demo.physics import engine, tyre
from telemetry.demo.physics.car import FRONT, HALF_TRACK, REAR, Car, Setup
from telemetry.demo.track import Track

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from telemetry.fields.blocks import Array

_CAR: Final = (
    *("x", "y", "z", "dir_x", "dir_z", "velocity_x", "velocity_y", "velocity_z", "accel_x", "accel_y", "accel_z"),
    *("pitch", "roll", "yaw_rate", "pitch_rate", "roll_rate", "speed", "distance", "s", "n", "road_y"),
    *("steer", "gas", "brake", "tc_scale", "mass", "density", "wind_x", "wind_z"),
)
_CAR_WHOLE: Final = ("node", "turn", "tyres_out", "contact")
_BY_WHEEL: Final = ("road", "abs_scale")
_ENGINE: Final = ("speed", "clutch", "fuel", "health")
_ENGINE_WHOLE: Final = ("gear", "target", "shift_left", "wait", "cut")
_ENGINE_FLAGS: Final = ("joined", "limiting")
_WHEEL: Final = (*Wheels.ROLLED, *Wheels.SUMMED, *HEAT_NAMES)
_NODES: Final = ("x", "y", "z", "tangent_x", "tangent_z", "gradient", "left_wall", "right_wall")
_WHEELS: Final = tuple(f"wheel_{number}" for number in range(4))
_FLOATS: Final = (
    *(f"car.{name}" for name in _CAR),
    *(f"engine.{name}" for name in _ENGINE),
    *(f"setup.{name}" for name in SETTINGS),
    *(f"car.{name}[{number}]" for name in (*_BY_WHEEL, "damage") for number in range(4)),
    *(f"{wheel}.{name}" for name in _WHEEL for wheel in _WHEELS),
)
_WHOLES: Final = (
    *(f"car.{name}" for name in _CAR_WHOLE),
    *(f"engine.{name}" for name in _ENGINE_WHOLE),
    *(f"car.ground[{number}]" for number in range(4)),
)
_FLAGS: Final = tuple(f"engine.{name}" for name in _ENGINE_FLAGS)
"""What the rows of :class:`CompiledCars` are in a compiled car: floats, integers and flags, each (rows, cars)."""


class CompiledCars(Cars):
    """:class:`Cars` whose steps are those of a single car, compiled: the same bits in a fraction of the time.

    It needs the extra ``numba``, and some ten seconds for the first step. Raises
    :class:`telemetry.base.extras.MissingExtraError`.
    """

    def __init__(self, tracks: Sequence[Track], count: int) -> None:
        """``count`` cars without a state, as in :class:`Cars`."""
        super().__init__(tracks, count)
        code = _compile(require("numba", extra="numba", purpose="The compiled physics"))
        self._drive = code.drive
        self._compiled = [code.make_car(*_nodes(track)) for track in tracks]
        floats = np.zeros((len(_FLOATS), count))
        wholes = np.zeros((len(_WHOLES), count), np.int64)
        flags = np.zeros((len(_ENGINE_FLAGS), count), bool)
        self._matrices = floats, wholes, flags
        # What readers of the cars know as their attributes are views
        float_rows, whole_rows, flag_rows = iter(floats), iter(wholes), iter(flags)
        for owner, names, rows in (
            (self, _CAR, float_rows),
            (self.engine, _ENGINE, float_rows),
            (self, _CAR_WHOLE, whole_rows),
            (self.engine, _ENGINE_WHOLE, whole_rows),
            (self.engine, _ENGINE_FLAGS, flag_rows),
        ):
            for name in names:
                setattr(owner, name, next(rows))
        self.setup = {name: next(float_rows) for name in SETTINGS}
        fours = iter(floats[len(_CAR) + len(_ENGINE) + len(SETTINGS) :].reshape(-1, 4, count))
        for name in (*_BY_WHEEL, "damage"):
            setattr(self, name, next(fours))
        for name in (*Wheels.ROLLED, *Wheels.SUMMED):
            setattr(self.wheels, name, next(fours))
        self.wheels.heat_state = floats[-4 * len(HEAT_NAMES) :].reshape(len(HEAT_NAMES), 4, count)
        self.ground = wholes[-4:]

    @override
    def _set(self, index: int, name: str, value: object) -> None:
        getattr(self, name)[..., index] = value

    @override
    def run(self, steps: Array, controls: Controls, packets: Array) -> Trail:
        rows, count = int(steps.max()) + 1, self.count
        places = np.empty((6, rows, count))
        places = np.empty((6, rows, count))
        trail = Trail(*[*places, np.empty((rows, 4, count)), np.empty((rows - 1, count), np.int64)])
        for number, car in enumerate(self._compiled):
            cars = np.flatnonzero(self.track_number == number)
            self._drive(
                car, cars, self.table.first[number], *self._matrices, steps, packets,
                controls.steer, controls.gas, controls.brake, places, trail.compression, trail.tyres_out,
            )  # fmt: skip
        return trail


# --- the compiled code


class _Code(NamedTuple):
    """What is compiled once in a process."""

    make_car: Callable[..., Any]
    """From :func:`_nodes` to a compiled car on that circuit, whose state is loaded later."""
    drive: Callable[..., None]


def _nodes(track: Track) -> tuple[Array, Array, Array, float]:
    """What a compiled car needs of its circuit: (8, nodes), the kerbs, the roughness and the spacing."""
    nodes = np.array([getattr(track, name) for name in _NODES])
    return nodes, np.array(track.kerb), np.array(track.roughness), track.spacing


@cache
def _compile(numba: Any) -> _Code:
    jitclass = import_module("numba.experimental").jitclass
    number, whole, flag = numba.float64, numba.int64, numba.boolean

    def compiled(kind: type, init: Any, methods: Sequence[str], fields: dict[str, Any], **others: Any) -> Any:
        """The compiled class with these methods of one of ours, which call these other functions."""
        body = {name: _with_globals(vars(kind)[name], others) for name in methods}
        return jitclass(fields)(type(kind.__name__, (), {"__init__": init, **body}))

    def fields_of(names: Sequence[str], **special: Any) -> dict[str, Any]:
        return {name: special.get(name, number) for name in names}

    wholes, flags = dict.fromkeys(_ENGINE_WHOLE, whole), dict.fromkeys(_ENGINE_FLAGS, flag)
    engines = compiled(
        engine.Engine,
        _init_nothing,
        ("inertia", "choose", "run", "_shift"),
        fields_of(engine.Engine.__slots__, **wholes, **flags),
        full_torque=numba.njit(engine.full_torque),
    )
    wheels = compiled(
        tyre.Wheel,
        _init_wheel,
        ("roll", "age"),
        fields_of(tyre.Wheel.__slots__, axle=whole, side=whole),
        wear_curve=numba.njit(tyre.wear_curve),
    )
    nodes = fields_of((*_NODES, "roughness"), **dict.fromkeys((*_NODES, "roughness"), number[::1]))
    tracks = compiled(Track, _init_track, ("locate",), {**nodes, "kerb": flag[::1], "spacing": number})
    setups = compiled(Setup, _init_nothing, (), fields_of(SETTINGS))
    special = {
        "engine": engines.class_type.instance_type,
        "wheels": numba.types.UniTuple(wheels.class_type.instance_type, 4),
        "track": tracks.class_type.instance_type,
        "setup": setups.class_type.instance_type,
        "damage": numba.types.UniTuple(number, 4),
        "ground": whole[::1],
        **dict.fromkeys(_BY_WHEEL, number[::1]),
        **dict.fromkeys(_CAR_WHOLE, whole),
    }
    cars = compiled(Car, _init_car, ("step", "_find", "_barrier"), fields_of(Car.__slots__, **special))

    def make_car(nodes: Any, kerb: Any, roughness: Any, spacing: float) -> Any:
        fitted = (
            wheels(0, 1, FRONT, HALF_TRACK[0]),
            wheels(0, -1, FRONT, -HALF_TRACK[0]),
            wheels(1, 1, -REAR, HALF_TRACK[1]),
            wheels(1, -1, -REAR, -HALF_TRACK[1]),
        )
        return cars(engines(), fitted, tracks(nodes, kerb, roughness, spacing), setups())

    helpers = {
        "load": numba.njit(_write_function("load", "{path} = {value}")),
        "store": numba.njit(_write_function("store", "{value} = {path}")),
        "is_in_lane": numba.njit(is_in_lane),
    }
    return _Code(numba.njit(make_car), numba.njit(_with_globals(_drive, helpers)))


def _with_globals(function: Any, others: dict[str, Any]) -> Any:
    """The same function, to which these names mean other things."""
    return FunctionType(function.__code__, {**function.__globals__, **others}, function.__name__)


def _write_function(name: str, line: str) -> Any:
    """A function that carries the state of one of many cars into the compiled car or out of it, by lines like this."""
    rows = {"floats": _FLOATS, "wholes": _WHOLES, "flags": _FLAGS}
    lines = [f"def {name}(car, floats, wholes, flags, index):"]
    lines += ["engine, setup = car.engine, car.setup", f"{', '.join(_WHEELS)} = car.wheels"]
    damage = [f"floats[{row}, index]" for row, path in enumerate(_FLOATS) if path.startswith("car.damage")]
    for matrix, paths in rows.items():
        lines += [
            line.format(path=path, value=f"{matrix}[{row}, index]")
            for row, path in enumerate(paths)
            if not path.startswith("car.damage")
        ]
    lines.append(line.format(path="car.damage", value=", ".join(damage)))
    written: dict[str, Any] = {}
    exec("\n    ".join(lines), written)  # noqa: S102 - of names in this project
    return written[name]


# --- what becomes compiled code: methods of the compiled classes, and functions that use them


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


def _drive(
    car: Any, cars: Any, first_node: int, floats: Any, wholes: Any, flags: Any, steps: Any, packets: Any,
    steer: Any, gas: Any, brake: Any, places: Any, compression: Any, tyres_out: Any,
) -> None:  # fmt: skip
    """Do the steps of these cars, by their numbers, and write their :class:`Trail`."""
    for index in cars:
        load(car, floats, wholes, flags, index)
        car.node -= first_node
        for step in range(places.shape[1]):
            places[0, step, index], places[1, step, index] = car.s, car.n
            places[2, step, index], places[3, step, index], places[4, step, index] = car.x, car.y, car.z
            places[5, step, index] = car.distance
            for number in range(4):
                compression[step, number, index] = car.wheels[number].compression
            if step < steps[index]:
                limit = PIT_SPEED if is_in_lane(car) else 0.0
                car.step(steer[index], gas[index], brake[index], False, limit)
                if packets[index] + step + 1 < FORGIVING_STEPS:
                    car.tyres_out = 0
            if step < len(tyres_out):
                tyres_out[step, index] = car.tyres_out
        car.node += first_node
        store(car, floats, wholes, flags, index)


def load(car: Any, floats: Any, wholes: Any, flags: Any, index: int) -> None:
    """Stands for the function that :func:`_write_function` writes."""


def store(car: Any, floats: Any, wholes: Any, flags: Any, index: int) -> None:
    """Stands for the function that :func:`_write_function` writes."""
