"""What two laps must have in common to be compared; apart from ``model.py``, so that what shows rows starts sooner."""

from typing import NamedTuple


class CarAndTrack(NamedTuple):
    """What must be the same in two laps before their times can be compared."""

    car: str
    track: str
    layout: str
    """The track's configuration, empty if it has only one."""

    @property
    def track_name(self) -> str:
        """Track and layout for a person, like ``spa (short)``."""
        track = self.track or "unknown track"
        return f"{track} ({self.layout})" if self.layout else track
