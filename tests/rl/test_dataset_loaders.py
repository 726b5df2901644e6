"""A dataset of a demo recording in the hands of a library that needs PyTorch, compared with what Minari reads of it."""

import re
from importlib.metadata import version
from typing import Any

import numpy as np
import pytest

from tests.conftest import REPOSITORY, main_in_process

pytestmark = pytest.mark.heavy

NAME = "demo/drive-v0"


@pytest.fixture(scope="module", params=["flat", "dict"])
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A Minari dataset of half a minute of the demo's driver, in two episodes, and of its observations' shape."""
    import minari

    folder = tmp_path_factory.mktemp("loaders")
    (folder / "spec.toml").write_text(f'observation.shape = "{request.param}"\nend.seconds = 15\n')
    recorded = main_in_process(
        "record", folder / "drive.mcap", "--source", "demo", "--speed", "max", "--duration", "35"
    )
    assert recorded.returncode == 0, recorded.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(folder / "root"))
        command = ("dataset", "minari", folder / "drive.mcap", "--spec", folder / "spec.toml", "--name", NAME)
        made = main_in_process(*command, "--episode", "session")
        assert made.returncode == 0, made.stderr
        yield minari.load_dataset(NAME)


def test_d3rlpy_has_the_same_steps_and_environment(dataset: Any) -> None:
    if version("gymnasium") != "1.0.0":
        pytest.skip("d3rlpy wants gymnasium 1.0.0")
    from d3rlpy.datasets import get_minari

    if isinstance(next(iter(dataset)).observations, dict):
        with pytest.raises(ValueError, match="Unsupported observation space"):
            get_minari(NAME)
        return
    buffer, env = get_minari(NAME)
    expected = list(dataset)
    assert [episode.size() for episode in buffer.episodes] == [len(one.rewards) for one in expected]
    stacked, start = np.concatenate([one.observations for one in expected]), 0
    for episode, one in zip(buffer.episodes, expected, strict=True):
        # It lays all episodes end to end, the last observation of each too, for which there is no action, and cuts them
        # anew by the actions: so observations are late by a step for each episode before.
        assert (episode.observations == stacked[start : start + episode.size()]).all()
        start += episode.size()
        assert (episode.actions == one.actions).all()
        assert (episode.rewards.ravel() == one.rewards).all()
        assert episode.terminated == bool(one.terminations[-1])
    assert env.observation_space == dataset.observation_space
    observation, _ = env.reset(seed=1)
    assert observation in dataset.observation_space
    env.close()


@pytest.mark.parametrize("dataset", ["flat"], indirect=True)
def test_the_recipe_of_the_documentation_loses_no_step_in_d3rlpy(dataset: Any) -> None:
    if version("gymnasium") != "1.0.0":
        pytest.skip("d3rlpy wants gymnasium 1.0.0")
    text = (REPOSITORY / "docs" / "datasets.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"```python\n(import d3rlpy\n.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(recipe, names)
    buffer = names["mdp_dataset"](NAME)
    expected = list(dataset)
    assert buffer.transition_count == sum(len(one.rewards) for one in expected)
    for episode, one in zip(buffer.episodes, expected, strict=True):
        steps = [buffer.transition_picker(episode, step) for step in range(episode.transition_count)]
        assert np.array_equal([step.observation for step in steps], one.observations[:-1])
        assert np.array_equal([step.next_observation for step in steps], one.observations[1:])
        assert np.array_equal([step.action for step in steps], one.actions)
        assert np.array_equal([step.reward[0] for step in steps], one.rewards)
