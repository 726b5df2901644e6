"""The compiled physics of the vector environment against that in arrays."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telemetry.base.errors import UsageError
from telemetry.base.extras import MissingExtraError
from tests.rl.test_vector_env import EVERY_RULE, assert_same, made, random_actions
from tests.rl.test_vector_recording import read_steps

CIRCUITS = {"randomisation": {"circuits": 3, "grip": [0.8, 1.0], "wind_kmh": [0, 30]}}


@pytest.mark.heavy
@pytest.mark.parametrize(
    "options",
    [
        {"specification": EVERY_RULE, "start": "flying"},
        {"specification": EVERY_RULE | CIRCUITS, "start": "anywhere", "autoreset_mode": "NextStep"},
    ],
    ids=["one circuit", "random circuits"],
)
def test_numba_drives_as_numpy_does(options: dict[str, Any], tmp_path: Path) -> None:
    count, ends = 12, 0
    arrays = made(count, record=tmp_path / "numpy.mcap", recorded_cars=[4], **options)
    compiled = made(count, record=tmp_path / "numba.mcap", recorded_cars=[4], physics="numba", **options)
    for one, other in zip(compiled.reset(seed=3), arrays.reset(seed=3), strict=True):
        assert_same(one, other, "reset")
    rng = np.random.default_rng(0)
    for step in range(150):
        actions = random_actions(rng, count, 2)
        results, expected = compiled.step(actions), arrays.step(actions)
        for one, other in zip(results, expected, strict=True):
            assert_same(one, other, f"step {step}")
        ends += int((results[2] | results[3]).sum())
    assert ends > count
    arrays.close()
    compiled.close()
    ones, others = (read_steps(tmp_path / f"{name}.mcap")[0] for name in ("numba", "numpy"))
    assert len(ones) > 1000
    pages = [
        [step.pages and (step.pages.physics, step.pages.graphics, step.pages.static) for step in steps]
        for steps in (ones, others)
    ]
    assert pages[0] == pages[1]


def test_an_unknown_physics_and_a_missing_numba_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="physics must be numpy or numba, got 'fast'"):
        made(2, physics="fast")
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(MissingExtraError, match=r"The compiled physics needs numba.*--extra numba"):
        made(2, physics="numba")
