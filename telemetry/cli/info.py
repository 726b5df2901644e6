"""``info``: what recordings hold."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console

from telemetry.analysis.quality import GAP_PERIODS, BestLap, ClockStep, QualityReport
from telemetry.analysis.same_drive import find_copies
from telemetry.base.text import format_lap_time, format_size, join_names
from telemetry.cli._shared import options
from telemetry.cli._shared.input_files import FileFailure, FileFailures
from telemetry.cli._shared.messages import print_json, print_warning
from telemetry.cli._shared.quality_reports import read_reports
from telemetry.cli._shared.tables import label_table, table_console, to_markup
from telemetry.cli._shared.thresholds import TyresOut
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.thresholds import DEFAULTS
from telemetry.laps.car_and_track import CarAndTrack

if TYPE_CHECKING:
    from telemetry.analysis.quality import RecordingAnalysis

_OTHER_EVENTS: Final = ("gap", "repaired", "state", "clock")
"""Events that have a line of their own."""

_MAX_CLOCK_STEPS: Final = 3
"""Steps of the time of day in a line; --json lists all of them."""

_MAX_NAMES: Final = 12
"""Names of fields in a line; --json lists all of them."""


def info(
    files: options.Files,
    as_json: Annotated[bool, typer.Option("--json", help="Print the reports as one JSON array.")] = False,
    column_map: options.NamedColumns = None,
    include_ai: options.IncludeAi = False,
    no_summary: options.NoSummary = False,
    jobs: options.Jobs = None,
    tyres_out: TyresOut = DEFAULTS.tyres_out,
) -> None:
    """Show what recordings hold: car, laps, rate, gaps, odd values."""
    console = table_console()
    entries: list[dict[str, Any]] = []
    failures = FileFailures(len(files), None if as_json else console)
    read: list[RecordingAnalysis] = []
    results = read_reports(files, tyres_out, jobs, include_ai=include_ai, read_all=no_summary, column_map=column_map)
    for number, result in enumerate(results):
        if number and not as_json:
            console.print()
        if isinstance(result, FileFailure):
            failures.add(result)
            entries.append(result.to_dict())
            continue
        read.append(result)
        entries.append(result.report.to_dict())
        if not as_json:
            _print_report(console, result.report)
    if as_json:
        print_json(entries)
    for copy, original in sorted(find_copies([analysis.fingerprint for analysis in read]).items()):
        print_warning(f"{read[copy].report.file}: {read[original].report.file} holds the same drive.")
    failures.check()


def _print_report(console: Console, report: QualityReport) -> None:
    version = "" if report.format_version is None else f", format version {to_markup(report.format_version)}"
    end = "" if report.finished else ", [bold red]truncated[/]"
    console.print(
        f"[bold]{to_markup(report.file)}[/]  {report.format}{version}, {format_size(report.size)}{end}",
        highlight=False,
        soft_wrap=True,
    )
    table = label_table()
    table.add_column(style="cyan", no_wrap=True, min_width=12)
    table.add_column()
    for label, text in _rows(report):
        table.add_row(f"  {label}", text)
    console.print(table, highlight=False)


def _rows(report: QualityReport) -> Iterator[tuple[str, str]]:
    """The lines about a recording: label and text."""
    if not report.samples:
        yield "samples", "none"
        return
    yield "car", _names_text(report.cars, "unknown")
    yield "track", _names_text(report.tracks, "unknown")
    yield "session", _names_text([session.replace("_", " ") for session in report.sessions], "unknown")
    yield "laps", _laps_text(report)
    rate = "" if report.rate_hz is None else f" at {report.rate_hz:.2f} Hz{' (every step)' if report.full_rate else ''}"
    yield "samples", f"{report.samples:,} in {_duration_text(report.span_s)}{rate}"
    if report.interval_p50_ms is not None:
        yield "interval", _interval_text(report.interval_p50_ms, report.interval_p99_ms, report.interval_max_ms)
        yield "jitter", _interval_text(report.jitter_p50_ms, report.jitter_p99_ms, None)
    yield "gaps", _gaps_text(report)
    if report.pauses:
        yield "pauses", f"{report.pauses:,}, {_duration_text(report.paused_s)} ({report.paused_share:.0%} of the time)"
    if report.clock_steps:
        yield "clock", _clock_steps_text(report.clock_steps)
    unusual = [
        f"{count:,} {name}"
        for count, name in (
            (report.torn, "torn"),
            (report.repaired, "repaired"),
            (report.duplicates, "duplicates"),
            (report.restarts, "restarts of the step count"),
            (report.time_backwards, "steps back in time"),
        )
        if count
    ]
    if unusual:
        yield "odd", f"[yellow]{', '.join(unusual)}[/]"
    if events := [f"{count:,} {to_markup(kind)}" for kind, count in report.events.items() if kind not in _OTHER_EVENTS]:
        yield "events", ", ".join(events)
    held = len(Snapshot.FIELDS) - len(report.missing_fields)
    yield "fields", f"{held} of {len(Snapshot.FIELDS)}"
    if report.missing_fields:
        yield "missing", f"[yellow]{_names_text(report.missing_fields, '', limit=_MAX_NAMES)}[/]"
    if report.empty_fields:
        names = _names_text(report.empty_fields, "", limit=_MAX_NAMES)
        yield "always 0", f"[yellow]{names}[/] (another program wrote them, and may not have known them)"
    if report.non_finite:
        yield "not finite", f"[yellow]{', '.join(f'{name} ({n:,})' for name, n in report.non_finite.items())}[/]"
    if report.out_of_range:
        parts = [f"{name} ({values.lowest:g} to {values.highest:g})" for name, values in report.out_of_range.items()]
        yield "beyond", f"[yellow]{', '.join(parts)}[/]"
    if report.constant_fields:
        names = _names_text(report.constant_fields, "", limit=_MAX_NAMES)
        yield "constant", f"{len(report.constant_fields)} fields: [dim]{names}[/]"


def _laps_text(report: QualityReport) -> str:
    laps = report.laps
    if not laps.counted:
        return "none completed"
    text = f"{laps.counted} completed, {laps.valid} valid"
    if laps.ai_driven:
        text += f", {laps.ai_driven} driven by the AI"
    if len(laps.best) == 1 and len(report.cars) <= 1 and len(report.tracks) <= 1:
        return f"{text}, best {_time_text(laps.best[0])}"
    return "\n".join((text, *map(_best_text, laps.best)))


def _best_text(best: BestLap) -> str:
    """The best lap of one car on one track, where a recording holds several."""
    place = CarAndTrack(best.car, best.track, best.layout)
    return f"best {_time_text(best)}: {to_markup(place.car or 'unknown car')}, {to_markup(place.track_name)}"


def _time_text(best: BestLap) -> str:
    return f"[bold]{format_lap_time(best.time_ms)}[/]"


def _gaps_text(report: QualityReport) -> str:
    gaps = report.gaps
    if not gaps.count:
        return "none"
    if report.full_rate:
        lost = f"{gaps.missing:,} steps missing, {gaps.share:.3%} of all"
    else:
        lost = f"{gaps.missing:,} samples missing; {gaps.share:.2%} of the intervals are above {GAP_PERIODS:g} periods"
    return f"[yellow]{gaps.count:,}[/], the longest {gaps.longest_s:.3g} s; {lost}"


def _clock_steps_text(steps: Sequence[ClockStep]) -> str:
    texts = [
        f"{'forward' if step.seconds > 0.0 else 'back'} by {_duration_text(abs(step.seconds))} "
        f"after {_duration_text(step.at_s)}"
        for step in steps
    ]
    return f"the time of day steps {_names_text(texts, '', limit=_MAX_CLOCK_STEPS)}"


def _interval_text(p50: float | None, p99: float | None, longest: float | None) -> str:
    parts = [("p50", p50), ("p99", p99), ("max", longest)]
    return "   ".join(f"{name} {value:.2f} ms" for name, value in parts if value is not None)


def _duration_text(seconds: float) -> str:
    """A duration with the precision that its length deserves."""
    if seconds < 60.0:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours} h {minutes:02} min {rest:02} s" if hours else f"{minutes} min {rest:02} s"


def _names_text(names: Iterable[str], nothing: str, *, limit: int = 1000) -> str:
    return join_names([to_markup(name) for name in names], limit) or nothing
