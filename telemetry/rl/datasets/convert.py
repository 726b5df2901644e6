"""Converts one recording into its part of a dataset; runs in this process, in another one, or on another machine."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from telemetry.analysis.quality import QualityReport, list_findings
from telemetry.analysis.same_drive import DriveFingerprint
from telemetry.base.clock import Clock
from telemetry.base.documents import DocumentError, read_json
from telemetry.base.errors import TelemetryError
from telemetry.base.storage.atomic import rename, sync_to_disk
from telemetry.base.storage.inside_folder import path_inside
from telemetry.base.storage.temporary import temporary_folder
from telemetry.base.text import format_count
from telemetry.base.typed_values import build
from telemetry.rl.datasets.episodes import EpisodeConfig, LapsOfRuns, SkipCounts, episodes, survey
from telemetry.rl.datasets.exporter import Exporter, RecordingResult, Watch, ignore
from telemetry.rl.needed_fields import describe_lacking
from telemetry.sources import open_source

RESULT_FILE: Final = ".piece"
"""The file in the folder of a part that holds its result, in JSON."""

_MAX_RESULT_BYTES: Final = 1 << 27
"""Of a result: one of 100 hours has a quarter of it."""


@dataclass(frozen=True, slots=True)
class Job:
    """The conversion of one recording: everything that another process needs."""

    exporter: Exporter
    config: EpisodeConfig
    path: Path
    """The recording."""
    parts: Path
    """The folder with the parts of all recordings."""
    key: str
    """The name of its part: :func:`job_key` of the recording when the conversion was requested."""

    def failed(self, reason: str) -> RecordingResult:
        """The result of a recording that cannot be converted."""
        return RecordingResult(recording=str(self.path), error=reason)


def job_key(path: Path, laps: LapsOfRuns | None = None) -> str:
    """Identifies a recording, its content by size and time of the last change, and its laps. Raises OSError."""
    status = path.stat()
    text = f"{path}\0{path.absolute()}\0{status.st_size}\0{status.st_mtime_ns}"
    if laps is not None:
        text += f"\0{laps}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def convert(job: Job, clock: Clock, watch: Watch = ignore) -> RecordingResult | None:
    """Make the part of a recording, complete or not at all; None if the clock was stopped before it was done.

    Every error becomes the ``error`` of the result.
    """
    name = str(job.path)
    report: QualityReport | None = None
    skipped = SkipCounts()
    try:
        with _result_folder(job) as folder:
            columns = job.config.column_map
            with open_source(job.path, column_map=None if columns is None else columns.check()) as source:
                if lacking := describe_lacking(job.exporter.needed_fields, source.missing_fields):
                    return job.failed(
                        f"{name} was not converted: it does not hold {lacking}, which this dataset needs."
                    )
                surveyed = survey(
                    source,
                    job.path,
                    job.config,
                    clock,
                    watch=lambda _: watch("surveying", 0.5 * (source.read_share or 0.0)),
                )
                report = surveyed.report
                stream = episodes(
                    source,
                    surveyed,
                    job.config,
                    clock,
                    skipped,
                    lambda _: watch("converting", 0.5 + 0.5 * (source.read_share or 0.0)),
                    job.exporter.sample_fields,
                    keep_all=job.exporter.keeps_all_fields,
                )
                metadata = source.metadata
                written = job.exporter.convert(stream, job.config, folder, skipped)
            if clock.stopped:  # then the recording was not read to its end
                return None
            laps = format_count(len(surveyed.laps), "lap")
            no_episode = f"{name}: no episode matches the options; the recording has {laps}."
            result = RecordingResult(
                recording=name,
                report=report,
                findings=list_findings(report),
                episodes=written.episodes,
                skipped=skipped,
                checks=written.checks,
                warnings=written.warnings,
                details=written.details,
                policy=metadata.get("policy", ""),
                fingerprint=surveyed.fingerprint,
                error="" if written.episodes else no_episode,
            )
            if result.episodes:
                if job_key(job.path, job.config.laps_of_runs) != job.key:
                    return job.failed(f"{name} was not converted: it changed in the meantime.")
                _publish(folder, job.parts / job.key, result)
            return result
    except Exception as error:  # noqa: BLE001 - one bad recording must not stop the conversion of thousands
        text = str(error)
        if isinstance(error, OSError):
            text = f"{name} was not converted: {_describe_failure(job, error)}."
        elif not isinstance(error, TelemetryError):
            text = f"{name} was not converted because of a bug in this program: {type(error).__name__}: {error}"
        findings = list_findings(report) if report else ()
        return RecordingResult(recording=name, report=report, findings=findings, skipped=skipped, error=text)


def _describe_failure(job: Job, error: OSError) -> str:
    """What went wrong, and where: unless the error says otherwise in the folder of the parts, as on a full disk."""
    reason = error.strerror or str(error)
    place = None if error.filename is None else Path(os.fsdecode(error.filename))
    if place is None or place.is_relative_to(job.parts):
        return f"the folder {job.parts} cannot be written: {reason}"
    return reason if place == job.path else f"{place}: {reason}"


def read_result(part: Path) -> RecordingResult | None:
    """The result in the folder of a part; None if there is no complete part whose files are all in that folder."""
    try:
        values = read_json(part / RESULT_FILE, max_bytes=_MAX_RESULT_BYTES)
        fingerprint = DriveFingerprint.from_values(values.pop("fingerprint"))
        result = replace(build(RecordingResult, values), fingerprint=fingerprint)
        for entry in result.episodes:
            if entry.file:
                path_inside(part, entry.file)
    except (OSError, DocumentError, AttributeError, KeyError, TypeError, ValueError):  # convert the recording again
        return None
    return result


def _result_text(result: RecordingResult) -> str:
    assert result.fingerprint is not None, "a recording with episodes has been read to its end"
    values = asdict(replace(result, fingerprint=None))
    return json.dumps({**values, "fingerprint": result.fingerprint.to_values()})


@contextmanager
def _result_folder(job: Job) -> Iterator[Path]:
    """A new folder for one job, removed at the end unless it was published."""
    with temporary_folder(job.parts) as temporary:
        folder = temporary / job.key
        folder.mkdir()
        yield folder


def _publish(folder: Path, part: Path, result: RecordingResult) -> None:
    """Make the folder the part of its recording, complete or not at all, also after a power failure."""
    (folder / RESULT_FILE).write_text(_result_text(result), encoding="ascii")
    sync_to_disk(folder)
    if read_result(part) is None:  # else a worker that outlived its killed parent has published the same part
        shutil.rmtree(part, ignore_errors=True)
        rename(folder, part)
