"""Learn to drive the demo's circuit with PPO, for several seeds, and draw what came of it.

    python examples/train_ppo.py --out trained

It needs the extra `gym`, stable-baselines3 and matplotlib: docs/rl.md, "A learner", says how to get them. In the folder
are then a policy for each seed (`ppo_0.zip`, and `ppo_0.pkl` with the scales of what it observes), the task it learnt
(`spec.json`), `curve.csv`, `results.json` and `learning_curve.svg`. `examples/drive_policy.py` drives a policy and
records it.
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
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecMonitor, VecNormalize

import telemetry
from telemetry.fields.derived import Sample
from telemetry.laps.detector import laps
from telemetry.rl import End, Spec, advance_recorded, as_spec, begin

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
        "end": {"tyres_out": 3, "no_progress_seconds": 4, "seconds": 60},  # short lessons see more of the circuit
    }
)
EXAM = replace(TASK, end=End(tyres_out=3, laps=2, seconds=500))
"""Two laps from the grid: one with a standing start, one flying."""

TRIAL = 10_000
"""The seed of the game by which the best of a learner's policies is chosen."""

HELD_OUT = (10_001, 10_002, 10_003)
"""Seeds of the game that nothing was learnt from, or chosen by."""

FIRST_PACE, PACE_STEP = 15.0, 0.5
"""Metres per second that a learner is paid for at first, and by how much more whenever it keeps them."""

KEPT = 0.7
"""Share of the longest possible lesson that the latest hundred lasted on average when a pace is kept."""

LOOKS = 24
"""How often a learner is examined."""


class Paced(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Pays for progress up to a pace and takes as much for what is beyond it.

    Who is paid for speed alone learns to go flat out into the first bend, long before it learns what braking is worth.
    """

    pace = FIRST_PACE

    def set_pace(self, pace: float) -> None:
        """Pay for up to so many metres per second."""
        self.pace = pace

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One step of the demo."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        beyond = info["reward_terms"]["progress"] - TASK.reward.progress * self.pace / TASK.control_hz
        return observation, float(reward) - 2.0 * max(beyond, 0.0), terminated, truncated, info


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

    @property
    def passed(self) -> bool:
        """Whether all its laps are valid."""
        return self.valid_laps >= EXAM.end.laps

    @property
    def rank(self) -> tuple[bool, float]:
        """The higher the better: who passed before who did not, and of those the quickest."""
        return self.passed, -self.seconds if self.passed else self.reward


@dataclass(frozen=True)
class Point:
    """The state of a learner after so many steps."""

    seed: int
    steps: int
    minutes: float
    pace: float
    """Metres per second that it is paid for."""
    exam_return: float
    exam_seconds: float
    valid_laps: int
    reason: str
    """Why the exam ended."""


def demo(task: Spec, start: str) -> Any:
    """The demo with this task."""
    return gymnasium.make("telemetry.rl:AssettoCorsa/Demo-v0", specification=task.to_dict(), start=start)


def lesson(start: str) -> Any:
    """What a learner learns from."""
    return Paced(demo(TASK, start))


def graded(seed: int, reward: float, reason: str, samples: Sequence[Sample]) -> Exam:
    """What these samples of a drive came to."""
    valid = [lap for lap in laps(samples) if lap.valid]
    times = tuple((lap.time_ms or lap.measured_ms or 0) / 1000 for lap in valid)
    return Exam(seed, reward, len(samples) / TASK.control_hz, reason, len(valid), times)


def examined(learner: PPO, scales: VecNormalize, seed: int) -> Exam:
    """The exam of what has been learnt, without the noise."""
    env = demo(EXAM, "grid")
    observation, info = env.reset(seed=seed)
    samples, total = [env.unwrapped.sample], 0.0
    over = False
    while not over:
        action, _ = learner.predict(scales.normalize_obs(observation), deterministic=True)
        observation, reward, terminated, truncated, info = env.step(action)
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
            memory, outcome = advance_recorded(EXAM, memory, sample)
            samples.append(sample)
            total += outcome.reward
            reason = outcome.ending.reason
    return graded(seed, total, reason, samples)


class Coach(BaseCallback):  # type: ignore[misc]  # its library is not where types are checked
    """Looks at the policy now and then and keeps the best.

    It raises the pace while lessons last, and takes it back to that of the last exam passed where one is not passed any
    more.
    """

    def __init__(self, seed: int, scales: VecNormalize, every: int, path: Path) -> None:
        super().__init__()
        self.curve: list[Point] = []
        self._seed, self._scales, self._every, self._path = seed, scales, every, path
        self._best: Exam | None = None
        self._pace, self._passed_pace = FIRST_PACE, math.inf
        self._began = time.monotonic()

    def _on_training_start(self) -> None:
        self.look()

    def _on_step(self) -> bool:
        if self.num_timesteps >= len(self.curve) * self._every:
            self.look()
        return True

    def _on_rollout_end(self) -> None:
        lasted = fmean([episode["l"] for episode in self.model.ep_info_buffer or ()] or [0]) / TASK.control_hz
        if lasted > KEPT * TASK.end.seconds:
            self._set_pace(self._pace + PACE_STEP)

    def _set_pace(self, pace: float) -> None:
        self._pace = pace
        self._scales.env_method("set_pace", pace)

    def look(self) -> None:
        """Have the policy drive from the grid, and keep it if none was better."""
        exam = examined(self.model, self._scales, TRIAL)
        if self._best is None or exam.rank > self._best.rank:
            self._best = exam
            self.model.save(self._path)
            self._scales.save(self._path.with_suffix(".pkl"))
        minutes = (time.monotonic() - self._began) / 60
        point = Point(
            self._seed, self.num_timesteps, minutes, self._pace, exam.reward, exam.seconds, exam.valid_laps, exam.reason
        )
        self.curve.append(point)
        print(
            f"seed {point.seed}: {point.steps:7} steps, {minutes:4.1f} min, paid for {point.pace:4.1f} m/s; from the "
            f"grid {point.exam_return:6.1f} in {point.exam_seconds:5.1f} s, {point.valid_laps} valid laps, "
            f"{point.reason}",
            flush=True,
        )
        if exam.passed:
            self._passed_pace = self._pace
        else:
            self._set_pace(min(self._pace, self._passed_pace))


def learn(seed: int, steps: int, envs: int, every: int, path: Path) -> list[Point]:
    """Train one learner, keep the policy that did best in its exams, and return its curve."""
    torch.set_num_threads(1)  # the network is small, and the cores belong to the demos
    starts = ["grid" if index % 2 else "anywhere" for index in range(envs)]
    gamma = 0.98  # five seconds
    scales = VecNormalize(VecMonitor(SubprocVecEnv([partial(lesson, start) for start in starts])), gamma=gamma)
    learner = PPO(
        "MlpPolicy",
        scales,
        n_steps=min(2048, steps) // envs,
        batch_size=256,
        learning_rate=lambda left: 5e-4 * max(left, 0.1),
        gamma=gamma,
        policy_kwargs={"net_arch": [128, 128], "log_std_init": -1.0},
        seed=seed,
        device="cpu",
    )
    with torch.no_grad():
        learner.policy.action_net.bias[1] = 0.5  # on the throttle: who stands learns nothing
    coach = Coach(seed, scales, every, path)
    learner.learn(steps, callback=coach)
    coach.look()
    scales.close()
    return coach.curve


def load(path: Path) -> tuple[PPO, VecNormalize]:
    """A policy and the scales of what it observes."""
    scales = VecNormalize.load(str(path.with_suffix(".pkl")), DummyVecEnv([partial(demo, TASK, "grid")]))
    return PPO.load(path, device="cpu"), scales


def draw(points: Sequence[Point], driver: Sequence[Exam], path: Path) -> None:
    """Draw the curve of every seed: how far it drove from the grid, and how quickly once it drove it all."""
    mpl.rcParams["svg.hashsalt"] = "learning curve"  # the same points give the same file
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    wanted = EXAM.end.laps
    for seed in dict.fromkeys(point.seed for point in points):
        own = [point for point in points if point.seed == seed]
        axes[0].plot([point.steps / 1000 for point in own], [point.exam_return for point in own], marker=".")
        passed = [point for point in own if point.valid_laps >= wanted]
        steps, seconds = [point.steps / 1000 for point in passed], [point.exam_seconds / wanted for point in passed]
        axes[1].plot(steps, seconds, marker=".", label=f"seed {seed}")
    axes[0].axhline(fmean(exam.reward for exam in driver), color="grey", linestyle="--")
    axes[1].axhline(
        fmean(exam.seconds for exam in driver) / wanted, color="grey", linestyle="--", label="built-in driver"
    )
    axes[0].set_title("Two laps from the grid, without noise")
    axes[1].set_title("Where both laps are valid")
    axes[1].legend(frameon=False)
    axes[1].set_xlim(axes[0].get_xlim())
    for axis, label in zip(axes, ("return", "seconds a lap"), strict=True):
        axis.set_xlabel("thousand control steps")
        axis.set_ylabel(label)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("trained"), help="folder for what is learnt (trained)")
    parser.add_argument("--steps", type=int, default=150_000, help="control steps for each seed (150000)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="one learner for each (0 1 2)")
    parser.add_argument("--envs", type=int, default=8, help="demos driven at once, a process each (8)")
    options = parser.parse_args()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    (out / "spec.json").write_text(TASK.to_json(), encoding="utf-8")
    every = max(options.steps // LOOKS, 1)
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
        learner, scales = load(out / f"ppo_{seed}.zip")
        results[f"seed {seed}"] = [examined(learner, scales, held_out) for held_out in HELD_OUT]
    draw(points, driver, out / "learning_curve.svg")
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
