"""Who is ahead: gaps between rigs on the same track and layout.

The gap by best laps is the difference of two times. The gap on the track is a time that passed: how long ago the rig in
front was where this one is now, with as many laps. It needs a race that all of them are in, and the game does not say
which race that is; so those rigs count as in one race that have the same track, layout and number of cars, and each a
position of its own.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

RACE: Final = "race"

MAX_PLACES: Final = 1200
"""Places that are remembered of one rig: ten minutes at two a second, so that gaps of less than that are found."""

_BACKWARD_PLACES: Final = 3
"""Places behind the newest one in a row that mean a new start. A single one is the line, passed but not yet counted."""


class Progress(NamedTuple):
    """How far a rig is."""

    track: str
    layout: str
    session: str
    position: int
    """In the race, from 1; 0 where there is none."""
    cars: int
    laps: int
    """Laps that the game has counted."""
    lap_fraction: float
    """0..1 from the line on."""
    best_ms: int | None

    @property
    def distance(self) -> float:
        """Laps that were driven, the running one included."""
        return self.laps + self.lap_fraction


class Gap(NamedTuple):
    """How far a rig is behind others; each is None where it has no meaning, and 0 for the one in front."""

    best_ms: int | None = None
    """Its best lap minus the best one of all rigs on this track and layout."""
    laps: int | None = None
    """Whole laps behind the rig in front."""
    seconds: float | None = None
    """Seconds since the rig in front was at this place with as many laps; None where that is not remembered."""


class PlaceHistory:
    """When one rig was where: distances that only grow, by this computer's clock."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=MAX_PLACES)
        self._distances: deque[float] = deque(maxlen=MAX_PLACES)
        self._backward = 0

    def add(self, now: float, distance: float) -> None:
        """The rig is there now; after a new start all that was before is forgotten."""
        if self._distances and distance < self._distances[-1]:
            self._backward += 1
            if self._backward < _BACKWARD_PLACES:
                return
            self.clear()
        self._backward = 0
        if not self._distances or distance > self._distances[-1]:
            self._times.append(now)
            self._distances.append(distance)

    def clear(self) -> None:
        """Forget everything."""
        self._times.clear()
        self._distances.clear()
        self._backward = 0

    def find_time(self, distance: float) -> float | None:
        """When the rig was there, between the places before and after; None where that is not remembered."""
        distances, times = list(self._distances), list(self._times)
        after = bisect_left(distances, distance)
        if after == len(distances) or (after == 0 and distances[0] > distance):
            return None
        if distances[after] == distance:
            return times[after]
        before = after - 1
        part = (distance - distances[before]) / (distances[after] - distances[before])
        return times[before] + part * (times[after] - times[before])


class Place(NamedTuple):
    """How far a rig is, and where it was."""

    progress: Progress
    history: PlaceHistory
    seen_at: float
    """When it was so far, by this computer's clock."""
    is_driven: bool = True
    """Whether it is there now; of a rig that went away, or shows a replay, only the best lap counts."""


def find_gaps(places: Mapping[str, Place]) -> dict[str, Gap]:
    """The gaps of rigs by their names."""
    tracks: dict[tuple[str, str], list[str]] = {}
    races: dict[tuple[str, str, int], list[str]] = {}
    for name, place in places.items():
        progress = place.progress
        if progress.track:
            tracks.setdefault((progress.track, progress.layout), []).append(name)
            if progress.session == RACE and place.is_driven:
                races.setdefault((progress.track, progress.layout, progress.cars), []).append(name)
    gaps = dict.fromkeys(places, Gap())
    for names in tracks.values():
        gaps.update(_gaps_by_best(names, places))
    for names in races.values():
        for name, gap in _gaps_in_race(names, places).items():
            gaps[name] = gap._replace(best_ms=gaps[name].best_ms)
    return gaps


def _gaps_by_best(names: Iterable[str], places: Mapping[str, Place]) -> dict[str, Gap]:
    times = {name: best for name in names if (best := places[name].progress.best_ms) is not None}
    fastest = min(times.values(), default=0)
    return {name: Gap(best_ms=time - fastest) for name, time in times.items()}


def _gaps_in_race(names: Sequence[str], places: Mapping[str, Place]) -> dict[str, Gap]:
    """Empty where these rigs are not in one race, or one alone is."""
    by_position = {places[name].progress.position: name for name in names}
    if len(by_position) != len(names) or len(names) < 2 or min(by_position) < 1:
        return {}
    leader = places[by_position[min(by_position)]]
    gaps = {}
    for name in names:
        place = places[name]
        if place is leader:
            gaps[name] = Gap(laps=0, seconds=0.0)
            continue
        distance = place.progress.distance
        was_there = leader.history.find_time(distance)
        behind = leader.progress.distance - distance
        seconds = None if was_there is None else round(max(place.seen_at - was_there, 0.0), 2)
        gaps[name] = Gap(laps=max(int(behind), 0), seconds=seconds)
    return gaps
