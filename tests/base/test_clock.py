import math
import threading
import time
from itertools import islice, pairwise

import pytest

from telemetry.base.clock import CLOCK_STEP_S, CLOCK_TOLERANCE_S, Clock, RateLimiter
from telemetry.base.errors import UsageError
from tests.conftest import real_time
from tests.wall_clock import WallClock

pytestmark = real_time


def test_a_clock_that_jumps_shows_each_deadline_at_once() -> None:
    clock = Clock(math.inf)
    ticks = clock.ticks(4.0)
    shown = [(clock.now(), missed) for missed in islice(ticks, 5)]
    assert shown == [(0.0, 0), (0.25, 0), (0.5, 0), (0.75, 0), (1.0, 0)]


def test_deadlines_are_absolute_so_that_work_in_between_does_not_add_up() -> None:
    clock = Clock()
    start = time.perf_counter()
    for _ in islice(clock.ticks(50.0), 26):
        time.sleep(0.005)
    assert time.perf_counter() - start >= 0.5


def test_missed_deadlines_are_dropped_and_counted_and_not_caught_up() -> None:
    clock = Clock(math.inf)
    ticks = clock.ticks(10.0)
    assert next(ticks) == 0
    clock.sleep_until(0.55)
    assert next(ticks) == 4
    assert next(ticks) == 0
    assert clock.now() == pytest.approx(0.6)


def test_a_fast_clock_runs_ahead_of_the_world() -> None:
    clock = Clock(100.0)
    start = time.perf_counter()
    assert clock.sleep_until(10.0)
    assert time.perf_counter() - start >= 0.09
    assert clock.now() >= 10.0


def test_stopping_ends_a_wait_and_all_later_ones() -> None:
    clock = Clock()
    threading.Timer(0.05, clock.stop).start()
    assert not clock.sleep_until(3600.0)
    assert not clock.sleep_until(0.0)
    assert list(clock.ticks(10.0)) == []


def test_a_clock_that_jumps_can_be_stopped_too() -> None:
    clock = Clock(math.inf)
    clock.stop()
    assert list(clock.ticks(10.0)) == []


def test_the_unix_time_belongs_to_what_the_clock_shows() -> None:
    clock = Clock(math.inf)
    before = clock.unix()
    clock.sleep_until(1000.0)
    assert clock.unix() == before + 1000.0


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan])
def test_a_speed_must_be_greater_than_0(speed: float) -> None:
    with pytest.raises(UsageError, match=f"^speed must be greater than 0, got {speed:g}.$"):
        Clock(speed)


def test_thinning_takes_about_so_many_moments_a_second_and_all_of_them_without_a_rate() -> None:
    moments = [index * 0.003 for index in range(1000)]
    thinning, all_of_them = RateLimiter(60.0), RateLimiter(None)
    assert sum(map(thinning.accept, moments)) == 180
    assert all(map(all_of_them.accept, moments))


def test_thinning_keeps_to_its_deadlines_and_begins_anew_behind_a_gap() -> None:
    thinning = RateLimiter(10.0)
    assert [moment for moment in (0.0, 0.09, 0.13, 0.2, 0.25, 0.3, 5.05, 5.1, 5.15) if thinning.accept(moment)] == [
        0.0, 0.13, 0.2, 0.3, 5.05, 5.15,
    ]  # fmt: skip


def test_thinning_forgives_what_is_early_up_to_half_a_period() -> None:
    thinning = RateLimiter(10.0)
    assert thinning.accept(0.0)
    assert not thinning.accept(0.09)
    assert not thinning.accept(0.04, grace=1.0)
    assert thinning.accept(0.06, grace=1.0)


def test_the_unix_time_follows_a_clock_that_is_set_and_the_time_of_the_clock_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wall_clock, clock = WallClock(monkeypatch), Clock()
    for seconds in (8 * 3600.0, -3600.0, 0.6, -0.6):
        before = clock.now()
        wall_clock.set(seconds)
        assert abs(clock.unix() - time.time()) < CLOCK_STEP_S
        assert before <= clock.now() < before + 60.0


class Counters:
    """The computer's two clocks, both as a test sets them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.performance = 1.7e9, 100.0
        monkeypatch.setattr(time, "time", lambda: self.wall)
        monkeypatch.setattr(time, "perf_counter", lambda: self.performance)

    def advance(self, seconds: float, *, wall: float | None = None) -> None:
        self.performance += seconds
        self.wall += seconds if wall is None else wall


def test_a_sleep_in_which_the_performance_counter_goes_on_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    counters = Counters(monkeypatch)
    clock = Clock()
    epoch = clock.epoch()
    counters.advance(8 * 3600.0)
    assert clock.now() == 8 * 3600.0
    assert clock.epoch() == epoch


def test_a_clock_that_is_adjusted_is_followed_so_slowly_that_time_never_goes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counters = Counters(monkeypatch)
    clock = Clock()
    times = [clock.unix()]
    counters.advance(0.0, wall=-0.4)  # less than a step
    for _ in range(1000):
        counters.advance(0.003)
        times.append(clock.unix())
    assert all(0.001 < after - before <= 0.0031 for before, after in pairwise(times))
    assert times[-1] - counters.wall == pytest.approx(CLOCK_TOLERANCE_S, abs=1e-3)
    counters.advance(86_400.0, wall=86_400.0 * (1.0 + 100e-6))  # a day of 100 ppm, seen at once or bit by bit
    assert abs(clock.unix() - counters.wall) < CLOCK_STEP_S


def test_a_system_clock_of_coarse_steps_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    counters = Counters(monkeypatch)
    clock = Clock()
    epoch = clock.epoch()
    for tick in range(1000):
        counters.advance(0.003, wall=0.0156 if tick % 5 == 4 else 0.0)
        counters.advance(0.0, wall=-0.0006 if tick % 5 == 4 else 0.0)
        assert clock.epoch() == epoch


def test_a_thread_that_has_to_wait_while_it_reads_the_clocks_sees_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    counters = Counters(monkeypatch)
    clock = Clock()
    epoch = clock.epoch()

    def wait_and_read() -> float:
        counters.advance(2.0)
        wall = counters.wall
        counters.advance(2.0)
        return wall

    monkeypatch.setattr(time, "time", wait_and_read)
    assert clock.epoch() == epoch
