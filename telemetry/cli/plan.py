"""``plan run``: the recordings that a plan asks for, and the report on them in the end."""

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich import box
from rich.table import Table

from telemetry.analysis.quality import findings_of, report_of
from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError, SourceError, TelemetryError, UsageError
from telemetry.base.storage.atomic import atomic_write_text
from telemetry.base.storage.lock import lock_plan_folder
from telemetry.base.text import format_lap_time, format_measured_lap_time, format_size, sanitize
from telemetry.cli._shared import options
from telemetry.cli._shared.option_groups import expand_option_groups
from telemetry.cli._shared.output import print_json, print_message, table_console, to_markup
from telemetry.cli._shared.step_recording import JsonSummary, StopOptions, record_steps
from telemetry.cli._shared.stopping import stop_on_signal
from telemetry.cli._shared.summaries import describe_steps
from telemetry.formats import mcap
from telemetry.plans.manifest import LapRecord, Manifest, RunProgress
from telemetry.plans.plan import Plan, Run
from telemetry.plans.plan_file import read_plan
from telemetry.plans.resume import resume
from telemetry.plans.runner import Batch, ReportMessage, describe_lap
from telemetry.recording.interfaces import PageSink, Step
from telemetry.sources import RECORDING_SUFFIXES, open_page_sink, open_source

QUALITY_JSON: Final = "quality.json"
QUALITY_TEXT: Final = "quality.md"

plan = typer.Typer(no_args_is_help=True, help="Record the runs of a plan (docs/plan.md).")


@plan.command()
@expand_option_groups
def run(
    path: Annotated[Path, typer.Argument(metavar="PLAN", help="The plan, like [bold]plan.toml[/].")],
    out: Annotated[
        str | None, typer.Argument(metavar="OUT", help="The folder of its recordings. Default: the folder of the plan.")
    ] = None,
    *,
    source_options: options.SourceRangeOptions,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no view and no summary.")] = False,
    json_summary: JsonSummary = False,
    stop_options: StopOptions,
) -> None:
    """Record the runs of a plan until each has its laps.

    The same command continues a plan that was stopped. Press m to set a marker, q or Ctrl-C to end.
    """
    record_plan(path, out, source_options, stop_options, quiet=quiet, json_summary=json_summary)


def record_plan(
    path: Path,
    out: str | None,
    source_options: options.SourceRangeOptions,
    stop_options: StopOptions,
    *,
    quiet: bool,
    json_summary: bool,
) -> None:
    """Record what this plan still needs into its folder, or into OUT; TelemetryError where it stays incomplete."""
    stop_rule = stop_options.stop_rule()
    clock = source_options.make_clock()
    planned, folder = load_plan(path, out)
    options.tune_for_low_latency()
    with ExitStack() as stack:
        stack.enter_context(stop_on_signal(clock))
        origin = stack.enter_context(source_options.open())
        lock = lock_plan_folder(folder)
        stack.callback(lock.close)
        report = status_printer(quiet=quiet, json_summary=json_summary)
        batch = open_plan_folder(planned, folder, source_options.source, wait=not source_options.no_wait, report=report)
        summary: dict[str, object] = {"source": origin.name, "files": []}
        if not batch.manifest.complete:
            recorder = record_steps(origin, batch, clock, stop_rule, quiet=quiet, json_summary=json_summary)
            files = [str(path) for path in batch.files]
            summary |= {"files": files, "sessions": recorder.sessions, **recorder.stats.summary()}
            if not quiet and not json_summary:
                every_step = options.has_every_step(source_options.source)
                print_message(describe_steps(recorder.stats, files, every_step=every_step))
    if json_summary:
        print_json({**summary, "runs": runs_of(batch.manifest)})
    finish_plan(batch, stopped=clock.stopped, quiet=quiet)


def load_plan(path: Path, out: str | None) -> tuple[Plan, Path]:
    """Read the plan in this file and find its folder, or OUT; raises UsageError."""
    plan = read_plan(path, RECORDING_SUFFIXES)
    folder = plan.folder if out is None else Path(out)
    try:
        is_file = folder.exists() and not folder.is_dir()
    except OSError as error:  # its name is too long, or what it lies in may not be looked into
        raise UsageError(f"{folder} is not a folder for a plan: {error.strerror}.") from error
    if is_file:
        raise UsageError(f"{folder} is a file; a plan needs a folder.")
    return plan, folder


def open_plan_folder(plan: Plan, folder: Path, source: str, *, wait: bool, report: ReportMessage | None) -> Batch:
    """The batch of this plan where it stopped, or at its beginning; what is done about cut files is told."""

    def open_run(path: Path, run: Run) -> PageSink:
        texts = {"source": source, "plan": plan.name, "run": run.name, "driver": run.driver, "notes": run.notes}
        metadata = {**texts, "tags": ", ".join(run.tags)}
        return open_page_sink(
            path,
            thresholds=run.thresholds,
            metadata={key: text for key, text in metadata.items() if text},
        )

    manifest = Manifest(plan, folder)
    resume(manifest, _recover, _steps_of, report)
    return Batch(manifest, open_run, wait=wait, report=report)


def status_printer(*, quiet: bool, json_summary: bool) -> ReportMessage | None:
    """Prints news of the batch where no view fills the terminal, which shows them itself."""
    view = sys.stderr if json_summary else sys.stdout
    return None if quiet or view.isatty() else print_message


def finish_plan(batch: Batch, *, stopped: bool, quiet: bool) -> None:
    """Say how far the plan is and write its quality report; an error where it ended by itself and is not complete."""
    manifest = batch.manifest
    if not quiet:
        _print_runs(manifest)
    write_quality(manifest, None if quiet else print_message)
    if manifest.complete:
        if not quiet:
            print_message(f"The plan {manifest.plan.name!r} is complete: {manifest.folder}.")
        return
    if not stopped:
        raise TelemetryError(f"The plan {manifest.plan.name!r} is not complete. {_sentence(batch.message)}")
    if not quiet:
        print_message(f"The plan {manifest.plan.name!r} is not complete. {_sentence(batch.message)}")
        print_message("The same command goes on with it.")


def runs_of(manifest: Manifest) -> list[dict[str, Any]]:
    """How far each run is, for a program."""
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


def write_quality(manifest: Manifest, report_message: ReportMessage | None) -> None:
    """Put the reports on all files and the laps of all runs into the folder, for programs and for people.

    Files that were reported on before are not read again; without any file there is nothing to report on.
    """
    if not _files_of(manifest):
        return
    known = _known_reports(manifest.folder / QUALITY_JSON)
    new = [entry.file for entry, _ in _files_of(manifest) if known.get(entry.file, {}).get("bytes") != entry.bytes]
    if new:
        (report_message or _ignore)(f"Reading {len(new)} recording{'s' * (len(new) > 1)} for the quality report ...")
    reports: list[dict[str, Any]] = []
    clock = Clock(math.inf)
    with stop_on_signal(clock):
        for entry, progress in _files_of(manifest):
            report = known[entry.file] if entry.file not in new else _report_on(manifest.folder, entry.file, clock)
            if clock.stopped:
                (report_message or _ignore)("The quality report was not written; the same command writes it.")
                return
            reports.append({"file": entry.file, "run": progress.run.name, "bytes": entry.bytes, **report})
    runs = [
        {**run, "laps": manifest_run["laps"]}
        for run, manifest_run in zip(runs_of(manifest), manifest.to_dict()["runs"], strict=True)
    ]
    values = {"plan": manifest.plan.name, "complete": manifest.complete, "runs": runs, "files": reports}
    try:
        atomic_write_text(manifest.folder / QUALITY_JSON, json.dumps(values, indent=1, ensure_ascii=False))
        atomic_write_text(manifest.folder / QUALITY_TEXT, "\n".join(_quality_text(manifest, reports)))
    except OSError as error:
        raise SinkError(f"The quality report in {manifest.folder} cannot be written: {error.strerror}.") from error


def _report_on(folder: Path, file: str, clock: Clock) -> dict[str, Any]:
    path = folder / file
    try:
        with open_source(path) as source:
            report = report_of(source, path, clock=clock)
    except TelemetryError as error:  # the others can be reported on all the same
        return {"valid": False, "findings": [{"name": "unreadable", "severity": "error", "message": str(error)}]}
    findings = findings_of(report)
    return {
        "valid": all(finding.severity != "error" for finding in findings),
        "findings": [
            {"name": finding.name, "severity": finding.severity, "message": finding.message} for finding in findings
        ],
        "report": {**report.to_dict(), "file": file},
    }


def _known_reports(path: Path) -> dict[str, dict[str, Any]]:
    """What an earlier report says, by file; nothing where there is none that can be read."""
    try:
        return {entry["file"]: entry for entry in json.loads(path.read_bytes())["files"] if "report" in entry}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _files_of(manifest: Manifest) -> list[tuple[Any, RunProgress]]:
    return [(entry, progress) for progress in manifest.runs for entry in progress.files.values() if entry.finished]


def _quality_text(manifest: Manifest, reports: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield f"# {_cell(manifest.plan.name)}"
    yield ""
    yield from _markdown(
        ("run", "wanted", "kept", "refused", "best"),
        [
            (run["name"], run["wanted"], run["kept"], run["refused"], _best(progress))
            for run, progress in zip(runs_of(manifest), manifest.runs, strict=True)
        ],
    )
    for progress in manifest.runs:
        run = progress.run
        yield ""
        yield f"## {_cell(run.name)}"
        about = {"driver": run.driver, "notes": run.notes, "tags": ", ".join(run.tags)}
        for key, text in about.items():
            if text:
                yield ""
                yield f"{key}: {_cell(text)}"
        yield ""
        yield from _markdown(
            ("file", "lap", "time", "kind", "kept"),
            [(lap.file, lap.number, _time(lap), lap.kind, "yes" if lap.kept else lap.reason) for lap in progress.laps],
        )
    yield ""
    yield "## Files"
    yield ""
    yield from _markdown(
        ("file", "run", "size", "samples", "span", "Hz", "missing", "verdict"), map(_file_row, reports)
    )


def _file_row(entry: Mapping[str, Any]) -> tuple[object, ...]:
    report = entry.get("report")
    findings = "; ".join(finding["message"] for finding in entry["findings"]) or "good"
    if report is None:
        return (entry["file"], entry["run"], format_size(entry["bytes"]), "", "", "", "", findings)
    rate = report["rate_hz"]
    return (
        entry["file"],
        entry["run"],
        format_size(entry["bytes"]),
        f"{report['samples']:,}",
        f"{report['span_s']:.1f} s",
        "" if rate is None else f"{rate:.1f}",
        f"{report['gaps']['missing']:,}",
        findings,
    )


def _markdown(names: Sequence[str], rows: Any) -> Iterator[str]:
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(_cell(str(value)) for value in row)} |"


def _cell(text: str) -> str:
    return sanitize(" ".join(text.split())).replace("|", "\\|")


def _best(progress: RunProgress) -> str:
    times = [lap.time_ms for lap in progress.laps if lap.kept and lap.time_ms is not None]
    return format_lap_time(min(times)) if times else ""


def _time(lap: LapRecord) -> str:
    return format_measured_lap_time(lap.time_ms, lap.measured_ms) or ""


def _print_runs(manifest: Manifest) -> None:
    console = table_console(stderr=True)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name in ("run", "laps kept", "best", "refused"):
        table.add_column(name, no_wrap=name in ("laps kept", "best"))
    for progress in manifest.runs:
        refused = [f"lap {lap.number} {describe_lap(lap)}" for lap in progress.laps if not lap.kept]
        table.add_row(
            to_markup(progress.run.name),
            f"{progress.kept} of {progress.run.laps}",
            _best(progress),
            to_markup("; ".join(text.replace(" refused", "", 1) for text in refused)),
        )
    console.print(table, highlight=False)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def _ignore(message: str) -> None:
    pass


def _recover(path: Path) -> Path:
    """Give a file its end, if it is of a kind that has one; raises SourceError where nothing can be had from it."""
    if not path.name.endswith(mcap.SUFFIXES):
        return path
    try:
        return mcap.recover(path).path
    except SinkError:
        # Who was killed between saving what a damaged file holds and writing the manifest left it there.
        earlier = path.with_name(f"{path.stem}.recovered.mcap")
        if not earlier.exists():
            raise
        if not mcap.McapRecording(earlier).info.finished:
            raise SourceError(f"{earlier} is there already, and is not whole.") from None
        return earlier


def _steps_of(path: Path) -> Iterator[Step]:
    with open_source(path) as source:
        yield from source.steps(Clock(math.inf))
