"""The time base of the game's physics, stated once."""

from typing import Final

STEP_MS: Final = 3
"""Length of a physics step in milliseconds; the game numbers its steps by the physics page's ``packetId``."""

STEP_S: Final = 0.003
"""Length of a physics step in seconds."""

STEPS_PER_SECOND: Final = 333
"""Physics steps per second, rounded down; for queue sizes and rates."""
