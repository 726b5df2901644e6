"""Many cars in compiled code: each does its steps by the compiled single car, and so has the same bits as alone."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from telemetry.base.typing import override
from telemetry.demo.driver import PIT_SPEED
from telemetry.demo.fleet import compiled_car
from telemetry.demo.fleet.cars import Cars, Controls, Trail
from telemetry.demo.fleet.compiled_car import FLAGS, FLOATS, WHOLES, compile_physics, nodes_of, with_globals
from telemetry.demo.fleet.wheels import Wheels
from telemetry.demo.game import FORGIVING_STEPS, is_in_lane
from telemetry.demo.physics.tyre import HEAT_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from telemetry.demo.track import Track
    from telemetry.fields.blocks import Array


class CompiledCars(Cars):
    """:class:`Cars` that :meth:`run` by a single car, compiled: the same bits in a fraction of the time.

    It needs the extra ``numba``, and some ten seconds for the first step. Raises
    :class:`telemetry.base.extras.MissingExtraError`.
    """

    def __init__(self, tracks: Sequence[Track], count: int) -> None:
        """``count`` cars without a state, as in :class:`Cars`."""
        super().__init__(tracks, count)
        floats = np.zeros((len(FLOATS), count))
        wholes = np.zeros((len(WHOLES), count), np.int64)
        flags = np.zeros((len(FLAGS), count), bool)
        self._columns = floats, wholes, flags
        self._compile()

    def _compile(self) -> None:
        """Make what cannot be copied: the compiled code, and the views of the columns."""
        make_car = compile_physics().make_car
        self._compiled = [make_car(*nodes_of(track)) for track in self.tracks]
        self._drive = _compile_drive()
        (floats, wholes, flags), count = self._columns, self.count
        # What readers of the cars know as their attributes are views, in the order of the columns
        float_rows, whole_rows, flag_rows = iter(floats), iter(wholes), iter(flags)
        for owner, names, rows in (
            (self, compiled_car.CAR, float_rows),
            (self.engine, compiled_car.ENGINE, float_rows),
            (self, compiled_car.CAR_WHOLE, whole_rows),
            (self.engine, compiled_car.ENGINE_WHOLE, whole_rows),
            (self.engine, compiled_car.ENGINE_FLAGS, flag_rows),
        ):
            for name in names:
                setattr(owner, name, next(rows))
        self.setup = {name: next(float_rows) for name in compiled_car.SETUP}
        ones = len(compiled_car.CAR) + len(compiled_car.ENGINE) + len(compiled_car.SETUP)
        fours = floats[ones:].reshape(-1, 4, count)
        for name, row in zip(compiled_car.CAR_FOURS, fours, strict=False):
            setattr(self, name, row)
        wheels = dict(zip(compiled_car.WHEEL, fours[len(compiled_car.CAR_FOURS) :], strict=True))
        for name in (*Wheels.ROLLED, *Wheels.SUMMED):
            setattr(self.wheels, name, wheels[name])
        self.wheels.heat_state = fours[-len(HEAT_NAMES) :]
        self.ground = wholes[-4:]

    @override
    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        del state["_compiled"], state["_drive"]
        return state

    @override
    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._compile()

    @override
    def _set(self, index: int, name: str, value: object) -> None:
        getattr(self, name)[..., index] = value

    @override
    def step(self, controls: Controls, speed_limit: Array | None = None, active: Array | None = None) -> None:
        raise NotImplementedError("Cars in compiled code do their steps by run().")

    @override
    def run(self, steps: Array, controls: Controls, packets: Array) -> Trail:
        most, count = int(steps.max()), self.count
        columns = [*np.empty((6, most + 1, count)), np.empty((most + 1, 4, count)), np.empty((most, count), np.int64)]
        trail = Trail(*columns)
        for number, car in enumerate(self._compiled):
            cars = np.flatnonzero(self.track_number == number)
            self._drive(
                car, cars, self.table.first[number], *self._columns, steps, packets,
                controls.steer, controls.gas, controls.brake, trail,
            )  # fmt: skip
        return trail


@cache
def _compile_drive() -> Callable[..., None]:
    code, numba = compile_physics(), import_module("numba")
    used = {"load": code.load, "store": code.store, "is_in_lane": numba.njit(is_in_lane)}
    compiled_drive: Callable[..., None] = numba.njit(with_globals(_drive, used))
    return compiled_drive


# --- what becomes compiled code


def _drive(
    car: Any, cars: Any, first_node: int, floats: Any, wholes: Any, flags: Any, steps: Any, packets: Any,
    steer: Any, gas: Any, brake: Any, trail: Any,
) -> None:  # fmt: skip
    """Do the steps of these cars, by their numbers, and write their :class:`Trail`."""
    for index in cars:
        load(car, floats, wholes, flags, index)
        car.node -= first_node
        for step in range(len(trail.s)):
            trail.s[step, index], trail.n[step, index], trail.distance[step, index] = car.s, car.n, car.distance
            trail.x[step, index], trail.y[step, index], trail.z[step, index] = car.x, car.y, car.z
            for number in range(4):
                trail.compression[step, number, index] = car.wheels[number].compression
            if step < steps[index]:
                limit = PIT_SPEED if is_in_lane(car) else 0.0
                car.step(steer[index], gas[index], brake[index], False, limit)
                if packets[index] + step + 1 < FORGIVING_STEPS:
                    car.tyres_out = 0
            if step < len(trail.tyres_out):
                trail.tyres_out[step, index] = car.tyres_out
        car.node += first_node
        store(car, floats, wholes, flags, index)


def load(car: Any, floats: Any, wholes: Any, flags: Any, index: int) -> None:
    """Stands for :attr:`telemetry.demo.fleet.compiled_car.Code.load`."""


def store(car: Any, floats: Any, wholes: Any, flags: Any, index: int) -> None:
    """Stands for :attr:`telemetry.demo.fleet.compiled_car.Code.store`."""
