import math
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from telemetry.demo.circuit import demo_track, racing_line
from telemetry.demo.driver import PIT_SPEED
from telemetry.demo.fleet.cars import Cars, Controls
from telemetry.demo.fleet.fields import MOVING, FleetBlock, StillFields
from telemetry.demo.fleet.fleet import NUMBA, NUMPY, Fleet, cars_type
from telemetry.demo.game import FORGIVING_STEPS, is_in_lane
from telemetry.demo.physics.car import Car, Setup
from telemetry.demo.settings import DemoSettings
from telemetry.rl.action import Command
from telemetry.rl.backends.demo import DemoBackend

if TYPE_CHECKING:
    from telemetry.fields.derived import Sample

COUNT = 9


def twin_cars() -> list[Car]:
    """Cars in all places: on the road, on the grass, beside a barrier, in the pit lane, each with its own setup."""
    rng, track, line = random.Random(5), demo_track(), racing_line()
    places = [(s, line.offset[track.node(s)]) for s in (10.0, 700.0, 1500.0, 2600.0)]
    places += [(900.0, 10.0), (1250.0, -16.0), (640.0, 15.0), (200.0, -17.0), (95.0, -12.0)]
    return [
        Car(
            track,
            Setup(
                tc=rng.choice([0.0, 0.1]),
                abs=rng.choice([0.0, 0.11]),
                tyre_rate=rng.choice([0.0, 20.0]),
                wind_kmh=rng.choice([0.0, 40.0]),
                ballast=rng.choice([0.0, 80.0]),
            ),
            *place,
        )
        for place in places
    ]


def state_of(car: Car) -> dict[str, Any]:
    """Everything that a car is made of, by name."""
    own = {name: getattr(car, name) for name in Car.__slots__ if name not in ("engine", "wheels", "setup", "track")}
    own["contact"] = bool(own["contact"])
    own |= {f"engine.{name}": getattr(car.engine, name) for name in type(car.engine).__slots__}
    for number, wheel in enumerate(car.wheels):
        own |= {f"wheel{number}.{name}": getattr(wheel, name) for name in type(wheel).__slots__}
    return own


def draw_controls(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Steering, gas and brake of all cars, some of which drive into the barriers."""
    steer, gas = rng.uniform(-0.3, 0.3, COUNT), rng.uniform(0.2, 1.0, COUNT)
    brake = rng.uniform(0.0, 1.0, COUNT) * (rng.random(COUNT) < 0.3)
    steer[4:7] = 0.0, 0.3, -0.3
    return steer, gas, brake


def test_each_car_of_a_fleet_has_the_bits_of_a_car_alone() -> None:
    alone, copies = twin_cars(), twin_cars()
    fleet = Cars([demo_track()], COUNT)
    for index, car in enumerate(alone):
        fleet.take(index, car)
    rng = np.random.default_rng(2)
    hit = False
    with np.errstate(all="ignore"):
        for step in range(1500):
            if step % 100 == 0:
                steer, gas, brake = draw_controls(rng)
                limit = np.where(rng.random(COUNT) < 0.2, 10.0, 0.0)
            driving = rng.random(COUNT) < 0.7 if step % 7 == 0 else None  # some cars rest for this step
            fleet.step(Controls(steer, gas, brake, fleet.setup["brake_bias"]), limit, driving)
            for index, car in enumerate(alone):
                if driving is None or driving[index]:
                    car.step(steer[index].item(), gas[index].item(), brake[index].item(), False, limit[index].item())
    for index, (car, copy) in enumerate(zip(alone, copies, strict=True)):
        fleet.give(index, copy)
        assert state_of(copy) == state_of(car)
        hit |= max(car.damage) > 0.0
    assert hit
    assert max(car.speed for car in alone) > 10.0


@pytest.mark.parametrize("physics", [NUMPY, pytest.param(NUMBA, marks=pytest.mark.heavy)])
def test_runs_of_several_steps_have_the_bits_of_cars_alone(physics: str) -> None:
    alone, copies = twin_cars(), twin_cars()
    fleet = cars_type(physics)([demo_track()], COUNT)
    for index, car in enumerate(alone):
        fleet.take(index, car)
    rng = np.random.default_rng(3)
    packets = np.full(COUNT, FORGIVING_STEPS - 500)
    with np.errstate(all="ignore"):
        for number in range(180):
            if number % 12 == 0:
                steer, gas, brake = draw_controls(rng)
            steps = rng.integers(0, 17, COUNT)
            trail = fleet.run(steps, Controls(steer, gas, brake, fleet.setup["brake_bias"]), packets)
            for index, car in enumerate(alone):
                for step in range(len(trail.s)):
                    shown = (trail.s, trail.n, trail.x, trail.y, trail.z, trail.distance)
                    assert [rows[step, index] for rows in shown] == [car.s, car.n, car.x, car.y, car.z, car.distance]
                    assert trail.compression[step, :, index].tolist() == [wheel.compression for wheel in car.wheels]
                    if step < steps[index]:
                        limit = PIT_SPEED if is_in_lane(car) else 0.0
                        car.step(steer[index].item(), gas[index].item(), brake[index].item(), False, limit)
                        if packets[index] + step + 1 < FORGIVING_STEPS:
                            car.tyres_out = 0
                        assert trail.tyres_out[step, index] == car.tyres_out
            packets += steps
    for index, (car, copy) in enumerate(zip(alone, copies, strict=True)):
        fleet.give(index, copy)
        assert state_of(copy) == state_of(car)
    assert max(max(car.damage) for car in alone) > 0.0
    assert any(car.tyres_out for car in alone)
    assert any(car.engine.limiting for car in alone) or any(is_in_lane(car) for car in alone)


def step_count(tick: int) -> int:
    """The physics steps of a control step at 25 Hz."""
    return math.floor(tick * 0.04 / 0.003 + 1e-6) - math.floor((tick - 1) * 0.04 / 0.003 + 1e-6)


@pytest.mark.parametrize("line", [0.0, 0.3])
def test_a_fleet_shows_what_readers_of_each_cars_pages_would_see(line: float) -> None:
    count, rng = 6, random.Random(1)
    positions = [0.99, 0.33, 0.66, 0.03, 0.995, 0.2]  # before the line, before two sectors, by the pits, elsewhere
    alone = [DemoBackend(DemoSettings(line=line), 25.0, "grid") for _ in range(count)]
    samples: list[Sample] = []
    fleet, still = Fleet([demo_track()], count), StillFields(count)
    for index, backend in enumerate(alone):
        options = {"position": (positions[index] + line) % 1.0}
        samples.append(backend.reset(None, np.random.default_rng(index), options, lambda _: True))
        twin = DemoBackend(DemoSettings(line=line), 25.0, "grid")
        sample = twin.reset(None, np.random.default_rng(index), options, lambda _: True)
        fleet.take(index, twin.game, sample)
        still.take(index, sample)
    for tick in range(1, 150):
        if tick % 30 == 1:
            steer, gas = ([rng.uniform(low, high) for _ in range(count)] for low, high in ((-0.02, 0.02), (0.5, 1.0)))
        for index, backend in enumerate(alone):
            result = backend.advance(Command(steer[index], gas[index])).sample
            assert result is not None
            samples[index] = result
        fleet.run(np.full(count, step_count(tick)), np.array(steer), np.array(gas), np.zeros(count))
    block = FleetBlock(fleet, np.full(count, tick / 25.0), np.full(count, tick), still)
    block.prepare(MOVING)
    for index, sample in enumerate(samples):
        seen = block.snapshot(index)
        for name in (*MOVING, "track", "air_temp", "suspension_max_travel", "elapsed", "sequence"):
            assert getattr(seen, name) == getattr(sample, name), (index, name)
    assert {sample.completed_laps for sample in samples} == {0, 1}
    assert {sample.current_sector_index for sample in samples} == {0, 1}
