#!/usr/bin/env bash
# Four laps given to Minari with the same episode id become one episode of 24 observations and 20 actions; with every
# lap the actions move one more step away from their observations.
#
# Seen on 2026-11-28 with minari 0.5.4 (gymnasium 1.4.0, h5py 3.16.0). Each EpisodeBuffer has an id. Buffers that were
# made in separate workers, each counting from 0, raise no error: their arrays are appended to the episode of that id.
# The number of steps is the expected 20; only the number of episodes shows it. With the id None, Minari counts by
# itself.
#
#> ids None: 4 episodes, 20 steps, observations and actions of each [(6, 5), (6, 5), (6, 5), (6, 5)]
#> ids 0: 1 episodes, 20 steps, observations and actions of each [(24, 20)]
#> ids 0: action 6 was taken at lap 1 step 1, and stands beside the observation of lap 1 step 0
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv minari==0.5.4 gymnasium==1.4.0 h5py==3.16.0 pillow==12.0.0 numpy==2.4.6
venv/bin/python - >seen <<'PYTHON'
import os
import warnings

import gymnasium
import numpy

os.environ["MINARI_DATASETS_PATH"] = os.getcwd()
warnings.simplefilter("ignore")
import minari
from minari.data_collector import EpisodeBuffer

STEPS = 5
space = gymnasium.spaces.Box(-100, 100, (2,), numpy.float32)


def lap(number, episode_id):
    """Observations and actions that hold their lap and step."""
    rows = numpy.array([(number, step) for step in range(STEPS + 1)], numpy.float32)
    last = numpy.arange(STEPS) == STEPS - 1
    return EpisodeBuffer(
        id=episode_id,
        observations=rows,
        actions=rows[:-1],
        rewards=numpy.ones(STEPS),
        terminations=~numpy.ones(STEPS, bool),
        truncations=last,
        infos={},
    )


for name, episode_id in (("None", None), ("0", 0)):
    key = f"drive/ids-{name.lower()}-v0"
    buffers = [lap(number, episode_id) for number in range(4)]
    minari.create_dataset_from_buffers(key, buffers, observation_space=space, action_space=space)
    data = minari.load_dataset(key)
    episodes = list(data.iterate_episodes())
    shapes = [(len(episode.observations), len(episode.actions)) for episode in episodes]
    print(
        f"ids {name}: {data.total_episodes} episodes, {data.total_steps} steps,",
        f"observations and actions of each {shapes}",
    )
action, beside = episodes[0].actions[6].astype(int), episodes[0].observations[6].astype(int)
place = "lap {} step {}"
print(
    f"ids 0: action 6 was taken at {place.format(*action)},",
    f"and stands beside the observation of {place.format(*beside)}",
)
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
