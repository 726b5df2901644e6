"""What a kill costs at most, whatever the disk and the system do: the writer by a clock that the test moves on."""

import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from telemetry.recording.background_writer import BackgroundWriter, WriterClock
from telemetry.recording.interfaces import FLUSH_SECONDS
from tests.formats.cases import CASES, Case, Writer, drive, read_rows

PERIOD_S = 0.01
"""Items are put a hundred times a second, whatever the writer does meanwhile."""


class SimulatedTime(WriterClock):
    """Time that passes only where the writer waits or works; items are put while it passes.

    After each wait a ``stall`` follows, in which the system does not let the writer go on; they repeat.
    """

    def __init__(self, seconds: float, stalls: Sequence[float] = (0.0,)) -> None:
        self.put: Callable[[int], object] = lambda _: None
        self.ended = threading.Event()
        self._seconds = 0.0
        self._end = seconds
        self._stalls = list(stalls)
        self._put = 0

    def now(self) -> float:
        return self._seconds

    def pass_by(self, seconds: float) -> None:
        """Let so much time pass, and put what comes meanwhile."""
        end = self._seconds + seconds
        while self._put * PERIOD_S <= end and not self.ended.is_set():
            self._seconds = max(self._seconds, self._put * PERIOD_S)
            self.put(self._put)
            self._put += 1
        self._seconds = end

    def due_count(self, age_s: float) -> int:
        """How many items were put so long ago."""
        return sum(index * PERIOD_S <= self._seconds - age_s - 1e-9 for index in range(self._put))

    def wait(self, woken: threading.Event, seconds: float) -> None:
        if self._seconds >= self._end:
            self.ended.set()
            woken.wait()
            return
        self.pass_by(seconds)
        stall = self._stalls.pop(0)
        self._stalls.append(stall)
        self.pass_by(stall)


def run(time: SimulatedTime, write: Callable[[int], None], flush: Callable[[], None], *, wake_every: int = 32) -> None:
    """Have a writer write what comes until the time has ended; raises what it raised."""
    writer: BackgroundWriter[int] = BackgroundWriter(
        "of a test", write, flush, time.ended.set, capacity=10_000, wake_every=wake_every, clock=time
    )
    time.put = writer.put
    with writer:
        assert time.ended.wait(60.0)


def longest_unflushed(stalls: Sequence[float] = (0.0,), *, write_s: float = 0.0, flush_s: float = 0.0) -> float:
    """The longest time (s) between an item's arrival and the end of the flush that it was part of."""
    time = SimulatedTime(20.0, stalls)
    waiting: list[int] = []
    ages: list[float] = []

    def write(item: int) -> None:
        waiting.append(item)
        time.pass_by(write_s)

    def flush() -> None:
        time.pass_by(flush_s)
        ages.extend(time.now() - item * PERIOD_S for item in waiting[:1])
        waiting.clear()

    run(time, write, flush)
    assert len(ages) > 10
    return max(ages)


def test_an_item_is_flushed_a_quarter_of_a_second_after_it_came() -> None:
    assert longest_unflushed() == pytest.approx(FLUSH_SECONDS)
    assert longest_unflushed(write_s=0.008) < FLUSH_SECONDS + 0.1
    assert FLUSH_SECONDS <= 0.25


def test_a_writer_that_had_to_wait_flushes_at_once_what_came_meanwhile() -> None:
    assert longest_unflushed([0.3]) <= 0.3 + FLUSH_SECONDS
    assert longest_unflushed([0.0] * 5 + [0.75]) <= 1.0


def test_a_disk_that_takes_its_time_for_each_flush_costs_no_more_than_a_second() -> None:
    assert longest_unflushed(flush_s=0.1) <= FLUSH_SECONDS + 0.2
    assert longest_unflushed(flush_s=0.4) <= 1.0


def test_a_long_queue_is_flushed_now_and_then_and_not_after_each_item() -> None:
    time = SimulatedTime(10.0, [5.0] + [0.0] * 1000)
    flushes: list[float] = []
    run(time, lambda _: time.pass_by(0.005), lambda: flushes.append(time.now()))
    behind = [now - before for before, now in pairwise(flushes) if now < 9.0]
    assert len(behind) > 10
    assert FLUSH_SECONDS <= min(behind) <= max(behind) <= FLUSH_SECONDS + 0.1


def test_an_idle_sink_is_flushed_too_and_so_notices_that_its_file_has_gone() -> None:
    time = SimulatedTime(3.0)
    flushes: list[float] = []
    writer: BackgroundWriter[int] = BackgroundWriter(
        "of a test", lambda _: None, lambda: flushes.append(time.now()), time.ended.set, capacity=10, clock=time
    )
    with writer:
        assert time.ended.wait(60.0)
    assert flushes == pytest.approx([FLUSH_SECONDS * (number + 1) for number in range(12)])


@pytest.mark.parametrize("suffix", [suffix for suffix, case in CASES.items() if case.format.survives_kill])
def test_a_kill_before_any_flush_costs_no_file_more_than_a_second(suffix: str, tmp_path: Path) -> None:
    case: Case = CASES[suffix]
    path = tmp_path / f"drive{suffix}"
    snapshots = drive(400)
    time = SimulatedTime(1.8, [0.0, 0.05, 0.65, 0.0, 0.0])
    writer = Writer(case, path)
    looked: list[int] = []

    def flush() -> None:
        time.pass_by(0.05)
        looked.append(time.due_count(age_s=1.0))
        if looked[-1]:
            assert len(read_rows(case, path)) >= looked[-1]
        writer.sink.flush()

    with writer.sink:
        run(time, lambda item: writer.write(snapshots[item]), flush)
    assert sum(map(bool, looked)) >= 2
