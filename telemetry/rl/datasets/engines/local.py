"""Processes of this machine, or this process alone."""

import math
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from threading import Thread
from typing import Any, Final

from telemetry.base.clock import Clock
from telemetry.rl.datasets.convert import Job, convert
from telemetry.rl.datasets.exporter import RecordingResult, Watch

_POLL_S: Final = 0.2
"""Longest that a stopped clock goes unnoticed."""


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """So many processes, by default one for each core; one of them is this one, which shows what it does."""

    workers: int | None = None

    def run(self, jobs: Sequence[Job], clock: Clock, watch: Watch) -> Iterator[RecordingResult]:
        """What the recordings give; a recording whose process dies is tried once more, alone."""
        workers = min(self.workers or os.cpu_count() or 1, len(jobs))
        if workers <= 1:
            for job in jobs:
                if (result := None if clock.stopped else convert(job, clock, watch)) is not None:
                    yield result
            return
        left, suspects = deque(jobs), deque[Job]()
        while left and not clock.stopped:
            yield from _in_pool(left, suspects, workers, clock)
        while suspects and not clock.stopped:
            died = deque[Job]()
            job = suspects.popleft()
            yield from _in_pool(deque([job]), died, 1, clock)
            if died:
                yield job.failed(
                    f"{job.path} was not converted: the process that works on it dies; there may be no memory left."
                )


def _in_pool(left: deque[Job], died: deque[Job], workers: int, clock: Clock) -> Iterator[RecordingResult]:
    """Take from what is left until nothing is, or a process dies; then all that were under way are in ``died``.

    No more are handed out than are worked on, so that one that kills its process takes few along.
    """
    # Spawned, not forked: Arrow and HDF5 have threads of their own, which do not survive a fork.
    context = multiprocessing.get_context("spawn")
    # Memory that nobody locks: an Event waits for those that follow it, and one that died never answers.
    stop = context.RawValue("b", 0)
    with ProcessPoolExecutor(workers, context, _begin_worker, (stop,)) as pool:
        running: dict[Future[RecordingResult | None], Job] = {}
        broken = False
        try:
            while (left or running) and not broken and not clock.stopped:
                while left and len(running) < workers:
                    job = left.popleft()
                    try:
                        running[pool.submit(_convert_here, job)] = job
                    except BrokenProcessPool:  # a process died with nothing to do
                        left.appendleft(job)
                        broken = True
                        break
                done, _ = wait(running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                for future in done:
                    job = running.pop(future)
                    try:
                        result = future.result()
                    except BrokenProcessPool:
                        died.append(job)
                        broken = True
                    else:
                        if result is not None:
                            yield result
        finally:
            stop.value = 1
    if broken:
        died.extend(running.values())


_clock: Final = Clock(math.inf)
"""What the jobs of a worker stop by."""


def _begin_worker(stop: Any) -> None:
    """Leave an interrupt to the process that leads; stop when it says so, and end when it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    leader = multiprocessing.parent_process()
    assert leader is not None

    def follow() -> None:
        while leader.is_alive():
            leader.join(_POLL_S)
            if stop.value:
                _clock.stop()
        os._exit(1)  # nobody waits for what is done here, and the queue of jobs would never end

    Thread(target=follow, daemon=True).start()


def _convert_here(job: Job) -> RecordingResult | None:
    return convert(job, _clock)
