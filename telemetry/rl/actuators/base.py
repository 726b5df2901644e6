"""What an actuator is, and the one that only looks on."""

from abc import abstractmethod
from typing import Final, NamedTuple

from telemetry.base.errors import UsageError
from telemetry.base.storage.lock import FileLock, lock_actuator
from telemetry.recording.interfaces import Closeable
from telemetry.rl.action import RELEASED, Command

PRESS_SECONDS: Final = 1.0
"""How long a button is held: the game looks once a frame, and Content Manager offers to ask for a long press."""


class Restart(NamedTuple):
    """A request to put the car back, which stands until the next command.

    It is to stand for so many ``seconds``, or until the game begins its session anew. Where only that will do,
    ``complaint`` is what to say if it never comes.
    """

    seconds: float
    complaint: str = ""


class Actuator(Closeable):
    """A way to the wheel and pedals of a running game; ``active`` says whether it has one at all.

    Nothing is taken before :meth:`open`. Raises :class:`telemetry.TelemetryError` where the way is barred.
    """

    active = True
    name = ""
    """What of this machine it takes, which one environment at a time may have; empty where that does not matter."""

    @abstractmethod
    def open(self) -> None:
        """Take hold of the controls."""

    @abstractmethod
    def apply(self, command: Command) -> None:
        """Move wheel and pedals there; they stay until the next command."""

    def restart(self) -> Restart | None:
        """Ask for the car to be put back where an episode begins; None where this way cannot, and the driver does."""
        return None


class ActuatorLease(Closeable):
    """The controls of an actuator that was opened, for this environment alone until they are closed.

    Raises :class:`telemetry.SinkError` where another environment has them, here or in another process.
    """

    def __init__(self, actuator: Actuator) -> None:
        self._actuator = actuator
        self._lock: FileLock | None = None
        name = actuator.name
        if name:
            self._lock = lock_actuator(name)
        try:
            actuator.open()
        except BaseException:
            self._release()
            raise

    def close(self) -> None:
        """Give them back."""
        self._actuator.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


class ButtonActuator(Actuator):
    """A device with buttons, of which ``restart_button``, counted from 1, is the one that restarts the session."""

    buttons: int
    """How many there are."""

    def __init__(self, restart_button: int | None) -> None:
        if restart_button is not None and not 1 <= restart_button <= self.buttons:
            raise UsageError(f"restart_button: {restart_button} is none; they count from 1 to {self.buttons}.")
        self._restart_button = restart_button

    def apply(self, command: Command) -> None:
        """Move wheel and pedals in one report, with no button pressed."""
        self.report(command, None)

    @abstractmethod
    def report(self, command: Command, button: int | None) -> None:
        """Report the axes, and the one button that is pressed."""

    def restart(self) -> Restart | None:
        """Press the button, where one is named."""
        button = self._restart_button
        if button is None:
            return None
        self.report(RELEASED, button)
        return Restart(
            PRESS_SECONDS,
            f"Its session did not begin anew when button {button} was pressed: in the game's controls, is that button "
            "assigned to 'restart session'? And is the game in front, with no menu open?",
        )


class NoActuator(Actuator):
    """No actuator: somebody else drives, and commands are ignored."""

    active = False

    def open(self) -> None:
        """Take hold of nothing."""

    def apply(self, command: Command) -> None:
        """Leave the car alone."""
