import ctypes
import math
import mmap
import multiprocessing
import os
import random
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

import ac_native_memory as ac
from telemetry.base.clock import Clock
from telemetry.base.errors import NoGameError, SinkError, SourceError
from telemetry.base.typing import override
from telemetry.base.units import STEP_S
from telemetry.demo import DemoGame
from telemetry.demo.source import DemoSource
from telemetry.fields.pages import read_packet_id
from telemetry.game import LiveSource, Publisher
from telemetry.game.polling import BATCH_SIZE
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Reading, Step
from tests.conftest import pages_of, real_time, wait_until

pytestmark = real_time

LIVE, FRESH, STALE = State.LIVE, True, False


class Game:
    """A game whose pages a test moves, and a live source that looks at them by a clock that jumps."""

    def __init__(self, directory: Path, *, dump: bool = False, wait: bool = True) -> None:
        self.directory = directory
        self.writer: ac.PageWriter | None = None
        self.packet_id = 1000
        self.clock = Clock(math.inf)
        self.source = LiveSource(directory, wait=wait, accept_static=dump)
        self.readings: Iterator[Reading] = self.source.readings(self.clock, 10.0)

    def write(self, steps: int = 33, **values: Any) -> None:
        if self.writer is None:
            self.writer = ac.PageWriter(self.directory)
        self.packet_id += steps
        self.writer.write(*pages_of(packet_id=self.packet_id, **values)[:3])

    def blank(self) -> None:
        assert self.writer is not None
        self.writer.write(*(bytes(size) for size in ac.SIZES))

    def leave(self) -> None:
        assert self.writer is not None
        self.writer.close()
        self.writer = None

    def look(self) -> Reading:
        return next(self.readings)

    def state_after(self, seconds: float) -> State:
        end = self.clock.now() + seconds
        reading = self.look()
        while self.clock.now() < end:
            reading = self.look()
        return reading.state


@pytest.fixture
def game(tmp_path: Path) -> Iterator[Game]:
    game = Game(tmp_path)
    yield game
    game.source.close()
    if game.writer is not None:
        game.leave()


def live_game(game: Game) -> None:
    game.write()
    game.look()
    game.write()
    assert game.look().state is LIVE


def test_a_moving_game_is_live(game: Game) -> None:
    live_game(game)
    game.write(speed_kmh=99.5)
    reading = game.look()
    assert (reading.state, reading.is_new_step, reading.message) == (LIVE, FRESH, "")
    assert reading.snapshot is not None
    assert reading.snapshot.speed_kmh == 99.5
    assert reading.snapshot.elapsed == game.clock.now()


def test_without_a_game_it_waits_and_looks_twice_a_second(game: Game) -> None:
    times = []
    for _ in range(4):
        reading = game.look()
        assert (reading.state, reading.snapshot) == (State.WAITING, None)
        assert reading.message == (
            "Waiting for the game's page files acpmf_physics, acpmf_graphics and acpmf_static in "
            f"{game.directory}, which is empty."
        )
        times.append(game.clock.now())
    assert times == [0.0, 0.5, 1.0, 1.5]
    assert list(game.directory.iterdir()) == []


def test_a_bridge_with_empty_pages_is_no_game_yet(game: Game) -> None:
    game.write()
    game.blank()
    assert [game.look().state for _ in range(2)] == [State.WAITING] * 2
    live_game(game)


def test_a_game_that_starts_later_is_found(game: Game) -> None:
    assert game.look().state is State.WAITING
    live_game(game)


def test_a_session_that_loads_has_no_samples_until_car_and_track_are_named(game: Game) -> None:
    live_game(game)
    for missing in ("car_model", "track"):
        game.write(33, **{missing: ""})
        reading = game.look()
        assert (reading.state, reading.snapshot) == (State.LOADING, None)
    game.write(track="late_ring")
    reading = game.look()
    assert reading.snapshot is not None
    assert reading.snapshot.track == "late_ring"


def test_unwritten_physics_is_loading(game: Game) -> None:
    game.write()
    assert game.writer is not None
    game.writer.write(physics=bytes(592))
    assert game.look().state is State.LOADING


@pytest.mark.parametrize(
    ("values", "state"),
    [({"status": 3}, State.PAUSED), ({"status": 1}, State.REPLAY), ({"is_esc_menu_visible": 1}, State.MENU)],
)
def test_a_car_that_stands_still_in_time_is_shown_but_not_fresh(
    game: Game, values: dict[str, int], state: State
) -> None:
    live_game(game)
    game.write(steps=0, **values)
    for _ in range(30):
        reading = game.look()
        assert (reading.state, reading.is_new_step) == (state, STALE)
        assert reading.snapshot is not None
        assert reading.message
    game.write()
    assert game.look().state is LIVE


def test_a_session_that_goes_on_behind_the_menu_is_fresh(game: Game) -> None:
    live_game(game)
    game.write(is_esc_menu_visible=1)
    reading = game.look()
    assert (reading.state, reading.is_new_step) == (State.MENU, FRESH)


def test_a_game_that_stops_writing_is_stalled_after_a_second_and_live_when_it_goes_on(game: Game) -> None:
    live_game(game)
    assert game.state_after(0.8) is LIVE
    assert game.state_after(0.5) is State.STALLED
    game.write()
    assert game.look().state is LIVE


def test_a_leftover_of_a_killed_game_is_never_live(game: Game) -> None:
    game.write()
    assert game.look().state is State.LOADING
    assert game.state_after(1.0) is State.STALLED


def test_an_orderly_exit_is_gone_and_a_restart_is_picked_up(game: Game) -> None:
    live_game(game)
    game.write(steps=0, status=0, current_time_text="garb")
    reading = game.look()
    assert (reading.state, reading.snapshot) == (State.GONE, None)
    assert "waiting for it to come back" in reading.message
    game.leave()
    assert game.look().state is State.GONE
    game.packet_id = 0
    live_game(game)


def test_a_killed_game_whose_pages_vanish_is_gone(game: Game) -> None:
    live_game(game)
    game.leave()
    assert game.state_after(2.0) is State.GONE


def test_pages_made_anew_under_the_same_name_are_picked_up(game: Game) -> None:
    live_game(game)
    game.leave()
    game.write()
    seen = set()
    for _ in range(20):
        game.write()
        seen.add(game.look().state)
    assert game.look().state is LIVE


def test_pages_of_a_dump_that_never_move_are_read(tmp_path: Path) -> None:
    game = Game(tmp_path, dump=True)
    game.write(status=3, gear=4)
    reading = game.look()
    assert (reading.state, reading.is_new_step) == (State.STILL, FRESH)
    assert reading.snapshot is not None
    assert reading.snapshot.gear == 4
    assert [game.look().is_new_step for _ in range(5)] == [STALE] * 5
    game.source.close()
    game.leave()


def test_not_waiting_without_a_game_is_an_error_of_its_own(tmp_path: Path) -> None:
    game = Game(tmp_path, wait=False)
    assert game.look().state is State.WAITING
    with pytest.raises(NoGameError, match=r"No game: .* holds no running session") as error:
        game.look()
    assert error.value.exit_code == 3


def test_not_waiting_for_a_leftover_that_does_not_move_is_no_game(tmp_path: Path) -> None:
    game = Game(tmp_path, wait=False)
    game.write()
    with pytest.raises(NoGameError):
        game.state_after(1.0)
    game.leave()


def test_not_waiting_ends_when_the_game_does(tmp_path: Path) -> None:
    game = Game(tmp_path, wait=False)
    live_game(game)
    game.leave()
    assert [reading.state for reading in game.readings][-1] is State.GONE


def test_another_game_is_refused_with_its_reason(game: Game) -> None:
    game.write(sm_version="1.9")
    with pytest.raises(SourceError, match=r"another game: its version is '1\.9'"):
        game.look()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_pipe_in_place_of_a_page_is_refused_and_not_waited_for(game: Game) -> None:
    os.mkfifo(game.directory / "acpmf_physics")
    with pytest.raises(SourceError, match=r"acpmf_physics is not a regular file, so it holds no page of the game\."):
        game.look()


def test_a_directory_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"There is no directory"):
        LiveSource(tmp_path / "nowhere")


def test_pages_that_cannot_be_read_are_refused_with_the_reason(game: Game) -> None:
    for name in ac.PAGES:
        (game.directory / name).write_bytes(bytes(10))
    with pytest.raises(SourceError, match=re.escape("has 10 bytes; the game's page has 592.")):
        game.look()


# --- every physics step -----------------------------------------------------------------------------------------------


class Play(Clock):
    """A clock that jumps, by which a game writes its pages at set times; it stops after the last."""

    def __init__(self, directory: Path, *, dump: bool = False, wait: bool = True) -> None:
        super().__init__(math.inf)
        self.directory = directory
        self.writer: ac.PageWriter | None = None
        self.source = LiveSource(directory, wait=wait, accept_static=dump)
        self._acts: list[tuple[float, Callable[[], None]]] = []
        self._end = 0.0

    def write(self, at: float, packet_id: int, **values: Any) -> None:
        pages = pages_of(packet_id=packet_id, **values)[:3]

        def act() -> None:
            self.writer = self.writer or ac.PageWriter(self.directory)
            self.writer.write(*pages)

        self.at(at, act)

    def drive(self, at: float, first: int, count: int, **values: Any) -> float:
        """So many steps in the game's own time; gives when the next would be due."""
        for index in range(count):
            self.write(at + index * STEP_S, first + index, **values)
        return at + count * STEP_S

    def at(self, time: float, act: Callable[[], None]) -> None:
        self._acts.append((time, act))
        self._end = max(self._end, time)

    def leave(self) -> None:
        assert self.writer is not None
        self.writer.close()
        self.writer = None

    def sleep_until(self, deadline: float) -> bool:
        self._act(deadline)
        if deadline > self._end:
            self.stop()
        return super().sleep_until(deadline)

    def _act(self, until: float) -> None:
        while self._acts and self._acts[0][0] <= until:
            self._acts.pop(0)[1]()

    def steps(self, rest: float = 0.01) -> list[Step]:
        self._end += rest
        self._act(0.0)
        try:
            return list(self.source.steps(self))
        finally:
            self.source.close()
            if self.writer is not None:
                self.leave()


def told(steps: list[Step]) -> list[tuple[State, int | None]]:
    return [(step.state, read_packet_id(step.pages.physics) if step.pages else None) for step in steps]


def lives(first: int, count: int) -> list[tuple[State, int | None]]:
    return [(LIVE, packet_id) for packet_id in range(first, first + count)]


LOADING = (State.LOADING, None)


def test_every_step_of_a_game_comes_once_with_the_time_of_its_first_sight(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.drive(0.0, 1000, 300)
    steps = play.steps()
    assert told(steps) == [LOADING, *lives(1001, 299)]  # the first only shows that there is one
    assert {(step.missing, step.repaired, step.message) for step in steps[1:]} == {(0, False, "")}
    for index, step in enumerate(steps[1:]):
        assert step.pages is not None
        assert step.pages[:3] == pages_of(packet_id=1001 + index)[:3]
        assert step.pages.timestamp == pytest.approx(play.unix() - play.now() + step.elapsed, abs=1e-6)
    late = [step.elapsed - (1 + index) * STEP_S for index, step in enumerate(steps[1:])]
    assert min(late) >= -1e-9
    assert max(late) < STEP_S


def test_steps_in_haste_after_a_hitch_are_all_seen(tmp_path: Path) -> None:
    play = Play(tmp_path)
    due = play.drive(0.0, 1000, 100)
    for index in range(50):
        play.write(due + 0.05 + index * STEP_S / 2, 1100 + index)
    assert told(play.steps())[1:] == lives(1001, 149)


def test_steps_that_nobody_could_see_are_missing(tmp_path: Path) -> None:
    play = Play(tmp_path)
    due = play.drive(0.0, 1000, 20)
    play.drive(due, 1025, 20)
    steps = play.steps()
    assert told(steps)[1:] == [*lives(1001, 19), *lives(1025, 20)]
    assert [step.missing for step in steps[1:]] == [0] * 19 + [5] + [0] * 19
    assert play.source.assembler.missing == 5


def test_a_pause_is_told_at_once_after_the_step_held_back(tmp_path: Path) -> None:
    play = Play(tmp_path)
    due = play.drive(0.0, 1000, 20)
    play.write(due, 1019, status=3)
    play.drive(due + 3.0, 1020, 20)
    steps = play.steps()
    paused = [step for step in steps if step.state is State.PAUSED]
    assert told(steps) == [LOADING, *lives(1001, 19), *told(paused), *lives(1020, 20)]
    assert told(paused) == [(State.PAUSED, 1019)] + [(State.PAUSED, None)] * 5
    assert paused[0].elapsed - due < 0.02
    assert {step.message for step in paused} == {"The game is paused."}
    assert [round(after.elapsed - before.elapsed, 1) for before, after in pairwise(paused)] == [0.5] * 5
    assert sum(step.missing for step in steps) == 0


def test_a_replay_is_told_ten_times_a_second(tmp_path: Path) -> None:
    play = Play(tmp_path)
    due = play.drive(0.0, 1000, 20)
    for frame in range(120):
        play.write(due + frame / 60, 1019, status=1, graphics_packet_id=401 + 2 * frame, distance_traveled=float(frame))
    replay = [step for step in play.steps() if step.state is State.REPLAY]
    assert len(replay) in range(17, 22)
    assert {read_packet_id(step.pages.physics) for step in replay if step.pages} == {1019}


def test_frames_that_show_nothing_new_are_not_told(tmp_path: Path) -> None:
    play = Play(tmp_path)
    due = play.drive(0.0, 1000, 20)
    for frame in range(60):
        play.write(due + frame / 60, 1019, status=3, graphics_packet_id=401 + 2 * frame)
    assert sum(step.pages is not None for step in play.steps() if step.state is State.PAUSED) == 1


def test_a_game_that_leaves_and_comes_back_loses_nothing(tmp_path: Path) -> None:
    play = Play(tmp_path)
    due = play.drive(0.0, 1000, 20)
    play.write(due - 0.001, 1019, status=0, current_time_text="garb")
    play.at(due + 1.0, play.leave)
    play.drive(due + 3.0, 5000, 300)
    steps = play.steps()
    gone = [step for step in steps if step.state is State.GONE]
    assert told(steps)[1:20] == lives(1001, 19)
    assert len(gone) in range(5, 9)
    assert {(step.pages, step.message) for step in gone} == {(None, "The game has left; waiting for it to come back.")}
    assert told(steps)[-100:] == lives(5200, 100)
    assert sum(step.missing for step in steps) == 0


def test_an_in_game_restart_is_no_gap(tmp_path: Path) -> None:
    play = Play(tmp_path)
    due = play.drive(0.0, 9000, 20)
    play.drive(due + 0.9, 300, 20)
    steps = [step for step in play.steps() if step.pages]
    assert told(steps) == [*lives(9001, 19), *lives(300, 20)]
    assert sum(step.missing for step in steps) == 0


def test_a_game_that_stops_writing_is_told_to_have_stalled(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.drive(0.0, 1000, 20)
    steps = play.steps(2.0)
    assert (State.STALLED, 1019) in told(steps)
    assert told(steps)[1:20] == lives(1001, 19)


def test_a_leftover_of_a_killed_game_gives_no_live_step(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.write(0.0, 1000)
    steps = play.steps(2.0)
    assert {step.state for step in steps} == {State.LOADING, State.STALLED}
    assert [entry for entry in told(steps) if entry[1]] == [(State.STALLED, 1000)]


def test_pages_that_never_move_are_one_step(tmp_path: Path) -> None:
    play = Play(tmp_path, dump=True)
    play.write(0.0, 1000, status=3)
    steps = play.steps(3.0)
    assert told(steps)[0] == (State.STILL, 1000)
    assert {(step.state, step.pages) for step in steps[1:]} == {(State.STILL, None)}


def test_a_session_that_loads_gives_no_pages(tmp_path: Path) -> None:
    play = Play(tmp_path)
    due = play.drive(0.0, 1000, 200, track="")
    play.drive(due, 1200, 10)
    steps = play.steps()
    assert told(steps) == [LOADING, LOADING, *lives(1201, 9)]
    assert sum(step.missing for step in steps) == 0


def test_without_a_game_steps_wait_or_end_as_samples_do(tmp_path: Path) -> None:
    waiting = Play(tmp_path).steps(1.9)
    assert told(waiting) == [(State.WAITING, None)] * 4
    with pytest.raises(NoGameError, match=r"No game: .* holds no running session"):
        Play(tmp_path, wait=False).steps(1.9)
    leftover = Play(tmp_path, wait=False)
    leftover.write(0.0, 1000)
    with pytest.raises(NoGameError):
        leftover.steps(1.9)
    play = Play(tmp_path, wait=False)
    due = play.drive(0.0, 1000, 20)
    play.write(due, 1019, status=0)
    steps = play.steps(1.9)
    assert told(steps)[1:] == [*lives(1001, 19), (State.GONE, None)]


def test_steps_of_another_game_are_refused_with_the_reason(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.write(0.0, 1000, sm_version="1.9")
    with pytest.raises(SourceError, match=r"another game: its version is '1\.9'"):
        play.steps()


def test_whoever_stops_the_clock_still_gets_the_last_step(tmp_path: Path) -> None:
    play = Play(tmp_path)
    due = play.drive(0.0, 1000, 20)
    play.at(due - 0.001, play.stop)
    assert told(play.steps())[-1] == (LIVE, 1019)


# Torn pages: every word of the hostile writer's page is a known function of its packetId.


def hostile_page(packet_id: int) -> bytes:
    rng = random.Random(packet_id)
    return b"".join(word.to_bytes(4, "little") for word in (packet_id, *(rng.getrandbits(30) for _ in range(147))))


def write_hostile_pages(directory: str, orders: Connection) -> None:
    """Write page after page, field by field, and every sixth with a stall; ``orders`` say how, and None is the end.

    Those that took longer than a reader can tell, by a stall or because the system suspended this process, are sent.
    """
    rng = random.Random(1)
    stalled = set()
    with ac.PageWriter(directory) as writer, Path(directory, "acpmf_physics").open("r+b") as file:
        writer.write(*pages_of()[:3])
        page = mmap.mmap(file.fileno(), 592)
        words = (ctypes.c_uint32 * 148).from_buffer(page)
        packet_id = 0
        order = orders.recv()
        while order is not None:
            id_first, period = order
            packet_id += 1
            values = (ctypes.c_uint32 * 148).from_buffer_copy(hostile_page(packet_id))
            fields = [*range(148)] if id_first else [*range(1, 148), 0]
            stall_at = rng.choice(fields) if rng.random() < 1 / 6 else -1
            begin = time.perf_counter()
            for index in fields:
                words[index] = values[index]
                if index == stall_at:
                    time.sleep(rng.uniform(1e-4, 6e-4))
            if time.perf_counter() - begin > ac.SETTLE_SECONDS:
                stalled.add(packet_id)
            time.sleep(max(period - (time.perf_counter() - begin), period / 2))
            if orders.poll():
                order = orders.recv()
        del words
        page.close()
    orders.send(stalled)


class LoggedReader(ac.PageReader):
    """Remembers every plain copy of the physics page."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.copies: list[bytes] = []

    @override
    def look(self, index: int) -> bytes:
        page = super().look(index)
        if index == 0:
            self.copies.append(page)
        return page


def log_copies(source: LiveSource, directory: Path) -> LoggedReader:
    """Put a reader that remembers in the place of the source's own."""
    connection = source.connection
    assert connection.reader is not None
    connection.reader.close()
    connection.reader = logged = LoggedReader(directory)
    return logged


def test_steps_under_a_hostile_writer_are_whole_where_plain_copies_tear(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    orders, theirs = context.Pipe()
    writer = context.Process(target=write_hostile_pages, args=(str(tmp_path), theirs))
    writer.start()
    torn_steps: set[int] = set()
    repaired = torn_plain = 0
    try:
        wait_until((tmp_path / "acpmf_static").exists)
        for order in [(True, 3e-3), (False, 3e-3), (True, 1e-3), (False, 1e-3)]:
            orders.send(order)
            clock = Clock()
            with LiveSource(tmp_path) as source:
                stream = source.steps(clock)
                while not source.assembler.steps:
                    next(stream)
                logged = log_copies(source, tmp_path)
                for _ in range(BATCH_SIZE + 1):  # those that may have been looked at without being logged
                    next(step for step in stream if step.pages)
                pages = []
                end = clock.now() + 0.7
                for step in stream:
                    if step.pages:
                        pages.append((step.missing, step.pages.physics))
                    if clock.now() > end:
                        break
                ambiguous = source.assembler.ambiguous
                repaired += source.assembler.repaired
            ids = [read_packet_id(page) for _, page in pages]
            assert ids == sorted(set(ids))
            assert len(ids) + sum(missing for missing, _ in pages[1:]) == ids[-1] - ids[0] + 1
            torn = {read_packet_id(page) for _, page in pages if page != hostile_page(read_packet_id(page))}
            seen = set(logged.copies)
            assert len([packet_id for packet_id in torn if hostile_page(packet_id) in seen]) <= ambiguous
            torn_plain += sum(page != hostile_page(read_packet_id(page)) for page in seen)
            torn_steps |= torn
    finally:
        orders.send(None)
        stalled: set[int] = orders.recv()
        writer.join(30)
    assert torn_plain > 0, "the test is too kind: plain copies did not tear"
    assert repaired > 0
    assert torn_steps <= stalled | {packet_id - 1 for packet_id in stalled}


# --- the publisher ----------------------------------------------------------------------------------------------------


class Sluggish(Clock):
    """A clock that jumps, late by the times in a list."""

    def __init__(self, late: list[float]) -> None:
        super().__init__(math.inf)
        self._late = late

    def sleep_until(self, deadline: float) -> bool:
        return super().sleep_until(deadline + (self._late.pop(0) if self._late else 0.0))


def test_a_published_demo_catches_up_gently_and_loses_no_step() -> None:
    clock = Sluggish([0.0] * 400 + [0.02])
    times, ids = [], []
    for pages in DemoSource().pages(clock):
        times.append(clock.now())
        ids.append(read_packet_id(pages.physics))
        if len(ids) == 450:
            break
    assert ids[299:] == list(range(300, 451))
    assert min(after - before for before, after in pairwise(times)) >= STEP_S / 2 - 1e-9
    assert times[-1] == pytest.approx(450 * STEP_S)


def test_by_a_clock_that_jumps_the_demo_is_published_at_its_own_times() -> None:
    clock = Clock(math.inf)
    game = DemoGame(3)
    for pages, _ in zip(DemoSource(seed=3).pages(clock), range(400), strict=False):
        game.step()
        assert clock.now() == pytest.approx(game.steps * STEP_S)
        assert pages[:3] == (game.physics_page(), game.graphics_page(), game.static_page())


def test_a_publisher_publishes_and_leaves_like_the_game(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.write(pages_of(gear=5))
    with ac.PageReader(tmp_path) as reader:
        assert reader.copy()[:3] == pages_of(gear=5)[:3]
        publisher.close()
        assert reader.copy()[:3] == tuple(bytes(size) for size in ac.SIZES)
    left_behind = [path.read_bytes() for path in tmp_path.iterdir()]
    # Windows does not let a file be removed that a reader holds.
    assert left_behind == ([bytes(ac.PAGE_FILE_SIZE)] * 3 if sys.platform == "win32" else [])


def test_a_publisher_takes_over_pages_that_stand_still(tmp_path: Path) -> None:
    for name in ac.PAGES:
        (tmp_path / name).write_bytes(bytes(2048))
    with Publisher(tmp_path) as publisher:
        publisher.write(pages_of(gear=5))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [bytes(2048)] * 3


def test_a_publisher_keeps_away_from_pages_that_somebody_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ac.PageWriter(tmp_path) as writer:
        writer.write(*pages_of()[:3])

        def write_meanwhile(clock: Clock, deadline: float) -> bool:
            writer.write(*pages_of(packet_id=1001)[:3])
            return True

        monkeypatch.setattr(Clock, "sleep_until", write_meanwhile)
        with pytest.raises(SinkError, match="The game's pages are being written already"):
            Publisher(tmp_path)


@pytest.mark.parametrize("status", [1, 3])
def test_a_publisher_keeps_away_from_a_game_that_is_paused_or_in_a_replay(tmp_path: Path, status: int) -> None:
    with ac.PageWriter(tmp_path) as writer:
        writer.write(*pages_of(status=status)[:3])
        with pytest.raises(SinkError, match="The game's pages are being written already"):
            Publisher(tmp_path)


def test_a_publisher_that_cannot_make_its_pages_says_why(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)
    with pytest.raises(SinkError, match="Cannot create the page file"):
        Publisher(tmp_path)
