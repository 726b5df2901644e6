"""Sandboxes and containers, from inside which a game outside may be hidden."""

import os
import sys
from pathlib import Path
from typing import Final

USE_BRIDGE: Final = "Or use the bridge, which runs in the game's own prefix; `uv run main.py bridge` says how."

_SANDBOXES: Final = {
    "/.flatpak-info": "a Flatpak sandbox",
    "/run/pressure-vessel": "Steam's container",
    "/run/.containerenv": "a container",
    "/.dockerenv": "a container",
}

HIDING_SANDBOXES: Final = ("a Flatpak sandbox", "Steam's container", "a Snap sandbox")
"""Those that a player may be in without knowing, and that hide the processes outside."""


def find_sandbox() -> str:
    """The sandbox or container that this program runs in; empty if it runs in none."""
    if sys.platform == "win32":
        return ""
    if "SNAP" in os.environ:
        return "a Snap sandbox"
    return next((name for path, name in _SANDBOXES.items() if Path(path).exists()), "")
