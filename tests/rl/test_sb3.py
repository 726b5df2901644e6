from typing import Any

import numpy as np
import pytest

from telemetry.base.errors import UsageError

pytest.importorskip("gymnasium", reason="The environment needs gymnasium, an extra.")

from telemetry.rl.vector.env import DriveVectorEnv

pytestmark = pytest.mark.heavy

SHORT = {"control_hz": 10, "end": {"seconds": 6, "tyres_out": 2}}


def adapted(count: int, **options: Any) -> Any:
    from telemetry.rl.sb3 import as_vec_env

    env = DriveVectorEnv(count, autoreset_mode="SameStep", specification=SHORT, start="anywhere")
    return as_vec_env(env, **options)


def test_the_next_episode_begins_in_the_step_that_ends_one_whose_last_observation_is_in_the_info() -> None:
    adapter, vector = (
        adapted(3, info_names=("tyres_out",)),
        DriveVectorEnv(3, autoreset_mode="Disabled", specification=SHORT, start="anywhere"),
    )
    adapter.seed(5)
    assert np.array_equal(adapter.reset(), vector.reset(seed=5)[0])
    actions = np.array([[0.0, 0.1], [0.0, 0.2], [0.2, 1.0]], np.float32)  # the third leaves the road
    ends = []
    for _ in range(70):
        observations, rewards, done, infos = adapter.step(actions)
        last, gains, terminated, truncated, _ = vector.step(actions)
        assert np.array_equal(done, terminated | truncated)
        assert np.array_equal(rewards, gains.astype(np.float32))
        for index in np.flatnonzero(done):
            assert np.array_equal(infos[index]["terminal_observation"], last[index])
            assert infos[index]["TimeLimit.truncated"] == (truncated[index] and not terminated[index])
            ends.append((int(index), infos[index]["reason"]))
        assert all(set(info) == {"tyres_out"} for info, ended in zip(infos, done, strict=True) if not ended)
        if done.any():
            first, _ = vector.reset(options={"reset_mask": done})
            assert np.array_equal(observations[done], first[done])
    assert {(0, "time"), (1, "time"), (2, "tyres_out")} <= set(ends)


def test_an_environment_that_waits_for_the_next_step_is_refused() -> None:
    from telemetry.rl.sb3 import as_vec_env

    with pytest.raises(UsageError, match=r"make the vector environment with autoreset_mode='SameStep'\.$"):
        as_vec_env(DriveVectorEnv(2))


def test_ppo_learns_with_it() -> None:
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecMonitor

    monitor = VecMonitor(adapted(4))
    learner = PPO("MlpPolicy", monitor, n_steps=80, batch_size=64, n_epochs=1, seed=1, device="cpu")
    learner.learn(640)
    assert learner.num_timesteps == 640
    assert len(learner.ep_info_buffer) > 0
    assert adapted(4).get_attr("num_envs", [0, 2]) == [4, 4]
