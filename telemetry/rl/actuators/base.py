"""The interface of an actuator, its lease, and the actuator that does nothing."""

import weakref
from abc import abstractmethod
from typing import Final, NamedTuple

from telemetry.base.errors import UsageError
from telemetry.base.storage.lock import FileLock, lock_actuator
from telemetry.base.typing import override
from telemetry.recording.interfaces import Closeable
from telemetry.rl.action import RELEASED, Command

PRESS_S: Final = 1.0
"""How long a button is held: the game reads it once per frame, and Content Manager can require a long press."""


class Restart(NamedTuple):
    """A request to put the car back, in force until the next command."""

    seconds: float
    """How long the request must stay in force, unless the game restarts its session earlier."""
    complaint: str = ""
    """For a request that must restart the session: the message to show if no restart follows."""


class Actuator(Closeable):
    """Moves the wheel and the pedals of a running game.

    Nothing on the machine is reserved before :meth:`open`.
    """

    active = True
    """Whether commands have an effect."""
    name = ""
    """The device that it reserves on this machine, for one environment at a time; empty if it reserves nothing."""

    @abstractmethod
    def open(self) -> None:
        """Take the controls. Raises :class:`telemetry.TelemetryError` if that is not possible."""

    @abstractmethod
    def apply(self, command: Command) -> None:
        """Move the wheel and the pedals; they stay there until the next command."""

    def restart(self) -> Restart | None:
        """Ask for the car to be put back to where an episode begins; None if this actuator cannot."""
        return None


class ActuatorLease(Closeable):
    """Opens an actuator, and reserves it for one environment until the lease is closed.

    A lease that nobody closes ends with the program, and with the last reference to it: a script that raises an error
    must not leave a car at full throttle. Raises :class:`telemetry.SinkError` if another environment holds the
    actuator, in this process or in another one.
    """

    def __init__(self, actuator: Actuator) -> None:
        lock = lock_actuator(actuator.name) if actuator.name else None
        try:
            actuator.open()
        except BaseException:
            if lock is not None:
                lock.close()
            raise
        self._release = weakref.finalize(self, _release, actuator, lock)

    @override
    def close(self) -> None:
        self._release()


def _release(actuator: Actuator, lock: FileLock | None) -> None:
    try:
        actuator.close()
    finally:
        if lock is not None:
            lock.close()


class ButtonActuator(Actuator):
    """A device with buttons; ``restart_button``, counted from 1, restarts the session.

    Raises UsageError for a button that the device does not have.
    """

    buttons: int
    """The number of buttons."""

    def __init__(self, restart_button: int | None) -> None:
        if restart_button is not None and not 1 <= restart_button <= self.buttons:
            raise UsageError(f"restart_button must be from 1 to {self.buttons}, got {restart_button}.")
        self._restart_button = restart_button

    @override
    def apply(self, command: Command) -> None:
        self.report(command, None)

    @abstractmethod
    def report(self, command: Command, button: int | None) -> None:
        """Set all axes, and press this button alone, in one report."""

    @override
    def restart(self) -> Restart | None:
        button = self._restart_button
        if button is None:
            return None
        self.report(RELEASED, button)
        return Restart(
            PRESS_S,
            f"The session did not restart when button {button} was pressed. Check in the game's controls that the "
            "button is assigned to 'restart session', and that the game is in front with no menu open.",
        )


class NoActuator(Actuator):
    """No actuator: somebody else drives, and commands are ignored."""

    active = False

    @override
    def open(self) -> None:
        pass

    @override
    def apply(self, command: Command) -> None:
        pass
