#!/usr/bin/env bash
# Minari's Arrow backend writes infos that are one-dimensional arrays, such as a time for each observation, and cannot
# read the dataset afterwards.
#
# Seen on 2026-11-29 with minari 0.5.4, pyarrow 26.0.1 and gymnasium 1.4.0. Nothing is raised while writing. The same
# numbers as a list, or as an array with a second dimension, come back; HDF5 takes all three.
#
#> hdf5, array: 5 steps
#> arrow, array: ValueError: invalid literal for int() with base 10: b''
#> arrow, list: 5 steps
#> arrow, array of two dimensions: 5 steps
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv \
  minari==0.5.4 gymnasium==1.4.0 h5py==3.16.0 pyarrow==26.0.1 pillow==12.0.0 numpy==2.4.6
venv/bin/python - >seen <<'PYTHON'
import os
import warnings

import gymnasium
import numpy

warnings.simplefilter("ignore")
import minari
from minari.data_collector import EpisodeBuffer

STEPS = 5
space = gymnasium.spaces.Box(-100, 100, (1,), numpy.float32)
last = numpy.arange(STEPS) == STEPS - 1


def make(key, **options):
    """A dataset of one episode."""
    times = options.pop("times", None)
    episode = EpisodeBuffer(
        observations=numpy.zeros((STEPS + 1, 1), numpy.float32),
        actions=numpy.zeros((STEPS, 1), numpy.float32),
        rewards=numpy.ones(STEPS),
        terminations=last & False,
        truncations=last,
        infos={} if times is None else {"time": times},
    )
    minari.create_dataset_from_buffers(key, [episode], observation_space=space, action_space=space, **options)
    return key


def read(key):
    """How many steps are read back, or the error."""
    try:
        (episode,) = minari.load_dataset(key).iterate_episodes()
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return f"{len(episode.rewards)} steps"


os.environ["MINARI_DATASETS_PATH"] = os.getcwd()
times = numpy.arange(STEPS + 1) / 25
print("hdf5, array: " + read(make("drive/a-v0", times=times, data_format="hdf5")))
print("arrow, array: " + read(make("drive/b-v0", times=times, data_format="arrow")))
print("arrow, list: " + read(make("drive/c-v0", times=times.tolist(), data_format="arrow")))
print("arrow, array of two dimensions: " + read(make("drive/d-v0", times=times[:, None], data_format="arrow")))
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
