"""The controls of the car in a session: commands to an actuator, interrupted while it puts the car back."""

from threading import Lock
from typing import Final

from telemetry.rl.action import RELEASED, Command
from telemetry.rl.actuators import Actuator, Restart

RESTART_TIMEOUT_S: Final = 5.0
"""How long after its request a restart may take until the user gets a message."""


class CarControl:
    """Sends commands to an actuator, if there is one; used by two threads.

    While the actuator puts the car back it gets no commands.
    """

    def __init__(self, actuator: Actuator | None) -> None:
        self._actuator = actuator
        self._lock = Lock()
        self._restart: Restart | None = None
        self._restart_at = 0.0
        self._is_putting_back = False

    def apply(self, command: Command) -> None:
        """Send a command."""
        with self._lock:
            if self._actuator is not None and not self._is_putting_back:
                self._actuator.apply(command)

    def put_back(self, now: float) -> bool:
        """Ask the actuator to put the car back; False if it cannot."""
        with self._lock:
            self._restart = None if self._actuator is None else self._actuator.restart()
            self._restart_at = now
            self._is_putting_back = self._restart is not None
            return self._is_putting_back

    def check_restart(self, now: float, *, has_restarted: bool) -> str:
        """End a restart request after its time; the result is a complaint if it had no effect, else empty.

        ``has_restarted`` tells whether the session has restarted since the last call.
        """
        restart = self._restart
        if restart is None:
            return ""
        waited_s = now - self._restart_at
        if waited_s < restart.seconds and not has_restarted:
            return ""
        with self._lock:
            if self._is_putting_back and self._actuator is not None:
                self._actuator.apply(RELEASED)
            self._is_putting_back = False
        if has_restarted or not restart.complaint:
            self._restart = None
        elif waited_s > restart.seconds + RESTART_TIMEOUT_S:
            self._restart = None
            return restart.complaint
        return ""
