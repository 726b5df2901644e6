"""Learn to drive the demo's circuit with PPO, for several seeds, and draw what came of it.

    python examples/train_ppo.py --out trained

It needs the extra `gym`, stable-baselines3 and matplotlib: docs/rl.md, "A learner", says how to get them. In the folder
are then a policy for each seed (`ppo_0.zip`), the task it learnt (`spec.json`), `curve.csv`, `results.json` and
`learning_curve.svg`. `examples/drive_policy.py` drives a policy and records it.
"""

import argparse
import csv
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import gymnasium
import matplotlib as mpl
import torch
from matplotlib import pyplot as plt
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import SubprocVecEnv, VecMonitor

import telemetry
from telemetry.derived import Sample
from telemetry.laps import laps
from telemetry.rl import End, Spec, begin, follow_recorded

TASK = Spec(
    control_hz=10,  # so that what a decision was worth shows within a few of them
    end=End(tyres_out=3, no_progress_seconds=4, seconds=40),  # short episodes see more of the circuit
)
EXAM = replace(TASK, end=End(tyres_out=3, laps=2, seconds=400))
"""Two laps from the grid: one with a standing start, one flying."""

HELD_OUT = (10_001, 10_002, 10_003)
"""Seeds of the game that nothing is learnt from; while it learns, the first alone is looked at."""


@dataclass(frozen=True)
class Exam:
    """What a drive from the grid came to."""

    seed: int
    reward: float
    seconds: float
    reason: str
    valid_laps: int
    lap_seconds: tuple[float, ...]
    """Of the valid laps."""


@dataclass(frozen=True)
class Point:
    """The state of a learner after so many steps."""

    seed: int
    steps: int
    minutes: float
    training_return: float
    """Mean of the latest hundred episodes, with the noise that a learner explores with."""
    exam_return: float
    valid_laps: int


def demo(task: Spec, start: str) -> Any:
    """The demo with this task."""
    return gymnasium.make("telemetry.rl:AssettoCorsa/Demo-v0", specification=task.to_dict(), start=start)


def graded(seed: int, reward: float, reason: str, samples: Sequence[Sample]) -> Exam:
    """What these samples of a drive came to."""
    valid = [lap for lap in laps(samples) if lap.valid]
    times = tuple((lap.time_ms or lap.measured_ms or 0) / 1000 for lap in valid)
    return Exam(seed, reward, len(samples) / TASK.control_hz, reason, len(valid), times)


def examined(learner: PPO, seed: int) -> Exam:
    """The exam of what has been learnt, without the noise."""
    env = demo(EXAM, "grid")
    observation, info = env.reset(seed=seed)
    samples, total = [env.unwrapped.sample], 0.0
    over = False
    while not over:
        observation, reward, terminated, truncated, info = env.step(learner.predict(observation, deterministic=True)[0])
        samples.append(env.unwrapped.sample)
        total += reward
        over = terminated or truncated
    return graded(seed, total, info["reason"], samples)


def examined_driver(seed: int) -> Exam:
    """The same exam of the driver that is built into the demo."""
    with telemetry.open_source("demo", seed=seed) as source:
        driven = telemetry.samples(source, rate=TASK.control_hz, clock=telemetry.Clock(math.inf))
        first = next(sample for sample in driven if sample.speed_kmh > 1.0)
        memory, _ = begin(EXAM, first)
        samples, total, reason = [first], 0.0, ""
        while not reason:
            sample = next(driven)
            memory, outcome = follow_recorded(EXAM, memory, sample)
            samples.append(sample)
            total += outcome.reward
            reason = outcome.ending.reason
    return graded(seed, total, reason, samples)


def learn(seed: int, steps: int, envs: int, every: int, model_path: Path) -> list[Point]:
    """Train one learner, keep the policy that did best in its exams, and return its curve."""
    torch.set_num_threads(1)  # the network is small, and the cores belong to the demos
    workers = VecMonitor(SubprocVecEnv([partial(demo, TASK, "anywhere")] * envs))
    learner = PPO(
        "MlpPolicy",
        workers,
        n_steps=512 // envs,
        batch_size=64,
        learning_rate=lambda left: 1e-3 * left,
        gamma=0.98,  # five seconds
        policy_kwargs={"net_arch": [64, 64]},
        seed=seed,
        device="cpu",
    )
    with torch.no_grad():
        # A tenth of the lock is much at speed: try little of it. And begin on the throttle: who stands learns nothing.
        learner.policy.log_std[:] = torch.tensor([-1.5, -0.7])
        learner.policy.action_net.bias[1] = 0.5
    curve: list[Point] = []
    began = time.monotonic()

    def look() -> None:
        exam = examined(learner, HELD_OUT[0])
        if not curve or exam.reward > max(point.exam_return for point in curve):
            learner.save(model_path)
        episodes = [episode["r"] for episode in learner.ep_info_buffer or ()]
        minutes = (time.monotonic() - began) / 60
        mean = fmean(episodes) if episodes else math.nan
        curve.append(Point(seed, learner.num_timesteps, minutes, mean, exam.reward, exam.valid_laps))
        print(
            f"seed {seed}: {learner.num_timesteps:7} steps, {minutes:4.1f} min, training return {mean:6.1f}, "
            f"from the grid {exam.reward:6.1f} in {exam.seconds:5.1f} s, {exam.valid_laps} valid laps ({exam.reason})",
            flush=True,
        )

    def now_and_then(_local: dict[str, Any], _global: dict[str, Any]) -> bool:
        if learner.num_timesteps >= len(curve) * every:
            look()
        return True

    look()
    learner.learn(steps, callback=now_and_then)
    look()
    workers.close()
    return curve


def draw(points: Sequence[Point], driver: float, path: Path) -> None:
    """Draw the curve of every seed: how it drove from the grid, and what its training brought."""
    mpl.rcParams["svg.hashsalt"] = "learning curve"  # the same points give the same file
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for seed in dict.fromkeys(point.seed for point in points):
        own = [point for point in points if point.seed == seed]
        steps = [point.steps / 1000 for point in own]
        axes[0].plot(steps, [point.exam_return for point in own], marker=".", label=f"seed {seed}")
        axes[1].plot(steps, [point.training_return for point in own], marker=".")
    axes[0].axhline(driver, color="grey", linestyle="--", label="built-in driver")
    axes[0].set_title("Two laps from the grid, without noise")
    axes[1].set_title("Training: 40 s from anywhere, with noise")
    axes[0].legend(frameon=False)
    for axis in axes:
        axis.set_xlabel("thousand control steps")
        axis.set_ylabel("return")
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("trained"), help="folder for what is learnt (trained)")
    parser.add_argument("--steps", type=int, default=150_000, help="control steps for each seed (150000)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="one learner for each (0 1 2)")
    parser.add_argument("--envs", type=int, default=4, help="demos driven at once, a process each (4)")
    options = parser.parse_args()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    (out / "spec.json").write_text(TASK.to_json(), encoding="utf-8")
    every = max(options.steps // 12, 1)
    points: list[Point] = []
    for seed in options.seeds:
        points += learn(seed, options.steps, options.envs, every, out / f"ppo_{seed}.zip")
        with (out / "curve.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, asdict(points[0]))
            table.writeheader()
            table.writerows(asdict(point) for point in points)
    driver = [examined_driver(seed) for seed in HELD_OUT]
    results: dict[str, list[Exam]] = {"built-in driver": driver}
    for seed in options.seeds:
        learner = PPO.load(out / f"ppo_{seed}.zip", device="cpu")
        results[f"seed {seed}"] = [examined(learner, held_out) for held_out in HELD_OUT]
    draw(points, fmean(exam.reward for exam in driver), out / "learning_curve.svg")
    (out / "results.json").write_text(
        json.dumps({name: [asdict(exam) for exam in exams] for name, exams in results.items()}, indent=2),
        encoding="utf-8",
    )
    for name, exams in results.items():
        times = [seconds for exam in exams for seconds in exam.lap_seconds]
        best = f", best lap {min(times):.2f} s" if times else ""
        valid = sum(exam.valid_laps for exam in exams)
        print(f"{name}: return {fmean(exam.reward for exam in exams):.1f}, {valid} of {2 * len(exams)} laps{best}")


if __name__ == "__main__":
    main()
