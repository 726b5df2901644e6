"""What a picture of the view is drawn from: the newest sample, the counters of the recording, and the last samples."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from telemetry.fields.derived import Sample
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.laps.reference_delta import ReferenceFollower
from telemetry.recording.game_state import State
from telemetry.recording.stats import LoopStats

STATES_WITHOUT_CAR: Final = frozenset({State.WAITING, State.LOADING, State.GONE})
"""States in which there is only a message to show."""

CURRENT_STATES: Final = frozenset({State.LIVE, State.STILL})
"""States in which the values are those of now; in all others the last ones stay, dimmed."""

MAX_CHART_SAMPLES: Final = 240
"""Samples kept for the charts, one column each."""

MAX_RATE_SAMPLES: Final = 50
"""Samples over which the rate is measured: about five seconds."""


@dataclass
class History:
    """The last samples that were drawn: the content of the charts and of the measured rate."""

    elapsed: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_CHART_SAMPLES))
    """Seconds of the source's clock."""
    speed: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_CHART_SAMPLES))
    """Speeds in km/h."""
    gas: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_CHART_SAMPLES))
    """Throttle, 0..1."""
    brake: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_CHART_SAMPLES))
    """Brake, 0..1."""
    counts: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=MAX_RATE_SAMPLES))
    """The time in seconds, and how many samples or steps had been taken by then."""
    highest_rpm: int = 0
    """Highest engine speed so far, in revolutions per minute."""

    def add(self, sample: Sample, stats: LoopStats) -> None:
        """Add a sample; when its time is before the last one, the history starts again."""
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
        """Samples or steps per second of late; None where there are too few."""
        if not self.counts:
            return None
        (start, count_before), (end, count_now) = self.counts[0], self.counts[-1]
        return (count_now - count_before) / (end - start) if end > start and count_now > count_before else None


@dataclass(frozen=True)
class ViewState:
    """Everything that a picture is drawn from."""

    sample: Sample | None
    stats: LoopStats
    history: History
    output: str | None = None
    """Name of the file that is being written; None: nothing is recorded."""
    thresholds: Thresholds = DEFAULTS
    """Where damage and wear of tyres change their colours."""
    follower: ReferenceFollower | None = None
    """What compares the drive with a lap out of a file; None: nothing does."""
