"""A lap out of a file as the reference of a running lap: its lap clock over place, its path, and its segments."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from telemetry.laps.car_and_track import CarAndTrack

MIN_GAP_MS: Final = 1000.0
"""Lap time between two frames from which on the places in between are not covered; :data:`GAP_INTERVALS` if more."""

GAP_INTERVALS: Final = 3.0
"""Usual intervals between frames that are no gap however long they take."""


class ReferenceSegment(NamedTuple):
    """A stretch of a lap that its time is counted by, as fractions of the lap since its line."""

    label: str
    """For a person, like ``T4``, or the number of one of twenty equal segments."""
    corner: int | None
    """The number of its corner; None on a track whose corners are not known."""
    begin: float
    end: float


class PathPoint(NamedTuple):
    """A place where the reference drove."""

    position: float
    """``normalized_position``, 0..1."""
    x: float
    z: float


@dataclass(frozen=True, slots=True)
class LapReference:
    """A complete lap. What it does not cover is None, never the value of its end."""

    name: str
    """For a person, like ``lap 3 of friend.ld``."""
    car_and_track: CarAndTrack
    time_ms: int
    """The official time, or the measured one where there is none."""
    line_position: float
    """``normalized_position`` of the timing line from which places are counted."""
    fraction: tuple[float, ...]
    """Fractions of the lap since the line, strictly rising."""
    times_ms: tuple[float, ...]
    """The lap time at each of them, not falling; the last one of a whole lap is its time."""
    is_gap: tuple[bool, ...]
    """Whether nothing is known between each of them and the next: one fewer."""
    segments: tuple[ReferenceSegment, ...]
    """Together the whole lap, in order."""
    path: tuple[PathPoint, ...] = ()
    """In driving order; empty where the recording holds no places in the world."""

    def time_at(self, fraction: float) -> float | None:
        """The lap time in ms at this fraction of the lap."""
        return _interpolate(fraction, self.fraction, self.times_ms, self.is_gap)

    def fraction_at(self, time_ms: float) -> float | None:
        """The fraction of the lap at this lap time; where the car stood, the place at which it did."""
        return _interpolate(time_ms, self.times_ms, self.fraction, self.is_gap)

    def to_dict(self) -> dict[str, Any]:
        """What a client is told of it beforehand, as JSON values."""
        car, track, layout = self.car_and_track
        return {"name": self.name, "car": car, "track": track, "layout": layout, "time_ms": self.time_ms}


def _interpolate(
    at: float, places: tuple[float, ...], values: tuple[float, ...], is_gap: tuple[bool, ...]
) -> float | None:
    """The value in a straight line between two places; None outside of them and within a gap. Also for NaN."""
    if not places[0] <= at <= places[-1]:
        return None
    index = min(bisect_right(places, at) - 1, len(places) - 2)
    before, after = places[index], places[index + 1]
    if at in (before, after):
        return values[index + (at == after)]
    if is_gap[index]:
        return None
    share = (at - before) / (after - before)
    return values[index] * (1.0 - share) + values[index + 1] * share
