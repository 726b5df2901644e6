"""Learn to drive the demo's circuit with PPO in five minutes, for several seeds, and draw what came of it.

    python examples/train_ppo.py --out trained

It needs the extra `gym`, PyTorch and matplotlib: docs/rl.md, "A learner", says how to get them. In the folder are then
a policy for each seed (`ppo_0.pt`), the task it learnt (`spec.json`), `curve.csv`, `results.json` and
`learning_curve.svg`. `examples/drive_policy.py` drives a policy and records it.
"""

import argparse
import csv
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import gymnasium
import matplotlib as mpl
import torch
from matplotlib import pyplot as plt
from ppo import STEPS, Cars, Learner, Policy, load, save

import telemetry
from telemetry.fields.derived import Sample
from telemetry.laps.detector import laps
from telemetry.rl import End, advance_recorded, as_spec, begin

TASK = as_spec(
    {
        "control_hz": 10,  # so that what a decision was worth shows within a few of them
        # What a driver feels, and the road. Not wear and temperatures: in short lessons they hardly change, and what
        # they become later would be like nothing that was learnt.
        "observation": {
            "fields": [
                *("speed", "local_velocity_x", "angular_velocity_y", "acc_g_x", "acc_g_z", "steer_angle", "wheel_slip"),
                *("track_offset", "track_heading", "curvature_ahead"),
            ]
        },
        "action": {"steer_range": 0.3},  # more of the lock the tyres do not take
        "end": {"tyres_out": 3, "no_progress_seconds": 4, "seconds": 60},
    }
)
EXAM = replace(TASK, end=End(tyres_out=3, laps=3, seconds=500))
"""Three laps from the grid: one with a standing start, two flying."""

END_COST = 5.0
"""What leaving the road costs, beside all that is not driven then: as much as 250 metres bring."""

TRIAL, HELD_OUT = 10_000, 10_001
"""The seeds of the game by which the best of a learner's policies is chosen, and in which that one is judged."""

FIRST_EXAM, EXAMS = 0.3, 12
"""After which share of its training a learner is examined for the first time, and how often from then on."""


@dataclass(frozen=True)
class Exam:
    """What a drive from the grid came to."""

    seed: int
    metres: float
    seconds: float
    reason: str
    lap_seconds: tuple[float, ...]
    """Of the valid laps."""

    @property
    def passed(self) -> bool:
        """Whether all its laps are valid."""
        return len(self.lap_seconds) >= EXAM.end.laps

    @property
    def rank(self) -> tuple[bool, float]:
        """The higher the better: who passed before who did not, and of those the quickest."""
        return self.passed, -self.seconds if self.passed else self.metres


@dataclass(frozen=True)
class Point:
    """The state of a learner after so many steps."""

    seed: int
    steps: int
    minutes: float
    """Since it began, with starting its cars and all exams."""
    lesson_seconds: float
    """How long the latest lessons lasted, of 60 s at most."""
    metres: float
    """Driven in the exam."""
    seconds: float
    valid_laps: int
    reason: str
    """Why the exam ended."""


def grade(seed: int, samples: Sequence[Sample], metres: float, reason: str) -> Exam:
    """What these samples of a drive came to."""
    times = tuple((lap.time_ms or lap.measured_ms or 0) / 1000 for lap in laps(samples) if lap.valid)
    return Exam(seed, metres, (len(samples) - 1) / TASK.control_hz, reason, times)


def examine(policy: Policy, seed: int) -> Exam:
    """Three laps of a policy, without noise."""
    env: Any = gymnasium.make("telemetry.rl:AssettoCorsa/Demo-v0", specification=EXAM.to_dict())
    observation, info = env.reset(seed=seed)
    samples, metres, over = [env.unwrapped.sample], 0.0, False
    while not over:
        observation, _, terminated, truncated, info = env.step(policy.act(observation))
        samples.append(env.unwrapped.sample)
        metres += info["reward_terms"]["progress"] / EXAM.reward.progress
        over = terminated or truncated
    env.close()
    return grade(seed, samples, metres, info["reason"])


def examine_driver(seed: int) -> Exam:
    """The same three laps of the driver that is built into the demo."""
    with telemetry.open_source("demo", seed=seed) as source:
        driven = telemetry.samples(source, rate=EXAM.control_hz, clock=telemetry.Clock(math.inf))
        first = next(sample for sample in driven if sample.speed_kmh > 1.0)
        memory, _ = begin(EXAM, first)
        samples, metres, reason = [first], 0.0, ""
        while not reason:
            sample = next(driven)
            memory, outcome = advance_recorded(EXAM, memory, sample)
            samples.append(sample)
            metres += outcome.terms["progress"] / EXAM.reward.progress
            reason = outcome.ending.reason
    return grade(seed, samples, metres, reason)


def learn(seed: int, steps: int, minutes: float, cars: int, path: Path) -> list[Point]:
    """Train one learner, keep the policy that did best in its exams, and return its curve.

    It is over after so many control steps of all cars together, or before so many minutes are.
    """
    began, points, best = time.monotonic(), [], None
    torch.set_num_threads(1)  # the networks are small
    with Cars(TASK.to_dict(), cars, processes=2, seed=seed) as fleet:
        learner = Learner(fleet, TASK.action.size, END_COST, seed)
        driven, progress, next_exam = 0, 0.0, FIRST_EXAM
        while progress < 1.0:
            learner.update(progress)
            driven += STEPS * cars
            progress = max(driven / steps, (time.monotonic() - began) / (0.97 * 60.0 * minutes))
            if progress < min(next_exam, 1.0):
                continue
            next_exam += (1.0 - FIRST_EXAM) / EXAMS
            exam = examine(learner.policy, TRIAL)
            if best is None or exam.rank > best.rank:
                best = exam
                save(learner.policy, path)
            lesson = fmean(learner.episode_steps or [0.0]) / TASK.control_hz
            learner.episode_steps.clear()
            elapsed = (time.monotonic() - began) / 60.0
            point = Point(seed, driven, elapsed, lesson, exam.metres, exam.seconds, len(exam.lap_seconds), exam.reason)
            points.append(point)
            print(
                f"seed {seed}: {driven / 1e6:5.2f} million steps, {elapsed:4.2f} min; lessons of {lesson:4.1f} s; from "
                f"the grid {exam.metres:5.0f} m in {exam.seconds:5.1f} s, {point.valid_laps} valid laps, {exam.reason}",
                flush=True,
            )
    return points


def draw(points: Sequence[Point], driver: Exam, path: Path) -> None:
    """Draw the curve of every seed: how far it drove from the grid, and how quickly once it drove it all."""
    mpl.rcParams["svg.hashsalt"] = "learning curve"  # the same points give the same file
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
    for seed in dict.fromkeys(point.seed for point in points):
        own = [point for point in points if point.seed == seed]
        axes[0].plot([point.minutes for point in own], [point.metres / 1000 for point in own], marker=".")
        passed = [point for point in own if point.valid_laps >= EXAM.end.laps]
        seconds = [point.seconds / driver.seconds for point in passed]
        axes[1].plot([point.minutes for point in passed], seconds, marker=".", label=f"seed {seed}")
    axes[0].axhline(driver.metres / 1000, color="grey", linestyle="--")
    axes[1].axhline(1.0, color="grey", linestyle="--", label="built-in driver")
    axes[0].set_title("Three laps from the grid, without noise")
    axes[1].set_title("Where all three are valid")
    axes[1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes[1].set_xlim(axes[0].get_xlim())
    for axis, label in zip(axes, ("km driven", "time, of the built-in driver's"), strict=True):
        axis.set_xlabel("minutes on two cores")
        axis.set_ylabel(label)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("trained"), help="folder for what is learnt (trained)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="one learner for each (0 to 4)")
    parser.add_argument("--minutes", type=float, default=5.0, help="the most that a learner takes (5)")
    parser.add_argument("--steps", type=int, default=5_000_000, help="control steps after which it ends (5000000)")
    parser.add_argument("--cars", type=int, default=2048, help="cars driven at once, in two processes (2048)")
    options = parser.parse_args()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    (out / "spec.json").write_text(TASK.to_json(), encoding="utf-8")
    points: list[Point] = []
    for seed in options.seeds:
        points += learn(seed, options.steps, options.minutes, options.cars, out / f"ppo_{seed}.pt")
        with (out / "curve.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, asdict(points[0]))
            table.writeheader()
            table.writerows(asdict(point) for point in points)
    driver = examine_driver(HELD_OUT)
    results = {"built-in driver": driver}
    for seed in options.seeds:
        results[f"seed {seed}"] = examine(load(out / f"ppo_{seed}.pt"), HELD_OUT)
    draw(points, driver, out / "learning_curve.svg")
    written = json.dumps({name: asdict(exam) for name, exam in results.items()}, indent=2)
    (out / "results.json").write_text(written, encoding="utf-8")
    for name, exam in results.items():
        times = ", ".join(f"{seconds:.2f} s" for seconds in exam.lap_seconds)
        share = f", {exam.seconds / driver.seconds:.3f} of the driver's time" if exam.passed else ""
        print(f"{name}: {len(exam.lap_seconds)} valid laps [{times}]{share}")


if __name__ == "__main__":
    main()
