"""What learners of others make of the environment; they need PyTorch."""

import csv
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

import telemetry
from telemetry.rl import load_spec
from tests.conftest import REPOSITORY, main_in_process
from tests.rl.test_env import made, recording

pytestmark = pytest.mark.heavy

__all__ = ["recording"]


@pytest.mark.parametrize(
    "options",
    [{}, {"observation": "dict"}, {"mask": True, "action": "steer_throttle_brake", "delta": True}],
    ids=["flat", "dict", "masked"],
)
@pytest.mark.parametrize("source", ["demo", "replay"])
def test_stable_baselines_own_check_finds_nothing(source: str, options: dict[str, Any], recording: Path) -> None:
    from stable_baselines3.common.env_checker import check_env

    env = made("Drive", source=f"replay:{recording}" if source == "replay" else source, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
    env.close()


def run(example: str, *arguments: str | Path) -> str:
    """What an example says."""
    command = [sys.executable, str(REPOSITORY / "examples" / example), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_examples_learn_and_drive_into_a_recording(tmp_path: Path) -> None:
    folder = tmp_path / "trained"
    short = ("--steps", "700", "--minutes", "30", "--seeds", "0", "--cars", "15")
    said = run("train_ppo.py", "--out", folder, *short).splitlines()
    assert run("train_ppo.py", "--out", tmp_path / "again", *short).splitlines()[-2:] == said[-2:]
    assert (tmp_path / "again" / "results.json").read_bytes() == (folder / "results.json").read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == [
        "curve.csv",
        "learning_curve.svg",
        "ppo_0.pt",
        "results.json",
        "spec.json",
    ]
    with (folder / "curve.csv").open(newline="") as file:
        curve = list(csv.DictReader(file))
    assert [(row["seed"], row["steps"]) for row in curve] == [("0", "240"), ("0", "480"), ("0", "720")]
    results = json.loads((folder / "results.json").read_text())
    assert [exam["seed"] for exam in results.values()] == [10_001, 10_001]
    assert len(results["built-in driver"]["lap_seconds"]) == 3
    assert said[-2].startswith("built-in driver: 3 valid laps [83.")
    assert said[-1] == "seed 0: 0 valid laps []"

    recording = tmp_path / "policy.mcap"
    assert run("drive_policy.py", folder / "ppo_0.pt", recording).startswith(f"{recording}: return ")
    with telemetry.open_source(recording) as source:
        assert source.metadata["policy"] == "ppo_0"
    shape = ("--episode", "session", "--spec", folder / "spec.json")
    made = main_in_process("dataset", "npz", recording, "-o", tmp_path / "data", *shape)
    assert made.returncode == 0, made.stderr
    assert load_spec(tmp_path / "data" / "spec.json") == load_spec(folder / "spec.json")


def test_three_commands_lead_from_nothing_to_a_policy_that_drives(tmp_path: Path) -> None:
    drives, root, out = tmp_path / "drives", tmp_path / "datasets", tmp_path / "offline"
    assert run("demo_drives.py", drives, "--count", "2", "--seconds", "6").splitlines() == [
        str(drives / "drive_00.mcap"),
        str(drives / "drive_01.mcap"),
    ]
    made = main_in_process("dataset", "minari", drives, "-o", root, "--name", "demo/driver", "--episode", "session")
    assert made.returncode == 0, made.stderr
    for learner in ("bc", "iql"):
        short = ("--learner", learner, "--steps", "20", "--seeds", "3")
        steps, drove = run("train_offline.py", root, "demo/driver-v0", "--out", out, *short).splitlines()
        assert steps == "298 steps of 2 episodes"
        assert drove.startswith("seed 3: 0 valid laps [], ended after ")
        (exam,) = json.loads((out / f"{learner}.json").read_text())
        assert (exam["seed"], exam["valid_laps"], exam["lap_seconds"]) == (10_004, 0, [])
        with telemetry.open_source(out / f"{learner}_3.mcap") as source:
            assert source.metadata["policy"] == f"{learner}_3"
