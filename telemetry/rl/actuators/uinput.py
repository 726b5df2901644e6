"""A virtual wheel of the Linux kernel (uinput, by python-evdev): for the game under Proton.

It needs rights to write ``/dev/uinput``, and in the game its axes are assigned once, as vJoy's: X steering, Y throttle,
Z brake. It has not been tried with the game yet.

SDL takes a device for a joystick when it has both ABS_X and ABS_Y and a joystick's axis or button
(SDL_evdev_capabilities.c), and Wine makes X, Y and Z of DirectInput of ABS_X, ABS_Y and ABS_Z (bus_udev.c). A wheel of
ABS_X, ABS_GAS and ABS_BRAKE, which the kernel and udev know, is none to SDL 2.28. With a gamepad's buttons instead of a
joystick's it would be made a gamepad, which the game steers with filters.
"""

from typing import Any, Final

from telemetry.base.errors import SinkError
from telemetry.base.extras import require
from telemetry.rl.action import Command
from telemetry.rl.actuators.base import ButtonActuator

RANGE: Final = 32_767
"""What the steering axis reads at full lock, and the pedals pressed."""

NAME: Final = "ac-telemetry virtual wheel"


class VirtualWheel(ButtonActuator):
    """A joystick with three axes and twelve buttons. Nothing is made before it is opened.

    It is the same device each time, whether a button is used or not, so that the game knows it again.
    """

    buttons = 12
    name = "The virtual wheel"

    def __init__(self, evdev: Any = None, *, restart_button: int | None = None) -> None:
        super().__init__(restart_button)
        self._evdev = evdev
        self._device: Any = None

    def open(self) -> None:
        """Make the device; the system tells every program that a wheel was plugged in."""
        if self._device is not None:
            return
        if self._evdev is None:
            self._evdev = require("evdev", extra="uinput", purpose="The actuator uinput (on Linux)")
        codes, info = self._evdev.ecodes, self._evdev.AbsInfo
        steering = info(value=0, min=-RANGE, max=RANGE, fuzz=0, flat=0, resolution=0)
        pedal = info(value=0, min=0, max=RANGE, fuzz=0, flat=0, resolution=0)
        axes = [(codes.ABS_X, steering), (codes.ABS_Y, pedal), (codes.ABS_Z, pedal)]
        buttons = [codes.BTN_JOYSTICK + index for index in range(self.buttons)]
        try:
            self._device = self._evdev.UInput({codes.EV_ABS: axes, codes.EV_KEY: buttons}, name=NAME)
        except Exception as error:  # the library has an error of its own beside OSError
            raise SinkError(f"The virtual wheel cannot be made: {error}. May you write /dev/uinput?") from error

    def report(self, command: Command, button: int | None) -> None:
        """Move the three axes and the button for a restart in one report."""
        if self._device is None:
            return
        codes, device = self._evdev.ecodes, self._device
        device.write(codes.EV_ABS, codes.ABS_X, round(command.steer * RANGE))
        device.write(codes.EV_ABS, codes.ABS_Y, round(command.throttle * RANGE))
        device.write(codes.EV_ABS, codes.ABS_Z, round(command.brake * RANGE))
        if self._restart_button is not None:
            down = button == self._restart_button
            device.write(codes.EV_KEY, codes.BTN_JOYSTICK + self._restart_button - 1, int(down))
        device.syn()

    def close(self) -> None:
        """Centre the wheel, lift the pedals, and unplug it."""
        if self._device is not None:
            self.apply(Command())
            self._device.close()
            self._device = None
