"""Drive a policy that `train_ppo.py` learnt, on the demo from its grid, and record every physics step.

    python examples/drive_policy.py trained/ppo_0.pt policy.mcap

`uv run main.py laps policy.mcap` then shows its laps, and `dataset` makes a dataset of them, as of any recording.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import gymnasium
from ppo import load

from telemetry.rl import End, load_spec


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("policy", type=Path, help="a policy, with spec.json beside it")
    parser.add_argument("recording", type=Path, help="the recording to write, *.mcap")
    parser.add_argument("--laps", type=int, default=3, help="laps to drive (3)")
    parser.add_argument("--seed", type=int, default=10_001, help="of the game (10001)")
    options = parser.parse_args()

    task = load_spec(options.policy.with_name("spec.json"))
    env = gymnasium.make(
        "telemetry.rl:AssettoCorsa/Demo-v0",
        specification=replace(task, end=End(laps=options.laps)).to_dict(),
        record=options.recording,
        policy=options.policy.stem,
    )
    policy = load(options.policy)
    observation, info = env.reset(seed=options.seed)
    total, over = 0.0, False
    while not over:
        observation, reward, terminated, truncated, info = env.step(policy.act(observation))
        total += float(reward)
        over = terminated or truncated
    env.close()
    print(f"{options.recording}: return {total:.1f}, ended by {info['reason']} in lap {info['lap']}")


if __name__ == "__main__":
    main()
