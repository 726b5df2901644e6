"""What an actuator is, and the one that only looks on."""

from abc import abstractmethod

from telemetry.recorder import Closing
from telemetry.rl.action import Command


class Actuator(Closing):
    """A way to the wheel and pedals of a running game; ``drives`` says whether it has one at all.

    Nothing is taken before :meth:`open`. Raises :class:`telemetry.TelemetryError` where the way is barred.
    """

    drives = True
    restarts = False
    """Whether :meth:`restart` does anything."""

    @abstractmethod
    def open(self) -> None:
        """Take hold of the controls."""

    @abstractmethod
    def apply(self, command: Command) -> None:
        """Move wheel and pedals there; they stay until the next command."""

    def restart(self) -> None:
        """Have the car put back where an episode begins, where this way can; otherwise the driver does."""


class LookOn(Actuator):
    """No actuator: somebody else drives, and commands are ignored."""

    drives = False

    def open(self) -> None:
        """Take hold of nothing."""

    def apply(self, command: Command) -> None:
        """Leave the car alone."""
