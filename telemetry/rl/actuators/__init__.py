"""What carries commands to a live game: one file per way."""

from collections.abc import Callable
from typing import Final

from telemetry.base.errors import UsageError
from telemetry.rl.actuators.base import Actuator, ActuatorLease, NoActuator, Restart
from telemetry.rl.actuators.csp import CustomAi
from telemetry.rl.actuators.uinput import VirtualWheel
from telemetry.rl.actuators.vjoy import VJoy

__all__ = [
    "ACTUATORS",
    "Actuator",
    "ActuatorLease",
    "CustomAi",
    "NoActuator",
    "Restart",
    "VJoy",
    "VirtualWheel",
    "create_actuator",
]

ACTUATORS: Final[dict[str, Callable[[int | None], Actuator]]] = {
    "none": lambda _: NoActuator(),
    "csp": lambda _: CustomAi(),
    "uinput": lambda button: VirtualWheel(restart_button=button),
    "vjoy": lambda button: VJoy(restart_button=button),
}
"""The ways by name, made with the number of their button for a restart."""

_WITH_BUTTONS: Final = ("uinput", "vjoy")


def create_actuator(what: str | Actuator, restart_button: int | None = None) -> Actuator:
    """The actuator itself, or the one of this name. UsageError where there is none, or none with buttons."""
    if isinstance(what, Actuator):
        if restart_button is not None:
            raise UsageError("restart_button: it belongs to the actuator where that is an object.")
        return what
    if what not in ACTUATORS:
        raise UsageError(f"There is no actuator {what!r}; there are {', '.join(ACTUATORS)}.")
    if restart_button is not None and what not in _WITH_BUTTONS:
        raise UsageError(f"restart_button: the actuator {what} has no buttons; {' and '.join(_WITH_BUTTONS)} have.")
    return ACTUATORS[what](restart_button)
