import math
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ac_native_memory as ac
from telemetry.clock import Clock
from telemetry.errors import NoGameError, SinkError, SourceError
from telemetry.io.shared_memory import LiveSource, Publisher
from telemetry.presence import Presence
from telemetry.recorder import Reading, State
from tests.conftest import pages_of

LIVE, FRESH, STALE = State.LIVE, True, False


class Game:
    """A game whose pages a test moves, and a live source that looks at them by a clock that jumps."""

    def __init__(self, directory: Path, *, dump: bool = False, wait: bool = True) -> None:
        self.directory = directory
        self.writer: ac.PageWriter | None = None
        self.packet_id = 1000
        self.clock = Clock(math.inf)
        self.source = LiveSource(directory, wait=wait)
        self.source._presence = Presence(dump=dump)
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
    assert (reading.state, reading.fresh, reading.message) == (LIVE, FRESH, "")
    assert reading.snapshot is not None
    assert reading.snapshot.speed_kmh == 99.5
    assert reading.snapshot.elapsed == game.clock.now()


def test_without_a_game_it_waits_and_looks_twice_a_second(game: Game) -> None:
    times = []
    for _ in range(4):
        reading = game.look()
        assert (reading.state, reading.snapshot) == (State.WAITING, None)
        assert reading.message == f"Waiting for the page files of a running game in {game.directory}."
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
        assert (reading.state, reading.fresh) == (state, STALE)
        assert reading.snapshot is not None
        assert reading.message
    game.write()
    assert game.look().state is LIVE


def test_a_session_that_goes_on_behind_the_menu_is_fresh(game: Game) -> None:
    live_game(game)
    game.write(is_esc_menu_visible=1)
    reading = game.look()
    assert (reading.state, reading.fresh) == (State.MENU, FRESH)


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
    assert (reading.state, reading.fresh) == (State.STILL, FRESH)
    assert reading.snapshot is not None
    assert reading.snapshot.gear == 4
    assert [game.look().fresh for _ in range(5)] == [STALE] * 5
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


def test_a_directory_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"There is no directory"):
        LiveSource(tmp_path / "nowhere")


def test_pages_that_cannot_be_read_are_refused_with_the_reason(game: Game) -> None:
    for name in ac.PAGES:
        (game.directory / name).write_bytes(bytes(10))
    with pytest.raises(SourceError, match=re.escape("has 10 bytes; the game's page has 592.")):
        game.look()


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
        with pytest.raises(SinkError, match="Somebody is writing the game's pages already"):
            Publisher(tmp_path)


@pytest.mark.parametrize("status", [1, 3])
def test_a_publisher_keeps_away_from_a_game_that_is_paused_or_in_a_replay(tmp_path: Path, status: int) -> None:
    with ac.PageWriter(tmp_path) as writer:
        writer.write(*pages_of(status=status)[:3])
        with pytest.raises(SinkError, match="Somebody is writing the game's pages already"):
            Publisher(tmp_path)


def test_a_publisher_that_cannot_make_its_pages_says_why(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)
    with pytest.raises(SinkError, match="cannot be made"):
        Publisher(tmp_path)
