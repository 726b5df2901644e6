"""What recordings become on their way into a dataset, and what a format has to do for it."""

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from telemetry.analysis.quality import QualityFinding, QualityReport
from telemetry.rl.datasets.consistency import Check
from telemetry.rl.datasets.episodes import Episode, EpisodeConfig, SkipCounts

Watch = Callable[[str, float], None]
"""Is shown what is being done and the recording's time, in seconds."""


def ignore_samples(what: str, seconds: float) -> None:
    """Show it to nobody."""


def ignore_progress(result: "RecordingResult") -> None:
    """Tell nobody of a piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeEntry:
    """What a dataset says of one of its episodes."""

    file: str
    """The file that holds it, in its recording's folder and then in the dataset's; empty where all are in one."""
    recording: str
    laps: tuple[int, ...]
    """Their numbers."""
    lap_times_ms: tuple[int | None, ...]
    steps: int
    end: str
    car: str
    track: str
    """With its layout, as in ``spa (short)``."""
    session: str
    driver: str
    began: float
    """Unix time of its first sample."""
    terminated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingResult:
    """What one recording gave: its episodes, or the reason why there are none."""

    recording: str
    report: QualityReport | None = None
    findings: tuple[QualityFinding, ...] = ()
    episodes: tuple[EpisodeEntry, ...] = ()
    skipped: SkipCounts = field(default_factory=SkipCounts)
    checks: tuple[Check, ...] = ()
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    """What the format wants to know of it at the end."""
    policy: str = ""
    """Who drove, where the recording says that it was no human."""
    error: str = ""

    @property
    def steps(self) -> int:
        """Steps of all episodes."""
        return sum(one.steps for one in self.episodes)

    def moved(self, files: Mapping[str, str]) -> "RecordingResult":
        """The same with its episodes in other files."""
        return replace(self, episodes=tuple(replace(one, file=files[one.file]) for one in self.episodes))

    def to_dict(self) -> dict[str, Any]:
        """What the quality report says of it."""
        return {
            "recording": self.recording,
            "error": self.error or None,
            "warnings": list(self.warnings),
            "findings": [asdict(one) for one in self.findings],
            "checks": [one.to_dict() for one in self.checks],
            "left_out": asdict(self.skipped),
            "episodes": [asdict(one) for one in self.episodes],
            "report": self.report.to_dict() if self.report else None,
        }


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What a format made of one recording."""

    episodes: tuple[EpisodeEntry, ...]
    checks: tuple[Check, ...] = ()
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StagedRecording:
    """A recording that is converted, and the folder with what the format made of it."""

    number: int
    """The recording's place among all that were asked for."""
    folder: Path
    result: RecordingResult


class Exporter(ABC):
    """One format. It goes to other processes and machines, so it is made of plain values, and keeps nothing.

    A dataclass, whose values say all that its results depend on.
    """

    @property
    @abstractmethod
    def title(self) -> str:
        """The format, for a person."""

    @abstractmethod
    def check(self) -> None:
        """Refuse at once what cannot work: a library that is missing, a folder that is not there. UsageError."""

    @abstractmethod
    def convert(self, found: Iterator[Episode], cut: EpisodeConfig, folder: Path, skipped: SkipCounts) -> ExportResult:
        """Write the episodes of a recording into a folder of its own.

        What goes into no episode is counted in ``skipped``.
        """

    @abstractmethod
    def finish(self, folder: Path, staged: Iterable[StagedRecording]) -> "DatasetSummary":
        """Make the dataset in this folder of what the recordings gave, which is at least one episode.

        The parts can be gone through several times, come in the order of the recordings, and stay as they are: what is
        interrupted here is done again from them. Files that need no change are put there with :func:`put`.
        """


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """What is to be said of a whole dataset."""

    results: tuple[RecordingResult, ...]
    """Of the parts, with the files that their episodes are in now."""
    card: tuple[tuple[str, str], ...] = ()
    """Chapters for its card: a heading and Markdown."""
    front_matter: str = ""
    """YAML before the card, for tools."""
    message: str = ""
    """What the user should do next."""


def put(file: Path, target: Path) -> None:
    """Put a part's file into the dataset, without copying its bytes where the file system can."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, target)
    except FileExistsError:
        raise
    except OSError:  # it knows no links
        shutil.copyfile(file, target)


def episode_entry(
    episode: Episode, file: str, *, steps: int | None = None, end: str = "", terminated: bool = False
) -> EpisodeEntry:
    """What there is to say of an episode."""
    first = episode.samples[0]
    layout = first.track_configuration
    return EpisodeEntry(
        file=file,
        recording=episode.recording,
        laps=tuple(lap.number for lap in episode.laps),
        lap_times_ms=tuple(lap.time_ms for lap in episode.laps),
        steps=len(episode.samples) if steps is None else steps,
        end=end or episode.end,
        car=first.car_model,
        track=f"{first.track} ({layout})" if layout else first.track,
        session=first.session_name,
        driver=first.player_name,
        began=first.timestamp,
        terminated=terminated,
    )


_FORBIDDEN: Final = '<>:"/\\|?*'


def safe_name(text: str, *, allowed: str = "") -> str:
    """A name for files out of any text; with ``allowed``, only letters, digits and these."""
    kept = "".join(c if (c.isalnum() and c.isascii()) or c in allowed else "_" for c in text) if allowed else text
    kept = "".join("_" if c in _FORBIDDEN or ord(c) < 32 else c for c in kept).strip(". ")
    return kept or "unknown"
