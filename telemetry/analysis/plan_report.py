"""The quality report of a plan's folder: all its files and the laps of all its runs, for programs and for people."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from telemetry.analysis.quality import QualityFinding, QualityReport, analyze_recording, list_findings
from telemetry.base.clock import Clock
from telemetry.base.documents import DocumentError, read_json
from telemetry.base.errors import SinkError, TelemetryError
from telemetry.base.sanitize import sanitize_markdown
from telemetry.base.storage.atomic import atomic_write_text
from telemetry.base.text import format_lap_time, format_measured_lap_time, format_size
from telemetry.base.typed_values import build
from telemetry.laps.car_and_track import CarAndTrack
from telemetry.plans.manifest import FileRecord, LapRecord, Manifest, RunProgress
from telemetry.sources import open_source

QUALITY_JSON: Final = "quality.json"
QUALITY_TEXT: Final = "quality.md"

_MAX_BYTES: Final = 1 << 26
"""Thousands of files."""


def write_plan_report(manifest: Manifest, report: Callable[[str], None] | None, *, clock: Clock | None = None) -> bool:
    """Write ``quality.json`` and ``quality.md`` into the plan's folder; false where the clock was stopped before.

    Files that were analysed before are not read again; without any file there is nothing to report on. ``report``
    gets a sentence when reading starts. Raises :class:`telemetry.SinkError`.
    """
    files = _finished_files(manifest)
    if not files:
        return True
    clock = clock or Clock(math.inf)
    known = _read_entries(manifest.folder / QUALITY_JSON)
    new = {file.record.file for file in files if known.get(file.record.file, {}).get("bytes") != file.record.bytes}
    if new and report:
        report(f"Reading {len(new)} recording{'s' * (len(new) > 1)} for the quality report ...")
    entries: list[dict[str, Any]] = []
    for record, progress in files:
        entry = _analyze_file(manifest.folder, record.file, clock) if record.file in new else known[record.file]
        if clock.stopped:
            return False
        entries.append({"file": record.file, "run": progress.run.name, "bytes": record.bytes, **entry})
    runs = [
        {**run, "laps": in_manifest["laps"]}
        for run, in_manifest in zip(summarize_runs(manifest), manifest.to_dict()["runs"], strict=True)
    ]
    values = {"plan": manifest.plan.name, "complete": manifest.complete, "runs": runs, "files": entries}
    try:
        atomic_write_text(manifest.folder / QUALITY_JSON, json.dumps(values, indent=1, ensure_ascii=False))
        atomic_write_text(manifest.folder / QUALITY_TEXT, "\n".join(_markdown_report(manifest, entries)))
    except OSError as error:
        raise SinkError(f"The quality report in {manifest.folder} cannot be written: {error.strerror}.") from error
    return True


def summarize_runs(manifest: Manifest) -> list[dict[str, Any]]:
    """How many laps of each run are recorded, for a program."""
    return [
        {
            "name": progress.run.name,
            "wanted": progress.run.laps,
            "kept": progress.kept,
            "refused": len(progress.laps) - progress.kept,
            "complete": progress.complete,
        }
        for progress in manifest.runs
    ]


def best_times_text(progress: RunProgress) -> str:
    """The best time of the accepted laps as text, one for each car, track and layout; empty without one."""
    best: dict[str, int] = {}
    for lap in progress.laps:
        if lap.kept and lap.time_ms is not None:
            key = _car_and_track_text(lap)
            best[key] = min(lap.time_ms, best.get(key, lap.time_ms))
    if len(best) == 1:
        return "".join(map(format_lap_time, best.values()))
    return "; ".join(f"{format_lap_time(time_ms)} ({key})" for key, time_ms in best.items())


@dataclass(frozen=True, slots=True)
class _SavedEntry:
    """The entry of a file that was analysed, as ``quality.json`` has it."""

    file: str
    run: str
    bytes: int
    valid: bool
    findings: tuple[QualityFinding, ...]
    report: QualityReport


class _FinishedFile(NamedTuple):
    record: FileRecord
    progress: RunProgress


def _finished_files(manifest: Manifest) -> list[_FinishedFile]:
    return [
        _FinishedFile(record, progress)
        for progress in manifest.runs
        for record in progress.files.values()
        if record.finished
    ]


def _analyze_file(folder: Path, file: str, clock: Clock) -> dict[str, Any]:
    path = folder / file
    try:
        with open_source(path) as source:
            report = analyze_recording(source, path, clock=clock).report
    except TelemetryError as error:  # the report on the other files is still worth writing
        finding = {"name": "unreadable", "severity": "error", "message": str(error)}
        return {"valid": False, "error": str(error), "findings": [finding]}
    findings = list_findings(report)
    return {
        "valid": all(finding.severity != "error" for finding in findings),
        "findings": [
            {"name": finding.name, "severity": finding.severity, "message": finding.message} for finding in findings
        ],
        "report": {**report.to_dict(), "file": file},
    }


def _read_entries(path: Path) -> dict[str, dict[str, Any]]:
    """The entries of an earlier report by file, those that are whole; nothing where no report can be read."""
    try:
        entries = read_json(path, max_bytes=_MAX_BYTES)["files"]
        return {entry["file"]: entry for entry in entries if _is_whole(entry)}
    except (OSError, DocumentError, KeyError, TypeError):
        return {}


def _is_whole(entry: Any) -> bool:
    try:
        build(_SavedEntry, entry)
    except ValueError:
        return False
    return True


def _markdown_report(manifest: Manifest, entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield f"# {sanitize_markdown(manifest.plan.name)}"
    yield ""
    yield from _table(
        ("run", "wanted", "kept", "refused", "best"),
        [
            (run["name"], run["wanted"], run["kept"], run["refused"], best_times_text(progress))
            for run, progress in zip(summarize_runs(manifest), manifest.runs, strict=True)
        ],
    )
    for progress in manifest.runs:
        yield from _run_chapter(progress)
    yield ""
    yield "## Files"
    yield ""
    yield from _table(("file", "run", "size", "samples", "span", "Hz", "missing", "verdict"), map(_file_row, entries))


def _run_chapter(progress: RunProgress) -> Iterator[str]:
    run = progress.run
    yield ""
    yield f"## {sanitize_markdown(run.name)}"
    for key, text in {"driver": run.driver, "notes": run.notes, "tags": ", ".join(run.tags)}.items():
        if text:
            yield ""
            yield f"{key}: {sanitize_markdown(text)}"
    yield ""
    rows = [
        (lap.file, lap.number, _time_text(lap), lap.kind, "yes" if lap.kept else lap.reason, _car_and_track_text(lap))
        for lap in progress.laps
    ]
    has_several = len({row[-1] for row in rows}) > 1
    columns = ("file", "lap", "time", "kind", "kept", "car and track")[: None if has_several else -1]
    yield from _table(columns, [row[: len(columns)] for row in rows])


def _file_row(entry: Mapping[str, Any]) -> tuple[object, ...]:
    report = entry.get("report")
    verdict = "; ".join(finding["message"] for finding in entry["findings"]) or "good"
    head = (entry["file"], entry["run"], format_size(entry["bytes"]))
    if report is None:
        return (*head, "", "", "", "", verdict)
    rate = report["rate_hz"]
    return (
        *head,
        f"{report['samples']:,}",
        f"{report['span_s']:.1f} s",
        "" if rate is None else f"{rate:.1f}",
        f"{report['gaps']['missing']:,}",
        verdict,
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(sanitize_markdown(str(value)) for value in row)} |"


def _car_and_track_text(lap: LapRecord) -> str:
    place = CarAndTrack(lap.car, lap.track, lap.layout)
    return f"{place.car or 'unknown car'}, {place.track_name}"


def _time_text(lap: LapRecord) -> str:
    """The time of a lap, with ``~`` before one that was measured because the game did not report it."""
    return format_measured_lap_time(lap.time_ms, lap.measured_ms) or ""
