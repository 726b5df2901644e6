"""The environment on a game that runs by itself: deadlines, pauses, restarts, and who may drive."""

import json
import math
import runpy
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telemetry.base.clock import Clock
from telemetry.base.errors import NoGameError, SinkError
from telemetry.demo import DemoGame, DriverInputs
from telemetry.demo.source import DemoSource
from telemetry.fields.snapshot import decode
from telemetry.rl.action import Command
from telemetry.rl.actuators import ACTUATORS, CustomAi, VJoy, create_actuator
from telemetry.rl.actuators.csp import MAPPING, SIZE, TELEPORT
from telemetry.rl.backends.live import LiveBackend, NewestSource
from telemetry.sources import open_source
from tests.conftest import PATIENCE, REPOSITORY, main_in_process, real_time
from tests.game.driven import BRAKING, controls_of, run

gymnasium = pytest.importorskip("gymnasium", reason="The environment needs gymnasium, an extra.")
from telemetry.rl.env import DriveEnv  # noqa: E402

pytestmark = real_time

FULL_GAS = np.array([0.0, 1.0], np.float32)


class Game:
    """A game in page files that obeys CSP's mapped file; by a stand-in for vJoy's library, its button 8 restarts it."""

    def __init__(self, directory: Path) -> None:
        self._mapping = directory / MAPPING.format(car=0)
        self._asked = False
        self._stop = threading.Event()
        self.is_frozen = False
        self.status = 2
        self.teleports = 0
        self.restarts = 0
        self.pressed = False
        self._thread = threading.Thread(target=run, args=(directory, self._hands, self._stop))
        self._thread.start()

    def _hands(self, game: DemoGame) -> DriverInputs:
        while self.is_frozen and not self._stop.wait(0.003):  # it writes no more, and its pages stay
            pass
        game.status = self.status
        if self.pressed:
            self.pressed = False
            self.restarts += 1
            game.restart()
        data = b""
        with suppress(OSError):  # nobody drives, or begins or ends just now
            data = self._mapping.read_bytes()
        if len(data) != SIZE:
            return BRAKING
        self.teleports += bool(data[TELEPORT]) and not self._asked
        self._asked = bool(data[TELEPORT])
        return controls_of(data)

    def close(self) -> None:
        """End it; harmless when done twice."""
        self._stop.set()
        self._thread.join()

    # --- vJoy's library, with one device

    def vJoyEnabled(self) -> bool:  # noqa: N802 - the library's names
        return True

    def GetVJDStatus(self, _device: int) -> int:  # noqa: N802
        return 1

    def GetVJDButtonNumber(self, _device: int) -> int:  # noqa: N802
        return 8

    def AcquireVJD(self, _device: int) -> bool:  # noqa: N802
        return True

    def RelinquishVJD(self, _device: int) -> None:  # noqa: N802
        pass

    def UpdateVJD(self, _device: int, reference: Any) -> bool:  # noqa: N802
        position: Any = reference._obj  # noqa: SLF001 - ctypes offers no other way
        self.pressed = self.pressed or position.lButtons == 1 << 7
        return True


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs on this machine meanwhile does not matter."""
    for variable in ("LOCALAPPDATA", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "state"))


@pytest.fixture
def game(tmp_path: Path) -> Iterator[Game]:
    game = Game(tmp_path)
    yield game
    game.close()


def test_a_live_car_is_driven_through_the_mapped_file_at_absolute_deadlines(game: Game, tmp_path: Path) -> None:
    name = "telemetry.rl:AssettoCorsa/Live-v0"
    env = gymnasium.make(name, source=tmp_path, control_hz=20, actuator=CustomAi(tmp_path), reward={"progress": 1.0})
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


def test_a_killed_game_truncates_and_the_next_one_is_driven_on(game: Game, tmp_path: Path) -> None:
    env = DriveEnv(tmp_path, control_hz=20, actuator=CustomAi(tmp_path))
    env.reset(seed=1)
    env.step(FULL_GAS)
    game.is_frozen = True
    ages, truncated = [], False
    while not truncated:
        *_, truncated, info = env.step(FULL_GAS)
        ages.append(info["frame_age_ms"])
    assert info["reason"] == "source_lost"
    assert ages[-1] > 1000.0
    assert controls_of((tmp_path / MAPPING.format(car=0)).read_bytes()) == DriverInputs()
    following = Game(tmp_path)
    try:
        env.reset()
        *_, truncated, info = env.step(FULL_GAS)
        assert following.teleports == 1
        assert (truncated, info["reason"]) == (False, "")
    finally:
        env.close()
        following.close()


def test_a_game_that_never_comes_is_said(tmp_path: Path) -> None:
    env = DriveEnv(tmp_path, reset_timeout=0.1)
    with pytest.raises(NoGameError) as caught:
        env.reset()
    assert str(caught.value) == (
        f"No episode can begin: {tmp_path} had no car that is ready. Waiting for the game's page files acpmf_physics, "
        f"acpmf_graphics and acpmf_static in {tmp_path}, which is empty."
    )
    env.close()


def test_a_stream_is_looked_on() -> None:

    backend = LiveBackend(NewestSource(DemoSource("laps")), 25.0, create_actuator("none"), clock=Clock(4.0))
    packets = [backend.reset(None, np.random.default_rng(), {}, lambda sample: sample.packet_id > 300).packet_id]
    while len(set(packets)) < 4:
        moment = backend.advance(Command())
        assert moment.sample is not None
        packets.append(moment.sample.packet_id)
    assert packets == sorted(packets)
    assert 0.0 <= moment.info["frame_age_ms"] < PATIENCE * 1e3
    backend.close()


def test_the_dry_run_of_the_example_prints_what_it_would_do(
    game: Game, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["drive_live.py", "--source", str(tmp_path), "--seconds", "0.6"])
    runpy.run_path(str(REPOSITORY / "examples" / "drive_live.py"), run_name="__main__")
    waiting, _, line, steps, _, end = capsys.readouterr().out.splitlines()
    assert (waiting, end) == ("Waiting for a car.", "Nothing was sent to the game.")
    asked_and_shown = ["0.00", "0.40", "0.00", "0.00", "0.00", "1.00"]  # it would begin to drive, and the car stands
    assert line.split()[2:] == asked_and_shown
    assert steps.startswith("15 steps, ")
    assert game.teleports == 0


def test_the_doctor_moves_the_controls_of_a_standing_car(
    game: Game, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ACTUATORS, "csp", lambda _: CustomAi(tmp_path))
    done = main_in_process("doctor", "--source", tmp_path, "--output-dir", tmp_path, "--actuator", "csp", "--json")
    controls = [finding for finding in json.loads(done.stdout)["findings"] if "asked" in finding["facts"]]
    assert [(finding["topic"], finding["status"], finding["facts"]["shown"]) for finding in controls] == [
        ("brake", "ok", 0.6),
        ("steer right", "ok", 0.25),
        ("steer left", "ok", -0.25),
        ("throttle", "ok", 0.3),
    ]


# --- a button that restarts the session


def test_a_reset_presses_the_button_and_waits_for_the_session_to_begin_anew(game: Game, tmp_path: Path) -> None:
    env = DriveEnv(tmp_path, control_hz=20, actuator=VJoy(library=game, restart_button=8))
    for episode in range(2):
        before = env.sample.packet_id if episode else 100_000
        env.reset(seed=1)
        assert game.restarts == episode + 1
        first = env.sample.packet_id
        assert first < before  # never the old run once more
        *_, truncated, info = env.step(FULL_GAS)
        assert (truncated, info["reason"]) == (False, "")
        assert env.sample.packet_id > first  # and not before its physics run
        while env.sample.packet_id < 900:
            env.step(FULL_GAS)
    env.close()


def test_a_button_that_does_nothing_is_an_error_that_says_what_to_check(game: Game, tmp_path: Path) -> None:
    env = DriveEnv(tmp_path, control_hz=20, actuator=VJoy(library=game, restart_button=7), reset_timeout=0.5)
    with pytest.raises(NoGameError) as caught:
        env.reset()
    assert str(caught.value) == (
        f"No episode can begin: {tmp_path} had no car that is ready. The session did not restart when button 7 was "
        "pressed. Check in the game's controls that the button is assigned to 'restart session', and that the game is "
        "in front with no menu open."
    )
    env.close()


# --- one at a time


def test_a_second_environment_that_would_drive_the_same_car_is_refused(game: Game, tmp_path: Path) -> None:
    first, second = (DriveEnv(tmp_path, control_hz=20, actuator=CustomAi(tmp_path)) for _ in range(2))
    first.reset()
    with pytest.raises(SinkError) as caught:
        second.reset()
    assert str(caught.value) == (
        f"The mapping {MAPPING.format(car=0)} in {tmp_path.resolve()} is in use by another environment, here or in "
        "another process. Close that one."
    )
    looking_on = DriveEnv(tmp_path, control_hz=20)
    looking_on.reset()
    first.close()
    second.reset()
    second.close()
    looking_on.close()


DRIVE = """
import sys
from pathlib import Path
from telemetry.rl.actuators import CustomAi
from telemetry.rl.env import DriveEnv
env = DriveEnv(sys.argv[1], control_hz=20, actuator=CustomAi(Path(sys.argv[1])))
env.reset()
print("drives", flush=True)
sys.stdin.read()
"""


def test_a_process_that_drives_keeps_others_out_until_it_is_killed(game: Game, tmp_path: Path) -> None:
    command = [sys.executable, "-c", DRIVE, str(tmp_path)]
    other = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    env = DriveEnv(tmp_path, control_hz=20, actuator=CustomAi(tmp_path))
    try:
        assert other.stdout
        assert other.stdout.readline().strip() == b"drives"
        with pytest.raises(SinkError, match="is in use by another environment"):
            env.reset()
    finally:
        other.kill()
        other.communicate(timeout=PATIENCE)
    env.reset()
    env.close()


def test_an_actuator_that_cannot_be_opened_is_left_to_others(game: Game, tmp_path: Path) -> None:
    barred = DriveEnv(tmp_path, control_hz=20, actuator=CustomAi(tmp_path / "none"))
    (tmp_path / "none").write_text("no directory")
    with pytest.raises(SinkError, match=r"^The mapping .* cannot be made: "):
        barred.reset()
    (tmp_path / "none").unlink()
    (tmp_path / "none").mkdir()
    env = DriveEnv(tmp_path, control_hz=20, actuator=CustomAi(tmp_path / "none"))
    env.reset()
    env.close()
    barred.close()
