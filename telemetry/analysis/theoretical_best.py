"""The theoretical best: the sum of the best sectors of valid laps, with the laps that these come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from telemetry.laps.model import Lap

Time = TypeVar("Time", bound=float)

MIN_SECTORS: Final = 2
"""Sectors below which there is nothing to put together."""

BIAS_WARNING: Final = (
    "A sum of the best of many short parts is faster than a lap that can be driven: what one part gains by luck, or at "
    "the cost of the next, counts, and what it loses does not."
)
"""To be shown with the sum of the best of parts that are shorter than sectors (:func:`best_parts`)."""


@dataclass(frozen=True, slots=True)
class BestPart(Generic[Time]):
    """The best time in one part of a lap."""

    time: Time
    row: int
    """The number of the lap that drove it, the first one of equals; 0-based."""


def best_parts(times: Sequence[Sequence[Time | None]]) -> tuple[BestPart[Time], ...] | None:
    """The best time in each part, over laps with as many parts each; None until each part has a time.

    Their sum is lower than what can be driven, the more so the more parts there are: :data:`BIAS_WARNING`.
    """
    found: list[BestPart[Time]] = []
    for column in zip(*times, strict=True):
        known = [(time, row) for row, time in enumerate(column) if time is not None]
        if not known:
            return None
        found.append(BestPart(*min(known)))
    return tuple(found) or None


@dataclass(frozen=True, slots=True)
class BestSector:
    """The best time in a sector, and the lap that drove it."""

    time_ms: int
    lap: Lap


@dataclass(frozen=True, slots=True)
class TheoreticalBest:
    """The best sectors of the valid laps of one car on one track."""

    sectors: tuple[BestSector, ...]

    @property
    def time_ms(self) -> int:
        """Their sum."""
        return sum(sector.time_ms for sector in self.sectors)


def theoretical_best(laps: Sequence[Lap]) -> TheoreticalBest | None:
    """The best sectors of the valid laps among these, which are of one car on one track.

    None until each sector exists in a valid lap, and where the track has under :data:`MIN_SECTORS`. A sum of three or
    four sectors is little better than a lap that can be driven; one of shorter parts is biased (:func:`best_parts`).
    """
    count = max((len(lap.sectors_ms) for lap in laps), default=0)
    if count < MIN_SECTORS:
        return None
    valid = [lap for lap in laps if lap.valid and len(lap.sectors_ms) == count]
    found = best_parts([[time or None for time in lap.sectors_ms] for lap in valid])
    return None if found is None else TheoreticalBest(tuple(BestSector(one.time, valid[one.row]) for one in found))
