"""``plan run``: the recordings that a plan asks for, and the report on them in the end."""

import math
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer
from rich import box
from rich.table import Table

from telemetry.analysis.plan_report import best_times_text, summarize_runs, write_plan_report
from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError, SourceError, TelemetryError, UsageError
from telemetry.base.storage.lock import lock_plan_folder
from telemetry.cli._shared import options
from telemetry.cli._shared.messages import print_json, print_message, print_warning
from telemetry.cli._shared.option_groups import expand_option_groups
from telemetry.cli._shared.progress import reading_progress
from telemetry.cli._shared.step_recording import JsonSummary, StopOptions, record_steps
from telemetry.cli._shared.stopping import stop_on_signal
from telemetry.cli._shared.summaries import describe_steps
from telemetry.cli._shared.tables import table_console, to_markup
from telemetry.cli.app import Command, CommandGroup
from telemetry.demo.source import DemoSource
from telemetry.fields.held import describe_missing
from telemetry.formats import find_format, recording_suffixes
from telemetry.plans.manifest import Manifest
from telemetry.plans.plan import Plan, Run
from telemetry.plans.plan_file import read_plan
from telemetry.plans.resume import resume
from telemetry.plans.runner import Batch, ReportMessage, describe_lap
from telemetry.recording.interfaces import PageSink, Step
from telemetry.recording.stop import StopRule
from telemetry.sources import WRITABLE_SUFFIXES, open_page_sink, open_source
from telemetry.sources.plan_products import ProductReports, make_products

_MAX_REFUSED_BY_DEMO: Final = 10
"""Refused laps in a row after which the demo will drive no lap that counts: its scenarios repeat within three laps."""


class IncompletePlanError(TelemetryError):
    """A plan ended before each of its runs had its laps: its source ended, cannot fit, or the user stopped it."""

    exit_code = 4


plan = typer.Typer(cls=CommandGroup, no_args_is_help=True, help="Record the runs of a plan (docs/plan.md).")


@plan.command(cls=Command)
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
    durable: options.Durable = False,
) -> None:
    """Record the runs of a plan until each has its laps.

    The same command continues a plan that was stopped; the exit code is 4 where it ends before it is complete. Press m
    to set a marker, q or Ctrl-C to end.
    """
    record_plan(path, out, source_options, stop_options, quiet=quiet, json_summary=json_summary, durable=durable)


def record_plan(
    path: Path,
    out: str | None,
    source_options: options.SourceRangeOptions,
    stop_options: StopOptions,
    *,
    quiet: bool,
    json_summary: bool,
    durable: bool = False,
) -> None:
    """Record what this plan still needs into its folder, or into OUT; IncompletePlanError where it stays incomplete."""
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
        # The demo drives one car on one track for ever: waiting for others, or for other laps, would never end.
        is_demo = isinstance(origin, DemoSource)
        batch = open_plan_folder(
            planned,
            folder,
            source_options.source,
            wait=not source_options.no_wait and not is_demo,
            max_refused=_MAX_REFUSED_BY_DEMO if is_demo else None,
            report=report,
            missing=origin.missing_fields,
            durable=durable,
        )
        summary: dict[str, object] = {"source": origin.name, "files": []}
        if not batch.manifest.complete:
            recorder = record_steps(origin, batch, clock, stop_rule, quiet=quiet, json_summary=json_summary)
            files = [str(path) for path in batch.files]
            summary |= {"files": files, "sessions": recorder.sessions, **recorder.stats.summary()}
            if not quiet and not json_summary:
                every_step = options.has_every_step(source_options.source)
                print_message(*describe_steps(recorder.stats, files, every_step=every_step))
        finish = Clock(math.inf)
        _make_products(batch.manifest, finish, quiet=quiet)  # while the folder is locked: the manifest changes
    if json_summary:
        print_json({**summary, "runs": summarize_runs(batch.manifest)})
    finish_plan(batch, finish, can_go_on=clock.stopped or stop_rule != StopRule(), quiet=quiet)


def load_plan(path: Path, out: str | None) -> tuple[Plan, Path]:
    """Read the plan in this file and find its folder, or OUT; raises UsageError."""
    plan = read_plan(path, recording_suffixes(), WRITABLE_SUFFIXES)
    folder = plan.folder if out is None else Path(out)
    try:
        is_file = folder.exists() and not folder.is_dir()
    except OSError as error:  # its name is too long, or what it lies in may not be looked into
        raise UsageError(f"{folder} is not a folder for a plan: {error.strerror}.") from error
    if is_file:
        raise UsageError(f"{folder} is a file; a plan needs a folder.")
    return plan, folder


def open_plan_folder(
    plan: Plan,
    folder: Path,
    source: str,
    *,
    wait: bool,
    report: ReportMessage | None,
    max_refused: int | None = None,
    missing: frozenset[str] = frozenset(),
    durable: bool = False,
) -> Batch:
    """The batch of this plan, resumed where it stopped or new; repairs of truncated files are reported.

    ``wait``, ``max_refused`` and ``missing`` are as :class:`telemetry.plans.runner.Batch` has them; ``durable`` has
    each flush on the disk.
    """

    def open_run(path: Path, run: Run) -> PageSink:
        texts = {"source": source, "plan": plan.name, "run": run.name, "driver": run.driver, "notes": run.notes}
        metadata = {**texts, "tags": ", ".join(run.tags), **describe_missing(missing)}
        return open_page_sink(
            path,
            thresholds=run.thresholds,
            metadata={key: text for key, text in metadata.items() if text},
            durable=durable,
        )

    manifest = Manifest(plan, folder)
    resume(manifest, _recover, _steps_of, report)
    return Batch(manifest, open_run, wait=wait, max_refused=max_refused, report=report, missing=missing)


def status_printer(*, quiet: bool, json_summary: bool) -> ReportMessage | None:
    """Prints news of the batch where no view fills the terminal, which shows them itself."""
    view = sys.stderr if json_summary else sys.stdout
    return None if quiet or view.isatty() else print_message


def _make_products(manifest: Manifest, clock: Clock, *, quiet: bool) -> None:
    """Make what the plan asks for of its recordings; a failure is a sentence, and the recordings stay as they are."""
    with stop_on_signal(clock), reading_progress(quiet=quiet) as progress:
        reports = ProductReports(None if quiet else print_message, print_warning, progress)
        if not make_products(manifest, reports, clock) and not quiet:
            print_message("Not everything was made of the recordings; the same command makes it.")


def finish_plan(batch: Batch, clock: Clock, *, can_go_on: bool, quiet: bool) -> None:
    """Say how far the plan is and write its quality report; IncompletePlanError where it is not complete.

    A signal stops the clock, and with it the report. ``can_go_on`` says whether the same command would record more: the
    user ended it, not its source.
    """
    manifest = batch.manifest
    if not quiet:
        _print_runs(manifest)
    report = None if quiet else print_message
    with stop_on_signal(clock):
        if not write_plan_report(manifest, report, clock=clock) and report:
            report("The quality report was not written; the same command writes it.")
    if manifest.complete:
        if not quiet:
            print_message(f"The plan {manifest.plan.name!r} is complete: {manifest.folder}.")
        return
    hint = " The same command goes on with it." if can_go_on else ""
    raise IncompletePlanError(f"The plan {manifest.plan.name!r} is not complete. {_sentence(batch.message)}{hint}")


def _print_runs(manifest: Manifest) -> None:
    console = table_console(stderr=True)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name in ("run", "laps kept", "best", "refused"):
        table.add_column(name, no_wrap=name == "laps kept", min_width=9 if name == "best" else None)
    for progress in manifest.runs:
        refused = [f"lap {lap.number} {describe_lap(lap)}" for lap in progress.laps if not lap.kept]
        table.add_row(
            to_markup(progress.run.name),
            f"{progress.kept} of {progress.run.laps}",
            to_markup(best_times_text(progress)),
            to_markup("; ".join(text.replace(" refused", "", 1) for text in refused)),
        )
    console.print(table, highlight=False)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def _recover(path: Path) -> Path:
    """Give a file its end, if it is of a kind that has one; raises SourceError where nothing can be recovered."""
    known = find_format(path)
    if known is None or known.recover is None:
        return path
    try:
        return known.recover(path).path
    except SinkError:
        # A process that was killed after it recovered a damaged file, and before it wrote the manifest, left it there.
        earlier = path.with_name(f"{path.stem}.recovered{path.suffix}")
        if not earlier.exists():
            raise
        with open_source(earlier) as source:
            if not source.complete:
                raise SourceError(f"{earlier} exists already, and is truncated.") from None
        return earlier


def _steps_of(path: Path) -> Iterator[Step]:
    with open_source(path) as source:
        yield from source.steps(Clock(math.inf))
