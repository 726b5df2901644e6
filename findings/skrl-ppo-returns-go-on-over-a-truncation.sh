#!/usr/bin/env bash
# By default, skrl's PPO lets the returns of a truncated episode go on into the next one, as if that were its future.
#
# Seen on 2026-11-29 with skrl 2.1.1 and torch 2.13.0; reported to skrl as issue 449. Two episodes of two steps lie one
# after the other, as in the memory of a rollout; the values are 0, nothing is discounted. time_limit_bootstrap is False
# by default, and then only a termination ends the sum: what the second episode earns is paid to the first.
#
#> terminated, second earns 0: 2, 1, 0, 0
#> terminated, second earns 100: 2, 1, 200, 100
#> truncated, second earns 0: 2, 1, 0, 0
#> truncated, second earns 100: 202, 201, 200, 100
#> truncated, time_limit_bootstrap, second earns 100: 2, 1, 200, 100
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv skrl==2.1.1 gymnasium==1.4.0 torch==2.13.0 numpy==2.4.6
venv/bin/python - >seen 2>/dev/null <<'PYTHON'
import torch
from skrl.agents.torch.ppo import PPO_CFG
from skrl.agents.torch.ppo.ppo import compute_gae


def returns(end, earns, bootstrap=PPO_CFG().time_limit_bootstrap):
    """The return of each step, of which the second ends the first episode."""
    rows = {"terminated": torch.zeros(4, 1, 1, dtype=torch.bool), "truncated": torch.zeros(4, 1, 1, dtype=torch.bool)}
    rows[end][1] = True
    found, _ = compute_gae(
        rewards=torch.tensor([1.0, 1.0, earns, earns]).reshape(4, 1, 1),
        values=torch.zeros(4, 1, 1),
        last_values=torch.zeros(1, 1),
        discount_factor=1.0,
        lambda_coefficient=1.0,
        time_limit_bootstrap=bootstrap,
        **rows,
    )
    return ", ".join(f"{value:g}" for value in found.flatten().tolist())


for end in ("terminated", "truncated"):
    for earns in (0.0, 100.0):
        print(f"{end}, second earns {earns:g}: {returns(end, earns)}")
print(f"truncated, time_limit_bootstrap, second earns 100: {returns('truncated', 100.0, bootstrap=True)}")
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
