"""Every event the demo has on offer, seen on its pages."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

import ac_native_memory as ac
from telemetry.base.units import STEP_S
from telemetry.demo import SCENARIOS, DemoGame
from telemetry.demo.scenarios import find_scenario
from tests.conftest import REPOSITORY
from tests.drives import SEEDS, Drive, Frame, drive, long_drive

if TYPE_CHECKING:
    from collections.abc import Callable

Physics = ac.SPageFilePhysics


def frames(scenario: str, seconds: float) -> list[Frame]:
    return drive(scenario, SEEDS.get(scenario, 0)).frames(seconds)


def spans(seen: list[Frame], flags: list[bool]) -> list[tuple[float, float]]:
    """Begin and end of each stretch of frames that are flagged."""
    found = []
    begin = None
    for frame, flag in zip(seen, flags, strict=True):
        if flag and begin is None:
            begin = frame.seconds
        elif not flag and begin is not None:
            found.append((begin, frame.seconds))
            begin = None
    return found


def test_offtrack_puts_all_wheels_out_early_and_dirties_them() -> None:
    seen = frames("offtrack", 166)
    out = [f for f in seen if f.physics.numberOfTyresOut == 4]
    assert 10 < out[0].seconds < 40
    assert {f.physics.numberOfTyresOut for f in seen} == {0, 1, 2, 3, 4}
    dirt = [max(f.physics.tyreDirtyLevel) for f in seen]
    assert max(dirt) > 2
    assert max(dirt) <= 5
    assert dirt[-1] < 0.1  # tarmac cleans
    assert all(max(f.physics.carDamage) == 0 for f in seen)


def test_a_cut_lap_is_counted_and_timed_but_never_the_best() -> None:
    seen = frames("offtrack", 166)
    after_one = [f.graphic for f in seen if f.graphic.completedLaps == 1][60]
    assert after_one.iLastTime > 70_000
    assert after_one.iBestTime == 0
    assert ac.text_of(after_one.bestTime) == "-:--:---"
    after_two = seen[-1].graphic
    assert after_two.completedLaps == 2
    assert after_two.iBestTime == after_two.iLastTime != after_one.iLastTime


def test_a_lap_that_the_game_refuses_is_never_the_best_though_no_tyre_was_out() -> None:
    seen = frames("refused", 88)
    assert {f.physics.numberOfTyresOut for f in seen} == {0}
    last = seen[-1].graphic
    assert last.completedLaps == 1
    assert last.iLastTime > 70_000
    assert last.iBestTime == 0


def test_the_game_refuses_every_second_lap() -> None:
    game = DemoGame(0, "refused")
    think = find_scenario("refused").think
    verdicts = []
    for lap in range(4):
        game.timing.laps_begun, game.timing.valid = lap, True
        think(game)
        verdicts.append(game.timing.valid)
    assert verdicts == [False, True, False, True]


def test_lockup_stops_the_front_wheels_at_speed() -> None:
    seen = frames("lockup", 60)
    locked = [f for f in seen if f.physics.wheelAngularSpeed[0] == 0 and f.physics.speedKmh > 100]
    assert 10 < locked[0].seconds < 30
    assert len(locked) > 40
    for frame in locked:
        page = frame.physics
        assert page.brake > 0.3  # a locked wheel stays locked for a moment while the pedal comes up
        assert page.wheelAngularSpeed[2] > 20  # the rear wheels turn on
    settled = [f.physics.wheelSlip[0] for f in locked if f.physics.brake == 1][5:-5]
    assert all(9 < slip < 12 for slip in settled)


def test_lockup_has_neither_abs_nor_traction_control() -> None:
    assert {(f.physics.tc, f.physics.abs) for f in frames("lockup", 60)} == {(0.0, 0.0)}


def test_lockup_stays_on_the_road() -> None:
    assert max(f.physics.numberOfTyresOut for f in frames("lockup", 60)) == 0


def test_a_crash_damages_by_its_closing_speed_and_the_car_goes_on() -> None:
    seen = frames("crash", 130)
    hit = next(i for i, f in enumerate(seen) if max(f.physics.carDamage) > 0)
    assert 10 < seen[hit].seconds < 40
    before = seen[hit - 1].physics
    damage = list(seen[hit + 200].physics.carDamage)
    assert damage[4] == max(damage[:4])
    assert 40 < damage[4] < before.speedKmh
    later = [f for f in seen[hit + 600 :] if f.graphic.completedLaps == 0]
    assert max(f.physics.speedKmh for f in later) > 150
    assert {max(f.physics.carDamage) for f in later} == {damage[4]}


def test_a_crash_decelerates_like_a_barrier_of_tyres() -> None:
    worst = max(max(abs(g) for g in f.physics.accG) for f in frames("crash", 130))
    assert 4 < worst < 60


def test_damage_is_repaired_on_the_box_after_the_lap() -> None:
    seen = frames("crash", 130)
    repaired = [b for a, b in pairwise(seen) if max(b.physics.carDamage) == 0 < max(a.physics.carDamage)]
    assert len(repaired) == 1
    assert repaired[0].graphic.isInPit == 1


def test_a_pit_stop_goes_in_stands_and_goes_out() -> None:
    seen = frames("pit", 60)
    lane = spans(seen, [f.graphic.isInPitLane == 1 for f in seen])
    box = spans(seen, [f.graphic.isInPit == 1 for f in seen])
    assert len(lane) == len(box) == 1
    assert 8 < lane[0][0] < box[0][0] < 30
    assert box[0][1] < lane[0][1] < 60
    standing = [f for f in seen if f.graphic.isInPit and f.physics.speedKmh < 0.5]
    assert 9 < standing[-1].seconds - standing[0].seconds < 13
    assert standing[60].physics.clutch == 0


def test_the_pit_limiter_cuts_at_the_limit_and_only_there() -> None:
    seen = frames("pit", 60)
    cutting = [f for f in seen if f.physics.pitLimiterOn]
    assert len(cutting) > 20
    assert all(f.graphic.isInPitLane for f in cutting)
    assert all(59 < f.physics.speedKmh < 62 for f in cutting)
    assert any(f.graphic.isInPitLane and not f.physics.pitLimiterOn for f in seen)


def test_a_pit_stop_keeps_four_wheels_on_tarmac() -> None:
    assert max(f.physics.numberOfTyresOut for f in frames("pit", 60)) == 0


def test_a_pit_stop_brings_new_tyres_and_fuel() -> None:
    seen = frames("pit", 60)
    change = next(b for a, b in pairwise(seen) if b.physics.fuel > a.physics.fuel + 0.05)
    assert change.graphic.isInPit == 1
    assert change.physics.fuel == pytest.approx(60, abs=0.01)
    assert list(change.physics.tyreWear) == pytest.approx([99.6] * 4, abs=0.001)
    assert list(change.physics.tyreCoreTemperature) == pytest.approx([69] * 4, abs=1)


def test_pause_freezes_physics_while_frames_go_on() -> None:
    seen = frames("pause", 62)
    paused = [f for f in seen if f.graphic.status == 3]
    assert paused[-1].seconds - paused[0].seconds == pytest.approx(4, abs=0.1)
    assert len({f.physics_bytes for f in paused[1:]}) == 1
    assert len({f.graphic.packetId for f in paused}) == len(paused)
    assert len({f.graphic.iCurrentTime for f in paused[1:]}) == 1
    assert 10 < paused[0].seconds < 15


def test_the_escape_menu_is_seen_only_in_its_own_field() -> None:
    menu = [f for f in frames("pause", 62) if f.graphic.isEscMenuVisible]
    assert {f.graphic.status for f in menu} == {2}
    assert menu[-1].seconds - menu[0].seconds == pytest.approx(4, abs=0.1)
    assert menu[-1].physics.packetId > menu[0].physics.packetId + 1000


def test_a_replay_freezes_physics_and_has_no_time_left() -> None:
    replay = [f for f in frames("pause", 62) if f.graphic.status == 1]
    assert replay[-1].seconds - replay[0].seconds == pytest.approx(5, abs=0.1)
    assert len({f.physics_bytes for f in replay[1:]}) == 1
    assert {f.graphic.sessionTimeLeft for f in replay} == {-1.0}


def test_driving_goes_on_where_the_pause_began() -> None:
    seen = frames("pause", 62)
    for a, b in pairwise(seen):
        assert 0 <= b.physics.packetId - a.physics.packetId <= 8
        assert b.graphic.distanceTraveled - a.graphic.distanceTraveled < 2


def test_a_restart_puts_the_car_back_on_the_grid_with_all_clocks_at_zero() -> None:
    seen = frames("restart", 115)
    restarts = [
        (a, b)
        for a, b in pairwise(seen)
        if b.graphic.iCurrentTime < a.graphic.iCurrentTime and b.graphic.sessionTimeLeft > -20
    ]
    assert [b.graphic.completedLaps for _, b in restarts] == [0, 0]
    assert [a.graphic.completedLaps for a, _ in restarts] == [0, 1]
    assert 15 < restarts[0][1].seconds < 30
    for before, after in restarts:
        assert after.graphic.packetId == before.graphic.packetId + 2
        assert after.graphic.status == 2
        assert 0.98 < after.graphic.normalizedCarPosition < 0.99
        assert (after.graphic.iLastTime, after.graphic.iBestTime, after.graphic.distanceTraveled) == (0, 0, 0)
        assert after.static_bytes == before.static_bytes


def test_after_a_restart_physics_is_silent_for_300_steps_and_counts_anew() -> None:
    game = DemoGame(0, "restart")
    packets = []
    for _ in range(int(24 / STEP_S)):
        game.step()
        packets.append(Physics.from_buffer_copy(game.physics_page()).packetId)
    at = next(i for i, (a, b) in enumerate(pairwise(packets), 1) if b < a)
    assert packets[at] == 300
    frozen = packets[at - 1]
    assert packets.count(frozen) == 300
    assert packets[at : at + 100] == list(range(300, 400))


def test_worn_tyres_cross_both_thresholds_and_are_changed() -> None:
    seen = frames("worn", 225)
    raw = [f.physics.tyreWear[2] for f in seen]
    best = 0.0
    crossed: dict[float, float] = {}
    for frame, value in zip(seen, raw, strict=True):
        best = max(best, value)
        for limit in (0.8, 0.95):
            if (best - value) / (best - 88) > limit:
                crossed.setdefault(limit, frame.seconds)
    assert raw[0] == pytest.approx(99.6, abs=0.01)
    assert best > 99.9
    assert 40 < crossed[0.8] < crossed[0.95] < 180
    assert min(raw) >= 88
    assert raw[-1] > 93  # new ones
    assert {f.static.aidTireRate for f in seen[60:]} == {20.0}


def test_worn_tyres_have_less_grip() -> None:
    # The peak lateral acceleration in the same fast bend, a lap apart
    seen = [f for f in frames("worn", 225) if 0.85 < f.graphic.normalizedCarPosition < 0.9]
    is_new_step = max(abs(f.physics.accG[0]) for f in seen if f.graphic.completedLaps == 0)
    worn = max(abs(f.physics.accG[0]) for f in seen if f.graphic.completedLaps == 1)
    assert worn < 0.97 * is_new_step


@pytest.mark.parametrize("driven", [lambda: drive("laps"), long_drive], ids=["seed 0", "seed 2"])
def test_clean_laps_are_clean_for_every_seed(driven: Callable[[], Drive]) -> None:
    seen = driven().frames(95)
    assert {(frame.physics.numberOfTyresOut, max(frame.physics.carDamage)) for frame in seen} == {(0, 0.0)}
    assert seen[-1].graphic.completedLaps == 1


def test_a_car_against_a_barrier_frees_itself() -> None:
    game = DemoGame(seed=4)
    for _ in range(3000):
        game.step()
    car = game.car
    car.put(1100.0, 19.0)  # nose and tail along the barrier of turn 4
    car.dir_x, car.dir_z = -car.dir_z, car.dir_x  # turned to face it
    stuck_at = game.steps
    while game.steps < stuck_at + 40_000 and not (car.speed > 25 and abs(car.n) < 6):
        game.step()
    assert car.speed > 25
    assert abs(car.n) < 6


def test_the_documentation_has_each_scenario_with_its_sentence() -> None:
    text = (REPOSITORY / "docs" / "demo.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .*`demo:(\w+)` \| (.*) \|$", text, re.MULTILINE)
    assert rows == list(SCENARIOS.items())
