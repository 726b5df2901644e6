"""vJoy: a virtual joystick for Windows, through the library of its driver. It has not been tried with the driver yet.

In the game its axes are assigned once: X steering, Y throttle, Z brake, with a rotation of at most the car's lock, and
a button to restart the session, if wanted.
"""

import ctypes
import os
import sys
from pathlib import Path
from typing import Any, Final

from telemetry.base.errors import SinkError, UsageError
from telemetry.base.typing import override
from telemetry.rl.action import RELEASED, Command
from telemetry.rl.actuators.base import ButtonActuator

AXIS_MAX: Final = 0x8000
"""The value of an axis at its upper end; the lower end is 0."""

OWN, FREE, BUSY = 0, 1, 2
"""Results of ``GetVJDStatus``: owned by this process, free, owned by another one; other values: missing."""

_LONG: Final = ctypes.c_int32
_AXES: Final = (
    "wThrottle", "wRudder", "wAileron", "wAxisX", "wAxisY", "wAxisZ", "wAxisXRot", "wAxisYRot", "wAxisZRot",
    "wSlider", "wDial", "wWheel", "wAxisVX", "wAxisVY", "wAxisVZ", "wAxisVBRX", "wAxisVBRY", "wAxisVBRZ",
)  # fmt: skip
_BUTTONS: Final = ("lButtons", "bHats", "bHatsEx1", "bHatsEx2", "bHatsEx3", "lButtonsEx1", "lButtonsEx2", "lButtonsEx3")


class Position(ctypes.Structure):
    """The driver's ``JOYSTICK_POSITION_V2``: all axes and buttons of a device, set in one call."""

    _fields_ = [("bDevice", ctypes.c_uint8), *[(name, _LONG) for name in (*_AXES, *_BUTTONS)]]


class VJoy(ButtonActuator):
    """A vJoy device, by default the first; it belongs to one program at a time."""

    buttons = 32

    def __init__(self, device: int = 1, library: Any = None, *, restart_button: int | None = None) -> None:
        super().__init__(restart_button)
        self.name = f"vJoy device {device}"
        self._device = device
        self._library = library
        self._held = False

    @override
    def open(self) -> None:
        """Take the device, and release its controls.

        Raises SinkError if it cannot be taken, and UsageError if vJoy is not installed.
        """
        if self._held:
            return
        library = self._library = self._library or _load()
        if not library.vJoyEnabled():
            raise SinkError("The vJoy driver is installed but not enabled.")
        status = library.GetVJDStatus(self._device)
        if status == BUSY:
            raise SinkError(f"vJoy device {self._device} is in use by another program.")
        if status not in (OWN, FREE) or not library.AcquireVJD(self._device):
            raise SinkError(f"vJoy has no device {self._device}; create it with the program 'Configure vJoy'.")
        button = self._restart_button
        if button is not None and library.GetVJDButtonNumber(self._device) < button:
            library.RelinquishVJD(self._device)
            raise SinkError(
                f"vJoy device {self._device} has no button {button}; add buttons with the program 'Configure vJoy'."
            )
        self._held = True
        self.apply(RELEASED)

    @override
    def report(self, command: Command, button: int | None) -> None:
        if not self._held:
            return
        position = Position(
            bDevice=self._device,
            wAxisX=round((0.5 + 0.5 * command.steer) * AXIS_MAX),
            wAxisY=round(command.throttle * AXIS_MAX),
            wAxisZ=round(command.brake * AXIS_MAX),
            lButtons=1 << (button - 1) if button else 0,
            bHats=-1,  # centred
        )
        self._library.UpdateVJD(self._device, ctypes.byref(position))

    @override
    def close(self) -> None:
        """Release the controls and the device."""
        if self._held:
            self.apply(RELEASED)
            self._library.RelinquishVJD(self._device)
            self._held = False


def _load() -> Any:
    """The driver's library, from the folder of its installer."""
    if sys.platform != "win32":
        raise UsageError("The actuator vjoy needs Windows; on Linux use uinput.")
    folder = Path(os.environ.get("PROGRAMFILES", r"C:\Program Files"), "vJoy", "x64")
    try:
        return ctypes.CDLL(str(folder / "vJoyInterface.dll"))
    except OSError as error:
        raise UsageError(f"vJoy is not installed: vJoyInterface.dll is missing in {folder}.") from error
