"""The game under Wine, read from Linux: fake trees of /proc, and the stand-in for the game in a real Wine."""

from __future__ import annotations

import itertools
import shutil
import struct
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ac_native_memory as ac
from telemetry.base.clock import Clock
from telemetry.base.errors import NoGameError
from telemetry.demo import SCENARIOS, DemoGame
from telemetry.game import WAIT_MESSAGE, LiveSource
from telemetry.game.proton import (
    GameHiddenBySandbox,
    GameLoading,
    GameMemory,
    MemoryAccessDenied,
    Processes,
    find_sandbox,
)
from telemetry.game.proton.mappings import Section
from telemetry.game.proton.page_recognition import classify_pages, identify_page
from telemetry.game.proton.processes import COMM_LENGTH
from telemetry.recording.game_state import State
from tests.conftest import PATIENCE, REPOSITORY, pages_of, real_time, unique_name, wait_until
from tests.drives import SEEDS, drive
from tests.game.wine import ANOTHER_USER, ORDINARY_USER, Wine, as_root, needs_wine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from telemetry.recording.interfaces import Reading

pytestmark = real_time

NAMES = tuple(ac.PAGES)
PAGE = 4096


def paged(*pages: bytes) -> list[bytes]:
    return [page.ljust(PAGE, b"\0") for page in pages]


def driven(scenario: str = "laps", steps: int = 3000) -> list[bytes]:
    game = DemoGame(1, scenario)
    for _ in range(steps):
        game.step()
    return paged(game.physics_page(), game.graphics_page(), game.static_page())


DRIVEN = driven()


# --- which page is which ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_page_of_the_demo_is_recognised_once_it_is_written(scenario: str) -> None:
    for frame in drive(scenario, SEEDS.get(scenario, 0)).frames(60)[::30]:
        pages = paged(frame.physics_bytes, frame.graphics_bytes, frame.static_bytes)
        assert tuple(map(identify_page, pages)) == NAMES
        assert classify_pages(pages[::-1]) == (2, 1, 0)


def test_a_car_that_stands_still_in_the_garage_is_recognised() -> None:
    game = DemoGame(3)
    while not any(game.physics_page()):
        game.step()
    assert identify_page(game.physics_page().ljust(PAGE, b"\0")) == "acpmf_physics"


def test_pages_that_are_not_written_yet_are_not_told_apart() -> None:
    physics, graphics, static = DRIVEN
    blank = bytes(PAGE)
    assert identify_page(blank) is None
    for pages in ((blank, graphics, static), (physics, blank, static), (physics, graphics, blank), ()):
        assert classify_pages(pages) is None


def test_other_sections_of_the_game_do_not_matter() -> None:
    text = "C:\\Users\\driver\\Documents\\Assetto Corsa".encode("utf-16-le").ljust(PAGE, b"\0")
    floats = struct.pack("<148f", *(0.5 * index for index in range(1, 149))).ljust(PAGE, b"\0")
    longer = DRIVEN[0][:592] + b"\1" * (PAGE - 592)
    others = [bytes(PAGE), text, floats, longer, b"\xff" * PAGE, b"short", bytes(65536)]
    assert [identify_page(other) for other in others] == [None] * len(others)
    assert classify_pages([*others, *DRIVEN]) == (7, 8, 9)


def test_two_candidates_for_one_page_are_none() -> None:
    physics, graphics, static = DRIVEN
    for twice in DRIVEN:
        assert classify_pages([physics, graphics, static, twice]) is None


def test_of_two_pages_with_the_layout_of_physics_the_one_with_a_car_in_it_counts() -> None:
    physics, graphics, static = DRIVEN
    words = ac.SPageFilePhysics.from_buffer_copy(physics)
    words.gas, words.gear = 2000.0, 2004
    nonsense = bytes(words).ljust(PAGE, b"\0")
    assert identify_page(nonsense) == "acpmf_physics"
    assert classify_pages([nonsense, graphics, physics, static]) == (2, 1, 3)


def test_a_truck_in_its_16th_gear_is_a_car() -> None:
    physics, graphics, static = DRIVEN
    words = ac.SPageFilePhysics.from_buffer_copy(physics)
    words.gear = 17
    truck = bytes(words).ljust(PAGE, b"\0")
    words.gas, words.gear = 2000.0, 2004
    nonsense = bytes(words).ljust(PAGE, b"\0")
    assert classify_pages([nonsense, graphics, truck, static]) == (2, 1, 3)


def test_an_orderly_exit_is_not_taken_for_a_game() -> None:
    graphics = ac.SPageFileGraphic()
    graphics.currentTime[:] = [0xD7A5 + index for index in range(15)]
    assert identify_page(bytes(graphics).ljust(PAGE, b"\0")) is None


@given(st.binary(min_size=684, max_size=PAGE) | st.binary(min_size=592, max_size=592).map(lambda page: paged(page)[0]))
def test_random_bytes_are_no_page(content: bytes) -> None:
    assert identify_page(content) is None


@given(st.integers(0, 2), st.integers(0, 500), st.binary(min_size=1, max_size=64))
def test_a_page_with_other_bytes_in_it_is_itself_or_nothing(index: int, offset: int, patch: bytes) -> None:
    page = DRIVEN[index]
    patched = page[:offset] + patch + page[offset + len(patch) :]
    assert identify_page(patched) in (NAMES[index], None)


# --- a fake /proc -----------------------------------------------------------------------------------------------------

on_linux = pytest.mark.skipif(sys.platform == "win32", reason="about /proc, which Linux has")


class Proc:
    """A tree like ``/proc`` that a test fills."""

    def __init__(self, root: Path) -> None:
        self.root = root / "proc"
        self.files = root / "files"
        self.files.mkdir()
        self.add("self", "python3")

    def add(self, pid: int | str, comm: str, *arguments: str, user: int = 4_000_000) -> Path:
        folder = self.root / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "map_files").mkdir()
        (folder / "comm").write_text(comm[:COMM_LENGTH] + "\n")
        (folder / "cmdline").write_bytes(b"".join(argument.encode() + b"\0" for argument in arguments or [comm]))
        (folder / "status").write_text(f"Name:\t{comm}\nUid:\t{user}\t{user}\t{user}\t{user}\n")
        (folder / "stat").write_text(f"{pid} ({comm}) S " + " ".join(map(str, range(4, 52))) + "\n")
        (folder / "maps").write_text("00400000-00401000 r-xp 00000000 08:01 1    /usr/bin/wine64-preloader\n")
        return folder

    def section(self, pid: int, content: bytes, *, holders: tuple[int, ...], rights: str = "rw-s") -> Section:
        path = self.files / f"tmpmap-{len(list(self.files.iterdir())):08x} (deleted)"
        path.write_bytes(content)
        number = path.stat().st_ino
        begin = number * 0x100000
        span = f"{begin:08x}-{begin + max(len(content), PAGE):08x}"
        with (self.root / str(pid) / "maps").open("a") as maps:
            maps.write(f"{span} {rights} 00000000 08:01 {number}    {path}\n")
        for holder in holders:
            self.hold(holder, path)
        return Section(span, number, str(path))

    def hold(self, pid: int, path: Path) -> None:
        folder = self.root / str(pid) / "fd"
        (folder / str(len(list(folder.iterdir())))).symlink_to(path)

    def game(self, pid: int = 100, *, holders: tuple[int, ...] = (), pages: list[bytes] = DRIVEN, **more: int) -> None:
        self.add(pid, "acs.exe", "Z:\\games\\acs.exe", **more)
        for page in pages:
            self.section(pid, page, holders=holders)

    def processes(self) -> Processes:
        return Processes(self.root)

    def memory(self) -> GameMemory:
        return GameMemory(self.processes())


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


@on_linux
def test_the_game_is_known_by_its_name_and_nothing_else_is(proc: Proc) -> None:
    proc.add(10, "AssettoCorsa.ex", "Z:\\games\\AssettoCorsa.exe")
    proc.add(11, "python3", "/usr/bin/python3", "proton", "waitforexitandrun", "/games/acs.exe")
    proc.add(12, "acs_x86.exe", "Z:\\games\\acs_x86.exe")
    proc.add(13, "acs.exe", "acs.exe")
    proc.add(14, "acs.exe.bak", "acs.exe.bak")
    assert proc.processes().games() == [13, 12]


@on_linux
def test_a_game_whose_first_thread_has_a_name_of_its_own_is_known_by_its_command_line(proc: Proc) -> None:
    processes = proc.processes()
    folder = proc.add(20, "wine64-preloader", "wine64", "acs.exe")
    assert processes.games() == []
    (folder / "comm").write_text("RenderThread\n")
    (folder / "cmdline").write_bytes(b"Z:\\games\\acs.exe\0-windowed\0")
    assert processes.games() == [20]
    assert processes.games() == [20]


@on_linux
def test_there_is_no_game_where_none_runs(proc: Proc) -> None:
    with pytest.raises(ac.PagesMissing, match=r"^No game is running\.$"):
        proc.memory().open_pages()
    with pytest.raises(ac.PagesMissing):
        GameMemory(Processes(proc.root / "nowhere")).open_pages()


@on_linux
def test_only_small_writable_shared_files_without_a_name_count(proc: Proc) -> None:
    proc.add(100, "acs.exe")
    wanted = proc.section(100, DRIVEN[0], holders=())
    proc.section(100, DRIVEN[1], holders=(), rights="r--s")
    proc.section(100, DRIVEN[1], holders=(), rights="rw-p")
    proc.section(100, bytes(70_000), holders=())
    with (proc.root / "100/maps").open("a") as maps:
        maps.write("7f0000000000-7f0000001000 rw-s 00000000 00:01 77   /memfd:wine-mapping (deleted)\n")
        maps.write("7f0000002000-7f0000003000 rw-s 00000000 00:01 77   /memfd:wine-mapping (deleted)\n")
        maps.write("7f0000004000-7f0000005000 rw-s 00001000 00:01 78   /memfd:wine-mapping (deleted)\n")
        maps.write("7f0000006000-7f0000007000 rw-s 00000000 00:19 79   /dev/shm/acpmf_physics\n")
        maps.write("7f0000008000-7f0000009000 rw-s 00000000 00:05 80   /dev/nvidiactl\n")
    memfd = Section("7f0000000000-7f0000001000", 77, "/memfd:wine-mapping (deleted)")
    assert proc.memory().sections(100) == [wanted, memfd]


@on_linux
@pytest.mark.parametrize("holder", ["game", "wineserver", "mapping"])
def test_pages_are_opened_by_the_descriptors_of_game_or_wineserver_or_by_the_mapping(proc: Proc, holder: str) -> None:
    proc.add(50, "wineserver")
    proc.add(51, "wineserver64")
    proc.game(holders={"game": (100,), "wineserver": (51,), "mapping": ()}[holder])
    if holder == "mapping":
        for section in proc.memory().sections(100):
            (proc.root / "100/map_files" / section.span).symlink_to(section.name)
    memory = proc.memory()
    with memory.open_pages() as reader:
        copies = reader.copy()
    assert copies[:3] == tuple(page[:size] for page, size in zip(DRIVEN, ac.SIZES, strict=True))
    assert memory.current == (100, "22")
    assert memory.still_runs()


@on_linux
def test_a_descriptor_with_the_right_name_and_another_file_behind_it_is_left_alone(proc: Proc) -> None:
    proc.game(holders=(100,))
    with (proc.root / "100/maps").open() as maps:
        lines = maps.read().splitlines()
    name = lines[-1].split(None, 5)[5]
    content = Path(name).read_bytes()
    Path(name).rename(f"{name}.old")
    Path(name).write_bytes(content)
    with pytest.raises(GameLoading):
        proc.memory().open_pages()


@on_linux
def test_a_game_that_ended_or_came_anew_does_not_run_still(proc: Proc) -> None:
    proc.game(holders=(100,))
    memory = proc.memory()
    assert not memory.still_runs()
    memory.open_pages().close()
    stat = proc.root / "100/stat"
    status = stat.read_text()
    stat.write_text(status.replace(" S ", " Z "))
    assert not memory.still_runs()
    stat.write_text(status.replace(" 22 ", " 2200 "))
    assert not memory.still_runs()
    shutil.rmtree(proc.root / "100")
    assert not memory.still_runs()
    assert memory.processes.games() == []


@on_linux
def test_a_game_that_loads_has_no_pages_yet(proc: Proc) -> None:
    proc.game(holders=(100,), pages=[bytes(PAGE)] * 3)
    with pytest.raises(
        GameLoading, match=r"The game is running \(process 100\) and has not written its telemetry yet\."
    ):
        proc.memory().open_pages()


@on_linux
def test_of_two_games_the_newest_that_can_be_read_is_read(proc: Proc) -> None:
    proc.game(100, holders=(100,))
    proc.game(200, pages=[bytes(PAGE)] * 3, holders=(200,))
    memory = proc.memory()
    memory.open_pages().close()
    assert memory.current is not None
    assert memory.current[0] == 100


@on_linux
def test_the_game_of_another_user_is_refused_with_advice(proc: Proc) -> None:
    proc.game(user=4_000_001)
    with pytest.raises(
        MemoryAccessDenied, match=r"belongs to user 4000001 and this program runs as user 4000000\. Run both as the "
    ):
        proc.memory().open_pages()


@on_linux
def test_a_protected_game_is_refused_with_advice(proc: Proc) -> None:
    proc.game()
    with pytest.raises(MemoryAccessDenied, match=r"may not be read.*(protects|outside).*main\.py bridge"):
        proc.memory().open_pages()


@on_linux
def test_from_inside_a_sandbox_a_game_that_is_not_seen_may_run_all_the_same(
    proc: Proc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNAP", "/snap/this/1")
    assert find_sandbox() == "a Snap sandbox"
    with pytest.raises(
        GameHiddenBySandbox, match=r"inside a Snap sandbox\. If one runs outside, run this program there too\."
    ):
        proc.memory().open_pages()
    source, readings, _ = live(proc)
    assert next(readings).message.startswith("No game is to be seen from inside a Snap sandbox.")
    source.close()


# --- the live source --------------------------------------------------------------------------------------------------


def live(proc: Proc, prefix: str = "", **options: Any) -> tuple[LiveSource, Iterator[Reading], Clock]:
    clock = Clock(float("inf"))
    source = LiveSource(prefix=prefix or unique_name(), processes=proc.processes(), **options)
    return source, source.readings(clock, 10.0), clock


def look_until(readings: Iterator[Reading], state: State) -> Reading:
    for _ in range(100):
        if (reading := next(readings)).state is state:
            return reading
    pytest.fail(f"never {state}")


@on_linux
def test_the_live_source_reads_the_game_where_there_is_no_bridge(proc: Proc) -> None:
    source, readings, _ = live(proc)
    assert next(readings).message == WAIT_MESSAGE
    proc.game(holders=(100,))
    reading = look_until(readings, State.STALLED)
    assert reading.snapshot is not None
    assert reading.snapshot.track == "demo_ring"
    shutil.rmtree(proc.root / "100")
    assert next(reading for reading in readings if reading.state is not State.STALLED).state is State.WAITING
    source.close()


@on_linux
@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("content", ["empty", "stale"])
def test_a_bridge_that_shows_no_game_gives_way_to_the_game_itself(proc: Proc, content: str, *, wait: bool) -> None:
    proc.game(holders=(100,))
    prefix = unique_name()
    source, readings, _ = live(proc, prefix, wait=wait)
    with ac.PageWriter(prefix=prefix) as writer:
        if content == "stale":
            writer.write(*pages_of(track="stale_ring")[:3])
        tracks = set()
        with suppress(NoGameError):  # the page of a fake game does not move
            for reading in itertools.islice(readings, 15):
                tracks.add(reading.snapshot.track if reading.snapshot else "")
    assert "demo_ring" in tracks
    source.close()


@on_linux
def test_a_live_bridge_comes_before_the_game_itself(proc: Proc) -> None:
    proc.game(holders=(100,))
    prefix = unique_name()
    source, readings, _ = live(proc, prefix)
    with ac.PageWriter(prefix=prefix) as writer:
        for packet_id in range(1000, 1030):
            writer.write(*pages_of(packet_id=packet_id, track="bridge_ring")[:3])
            reading = next(readings)
            assert reading.snapshot is None or reading.snapshot.track == "bridge_ring"
    assert reading.state is State.LIVE
    source.close()


@on_linux
def test_a_game_that_may_not_be_read_is_waited_for_with_the_reason(proc: Proc) -> None:
    proc.game(user=4_000_001)
    source, readings, _ = live(proc)
    for _ in range(3):
        reading = next(readings)
        assert reading.state is State.WAITING
        assert "Run both as the same user." in reading.message
    source.close()


@on_linux
def test_not_waiting_for_a_game_that_may_not_be_read_ends_with_the_reason(proc: Proc) -> None:
    proc.game(user=4_000_001)
    _, readings, _ = live(proc, wait=False)
    with pytest.raises(NoGameError, match=r"Run both as the same user\."):
        list(readings)


# --- the stand-in for the game under a real Wine ----------------------------------------------------------------------


def opened(processes: Processes) -> ac.PageReader:
    memory = GameMemory(processes)
    readers: list[ac.PageReader] = []

    def try_it() -> bool:
        try:
            readers.append(memory.open_pages())
        except ac.PagesMissing:
            return False
        return True

    wait_until(try_it)
    return readers[0]


def steps_in(reader: ac.PageReader, count: int) -> list[int]:
    """The next so many steps that are seen, each once."""
    seen: list[int] = []
    end = time.perf_counter() + PATIENCE
    while len(seen) < count:
        assert time.perf_counter() < end, seen
        (packet_id,) = struct.unpack_from("<i", reader.copy().physics)
        if [packet_id] != seen[-1:]:
            seen.append(packet_id)
    return seen


@needs_wine
def test_the_pages_of_a_game_under_wine_are_read_live_with_no_bridge(wine: Wine) -> None:
    with wine.game() as game, opened(wine.processes()) as reader:
        seen = steps_in(reader, 200)
        assert seen == sorted(seen)
        last_physics, _ = game.end()
        pages = reader.copy()
        assert struct.unpack_from("<i", pages.physics) == (last_physics,)
        assert ac.text_of(ac.SPageFileStatic.from_buffer_copy(pages.static).carModel) == "standin_car"


@needs_wine
@pytest.mark.parametrize("command", ["exit", "crash"])
def test_a_game_under_wine_that_ends_and_comes_back_is_noticed(wine: Wine, command: str) -> None:
    source = LiveSource(prefix=unique_name(), processes=wine.processes())
    readings = source.readings(Clock(), 50.0)

    def look_until(state: State) -> None:
        end = time.perf_counter() + PATIENCE
        while (reading := next(readings)).state is not state:
            assert time.perf_counter() < end, reading

    look_until(State.WAITING)
    for _ in range(2):
        with wine.game() as game:
            look_until(State.LIVE)
            game.end(command)
            look_until(State.GONE)
    source.close()


@needs_wine
def test_a_game_under_wine_that_loads_is_said_to(wine: Wine) -> None:
    with wine.game("--load", "60000"):
        processes = wine.processes()
        wait_until(lambda: bool(processes.games()))
        memory = GameMemory(processes)
        with pytest.raises(GameLoading, match="has not written its telemetry yet"):
            memory.open_pages()


READ_AS = """
import os, struct, sys, time
from telemetry.game.proton import GameMemory, MemoryAccessDenied, Processes
"".encode("utf-16-le"), "".encode("idna")  # what is loaded late, while it may still be
user = int(sys.argv[1])
os.setgroups([]), os.setgid(user), os.setuid(user)
try:
    reader = GameMemory(Processes(games=(sys.argv[2],))).open_pages()
except MemoryAccessDenied as error:
    sys.exit(str(error))
first = steps = struct.unpack_from("<i", reader.copy().physics)[0]
while steps < first + 30:
    time.sleep(0.01)
    steps = struct.unpack_from("<i", reader.copy().physics)[0]
print(steps - first)
"""


@needs_wine
@as_root
def test_an_ordinary_user_reads_his_own_game_and_nobody_elses() -> None:
    wine = Wine(ORDINARY_USER)
    try:
        with wine.game():
            opened(wine.processes()).close()
            command = [sys.executable, "-c", READ_AS]
            read, refused = (
                subprocess.run(
                    [*command, str(user), wine.name], cwd=REPOSITORY, capture_output=True, text=True, timeout=PATIENCE,
                    check=False,
                )
                for user in (ORDINARY_USER, ANOTHER_USER)
            )  # fmt: skip
    finally:
        wine.close()
    assert int(read.stdout) >= 30, read.stderr
    assert f"belongs to user {ORDINARY_USER} and this program runs as user {ANOTHER_USER}" in refused.stderr
