"""What is true on Windows alone: named mappings, and the command line with the stand-in for the running game."""

import ctypes
import gzip
import json
import mmap
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

import ac_native_memory as ac
from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError
from telemetry.game import LiveSource, Publisher
from telemetry.recording.game_state import State
from tests.commands import COMMAND, FAST, Watched, rows, rows_so_far, run
from tests.conftest import PATIENCE, REPOSITORY, main_in_process, pages_of, real_time, wait_until
from tests.game.standin import StandIn, existing_mappings, needs_standin, real_names

pytestmark = [real_time, pytest.mark.skipif(sys.platform != "win32", reason="about Windows: run scripts/test-windows")]

FOREIGN = "Réglages 日本 mit Leerzeichen"


@pytest.fixture
def prefix() -> str:
    return f"test_{os.getpid()}_{time.perf_counter_ns()}_"


@pytest.fixture
def no_game() -> Iterator[None]:
    """No game runs at first, and no other test's later."""
    with real_names():
        yield


def packet_ids(path: Path) -> list[int]:
    return packet_ids_of(rows(path))


def packet_ids_of(recorded: list[dict[str, object]]) -> list[int]:
    return [int(str(row["packet_id"])) for row in recorded]


def runs_in(path: Path) -> int:
    """How many runs of the game there are in a recording, which may still go on."""
    ids = packet_ids_of(rows_so_far(path))
    return bool(ids) + sum(after < before for before, after in pairwise(ids))


def assert_is_the_standin(row: dict[str, Any]) -> None:
    """Every word of its physics page is packetId plus the word's index, and its texts are known."""
    packet_id = row["packet_id"]
    ends = (row["gas"], row["rpm"], row["wheel_slip"][0], row["local_velocity_z"], row["current_max_rpm"])
    assert ends == tuple(packet_id + index for index in (1, 5, 14, 144, 147))
    texts = (row["car_model"], row["track"], row["player_nick"], row["track_configuration"])
    assert texts == ("standin_car", "standin_track", "Zoë 日本 🏎", "abcdefghijklmnopqrstuvwxyzabcdef")


# --- named mappings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_hundred_attempts_without_a_game_create_no_mapping(
    prefix: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = list(ac.PAGES)
    made = [mmap.mmap(-1, 592, tagname=prefix + name) for name in names[:count]]  # type: ignore[call-arg]
    assert existing_mappings(prefix) == names[:count]
    mapped: list[str] = []
    true_mmap = mmap.mmap

    def watched_mmap(*arguments: Any, **options: Any) -> mmap.mmap:
        mapped.append(options["tagname"])
        assert options["tagname"].removeprefix(prefix) in names[:count]
        assert options["access"] == mmap.ACCESS_READ
        return true_mmap(*arguments, **options)

    monkeypatch.setattr(mmap, "mmap", watched_mmap)
    source = LiveSource(prefix=prefix)
    readings = source.readings(Clock(float("inf")), 10.0)
    for _ in range(50):
        with pytest.raises(ac.PagesMissing, match=f"The shared memory {prefix}{names[count]} does not exist"):
            ac.PageReader(prefix=prefix)
        assert next(readings).state is State.WAITING
        assert existing_mappings(prefix) == names[:count]
    assert mapped == [prefix + name for name in names[:count]] * 100
    for page in made:
        page.close()


def test_the_pages_are_mapped_for_reading_only(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page_readonly, page_readwrite = 2, 4
    mapped: list[mmap.mmap] = []
    true_mmap = mmap.mmap

    def kept_mmap(*arguments: Any, **options: Any) -> mmap.mmap:
        mapped.append(true_mmap(*arguments, **options))
        return mapped[-1]

    monkeypatch.setattr(mmap, "mmap", kept_mmap)
    with ac.PageWriter(prefix=prefix), ac.PageReader(prefix=prefix):
        written, read = mapped[:3], mapped[3:]
        assert [protection_of(page) for page in written] == [page_readwrite] * 3
        assert [protection_of(page) for page in read] == [page_readonly] * 3
        with pytest.raises(TypeError, match="read"):
            read[0][:4] = b"1234"
    assert existing_mappings(prefix) == []


def protection_of(page: mmap.mmap) -> int:
    """The protection that the system gives a page's memory, a PAGE_ constant of Windows."""
    information = (ctypes.c_uint32 * 12)()  # MEMORY_BASIC_INFORMATION; Protect is its tenth word
    address = np.frombuffer(page, np.uint8).ctypes.data
    kernel32 = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined]
    assert kernel32.VirtualQuery(ctypes.c_void_p(address), information, ctypes.sizeof(information))
    return information[9]


def test_a_publisher_publishes_and_leaves_like_the_game(prefix: str) -> None:
    publisher = Publisher(prefix=prefix)
    assert existing_mappings(prefix) == list(ac.PAGES)
    publisher.write(pages_of(gear=5))
    with ac.PageReader(prefix=prefix) as reader:
        assert reader.copy()[:3] == pages_of(gear=5)[:3]
        publisher.close()
        assert reader.copy()[:3] == tuple(bytes(size) for size in ac.SIZES)
    assert existing_mappings(prefix) == []


@needs_standin
def test_a_publisher_keeps_away_from_a_running_game() -> None:
    with StandIn() as game:
        wait_until(lambda: is_moving(game.prefix))
        with pytest.raises(SinkError, match="The game's pages are being written already"):
            Publisher(prefix=game.prefix)


def is_moving(prefix: str) -> bool:
    with ac.PageReader(prefix=prefix) as reader:
        before = reader.copy().physics
        time.sleep(0.02)
        return reader.copy().physics != before


def test_publisher_and_reader_talk_through_named_mappings(no_game: None, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with Watched("publish"):
        wait_until(lambda: existing_mappings() == list(ac.PAGES))
        options = ("--rate", "50", "--samples", "100", "--quiet", "--json-summary", "--json-output", path)
        result = run("read", *options)
    assert result.returncode == 0, result.stderr
    wait_until(lambda: existing_mappings() == [])
    recorded = rows(path)
    assert len(recorded) == 100
    assert {row["car_model"] for row in recorded} == {"demo_gt3"}
    steps = [int(str(row["physics_steps"])) for row in recorded[1:]]
    assert sum(steps) == packet_ids(path)[-1] - packet_ids(path)[0]
    assert json.loads(result.stdout)["torn"] == 0


def test_publish_plays_a_recording_into_named_mappings(no_game: None, tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    options = ("--rate", "100", "--samples", "100", "--json-output", path, "--quiet")
    assert main_in_process("read", *FAST, *options).returncode == 0
    recorded = {row["packet_id"]: row for row in rows(path)}
    with Watched("publish", "--source", path, "--loop", "--quiet"):
        wait_until(lambda: existing_mappings() == list(ac.PAGES))
        result = run("read", "--rate", "50", "--samples", "20", "--json-output", "-", "--quiet")
    assert result.returncode == 0, result.stderr
    lines = [orjson.loads(line) for line in result.stdout.splitlines()]
    assert len(lines) == 20
    for row in lines:
        original = recorded[row["packet_id"]]
        assert row["velocity_x"] == original["velocity_x"]
        assert row["tyre_contact_point"] == original["tyre_contact_point"]


# --- the running game -------------------------------------------------------------------------------------------------


@needs_standin
def test_a_running_game_is_shown_and_recorded(no_game: None, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with StandIn(prefix=""):
        result = run("read", "--rate", "50", "--duration", "1", "--json-output", path)
    assert result.returncode == 0, result.stderr
    recorded = rows(path)
    assert result.stderr.startswith(f"{len(recorded)} samples in ")
    assert 1 <= len(recorded) <= 51  # a machine that stalls misses some
    assert packet_ids(path) == sorted(packet_ids(path))
    for row in recorded:
        assert_is_the_standin(dict(row))
    assert re.search(r"live +lap \d", result.stdout)


@needs_standin
def test_lines_in_a_pipe_are_utf_8_with_plain_newlines(no_game: None) -> None:
    command = [*COMMAND, "read", "--samples", "10", "--json-output", "-"]
    with StandIn(prefix=""):
        result = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    lines = result.stdout.split(b"\n")
    assert (len(lines), lines[-1]) == (11, b"")
    for line in lines[:-1]:
        assert_is_the_standin(json.loads(line.decode("utf-8")))
        assert line.endswith(b"}")
    assert b"\r" not in result.stdout + result.stderr
    assert "10 samples in " in result.stderr.decode("utf-8")


@needs_standin
def test_a_game_that_starts_after_the_reader_is_found(no_game: None, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with Watched("read", "--samples", "20", "--json-output", path) as reader:
        reader.shows("waiting")
        assert existing_mappings() == []
        with StandIn("--load", "900", prefix=""):
            assert reader.end().startswith("20 samples in ")
    assert reader.states == ["waiting", "live"]
    assert len(rows(path)) == 20


@needs_standin
@pytest.mark.parametrize("command", ["exit", "crash"])
def test_a_game_that_goes_and_comes_back_is_recorded_on(no_game: None, tmp_path: Path, command: str) -> None:
    path = tmp_path / "out.jsonl"
    with Watched("read", "--json-output", path) as reader:
        reader.shows("waiting")
        with StandIn("--load", "1800", prefix="") as game:  # it counts from 600 on, the next one from 0
            reader.shows("waiting", "live")
            wait_until(lambda: runs_in(path) == 1)
            game.end(command)
        reader.shows("waiting", "live", "gone")
        wait_until(lambda: existing_mappings() == [])
        with StandIn(prefix=""):
            reader.shows("waiting", "live", "gone", "live")
            wait_until(lambda: runs_in(path) == 2)
    recorded = rows_so_far(path)
    assert [row["sequence"] for row in recorded] == list(range(len(recorded)))
    assert runs_in(path) == 2
    for row in recorded:
        assert_is_the_standin(dict(row))


@needs_standin
@pytest.mark.parametrize("killed", [False, True])
def test_a_reader_that_does_not_wait_ends_with_the_game(no_game: None, tmp_path: Path, killed: bool) -> None:
    path = tmp_path / "out.jsonl.gz"
    with StandIn(prefix="") as game, Watched("read", "--no-wait", "--json-output", path) as reader:
        reader.shows("live")
        if killed:
            game.process.kill()
            assert game.process.wait(PATIENCE) != 0
        else:
            game.end()
        summary = reader.end()
    lines = gzip.decompress(path.read_bytes()).splitlines()
    assert summary.startswith(f"{len(lines)} samples in ")
    for line in lines:
        assert_is_the_standin(orjson.loads(line))
    assert existing_mappings() == []


@needs_standin
def test_two_readers_see_the_same_game(no_game: None, tmp_path: Path) -> None:
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    options = ("read", "--rate", "100", "--no-wait", "--json-output")
    with StandIn(prefix="") as game, Watched(*options, paths[0]) as first, Watched(*options, paths[1]) as second:
        wait_until(lambda: runs_in(paths[0]) == runs_in(paths[1]) == 1, lambda: (first.messages, second.messages))
        # Both have begun: what either of them records from here on is recorded while the other one reads.
        begun = [len(rows_so_far(path)) for path in paths]
        wait_until(lambda: all(len(rows_so_far(path)) > count for path, count in zip(paths, begun, strict=True)))
        game.end()
        first.end()
        second.end()
    for path in paths:
        assert packet_ids(path) == sorted(packet_ids(path))
        for row in rows(path):
            assert_is_the_standin(dict(row))
    ranges = [range(min(packet_ids(path)), max(packet_ids(path))) for path in paths]
    assert max(r.start for r in ranges) < min(r.stop for r in ranges), "they read one after the other"


@needs_standin
def test_the_other_game_is_refused_in_a_sentence(no_game: None, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with StandIn("--competizione", prefix=""):
        result = run("read", "--json-output", path)
    assert result.returncode == 1
    assert "belongs to another game: its version is '1.9'" in result.stderr
    assert "Traceback" not in result.stderr


def test_no_game_without_waiting_is_exit_code_three(no_game: None) -> None:
    result = run("read", "--no-wait")
    assert result.returncode == 3
    assert result.stderr.startswith(
        "ac-telemetry: No game: the shared memory holds no running session of Assetto Corsa"
    )
    assert existing_mappings() == []


@needs_standin
def test_paths_may_hold_spaces_and_any_letters(no_game: None, tmp_path: Path) -> None:
    checkout = tmp_path / FOREIGN / "checkout"
    shutil.copytree(REPOSITORY / "telemetry", checkout / "telemetry", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("main.py", "ac_native_memory.py"):
        shutil.copy(REPOSITORY / name, checkout)
    path = tmp_path / FOREIGN / "Zoë 🏎.jsonl.zst"
    with StandIn(prefix=""):
        command = [sys.executable, str(checkout / "main.py"), "read", "--samples", "5", "--json-output", str(path)]
        result = subprocess.run(
            command, cwd=checkout, capture_output=True, timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL
        )
    assert result.returncode == 0, result.stderr
    assert f"\n{path}: {path.stat().st_size:,} bytes.\n" in result.stderr.decode("utf-8")
    again = run("read", "--source", path, "--speed", "max", "--json-output", "-", "--quiet", cwd=path.parent)
    assert again.returncode == 0, again.stderr
    assert len(again.stdout.splitlines()) == 5
    for line in again.stdout.splitlines():
        assert_is_the_standin(orjson.loads(line))


# --- time, and the end ------------------------------------------------------------------------------------------------


@needs_standin
def test_time_is_finer_than_the_ticks_of_the_system_clock(no_game: None, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with StandIn(prefix=""):
        result = run("read", "--rate", "200", "--samples", "200", "--json-output", path, "--quiet")
    assert result.returncode == 0, result.stderr
    for name in ("elapsed", "timestamp"):
        steps = [float(str(after[name])) - float(str(before[name])) for before, after in pairwise(rows(path))]
        assert min(steps) > 0.0
        assert len({round(step, 6) for step in steps}) > 50  # those of a clock that ticks are all alike


CLOSED = """
import ctypes, os, sys, threading, time
from pathlib import Path
from telemetry.cli import main

path = Path(sys.argv[-1])

def close_the_console():
    while not (path.exists() and path.stat().st_size):
        time.sleep(0.01)
    print(path.stat().st_size, flush=True)
    time.sleep(0.25)
    # Windows runs this in a new thread when the console's window closes, and ends the process when it returns.
    ctypes.WinDLL("kernelbase").CtrlRoutine(2)
    os._exit(7)

thread = threading.Thread(target=close_the_console)
thread.start()
try:
    main()
finally:
    thread.join()
"""


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_closing_the_console_window_waits_until_the_recording_is_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    arguments = ["read", "--source", "demo", "--rate", "100", "--quiet", "--json-output", str(path)]
    result = subprocess.run(
        [sys.executable, "-c", CLOSED, *arguments],
        cwd=REPOSITORY, capture_output=True, timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (7, b"")
    data = path.read_bytes() if suffix == ".jsonl" else gzip.decompress(path.read_bytes())
    assert data.endswith(b"}\n")
    recorded = [orjson.loads(line) for line in data.splitlines()]
    assert [row["sequence"] for row in recorded] == list(range(len(recorded)))
    assert len(path.read_bytes()) > int(result.stdout)  # those of the last moment, which were still on their way
