"""Counters of a recording while it runs: one type for the loop of samples, one for the loop of physics steps."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from telemetry.base.histogram import DurationHistogram, round_to_five_percent
from telemetry.base.typing import override
from telemetry.recording.game_state import State


def _jitter_histogram() -> DurationHistogram:
    return DurationHistogram(round_to_five_percent)


@dataclass(kw_only=True)
class LoopStats(ABC):
    """What both loops count, kept up to date while they run. Times are in seconds of the source's clock."""

    state: State = State.WAITING
    """The latest state of the source; ``ENDED`` once the recording is over."""
    message: str = ""
    """What a person should know about the state; empty for nothing."""
    rate_asked: float | None = None
    """Samples per second that were asked for; None for the source's own pace, and always in a recording of steps."""
    dropped: int = 0
    """Samples or steps discarded because a writer's queue was full."""
    gaps: int = 0
    """How often something is missing between two neighbouring samples or steps."""
    interruptions: int = 0
    """How often game time stood still or the game was away, between two neighbouring samples or steps."""
    interrupted: float = 0.0
    """Length of all interruptions together, in seconds."""
    laps: int = 0
    """Laps completed while recording."""
    share: float | None = None
    """How much of the recording is done, from 0 to 1; None for one without a limit."""
    markers: int = 0
    """Markers set while recording."""
    size: int = 0
    """Bytes written so far, of all files."""
    first: float = 0.0
    """When the first sample or step was taken, in seconds."""
    latest: float = 0.0
    """When the latest sample or step was taken, in seconds."""
    jitter: DurationHistogram = field(default_factory=_jitter_histogram)
    """Differences between measured and wanted intervals in milliseconds; empty without a wanted rate."""

    @property
    @abstractmethod
    def count(self) -> int:
        """How many samples or steps were taken."""

    @property
    @abstractmethod
    def count_name(self) -> str:
        """What is counted, in the plural: ``samples`` or ``steps``."""

    @property
    @abstractmethod
    def faults(self) -> Mapping[str, int]:
        """What went wrong how often, by its name for a person."""

    @property
    def seconds(self) -> float:
        """Time from the first sample or step to the latest, in seconds."""
        return self.latest - self.first

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at the pace so far; None where that is unknown."""
        return self.seconds * (1.0 - self.share) / self.share if self.share else None

    @property
    def rate(self) -> float | None:
        """Samples or steps per second as measured, without interruptions; None before the second one."""
        intervals, seconds = self.count - 1 - self.interruptions, self.seconds - self.interrupted
        return intervals / seconds if intervals > 0 and seconds > 0.0 else None


@dataclass(kw_only=True)
class RecordingStats(LoopStats):
    """Counters of a recording of samples."""

    samples: int = 0
    """Samples kept."""
    duplicates: int = 0
    """Samples kept that show the same physics step as the sample before."""
    torn: int = 0
    """Pages that never held still for long enough to be read complete; the copy before was used again."""
    missed: int = 0
    """Sampling deadlines that passed unused; of a stream, samples that never arrived."""

    @property
    @override
    def count(self) -> int:
        return self.samples

    @property
    @override
    def count_name(self) -> str:
        return "samples"

    @property
    @override
    def faults(self) -> Mapping[str, int]:
        return {
            "duplicates": self.duplicates,
            "torn": self.torn,
            "missed": self.missed,
            "dropped": self.dropped,
            "gaps": self.gaps,
        }

    def summary(self) -> dict[str, object]:
        """The counters for a program, JSON-compatible."""
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


@dataclass(kw_only=True)
class StepRecordingStats(LoopStats):
    """Counters of a recording of physics steps."""

    steps: int = 0
    """Physics steps seen, those that were ``dropped`` included."""
    missing: int = 0
    """Physics steps of the game that were never seen."""
    repaired: int = 0
    """Steps seen in several versions, of which the neighbouring steps showed the complete one."""

    @property
    @override
    def count(self) -> int:
        return self.steps

    @property
    @override
    def count_name(self) -> str:
        return "steps"

    @property
    @override
    def faults(self) -> Mapping[str, int]:
        return {"repaired": self.repaired, "missing": self.missing, "dropped": self.dropped, "gaps": self.gaps}

    def summary(self) -> dict[str, object]:
        """The counters for a program, JSON-compatible."""
        return {
            "steps": self.steps,
            "seconds": self.seconds,
            "rate_measured_hz": self.rate,
            "missing": self.missing,
            "gaps": self.gaps,
            "repaired": self.repaired,
            "dropped": self.dropped,
            "laps": self.laps,
            "bytes": self.size,
        }


StatsT_contra = TypeVar("StatsT_contra", bound=LoopStats, contravariant=True)
"""The counters that a listener accepts."""
