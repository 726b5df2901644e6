"""Actuators: each module carries commands to a live game in another way."""

from collections.abc import Callable
from typing import Final

from telemetry.base.errors import UsageError
from telemetry.rl.actuators.base import Actuator, ActuatorLease, NoActuator, Restart
from telemetry.rl.actuators.csp import CustomAi
from telemetry.rl.actuators.uinput import VirtualWheel
from telemetry.rl.actuators.vjoy import VJoy
from telemetry.rl.actuators.watchdog import WatchedActuator

__all__ = [
    "ACTUATORS",
    "Actuator",
    "ActuatorLease",
    "CustomAi",
    "NoActuator",
    "Restart",
    "VJoy",
    "VirtualWheel",
    "WatchedActuator",
    "create_actuator",
]

ACTUATORS: Final[dict[str, Callable[[int | None], Actuator]]] = {
    "none": lambda _: NoActuator(),
    "csp": lambda _: CustomAi(),
    "uinput": lambda button: VirtualWheel(restart_button=button),
    "vjoy": lambda button: VJoy(restart_button=button),
}
"""Makes the actuator of a name with the number of its restart button."""

_WITH_BUTTONS: Final = ("uinput", "vjoy")


def create_actuator(actuator: str | Actuator, restart_button: int | None = None) -> Actuator:
    """The actuator of this name, or the actuator itself.

    Raises UsageError for an unknown name, and for a restart button that the actuator cannot have.
    """
    if isinstance(actuator, Actuator):
        if restart_button is not None:
            raise UsageError("restart_button: pass it to the actuator object itself.")
        return actuator
    if actuator not in ACTUATORS:
        raise UsageError(f"Unknown actuator {actuator!r}; there are {', '.join(ACTUATORS)}.")
    if restart_button is not None and actuator not in _WITH_BUTTONS:
        raise UsageError(f"restart_button: the actuator {actuator} has no buttons; {' and '.join(_WITH_BUTTONS)} have.")
    return ACTUATORS[actuator](restart_button)
