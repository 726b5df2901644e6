"""The game under Wine or Proton: its shared memory, found in ``/proc`` and opened read-only, without a bridge.

Wine keeps a named mapping of Windows in a file without a name (``tmpmap-*``, already deleted, or a memfd) that the game
maps and that the game and its wineserver hold open. Which file is which page shows only in its contents.
"""

from telemetry.game.proton.mappings import GameHiddenBySandbox, GameLoading, GameMemory, MemoryAccessDenied
from telemetry.game.proton.processes import GAMES, Processes
from telemetry.game.proton.sandbox import find_sandbox

__all__ = [
    "GAMES",
    "GameHiddenBySandbox",
    "GameLoading",
    "GameMemory",
    "MemoryAccessDenied",
    "Processes",
    "find_sandbox",
]
