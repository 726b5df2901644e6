"""Quantiles of any number of durations in constant memory."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

_LOG_OF_BUCKET: Final = math.log(1.05)
_SHORTEST_MS: Final = 1e-3


def round_to_four_digits(duration: float) -> float:
    """Buckets for figures of a report: durations that agree in four significant digits are equal."""
    return float(f"{duration:.4g}")


def round_to_five_percent(duration_ms: float) -> float:
    """Buckets for a running program, some hundred at most: each 5 % wide; below one microsecond all are equal."""
    return math.exp(round(math.log(max(duration_ms, _SHORTEST_MS)) / _LOG_OF_BUCKET) * _LOG_OF_BUCKET)


class DurationHistogram:
    """Counts durations by bucket; the unit is the caller's, milliseconds by convention.

    ``round_duration`` maps each duration to its bucket, and so decides on precision and memory. ``count`` and ``sum``
    are those of all durations, ``longest`` is the longest of them (None without any).
    """

    def __init__(self, round_duration: Callable[[float], float] = round_to_four_digits) -> None:
        self._round = round_duration
        self._counts: Counter[float] = Counter()
        self.count = 0
        self.sum = 0.0
        self.longest: float | None = None

    def add(self, duration: float, times: int = 1) -> None:
        """Count a duration, ``times`` times."""
        self._counts[self._round(duration)] += times
        self.count += times
        self.sum += duration * times
        if self.longest is None or duration > self.longest:
            self.longest = duration

    def add_counts(self, counts: Mapping[float, int], *, total: float, longest: float) -> None:
        """Count durations by bucket that are rounded already; ``total`` becomes the sum of all, in their order."""
        self._counts.update(counts)
        self.count += sum(counts.values())
        self.sum = total
        self.longest = longest if self.longest is None else max(self.longest, longest)

    def quantile(self, fraction: float) -> float | None:
        """The duration that this fraction of all does not exceed; None for an empty histogram."""
        rest = fraction * self.count
        for duration, times in sorted(self._counts.items()):
            rest -= times
            if rest <= 0.0:
                return duration
        return None

    def above(self, limit: float) -> list[tuple[float, int]]:
        """The durations that exceed the limit, each with how often it was counted."""
        return [(duration, times) for duration, times in self._counts.items() if duration > limit]

    def distances(self, centre: float) -> "DurationHistogram":
        """A histogram of how far each duration is from ``centre``."""
        distances = DurationHistogram(self._round)
        for duration, times in self._counts.items():
            distances.add(abs(duration - centre), times)
        return distances
