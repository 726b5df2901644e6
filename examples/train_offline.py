"""Learn to drive from a dataset alone, by cloning the driver (`bc`) or by IQL, and let the policy lap the demo.

    python examples/demo_drives.py drives
    python main.py dataset minari drives -o datasets --name demo/driver --episode session
    python examples/train_offline.py datasets demo/driver-v0 --out offline

The learner sees nothing but the dataset; what it has learnt then drives three laps from the grid, into a recording. It
needs the extra `minari` and PyTorch: docs/rl.md, "Learning from recordings".
"""

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import minari
import numpy as np
import torch
from torch import nn

from telemetry.laps.detector import laps
from telemetry.rl import End, Spec

EXAM = End(tyres_out=3, laps=3, seconds=400)
"""Three laps from the grid; three tyres off the road end them."""
BATCH = 512
DISCOUNT = 0.99
"""A decision is worth what it earns in the next four seconds."""
EXPECTILE, SHARPNESS, MAX_WEIGHT = 0.7, 0.25, 2.0
"""IQL: how optimistic the value is, and how much more a good action is copied than a bad one."""
TARGET_RATE = 0.005
"""Share of the newest critic that its target takes over in each step."""


class Steps(NamedTuple):
    """All steps of a dataset, one row each."""

    before: torch.Tensor
    action: torch.Tensor
    reward: torch.Tensor
    after: torch.Tensor
    goes_on: torch.Tensor
    """0 where the step ended the task, else 1: the end of a lap is no end of the drive."""

    def batches(self, count: int, seed: int) -> Iterator["Steps"]:
        """So many random batches."""
        random = torch.Generator().manual_seed(seed)
        for _ in range(count):
            rows = torch.randint(len(self.before), (BATCH,), generator=random)
            yield Steps(*(values[rows] for values in self))


@dataclass(frozen=True)
class Exam:
    """What a policy drove from the grid."""

    seed: int
    valid_laps: int
    lap_seconds: tuple[float, ...]
    seconds: float
    reason: str
    """Why the drive ended: `laps` where it drove all of them on the road."""


class Policy(nn.Module):  # type: ignore[misc]  # its library is not where types are checked
    """Actions of scaled observations."""

    def __init__(self, steps: Steps) -> None:
        super().__init__()
        self.mean = nn.Parameter(steps.before.mean(0), requires_grad=False)
        self.scale = nn.Parameter(steps.before.std(0) + 1e-3, requires_grad=False)
        self.spread = nn.Parameter(steps.action.std(0), requires_grad=False)
        self.net = network(steps.before.shape[1], steps.action.shape[1])

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """The action of each row."""
        return self.net((observations - self.mean) / self.scale) * self.spread

    def losses(self, steps: Steps) -> torch.Tensor:
        """How far each action is from that of the drives; pushes count no more than in proportion."""
        wrong = (self(steps.before) - steps.action) / self.spread
        return nn.functional.smooth_l1_loss(wrong, torch.zeros_like(wrong), beta=0.3, reduction="none").mean(1)


def network(inputs: int, outputs: int) -> nn.Sequential:
    """Two layers of 256."""
    return nn.Sequential(nn.Linear(inputs, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, outputs))


class Critic:
    """Implicit Q-learning's judgement of the actions of a dataset: how much better than the driver's usual ones."""

    def __init__(self, policy: Policy, steps: Steps) -> None:
        inputs = steps.before.shape[1]
        self._scale, self._reward_scale = policy, float(steps.reward.std()) + 1e-6
        self._value = network(inputs, 1)
        self._actions = nn.ModuleList(network(inputs + steps.action.shape[1], 1) for _ in range(2))
        self._target = nn.ModuleList(network(inputs + steps.action.shape[1], 1) for _ in range(2))
        self._target.load_state_dict(self._actions.state_dict())
        learnt = [*self._value.parameters(), *self._actions.parameters()]
        self._optimizer = torch.optim.Adam(learnt, 3e-4)

    def learn(self, steps: Steps) -> torch.Tensor:
        """Learn from a batch, and return by how much to weigh its actions."""
        before, after = self._scaled(steps.before), self._scaled(steps.after)
        pairs = torch.cat([before, steps.action / self._scale.spread], 1)
        with torch.no_grad():
            judged = torch.minimum(*(one(pairs) for one in self._target)).squeeze(1)
            earned = steps.reward / self._reward_scale + DISCOUNT * steps.goes_on * self._value(after).squeeze(1)
        advantage = judged - self._value(before).squeeze(1)
        share = torch.where(advantage > 0.0, EXPECTILE, 1.0 - EXPECTILE)
        loss = (share * advantage**2).mean() + sum(
            ((one(pairs).squeeze(1) - earned) ** 2).mean() for one in self._actions
        )
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        with torch.no_grad():
            for target, newest in zip(self._target.parameters(), self._actions.parameters(), strict=True):
                target.lerp_(newest, TARGET_RATE)
            return torch.exp(SHARPNESS * advantage / (advantage.std() + 1e-6)).clamp(max=MAX_WEIGHT)

    def _scaled(self, observations: torch.Tensor) -> torch.Tensor:
        return (observations - self._scale.mean) / self._scale.scale


def load_steps(dataset: Any) -> Steps:
    """The steps of a Minari dataset; each episode has one observation more than it has actions."""
    episodes = list(dataset.iterate_episodes())
    arrays = (
        np.concatenate([one.observations[:-1] for one in episodes]),
        np.concatenate([one.actions for one in episodes]),
        np.concatenate([one.rewards for one in episodes]),
        np.concatenate([one.observations[1:] for one in episodes]),
        ~np.concatenate([one.terminations for one in episodes]),
    )
    return Steps(*(torch.tensor(array, dtype=torch.float32) for array in arrays))


def learn(steps: Steps, learner: str, count: int, seed: int) -> Policy:
    """Copy what the driver did, all alike (`bc`) or the better the more (`iql`)."""
    torch.manual_seed(seed)
    policy = Policy(steps)
    critic = Critic(policy, steps) if learner == "iql" else None
    optimizer = torch.optim.Adam(policy.net.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, count)
    for batch in steps.batches(count, seed):
        weights = critic.learn(batch) if critic else torch.ones(BATCH)
        loss = (weights * policy.losses(batch)).sum() / weights.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return policy


def examine(policy: Policy, spec: Spec, seed: int, record: Path | None = None) -> Exam:
    """Let a policy drive from the grid."""
    env: Any = gymnasium.make(
        "telemetry.rl:AssettoCorsa/Demo-v0",
        specification=replace(spec, end=EXAM).to_dict(),
        record=record,
        policy=record.stem if record else "",
    )
    observation, info = env.reset(seed=seed)
    samples, over = [env.unwrapped.sample], False
    while not over:
        with torch.no_grad():
            action = policy(torch.from_numpy(observation)).clamp(-1.0, 1.0).numpy()
        observation, _, terminated, truncated, info = env.step(action)
        samples.append(env.unwrapped.sample)
        over = terminated or truncated
    env.close()
    times = [(lap.time_ms or lap.measured_ms or 0) / 1000 for lap in laps(samples) if lap.valid]
    return Exam(seed, len(times), tuple(times), (len(samples) - 1) / spec.control_hz, info["reason"])


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="the folder of all datasets, as `dataset minari -o` has it")
    parser.add_argument("dataset", help="the dataset's id, such as demo/driver-v0")
    parser.add_argument("--out", type=Path, default=Path("offline"), help="folder for what is learnt (offline)")
    parser.add_argument("--learner", choices=("bc", "iql"), default="bc", help="how to learn (bc)")
    parser.add_argument("--steps", type=int, default=8000, help="steps of the optimizer (8000)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="one learner for each")
    options = parser.parse_args()
    torch.set_num_threads(1)
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    os.environ["MINARI_DATASETS_PATH"] = str(options.root.absolute())
    dataset = minari.load_dataset(options.dataset)
    spec = dataset.recover_environment().unwrapped.specification
    steps = load_steps(dataset)
    print(f"{len(steps.before):,} steps of {dataset.total_episodes} episodes")
    exams = []
    for seed in options.seeds:
        policy = learn(steps, options.learner, options.steps, seed)
        exam = examine(policy, spec, 10_001 + seed, out / f"{options.learner}_{seed}.mcap")
        torch.save(policy.state_dict(), out / f"{options.learner}_{seed}.pt")
        exams.append(exam)
        times = ", ".join(f"{lap:.2f} s" for lap in exam.lap_seconds)
        print(
            f"seed {seed}: {exam.valid_laps} valid laps [{times}], ended after {exam.seconds:.0f} s: {exam.reason}",
            flush=True,
        )
    results = json.dumps([asdict(exam) for exam in exams], indent=2)
    (out / f"{options.learner}.json").write_text(results, encoding="utf-8")


if __name__ == "__main__":
    main()
