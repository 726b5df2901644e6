from typing import Any

import numpy as np
import pytest

from telemetry.base.errors import TelemetryError, UsageError
from telemetry.rl import Reward, Spec

gymnasium = pytest.importorskip("gymnasium", reason="The environment needs gymnasium, an extra.")

from telemetry.rl.env import DriveEnv  # noqa: E402
from telemetry.rl.vector.env import DriveVectorEnv  # noqa: E402

HAS_MODES = hasattr(gymnasium.vector, "AutoresetMode")
DRIVE = "telemetry.rl:AssettoCorsa/Drive-v0"
METER = {"name": "performance_meter", "scale": 1, "low": -9, "high": 9}
EVERY_RULE = {  # short episodes that end for many reasons
    "reward": dict.fromkeys(Reward.__dataclass_fields__, 0.5),
    "end": {"seconds": 4, "no_progress_seconds": 2, "no_progress_metres": 5, "tyres_out": 3},
}


def assert_same(one: Any, other: Any, path: str = "") -> None:
    """Assert that two results are the same, bit for bit, in types and shapes too."""
    if isinstance(one, dict):
        assert sorted(one) == sorted(other), path
        for name in one:
            assert_same(one[name], other[name], f"{path}/{name}")
    elif isinstance(one, np.ndarray) and one.dtype == object:
        assert len(one) == len(other), path
        for index, (first, second) in enumerate(zip(one, other, strict=True)):
            assert_same(first, second, f"{path}[{index}]")
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape), path
        assert np.array_equal(one, other), (path, one, other)
    else:
        assert one == other, path


def random_actions(rng: np.random.Generator, count: int, axes: int) -> Any:
    actions = rng.uniform(-0.2, 1.2, (count, axes))
    actions[:, 0] = 0.15 * rng.standard_normal(count)
    return actions.astype(np.float32)


def made(count: int, **options: Any) -> Any:
    return gymnasium.make_vec(DRIVE, num_envs=count, vectorization_mode="vector_entry_point", **options)


@pytest.mark.skipif(not HAS_MODES, reason="Gymnasium before 1.1 has one mode only.")
@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize(
    "options",
    [
        {"start": "anywhere"},
        {"observation": "dict", "mask": True, "source": "demo:line=0.3", "start": "flying"},
        {"action": "steer_throttle_brake", "delta": True, "mask": True, "source": "demo:lockup", "start": "anywhere"},
    ],
    ids=["flat", "dict", "delta"],
)
def test_all_that_it_returns_is_what_gymnasiums_own_vector_of_single_cars_returns(
    options: dict[str, Any], mode: str
) -> None:
    count, ends = 5, 0
    options = options | {"specification": EVERY_RULE}
    together = made(count, autoreset_mode=mode, **options)
    alone = gymnasium.make_vec(
        DRIVE, num_envs=count, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **options
    )
    assert together.observation_space == alone.observation_space
    assert together.action_space == alone.action_space
    assert together.metadata["autoreset_mode"] == alone.metadata["autoreset_mode"]
    for one, other in zip(together.reset(seed=3), alone.reset(seed=3), strict=True):
        assert_same(one, other, "reset")
    rng = np.random.default_rng(0)
    for step in range(130):
        actions = random_actions(rng, count, together.single_action_space.shape[0])
        results = together.step(actions)
        for one, other in zip(results, alone.step(actions), strict=True):
            assert_same(one, other, f"step {step}")
        assert results[0] in together.observation_space
        ends += int((results[2] | results[3]).sum())
    assert ends >= count
    together.close()
    alone.close()


def episode_of(seed: int, count: int, index: int, steps: int) -> list[Any]:
    """What one car of a batch gave, with the actions of its own seed."""
    env = DriveVectorEnv(count, start="anywhere")
    observations, _ = env.reset(seed=seed - index)
    rng, others = np.random.default_rng(seed), np.random.default_rng(count)
    rows: list[Any] = [observations[index].tobytes()]
    for _ in range(steps):
        actions = random_actions(others, count, 2)
        actions[index] = random_actions(rng, 1, 2)
        observations, rewards, terminated, truncated, _ = env.step(actions)
        rows.append((observations[index].tobytes(), rewards[index], terminated[index], truncated[index]))
    return rows


def test_one_seed_gives_one_episode_alone_in_a_batch_of_seven_and_in_one_of_256() -> None:
    env = DriveEnv(start="anywhere")
    observation, _ = env.reset(seed=400)
    rng = np.random.default_rng(400)
    rows: list[Any] = [np.asarray(observation).tobytes()]
    for _ in range(30):
        observation, gain, terminated, truncated, _ = env.step(random_actions(rng, 1, 2)[0])
        rows.append((np.asarray(observation).tobytes(), gain, terminated, truncated))
    assert episode_of(400, 7, 3, 30) == rows
    assert episode_of(400, 256, 200, 30) == rows


def test_without_autoreset_an_ended_car_must_be_reset_and_the_others_drive_on() -> None:
    env = DriveVectorEnv(3, autoreset_mode="Disabled", specification={"end": {"seconds": 1}})
    env.reset(seed=1)
    actions = np.zeros((3, 2), np.float32)
    for _ in range(25):
        observations, _, terminated, truncated, infos = env.step(actions)
    assert truncated.tolist() == [True, True, True]
    assert infos["reason"].tolist() == ["time", "time", "time"]
    with pytest.raises(TelemetryError, match=r"^The episode of car 0 has ended: reset it with options="):
        env.step(actions)
    again, infos = env.reset(options={"reset_mask": np.array([True, True, False])})
    assert infos["_time"].tolist() == [True, True, False]
    assert np.array_equal(again[2], observations[2])
    with pytest.raises(TelemetryError, match=r"^The episode of car 2 has ended"):
        env.step(actions)
    env.reset(options={"reset_mask": np.array([False, False, True])})
    _, _, terminated, truncated, _ = env.step(actions)
    assert not (terminated | truncated).any()


def test_what_was_returned_is_not_changed_by_the_next_step() -> None:
    env = DriveVectorEnv(2)
    env.reset(seed=1)
    first = env.step(np.ones((2, 2), np.float32))
    kept = [first[0].copy(), first[1].copy(), first[4]["time"].copy()]
    env.step(np.ones((2, 2), np.float32))
    assert all(np.array_equal(one, other) for one, other in zip(kept, (*first[:2], first[4]["time"]), strict=True))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"source": "replay:a.mcap"},
            "Only the demo can be stepped together, not replay:a.mcap: use vectorization_mode='sync'.",
        ),
        (
            {"source": "demo:pause"},
            (
                "The scenario 'pause' is driven one car at a time: use vectorization_mode='sync', or one of laps, "
                "lockup, offtrack, worn."
            ),
        ),
        ({"autoreset_mode": "later"}, "autoreset_mode must be one of NextStep, SameStep, Disabled, got 'later'."),
        ({"num_envs": 0}, "num_envs must be an integer from 1 on, got 0."),
        (
            {"specification": {"observation": {"fields": [METER]}}},
            "performance_meter cannot be observed in a vector environment; use vectorization_mode='sync'.",
        ),
        (
            {"render_mode": "human"},
            "render_mode must be None, got 'human': the environment cannot be rendered.",
        ),
    ],
)
def test_an_invalid_option_is_refused_with_a_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        DriveVectorEnv(**options)
    assert str(caught.value) == sentence


def test_steps_seeds_and_masks_of_the_wrong_shape_are_refused() -> None:
    env = DriveVectorEnv(2)
    with pytest.raises(TelemetryError, match=r"^No episode has begun: call reset\(\) first\.$"):
        env.step(np.zeros((2, 2)))
    with pytest.raises(UsageError, match=r"^reset_mask: the first reset must be of all cars\.$"):
        env.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(UsageError, match=r"^seed: 2 seeds are needed, got 3\.$"):
        env.reset(seed=[1, 2, 3])
    env.reset(seed=[1, None])
    with pytest.raises(UsageError, match=r"^Actions must have the shape \(2, 2\) here, got \(2, 3\)\.$"):
        env.step(np.zeros((2, 3)))
    with pytest.raises(UsageError, match=r"^options: reset_mask must be a numpy array of 2 bools"):
        env.reset(options={"reset_mask": [True, True]})


def test_every_field_with_a_default_can_be_observed_by_many_cars() -> None:
    from telemetry.rl.features import FEATURES

    specification = Spec.from_dict({"observation": {"fields": list(FEATURES), "mask": True}})
    together, alone = DriveVectorEnv(1, specification=specification), DriveEnv(specification=specification)
    assert np.array_equal(together.reset(seed=2)[0][0], np.asarray(alone.reset(seed=2)[0]))
    for _ in range(40):
        observations, *_ = together.step(np.array([[0.1, 1.0]], np.float32))
        observation, *_ = alone.step(np.array([0.1, 1.0], np.float32))
        assert np.array_equal(observations[0], np.asarray(observation))
