"""The bridge: its command on Linux, and the whole of it in a real Wine."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import ac_native_memory as ac
from telemetry.base.errors import UsageError
from telemetry.game import LiveSource
from telemetry.game.bridge import Bridge
from telemetry.rl.action import Command
from telemetry.rl.actuators import CustomAi
from telemetry.rl.actuators.csp import MAPPING
from telemetry.rl.backends.live import LiveBackend
from tests.conftest import PATIENCE, REPOSITORY, real_time, unique_name, wait_until
from tests.game.wine import WINDOWS, Wine, needs_wine

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = real_time


@pytest.mark.skipif(sys.platform == "win32", reason="about Linux")
def test_on_linux_the_command_says_what_it_is_for_and_what_to_type() -> None:
    command = [sys.executable, "main.py", "bridge"]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert result.returncode == 2
    assert result.stdout == ""
    for text in ("`uv run main.py read` on Linux reads the running game itself", "protontricks-launch --appid 244210"):
        assert text in result.stderr


@pytest.mark.skipif(sys.platform != "win32", reason="about Windows")
def test_on_windows_without_linux_below_it_the_bridge_says_that_none_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="here every program reads the game directly"):
        Bridge(tmp_path / "nowhere")


@pytest.fixture
def prefix() -> Iterator[str]:
    prefix = unique_name()
    yield prefix
    for path in page_files(prefix):
        path.unlink()


def page_files(prefix: str) -> list[Path]:
    return sorted(ac.PAGE_FILE_DIRECTORY.glob(f"{prefix}*"))


def start_bridge(wine: Wine, prefix: str, *options: str) -> subprocess.Popen[str]:
    return wine.start(wine.python / "python.exe", "main.py", "bridge", "--prefix", prefix, *options, cwd=REPOSITORY)


def stands(bridge: subprocess.Popen[str]) -> None:
    assert bridge.stderr
    assert "Bridge running in" in bridge.stderr.readline()


def end(bridge: subprocess.Popen[str]) -> str:
    # The process that Wine turned into python.exe is the one that was started.
    bridge.send_signal(signal.SIGINT)
    _, said = bridge.communicate(timeout=PATIENCE)
    assert bridge.returncode == 0, said
    return said


@needs_wine
def test_the_bridge_shows_a_game_that_starts_after_it_and_leaves_nothing(wine: Wine, prefix: str) -> None:
    assert WINDOWS
    bridge = start_bridge(wine, prefix)
    try:
        stands(bridge)
        assert [path.stat().st_size for path in page_files(prefix)] == [4096] * 3
        with ac.PageReader(prefix=prefix) as reader:
            assert reader.copy()[:3] == tuple(map(bytes, ac.SIZES))
            with wine.game(prefix=prefix) as game:
                wait_until(lambda: struct.unpack_from("<i", reader.copy().physics)[0] > 100)
                last_physics, _ = game.end()
                assert struct.unpack_from("<i", reader.copy().physics)[0] == last_physics
        wine.settle()
        assert end(bridge) == ""
        assert page_files(prefix) == []
    finally:
        bridge.kill()
        bridge.communicate()


@needs_wine
def test_a_bridge_that_ends_before_the_game_says_that_the_files_go_with_the_game(wine: Wine, prefix: str) -> None:
    bridge = start_bridge(wine, prefix)
    try:
        stands(bridge)
        with wine.game(prefix=prefix) as game, ac.PageReader(prefix=prefix) as reader:
            said = end(bridge)
            assert said.startswith("The game still writes ")
            assert said.endswith(": they disappear when it ends.\n")
            assert len(page_files(prefix)) == said.count(prefix) == 3
            before = reader.copy().physics
            wait_until(lambda: reader.copy().physics != before)
            game.end()
        wait_until(lambda: page_files(prefix) == [])
    finally:
        bridge.kill()
        bridge.communicate()


@needs_wine
def test_a_bridge_that_comes_after_the_game_is_refused(wine: Wine, prefix: str) -> None:
    with wine.game(prefix=prefix):
        bridge = start_bridge(wine, prefix)
        _, said = bridge.communicate(timeout=PATIENCE)
    assert bridge.returncode == 1
    assert f"The shared memory {prefix}acpmf_physics exists already" in said
    assert page_files(prefix) == []


@needs_wine
def test_a_named_pipe_in_the_place_of_a_page_is_a_sentence_and_no_wait(wine: Wine, prefix: str) -> None:
    pipe = ac.PAGE_FILE_DIRECTORY / f"{prefix}acpmf_graphics"
    if sys.platform != "win32":
        os.mkfifo(pipe)
    bridge = start_bridge(wine, prefix)
    _, said = bridge.communicate(timeout=PATIENCE)
    assert bridge.returncode == 1
    assert f"{pipe.name} cannot be made: it is a named pipe, and not a regular file." in said
    assert page_files(prefix) == [pipe]


@needs_wine
def test_a_program_of_linux_drives_a_car_under_wine_through_csps_mapping(
    wine: Wine, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    name = prefix + MAPPING.format(car=0)
    pages = tmp_path / "pages"
    pages.mkdir()
    world = LiveBackend(LiveSource(pages), 20.0, CustomAi(prefix=prefix))
    bridge = start_bridge(wine, prefix, "--csp")
    try:
        stands(bridge)
        second = start_bridge(wine, prefix, "--csp")
        assert f"The mapping {name} exists already" in second.communicate(timeout=PATIENCE)[1]
        game = wine.start(wine.python / "python.exe", "-m", "tests.game.driven", f"Z:{pages}", name, cwd=REPOSITORY)
        try:
            at_rest = world.reset(None, np.random.default_rng(), {}, lambda sample: sample.packet_id > 520)
            assert (at_rest.gas, at_rest.speed_kmh < 1.0) == (0.0, True)
            for _ in range(30):
                moment = world.advance(Command(steer=0.25, throttle=1.0))
            assert moment.sample
            assert (moment.sample.gas, moment.sample.steer_angle) == (1.0, 0.25)
            assert moment.sample.speed_kmh > 5.0
        finally:
            world.close()
            _, said = game.communicate("\n", timeout=PATIENCE)
        assert (game.returncode, said) == (0, "")
        wine.settle()
        assert page_files(prefix) == [ac.PAGE_FILE_DIRECTORY / name]
        assert end(bridge) == ""
        assert page_files(prefix) == []
    finally:
        bridge.kill()
        bridge.communicate()
