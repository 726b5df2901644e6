import math
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ac_native_memory import Pages, PageWriter
from telemetry.clock import Clock
from telemetry.demo import SCENARIOS, Controls, DemoGame
from telemetry.derived import Sample, derive
from telemetry.errors import NoGameError, SinkError, SourceError, TelemetryError, UsageError
from telemetry.io import open_page_sink, open_source
from telemetry.recorder import State, Step
from telemetry.rl import Observation, Spec, TrackMap, begin, follow_recorded
from telemetry.rl.action import Command
from telemetry.rl.actuators import CustomAi, VirtualWheel, VJoy, actuator_of
from telemetry.rl.actuators.csp import MAPPING
from telemetry.rl.live_world import LiveWorld
from telemetry.snapshot import decode
from tests.conftest import PATIENCE, REPOSITORY

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
        "True The environment needs gymnasium: pip install 'ac-telemetry[gym]' (in a checkout: uv sync --extra gym)."
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"source": "demo:race"}, f"There is no demo scenario 'race'; there are {', '.join(SCENARIOS)}."),
        ({"source": "demo", "start": "pits"}, "start: 'pits' is none of grid, anywhere."),
        ({"source": "demo", "actuator": "csp"}, "An actuator is for a live source; demo has none."),
        ({"source": "demo", "control_hz": 1000}, "control_hz: 1000 makes no sense; it is more than 0 and at most 333."),
        ({"source": "demo", "observation": "round"}, "observation.shape: 'round' is none of flat, dict."),
        ({"source": "demo", "render_mode": "human"}, "render_mode: 'human' is none; there is nothing to be rendered."),
        ({"source": "replay:a.txt"}, "a.txt is no recording; those end in .mcap, .jsonl, .jsonl.gz, .jsonl.zst."),
        ({"source": "."  , "actuator": "wheel"}, "There is no actuator 'wheel'; there are none, csp, uinput, vjoy."),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_a_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        DriveEnv(**options)
    assert str(caught.value) == sentence


def test_a_step_needs_an_episode_and_an_action_of_the_right_size() -> None:
    env = DriveEnv()
    with pytest.raises(TelemetryError, match=r"^An episode begins with reset\(\)\.$"):
        env.step(FULL_GAS)
    env.reset(seed=1)
    with pytest.raises(UsageError, match=r"^An action has 2 numbers here, and this one 3\.$"):
        env.step([0.0, 0.0, 0.0])
    env.close()
    env.close()


# --- the demo


def test_the_demos_samples_are_those_of_its_pages_read_at_every_step() -> None:
    env = DriveEnv(control_hz=25)
    env.reset(seed=9)
    game = DemoGame(int(np.random.Generator(np.random.PCG64(9)).integers(2**31)))
    for _ in range(500):
        game.step(Controls(brake=1.0))
    before: Sample | None = None
    steps = 0
    for tick in range(60):
        pages = Pages(game.physics_page(), game.graphics_page(), game.static_page(), tick / 25)
        before = derive(decode(pages, elapsed=tick / 25, sequence=tick), before)
        assert env.sample == before
        action = np.array([math.sin(0.1 * tick) * 0.3, 0.8], np.float32)
        env.step(action)
        for _ in range(math.floor((tick + 1) * 0.04 / 0.003 + 1e-6) - steps):
            game.step(Controls(float(action[0]), float(action[1]), 0.0))
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
    with pytest.raises(UsageError, match=r"^options: 2 is no position; that is a number from 0 to 1\.$"):
        env.reset(options={"position": 2})


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
        metadata = source.metadata  # type: ignore[attr-defined]
    packets = [decode(step.pages).packet_id for step in steps if step.pages]
    assert packets == [*range(300, 834), *range(300, 834)]
    marks = next(values for values in metadata.values() if "policy" in values)
    assert (marks["policy"], marks["driver"], marks["source"]) == ("random", "random", "demo")
    assert Spec.from_json(marks["specification"]) == Spec()
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
        from telemetry.api import samples

        recorded = samples(source, rate=25, include_paused=True, clock=Clock(math.inf))
        memory, expected = begin(spec, next(sample for sample in recorded if sample.status == 2))
        assert np.array_equal(np.asarray(observation), np.asarray(expected))
        ended, steps = False, 0
        while not ended:
            memory, outcome = follow_recorded(spec, memory, next(recorded))
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


# --- a live game


class Game:
    """A game in page files that runs in real time and obeys CSP's mapped file, where there is one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stop = threading.Event()
        self.teleports = 0
        self._thread = threading.Thread(target=self._run)
        self.status = 2
        self._writer = PageWriter(directory)
        self._thread.start()

    def _run(self) -> None:
        game = DemoGame(1)
        for _ in range(520):
            game.step(Controls(brake=1.0))
        mapping = self._directory / MAPPING.format(car=0)
        begun = time.perf_counter()
        steps, asked = 0, False
        while not self._stop.wait(0.003):
            controls = Controls(brake=1.0)
            if mapping.exists():
                data = mapping.read_bytes()
                if len(data) == 72:
                    gas, brake, _, steer, _ = memoryview(data[:20]).cast("f").tolist()
                    controls = Controls(steer, gas, brake)
                    self.teleports += bool(data[40]) and not asked
                    asked = bool(data[40])
            game.status = self.status
            while steps * 0.003 < time.perf_counter() - begun:
                game.step(controls)
                steps += 1
            self._writer.write(game.physics_page(), game.graphics_page(), game.static_page())

    def close(self) -> None:
        """End it; harmless when done twice."""
        self._stop.set()
        self._thread.join()
        self._writer.close()


@pytest.fixture
def game(tmp_path: Path) -> Iterator[Game]:
    game = Game(tmp_path)
    yield game
    game.close()


def test_a_live_car_is_driven_through_the_mapped_file_at_absolute_deadlines(game: Game, tmp_path: Path) -> None:
    env = made("Live", source=tmp_path, control_hz=20, actuator=CustomAi(tmp_path), reward={"progress": 1.0})
    mapping = tmp_path / MAPPING.format(car=0)
    assert not mapping.exists()  # nothing is taken before the first episode
    _, info = env.reset(seed=1)
    assert {"lateness_ms", "frames_skipped", "frame_age_ms", "physics_steps"} <= info.keys()
    begun, first = time.perf_counter(), info["time"]
    skipped = 0
    for _ in range(20):
        _, _, terminated, truncated, info = env.step(FULL_GAS)
        assert (terminated, truncated, info["action_ignored"]) == (False, False, False)
        assert 0.0 <= info["lateness_ms"] < PATIENCE * 1e3
        skipped += info["frames_skipped"]
    assert time.perf_counter() - begun == pytest.approx(1.0 + skipped / 20, abs=0.2)
    assert info["time"] - first == pytest.approx(1.0 + skipped / 20, abs=0.2)
    assert env.unwrapped.sample.gas == 1.0
    assert env.unwrapped.sample.speed_kmh > 5.0
    assert game.teleports == 1
    env.close()
    assert sys.platform == "win32" or not mapping.exists()


def test_without_an_actuator_a_live_source_is_looked_on_and_a_pause_truncates(game: Game, tmp_path: Path) -> None:
    env = DriveEnv(tmp_path, control_hz=20, record=tmp_path / "look.mcap", policy="nobody")
    env.reset(seed=1)
    *_, info = env.step(FULL_GAS)
    assert info["action_ignored"]
    assert info["action"].tolist() == [0.0, -1.0]  # what the driver does: stand on the brake
    game.status = 3
    truncated = False
    while not truncated:
        _, _, terminated, truncated, info = env.step(FULL_GAS)
        assert not terminated
    assert info["reason"] == "paused"
    env.close()
    with open_source(tmp_path / "look.mcap") as source:
        kept = [decode(step.pages) for step in source.steps(Clock(math.inf)) if step.pages]
    assert len(kept) >= 2
    assert {sample.brake for sample in kept} == {1.0}


def test_a_game_that_leaves_truncates(game: Game, tmp_path: Path) -> None:
    env = DriveEnv(tmp_path, control_hz=20)
    env.reset(seed=1)
    game.close()
    truncated = False
    while not truncated:
        _, _, terminated, truncated, info = env.step(FULL_GAS)
        assert not terminated
    assert info["reason"] == "source_lost"
    env.close()


def test_a_game_that_never_comes_is_said(tmp_path: Path) -> None:
    env = DriveEnv(tmp_path, patience=0.1)
    with pytest.raises(NoGameError) as caught:
        env.reset()
    assert str(caught.value) == (
        f"No episode can begin: {tmp_path} has had no car that is ready to drive. Waiting for the page files of a "
        f"running game in {tmp_path}."
    )
    env.close()


def test_a_stream_is_looked_on() -> None:
    from telemetry.io.demo import DemoSource
    from telemetry.rl.live_world import NewestSource

    world = LiveWorld(NewestSource(DemoSource("laps")), 25.0, actuator_of("none"), clock=Clock(4.0))
    packets = [world.reset(None, np.random.default_rng(), {}, lambda sample: sample.packet_id > 300).packet_id]
    while len(set(packets)) < 4:
        moment = world.advance(Command())
        assert moment.sample is not None
        packets.append(moment.sample.packet_id)
    assert packets == sorted(packets)
    assert 0.0 <= moment.facts["frame_age_ms"] < PATIENCE * 1e3
    world.close()


# --- actuators


def test_the_mapped_file_has_csps_layout(tmp_path: Path) -> None:
    actuator = CustomAi(tmp_path, car=2)
    actuator.open()
    path = tmp_path / "AcTools.CSP.NewBehaviour.CustomAI.CarControls2.v0"
    actuator.apply(Command(steer=-0.5, throttle=0.25, brake=0.125))
    data = path.read_bytes()
    assert len(data) == 72
    assert memoryview(data[:20]).cast("f").tolist() == [0.25, 0.125, 1.0, -0.5, 0.0]
    assert [place for place, value in enumerate(data[20:], start=20) if value] == [41, 42, 43, 68]
    actuator.close()
    actuator.close()
    assert not path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there is such a mapping")
def test_off_windows_csp_and_vjoy_say_what_to_use() -> None:
    with pytest.raises(UsageError, match=r"under Linux use uinput, or name a directory\.$"):
        actuator_of("csp")
    with pytest.raises(UsageError, match=r"^The actuator vjoy drives through a driver of Windows"):
        actuator_of("vjoy").open()


class Driver:
    """A stand-in for vJoy's library, with one device."""

    def __init__(self, status: int = 1, *, enabled: bool = True) -> None:
        self.status = status
        self.enabled = enabled
        self.axes: list[tuple[int, int, int, int]] = []

    def vJoyEnabled(self) -> bool:  # noqa: N802 - the library's names
        return self.enabled

    def GetVJDStatus(self, _device: int) -> int:  # noqa: N802
        return self.status

    def AcquireVJD(self, _device: int) -> bool:  # noqa: N802
        self.status = 0
        return True

    def UpdateVJD(self, _device: int, reference: Any) -> bool:  # noqa: N802
        position: Any = reference._obj
        self.axes.append((position.bDevice, position.wAxisX, position.wAxisY, position.wAxisZ))
        return True

    def RelinquishVJD(self, _device: int) -> None:  # noqa: N802
        self.status = 1


def test_vjoy_gets_three_axes_in_one_call() -> None:
    driver = Driver()
    actuator = VJoy(library=driver)
    actuator.open()
    assert driver.status == 0
    actuator.apply(Command(steer=1.0, throttle=0.5, brake=0.25))
    actuator.close()
    assert driver.axes == [(1, 16384, 0, 0), (1, 32768, 16384, 8192), (1, 16384, 0, 0)]
    assert driver.status == 1


@pytest.mark.parametrize(
    ("driver", "sentence"),
    [
        (Driver(enabled=False), "The driver of vJoy is installed but not enabled."),
        (Driver(2), "Another program holds device 1 of vJoy."),
        (Driver(3), "vJoy has no device 1; its program 'Configure vJoy' makes one."),
    ],
)
def test_vjoy_says_what_is_in_the_way(driver: Driver, sentence: str) -> None:
    with pytest.raises(SinkError) as caught:
        VJoy(library=driver).open()
    assert str(caught.value) == sentence


class Evdev:
    """A stand-in for python-evdev, and for the device that the kernel would make."""

    class ecodes:  # noqa: N801 - the library's names
        EV_ABS, EV_KEY, ABS_X, ABS_GAS, ABS_BRAKE, BTN_TRIGGER = 3, 1, 0, 9, 10, 288

    def __init__(self) -> None:
        self.made: Any = None
        self.state: dict[int, int] = {}
        self.reports: list[dict[int, int]] = []
        self.closed = False

    def AbsInfo(self, **values: int) -> dict[str, int]:  # noqa: N802
        return values

    def UInput(self, capabilities: Any, name: str) -> "Evdev":  # noqa: N802
        self.made = (capabilities, name)
        return self

    def write(self, kind: int, code: int, value: int) -> None:
        assert kind == 3
        self.state[code] = value

    def syn(self) -> None:
        self.reports.append(dict(self.state))

    def close(self) -> None:
        self.closed = True


def test_the_virtual_wheel_reports_three_axes_at_once() -> None:
    kernel = Evdev()
    actuator = VirtualWheel(kernel)
    actuator.apply(Command(1.0))  # not open: nothing happens
    actuator.open()
    capabilities, name = kernel.made
    assert name == "ac-telemetry virtual wheel"
    assert [code for code, _ in capabilities[3]] == [0, 9, 10]
    actuator.apply(Command(-1.0, 0.5, 1.0))
    actuator.close()
    assert kernel.reports == [{0: -32767, 9: 16384, 10: 32767}, {0: 0, 9: 0, 10: 0}]
    assert kernel.closed
