#!/usr/bin/env bash
# d3rlpy's MDPDataset makes no transition of the last step of an episode that ends with a timeout: what that step earned,
# such as the reward for a completed lap, is in no batch.
#
# Seen on 2026-11-29 with d3rlpy 2.8.1 (gymnasium 1.0.0, torch 2.13.0, numpy 2.4.6). A transition needs the observation
# after it, and that of the last step is not in arrays of one row per step, nor can it be passed. Episodes that end as
# terminal keep the step, because nothing is observed after it. With a row more at the end of each episode, which holds
# the last observation, no step is lost.
#
#> timeouts: 3 episodes of 100 steps, 297 transitions, their rewards 0 of 300
#> terminals: 3 episodes of 100 steps, 300 transitions, their rewards 300 of 300
#> timeouts and a last row: 3 episodes of 101 steps, 300 transitions, their rewards 300 of 300
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv d3rlpy==2.8.1 gymnasium==1.0.0 torch==2.13.0 numpy==2.4.6
venv/bin/python - >seen 2>/dev/null <<'PYTHON'
import d3rlpy
import numpy
import structlog

structlog.configure(logger_factory=structlog.PrintLoggerFactory(open("log", "w")))
EPISODES = 3


def show(name, steps, *, as_terminal):
    """Episodes that earn 100 with their step 99."""
    ends = numpy.arange(EPISODES * steps) % steps == steps - 1
    earns = numpy.arange(EPISODES * steps) % steps == 99
    none = numpy.zeros(len(ends), numpy.float32)
    data = d3rlpy.dataset.MDPDataset(
        numpy.arange(len(ends), dtype=numpy.float32)[:, None],
        none[:, None],
        earns * 100.0,
        ends if as_terminal else none,
        none if as_terminal else ends,
    )
    picked = [data.transition_picker(one, at) for one in data.episodes for at in range(one.transition_count)]
    sizes = {one.size() for one in data.episodes}
    earned = sum(float(one.reward[0]) for one in picked)
    print(
        f"{name}: {len(data.episodes)} episodes of {sizes.pop()} steps, {data.transition_count} transitions,",
        f"their rewards {earned:g} of {earns.sum() * 100}",
    )


show("timeouts", 100, as_terminal=False)
show("terminals", 100, as_terminal=True)
show("timeouts and a last row", 101, as_terminal=False)
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
