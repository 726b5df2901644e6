#!/usr/bin/env bash
# skrl's memory joins episodes of Gymnasium's vector environments: with NEXT_STEP each end is followed by a row from the
# last observation to the first one of the next episode, which nobody drove; with SAME_STEP the end is lost instead.
#
# Seen on 2026-11-29 with skrl 2.1.1, gymnasium 1.4.0 and torch 2.13.0. The environment counts its steps and ends with the
# third. The trainer records what step() returns, row by row. With NEXT_STEP, Gymnasium's default, a fourth row says that
# the episode went on from 3 to 0 and earned nothing. With SAME_STEP the third row says that 0 comes after 2: a value that
# is bootstrapped at a truncation is that of a start. What truly came last is in the infos, as final_obs.
#
#> NEXT_STEP: 0->1, 1->2, 2->3 end, 3->0, 0->1, 1->2, 2->3 end, 3->0
#> SAME_STEP: 0->1, 1->2, 2->0 end, 0->1, 1->2, 2->0 end, 0->1, 1->2
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv skrl==2.1.1 gymnasium==1.4.0 torch==2.13.0 numpy==2.4.6
venv/bin/python - >seen 2>/dev/null <<'PYTHON'
import gymnasium
import numpy
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from skrl.agents.torch import Agent, AgentCfg
from skrl.envs.wrappers.torch import wrap_env
from skrl.memories.torch import RandomMemory
from skrl.trainers.torch import SequentialTrainer

ROWS = 8


class Count(gymnasium.Env):
    """Observes how many steps it has made, and is over after three."""

    observation_space = gymnasium.spaces.Box(0, 100, (1,), numpy.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), numpy.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return numpy.zeros(1, numpy.float32), {}

    def step(self, action):
        self.steps += 1
        return numpy.full(1, self.steps, numpy.float32), 1.0, False, self.steps == 3, {}


class Idle(Agent):
    """Does nothing, and keeps what the trainer gives it in skrl's memory."""

    def init(self, *, trainer_cfg=None):
        for name in ("observations", "next_observations", "truncated"):
            self.memory.create_tensor(name=name, size=1, dtype=torch.float32)

    def act(self, observations, states, *, timestep, timesteps):
        return torch.zeros(len(observations), 1), {}

    def record_transition(self, *, observations, next_observations, truncated, **_):
        self.memory.add_samples(
            observations=observations, next_observations=next_observations, truncated=truncated.float()
        )

    def update(self, *, timestep, timesteps):
        pass

    def pre_interaction(self, *, timestep, timesteps):
        pass

    def post_interaction(self, *, timestep, timesteps):
        pass

    def track_data(self, tag, value):
        pass


for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
    env = wrap_env(SyncVectorEnv([Count, Count], autoreset_mode=mode), verbose=False)
    memory = RandomMemory(memory_size=ROWS, num_envs=2, device="cpu")
    agent = Idle(
        models={},
        memory=memory,
        observation_space=env.observation_space,
        action_space=env.action_space,
        device="cpu",
        cfg=AgentCfg(),
    )
    SequentialTrainer(env=env, agents=agent, cfg={"timesteps": ROWS, "headless": True, "disable_progressbar": True}).train()
    before, after, ends = (
        memory.get_tensor_by_name(name)[:, 0, 0].int().tolist()
        for name in ("observations", "next_observations", "truncated")
    )
    rows = [f"{first}->{last}{' end' * end}" for first, last, end in zip(before, after, ends)]
    print(f"{mode.name}: " + ", ".join(rows))
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
