"""``info`` and ``validate``: what recordings hold, and whether they will do as a data set."""

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from telemetry.analysis.quality import LATE, MAX_GAP_SHARE, QualityFinding, QualityReport, findings_of, report_of
from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.base.text import format_lap_time, format_size, sanitize
from telemetry.cli._shared import options
from telemetry.cli._shared.stopping import Interrupted, stop_on_signal
from telemetry.fields.derived import DEFAULTS, Thresholds
from telemetry.fields.snapshot import Snapshot
from telemetry.recording.interfaces import Reading
from telemetry.sources import open_source

_WIDE: Final = 120
"""Columns of what is written into a pipe or a file."""

_SHOW_EVERY: Final = 512
"""Readings between two looks at the progress line."""

_TOLD: Final = ("gap", "repaired", "state")
"""Events that other lines tell of."""

_MOST_NAMES: Final = 12
"""Names of fields in a row; --json has them all."""

AsJson = Annotated[bool, typer.Option("--json", help="One array for programs.")]
TyresOut = Annotated[int, typer.Option(min=1, max=4, help="Tyres off the track that spoil a lap.")]
GapShare = Annotated[
    float, typer.Option(min=0.0, max=1.0, metavar="SHARE", help="Physics steps that may be missing at the full rate.")
]


def info(files: options.Files, as_json: AsJson = False, tyres_out: TyresOut = DEFAULTS.tyres_out) -> None:
    """Show what recordings hold: car and track, laps, rate and jitter, gaps, pauses, and odd values."""
    console = _console()
    found: list[dict[str, Any]] = []
    for number, report in enumerate(_reports(files, tyres_out)):
        if as_json:
            found.append(report.to_dict())
            continue
        if number:
            console.print()
        _print_report(console, report)
    if as_json:
        _print_json(found)


def validate(
    files: options.Files,
    max_gap_share: GapShare = MAX_GAP_SHARE,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")] = False,
    as_json: AsJson = False,
    tyres_out: TyresOut = DEFAULTS.tyres_out,
) -> None:
    """Say whether recordings will do as a data set; the exit code is 1 when one of them will not."""
    console = _console()
    found: list[dict[str, Any]] = []
    passed = True
    for report in _reports(files, tyres_out):
        findings = findings_of(report, max_gap_share=max_gap_share)
        if strict:
            findings = tuple(QualityFinding(finding.name, "error", finding.message) for finding in findings)
        good = all(finding.severity != "error" for finding in findings)
        passed = passed and good
        if as_json:
            named = [{"name": one.name, "severity": one.severity, "message": one.message} for one in findings]
            found.append({"file": report.file, "valid": good, "findings": named})
        else:
            _print_findings(console, report, findings, good=good)
    if as_json:
        _print_json(found)
    if not passed:
        raise typer.Exit(1)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=_WIDE)  # nobody looks at a pipe through a window


def _print_json(values: list[dict[str, Any]]) -> None:
    sys.stdout.buffer.write(orjson.dumps(values, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _reports(paths: list[Path], tyres_out: int) -> Iterator[QualityReport]:
    """The report on each of the files, as soon as it was read."""
    for path in paths:
        if not path.is_file():
            raise UsageError(f"There is no recording {path}.")
    clock = Clock(math.inf)
    with stop_on_signal(clock):
        for path in paths:
            with open_source(path) as source, _progress(path) as watch:
                report = report_of(source, path, clock=clock, thresholds=Thresholds(tyres_out=tyres_out), watch=watch)
            if clock.stopped:
                raise Interrupted(f"Stopped before {path} was read.")
            yield report


@contextmanager
def _progress(path: Path) -> Iterator[Callable[[Reading], None] | None]:
    """Shows on a terminal how far the reading has come."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    seen, first = 0, 0.0
    with console.status(f"Reading {_text(path.name)}") as status:

        def watch(reading: Reading) -> None:
            nonlocal seen, first
            if reading.snapshot is None:
                return
            elapsed = reading.snapshot.elapsed
            first = first if seen else elapsed
            if seen % _SHOW_EVERY == 0:
                driven = format_lap_time(int((elapsed - first) * 1e3) or 1)
                status.update(f"Reading {_text(path.name)}: {driven}, {seen:,} samples")
            seen += 1

        yield watch


# For people


def _print_report(console: Console, report: QualityReport) -> None:
    end = "" if report.finished else ", [bold red]cut[/]"
    console.print(
        f"[bold]{_text(report.file)}[/]  {report.format}, {format_size(report.size)}{end}",
        highlight=False,
        soft_wrap=True,
    )
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="cyan", no_wrap=True, min_width=12)
    table.add_column()
    for label, text in _rows(report):
        table.add_row(f"  {label}", text)
    console.print(table, highlight=False)


def _rows(report: QualityReport) -> Iterator[tuple[str, str]]:
    """What is said of a recording, line by line: label and text."""
    if not report.samples:
        yield "samples", "none"
        return
    yield "car", _list(report.cars, "unknown")
    yield "track", _list(report.tracks, "unknown")
    yield "session", _list([session.replace("_", " ") for session in report.sessions], "unknown")
    yield "laps", _laps(report)
    rate = "" if report.rate_hz is None else f" at {report.rate_hz:.2f} Hz{' (every step)' if report.full_rate else ''}"
    yield "samples", f"{report.samples:,} in {_duration(report.span_s)}{rate}"
    if report.interval_p50_ms is not None:
        yield "interval", _three(report.interval_p50_ms, report.interval_p99_ms, report.interval_max_ms)
        yield "jitter", _three(report.jitter_p50_ms, report.jitter_p99_ms, None)
    yield "gaps", _gaps(report)
    if report.pauses:
        yield "pauses", f"{report.pauses:,}, {_duration(report.paused_s)} ({report.paused_share:.0%} of the time)"
    odd = [
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
    if odd:
        yield "odd", f"[yellow]{', '.join(odd)}[/]"
    if events := [f"{count:,} {_text(kind)}" for kind, count in report.events.items() if kind not in _TOLD]:
        yield "events", ", ".join(events)
    held = len(Snapshot.FIELDS) - len(report.missing_fields)
    yield "fields", f"{held} of {len(Snapshot.FIELDS)}"
    if report.missing_fields:
        yield "missing", f"[yellow]{_list(report.missing_fields, '', most=_MOST_NAMES)}[/]"
    if report.non_finite:
        yield "not finite", f"[yellow]{', '.join(f'{name} ({n:,})' for name, n in report.non_finite.items())}[/]"
    if report.out_of_range:
        parts = [f"{name} ({one.lowest:g} to {one.highest:g})" for name, one in report.out_of_range.items()]
        yield "beyond", f"[yellow]{', '.join(parts)}[/]"
    if report.constant_fields:
        names = _list(report.constant_fields, "", most=_MOST_NAMES)
        yield "constant", f"{len(report.constant_fields)} fields: [dim]{names}[/]"


def _laps(report: QualityReport) -> str:
    laps = report.laps
    if not laps.counted:
        return "none completed"
    best = "" if laps.best_ms is None else f", best [bold]{format_lap_time(laps.best_ms)}[/]"
    return f"{laps.counted} completed, {laps.valid} valid{best}"


def _gaps(report: QualityReport) -> str:
    gaps = report.gaps
    if not gaps.count:
        return "none"
    if report.full_rate:
        lost = f"{gaps.missing:,} steps missing, {gaps.share:.3%} of all"
    else:
        lost = f"{gaps.missing:,} samples missing; {gaps.share:.2%} of the intervals are above {LATE:g} periods"
    return f"[yellow]{gaps.count:,}[/], the longest {gaps.longest_s:.3g} s; {lost}"


def _three(p50: float | None, p99: float | None, longest: float | None) -> str:
    parts = [("p50", p50), ("p99", p99), ("max", longest)]
    return "   ".join(f"{name} {value:.2f} ms" for name, value in parts if value is not None)


def _duration(seconds: float) -> str:
    """A duration with the precision that its length deserves."""
    if seconds < 60.0:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours} h {minutes:02} min {rest:02} s" if hours else f"{minutes} min {rest:02} s"


def _list(names: Iterable[str], nothing: str, *, most: int = 1000) -> str:
    texts = [_text(name) for name in names]
    rest = f" and {len(texts) - most} more" if len(texts) > most else ""
    return (", ".join(texts[:most]) + rest) or nothing


def _print_findings(console: Console, report: QualityReport, findings: Iterable[QualityFinding], *, good: bool) -> None:
    verdict = "[bold green]valid[/]" if good else "[bold red]not valid[/]"
    console.print(f"[bold]{_text(report.file)}[/]  {verdict}", highlight=False, soft_wrap=True)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for finding in findings:
        colour = "red" if finding.severity == "error" else "yellow"
        table.add_row(f"  [{colour}]{finding.severity}[/]", finding.name, _text(finding.message))
    if table.row_count:
        console.print(table, highlight=False)


def _text(text: str) -> str:
    return escape(sanitize(text))
