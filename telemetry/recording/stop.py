"""When a recording ends."""

from dataclasses import dataclass
from typing import Final

from telemetry.base.checks import require_positive

LAP_TIME_DELAY_S: Final = 1.0
"""How long to go on after the line of the last lap wanted: the game publishes a lap's time some frames late."""


@dataclass(frozen=True, kw_only=True)
class StopRule:
    """When a recording ends: at whichever limit is reached first; without any it goes on until its source ends.

    Raises :class:`telemetry.UsageError` for a limit that is not a finite number greater than 0.
    """

    duration: float | None = None
    """Seconds from the first sample or step."""
    samples: int | None = None
    """Number of samples or steps kept."""
    laps: int | None = None
    """Number of laps completed."""
    sessions: int | None = None
    """Number of complete sessions: the next one has begun, or the game was left."""
    until_exit: bool = False
    """End when the game is left."""

    def __post_init__(self) -> None:
        for name in ("duration", "samples", "laps", "sessions"):
            value = getattr(self, name)
            if value is not None:
                require_positive(name, value)

    def share(self, *, seconds: float, samples: int, laps: int, sessions: int) -> float | None:
        """How much of a recording that has come this far is done, from 0 to 1: of the limit that is nearest.

        Laps and sessions are known by their count alone. None without a limit.
        """
        limits = (
            (seconds, self.duration),
            (samples, self.samples),
            (laps, self.laps),
            (sessions, self.sessions),
        )
        return max((min(value / limit, 1.0) for value, limit in limits if limit is not None), default=None)

    def is_met(
        self, *, seconds: float = 0.0, samples: int = 0, laps: int = 0, sessions: int = 0, game_left: bool = False
    ) -> bool:
        """Whether a recording that has come this far is over; a loop passes what it knows of at that point."""
        return (
            (game_left and self.until_exit)
            or (self.duration is not None and seconds >= self.duration)
            or (self.samples is not None and samples >= self.samples)
            or (self.laps is not None and laps >= self.laps)
            or (self.sessions is not None and sessions >= self.sessions)
        )
