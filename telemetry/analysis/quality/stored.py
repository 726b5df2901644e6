"""What a recording says of itself: the analysis that was stored in it when it was closed, while that still holds."""

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from telemetry.analysis.quality.analyzer import RecordingAnalysis, analyze_recording, count_laps
from telemetry.analysis.quality.report import QualityReport
from telemetry.analysis.same_drive import DriveFingerprint
from telemetry.base.clock import Clock
from telemetry.base.typed_values import build
from telemetry.fields.columns import Columns
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.formats import find_format, format_label
from telemetry.laps.model import Lap
from telemetry.recording.interfaces import Source
from telemetry.recording.recorded_laps import recall_summary, summary_dependencies
from telemetry.sources import open_source


@dataclass(frozen=True, slots=True)
class _StoredAnalysis:
    """An analysis, and what it depends on besides the recording."""

    version: str
    """The program that made it."""
    analysis_version: int
    thresholds: Thresholds
    report: QualityReport
    laps: tuple[Lap, ...]
    fingerprint: dict[str, Any]


def recall_analysis(
    source: Source, path: Path, *, thresholds: Thresholds = DEFAULTS, include_ai: bool = False
) -> RecordingAnalysis | None:
    """What :func:`analyze_recording` gave when it was stored in this recording.

    None where nothing was stored, the file has changed since, or another version or other thresholds would find other
    things in it. Raises SourceError and OSError where the file can no longer be read.
    """
    values = recall_summary(source, thresholds)
    if values is None:
        return None
    try:
        stored = build(_StoredAnalysis, values)
        fingerprint = DriveFingerprint.from_values(stored.fingerprint)
    except (ValueError, TypeError, KeyError):
        return None
    laps = tuple(lap.allow_ai() for lap in stored.laps) if include_ai else stored.laps
    report = replace(
        stored.report, file=str(path), format=format_label(path), size=path.stat().st_size, laps=count_laps(laps)
    )
    return RecordingAnalysis(report, laps, fingerprint)


def store_analysis(
    path: Path,
    *,
    clock: Clock | None = None,
    thresholds: Thresholds = DEFAULTS,
    watch: Callable[[Source, Iterable[Columns]], Iterable[Columns]] = lambda _, blocks: blocks,
) -> bool:
    """Read a closed recording and store what is found in it; false where its format has no place for that.

    Nothing is stored either if ``clock`` is stopped before all is read, and in a truncated file. ``watch`` is given the
    recording and its samples, block by block, and passes these on. Raises SourceError, and SinkError where the file
    cannot be written.
    """
    known = find_format(path)
    if known is None or known.store_summary is None:
        return False
    clock = clock or Clock(math.inf)
    with open_source(path) as source:
        analysis = analyze_recording(
            source, path, clock=clock, thresholds=thresholds, watch=lambda blocks: watch(source, blocks)
        )
    if clock.stopped or not analysis.report.finished:
        return False
    return known.store_summary(path, _to_values(analysis, thresholds))


def _to_values(analysis: RecordingAnalysis, thresholds: Thresholds) -> dict[str, Any]:
    return {
        **summary_dependencies(thresholds),
        "report": {**analysis.report.to_dict(), "file": "", "size": 0},
        "laps": [asdict(lap) for lap in analysis.laps],
        "fingerprint": analysis.fingerprint.to_values(),
    }
