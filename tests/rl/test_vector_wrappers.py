"""Gymnasium's own wrappers around the vector environment: those with which learners use one."""

from typing import Any

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium", reason="The environment needs gymnasium, an extra.")

from gymnasium.wrappers import vector as wrappers  # noqa: E402

from telemetry.rl.vector.env import DriveVectorEnv  # noqa: E402

ACTIONS = np.array([[0.0, 0.5], [0.02, 1.0]], np.float32)
STEPS = 23  # two episodes of ten steps, each with the step that begins the next


def made() -> DriveVectorEnv:
    return DriveVectorEnv(2, specification={"end": {"seconds": 0.4}})


@pytest.fixture(scope="module")
def plain() -> list[Any]:
    """What the cars give without any wrapper."""
    env = made()
    env.reset(seed=1)
    return [env.step(ACTIONS) for _ in range(STEPS)]


def drive(env: Any, actions: Any = ACTIONS) -> list[Any]:
    env.reset(seed=1)
    return [env.step(actions) for _ in range(STEPS)]


def test_returns_and_lengths_are_those_of_each_episode(plain: list[Any]) -> None:
    env = wrappers.RecordEpisodeStatistics(made())
    ends = [(number, infos["episode"]) for number, (*_, infos) in enumerate(drive(env)) if "episode" in infos]
    assert [number for number, _ in ends] == [9, 20]
    for number, episode in ends:
        assert episode["l"].tolist() == [10, 10]
        assert episode["r"] == pytest.approx(sum(rewards for _, rewards, *_ in plain[number - 9 : number + 1]))
    assert list(env.length_queue) == [10] * 4


def test_observations_and_rewards_are_normalized(plain: list[Any]) -> None:
    env = wrappers.NormalizeReward(wrappers.NormalizeObservation(made()))
    steps = drive(env)
    for (seen, rewards, *ends, _), (_, gains, *expected, _) in zip(steps, plain, strict=True):
        assert np.isfinite(seen).all()
        assert np.array_equal(np.sign(rewards), np.sign(gains))
        assert all(map(np.array_equal, ends, expected))


def test_actions_are_changed_on_their_way(plain: list[Any]) -> None:
    base = made()
    env = wrappers.TransformAction(base, lambda actions: 0.5 * actions, base.action_space)
    for (seen, rewards, *_), (expected, gains, *_) in zip(drive(env, 2.0 * ACTIONS), plain, strict=True):
        assert np.array_equal(seen, expected)
        assert np.array_equal(rewards, gains)


def test_infos_become_a_list_with_those_of_each_car(plain: list[Any]) -> None:
    for (*_, infos), (*_, expected) in zip(drive(wrappers.DictInfoToList(made())), plain, strict=True):
        for index, info in enumerate(infos):
            assert info["position"] == expected["position"][index]
            assert info["reason"] == expected["reason"][index]
            assert info["reward_terms"]["progress"] == expected["reward_terms"]["progress"][index]
            assert info["action"].tolist() == expected["action"][index].tolist()
