#!/usr/bin/env bash
# In a vector environment, an info that one environment reports is 0 for all others: they seem to have a lap time of 0
# ms.
#
# Seen on 2026-11-28 with gymnasium 1.4.0 and numpy 2.4.6. Alone, an environment that has no lap time leaves out the
# key. In `SyncVectorEnv` and `AsyncVectorEnv` the key becomes an array filled with 0 or False, and only a second
# array under `_lap_time_ms` says which values are real. Texts get None, so a part of the infos looks as expected. The
# minimum over a batch, or a logger that takes every key, records laps of 0 ms.
#
#> alone: [{}, {'lap_time_ms': 83811.0, 'is_valid': True, 'compound': 'soft'}]
#> vector: lap_time_ms [0.0, 83811.0], is_valid [False, True], compound [None, 'soft']
#> best lap of the batch: 0.0
#> best lap where _lap_time_ms is set: 83811.0
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv gymnasium==1.4.0 numpy==2.4.6
venv/bin/python - >seen <<'PYTHON'
import gymnasium
import numpy


class Track(gymnasium.Env):
    """Ends its only lap after so many steps, and tells the lap time then."""

    observation_space = action_space = gymnasium.spaces.Box(-1, 1, (1,), numpy.float32)

    def __init__(self, length):
        self.length = length

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return numpy.zeros(1, numpy.float32), {}

    def step(self, action):
        self.steps += 1
        done = self.steps == self.length
        info = {"lap_time_ms": 83811.0, "is_valid": True, "compound": "soft"} if done else {}
        return numpy.zeros(1, numpy.float32), 0.0, done, False, info


alone = [Track(2), Track(1)]
for env in alone:
    env.reset()
print(f"alone: {[env.step(None)[4] for env in alone]}")

vector = gymnasium.vector.SyncVectorEnv([lambda: Track(2), lambda: Track(1)])
vector.reset()
infos = vector.step(vector.action_space.sample())[4]
print("vector: " + ", ".join(f"{key} {value.tolist()}" for key, value in infos.items() if key[0] != "_"))
print(f"best lap of the batch: {infos['lap_time_ms'].min()}")
print(f"best lap where _lap_time_ms is set: {infos['lap_time_ms'][infos['_lap_time_ms']].min()}")
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
