"""Control steps per second of the environments, alone and many together, in CPU time of one core.

    OMP_NUM_THREADS=1 uv run --extra gym --extra numba benchmarks/rl.py [--cars N,N,...] [--steps N] [--rounds N]

All cars drive on the road at 25 Hz with the default specification: a line of feedback keeps them there, and episodes
end and begin again as they do for a learner. Only the environment's own time counts, not that of the feedback. Beside
them stand the same cars compiled by numba, where that is installed, and other environments: Pendulum is the floor of
what Gymnasium costs; CarRacing (``pip install gymnasium[box2d]``) and highway-env are measured where they are
installed. Rounds alternate between all of them, because other work on the machine disturbs; the table has the medians.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent.parent))

import gymnasium
import numpy as np

from telemetry.base.extras import is_installed
from telemetry.demo.fleet.fleet import NUMBA, NUMPY
from telemetry.rl.backends.demo import PYTHON
from telemetry.rl.env import DriveEnv
from telemetry.rl.vector.env import DriveVectorEnv

OTHERS: Final = {"Pendulum-v1": "Pendulum-v1", "CarRacing-v3": "CarRacing-v3", "highway-v0": "highway-v0"}
"""Other environments, by the name in the table."""


def keep_to_the_road(names: tuple[str, ...]) -> Callable[[Any], Any]:
    """Actions (cars, 2) for observations (cars, k): steering along the road, at a moderate speed."""
    offset, heading, bend, speed = map(names.index, ("track_offset", "track_heading", "curvature_ahead_1", "speed"))

    def act(observations: Any) -> Any:
        seen = np.atleast_2d(observations)
        steer = 0.6 * seen[:, offset] + 1.5 * seen[:, heading] - 0.14 * seen[:, bend]
        return np.stack([steer, 15.0 * (0.4 - seen[:, speed])], axis=1).clip(-1.0, 1.0).astype(np.float32)

    return act


class Vector:
    """Many cars together."""

    def __init__(self, cars: int, steps: int, physics: str) -> None:
        self.env = DriveVectorEnv(cars, start="anywhere", physics=physics)
        self.act = keep_to_the_road(self.env.observation_names)
        self.observations, _ = self.env.reset(seed=1)
        self.steps = steps

    def measure(self) -> float:
        """Control steps per second, of all cars together."""
        spent = 0.0
        for _ in range(self.steps):
            actions = self.act(self.observations)
            begun = process_time()
            self.observations, *_ = self.env.step(actions)
            spent += process_time() - begun
        return self.steps * self.env.num_envs / spent


class Single:
    """One car."""

    def __init__(self, steps: int, physics: str) -> None:
        self.env = DriveEnv(start="anywhere", physics=physics)
        self.act = keep_to_the_road(self.env.observation_names)
        self.observation, _ = self.env.reset(seed=1)
        self.steps = steps

    def measure(self) -> float:
        """Control steps per second."""
        spent = 0.0
        for _ in range(self.steps):
            action = self.act(self.observation)[0]
            begun = process_time()
            self.observation, _, terminated, truncated, _ = self.env.step(action)
            if terminated or truncated:
                self.observation, _ = self.env.reset()
            spent += process_time() - begun
        return self.steps / spent


class Other:
    """An environment of somebody else, with random actions."""

    def __init__(self, name: str, steps: int) -> None:
        if name == "highway-v0":
            __import__("highway_env")
        self.env = gymnasium.make(name)
        self.env.reset(seed=1)
        self.steps = steps

    def measure(self) -> float:
        """Steps per second."""
        spent = 0.0
        for _ in range(self.steps):
            action = self.env.action_space.sample()
            begun = process_time()
            _, _, terminated, truncated, _ = self.env.step(action)
            if terminated or truncated:
                self.env.reset()
            spent += process_time() - begun
        return self.steps / spent


def main() -> None:
    """Measure all, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cars", default="1,16,64,256,1024", help="sizes of the vector environments")
    parser.add_argument("--steps", type=int, default=100, help="control steps of each in a round")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    has_numba = is_installed("numba")
    measured: dict[str, Any] = {
        f"one car (DriveEnv, {physics})": Single(arguments.steps, physics)
        for physics in ((PYTHON, NUMBA) if has_numba else (PYTHON,))
    }
    for physics in (NUMPY, NUMBA) if has_numba else (NUMPY,):
        for cars in map(int, arguments.cars.split(",")):
            measured[f"{cars} cars (DriveVectorEnv, {physics})"] = Vector(cars, max(arguments.steps // 4, 1), physics)
    for name, environment in OTHERS.items():
        try:
            measured[name] = Other(environment, arguments.steps)
        except (ImportError, gymnasium.error.Error) as error:
            print(f"{name} is not measured: {error}")
    rates: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(arguments.rounds):
        for name, one in measured.items():
            rates[name].append(one.measure())
    alone = statistics.median(rates[f"one car (DriveEnv, {PYTHON})"])
    print("| environment | control steps/s | times one car |\n|---|--:|--:|")
    for name, values in rates.items():
        print(f"| {name} | {statistics.median(values):,.0f} | {statistics.median(values) / alone:.1f} |")


if __name__ == "__main__":
    main()
