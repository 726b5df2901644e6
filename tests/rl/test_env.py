import math
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ac_native_memory import Pages
from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError, TelemetryError, UsageError
from telemetry.demo import SCENARIOS, DemoGame, DriverInputs
from telemetry.demo.circuit import find_circuit
from telemetry.fields.derived import Sample, derive
from telemetry.fields.snapshot import decode
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Step
from telemetry.rl import Observation, Spec, TrackMap, advance_recorded, begin
from telemetry.sources import open_page_sink, open_source
from tests.conftest import PATIENCE, READABLE, REPOSITORY

gymnasium = pytest.importorskip("gymnasium", reason="The environment needs gymnasium, an extra.")
from gymnasium.utils.env_checker import check_env  # noqa: E402

from telemetry.rl.env import DriveEnv  # noqa: E402

FULL_GAS = np.array([0.0, 1.0], np.float32)
LAP = REPOSITORY / "fixtures" / "lap.jsonl.zst"


def made(name: str, **options: Any) -> Any:
    return gymnasium.make(f"telemetry.rl:AssettoCorsa/{name}-v0", **options)


def drive(env: Any, steps: int, seed: int) -> list[tuple[Any, ...]]:
    """What so many steps of random actions gave; a new episode is begun where one ends."""
    observation, info = env.reset(seed=seed)
    rows: list[tuple[Any, ...]] = [(observation.tobytes(), str(info))]
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        action = np.array([0.2 * rng.standard_normal(), rng.uniform(-0.2, 1.0)], np.float32)
        observation, gain, terminated, truncated, info = env.step(action)
        rows.append((observation.tobytes(), gain, terminated, truncated, str(info)))
        if terminated or truncated:
            env.reset()
    return rows


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of the demo's driver, every step, with a pause in the middle."""
    path = tmp_path_factory.mktemp("rl") / "drive.mcap"
    game = DemoGame(3)
    with open_page_sink(path) as sink:
        for step in range(4000):
            game.status = 3 if 2000 <= step < 2200 else 2
            game.step()
            if step >= 300:
                pages = Pages(game.physics_page(), game.graphics_page(), game.static_page(), 1.7e9 + step * 0.003)
                state = State.PAUSED if game.status == 3 else State.LIVE
                sink.write(Step(state, pages, step * 0.003))
    return path


# --- what every environment guarantees


@pytest.mark.parametrize(
    "options",
    [{}, {"observation": "dict"}, {"mask": True, "action": "steer_throttle_brake", "delta": True, "reward": "acgym"}],
    ids=["flat", "dict", "masked"],
)
@pytest.mark.parametrize("source", ["demo", "replay"])
def test_gymnasiums_own_check_finds_nothing(source: str, options: dict[str, Any], recording: Path) -> None:
    where = f"replay:{recording}" if source == "replay" else source
    env = made("Drive", source=where, control_hz=25, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
    env.close()


def test_the_names_have_their_sources(recording: Path) -> None:
    assert {name for name in gymnasium.registry if name.startswith("AssettoCorsa/")} >= {
        "AssettoCorsa/Demo-v0",
        "AssettoCorsa/Drive-v0",
        "AssettoCorsa/Live-v0",
        "AssettoCorsa/Replay-v0",
    }
    for name, options in (("Demo", {}), ("Drive", {}), ("Replay", {"source": f"replay:{recording}"})):
        env = made(name, **options)
        observation, info = env.reset(seed=1)
        assert observation in env.observation_space
        assert info["reason"] == ""
        env.close()


def test_a_vector_of_environments_drives() -> None:
    vector = gymnasium.make_vec("telemetry.rl:AssettoCorsa/Demo-v0", num_envs=2, vectorization_mode="sync")
    first, _ = vector.reset(seed=5)
    observation, gain, terminated, truncated, info = vector.step(np.stack([FULL_GAS, FULL_GAS]))
    assert first.shape == observation.shape == (2, 45)
    assert (gain.shape, terminated.any(), truncated.any()) == ((2,), False, False)
    assert info["reward_terms"]["progress"].shape == (2,)
    vector.close()


def test_one_seed_gives_one_trajectory_and_another_another() -> None:
    once, again, other = (drive(made("Demo", start="anywhere"), 150, seed) for seed in (4, 4, 5))
    assert once == again
    assert once[0] != other[0]


def test_without_gymnasium_the_extra_is_named() -> None:
    program = (
        "import sys; sys.modules['gymnasium'] = None\n"
        "import telemetry.rl as rl; rl.Spec()\n"
        "try:\n    rl.DriveEnv\n"
        "except ImportError as error:\n    print(isinstance(error, rl.MissingExtraError), error)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=REPOSITORY, timeout=PATIENCE, check=True
    ).stdout.strip()
    assert said == (
        "True The environment needs gymnasium, which is not installed. Get it with: uv sync --inexact --extra gym."
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"source": "demo:race"}, f"There is no demo scenario 'race'; there are {', '.join(SCENARIOS)}."),
        ({"source": "demo", "start": "pits"}, "start must be one of grid, anywhere, flying, got 'pits'."),
        ({"source": "demo", "actuator": "csp"}, "An actuator needs a live source, and demo is not one."),
        ({"source": "demo", "control_hz": 1000}, "control_hz must be greater than 0 and at most 333, got 1000."),
        ({"source": "demo", "observation": "round"}, "observation.shape must be one of flat, dict, got 'round'."),
        (
            {"source": "demo", "render_mode": "human"},
            "render_mode must be None, got 'human': the environment cannot be rendered.",
        ),
        ({"source": "replay:a.txt"}, f"Unsupported file type: a.txt. Supported: {READABLE}."),
        ({"source": ".", "actuator": "wheel"}, "Unknown actuator 'wheel'; there are none, csp, uinput, vjoy."),
    ],
)
def test_an_invalid_option_is_refused_with_a_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        DriveEnv(**options)
    assert str(caught.value) == sentence


def test_the_former_name_of_the_reset_timeout_still_works_and_an_unknown_option_does_not() -> None:
    DriveEnv(patience=5.0).close()
    DriveEnv(control_hz=None, mask=None, reset_timeout=5.0).close()
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'hz'"):
        gymnasium.make("telemetry.rl:AssettoCorsa/Drive-v0", hz=10)


def test_a_step_needs_an_episode_and_an_action_of_the_right_size() -> None:
    env = DriveEnv()
    with pytest.raises(TelemetryError, match=r"^No episode has begun: call reset\(\) first\.$"):
        env.step(FULL_GAS)
    env.reset(seed=1)
    with pytest.raises(UsageError, match=r"^An action must have 2 numbers here, got 3\.$"):
        env.step([0.0, 0.0, 0.0])
    env.close()
    env.close()


# --- the demo


def test_the_demos_samples_are_those_of_its_pages_read_at_every_step() -> None:
    env = DriveEnv(control_hz=25)
    env.reset(seed=9)
    game = DemoGame(int(np.random.Generator(np.random.PCG64(9)).integers(2**31)))
    for _ in range(500):
        game.step(DriverInputs(brake=1.0))
    before: Sample | None = None
    steps = 0
    for tick in range(60):
        pages = Pages(game.physics_page(), game.graphics_page(), game.static_page(), tick / 25)
        before = derive(decode(pages, elapsed=tick / 25, sequence=tick), before)
        assert env.sample == before
        action = np.array([math.sin(0.1 * tick) * 0.3, 0.8], np.float32)
        env.step(action)
        for _ in range(math.floor((tick + 1) * 0.04 / 0.003 + 1e-6) - steps):
            game.step(DriverInputs(float(action[0]), float(action[1]), 0.0))
            game.physics_page()
            steps += 1
    assert before is not None
    assert before.speed_kmh > 20.0


def test_actions_drive_the_car_and_the_reward_is_the_sum_of_its_terms() -> None:
    env = made("Demo")
    env.reset(seed=1)
    for _ in range(75):
        _, gain, terminated, truncated, info = env.step(FULL_GAS)
        assert gain == math.fsum(info["reward_terms"].values())
        assert (terminated, truncated, info["reason"]) == (False, False, "")
    sample = env.unwrapped.sample
    assert (sample.gas, sample.steer_angle, info["action_ignored"]) == (1.0, 0.0, False)
    assert sample.speed_kmh > 60.0
    assert info["reward_terms"]["progress"] > 0.0
    assert info["action"].tolist() == [0.0, 1.0]


def test_a_car_that_hits_the_barrier_ends_its_episode_and_the_next_begins_on_the_grid() -> None:
    env = made("Demo")
    env.reset(seed=1, options={"position": 0.12})
    ended, steps = False, 0
    while not ended:
        _, _, terminated, truncated, info = env.step(np.array([0.3, 1.0], np.float32))
        ended, steps = terminated or truncated, steps + 1
        assert steps < 1000
    assert (terminated, truncated, info["reason"]) == (True, False, "bodywork_critical")
    _, info = env.reset()
    assert info["position"] == pytest.approx(1.0 - 45.0 / 3225.1, abs=1e-3)
    assert max(env.unwrapped.sample.damage_level) == 0.0


def test_an_episode_may_begin_anywhere_on_the_line() -> None:
    env = DriveEnv(start="anywhere")
    places = [env.reset(seed=seed)[1]["position"] for seed in range(3)]
    assert len(set(places)) == 3
    offsets = env.observation_names.index("track_offset")
    observation, info = env.reset(options={"position": 0.5})
    assert info["position"] == pytest.approx(0.5, abs=1e-3)
    assert isinstance(observation, np.ndarray)
    assert abs(observation[offsets]) < 0.6  # within the road's 6 m
    with pytest.raises(UsageError, match=r"^options: position must be a number from 0 to 1, got 2\.$"):
        env.reset(options={"position": 2})
    with pytest.raises(UsageError, match=r"^options: position must be a number from 0 to 1, got True\.$"):
        env.reset(options={"position": True})
    for position in (np.float32(0.25), np.float64(0.25), 0.25):
        assert env.reset(options={"position": position})[1]["position"] == pytest.approx(0.25, abs=1e-3)


def test_a_flying_episode_begins_in_motion_along_the_line() -> None:
    env = DriveEnv(start="flying", observation="dict")
    track = find_circuit(0).track
    planned = find_circuit(0).racing_line.speed
    shares = []
    for seed in range(20):
        seen, info = env.reset(seed=seed)
        sample = env.sample
        shares.append(sample.speed_kmh / 3.6 / planned[track.node(info["position"] * track.length)])
        assert isinstance(seen, dict)
        assert abs(seen["track_heading"][0]) < 0.2
        assert max(sample.wheel_slip) < 1.0
        assert sample.gear >= 2  # the first of the gears, as the page counts them
    assert min(shares) < 0.2
    assert 0.7 < max(shares) < 1.0
    assert max(sample.damage_level) == 0.0


def test_a_flying_car_rolls_on_at_its_speed_and_its_tyres_count_at_once() -> None:
    env = DriveEnv(start="flying", specification={"end": {"tyres_out": 3}})
    _, info = env.reset(seed=6, options={"position": 0.9})
    speed = env.sample.speed_kmh
    env.step(np.array([0.0, 0.0], np.float32))
    assert env.sample.speed_kmh == pytest.approx(speed, rel=0.03)
    steps = 0
    while not info.get("reason"):
        *_, info = env.step(np.array([1.0, 1.0], np.float32))
        steps += 1
    assert info["reason"] == "tyres_out"
    assert steps < 60  # a car that starts at rest is forgiven for longer


@pytest.mark.parametrize("options", [{}, {"position": 0.7}], ids=["anywhere", "a position"])
def test_the_same_steps_are_the_same_drive_wherever_the_timing_line_lies(options: dict[str, float]) -> None:
    usual, moved = (
        DriveEnv(source=source, start="anywhere", observation="dict") for source in ("demo", "demo:line=0.2")
    )
    _, at = usual.reset(seed=3, options=options)
    place = {name: (position + 0.2) % 1.0 for name, position in options.items()}
    observation, info = moved.reset(seed=3, options=place)
    assert info["position"] == pytest.approx((at["position"] + 0.2) % 1.0, abs=1e-6)
    for _ in range(50):
        expected, reward, *_ = usual.step(FULL_GAS)
        observation, gain, *_ = moved.step(FULL_GAS)
        assert gain == pytest.approx(reward, abs=1e-4)  # positions have 24 bits
        assert isinstance(expected, dict)
        assert isinstance(observation, dict)
        for name in ("track_offset", "track_heading"):
            assert observation[name] == pytest.approx(expected[name], abs=1e-6)


def test_a_driver_who_sees_nothing_but_the_observation_completes_a_lap() -> None:
    env = DriveEnv(observation="dict", specification={"end": {"laps": 1}})
    seen, _ = env.reset(seed=2)
    far = 25.0 * np.arange(1, 13)
    total, ended = 0.0, False
    while not ended:
        assert isinstance(seen, dict)
        bends = seen["curvature_ahead"]
        steer = 0.06 * seen["track_offset"][0] + 1.5 * seen["track_heading"][0] - 7.0 * bends[0]
        corner = np.sqrt(np.minimum(9.0 / np.maximum(np.abs(bends), 1e-4), 6000.0))
        allowed = np.sqrt(corner**2 + 12.0 * np.maximum(far - 25.0, 0.0)).min()
        seen, gain, terminated, truncated, info = env.step([steer, 0.3 * (allowed - seen["speed"][0])])
        total, ended = total + gain, terminated or truncated
    assert (info["reason"], info["lap"], info["lap_valid"]) == ("laps", 2, True)
    assert 90_000 < info["last_time_ms"] < 100_000
    assert total == pytest.approx(0.02 * (3225.1 + 45.0), rel=0.03)
    env.close()


def test_a_run_is_recorded_at_full_rate_and_marked_with_its_policy(tmp_path: Path) -> None:
    path = tmp_path / "run.mcap"
    env = made("Demo", record=path, policy="random")
    for seed in (1, None):
        env.reset(seed=seed)
        for _ in range(25):
            env.step(FULL_GAS)
    env.close()
    with open_source(path) as source:
        steps = [step for step in source.steps(Clock(math.inf)) if step.pages is not None]
        metadata = source.metadata
    packets = [decode(step.pages).packet_id for step in steps if step.pages]
    assert packets == [*range(500, 834), *range(500, 834)]
    assert (metadata["policy"], metadata["driver"], metadata["source"]) == ("random", "random", "demo")
    assert Spec.from_json(metadata["specification"]) == Spec()
    replay = made("Replay", source=f"replay:{path}")
    replay.reset(seed=1)
    *_, info = replay.step(FULL_GAS)
    assert info["action_ignored"]
    replay.close()


# --- a replay


def test_a_replay_gives_what_an_exporter_makes_of_the_same_samples(recording: Path) -> None:
    spec = Spec(observation=Observation(mask=True))
    env = DriveEnv(f"replay:{recording}", specification=spec.to_dict())
    observation, _ = env.reset(seed=1)
    with open_source(recording) as source:
        from telemetry.recording.api import samples

        recorded = samples(source, rate=25, include_paused=True, clock=Clock(math.inf))
        memory, expected = begin(spec, next(sample for sample in recorded if sample.status == 2))
        assert np.array_equal(np.asarray(observation), np.asarray(expected))
        ended, steps = False, 0
        while not ended:
            memory, outcome = advance_recorded(spec, memory, next(recorded))
            observation, gain, terminated, truncated, info = env.step(FULL_GAS)
            assert np.array_equal(np.asarray(observation), np.asarray(outcome.observation))
            assert (gain, info["reward_terms"]) == (outcome.reward, outcome.terms)
            assert info["action"].tolist() == np.array(memory.actions[0], np.float32).tolist()
            ended, steps = terminated or truncated, steps + 1
    assert (info["reason"], outcome.ending.reason) == ("paused", "paused")
    assert steps == 127  # (2000 - 300) steps of 3 ms at 25 a second, but for the first: nothing was drawn before it
    env.close()


def test_the_next_episode_of_a_replay_begins_after_the_pause_and_the_last_ends_with_it(recording: Path) -> None:
    env = DriveEnv(f"replay:{recording}")
    reasons, starts = [], []
    for seed in (1, None, None):
        _, info = env.reset(seed=seed)
        starts.append(round(info["time"], 1))
        ended = False
        while not ended:
            _, _, terminated, truncated, info = env.step(FULL_GAS)
            ended = terminated or truncated
        reasons.append(info["reason"])
    assert reasons == ["paused", "recording_ended", "paused"]
    assert (starts[0], starts[2]) == (0.0, 0.0)
    assert starts[1] == pytest.approx(5.7, abs=0.1)
    _, info = env.reset(options={"begin": 7.0})
    assert info["time"] == pytest.approx(7.0, abs=0.05)
    env.close()


def test_a_replay_of_samples_at_a_lower_rate_plays_too() -> None:
    env = made("Drive", source=LAP, control_hz=10, reward="acgym")
    observation, _ = env.reset(seed=1)
    total = 0.0
    for _ in range(100):
        observation, gain, *_ = env.step(FULL_GAS)
        total += gain
    assert observation in env.observation_space
    assert total > 10.0
    env.close()


def test_a_map_of_the_track_can_be_brought_along() -> None:
    points = [
        (300.0 * math.cos(turn), 300.0 * math.sin(turn)) for turn in np.linspace(0.0, math.tau, 900, endpoint=False)
    ]
    env = DriveEnv(LAP, control_hz=10, observation="dict", track=TrackMap.of_points(points, 600.0 * math.pi))
    seen, _ = env.reset(seed=1)
    assert isinstance(seen, dict)
    assert np.abs(seen["curvature_ahead"]).tolist() == pytest.approx([1.0 / 300.0] * 12, rel=1e-3)
    env.close()


def test_a_replay_is_not_recorded_again(recording: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^record: .*drive\.mcap is a recording already\.$"):
        DriveEnv(recording, record=tmp_path / "again.mcap")
    with pytest.raises(SourceError):
        DriveEnv(f"replay:{tmp_path / 'none.mcap'}")
