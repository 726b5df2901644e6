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

from ac_native_memory import PAGE_FILE_DIRECTORY
from telemetry.base.errors import SinkError, UsageError
from telemetry.rl.action import Command
from telemetry.rl.actuators.base import Actuator, Restart

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
    """The player's car by CSP's mapped file; it takes the car over from the human while that is there.

    On Linux the mapping is the file that ``main.py bridge --csp`` shows of the game's prefix, and stays with that.
    Where a ``directory`` is named it is a file of that, and is made.
    """

    def __init__(self, directory: Path | None = None, *, car: int = 0, prefix: str = "") -> None:
        self._directory = directory
        self._mapping = prefix + MAPPING.format(car=car)
        self._memory: mmap.mmap | None = None
        self.name = f"The mapping {self._mapping}" + (f" in {directory.resolve()}" if directory else "")

    def open(self) -> None:
        """Make the mapping, wheel straight and pedals up, with automatic clutch, blip and gearbox."""
        if self._memory is not None:
            return
        try:
            self._memory = self._mapped()
        except OSError as error:
            raise SinkError(f"The mapping {self._mapping} cannot be made: {error.strerror}.") from error
        self._memory[:SIZE] = bytes(SIZE)
        for place in (AUTOCLUTCH_ON_START, AUTOCLUTCH_ON_CHANGE, AUTOBLIP, AUTOSHIFT):
            self._memory[place] = 1
        self.apply(Command())

    def apply(self, command: Command) -> None:
        """Write the controls, all in one copy; with them goes a request to be put somewhere."""
        if self._memory is not None:
            self._memory[TELEPORT] = 0
            # The clutch is 1 where it grips: nobody stands on its pedal.
            self._memory[GAS : GAS + _CONTROLS.size] = _CONTROLS.pack(
                command.throttle, command.brake, 1.0, command.steer, 0.0
            )

    def restart(self) -> Restart | None:
        """Ask for the car to be put into its pit box."""
        if self._memory is not None:
            self.apply(Command(brake=1.0))
            self._memory[TELEPORT] = TO_PITS
        return Restart(HOLD_SECONDS)

    def close(self) -> None:
        """Release the controls and let the mapping go; the human has the car again once nobody holds it."""
        if self._memory is not None:
            self.apply(Command())
            self._memory.close()
            self._memory = None
            if self._directory is not None:
                with suppress(PermissionError):  # Windows does not let a file be removed that somebody reads
                    (self._directory / self._mapping).unlink(missing_ok=True)

    def _mapped(self) -> mmap.mmap:
        if self._directory is not None:
            path = self._directory / self._mapping
            path.write_bytes(bytes(SIZE))
        elif sys.platform == "win32":
            return mmap.mmap(-1, SIZE, tagname=self._mapping, access=mmap.ACCESS_WRITE)
        else:
            path = PAGE_FILE_DIRECTORY / self._mapping
            if not path.exists():
                raise UsageError(
                    f"There is no {path}. CSP reads its controls inside the game's prefix, and the command `bridge "
                    "--csp`, run there, shows them to Linux; `uv run main.py bridge` says how. uinput needs no bridge."
                )
        with path.open("r+b") as file:
            return mmap.mmap(file.fileno(), SIZE, access=mmap.ACCESS_WRITE)
