"""What an actuator is, and the one that only looks on."""

from abc import abstractmethod
from typing import Final

from telemetry.clock import Clock
from telemetry.errors import UsageError
from telemetry.recorder import Closing
from telemetry.rl.action import Command

PRESS_SECONDS: Final = 0.2
"""How long a button is held: games look once a frame."""


class Actuator(Closing):
    """A way to the wheel and pedals of a running game; ``drives`` says whether it has one at all.

    Nothing is taken before :meth:`open`. Raises :class:`telemetry.TelemetryError` where the way is barred.
    """

    drives = True
    name = ""
    """What of this machine it takes, which one environment at a time may have; empty where that does not matter."""

    @abstractmethod
    def open(self) -> None:
        """Take hold of the controls."""

    @abstractmethod
    def apply(self, command: Command) -> None:
        """Move wheel and pedals there; they stay until the next command."""

    def restart(self) -> str:
        """Have the car put back where an episode begins, where this way can; otherwise the driver does.

        Where the game has to begin its session anew before an episode may begin, it gives what to say if it never does.
        """
        return ""


class ButtonActuator(Actuator):
    """A device with buttons, of which ``restart_button``, counted from 1, is the one that restarts the session."""

    buttons: int
    """How many there are."""

    def __init__(self, restart_button: int | None) -> None:
        if restart_button is not None and not 1 <= restart_button <= self.buttons:
            raise UsageError(f"restart_button: {restart_button} is none; they count from 1 to {self.buttons}.")
        self._restart_button = restart_button

    @abstractmethod
    def press(self, button: int, *, down: bool) -> None:
        """Press or release a button, wheel straight and pedals up."""

    def restart(self) -> str:
        """Press the button, where one is named."""
        button = self._restart_button
        if button is None:
            return ""
        self.press(button, down=True)
        wait(PRESS_SECONDS)
        self.press(button, down=False)
        return (
            f"Its session did not begin anew when button {button} was pressed: in the game's controls, is that button "
            "assigned to 'restart session'? And is the game in front, with no menu open?"
        )


class LookOn(Actuator):
    """No actuator: somebody else drives, and commands are ignored."""

    drives = False

    def open(self) -> None:
        """Take hold of nothing."""

    def apply(self, command: Command) -> None:
        """Leave the car alone."""


def wait(seconds: float) -> None:
    """Let so much time pass."""
    clock = Clock()
    clock.sleep_until(seconds)
