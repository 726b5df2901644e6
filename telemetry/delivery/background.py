"""Delivery beside a recording: in a process of its own that lets every other go first, so that no step is lost by it.

A thread would not do: one of low priority that is suspended while it holds Python's lock makes the recorder wait.
"""

import multiprocessing
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event, Thread
from typing import Final

from telemetry.base.clock import Clock
from telemetry.base.errors import TelemetryError
from telemetry.base.processes import ignore_interrupts, interrupts_blocked, lower_priority
from telemetry.base.typing import override
from telemetry.delivery.deliverer import Deliverer, DeliveryOptions
from telemetry.delivery.outbox import DeliveryStatus, Outbox
from telemetry.delivery.retry import Backoff
from telemetry.delivery.targets import open_target
from telemetry.recording.interfaces import Closeable

if sys.platform == "win32":
    from multiprocessing.connection import PipeConnection as Connection
else:
    from multiprocessing.connection import Connection

LOOK_S: Final = 2.0
"""Seconds between two looks into the outbox."""

RESTART_S: Final = 60.0
"""Seconds after which a process that died is started again."""

_POLL_S: Final = 0.1
_FINISH: Final = "finish"
_STOP: Final = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """What is delivered, and where to."""

    folder: Path
    """The folder of the recordings."""
    target: str
    """As :func:`telemetry.delivery.targets.target_name` gives it."""
    endpoint: str | None = None
    options: DeliveryOptions = field(default_factory=DeliveryOptions)


class BackgroundDelivery(Closeable):
    """A process that delivers what is added to an outbox, from now until it is closed.

    ``status`` is what it said last. It is the only one to deliver from this outbox.
    """

    def __init__(self, settings: DeliverySettings) -> None:
        self.settings = settings
        self.outbox = Outbox(settings.folder)
        self.status = DeliveryStatus()
        self._closing = Event()
        self._connection: Connection | None = None
        self._process: BaseProcess | None = None
        self._start()
        self._thread = Thread(target=self._watch, name="delivery", daemon=True)
        self._thread.start()

    def finish(self, is_enough: Callable[[], bool]) -> DeliveryStatus:
        """Deliver all that is finished now, once, and end; the rest is left for later when ``is_enough``.

        Returns what still waits.
        """
        self._closing.set()
        self._say(_FINISH)
        while self._thread.is_alive() and not is_enough():
            self._thread.join(_POLL_S)
        self.close()
        return self.outbox.status(self.settings.target)

    @override
    def close(self) -> None:
        """End the process at once; what it did not deliver waits."""
        self._closing.set()
        self._say(_STOP)
        self._thread.join()
        process = self._process
        if process is not None:
            process.join(10.0)
            if process.is_alive():  # a request that does not end; nothing is half at the target
                process.kill()
                process.join()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=deliver_in_background, args=(self.settings, theirs), name="delivery")
        with interrupts_blocked():
            self._process.start()
        theirs.close()

    def _say(self, word: str) -> None:
        connection = self._connection
        if connection is not None:
            with suppress(OSError):  # it has ended
                connection.send(word)

    def _watch(self) -> None:
        """Take over what the process says; start it again where it died."""
        while True:
            connection = self._connection
            assert connection is not None
            with suppress(EOFError, OSError):
                while True:
                    self.status = connection.recv()
            if self._closing.wait(0.0):
                return
            self.status = replace(self.status, error="The process that delivers has ended. It starts again.")
            if self._closing.wait(RESTART_S):
                return
            self._start()


def deliver_in_background(settings: DeliverySettings, connection: Connection) -> None:
    """What the process does: deliver until it is told to stop, or nobody is there who could tell."""
    ignore_interrupts()
    lower_priority()
    clock, woken, finishing = Clock(), Event(), Event()

    def listen() -> None:
        with suppress(EOFError, OSError):
            while connection.recv() == _FINISH:
                finishing.set()
                woken.set()
        clock.stop()
        woken.set()

    Thread(target=listen, daemon=True).start()
    outbox = Outbox(settings.folder)
    backoff = Backoff(LOOK_S)
    deliverer: Deliverer | None = None
    while not clock.stopped:
        is_last = finishing.is_set()
        store_error = error = ""
        try:
            deliverer = deliverer or _make_deliverer(settings, outbox, clock)
            done = deliverer.run()
            store_error, error = done.store_error, next(iter(done.failures.values()), "")
        except TelemetryError as failure:  # another command delivers from this outbox, or the rig's disk is full
            store_error = str(failure)
        status = replace(outbox.status(settings.target), error=store_error or error)
        with suppress(OSError):
            connection.send(status)
        if is_last:
            break
        woken.wait(backoff.after(failed=bool(store_error)))
        woken.clear()


def _make_deliverer(settings: DeliverySettings, outbox: Outbox, clock: Clock) -> Deliverer:
    open_it = partial(open_target, settings.target, settings.endpoint)
    return Deliverer(outbox, settings.target, open_it, options=settings.options, clock=clock)
