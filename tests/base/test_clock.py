import math
import threading
import time
from itertools import islice

import pytest

from telemetry.base.clock import Clock, RateLimiter
from telemetry.base.errors import UsageError
from tests.conftest import real_time

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
