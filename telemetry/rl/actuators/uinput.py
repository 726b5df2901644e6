"""A virtual wheel of the Linux kernel (uinput, through python-evdev): for the game under Proton.

It needs permission to write ``/dev/uinput``. In the game its axes are assigned once, as with vJoy: X steering, Y
throttle, Z brake. It has not been tried with the game yet.

SDL classifies a device as a joystick if it has ABS_X, ABS_Y and an axis or button of a joystick
(SDL_evdev_capabilities.c), and Wine maps ABS_X, ABS_Y and ABS_Z to X, Y and Z of DirectInput (bus_udev.c). A wheel with
ABS_X, ABS_GAS and ABS_BRAKE, which the kernel and udev know, is not a joystick for SDL 2.28. With the buttons of a
gamepad it would become a gamepad, whose steering the game filters.
"""

from typing import Any, Final

from telemetry.base.errors import SinkError
from telemetry.base.extras import require
from telemetry.base.typing import override
from telemetry.rl.action import RELEASED, Command
from telemetry.rl.actuators.base import ButtonActuator

RANGE: Final = 32_767
"""The value of the steering axis at full lock, and of the pedals when pressed."""

NAME: Final = "ac-telemetry virtual wheel"


class VirtualWheel(ButtonActuator):
    """A joystick with three axes and twelve buttons, made by :meth:`open`.

    It has all buttons even if none is used, so that the game recognizes it as the same device.
    """

    buttons = 12
    name = "The virtual wheel"

    def __init__(self, evdev: Any = None, *, restart_button: int | None = None) -> None:
        super().__init__(restart_button)
        self._evdev = evdev
        self._device: Any = None

    @override
    def open(self) -> None:
        """Make the device; programs see a wheel being plugged in. Raises SinkError if it cannot be made."""
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
        except Exception as error:  # evdev has its own error class besides OSError
            raise SinkError(
                f"The virtual wheel cannot be made: {error}. Check that you have permission to write /dev/uinput."
            ) from error

    @override
    def report(self, command: Command, button: int | None) -> None:
        if self._device is None:
            return
        codes, device = self._evdev.ecodes, self._device
        try:
            device.write(codes.EV_ABS, codes.ABS_X, round(command.steer * RANGE))
            device.write(codes.EV_ABS, codes.ABS_Y, round(command.throttle * RANGE))
            device.write(codes.EV_ABS, codes.ABS_Z, round(command.brake * RANGE))
            if self._restart_button is not None:
                is_pressed = button == self._restart_button
                device.write(codes.EV_KEY, codes.BTN_JOYSTICK + self._restart_button - 1, int(is_pressed))
            device.syn()
        except OSError as error:
            raise SinkError(f"The virtual wheel takes no commands any more: {error.strerror}.") from error

    @override
    def close(self) -> None:
        """Release the controls and unplug the device."""
        if self._device is not None:
            self.apply(RELEASED)
            self._device.close()
            self._device = None
