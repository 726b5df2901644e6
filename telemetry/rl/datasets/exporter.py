"""The interface of a dataset format, and the records that describe a dataset while it is made."""

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from telemetry.analysis.quality import QualityFinding, QualityReport
from telemetry.analysis.same_drive import DriveFingerprint, describe_copy
from telemetry.base.sanitize import sanitize_filename
from telemetry.laps.progress import AT_LINE_S
from telemetry.rl.datasets.consistency import Check
from telemetry.rl.datasets.episodes import DESCRIBING_FIELDS, Episode, EpisodeConfig, SkipCounts
from telemetry.rl.sample_columns import SampleColumns
from telemetry.tracks.track_folder import TrackFolder

Watch = Callable[[str, float], None]
"""Called with the current activity and the share of the recording that is done, from 0 to 1."""


def ignore(*args: object) -> None:
    """A callback that does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeEntry:
    """The description of one episode of a dataset."""

    file: str
    """The file with the episode, relative to the folder of its recording, or, when the dataset is finished, to that of
    the dataset; empty if one file holds all episodes."""
    recording: str
    """Name of the recording."""
    laps: tuple[int, ...]
    """Lap numbers."""
    lap_times_ms: tuple[int | None, ...]
    steps: int
    end: str
    """What ended it."""
    car: str
    track: str
    """With its layout, as in ``spa (short)``."""
    session: str
    driver: str
    began: float
    """Unix time of its first sample."""
    ai_driven: bool = False
    """Whether the game's AI drove some of it."""
    terminated: bool = False
    """Whether the task ended, so that the last step has no future."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingResult:
    """The result of converting one recording: its episodes, or the error."""

    recording: str
    report: QualityReport | None = None
    findings: tuple[QualityFinding, ...] = ()
    episodes: tuple[EpisodeEntry, ...] = ()
    skipped: SkipCounts = field(default_factory=SkipCounts)
    checks: tuple[Check, ...] = ()
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    """What the format itself needs when it finishes the dataset."""
    policy: str = ""
    """The name of the policy that drove, from the recording's metadata; empty for a human."""
    error: str = ""
    """Why the recording could not be converted; empty if it was."""
    fingerprint: DriveFingerprint | None = None
    """What it holds, to notice another recording of the same drive."""
    same_drive_as: str = ""
    """The recording that holds the same drive and is in the dataset in its place; empty for all others."""

    @property
    def steps(self) -> int:
        """Steps of all episodes."""
        return sum(entry.steps for entry in self.episodes)

    @property
    def copy_warning(self) -> str:
        """The sentence on a recording that is left out because another one holds the same drive; empty for others."""
        return describe_copy(self.recording, self.same_drive_as) if self.same_drive_as else ""

    def as_copy_of(self, original: str) -> "RecordingResult":
        """The same result without its episodes, which are in the dataset with another recording of the same drive."""
        return replace(self, episodes=(), same_drive_as=original)

    def moved(self, files: Mapping[str, str]) -> "RecordingResult":
        """The same result with the episodes in other files: ``files`` maps old names to new ones."""
        return replace(self, episodes=tuple(replace(entry, file=files[entry.file]) for entry in self.episodes))

    def to_dict(self) -> dict[str, Any]:
        """The entry of the quality report."""
        return {
            "recording": self.recording,
            "error": self.error or None,
            "same_drive_as": self.same_drive_as or None,
            "warnings": list(self.warnings),
            "findings": [asdict(finding) for finding in self.findings],
            "checks": [check.to_dict() for check in self.checks],
            "left_out": self.skipped.to_dict(),
            "episodes": [asdict(entry) for entry in self.episodes],
            "report": self.report.to_dict() if self.report else None,
        }


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The result of :meth:`Exporter.convert`."""

    episodes: tuple[EpisodeEntry, ...]
    checks: tuple[Check, ...] = ()
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StagedRecording:
    """A converted recording in the staging folder."""

    number: int
    """0-based index among all recordings of the request."""
    folder: Path
    """The folder with the files that the format has made of it."""
    result: RecordingResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter(ABC):
    """A dataset format: a dataclass of plain values, because it is sent to other processes and machines.

    Its values must hold everything that its results depend on. It keeps no state.
    """

    tracks: TrackFolder | None = None
    """Roads that are used beside the known ones."""

    @property
    @abstractmethod
    def title(self) -> str:
        """The name of the format, for people."""

    @abstractmethod
    def check(self) -> None:
        """Raise UsageError for what cannot work: a missing library, a missing folder, an unsuitable specification."""

    @property
    @abstractmethod
    def needed_fields(self) -> frozenset[str]:
        """The raw fields without which a recording is refused, because the dataset is made of them."""

    @property
    @abstractmethod
    def sample_fields(self) -> frozenset[str]:
        """The fields of a sample that a conversion computes with, derived ones too."""

    @property
    def keeps_all_fields(self) -> bool:
        """Whether the dataset holds all other fields of the samples, too."""
        return False

    @abstractmethod
    def convert(
        self, episodes: Iterator[Episode], config: EpisodeConfig, folder: Path, skipped: SkipCounts
    ) -> ExportResult:
        """Write the episodes of one recording into a folder of its own; count what is omitted in ``skipped``.

        Raises SourceError for episodes that must not be written.
        """

    @abstractmethod
    def finish(self, folder: Path, staged: Iterable[StagedRecording]) -> "DatasetSummary":
        """Make the dataset in this folder from the staged recordings, which have at least one episode together.

        ``staged`` is in the order of the recordings, and can be iterated several times. Its files must not be changed:
        an interrupted call is repeated with them. Files that stay the same are linked with :func:`link_or_copy`.
        """


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """The description of a finished dataset."""

    results: tuple[RecordingResult, ...]
    """The results of the staged recordings, with the final files of their episodes."""
    card: tuple[tuple[str, str], ...] = ()
    """Chapters of the card: heading and Markdown text."""
    front_matter: str = ""
    """YAML before the card, for tools."""
    message: str = ""
    """What the user should do next."""


def link_or_copy(file: Path, target: Path) -> None:
    """Put a staged file into the dataset: as a hard link if the file system can, else as a copy.

    Raises FileExistsError if the target exists, and OSError if it cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, target)
    except FileExistsError:
        raise
    except OSError:  # the file system has no hard links
        shutil.copyfile(file, target)


def is_ai_driven(samples: SampleColumns) -> bool:
    """Whether the game's AI drove some of these samples; one that only takes over at the line drives the next lap."""
    driven = np.flatnonzero(samples.flags("is_ai_controlled"))
    if not len(driven):
        return False
    elapsed = samples("elapsed")
    return bool(driven[0] == 0 or elapsed[-1] - elapsed[driven[0]] > AT_LINE_S)


def episode_entry(
    episode: Episode,
    file: str,
    *,
    samples: SampleColumns | None = None,
    end: str = "",
    terminated: bool = False,
) -> EpisodeEntry:
    """The description of an episode, or of a part of it: ``samples``, of which the last one only ends it."""
    own = episode.samples if samples is None else samples
    first = {name: own.value(name, 0) for name in DESCRIBING_FIELDS}
    track, layout = first["track"], first["track_configuration"]
    return EpisodeEntry(
        file=file,
        recording=episode.recording,
        laps=tuple(lap.number for lap in episode.laps),
        lap_times_ms=tuple(lap.time_ms for lap in episode.laps),
        steps=len(own) if samples is None else len(own) - 1,
        end=end or episode.end,
        car=first["car_model"],
        track=f"{track} ({layout})" if layout else track,
        session=first["session_name"],
        driver=first["player_name"],
        began=first["timestamp"],
        ai_driven=is_ai_driven(own),
        terminated=terminated,
    )


def safe_name(text: str, *, allowed: str = "") -> str:
    """A file name made from any text; with ``allowed`` it has only ASCII letters, digits and these characters."""
    kept = "".join(c if (c.isalnum() and c.isascii()) or c in allowed else "_" for c in text) if allowed else text
    return sanitize_filename(kept) if kept.strip(" .") else "unknown"
