"""The demo's pages through a session's life: sizes, silence after load, frames, laps, determinism."""

from __future__ import annotations

import ctypes
from functools import cache
from itertools import pairwise
from random import Random

import pytest

import ac_native_memory as ac
import telemetry.demo
from telemetry.base.units import STEP_S
from telemetry.demo import SCENARIOS, DemoGame
from telemetry.demo.timing import Board, Timing
from tests.drives import LINES, Frame, long_drive, with_line

Physics = ac.SPageFilePhysics
Graphic = ac.SPageFileGraphic
Static = ac.SPageFileStatic

NO_TIME = "-:--:---"


@cache
def frames() -> list[tuple[int, ac.SPageFileGraphic]]:
    """Every drawn frame of 240 s of laps, three times over the line after the start, with the step it was seen at."""
    return [(frame.step, frame.graphic) for frame in long_drive().frames(240)]


def test_the_public_face_is_exact_and_sorted() -> None:
    assert telemetry.demo.__all__ == ["SCENARIOS", "DemoGame", "DriverInputs", "Track", "demo_track"]
    assert telemetry.demo.__all__ == sorted(telemetry.demo.__all__, key=lambda name: (not name.isupper(), name))


def test_scenarios_are_named_and_described_in_one_sentence() -> None:
    assert list(SCENARIOS) == ["crash", "laps", "lockup", "offtrack", "pause", "pit", "refused", "restart", "worn"]
    for description in SCENARIOS.values():
        assert description.endswith(".")
        assert description.count(".") == 1


def test_an_unknown_scenario_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="There is no demo scenario 'rain'; there are crash, laps, lockup, offtrack, "):
        DemoGame(scenario="rain")


def test_pages_have_the_games_sizes() -> None:
    game = DemoGame()
    for _ in range(2):
        pages = (game.physics_page(), game.graphics_page(), game.static_page())
        assert tuple(len(page) for page in pages) == (592, 304, 684)
        for _ in range(1000):
            game.step()


def test_physics_is_silent_for_300_steps_and_then_counts_every_step() -> None:
    game = DemoGame()
    for step in range(1, 600):
        game.step()
        page = game.physics_page()
        if step < 300:
            assert page == bytes(592)
        else:
            assert Physics.from_buffer_copy(page).packetId == step
    assert game.steps == 599


def test_the_static_page_is_empty_at_first_and_then_never_changes() -> None:
    game = DemoGame()
    early = Static.from_buffer_copy(game.static_page())
    assert ac.text_of(early.smVersion) == "1.7"
    assert ac.text_of(early.carModel) == ac.text_of(early.track) == ""
    for _ in range(149):
        game.step()
    assert ac.text_of(Static.from_buffer_copy(game.static_page()).carModel) == ""
    game.step()
    filled = game.static_page()
    for _ in range(1000):
        game.step()
    assert game.static_page() == filled


def test_the_static_page_says_what_the_simulation_is() -> None:
    game = DemoGame()
    for _ in range(150):
        game.step()
    page = Static.from_buffer_copy(game.static_page())
    texts = {name: ac.text_of(getattr(page, name)) for name in ("acVersion", "carModel", "track", "carSkin")}
    assert texts == {"acVersion": "1.16.4", "carModel": "demo_gt3", "track": "demo_ring", "carSkin": "00_demo"}
    assert ac.text_of(page.playerName) == ac.text_of(page.playerSurname) == ac.text_of(page.playerNick) == "Demo Driver"
    assert (page.sectorCount, page.numCars, page.numberOfSessions) == (3, 1, 1)
    assert 300e3 < page.maxPower < 450e3  # watts
    assert page.maxTorque == 520
    assert page.maxRpm == 8250
    assert page.trackSPlineLength == pytest.approx(telemetry.demo.demo_track().length)
    assert list(page.tyreRadius) == pytest.approx([0.33] * 4)
    assert min(page.suspensionMaxTravel) > 0.1
    assert (page.aidFuelRate, page.aidTireRate, page.aidMechanicalDamage) == (1, 1, 1)
    assert (page.deprecated_1, page.deprecated_2, page.hasDRS, page.hasERS, page.hasKERS) == (0, 0, 0, 0, 0)


def test_graphics_pages_count_by_two_from_one() -> None:
    assert [page.packetId for _, page in frames()] == [2 * i + 1 for i in range(len(frames()))]


def test_frames_come_about_sixty_times_a_second_but_not_evenly() -> None:
    gaps = [b - a for (a, _), (b, _) in pairwise(frames())]
    assert sum(gaps) / len(gaps) * STEP_S == pytest.approx(1 / 60, rel=0.001)
    assert set(gaps) == {4, 5, 6, 7}


def test_the_graphics_page_is_zero_until_the_session_is_loaded() -> None:
    assert 300 <= frames()[0][0] < 307
    game = DemoGame()
    for _ in range(299):
        game.step()
        assert game.graphics_page() == bytes(304)


def test_a_new_session_has_no_times_yet() -> None:
    page = frames()[0][1]
    assert (page.status, page.session) == (2, 0)
    assert [ac.text_of(text) for text in (page.lastTime, page.bestTime, page.split)] == [NO_TIME, NO_TIME, " "]
    assert (page.iLastTime, page.iBestTime, page.completedLaps, page.currentSectorIndex, page.lastSectorTime) == (
        0,
    ) * 5
    assert 0.98 < page.normalizedCarPosition < 0.99
    assert page.distanceTraveled < 0.01
    assert ac.text_of(page.tyreCompound) == "Slicks Medium (M)"
    assert (page.position, page.replayTimeMultiplier, page.timeLimitSessionLeft, page.isEscMenuVisible) == (1, 1, -1, 0)


def test_the_lap_clock_moves_in_steps_and_starts_with_the_session() -> None:
    for step, page in frames():
        assert page.iCurrentTime % 3 == 0
        if page.completedLaps == 0 and step < 20_000:
            assert page.iCurrentTime == 3 * (step - 1)
        seconds, rest = divmod(page.iCurrentTime, 1000)
        clock = f"{seconds // 60}:{seconds % 60:02d}:{rest:03d}" if page.iCurrentTime else NO_TIME
        assert ac.text_of(page.currentTime) == clock


def test_a_session_without_duration_counts_down_below_zero() -> None:
    for step, page in frames():
        assert page.sessionTimeLeft == pytest.approx(-3 * (step - 1))


def test_laps_are_counted_over_the_line_and_their_time_is_what_has_passed() -> None:
    seen = frames()
    wraps = [b for a, b in pairwise(seen) if b[1].normalizedCarPosition < a[1].normalizedCarPosition - 0.5]
    counts = [b for a, b in pairwise(seen) if b[1].completedLaps != a[1].completedLaps]
    assert len(wraps) == 4  # the first is the way from the grid
    assert [page.completedLaps for _, page in counts] == [1, 2, 3]
    for number, (step, _) in enumerate(counts, 1):
        assert wraps[number][0] < step <= wraps[number][0] + 20  # never on the same frame, always soon
    lap_times = list(dict.fromkeys(page.iLastTime for _, page in seen))
    starts = [0, *(step for step, _ in wraps[1:])]
    assert lap_times[0] == 0
    for number in (1, 2, 3):
        # The line is crossed somewhere between two frames of up to 7 steps
        assert lap_times[number] == pytest.approx(3 * (starts[number] - starts[number - 1]), abs=24)
    assert 70_000 < lap_times[2] < 110_000
    assert seen[-1][1].iBestTime == min(lap_times[1:])


def test_the_last_time_comes_late_or_early_but_not_always_with_the_count() -> None:
    delays = set()
    for seed in range(40):
        timing = Timing(1000.0, 990.0, Random(seed))
        for s in (5.0, 340.0, 670.0, 5.0):
            timing.advance(s, 0)
        shown: dict[str, int] = {}
        for frame in range(12):
            timing.draw()
            if timing.board.completed:
                shown.setdefault("count", frame)
            if timing.board.last_ms:
                shown.setdefault("time", frame)
        delays.add(shown["time"] - shown["count"])
    assert min(delays) < 0
    assert max(delays) > 2


def test_sectors_are_the_splits_done_and_add_up_to_the_lap() -> None:
    seen = frames()
    changes = [b[1] for a, b in pairwise(seen) if b[1].currentSectorIndex != a[1].currentSectorIndex]
    assert [page.currentSectorIndex for page in changes] == [1, 2, 0] * 3
    lap_times = list(dict.fromkeys(page.iLastTime for _, page in seen))
    assert lap_times[1:] == [sum(page.lastSectorTime for page in changes[i : i + 3]) for i in (0, 3, 6)]
    for page in changes:
        assert ac.text_of(page.split) == f"{page.lastSectorTime / 1000:.1f}"


@pytest.mark.parametrize("line", LINES)
def test_another_line_changes_only_position_and_layout(line: float) -> None:
    usual, other = DemoGame(7), DemoGame(7, line=line)
    for step in range(1, 7000):
        usual.step()
        other.step()
        if step < 400 or step % 100:  # the first frames are not drawn, the others take their time
            continue
        assert other.physics_page() == usual.physics_page()
        frame = with_line(Frame(step, b"", usual.graphics_page(), usual.static_page()), line)
        seen, expected = Graphic.from_buffer_copy(other.graphics_page()), frame.graphic
        apart = (seen.normalizedCarPosition - expected.normalizedCarPosition + 0.5) % 1.0 - 0.5
        assert apart == pytest.approx(0.0, abs=1.2e-7)  # a step of float32
        assert 0.0 <= seen.normalizedCarPosition <= 1.0
        seen.normalizedCarPosition = expected.normalizedCarPosition
        assert bytes(seen) == bytes(expected)
        assert other.static_page() == frame.static_bytes
    assert ac.text_of(Static.from_buffer_copy(other.static_page()).trackConfiguration) == f"line_{line}"


@pytest.mark.parametrize("line", [0.0, 1.0])
def test_a_line_where_the_spline_begins_is_the_usual_circuit(line: float) -> None:
    usual, other = DemoGame(7), DemoGame(7, line=line)
    for _ in range(1000):
        usual.step()
        other.step()
    assert (other.graphics_page(), other.static_page()) == (usual.graphics_page(), usual.static_page())


def frames_of_changes(line: float) -> list[tuple[int, int, int]]:
    """For each line but that from the grid, the frames in which position, lap clock and lap count say it."""
    seen = [with_line(frame, line).graphic for frame in long_drive().frames(240)]
    found: dict[str, list[int]] = {"position": [], "clock": [], "count": []}
    for number, (a, b) in enumerate(pairwise(seen)):
        if b.normalizedCarPosition < a.normalizedCarPosition - 0.5:
            found["position"].append(number)
        if b.iCurrentTime < a.iCurrentTime:
            found["clock"].append(number)
        if b.completedLaps > a.completedLaps:
            found["count"].append(number)
    return list(zip(found["position"][-3:], found["clock"], found["count"], strict=True))


def test_a_metre_after_position_0_the_order_is_position_then_clock_then_count() -> None:
    changes = frames_of_changes(0.0003)
    assert len(changes) == 3
    assert [(position - clock, count - clock) for position, clock, count in changes] == [(-1, 1), (-1, 1), (-1, 2)]


def test_far_from_position_0_the_line_is_told_by_clock_and_count_alone() -> None:
    changes = frames_of_changes(0.5)
    assert [count - clock for _, clock, count in changes] == [1, 1, 2]
    assert all(1000 < abs(position - clock) < 4000 for position, clock, _ in changes)


@pytest.mark.parametrize(("grid_m", "position"), [(0.05, 0.99998), (100.0, 0.96899)])
def test_the_grid_box_can_lie_centimetres_before_the_line(grid_m: float, position: float) -> None:
    game = DemoGame(1, grid_m=grid_m)
    seen: list[ac.SPageFileGraphic] = []
    while game.steps < 2700:
        game.step()
        if game.steps >= 310:
            seen.append(Graphic.from_buffer_copy(game.graphics_page()))
    assert seen[0].normalizedCarPosition == pytest.approx(position, abs=1e-5)
    assert seen[-1].normalizedCarPosition < 0.05  # over the line, which means nothing
    assert all(a.iCurrentTime <= b.iCurrentTime for a, b in pairwise(seen))
    assert {(page.completedLaps, page.iLastTime) for page in seen} == {(0, 0)}


@pytest.mark.parametrize("scenario", list(SCENARIOS))
def test_the_same_seed_gives_the_same_bytes_at_every_step(scenario: str) -> None:
    one, other = DemoGame(7, scenario), DemoGame(7, scenario)
    for _ in range(1500):
        one.step()
        other.step()
        assert one.physics_page() == other.physics_page()
        assert one.graphics_page() == other.graphics_page()
        assert one.static_page() == other.static_page()


def test_another_seed_gives_another_drive() -> None:
    one, other = DemoGame(1), DemoGame(2)
    for _ in range(5000):
        one.step()
        other.step()
    assert one.physics_page() != other.physics_page()


def test_reading_a_page_changes_nothing() -> None:
    read, unread = DemoGame(1), DemoGame(1)
    for _ in range(3000):
        read.step()
        read.physics_page()
        read.graphics_page()
        read.static_page()
        unread.step()
    assert read.physics_page() == unread.physics_page()
    assert read.physics_page() is read.physics_page()


def test_the_packed_page_has_the_structures_layout() -> None:
    # 592 bytes with every field at its offset: a page filled with the structure's own values comes out the same
    game = DemoGame()
    for _ in range(3000):
        game.step()
    page = game.physics_page()
    structure = Physics.from_buffer_copy(page)
    assert bytes(structure) == page
    assert ctypes.sizeof(Physics) == len(page)
    assert structure.currentMaxRpm == 8250
    assert structure.packetId == 3000


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, NO_TIME), (3, "0:00:003"), (59_999, "0:59:999"), (83_787, "1:23:787"), (600_000, "10:00:000")],
)
def test_times_are_written_with_a_colon_before_the_milliseconds(milliseconds: int, text: str) -> None:
    assert Board.text(milliseconds) == text


def test_a_lap_backwards_over_the_line_counts_nothing() -> None:
    timing = Timing(1000.0, 990.0, Random(0))
    for s in (5.0, 995.0, 5.0, 995.0, 5.0, 340.0, 670.0, 990.0, 5.0):
        timing.advance(s, 0)
    for _ in range(12):
        timing.draw()
    assert timing.board.completed == 1


def test_a_lap_with_three_tyres_out_counts_but_is_never_the_best() -> None:
    timing = Timing(1000.0, 990.0, Random(0))
    for s, out in ((5.0, 0), (340.0, 3), (670.0, 0), (5.0, 0)):
        timing.advance(s, out)
    for _ in range(12):
        timing.draw()
    assert (timing.board.completed, timing.board.last_ms, timing.board.best_ms) == (1, 12, 0)
