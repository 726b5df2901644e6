"""Learners' loops over many cars: no step that was driven is lost, and none counts twice."""

import re
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.conftest import REPOSITORY

gymnasium = pytest.importorskip("gymnasium", reason="The environment needs gymnasium, an extra.")

from telemetry.rl.env import DriveEnv  # noqa: E402
from telemetry.rl.vector.env import DriveVectorEnv  # noqa: E402

HAS_MODES = hasattr(gymnasium.vector, "AutoresetMode")
OPTIONS: dict[str, Any] = {
    "specification": {"end": {"seconds": 1, "no_progress_seconds": 0.8, "no_progress_metres": 0.1}},
    "start": "anywhere",
}
STEPS = 60
PEDALS = (1.0, 0.8, -1.0)  # the last car stands, which ends its episodes


def recipe(first: str, name: str) -> Any:
    """What the documentation's block of Python that begins with this defines by this name."""
    text = (REPOSITORY / "docs" / "rl.md").read_text("utf-8")
    (block,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if block.startswith(first)]
    names: dict[str, Any] = {}
    exec(block, names)
    return names[name]


def actions_of(observations: Any, pedal: Any) -> Any:
    """Actions that depend on what is observed, by the same arithmetic for one car and for many."""
    return np.stack([observations[:, 1], pedal - observations[:, 0]], axis=1).astype(np.float32)


@cache
def alone(seed: int, pedal: float) -> list[tuple[Any, ...]]:
    """The first steps of a car that drives alone: observation, action, reward, observation after, and both ends."""
    env: Any = DriveEnv(**OPTIONS)
    rows: list[tuple[Any, ...]] = []
    observation, _ = env.reset(seed=seed)
    for _ in range(STEPS):
        action = actions_of(observation[np.newaxis], pedal)[0]
        following, reward, terminated, truncated, _ = env.step(action)
        rows.append((observation, action, reward, following, terminated, truncated))
        observation = env.reset()[0] if terminated or truncated else following
    return rows


def assert_same_steps(ones: list[tuple[Any, ...]], others: list[tuple[Any, ...]]) -> None:
    assert len(ones) == len(others)
    for step, (one, other) in enumerate(zip(ones, others, strict=True)):
        assert [np.array_equal(value, same) for value, same in zip(one, other, strict=True)] == [True] * 6, step


@pytest.mark.skipif(not HAS_MODES, reason="Gymnasium before 1.1 has one mode only.")
@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_the_loop_of_the_documentation_has_each_step_that_was_driven_once(mode: str) -> None:
    transitions = recipe("import numpy as np\nfrom gymnasium.vector import AutoresetMode\n", "transitions")
    envs, pedals = DriveVectorEnv(3, autoreset_mode=mode, **OPTIONS), np.array(PEDALS, np.float32)
    rows = list(transitions(envs, lambda observations: actions_of(observations, pedals), STEPS, seed=7))
    for car, pedal in enumerate(PEDALS):
        own = [step for of, *step in rows if of == car]
        ends = [terminated or truncated for *_, terminated, truncated in own]
        assert sum(ends[:-1]) >= 2
        assert len(own) == STEPS - (sum(ends[:-1]) if mode == "NextStep" else 0)
        assert_same_steps([tuple(step) for step in own], alone(7 + car, np.float32(pedal))[: len(own)])
    assert {(bool(terminated), bool(truncated)) for *_, terminated, truncated in rows} >= {(True, False), (False, True)}


@pytest.mark.heavy
@pytest.mark.skipif(not HAS_MODES, reason="TorchRL needs Gymnasium 1.1.")
@pytest.mark.filterwarnings("default")  # its own
def test_torchrl_collects_what_the_cars_drove() -> None:
    from torchrl.collectors import Collector
    from torchrl.envs import GymWrapper

    envs = Kept(3, autoreset_mode="Disabled", **OPTIONS)
    (batch,) = Collector(GymWrapper(envs), None, frames_per_batch=3 * STEPS, total_frames=3 * STEPS)
    following = batch["next"]
    columns = (batch["observation"], batch["action"], following["reward"][..., 0], following["observation"])
    ends = (following["terminated"][..., 0], following["truncated"][..., 0])
    for car in range(3):
        steps = zip(*(column[car].numpy() for column in (*columns, *ends)), strict=True)
        own = [
            (before[car], actions[car], np.float32(rewards[car]), after[car], terminated[car], truncated[car])
            for before, actions, rewards, after, terminated, truncated in envs.kept
        ]
        assert_same_steps(list(steps), own)
    assert int(following["done"].sum()) >= 6
    with pytest.raises(RuntimeError, match="auto-reset mode must be one of SAME_STEP or DISABLED"):
        GymWrapper(DriveVectorEnv(3, **OPTIONS))


@pytest.mark.heavy
@pytest.mark.filterwarnings("default")  # its own
def test_skrl_learns_from_what_the_cars_drove() -> None:
    from skrl.agents.torch.ppo import PPO, PPO_CFG
    from skrl.envs.wrappers.torch import wrap_env
    from skrl.memories.torch import RandomMemory
    from skrl.trainers.torch import SequentialTrainer
    from skrl.utils.model_instantiators.torch import deterministic_model, gaussian_model

    names = ("observations", "actions", "rewards", "next_observations", "terminated", "truncated")
    kept: list[list[Any]] = []

    class Keeping(PPO):  # type: ignore[misc] # it is Any where it is not installed
        def record_transition(self, **step: Any) -> None:
            kept.append([step[name].numpy().copy() for name in names])  # it adds to the rewards
            super().record_transition(**step)

    class Learner(recipe("import numpy as np\nimport torch\n", "LastObservations"), Keeping):  # type: ignore[misc]
        pass

    envs = wrap_env(DriveVectorEnv(3, autoreset_mode="SameStep", **OPTIONS))
    spaces = {name: getattr(envs, name) for name in ("observation_space", "action_space")}
    network = [{"name": "net", "input": "OBSERVATIONS", "layers": [8], "activations": "tanh"}]
    models = {
        "policy": gaussian_model(**spaces, device="cpu", clip_actions=True, network=network, output="ACTIONS"),
        "value": deterministic_model(**spaces, device="cpu", network=network, output="ONE"),
    }
    for role, model in models.items():
        model.init_state_dict(role=role)
    settings = PPO_CFG(rollouts=STEPS // 2, learning_epochs=1, time_limit_bootstrap=True)
    settings.experiment.write_interval = settings.experiment.checkpoint_interval = 0
    memory = RandomMemory(memory_size=STEPS // 2, num_envs=3, device="cpu")
    agent = Learner(models=models, memory=memory, **spaces, device="cpu", cfg=settings)
    before = [weights.detach().clone() for weights in models["policy"].parameters()]
    quiet = {"headless": True, "disable_progressbar": True, "close_environment_at_exit": False}
    SequentialTrainer(env=envs, agents=agent, cfg={"timesteps": STEPS, **quiet}).train()
    assert any((old != new).any() for old, new in zip(before, models["policy"].parameters(), strict=True))

    cars = DriveVectorEnv(3, autoreset_mode="Disabled", **OPTIONS)
    observations, _ = cars.reset(seed=0)  # skrl's own seed
    for one in kept:
        following, rewards, terminated, truncated, _ = cars.step(one[1])
        columns = (rewards.astype(np.float32), terminated, truncated)
        gains, *ends = (column[:, np.newaxis] for column in columns)
        assert_same_steps([tuple(one)], [(observations, one[1], gains, following, *ends)])
        ended = terminated | truncated
        observations = cars.reset(options={"reset_mask": ended})[0] if ended.any() else following
    assert len(kept) == STEPS


@pytest.mark.heavy
@pytest.mark.skipif(not HAS_MODES, reason="Gymnasium before 1.1 has no mode without autoreset.")
@pytest.mark.filterwarnings("default")  # its own
def test_tianshou_collects_what_the_cars_drove() -> None:
    import torch
    from tianshou.algorithm.algorithm_base import Policy
    from tianshou.data import Batch, Collector, VectorReplayBuffer

    class Pedals(Policy):  # type: ignore[misc] # it is Any where it is not installed
        def forward(self, batch: Any, state: Any = None) -> Any:
            return Batch(act=torch.as_tensor(actions_of(batch.obs, np.array(PEDALS, np.float32))), state=state)

    envs = DriveVectorEnv(3, autoreset_mode="Disabled", **OPTIONS)
    cars = recipe("import numpy as np\n\n\nclass Cars", "Cars")(envs)
    buffer = VectorReplayBuffer(3 * STEPS, 3)
    collector = Collector(Pedals(envs.single_action_space), cars, buffer)
    collector.reset(gym_reset_kwargs={"seed": 7})
    assert collector.collect(n_step=3 * STEPS).n_collected_steps == 3 * STEPS
    for car, (own, pedal) in enumerate(zip(buffer.buffers, PEDALS, strict=True)):
        columns = (own.obs, own.act, own.rew, own.obs_next, own.terminated, own.truncated)
        assert_same_steps(list(zip(*columns, strict=True)), alone(7 + car, np.float32(pedal)))
    assert buffer.done.sum() >= 6


class Kept(DriveVectorEnv):
    """Keeps copies of its steps: observations before, actions, rewards, observations after, terminated, truncated."""

    kept: list[tuple[Any, ...]]
    _latest: Any

    def reset(self, **options: Any) -> Any:
        result = super().reset(**options)
        self._latest = result[0].copy()
        return result

    def step(self, actions: Any) -> Any:
        result = super().step(actions)
        observations, rewards, terminated, truncated, _ = result
        step = (self._latest, actions, rewards, observations, terminated, truncated)
        self.kept = [*getattr(self, "kept", []), tuple(np.array(values) for values in step)]
        self._latest = observations.copy()
        return result
