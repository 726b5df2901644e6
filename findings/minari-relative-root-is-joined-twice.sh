#!/usr/bin/env bash
# With a relative MINARI_DATASETS_PATH, making a Minari dataset fails, because its new file is looked for under the path
# joined to itself; a dataset without episodes stays behind, and its name is taken.
#
# Seen on 2026-11-29 with minari 0.5.4 and gymnasium 1.4.0; with HDF5, and with Arrow too.
#
#> relative: FileNotFoundError, root/drive/a-v0/data/root/drive/a-v0/data/main_data.hdf5
#> absolute, afterwards: 0 episodes
#> absolute, the same again: ValueError, already exists
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


os.environ["MINARI_DATASETS_PATH"] = "root"
try:
    make("drive/a-v0")
except FileNotFoundError as error:
    print(f"relative: FileNotFoundError, {error.filename or str(error).split(chr(39))[1]}")
os.environ["MINARI_DATASETS_PATH"] = os.path.abspath("root")
print(f"absolute, afterwards: {minari.load_dataset('drive/a-v0').total_episodes} episodes")
try:
    make("drive/a-v0")
except ValueError as error:
    print(f"absolute, the same again: ValueError, {'already exists' if 'already exists' in str(error) else error}")
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
