"""The local engine: processes of this machine, or this process alone."""

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
"""How often the clock is checked."""


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """Converts in this process if ``workers`` is 1, else in that many other processes; None: one per core."""

    workers: int | None = None

    def run(self, jobs: Sequence[Job], clock: Clock, watch: Watch) -> Iterator[RecordingResult]:
        """The results; a recording whose process dies is tried once more, alone."""
        workers = min(self.workers or os.cpu_count() or 1, len(jobs))
        if workers <= 1:
            for job in jobs:
                if (result := None if clock.stopped else convert(job, clock, watch)) is not None:
                    yield result
            return
        waiting, suspects = deque(jobs), deque[Job]()
        while waiting and not clock.stopped:
            yield from _run_pool(waiting, suspects, workers, clock)
        while suspects and not clock.stopped:
            died = deque[Job]()
            job = suspects.popleft()
            yield from _run_pool(deque([job]), died, 1, clock)
            if died:
                yield job.failed(
                    f"{job.path} was not converted: its process died, perhaps because the memory was full."
                )


def _run_pool(waiting: deque[Job], died: deque[Job], workers: int, clock: Clock) -> Iterator[RecordingResult]:
    """Run waiting jobs until none is left or a process dies; then all jobs that were running are moved to ``died``.

    No more jobs are submitted than there are workers, so that a job that kills its process affects few others.
    """
    # Spawned, not forked: Arrow and HDF5 have threads of their own, which do not survive a fork.
    context = multiprocessing.get_context("spawn")
    # Memory without a lock: an Event waits for its waiters, and a worker that died never answers.
    stop = context.RawValue("b", 0)
    with ProcessPoolExecutor(workers, context, _begin_worker, (stop,)) as pool:
        running: dict[Future[RecordingResult | None], Job] = {}
        broken = False
        try:
            while (waiting or running) and not broken and not clock.stopped:
                while waiting and len(running) < workers:
                    job = waiting.popleft()
                    try:
                        running[pool.submit(_convert_in_worker, job)] = job
                    except BrokenProcessPool:  # an idle process died
                        waiting.appendleft(job)
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
"""The clock of a worker process; stopping it stops its job."""


def _begin_worker(stop: Any) -> None:
    """Leave interrupts to the parent process; stop when it sets ``stop``, and exit when it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker is always started by another process"

    def watch_parent() -> None:
        while parent.is_alive():
            parent.join(_POLL_S)
            if stop.value:
                _clock.stop()
        os._exit(1)  # without the parent nobody needs the results, and the queue of jobs never ends

    Thread(target=watch_parent, daemon=True).start()


def _convert_in_worker(job: Job) -> RecordingResult | None:
    return convert(job, _clock)
