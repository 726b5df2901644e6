"""What lies beside every dataset: a card for people in Markdown, and a quality report for programs in JSON."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import orjson

from telemetry.rl.datasets.episodes import EpisodeConfig, EpisodeKind
from telemetry.rl.datasets.exporter import DatasetSummary, Exporter, RecordingResult
from telemetry.rl.datasets.provenance import tool

CARD: Final = "README.md"
QUALITY: Final = "quality.json"

_KINDS: Final[dict[EpisodeKind, str]] = {
    "lap": "a lap",
    "stint": "a stint, from one stop in the pits to the next",
    "session": "a session, from its start or restart on",
}

_MAX_ROWS: Final = 50
"""Recordings in the card's table; the report has them all."""


def write_beside(
    folder: Path, exporter: Exporter, cut: EpisodeConfig, finished: DatasetSummary, results: Sequence[RecordingResult]
) -> None:
    """Write the card and the report into the dataset's folder."""
    (folder / CARD).write_text(_card(exporter, cut, finished, results), encoding="utf-8")
    (folder / QUALITY).write_bytes(_report(exporter, cut, results))


def _card(exporter: Exporter, cut: EpisodeConfig, finished: DatasetSummary, results: Sequence[RecordingResult]) -> str:
    good = [result for result in results if not result.error]
    entries = [entry for result in good for entry in result.episodes]
    steps = sum(entry.steps for entry in entries)
    cars, tracks = _names(entry.car for entry in entries), _names(entry.track for entry in entries)
    drivers, sessions = (
        _names(entry.driver or "unknown" for entry in entries),
        _names(entry.session for entry in entries),
    )
    valid = ", valid laps only" if cut.valid_only else ""
    minutes = steps / cut.rate / 60.0
    info = (
        f"Format: {exporter.title}, written by {tool()}",
        f"Game: Assetto Corsa; {cars} at {tracks}",
        f"Drivers: {drivers}; sessions: {sessions}",
        f"{len(entries):,} episodes, {steps:,} steps at {cut.rate:g} Hz, {minutes:,.1f} minutes",
        f"An episode is {_KINDS[cut.kind]}{valid}; a hole in a recording ends it too",
        "Numbers between recorded samples are interpolated and not filtered; switches and counters keep their value",
        f"Quality of each recording, checks, and where every episode is from: `{QUALITY}`",
    )
    parts = [finished.front_matter + "# Driving in Assetto Corsa", "\n".join(f"- {fact}" for fact in info)]
    parts += [f"## {heading}\n\n{text}" for heading, text in finished.card]
    parts.append(f"## Recordings\n\n{_table(results)}")
    if told := _format_value(results):
        parts.append(f"## What to know\n\n{told}")
    return "\n\n".join(parts) + "\n"


def _names(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _table(results: Sequence[RecordingResult]) -> str:
    lines = ["| recording | episodes | steps | laps (valid) | rate | missing |", "|---|--:|--:|--:|--:|--:|"]
    for result in results[:_MAX_ROWS]:
        name = Path(result.recording).name.replace("|", "\\|")
        if result.error or result.report is None:
            lines.append(f"| {name} | left out | | | | |")
            continue
        report = result.report
        cells = (
            name,
            len(result.episodes),
            f"{result.steps:,}",
            f"{report.laps.counted} ({report.laps.valid})",
            f"{report.rate_hz:.1f} Hz" if report.rate_hz else "",
            f"{report.gaps.share:.3%}",
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    if len(results) > _MAX_ROWS:
        lines.append(f"| and {len(results) - _MAX_ROWS} more | | | | | |")
    return "\n".join(lines)


def _format_value(results: Sequence[RecordingResult]) -> str:
    """Errors, warnings and findings, each once."""
    lines: dict[str, None] = {}
    for result in results:
        name = Path(result.recording).name
        if result.error:
            lines[f"- Left out: {result.error}"] = None
        for warning in result.warnings:
            lines[f"- {warning}"] = None
        for finding in result.findings:
            lines[f"- {name}: {finding.message}"] = None
        if result.skipped.samples:
            lines[f"- {name}: {result.skipped.samples:,} samples of its laps are in no episode."] = None
    return "\n".join(lines)


def _report(exporter: Exporter, cut: EpisodeConfig, results: Sequence[RecordingResult]) -> bytes:
    values = {
        "format": exporter.title,
        "created_by": tool(),
        "rate_hz": cut.rate,
        "episode": cut.kind,
        "valid_only": cut.valid_only,
        "episodes": sum(len(result.episodes) for result in results),
        "steps": sum(result.steps for result in results),
        "failed": [result.recording for result in results if result.error],
        "recordings": [result.to_dict() for result in results],
    }
    return orjson.dumps(values, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)
