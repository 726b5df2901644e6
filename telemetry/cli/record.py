"""``record``: every physics step into files."""

import math
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.base.units import STEPS_PER_SECOND
from telemetry.cli._shared import options
from telemetry.cli._shared.delivery import DeliverOptions, delivering, finish_delivery
from telemetry.cli._shared.live_reference import Reference, open_reference
from telemetry.cli._shared.messages import print_json, print_message
from telemetry.cli._shared.option_groups import expand_option_groups
from telemetry.cli._shared.progress import reading_progress
from telemetry.cli._shared.quality_reports import files_without_summary, store_summaries
from telemetry.cli._shared.step_files import FILES_PANEL, FileOptions, file_opener, open_step_writer, parse_rate
from telemetry.cli._shared.step_recording import JsonSummary, StopOptions, record_steps
from telemetry.cli._shared.stopping import stop_on_signal
from telemetry.cli._shared.summaries import describe_steps
from telemetry.cli._shared.thresholds import TyresOut
from telemetry.fields.held import describe_missing
from telemetry.fields.thresholds import DEFAULTS, Thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptionOptions:
    """What a recording says about itself."""

    driver: Annotated[str, typer.Option(rich_help_panel=FILES_PANEL, help="Driver, kept in the recording.")] = ""
    notes: Annotated[str, typer.Option(rich_help_panel=FILES_PANEL, help="Notes, kept in the recording.")] = ""
    tags: Annotated[
        str,
        typer.Option(
            metavar="LIST", rich_help_panel=FILES_PANEL, help="Tags, kept in the recording, like wet,baseline."
        ),
    ] = ""

    def metadata(self, source: str, rate: str) -> dict[str, str]:
        """These texts and how it was recorded, as the file keeps them."""
        texts = {"source": source, "rate": rate, "driver": self.driver, "notes": self.notes, "tags": self.tags}
        return {key: text for key, text in texts.items() if text}


@expand_option_groups
def record(
    out: Annotated[
        str | None,
        typer.Argument(
            metavar="OUT",
            help="A file ([bold]drive.mcap[/], .jsonl, .jsonl.gz, .jsonl.zst), a folder, or a template like "
            "[bold]drives/{track}_{car}_{datetime}.mcap[/].",
        ),
    ] = None,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Record the runs of this plan, as [bold]plan run[/] does.")
    ] = None,
    *,
    source_options: options.SourceRangeOptions,
    rate: Annotated[
        str,
        typer.Option(
            metavar="HZ",
            show_default=False,
            help=f"Steps per second, from {options.MIN_RATE_HZ:g} to {STEPS_PER_SECOND}, like 60. "
            "Default: [bold]max[/], every physics step.",
        ),
    ] = "max",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no view and no summary.")] = False,
    reference: Reference = None,
    json_summary: JsonSummary = False,
    file_options: FileOptions,
    description: DescriptionOptions,
    deliver_options: DeliverOptions,
    stop_options: StopOptions,
    laps: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", rich_help_panel=options.STOP_PANEL, help="End when N laps are completed."),
    ] = None,
    tyres_out: TyresOut = DEFAULTS.tyres_out,
) -> None:
    """Record every physics step into files that survive a crash.

    Press m to set a marker, q or Ctrl-C to end.
    """
    if plan is not None:
        from telemetry.cli.plan import record_plan

        _check_leaves_to_plan(file_options, description, rate=rate, laps=laps, reference=reference, tyres_out=tyres_out)
        if deliver_options.deliver is not None:
            raise UsageError("--deliver and --plan contradict each other. After the plan, run: deliver FOLDER TARGET")
        durable = file_options.durable
        record_plan(plan, out, source_options, stop_options, quiet=quiet, json_summary=json_summary, durable=durable)
        return
    stop_rule = stop_options.stop_rule(laps)
    thresholds = Thresholds(tyres_out=tyres_out)
    clock = source_options.make_clock()
    source = source_options.source
    metadata = description.metadata(source, rate)
    parse_rate(rate)  # a wrong one is refused before the source is opened
    deliver_options.check()
    compared = open_reference(reference, source_options, thresholds, quiet=quiet)
    options.tune_for_low_latency()
    reading = Clock(math.inf)  # after the recording: a second signal leaves only the summary out
    with (
        stop_on_signal(clock, reading),
        source_options.open() as origin,
        deliver_options.start(out) or nullcontext() as delivery,
    ):
        metadata |= describe_missing(origin.missing_fields)
        open_file = file_opener(
            rate, thresholds, metadata, overwrite=file_options.overwrite, durable=file_options.durable
        )
        open_file = delivering(delivery, open_file, tyres_out)
        outbox = None if delivery is None else delivery.outbox
        writer = open_step_writer(source, out, file_options, open_file, quiet=quiet, outbox=outbox)
        if options.is_stream(source) and not quiet:
            print_message(
                f"A stream carries only some of the game's {STEPS_PER_SECOND} steps a second: its server sends 20 of "
                "them unless it has another --rate. For every step, run 'record' where the game runs, or 'serve' there "
                "with --record FILE."
            )
        recorder = record_steps(
            origin,
            writer,
            clock,
            stop_rule,
            thresholds=thresholds,
            quiet=quiet,
            json_summary=json_summary,
            reference=compared,
        )
        status = None if delivery is None else finish_delivery(delivery, clock, reading, quiet=quiet)
        with reading_progress(quiet=quiet) as progress:
            recorder.stats.size += store_summaries(
                files_without_summary(writer.files, thresholds) if delivery else writer.files,
                thresholds,
                clock,
                progress,
                reading=reading,
                durable=file_options.durable,
            )
    if delivery is not None:  # which stored summaries too
        recorder.stats.size = max(
            recorder.stats.size, sum(path.stat().st_size for path in writer.files if path.exists())
        )
    files = [str(path) for path in writer.files]
    if json_summary:
        delivered = {} if status is None else {"delivery": status.to_dict()}
        summary = recorder.stats.summary()
        print_json({"source": origin.name, "files": files, "sessions": recorder.sessions, **summary, **delivered})
    elif not quiet:
        every_step = rate == "max" and options.has_every_step(source)
        print_message(*describe_steps(recorder.stats, files, every_step=every_step))


def _check_leaves_to_plan(
    file_options: FileOptions,
    description: DescriptionOptions,
    *,
    rate: str,
    laps: int | None,
    reference: str | None,
    tyres_out: int,
) -> None:
    """Raise UsageError for an option that ``record --plan`` does not take: the plan says it."""
    given = {
        "--rate": rate != "max", "--split": file_options.split, "--name": file_options.name,
        "--format": file_options.suffix, "--overwrite": file_options.overwrite, "--max-total": file_options.max_total,
        "--keep-last": file_options.keep_last, "--driver": description.driver, "--notes": description.notes,
        "--tags": description.tags, "--laps": laps, "--reference": reference,
        "--tyres-out": tyres_out != DEFAULTS.tyres_out,
    }  # fmt: skip
    for option, value in given.items():
        if value:
            raise UsageError(f"{option} and --plan contradict each other: the plan says what is recorded, and how.")
