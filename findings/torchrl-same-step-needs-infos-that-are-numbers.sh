#!/usr/bin/env bash
# TorchRL takes Gymnasium's vector environments with SAME_STEP as long as no info is a text or a dictionary; with
# DISABLED, infos do not matter.
#
# Seen on 2026-11-29 with torchrl 0.14.1, tensordict 0.14.3, gymnasium 1.4.0 and torch 2.13.0. With SAME_STEP the last
# observation is read from the infos, and on the way there all of them are made tensors. The environment counts its steps
# and ends with the third. What is collected is right in both modes where anything is.
#
#> SAME_STEP, no infos: 0->1, 1->2, 2->3 end, 0->1, 1->2, 2->3 end
#> SAME_STEP, a number: 0->1, 1->2, 2->3 end, 0->1, 1->2, 2->3 end
#> SAME_STEP, a text: RuntimeError
#> SAME_STEP, a dictionary: RuntimeError
#> DISABLED, no infos: 0->1, 1->2, 2->3 end, 0->1, 1->2, 2->3 end
#> DISABLED, a number: 0->1, 1->2, 2->3 end, 0->1, 1->2, 2->3 end
#> DISABLED, a text: 0->1, 1->2, 2->3 end, 0->1, 1->2, 2->3 end
#> DISABLED, a dictionary: 0->1, 1->2, 2->3 end, 0->1, 1->2, 2->3 end
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv \
  torchrl==0.14.1 tensordict==0.14.3 gymnasium==1.4.0 torch==2.13.0 numpy==2.4.6
venv/bin/python - >seen 2>/dev/null <<'PYTHON'
import contextlib
import sys

import gymnasium
import numpy
from gymnasium.vector import AutoresetMode, SyncVectorEnv

with contextlib.redirect_stdout(sys.stderr):  # it logs
    from torchrl.collectors import Collector
    from torchrl.envs import GymWrapper

INFOS = {"no infos": {}, "a number": {"lap": 1}, "a text": {"tyre": "soft"}, "a dictionary": {"terms": {"speed": 1.0}}}


class Count(gymnasium.Env):
    """Observes how many steps it has made, and is over after three."""

    observation_space = gymnasium.spaces.Box(0, 100, (1,), numpy.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), numpy.float32)

    def __init__(self, info):
        self.info = info

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return numpy.zeros(1, numpy.float32), dict(self.info)

    def step(self, action):
        self.steps += 1
        return numpy.full(1, self.steps, numpy.float32), 1.0, False, self.steps == 3, dict(self.info)


def collect(mode, info):
    """Six steps of the first of two environments, or the name of the error."""
    try:
        envs = GymWrapper(SyncVectorEnv([lambda: Count(info)] * 2, autoreset_mode=mode))
        (batch,) = Collector(envs, None, frames_per_batch=12, total_frames=12)
    except RuntimeError as error:
        return type(error).__name__
    before, after, ends = (
        batch[key][0, :, 0].int().tolist() for key in ("observation", ("next", "observation"), ("next", "truncated"))
    )
    return ", ".join(f"{first}->{last}{' end' * end}" for first, last, end in zip(before, after, ends))


for mode in (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED):
    for name, info in INFOS.items():
        with contextlib.redirect_stdout(sys.stderr):
            rows = collect(mode, info)
        print(f"{mode.name}, {name}: {rows}")
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
