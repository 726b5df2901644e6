"""The compiled physics against the interpreted one and that in arrays."""

import sys
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telemetry.base.errors import UsageError
from telemetry.base.extras import MissingExtraError
from telemetry.demo import DemoGame, DriverInputs
from telemetry.demo.game import SERVICE_STEPS
from telemetry.demo.track import PIT_BOX_N, PIT_BOX_S

gymnasium = pytest.importorskip("gymnasium", reason="The environment needs gymnasium, an extra.")

from telemetry.rl.env import DriveEnv  # noqa: E402
from telemetry.rl.vector.env import DriveVectorEnv  # noqa: E402
from tests.rl.test_vector_env import EVERY_RULE, assert_same, made, random_actions  # noqa: E402
from tests.rl.test_vector_recording import read_steps  # noqa: E402

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
    assert_same_pages(tmp_path / "numba.mcap", tmp_path / "numpy.mcap")


def assert_same_pages(*paths: Path) -> None:
    one, other = (
        [step.pages and (step.pages.physics, step.pages.graphics, step.pages.static) for step in read_steps(path)[0]]
        for path in paths
    )
    assert len(one) > 1000
    assert one == other


@pytest.mark.heavy
@pytest.mark.parametrize("source", ["demo", "demo:offtrack,circuit=3"])
def test_a_single_car_drives_compiled_as_it_does_in_python(source: str, tmp_path: Path) -> None:
    rules = EVERY_RULE | {"randomisation": {"ballast_kg": [0, 80]}}
    plain = DriveEnv(source, start="flying", specification=rules, record=tmp_path / "python.mcap")
    compiled = DriveEnv(source, start="flying", specification=rules, record=tmp_path / "numba.mcap", physics="numba")
    for first, expected in zip(compiled.reset(seed=5), plain.reset(seed=5), strict=True):
        assert_same(first, expected)
    rng, ends = np.random.default_rng(1), 0
    for step in range(400):
        (action,) = random_actions(rng, 1, 2)
        results = compiled.step(action)
        for one, other in zip(results, plain.step(action), strict=True):
            assert_same(one, other, f"step {step}")
        if results[2] or results[3]:
            ends += 1
            assert_same(compiled.reset()[0], plain.reset()[0])
    assert ends > 3
    plain.close()
    compiled.close()
    assert_same_pages(tmp_path / "numba.mcap", tmp_path / "python.mcap")


@pytest.mark.parametrize("physics", ["", pytest.param("numba", marks=pytest.mark.heavy)])
@pytest.mark.parametrize("count", [0, 3])
def test_a_copied_environment_drives_on_like_its_original(count: int, physics: str) -> None:
    options = {"physics": physics} if physics else {}
    make: Any = partial(DriveVectorEnv, count) if count else DriveEnv
    env = make(start="flying", specification=EVERY_RULE, **options)
    env.reset(seed=2)
    rng = np.random.default_rng(4)
    actions = [random_actions(rng, max(count, 1), 2) for _ in range(60)]
    actions = actions if count else [action[0] for action in actions]
    for action in actions[:20]:
        env.step(action)
    copied = deepcopy(env)
    for number, action in enumerate(actions[20:]):
        for one, other in zip(copied.step(action), env.step(action), strict=True):
            assert_same(one, other, str(number))


@pytest.mark.heavy
def test_a_compiled_car_gets_its_service_in_the_pits() -> None:
    from telemetry.demo.fleet.compiled_car import compile_car

    games = [DemoGame(seed=3), DemoGame(seed=3)]
    for game in games:
        game.stand()
        game.car.put(PIT_BOX_S, PIT_BOX_N)
        game.car.damage, game.driver.pitting = (0.0, 20.0, 0.0, 0.0), True
        game.car.wheels[2].used = 0.9
    games[1].car = compile_car(games[1].car)
    held = DriverInputs(brake=1.0)
    for _ in range(SERVICE_STEPS + 400):
        for game in games:
            game.step(held)
    pages = [(game.physics_page(), game.graphics_page(), game.static_page()) for game in games]
    assert pages[0] == pages[1]
    assert [max(game.car.damage) for game in games] == [0.0, 0.0]
    assert [game.car.wheels[2].used < 0.01 for game in games] == [True, True]


@pytest.mark.heavy
def test_numba_whose_compiler_is_off_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numba.config.DISABLE_JIT", 1)
    with pytest.raises(UsageError, match="needs numba's compiler, which NUMBA_DISABLE_JIT switches off"):
        made(2, physics="numba")


def test_an_unknown_physics_and_a_missing_numba_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="physics must be numpy or numba, got 'fast'"):
        made(2, physics="fast")
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(MissingExtraError, match=r"The compiled physics needs numba.*--extra numba"):
        made(2, physics="numba")
    with pytest.raises(UsageError, match="physics must be python or numba, got 'numpy'"):
        DriveEnv(physics="numpy")
    with pytest.raises(MissingExtraError, match=r"The compiled physics needs numba.*--extra numba"):
        DriveEnv(physics="numba")
    with pytest.raises(UsageError, match=r"The demo's physics can be chosen, and replay:a.mcap is not the demo\."):
        DriveEnv("replay:a.mcap", physics="numba")
