"""The two files beside every dataset: a card for people in Markdown, and a quality report for programs in JSON."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import orjson

from telemetry.analysis.same_drive import describe_copy
from telemetry.base.program import tool_name
from telemetry.base.sanitize import sanitize_markdown
from telemetry.base.text import to_unicode, to_unicode_values
from telemetry.rl.datasets.episodes import EpisodeConfig, EpisodeKind
from telemetry.rl.datasets.exporter import DatasetSummary, Exporter, RecordingResult

CARD: Final = "README.md"
QUALITY: Final = "quality.json"

_KINDS: Final[dict[EpisodeKind, str]] = {
    "lap": "a lap",
    "stint": "a stint, from one pit stop to the next",
    "session": "a session, from one start or restart to the next",
}

_NO_AI: Final = "The game's AI drove none of the episodes"

_MAX_ROWS: Final = 50
"""Recordings in the table of the card; the report has all of them."""


def write_card_and_report(
    folder: Path,
    exporter: Exporter,
    config: EpisodeConfig,
    summary: DatasetSummary,
    results: Sequence[RecordingResult],
) -> None:
    """Write the card and the report into the folder of the dataset."""
    (folder / CARD).write_text(to_unicode(_card(exporter, config, summary, results)), encoding="utf-8")
    (folder / QUALITY).write_bytes(_report(exporter, config, results))


def _card(
    exporter: Exporter, config: EpisodeConfig, summary: DatasetSummary, results: Sequence[RecordingResult]
) -> str:
    good = [result for result in results if not result.error]
    entries = [entry for result in good for entry in result.episodes]
    steps = sum(entry.steps for entry in entries)
    cars, tracks = _join(entry.car for entry in entries), _join(entry.track for entry in entries)
    drivers, sessions = _join(entry.driver or "unknown" for entry in entries), _join(entry.session for entry in entries)
    valid = ", valid laps only" if config.valid_only else ""
    valid += ", those of the game's AI too" if config.valid_only and config.include_ai else ""
    ai_driven = sum(entry.ai_driven for entry in entries)
    minutes = steps / config.rate / 60.0
    facts = [
        f"Format: {exporter.title}, written by {tool_name()}",
        f"Game: Assetto Corsa; {cars} at {tracks}",
        f"Drivers: {drivers}; sessions: {sessions}",
        f"The game's AI drove {ai_driven:,} of the episodes, or a part of them" if ai_driven else _NO_AI,
        f"{len(entries):,} episodes, {steps:,} steps at {config.rate:g} Hz, {minutes:,.1f} minutes",
        f"An episode is {_KINDS[config.kind]}{valid}; a gap in a recording ends it too",
        "Numbers between recorded samples are interpolated and not filtered; switches and counters keep their value",
        f"Quality of each recording, checks, and the origin of every episode: `{QUALITY}`",
    ]
    if exporter.tracks is not None:
        roads = ", ".join(f"{name} ({digest})" for name, digest in exporter.tracks.digests.items())
        facts.append(f"Roads of track files, each with the digest of its course: {sanitize_markdown(roads)}")
    chapters = [summary.front_matter + "# Driving in Assetto Corsa", "\n".join(f"- {fact}" for fact in facts)]
    chapters += [f"## {heading}\n\n{text}" for heading, text in summary.card]
    chapters.append(f"## Recordings\n\n{_table(results)}")
    if notes := _notes(results):
        chapters.append(f"## Notes\n\n{notes}")
    return "\n\n".join(chapters) + "\n"


def _join(names: Iterable[str]) -> str:
    """The different names, in the order of their first occurrence."""
    return sanitize_markdown(", ".join(dict.fromkeys(names)))


def _table(results: Sequence[RecordingResult]) -> str:
    lines = ["| recording | episodes | steps | laps (valid) | rate | missing |", "|---|--:|--:|--:|--:|--:|"]
    for result in results[:_MAX_ROWS]:
        name = sanitize_markdown(Path(result.recording).name)
        if result.error or result.same_drive_as or result.report is None:
            lines.append(f"| {name} | omitted | | | | |")
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


def _notes(results: Sequence[RecordingResult]) -> str:
    """Errors, warnings and findings, each once."""
    lines: dict[str, None] = {}
    for result in results:
        name = Path(result.recording).name
        if result.error:
            lines[f"Omitted: {result.error}"] = None
        if result.same_drive_as:
            lines[describe_copy(name, Path(result.same_drive_as).name)] = None
            continue
        for warning in result.warnings:
            lines[warning] = None
        for finding in result.findings:
            lines[f"{name}: {finding.message}"] = None
        if result.skipped.samples:
            lines[f"{name}: {result.skipped.samples:,} samples of its laps are in no episode."] = None
    return "\n".join(f"- {sanitize_markdown(line)}" for line in lines)


def _report(exporter: Exporter, config: EpisodeConfig, results: Sequence[RecordingResult]) -> bytes:
    values = {
        "format": exporter.title,
        "created_by": tool_name(),
        "rate_hz": config.rate,
        "episode": config.kind,
        "valid_only": config.valid_only,
        "include_ai": config.include_ai,
        "episodes": sum(len(result.episodes) for result in results),
        "steps": sum(result.steps for result in results),
        "ai_driven_episodes": sum(entry.ai_driven for result in results for entry in result.episodes),
        "failed": [result.recording for result in results if result.error],
        "recordings": [result.to_dict() for result in results],
    }
    if exporter.tracks is not None:
        values["track_files"] = dict(exporter.tracks.digests)
    values = to_unicode_values(values)
    return orjson.dumps(values, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)
