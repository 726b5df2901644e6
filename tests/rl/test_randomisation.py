from typing import Any

import numpy as np
import pytest

from telemetry.base.errors import UsageError
from telemetry.rl import Randomisation, Spec

pytest.importorskip("gymnasium", reason="The environment needs gymnasium, an extra.")

from telemetry.rl.env import DriveEnv
from telemetry.rl.vector.env import DriveVectorEnv

EVERYTHING = {
    "grip": [0.8, 1.0],
    "wind_kmh": [5.0, 40.0],
    "ballast_kg": [0.0, 100.0],
    "fuel_l": [10.0, 90.0],
    "tyre_used": [0.1, 0.6],
    "tyre_temp": [40.0, 90.0],
    "without_abs": 0.5,
    "without_tc": 0.5,
    "anywhere": True,
    "circuits": 3,
}


def test_a_task_without_it_has_the_values_that_it_always_had_and_one_with_it_comes_back() -> None:
    assert "randomisation" not in Spec().to_dict()
    spec = Spec.from_dict({"randomisation": EVERYTHING})
    assert spec.to_dict()["randomisation"] == EVERYTHING
    assert Spec.from_json(spec.to_json()) == spec
    assert hash(spec) == hash(Spec.from_json(spec.to_json()))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"grip": 1.0}, "randomisation.grip must be two numbers, the lowest and the highest, got 1.0."),
        ({"grip": [1.0, 0.9]}, "randomisation.grip must rise, within 0.3 .. 1.5, got [1.0, 0.9]."),
        ({"without_abs": 2}, "randomisation.without_abs must be a number from 0 to 1, got 2."),
        ({"circuits": 65}, "randomisation.circuits must be an integer from 0 to 64, got 65."),
        ({"weather": [0, 1]}, "randomisation.weather: unknown key; there are "),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_key(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        Spec.from_dict({"randomisation": values})
    assert str(caught.value).startswith(sentence)


def test_each_episode_has_conditions_of_its_own_and_the_pages_show_them() -> None:
    env = DriveEnv(specification={"randomisation": EVERYTHING})
    seen: dict[str, set[Any]] = {}
    for seed in range(12):
        env.reset(seed=seed)
        sample = env.sample
        assert 0.8 <= sample.surface_grip <= 1.0
        assert 5.0 <= sample.wind_speed <= 40.0
        assert 10.0 <= sample.fuel <= 90.0
        assert 0.0 <= sample.ballast <= 100.0
        assert 38.0 <= sample.tyre_core_temp[0] <= 91.0
        assert 93.0 < sample.tyre_wear[0] < 99.9
        for name in ("surface_grip", "wind_direction", "fuel", "ballast", "abs_setting", "tc", "track", "tyre_wear"):
            seen.setdefault(name, set()).add(getattr(sample, name))
        assert env.step([0.0, 1.0])[0] in env.observation_space
    assert {name: len(values) for name, values in seen.items()} == {
        "surface_grip": 12, "wind_direction": 12, "fuel": 12, "ballast": 12, "abs_setting": 2, "tc": 2, "track": 3,
        "tyre_wear": 12,
    }  # fmt: skip


def test_a_car_of_a_batch_has_the_conditions_and_the_drive_that_it_has_alone() -> None:
    specification = {"randomisation": EVERYTHING, "reward": {"acgym": 1.0, "progress": 0.1}, "end": {"tyres_out": 3}}
    count = 6
    together = DriveVectorEnv(count, specification=specification)
    alone = [DriveEnv(specification=specification) for _ in range(count)]
    first, _ = together.reset(seed=5)
    for index, env in enumerate(alone):
        assert np.array_equal(first[index], np.asarray(env.reset(seed=5 + index)[0]))
    rng = np.random.default_rng(1)
    for _ in range(60):
        actions = np.stack([0.1 * rng.standard_normal(count), rng.uniform(0.0, 1.0, count)], axis=1).astype(np.float32)
        observations, rewards, terminated, *_ = together.step(actions)
        for index, env in enumerate(alone):
            observation, gain, ended, _, _ = env.step(actions[index])
            assert np.array_equal(observations[index], np.asarray(observation))
            assert (rewards[index], terminated[index]) == (gain, ended)
        if terminated.any():
            break


def test_cars_on_several_maps_see_and_earn_what_each_of_them_would_alone() -> None:
    specification = {
        "observation": {"shape": "dict", "mask": True},
        "randomisation": {"circuits": 5, "anywhere": True},
        "reward": {"acgym": 1.0, "acgym_speed": 0.5, "slip": 0.1},
    }
    count = 12
    together = DriveVectorEnv(count, specification=specification)
    alone = [DriveEnv(specification=specification) for _ in range(count)]
    together.reset(seed=20)
    for index, env in enumerate(alone):
        env.reset(seed=20 + index)
    assert len({env.sample.track for env in alone}) >= 4
    actions = np.array([[0.01 * index, 1.0] for index in range(count)], np.float32)
    for _ in range(20):
        observations, rewards, _, _, infos = together.step(actions)
        for index, env in enumerate(alone):
            observation, gain, _, _, info = env.step(actions[index])
            assert isinstance(observation, dict)
            for name, value in observation.items():
                assert np.array_equal(observations[name][index], value), (name, index)
            assert rewards[index] == gain
            assert {name: terms[index] for name, terms in infos["reward_terms"].items() if name[0] != "_"} == (
                info["reward_terms"]
            )
    assert (infos["reward_terms"]["acgym"] > 0.0).all()


def test_grip_wind_and_ballast_change_how_the_car_drives() -> None:
    def speed_after_full_gas(**values: Any) -> float:
        env = DriveEnv(specification=Spec(randomisation=Randomisation(**values)))
        env.reset(seed=1, options={"position": 0.02})
        for _ in range(150):
            env.step([0.0, 1.0])
        return env.sample.speed_kmh

    usual = speed_after_full_gas(fuel_l=(60.0, 60.0))
    assert speed_after_full_gas(ballast_kg=(400.0, 400.0)) < usual - 5.0
    assert speed_after_full_gas(grip=(0.5, 0.5)) < usual - 50.0
    assert speed_after_full_gas(wind_kmh=(140.0, 140.0)) > usual + 5.0  # it blows from behind with this seed
