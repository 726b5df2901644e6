"""Record drives of the demo's own driver from which a learner can learn: random starts, and pushes off the line.

    python examples/demo_drives.py drives --count 20 --seconds 180

A policy that copies a driver who never errs does not know the way back from its own small errors. So the driver's hands
are pushed now and then, for half a second, by a random amount, and what follows is how he gets back. `--push 0` records
the driver as he is.
"""

import argparse
from pathlib import Path
from random import Random

from ac_native_memory import Pages
from telemetry.base.units import STEP_S
from telemetry.demo import DemoGame, DriverInputs
from telemetry.demo.circuit import racing_line
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Step
from telemetry.sources import open_page_sink

LOADED_STEPS = 500
"""Physics steps after which the driver starts."""

PUSH_STEPS = (60, 200)
"""How long a push lasts, in physics steps of 3 ms."""

REST_STEPS = (400, 1200)
"""How long the driver then has to himself."""

STEER_PUSH, PEDAL_PUSH = 0.16, 0.65
"""Standard deviation of a push, as fractions of the steering lock and of the pedals' travel."""

START_OFFSET_M = 2.0
"""How far from the racing line a drive begins at most."""

RECORDED_EVERY = 3
"""Of so many physics steps one is recorded: 111 a second are enough for 25."""


class Pushes:
    """What is added to the driver's steering and pedals at each physics step."""

    def __init__(self, rng: Random, size: float) -> None:
        self._rng, self._size = rng, size
        self._left, self._on = rng.randint(*REST_STEPS), False
        self._steer = self._pedal = 0.0

    def apply(self, inputs: DriverInputs) -> DriverInputs:
        """The inputs with the push of this step."""
        self._left -= 1
        if self._left <= 0:
            self._on = not self._on
            self._left = self._rng.randint(*(PUSH_STEPS if self._on else REST_STEPS))
            self._steer = self._rng.gauss(0.0, STEER_PUSH) * self._size if self._on else 0.0
            self._pedal = self._rng.gauss(0.0, PEDAL_PUSH) * self._size if self._on else 0.0
        pedal = inputs.gas - inputs.brake + self._pedal
        steer = _limit(inputs.steer + self._steer, -1.0)
        return DriverInputs(steer, _limit(pedal, 0.0), _limit(-pedal, 0.0), inputs.reverse)


def _limit(value: float, low: float) -> float:
    return min(max(value, low), 1.0)


def record_drive(path: Path, seed: int, seconds: float, push: float = 1.0) -> None:
    """Record a drive of the demo's driver: every fourth from the grid, the others at rest from anywhere."""
    rng, game = Random(seed), DemoGame(seed)  # noqa: S311 - a driver, not a secret
    while game.packet < LOADED_STEPS:
        game.step()
    if seed % 4:
        track = game.car.track
        metres = rng.random() * track.length
        offset = racing_line().offset[track.node(metres)] + rng.uniform(-1.0, 1.0) * START_OFFSET_M * bool(push)
        game.car.put(metres, offset)
        game.timing.jump(game.car.s)
    pushes = Pushes(rng, push)
    began = 1.7e9 + 86_400.0 * seed  # the drives of a folder are of different days
    with open_page_sink(path, metadata={"driver": "demo", "push": f"{push:g}"}) as sink:
        for number in range(round(seconds / STEP_S)):
            game.driver.drive(game.car, stop_at_box=False)
            game.step(pushes.apply(game.driver.controls()))
            if number % RECORDED_EVERY == 0:
                elapsed = game.steps * STEP_S
                pages = Pages(game.physics_page(), game.graphics_page(), game.static_page(), began + elapsed)
                sink.write(Step(State.LIVE, pages, elapsed))


def record_drives(folder: Path, count: int, seconds: float, push: float = 1.0) -> list[Path]:
    """Record so many drives, `drive_00.mcap` and on."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"drive_{number:02}.mcap" for number in range(count)]
    for seed, path in enumerate(paths, 1):
        record_drive(path, seed, seconds, push)
    return paths


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the recordings are made")
    parser.add_argument("--count", type=int, default=20, help="drives (20)")
    parser.add_argument("--seconds", type=float, default=180.0, help="length of each (180)")
    parser.add_argument("--push", type=float, default=1.0, help="size of the pushes; 0: none (1)")
    options = parser.parse_args()
    for path in record_drives(options.folder, options.count, options.seconds, options.push):
        print(path)


if __name__ == "__main__":
    main()
