#!/usr/bin/env bash
# d3rlpy's get_minari puts the observations of the second episode one step late beside its actions, those of the third
# two steps, and so on: in a dataset of 100 laps, the last policy learns what to do from where the car was 99 steps ago.
#
# Seen on 2026-11-29 with d3rlpy 2.8.1, minari 0.5.4 and gymnasium 1.0.0. A Minari episode has one observation more than
# it has actions. get_minari joins all observations and all actions, and cuts both by the number of actions. Nothing is
# raised, because the rows that are left over stand at the end.
#
#> action of episode 0 step 0 beside the observation of episode 0 step 0
#> action of episode 1 step 0 beside the observation of episode 0 step 5
#> action of episode 2 step 0 beside the observation of episode 1 step 4
#> action of episode 3 step 0 beside the observation of episode 2 step 3
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv \
  d3rlpy==2.8.1 minari==0.5.4 gymnasium==1.0.0 h5py==3.16.0 pillow==12.0.0 torch==2.13.0 numpy==2.4.6
venv/bin/python - >seen 2>/dev/null <<'PYTHON'
import os
import warnings

import gymnasium
import numpy
import structlog

os.environ["MINARI_DATASETS_PATH"] = os.getcwd()
warnings.simplefilter("ignore")
structlog.configure(logger_factory=structlog.PrintLoggerFactory(open("log", "w")))
import minari
from d3rlpy.datasets import get_minari
from minari.data_collector import EpisodeBuffer

STEPS = 5
space = gymnasium.spaces.Box(-100, 100, (2,), numpy.float32)


def lap(number):
    """Observations and actions that hold their lap and step."""
    rows = numpy.array([(number, step) for step in range(STEPS + 1)], numpy.float32)
    last = numpy.arange(STEPS) == STEPS - 1
    return EpisodeBuffer(
        observations=rows, actions=rows[:-1], rewards=numpy.ones(STEPS), terminations=last & False, truncations=last
    )


minari.create_dataset_from_buffers(
    "drive/laps-v0",
    [lap(number) for number in range(4)],
    env=gymnasium.spec("Pendulum-v1"),  # get_minari wants to make one, and looks at no more than its space's class
    observation_space=space,
    action_space=space,
)
buffer, _ = get_minari("drive/laps-v0")
for episode in buffer.episodes:
    action, beside = episode.actions[0].astype(int), episode.observations[0].astype(int)
    place = "episode {} step {}"
    print(f"action of {place.format(*action)} beside the observation of {place.format(*beside)}")
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
