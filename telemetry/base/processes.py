"""Work on many items at once, in other processes of this machine."""

import ctypes
import math
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Thread
from typing import Any, Final, Generic, TypeVar

from telemetry.base.clock import Clock

_POLL_S: Final = 0.2
"""How often the clock is checked."""

_IDLE_PRIORITY_CLASS: Final = 0x40

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class ProcessDied:
    """In place of a result: the process died twice, the second time while it worked on nothing else."""


def run_in_processes(
    work: Callable[[_Item, Clock], _Result], items: Sequence[_Item], processes: int, clock: Clock
) -> Generator[tuple[int, _Result | ProcessDied], None, None]:
    """The number of each item, from 0, and what ``work`` returns for it, as soon as it is there.

    Everything that goes to a process and comes back is pickled. Stopping ``clock`` stops the one that ``work`` gets,
    and ends the iteration without the results that are not there yet; so does closing the iterator. No process is
    left then. An item whose process dies is tried once more, alone. Raises what ``work`` raises.
    """
    waiting, suspects = deque(range(len(items))), deque[int]()
    crew = _Crew(work, items, clock)
    while waiting and not clock.stopped:
        yield from crew.run(waiting, suspects, min(processes, len(waiting)))
    while suspects and not clock.stopped:
        died = deque[int]()
        number = suspects.popleft()
        yield from crew.run(deque([number]), died, 1)
        if died:
            yield number, ProcessDied()


@dataclass(frozen=True, slots=True)
class _Crew(Generic[_Item, _Result]):
    """Makes the processes for some of the items."""

    work: Callable[[_Item, Clock], _Result]
    items: Sequence[_Item]
    clock: Clock

    def run(self, waiting: deque[int], died: deque[int], processes: int) -> Iterator[tuple[int, _Result]]:
        """Work until nothing waits or a process dies; then all items that were worked on are moved to ``died``.

        No more items are submitted than there are processes, so that one that kills its process affects few others.
        """
        # Spawned, not forked: Arrow and HDF5 have threads of their own, which do not survive a fork.
        context = multiprocessing.get_context("spawn")
        # Memory without a lock: an Event waits for its waiters, and a process that died never answers.
        stop = context.RawValue("b", 0)
        with ProcessPoolExecutor(processes, context, _begin, (stop,)) as pool:
            running: dict[Future[_Result], int] = {}
            broken = False
            try:
                while (waiting or running) and not broken and not self.clock.stopped:
                    while waiting and len(running) < processes and not self.clock.stopped:
                        number = waiting.popleft()
                        try:
                            with interrupts_blocked():
                                running[pool.submit(_work, self.work, self.items[number])] = number
                        except BrokenProcessPool:  # an idle process died
                            waiting.appendleft(number)
                            broken = True
                            break
                    done, _ = wait(running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                    for future in done:
                        number = running.pop(future)
                        try:
                            result = future.result()
                        except BrokenProcessPool:
                            died.append(number)
                            broken = True
                        else:
                            yield number, result
            finally:
                stop.value = 1
        if broken:
            died.extend(running.values())


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Ctrl-C takes effect after this block, and not at all in a process that it starts.

    That would else end with a traceback, until it has begun to ignore Ctrl-C. Windows has no such thing.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_interrupts() -> None:
    """Leave Ctrl-C to the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "win32":
        signal.signal(signal.SIGBREAK, signal.SIG_IGN)


def lower_priority() -> None:
    """Let every other process of this machine go first, in all threads that are started from now on."""
    if sys.platform == "win32":
        kernel32 = ctypes.WinDLL("kernel32")
        kernel32.GetCurrentProcess.restype = ctypes.c_void_p
        kernel32.SetPriorityClass.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
        kernel32.SetPriorityClass(kernel32.GetCurrentProcess(), _IDLE_PRIORITY_CLASS)
        return
    with suppress(OSError):
        os.nice(19)
    if sys.platform == "linux":
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


_clock: Final = Clock(math.inf)
"""The clock of a process that works for another one; stopping it stops its work."""


def _begin(stop: Any) -> None:
    """Leave interrupts to the parent process; stop when it sets ``stop``, and exit when it is gone."""
    ignore_interrupts()
    parent = multiprocessing.parent_process()
    assert parent is not None, "it is always started by another process"

    def watch_parent() -> None:
        while parent.is_alive():
            parent.join(_POLL_S)
            if stop.value:
                _clock.stop()
        os._exit(1)  # without the parent nobody needs the results, and the queue of items never ends

    Thread(target=watch_parent, daemon=True).start()


def _work(work: Callable[[_Item, Clock], _Result], item: _Item) -> _Result:
    return work(item, _clock)
