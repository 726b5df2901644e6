"""Custom Shaders Patch's Custom AI: a mapped file of normalised controls that its physics reads at every step.

It needs CSP 0.1.78 or newer with ``[CUSTOM_AI] ENABLED=1`` in ``extension/config/new_behaviour.ini``, a track whose
``surfaces.ini`` has ``[_EXTRA_PERMISSIONS] ALLOW_CUSTOM_AI_MANIPULATION=1``, and a session without other players. The
layout is that of CSP's wiki; it has not been tried with the game yet.
"""

import mmap
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from telemetry.clock import Clock
from telemetry.errors import SinkError, UsageError
from telemetry.rl.action import Command
from telemetry.rl.actuators.base import Actuator

MAPPING: Final = "AcTools.CSP.NewBehaviour.CustomAI.CarControls{car}.v0"
"""The name of the mapping that CSP looks for, by the car's index; the player's is 0."""

SIZE: Final = 72
"""Bytes of the mapping."""

GAS, BRAKE, CLUTCH, STEER, HANDBRAKE, TELEPORT = 0, 4, 8, 12, 16, 40
"""Offsets: five float32, + steering to the right, then (at 20) switches of a byte, and where to be put."""

AUTOCLUTCH_ON_START, AUTOCLUTCH_ON_CHANGE, AUTOBLIP, AUTOSHIFT = 41, 42, 43, 68
"""Offsets of the aids, a byte each."""

TO_PITS: Final = 1
"""The value of ``TELEPORT`` that puts the car into its pit box."""

HOLD_SECONDS: Final = 0.1
"""How long a request to be put somewhere stands: some 30 physics steps."""

_CONTROLS: Final = struct.Struct("<5f")


class CustomAi(Actuator):
    """The player's car by CSP's mapped file; it takes the car over from the human until it is closed.

    Off Windows there is no such mapping: then a ``directory`` must be named, in which it is a file.
    """

    restarts = True

    def __init__(self, directory: Path | None = None, *, car: int = 0) -> None:
        if directory is None and sys.platform != "win32":
            raise UsageError(
                "The actuator csp drives through a mapping of Windows; under Linux use uinput, or name a directory."
            )
        self._directory = directory
        self._name = MAPPING.format(car=car)
        self._memory: mmap.mmap | None = None

    def open(self) -> None:
        """Make the mapping, wheel straight and pedals up, with automatic clutch, blip and gearbox."""
        if self._memory is not None:
            return
        try:
            self._memory = self._mapped()
        except OSError as error:
            raise SinkError(f"The mapping {self._name} cannot be made: {error.strerror}.") from error
        self._memory[:SIZE] = bytes(SIZE)
        for place in (AUTOCLUTCH_ON_START, AUTOCLUTCH_ON_CHANGE, AUTOBLIP, AUTOSHIFT):
            self._memory[place] = 1
        self.apply(Command())

    def apply(self, command: Command) -> None:
        """Write the controls, all in one copy."""
        if self._memory is not None:
            # The clutch is 1 where it grips: nobody stands on its pedal.
            self._memory[GAS : GAS + _CONTROLS.size] = _CONTROLS.pack(
                command.throttle, command.brake, 1.0, command.steer, 0.0
            )

    def restart(self) -> None:
        """Have the car put into its pit box."""
        if self._memory is not None:
            self.apply(Command(brake=1.0))
            self._memory[TELEPORT] = TO_PITS
            clock = Clock()
            clock.sleep_until(HOLD_SECONDS)
            self._memory[TELEPORT] = 0

    def close(self) -> None:
        """Release the controls and let the mapping go, with which the human has the car again."""
        if self._memory is not None:
            self.apply(Command())
            self._memory.close()
            self._memory = None
            if self._directory is not None:
                with suppress(PermissionError):  # Windows does not let a file be removed that somebody reads
                    (self._directory / self._name).unlink(missing_ok=True)

    def _mapped(self) -> mmap.mmap:
        if self._directory is None:
            if sys.platform == "win32":
                return mmap.mmap(-1, SIZE, tagname=self._name, access=mmap.ACCESS_WRITE)
            raise OSError(0, "there is no such thing off Windows")
        path = self._directory / self._name
        path.write_bytes(bytes(SIZE))
        with path.open("r+b") as file:
            return mmap.mmap(file.fileno(), SIZE, access=mmap.ACCESS_WRITE)
