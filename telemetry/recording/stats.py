"""Counters and durations of a recording while it runs."""

import math
from collections import Counter
from dataclasses import dataclass, field

from telemetry.recording.game_state import State


class LatencyHistogram:
    """Quantiles of any number of durations in constant memory, each to within five percent."""

    _STEP = math.log(1.05)

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()

    def add(self, milliseconds: float) -> None:
        """Count one duration; those below a microsecond are alike."""
        self._buckets[round(math.log(max(milliseconds, 1e-3)) / self._STEP)] += 1

    def quantile(self, share: float) -> float | None:
        """The duration in milliseconds that this share of all does not exceed; None when there are none."""
        rest = share * self._buckets.total()
        for bucket in sorted(self._buckets):
            rest -= self._buckets[bucket]
            if rest <= 0.0:
                return math.exp(bucket * self._STEP)
        return None


@dataclass
class RecordingStats:
    """How the recording goes, kept up to date while it runs."""

    state: State = State.WAITING
    message: str = ""
    rate_asked: float | None = None
    samples: int = 0
    duplicates: int = 0
    torn: int = 0
    missed: int = 0
    dropped: int = 0
    gaps: int = 0
    interruptions: int = 0
    interrupted: float = 0.0
    laps: int = 0
    size: int = 0
    first: float = 0.0
    latest: float = 0.0
    jitter: LatencyHistogram = field(default_factory=LatencyHistogram)

    @property
    def seconds(self) -> float:
        """From the first sample to the latest."""
        return self.latest - self.first

    @property
    def rate(self) -> float | None:
        """Samples per second as measured, pauses and absences left out; None before the second sample."""
        intervals, seconds = self.samples - 1 - self.interruptions, self.seconds - self.interrupted
        return intervals / seconds if intervals > 0 and seconds > 0.0 else None

    def summary(self) -> dict[str, object]:
        """The figures for a program."""
        return {
            "samples": self.samples,
            "seconds": self.seconds,
            "rate_asked_hz": self.rate_asked,
            "rate_measured_hz": self.rate,
            "jitter_p50_ms": self.jitter.quantile(0.5),
            "jitter_p99_ms": self.jitter.quantile(0.99),
            "duplicates": self.duplicates,
            "torn": self.torn,
            "missed": self.missed,
            "dropped": self.dropped,
            "gaps": self.gaps,
            "laps": self.laps,
            "bytes": self.size,
        }
