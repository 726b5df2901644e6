"""What carries commands to a live game: one file per way."""

from collections.abc import Callable
from typing import Final

from telemetry.errors import UsageError
from telemetry.rl.actuators.base import Actuator, LookOn
from telemetry.rl.actuators.csp import CustomAi
from telemetry.rl.actuators.uinput import VirtualWheel
from telemetry.rl.actuators.vjoy import VJoy

__all__ = ["ACTUATORS", "Actuator", "CustomAi", "LookOn", "VJoy", "VirtualWheel", "actuator_of"]

ACTUATORS: Final[dict[str, Callable[[], Actuator]]] = {
    "none": LookOn,
    "csp": CustomAi,
    "uinput": VirtualWheel,
    "vjoy": VJoy,
}
"""The ways by name."""


def actuator_of(what: str | Actuator) -> Actuator:
    """The actuator itself, or the one of this name. UsageError where there is none."""
    if isinstance(what, Actuator):
        return what
    if what not in ACTUATORS:
        raise UsageError(f"There is no actuator {what!r}; there are {', '.join(ACTUATORS)}.")
    return ACTUATORS[what]()
