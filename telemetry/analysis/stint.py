"""What laps show together: consistency, the trend of a stint, fuel and tyre wear per lap. Without numpy.

All of it is computed from the laps alone, so that a recording that holds its laps needs not be read again.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, pairwise
from statistics import fmean, median, stdev
from typing import Final

from telemetry.analysis.student import student_quantile
from telemetry.laps.model import Lap

MAX_SLOWER: Final = 1.07
"""Of the fastest valid lap: a slower one is not driven for its time, and no clean lap."""

INTERVAL: Final = 0.95
"""How sure it is that the slope lies within its interval."""

MIN_TREND_LAPS: Final = 3
"""Laps below which a straight line through them leaves nothing over to tell how sure it is."""


def lap_seconds(lap: Lap) -> float | None:
    """The time of a complete lap in s: the official one, or the measured one where there is none; else None."""
    time_ms = lap.time_ms or lap.measured_ms
    return time_ms / 1e3 if lap.complete and time_ms else None


def clean_laps(laps: Iterable[Lap]) -> list[Lap]:
    """The valid laps from line to line among those of one car on one track, at most 7 % slower than the fastest."""
    timed = [(lap, seconds) for lap in laps if lap.valid and lap.start == "line" and (seconds := lap_seconds(lap))]
    limit = MAX_SLOWER * min((seconds for _, seconds in timed), default=math.inf)
    return [lap for lap, seconds in timed if seconds <= limit]


@dataclass(frozen=True, slots=True)
class Consistency:
    """How much clean laps differ."""

    laps: int
    median_s: float | None
    """None without a lap."""
    deviation_s: float | None
    """Standard deviation from lap to lap; None below two laps."""

    @property
    def deviation_share(self) -> float | None:
        """The standard deviation as a share of the median, 0..1."""
        return None if self.deviation_s is None or not self.median_s else self.deviation_s / self.median_s


def consistency(laps: Iterable[Lap]) -> Consistency:
    """How much these clean laps differ."""
    times = [seconds for lap in laps if (seconds := lap_seconds(lap)) is not None]
    return Consistency(len(times), median(times) if times else None, stdev(times) if len(times) > 1 else None)


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through values, by least squares."""

    slope: float
    low: float
    """The lower end of the interval in which the slope lies in :data:`INTERVAL` of cases."""
    high: float


def find_trend(places: Sequence[float], values: Sequence[float]) -> Trend | None:
    """The straight line through these values at these places.

    None below :data:`MIN_TREND_LAPS`, and where the places are all the same. The interval is that of Student's t for
    values that differ from the line independently of each other.
    """
    if len(places) < MIN_TREND_LAPS:
        return None
    middle, mean = fmean(places), fmean(values)
    width = sum((place - middle) ** 2 for place in places)
    if not width > 0.0:
        return None
    slope = sum((place - middle) * (value - mean) for place, value in zip(places, values, strict=True)) / width
    left = sum((value - mean - slope * (place - middle)) ** 2 for place, value in zip(places, values, strict=True))
    freedom = len(places) - 2
    margin = student_quantile(INTERVAL, freedom) * math.sqrt(left / freedom / width)
    return Trend(slope, slope - margin, slope + margin)


@dataclass(frozen=True, slots=True)
class Stint:
    """The driving from one stop to the next, by its clean laps."""

    start_index: int
    number: int
    """Its number within the recording."""
    laps: tuple[Lap, ...]
    """The clean laps, in order."""
    consistency: Consistency
    trend: Trend | None
    """Seconds per lap over the number of the lap; None below three clean laps."""


def find_stints(laps: Iterable[Lap]) -> list[Stint]:
    """The stints among the :func:`clean_laps` of one car on one track, of one recording, in order.

    A stop in the pits, a restart and another session begin a new one, and so do other tyres and fuel, which there are
    only at a stop.
    """
    clean = clean_laps(laps)
    found = []
    for (start_index, number), group in groupby(clean, key=lambda lap: (lap.start_index, lap.stint)):
        own = tuple(group)
        trend = find_trend([lap.number for lap in own], [lap_seconds(lap) or math.nan for lap in own])
        found.append(Stint(start_index, number, own, consistency(own), trend))
    return found


@dataclass(frozen=True, slots=True)
class FuelUse:
    """Fuel of clean laps, and what is left."""

    per_lap_l: float | None
    """The median of clean laps; None where none of them knows it."""
    left_l: float | None
    """Litres in the tank at the end of the last lap; None where that is not known."""

    @property
    def laps_left(self) -> float | None:
        """How many laps that is enough for; None where one of the two is unknown, or no fuel is burnt."""
        return None if self.left_l is None or not self.per_lap_l else self.left_l / self.per_lap_l

    def refuel_l(self, laps: float) -> float | None:
        """Litres to put in for so many more laps, 0 where there is enough; None where fuel is unknown."""
        return None if self.left_l is None or self.per_lap_l is None else max(laps * self.per_lap_l - self.left_l, 0.0)


def fuel_use(laps: Sequence[Lap]) -> FuelUse:
    """The fuel of the clean laps among these, in order, and what is left at the end of the last one of all."""
    used = [lap.fuel_used_l for lap in clean_laps(laps) if lap.fuel_used_l is not None]
    return FuelUse(median(used) if used else None, laps[-1].fuel_left_l if laps else None)


@dataclass(frozen=True, slots=True)
class TyreWear:
    """Wear per lap as a share of a tyre's life, front left, front right, rear left, rear right."""

    laps: int
    """How many clean laps it is the median of."""
    per_lap: tuple[float | None, float | None, float | None, float | None]
    """None for a tyre whose wear is not known at both ends of such a lap."""

    @property
    def worst(self) -> float | None:
        """That of the tyre that wears most."""
        return max((wear for wear in self.per_lap if wear is not None), default=None)


def tyre_wear(*recordings: Sequence[Lap]) -> TyreWear:
    """The median wear of clean laps of one car on one track, from the end of the lap before, in the same stint, on.

    The laps of each recording are in order; the first one shows no wear, because nothing tells what its tyres were like
    when it began.
    """
    clean = {id(lap) for lap in clean_laps(chain.from_iterable(recordings))}
    pairs = [
        (before.tyre_worn, lap.tyre_worn)
        for laps in recordings
        for before, lap in pairwise(laps)
        if id(lap) in clean
        and (before.start_index, before.stint, before.number + 1) == (lap.start_index, lap.stint, lap.number)
    ]

    def wear(wheel: int) -> float | None:
        known = [
            end - begin
            for before, after in pairs
            if (begin := before[wheel]) is not None and (end := after[wheel]) is not None
        ]
        return median(known) if known else None

    return TyreWear(len(pairs), (wear(0), wear(1), wear(2), wear(3)))
