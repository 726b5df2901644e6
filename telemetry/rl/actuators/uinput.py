"""A virtual wheel of the Linux kernel (uinput, by python-evdev): for the game under Proton.

It needs rights to write ``/dev/uinput``, and in the game the axes must be assigned once. It has not been tried with the
game, nor with a kernel that has uinput, yet.
"""

from importlib import import_module
from typing import Any, Final

from telemetry.errors import SinkError, UsageError
from telemetry.rl.action import Command
from telemetry.rl.actuators.base import Actuator

RANGE: Final = 32_767
"""What the steering axis reads at full lock, and the pedals pressed."""

NAME: Final = "ac-telemetry virtual wheel"


class VirtualWheel(Actuator):
    """A wheel with three axes: ABS_X steering, ABS_GAS and ABS_BRAKE. Nothing is made before it is opened."""

    def __init__(self, evdev: Any = None) -> None:
        self._evdev = evdev
        self._device: Any = None

    def open(self) -> None:
        """Make the device; the system tells every program that a wheel was plugged in."""
        if self._device is not None:
            return
        if self._evdev is None:
            try:
                self._evdev = import_module("evdev")  # on Linux alone
            except ImportError as error:
                raise UsageError(
                    "The actuator uinput needs python-evdev, which exists on Linux: pip install evdev."
                ) from error
        codes, info = self._evdev.ecodes, self._evdev.AbsInfo
        steering = info(value=0, min=-RANGE, max=RANGE, fuzz=0, flat=0, resolution=0)
        pedal = info(value=0, min=0, max=RANGE, fuzz=0, flat=0, resolution=0)
        axes = [(codes.ABS_X, steering), (codes.ABS_GAS, pedal), (codes.ABS_BRAKE, pedal)]
        # Without a button the system takes it for no joystick.
        capabilities = {codes.EV_ABS: axes, codes.EV_KEY: [codes.BTN_TRIGGER]}
        try:
            self._device = self._evdev.UInput(capabilities, name=NAME)
        except Exception as error:  # the library has an error of its own beside OSError
            raise SinkError(f"The virtual wheel cannot be made: {error}. May you write /dev/uinput?") from error

    def apply(self, command: Command) -> None:
        """Move the three axes in one report."""
        if self._device is None:
            return
        codes, device = self._evdev.ecodes, self._device
        device.write(codes.EV_ABS, codes.ABS_X, round(command.steer * RANGE))
        device.write(codes.EV_ABS, codes.ABS_GAS, round(command.throttle * RANGE))
        device.write(codes.EV_ABS, codes.ABS_BRAKE, round(command.brake * RANGE))
        device.syn()

    def close(self) -> None:
        """Centre the wheel, lift the pedals, and unplug it."""
        if self._device is not None:
            self.apply(Command())
            self._device.close()
            self._device = None
