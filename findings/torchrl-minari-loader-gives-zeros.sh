#!/usr/bin/env bash
# TorchRL's MinariExperienceReplay gives zeros for every observation, action and reward of a local Minari dataset.
#
# Seen on 2026-11-29 with torchrl 0.14.1, tensordict 0.14.3, minari 0.5.4 and torch 2.13.0. Shapes and the number of
# steps are right, and nothing is raised: a learner learns from it that nothing is ever worth anything. The loader fills
# a TensorDict and stores it with memmap_like, which makes a store of the same shapes without the values.
#
#> Minari: 10 steps, observations 1 to 5, rewards 10.0 in all
#> TorchRL: 10 steps, observations 0 to 0, rewards 0.0 in all
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv \
  torchrl==0.14.1 tensordict==0.14.3 minari==0.5.4 gymnasium==1.4.0 h5py==3.16.0 pillow==12.0.0 torch==2.13.0 numpy==2.4.6
venv/bin/python - >seen 2>/dev/null <<'PYTHON'
import contextlib
import os
import sys
import warnings

import gymnasium
import numpy

os.environ["MINARI_DATASETS_PATH"] = os.getcwd()
warnings.simplefilter("ignore")
import minari
from minari.data_collector import EpisodeBuffer

STEPS = 5
space = gymnasium.spaces.Box(-100, 100, (1,), numpy.float32)
last = numpy.arange(STEPS) == STEPS - 1
buffers = [
    EpisodeBuffer(
        observations=numpy.arange(1, STEPS + 2, dtype=numpy.float32)[:, None],
        actions=numpy.ones((STEPS, 1), numpy.float32),
        rewards=numpy.ones(STEPS),
        terminations=last & False,
        truncations=last,
    )
    for _ in range(2)
]
minari.create_dataset_from_buffers("drive/two-v0", buffers, observation_space=space, action_space=space)


def show(name, observations, rewards):
    """The first and the last observation, and the rewards."""
    print(
        f"{name}: {len(rewards)} steps, observations {observations.min():g} to {observations.max():g},",
        f"rewards {float(rewards.sum())} in all",
    )


episodes = list(minari.load_dataset("drive/two-v0").iterate_episodes())
show(
    "Minari",
    numpy.concatenate([one.observations[:-1] for one in episodes]),
    numpy.concatenate([one.rewards for one in episodes]),
)
with contextlib.redirect_stdout(sys.stderr):  # it logs
    from torchrl.data.datasets.minari_data import MinariExperienceReplay

    steps = MinariExperienceReplay(
        "drive/two-v0", batch_size=2, load_from_local_minari=True, download=False, root=os.getcwd() + "/torchrl"
    )[:]
show("TorchRL", steps["observation"].numpy(), steps["next", "reward"].numpy())
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
