"""Custom Shaders Patch's Custom AI: a memory mapping with normalised controls that CSP reads at every physics step.

It needs CSP 0.1.78 or newer with ``[CUSTOM_AI] ENABLED=1`` in ``extension/config/new_behaviour.ini``, a track whose
``surfaces.ini`` has ``[_EXTRA_PERMISSIONS] ALLOW_CUSTOM_AI_MANIPULATION=1``, and a session without other players. The
layout is taken from CSP's wiki; it has not been tried with the game yet.
"""

import mmap
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from ac_native_memory import PAGE_FILE_DIRECTORY
from telemetry.base.errors import SinkError, UsageError
from telemetry.base.typing import override
from telemetry.rl.action import RELEASED, Command
from telemetry.rl.actuators.base import Actuator, Restart

MAPPING: Final = "AcTools.CSP.NewBehaviour.CustomAI.CarControls{car}.v0"
"""The name of the mapping of a car, by its index; the player's car is 0."""

SIZE: Final = 72
"""Bytes of the mapping."""

GAS, BRAKE, CLUTCH, STEER, HANDBRAKE, TELEPORT = 0, 4, 8, 12, 16, 40
"""Byte offsets: five float32, steering + right; the teleport request is one byte."""

AUTOCLUTCH_ON_START, AUTOCLUTCH_ON_CHANGE, AUTOBLIP, AUTOSHIFT = 41, 42, 43, 68
"""Byte offsets of the driving aids, one byte each."""

TO_PITS: Final = 1
"""The value at ``TELEPORT`` that puts the car into its pit box."""

HOLD_S: Final = 0.1
"""How long a teleport request stays in force: about 30 physics steps."""

_CONTROLS: Final = struct.Struct("<5f")


class CustomAi(Actuator):
    """Drives a car through CSP's mapping; while the mapping exists the human has no control.

    On Linux the mapping is the file that ``main.py bridge --csp`` makes, and stays with the bridge. With a
    ``directory`` it is a file in there, made by :meth:`open`.
    """

    def __init__(self, directory: Path | None = None, *, car: int = 0, prefix: str = "") -> None:
        self._directory = directory
        self._mapping = prefix + MAPPING.format(car=car)
        self._memory: mmap.mmap | None = None
        self.name = f"The mapping {self._mapping}" + (f" in {directory.resolve()}" if directory else "")

    @override
    def open(self) -> None:
        """Make the mapping, with released controls and automatic clutch, blip and gearbox.

        Raises SinkError if it cannot be made, and UsageError if the bridge is missing on Linux.
        """
        if self._memory is not None:
            return
        try:
            self._memory = self._map()
        except OSError as error:
            raise SinkError(f"The mapping {self._mapping} cannot be made: {error.strerror}.") from error
        self._memory[:SIZE] = bytes(SIZE)
        for offset in (AUTOCLUTCH_ON_START, AUTOCLUTCH_ON_CHANGE, AUTOBLIP, AUTOSHIFT):
            self._memory[offset] = 1
        self.apply(RELEASED)

    @override
    def apply(self, command: Command) -> None:
        """Write all controls in one copy, and withdraw a teleport request."""
        if self._memory is not None:
            self._memory[TELEPORT] = 0
            # A clutch of 1 is engaged: its pedal is not pressed.
            self._memory[GAS : GAS + _CONTROLS.size] = _CONTROLS.pack(
                command.throttle, command.brake, 1.0, command.steer, 0.0
            )

    @override
    def restart(self) -> Restart | None:
        """Ask for the car to be put into its pit box."""
        if self._memory is not None:
            self.apply(Command(brake=1.0))
            self._memory[TELEPORT] = TO_PITS
        return Restart(HOLD_S)

    @override
    def close(self) -> None:
        """Release the controls and the mapping; the human has the car again when no program holds it."""
        if self._memory is not None:
            self.apply(RELEASED)
            self._memory.close()
            self._memory = None
            if self._directory is not None:
                with suppress(PermissionError):  # Windows cannot remove a file that a program has open
                    (self._directory / self._mapping).unlink(missing_ok=True)

    def _map(self) -> mmap.mmap:
        if self._directory is not None:
            path = self._directory / self._mapping
            path.write_bytes(bytes(SIZE))
        elif sys.platform == "win32":
            return mmap.mmap(-1, SIZE, tagname=self._mapping, access=mmap.ACCESS_WRITE)
        else:
            path = PAGE_FILE_DIRECTORY / self._mapping
            if not path.exists():
                raise UsageError(
                    f"{path} does not exist. CSP reads its controls inside the game's prefix; run the command `bridge "
                    "--csp` there to connect them with Linux (`uv run main.py bridge` says how), or use the actuator "
                    "uinput."
                )
        with path.open("r+b") as file:
            return mmap.mmap(file.fileno(), SIZE, access=mmap.ACCESS_WRITE)
