"""One recording into its part of a dataset: the same code in this process, in another, and on another machine."""

import hashlib
import pickle
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from telemetry.analysis.quality import QualityReport, findings_of
from telemetry.base.clock import Clock
from telemetry.base.errors import TelemetryError
from telemetry.base.storage.atomic import rename, sync_to_disk
from telemetry.rl.datasets.episodes import EpisodeConfig, SkipCounts, episodes, survey
from telemetry.rl.datasets.exporter import Exporter, RecordingResult, Watch, ignore_samples
from telemetry.sources import open_source

RESULT_FILE: Final = ".piece"
"""The file in a part's folder that says what is in it."""


@dataclass(frozen=True, slots=True)
class Job:
    """One recording to be converted: all that another process needs."""

    exporter: Exporter
    cut: EpisodeConfig
    path: Path
    parts: Path
    """The folder in which the parts of all recordings are."""
    key: str
    """:func:`job_key` the recording when it was asked for: the name of its part."""

    def failed(self, reason: str) -> RecordingResult:
        """What is said of the recording when there is no part of it."""
        return RecordingResult(recording=str(self.path), error=reason)


def job_key(path: Path) -> str:
    """What tells a recording from every other, and from what it was before it changed. Raises OSError."""
    about = path.stat()
    text = f"{path}\0{path.absolute()}\0{about.st_size}\0{about.st_mtime_ns}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def convert(job: Job, clock: Clock, watch: Watch = ignore_samples) -> RecordingResult | None:
    """Make the part of a recording, whole or not at all; None when the clock was stopped before it was done.

    An error of ours, or of the system, is the reason in the piece.
    """
    name = str(job.path)
    report: QualityReport | None = None
    skipped = SkipCounts()
    try:
        with _result_folder(job) as folder:
            with open_source(job.path) as source:
                found = survey(
                    source, job.path, clock, thresholds=job.cut.thresholds, watch=lambda time: watch("looking", time)
                )
                report = found.report
                stream = episodes(source, found, job.cut, clock, skipped, lambda time: watch("converting", time))
                metadata = source.metadata
                written = job.exporter.convert(stream, job.cut, folder, skipped)
            if clock.stopped:  # which ends a recording early
                return None
            laps = len(found.laps)
            none = f"{name}: there is no such episode in it; it has {laps} {'lap' if laps == 1 else 'laps'}."
            result = RecordingResult(
                recording=name,
                report=report,
                findings=findings_of(report),
                episodes=written.episodes,
                skipped=skipped,
                checks=written.checks,
                warnings=written.warnings,
                details=written.details,
                policy=metadata.get("policy", ""),
                error="" if written.episodes else none,
            )
            if result.episodes:
                if job_key(job.path) != job.key:
                    return job.failed(f"{name} was not converted: it changed meanwhile.")
                _keep(folder, job.parts / job.key, result)
            return result
    except Exception as error:  # noqa: BLE001 - one recording must not end the work on thousands
        text = str(error)
        if isinstance(error, OSError):
            text = f"{name} was not converted: {error.strerror or error}."
        elif not isinstance(error, TelemetryError):
            text = f"{name} was not converted, by a mistake of this program: {type(error).__name__}: {error}"
        findings = findings_of(report) if report else ()
        return RecordingResult(recording=name, report=report, findings=findings, skipped=skipped, error=text)


def kept(part: Path) -> RecordingResult | None:
    """What was said of the recording whose part this is; None where there is none that is whole."""
    try:
        result = pickle.loads((part / RESULT_FILE).read_bytes())  # noqa: S301 - this very program wrote it, into its own folder
    except FileNotFoundError:
        return None
    except Exception:  # noqa: BLE001 - whatever a damaged file leads to, the recording is converted again
        return None
    return result if isinstance(result, RecordingResult) else None


@contextmanager
def _result_folder(job: Job) -> Iterator[Path]:
    """A folder that nobody else writes to; what is left in it at the end is taken away."""
    folder = Path(tempfile.mkdtemp(prefix=f"{job.key}.", dir=job.parts))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _keep(folder: Path, part: Path, result: RecordingResult) -> None:
    """Make a folder the part of its recording, which is there whole or not at all, even when the power fails."""
    (folder / RESULT_FILE).write_bytes(pickle.dumps(result))
    sync_to_disk(folder)
    if kept(part) is None:  # or somebody whose leader was killed, but who was not, made it meanwhile
        shutil.rmtree(part, ignore_errors=True)
        rename(folder, part)
