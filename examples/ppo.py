"""Proximal policy optimisation (PPO) for thousands of demo cars at once; `train_ppo.py` uses it.

Two processes step a batch of cars each, and this one learns. The policy and the scales of what it observes are one
module, which `load` reads back.
"""

import math
import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import nn

STEPS = 16
"""Control steps of each car between two updates of the policy."""
EPOCHS, BATCH = 5, 4096
"""How often an update goes through its steps, and how many it takes at once."""
DISCOUNT, TRACE = 0.99, 0.95
"""What a reward is worth a step earlier, and how far the advantage looks ahead (lambda)."""
CLIP, CHANGE = 0.2, 0.01
"""How far an action's probability may move in an update, and how much the policy should change (KL divergence)."""
LEARNING_RATES = (1e-4, 1e-3, 1e-2)
"""The lowest, the first and the highest."""
EASE = 0.25
"""Share of the training at its end in which the learning rate falls to nothing."""


class Policy(nn.Module):  # type: ignore[misc]  # its library is not where types are checked
    """Actions and their worth, of observations as the environment gives them.

    The mean of an action is kept within -1..1: beyond it, noise would not change what the car does, and a foot on the
    throttle would never find the brake.
    """

    mean: torch.Tensor
    variance: torch.Tensor
    count: torch.Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("variance", torch.ones(inputs))
        self.register_buffer("count", torch.tensor(1e-4, dtype=torch.float64))
        self.actor = nn.Sequential(*_layers(inputs, outputs), nn.Tanh())
        self.critic = nn.Sequential(*_layers(inputs, 1))
        self.log_spread = nn.Parameter(torch.full((outputs,), -0.7))
        with torch.no_grad():
            self.actor[-2].weight.mul_(0.01)
            self.actor[-2].bias[1] = 0.5  # on the throttle: who stands learns nothing

    def scaled(self, observations: torch.Tensor) -> torch.Tensor:
        """Observations with a mean of 0 and a variance of 1."""
        return ((observations - self.mean) / torch.sqrt(self.variance + 1e-8)).clamp(-8.0, 8.0)

    def watch(self, observations: torch.Tensor) -> None:
        """Take more observations into the scales."""
        count = len(observations)
        total = self.count + count
        variance, mean = torch.var_mean(observations, 0, correction=0)
        apart, share = mean - self.mean, count / total
        self.variance += (variance - self.variance) * share + apart**2 * share * (1.0 - share)
        self.mean += apart * share
        self.count.fill_(total)

    def act(self, observation: np.ndarray) -> np.ndarray:
        """What to do, (axes,) or (cars, axes), without noise."""
        with torch.no_grad():
            actions: np.ndarray = self.actor(self.scaled(torch.from_numpy(observation))).numpy()
        return actions


def _layers(inputs: int, outputs: int) -> list[nn.Module]:
    """Two hidden layers of 64."""
    layers: list[nn.Module] = []
    for one, other in ((inputs, 64), (64, 64), (64, outputs)):
        linear = nn.Linear(one, other)
        nn.init.orthogonal_(linear.weight, math.sqrt(2.0))
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.Tanh()]
    return layers[:-1]


def save(policy: Policy, path: Path) -> None:
    """Write a policy with its scales to a file, `*.pt`."""
    torch.save(policy.state_dict(), path)


def load(path: Path) -> Policy:
    """A policy that was saved."""
    state = torch.load(path, weights_only=True)
    policy = Policy(len(state["mean"]), len(state["log_spread"]))
    policy.load_state_dict(state)
    return policy


class Seen(NamedTuple):
    """What a control step of all cars came to; episodes that ended have begun anew."""

    observations: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    last: np.ndarray
    """The last observations of the episodes that ended, in the order of their cars."""


class Cars:
    """Batches of demo cars, each in a process of its own. Use it in a `with` statement."""

    def __init__(self, task: dict[str, Any], cars: int, processes: int, seed: int) -> None:
        self._workers: list[Any] = []
        self._pipes: list[Connection] = []
        self.count = cars
        context = multiprocessing.get_context("spawn")
        self._sizes = [len(part) for part in np.array_split(np.arange(cars), processes)]
        for number, size in enumerate(self._sizes):
            here, there = context.Pipe()
            worker = context.Process(
                target=_step_cars, args=(there, task, size, 10_000 * seed + number * cars), daemon=True
            )
            worker.start()
            self._workers.append(worker)
            self._pipes.append(here)
        self.observations = np.concatenate([pipe.recv() for pipe in self._pipes])

    def step(self, actions: np.ndarray) -> Seen:
        """Drive all cars for a control step."""
        for pipe, own in zip(self._pipes, np.split(actions, np.cumsum(self._sizes)[:-1]), strict=True):
            pipe.send(own)
        parts: Sequence[Seen] = [pipe.recv() for pipe in self._pipes]
        seen = Seen(*map(np.concatenate, zip(*parts, strict=True)))
        self.observations = seen.observations
        return seen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.send(None)
        for worker in self._workers:
            worker.join()


def _step_cars(pipe: Connection, task: dict[str, Any], cars: int, seed: int) -> None:
    """The process of a batch of cars: answer actions with what came of them, until there are none."""
    from telemetry.rl.vector.env import DriveVectorEnv  # noqa: PLC0415 - in its own process alone

    env = DriveVectorEnv(cars, specification=task, start="flying", autoreset_mode="SameStep")
    observations, _ = env.reset(seed=seed)
    nothing = observations[:0]
    pipe.send(observations)
    while (actions := pipe.recv()) is not None:
        observations, rewards, terminated, truncated, infos = env.step(actions)
        ended = terminated | truncated
        last = np.stack(infos["final_obs"][ended].tolist()) if ended.any() else nothing
        pipe.send(Seen(observations, rewards, terminated, truncated, last))


class Rollout(NamedTuple):
    """Some control steps of all cars, one row for each step of each car."""

    observations: torch.Tensor
    actions: torch.Tensor
    log_probabilities: torch.Tensor
    advantages: torch.Tensor
    returns: torch.Tensor


class Learner:
    """PPO with a policy, the cars it drives, and what it costs to leave the road."""

    def __init__(self, cars: Cars, axes: int, end_cost: float, seed: int) -> None:
        torch.manual_seed(seed)
        self.policy = Policy(cars.observations.shape[1], axes)
        self.policy.watch(torch.from_numpy(cars.observations))
        self.episode_steps: list[float] = []
        """How long the episodes were that ended since this was emptied."""
        self._cars, self._end_cost = cars, end_cost
        self._optimizer = torch.optim.Adam(self.policy.parameters(), eps=1e-5)
        self._rate = LEARNING_RATES[1]
        self._returns, self._ages = np.zeros(cars.count), np.zeros(cars.count)
        self._squares = self._returns_seen = 1e-4

    def update(self, progress: float) -> None:
        """Drive, and learn from it; `progress` is how much of the training is over, 0..1."""
        with torch.no_grad():
            rollout, observed = self._drive()
        self._learn(rollout, self._rate * min(1.0, (1.0 - progress) / EASE))
        self.policy.watch(observed)

    def _drive(self) -> tuple[Rollout, torch.Tensor]:
        """Let all cars drive with noise; return what they did, and all observations as they were."""
        policy, spread = self.policy, torch.exp(self.policy.log_spread)
        observations, actions, likely, values = [], [], [], []
        rewards, ends, observed = [], [], []
        for _ in range(STEPS):
            seen = torch.from_numpy(self._cars.observations)
            scaled = policy.scaled(seen)
            means = policy.actor(scaled)
            chosen = means + spread * torch.randn(means.shape)
            values.append(policy.critic(scaled)[:, 0])
            step = self._cars.step(chosen.numpy().clip(-1.0, 1.0))
            over = step.terminated | step.truncated
            reward = torch.from_numpy(self._scaled_rewards(step, over))
            if over.any():  # what a truncated episode would have gone on to earn
                worth = torch.zeros(len(over))
                worth[torch.from_numpy(over)] = policy.critic(policy.scaled(torch.from_numpy(step.last)))[:, 0]
                reward += DISCOUNT * worth * torch.from_numpy(step.truncated)
            observations.append(scaled)
            actions.append(chosen)
            likely.append(_log_probability(chosen, means, policy.log_spread))
            rewards.append(reward)
            ends.append(torch.from_numpy(over).float())
            observed.append(seen)
        values.append(policy.critic(policy.scaled(torch.from_numpy(self._cars.observations)))[:, 0])
        advantages = _advantages(rewards, ends, values)
        returns = advantages + torch.stack(values[:-1])
        rollout = Rollout(
            torch.cat(observations), torch.cat(actions), torch.cat(likely), advantages.flatten(), returns.flatten()
        )
        return rollout, torch.cat(observed)

    def _scaled_rewards(self, step: Seen, over: np.ndarray) -> np.ndarray:
        """Rewards, less what a terminated episode costs, in units of the spread of returns."""
        rewards = step.rewards - self._end_cost * step.terminated
        self._returns = self._returns * DISCOUNT + rewards
        self._squares += float(((self._returns - self._returns.mean()) ** 2).sum())
        self._returns_seen += len(rewards)
        self._returns[over] = 0.0
        self._ages += 1.0
        self.episode_steps += self._ages[over].tolist()
        self._ages[over] = 0.0
        scaled: np.ndarray = (rewards / math.sqrt(self._squares / self._returns_seen)).astype(np.float32)
        return scaled

    def _learn(self, rollout: Rollout, rate: float) -> None:
        """Update the policy, and choose the learning rate of the next update by how much this one changed it."""
        policy = self.policy
        self._optimizer.param_groups[0]["lr"] = max(rate, 1e-6)
        changes = []
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(rollout.returns)).split(BATCH):
                scaled = rollout.observations[rows]
                likely = _log_probability(rollout.actions[rows], policy.actor(scaled), policy.log_spread)
                logs = likely - rollout.log_probabilities[rows]
                ratio = torch.exp(logs)
                gain = rollout.advantages[rows]
                gain = (gain - gain.mean()) / (gain.std() + 1e-8)
                better = torch.minimum(ratio * gain, ratio.clamp(1.0 - CLIP, 1.0 + CLIP) * gain).mean()
                wrong = ((policy.critic(scaled)[:, 0] - rollout.returns[rows]) ** 2).mean()
                self._optimizer.zero_grad()
                (0.5 * wrong - better).backward()
                nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
                self._optimizer.step()
                changes.append(float((ratio - 1.0 - logs).detach().mean()))
        change = sum(changes) / len(changes)
        lowest, _, highest = LEARNING_RATES
        if change > 2.0 * CHANGE:
            self._rate = max(self._rate / 1.5, lowest)
        elif change < 0.5 * CHANGE:
            self._rate = min(self._rate * 1.5, highest)


def _log_probability(actions: torch.Tensor, means: torch.Tensor, log_spread: torch.Tensor) -> torch.Tensor:
    """Of each row of actions under normal distributions, apart from a constant."""
    return (-0.5 * ((actions - means) / torch.exp(log_spread)) ** 2 - log_spread).sum(1)


def _advantages(
    rewards: Sequence[torch.Tensor], ends: Sequence[torch.Tensor], values: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Generalised advantage estimates, (steps, cars)."""
    ahead = torch.zeros_like(values[0])
    found = []
    for step in reversed(range(len(rewards))):
        goes_on = 1.0 - ends[step]
        surprise = rewards[step] + DISCOUNT * goes_on * values[step + 1] - values[step]
        ahead = surprise + DISCOUNT * TRACE * goes_on * ahead
        found.append(ahead)
    return torch.stack(found[::-1])
