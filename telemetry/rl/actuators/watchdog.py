"""An actuator that lets go of the controls by itself when commands stop coming."""

import math
import time
from contextlib import suppress
from threading import Condition, Thread, current_thread
from typing import Final

from telemetry.base.errors import TelemetryError
from telemetry.base.typing import override
from telemetry.rl.action import RELEASED, Command
from telemetry.rl.actuators.base import Actuator, Restart

COMMAND_TIMEOUT_S: Final = 1.0
"""How long a command stays in force without another one; ``serve-acgym`` waits as long for its client."""


class WatchedActuator(Actuator):
    """Another actuator, whose controls are released when no command has come for a while.

    A game does not wait for a learner that computes its next policy, or for a program that a debugger has stopped.
    """

    def __init__(self, actuator: Actuator, timeout_s: float = COMMAND_TIMEOUT_S) -> None:
        self.active = actuator.active
        self.name = actuator.name
        self._actuator = actuator
        self._timeout_s = timeout_s
        self._condition = Condition()
        self._due = math.inf  # when the controls are to be released, by the performance counter
        self._thread: Thread | None = None

    @override
    def open(self) -> None:
        self._actuator.open()
        if self._thread is None:
            # A daemon, so that a script that forgets to close its environment can end.
            self._thread = Thread(target=self._watch, name=f"watchdog of {self.name}", daemon=True)
            self._thread.start()

    @override
    def apply(self, command: Command) -> None:
        with self._condition:
            self._actuator.apply(command)
            self._set_due(math.inf if command == RELEASED else time.perf_counter() + self._timeout_s)

    @override
    def restart(self) -> Restart | None:
        with self._condition:
            self._set_due(math.inf)
            return self._actuator.restart()

    @override
    def close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            with self._condition:
                self._condition.notify()
            if thread is not current_thread():  # which may be the one that collects the garbage
                thread.join()
        self._actuator.close()

    def _set_due(self, due: float) -> None:
        was_idle, self._due = math.isinf(self._due), due
        if was_idle and not math.isinf(due):  # else the thread wakes in time by itself
            self._condition.notify()

    def _watch(self) -> None:
        with self._condition:
            while self._thread is not None:
                left = self._due - time.perf_counter()
                if left > 0.0:
                    self._condition.wait(None if math.isinf(left) else left)
                    continue
                self._due = math.inf
                with suppress(TelemetryError):  # a device that has gone: the next command says so
                    self._actuator.apply(RELEASED)
