"""What learners of others make of the environment; they need PyTorch."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.test_rl_env import made, recording

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
