"""vJoy: a virtual joystick of Windows, by its driver's library. It has not been tried with the driver yet.

In the game its axes are assigned once: X steering, Y throttle, Z brake, and a rotation not above the car's lock; and
its button for a restart, where one is wanted.
"""

import ctypes
import os
import sys
from pathlib import Path
from typing import Any, Final

from telemetry.base.errors import SinkError, UsageError
from telemetry.rl.action import Command
from telemetry.rl.actuators.base import ButtonActuator

FULL: Final = 0x8000
"""What an axis reads at its upper end; 0 is its lower."""

OWN, FREE, BUSY = 0, 1, 2
"""Whose a device is, by ``GetVJDStatus``: ours, nobody's, another program's; beyond that it is missing."""

_LONG: Final = ctypes.c_int32
_AXES: Final = (
    "wThrottle", "wRudder", "wAileron", "wAxisX", "wAxisY", "wAxisZ", "wAxisXRot", "wAxisYRot", "wAxisZRot",
    "wSlider", "wDial", "wWheel", "wAxisVX", "wAxisVY", "wAxisVZ", "wAxisVBRX", "wAxisVBRY", "wAxisVBRZ",
)  # fmt: skip
_BUTTONS: Final = ("lButtons", "bHats", "bHatsEx1", "bHatsEx2", "bHatsEx3", "lButtonsEx1", "lButtonsEx2", "lButtonsEx3")


class Position(ctypes.Structure):
    """The driver's ``JOYSTICK_POSITION_V2``: all axes and buttons of a device, taken over in one call."""

    _fields_ = [("bDevice", ctypes.c_uint8), *[(name, _LONG) for name in (*_AXES, *_BUTTONS)]]


class VJoy(ButtonActuator):
    """A device of vJoy, the first unless another is named; it belongs to one program at a time."""

    buttons = 32

    def __init__(self, device: int = 1, library: Any = None, *, restart_button: int | None = None) -> None:
        super().__init__(restart_button)
        self.name = f"Device {device} of vJoy"
        self._device = device
        self._library = library
        self._held = False

    def open(self) -> None:
        """Take the device, wheel straight and pedals up."""
        if self._held:
            return
        library = self._library = self._library or _load()
        if not library.vJoyEnabled():
            raise SinkError("The driver of vJoy is installed but not enabled.")
        status = library.GetVJDStatus(self._device)
        if status == BUSY:
            raise SinkError(f"Another program holds device {self._device} of vJoy.")
        if status not in (OWN, FREE) or not library.AcquireVJD(self._device):
            raise SinkError(f"vJoy has no device {self._device}; its program 'Configure vJoy' makes one.")
        button = self._restart_button
        if button is not None and library.GetVJDButtonNumber(self._device) < button:
            library.RelinquishVJD(self._device)
            raise SinkError(f"Device {self._device} of vJoy has no button {button}; 'Configure vJoy' gives it more.")
        self._held = True
        self.apply(Command())

    def report(self, command: Command, button: int | None) -> None:
        """Move the three axes and the buttons in one call."""
        if not self._held:
            return
        position = Position(
            bDevice=self._device,
            wAxisX=round((0.5 + 0.5 * command.steer) * FULL),
            wAxisY=round(command.throttle * FULL),
            wAxisZ=round(command.brake * FULL),
            lButtons=1 << (button - 1) if button else 0,
            bHats=-1,  # centred
        )
        self._library.UpdateVJD(self._device, ctypes.byref(position))

    def close(self) -> None:
        """Centre the wheel, lift the pedals, and give the device back."""
        if self._held:
            self.apply(Command())
            self._library.RelinquishVJD(self._device)
            self._held = False


def _load() -> Any:
    """The driver's library, where its installer puts it."""
    if sys.platform != "win32":
        raise UsageError("The actuator vjoy drives through a driver of Windows; under Linux there is uinput.")
    folder = Path(os.environ.get("PROGRAMFILES", r"C:\Program Files"), "vJoy", "x64")
    try:
        return ctypes.CDLL(str(folder / "vJoyInterface.dll"))
    except OSError as error:
        raise UsageError(f"vJoy is not installed: there is no vJoyInterface.dll in {folder}.") from error
