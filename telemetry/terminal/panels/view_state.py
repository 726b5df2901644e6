"""What a picture is drawn from: the newest sample, how the recording goes, and the last moments."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from telemetry.fields.derived import Sample
from telemetry.recording.game_state import State
from telemetry.recording.stats import LoopStats

EMPTY_STATES: Final = frozenset({State.WAITING, State.LOADING, State.GONE})
"""States with nothing to show but a message."""

CURRENT_STATES: Final = frozenset({State.LIVE, State.STILL})
"""States in which the values are those of now; in all others they stay, but dimmed."""

HISTORY_SIZE: Final = 240
"""Moments kept for the charts, one column each."""

RATE_SIZE: Final = 50
"""Moments over which the rate is measured: about five seconds."""


@dataclass
class History:
    """The last moments of the run, as the view saw them: what its charts and the measured rate are made of."""

    elapsed: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY_SIZE))
    speed: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY_SIZE))
    gas: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY_SIZE))
    brake: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY_SIZE))
    counts: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=RATE_SIZE))
    highest_rpm: int = 0

    def add(self, sample: Sample, stats: LoopStats) -> None:
        """Take note of one moment; time that runs backwards starts the history anew."""
        if self.elapsed and not sample.elapsed >= self.elapsed[-1]:
            for values in (self.elapsed, self.speed, self.gas, self.brake, self.counts):
                values.clear()
        self.elapsed.append(sample.elapsed)
        self.speed.append(sample.speed_kmh)
        self.gas.append(sample.gas)
        self.brake.append(sample.brake)
        self.counts.append((stats.latest, stats.count))
        self.highest_rpm = max(self.highest_rpm, sample.rpm)

    def rate(self) -> float | None:
        """Samples per second over the last moments; None where there are too few to tell."""
        if not self.counts:
            return None
        (start, before), (end, now) = self.counts[0], self.counts[-1]
        return (now - before) / (end - start) if end > start and now > before else None


@dataclass(frozen=True)
class ViewState:
    """All that a picture is drawn from; ``output`` is the name of the file being written."""

    sample: Sample | None
    stats: LoopStats
    history: History
    output: str | None = None
