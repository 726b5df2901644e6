"""When a recording ends."""

import math
from dataclasses import dataclass

from telemetry.base.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class StopRule:
    """When a capture ends: after so many seconds, complete laps or sessions, or when the game leaves.

    Raises :class:`telemetry.UsageError` for a number that makes no sense.
    """

    duration: float | None = None
    laps: int | None = None
    sessions: int | None = None
    until_exit: bool = False

    def __post_init__(self) -> None:
        for name in ("duration", "laps", "sessions"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < math.inf:
                raise UsageError(f"{value:g} makes no sense as {name}; it must be more than 0.")
