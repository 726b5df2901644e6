"""``read``: the live view, and JSON lines."""

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from telemetry.base.amounts import DURATION_FORMS, parse_positive_duration
from telemetry.base.errors import UsageError
from telemetry.cli._shared import options
from telemetry.cli._shared.live_reference import Reference, open_reference
from telemetry.cli._shared.messages import print_json, print_message, print_warning
from telemetry.cli._shared.option_groups import expand_option_groups
from telemetry.cli._shared.stopping import stop_on_signal
from telemetry.cli._shared.summaries import describe_samples
from telemetry.cli._shared.thresholds import AllThresholds
from telemetry.cli._shared.track_choice import AcRoot
from telemetry.fields.held import held_columns
from telemetry.fields.selection import ALL_COLUMNS, Column, select
from telemetry.formats import can_be_read
from telemetry.recording.interfaces import Sink, Source
from telemetry.recording.sample_recorder import DEFAULT_RATE, SampleRecorder, SamplingOptions
from telemetry.recording.stop import StopRule
from telemetry.sources import open_sink
from telemetry.terminal.view import View

if TYPE_CHECKING:
    from rich.console import Console

    from telemetry.base.storage.output_file import Mode
    from telemetry.recording.interfaces import Listener
    from telemetry.recording.stats import RecordingStats

_OUTPUT_PANEL: Final = "Writing"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOptions:
    """Which JSON lines are written, and where."""

    json_output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=_OUTPUT_PANEL,
            help="Write one JSON object per line; - is standard output. Compressed if it ends in .gz or .zst.",
        ),
    ] = None
    fields: Annotated[
        str | None, typer.Option(metavar="LIST", rich_help_panel=_OUTPUT_PANEL, help=options.FIELDS_HELP)
    ] = None
    append: Annotated[
        bool, typer.Option("--append", rich_help_panel=_OUTPUT_PANEL, help="Continue a file that exists.")
    ] = False
    overwrite: Annotated[
        bool, typer.Option("--overwrite", rich_help_panel=_OUTPUT_PANEL, help="Replace a file that exists.")
    ] = False

    durable: Annotated[bool, typer.Option("--durable", rich_help_panel=_OUTPUT_PANEL, help=options.DURABLE_HELP)] = (
        False
    )

    def check(self, source: str) -> None:
        """Raise UsageError where the options contradict each other or the source."""
        if self.append and self.overwrite:
            raise UsageError("--append and --overwrite contradict each other.")
        if self.json_output is None:
            if self.fields is not None or self.append or self.overwrite or self.durable:
                raise UsageError(
                    "--fields, --append, --overwrite and --durable are for a file; name one with --json-output."
                )
            return
        if not self.json_output:
            raise UsageError("--json-output needs the name of a file, or - for standard output.")
        options.check_is_not_source(source, self.json_output)
        self.columns()

    def columns(self) -> tuple[Column, ...]:
        """The columns to write; raises UsageError for a field that does not exist."""
        return ALL_COLUMNS if self.fields is None else select(self.fields)

    def open_sinks(self, source: Source) -> list[Sink]:
        """The sink of the lines, if any are wanted, with what the source holds.

        Raises what :func:`telemetry.open_sink` does, and UsageError where the source holds none of the fields.
        """
        if not self.json_output:
            return []
        asked = self.columns()
        columns = held_columns(asked, source.missing_fields)
        if not columns:
            raise UsageError(f"{source.name} holds none of these fields: {', '.join(one.key for one in asked)}.")
        mode: Mode = "append" if self.append else "overwrite" if self.overwrite else "new"
        return [open_sink(self.json_output, columns=columns, mode=mode, durable=self.durable)]


@expand_option_groups
def read(
    *,
    source_options: options.SourceRangeOptions,
    rate: Annotated[
        float | None, options.rate_option("Samples", f"{DEFAULT_RATE:g}; all of a recording or a stream")
    ] = None,
    loop: options.Loop = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no view and no summary.")] = False,
    reference: Reference = None,
    ac_root: AcRoot = None,
    line_options: LineOptions,
    include_paused: Annotated[
        bool,
        typer.Option(
            "--include-paused",
            rich_help_panel=_OUTPUT_PANEL,
            help="Write samples of pauses, replays, menus and a frozen game too.",
        ),
    ] = False,
    json_summary: Annotated[
        bool,
        typer.Option(
            "--json-summary",
            rich_help_panel=_OUTPUT_PANEL,
            help="Print the closing summary as JSON; on standard error if lines go to standard output.",
        ),
    ] = False,
    duration: Annotated[
        float | None,
        typer.Option(
            parser=parse_positive_duration,
            metavar="TIME",
            rich_help_panel=options.STOP_PANEL,
            help=f"End so long after the first sample: {DURATION_FORMS}.",
        ),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, metavar="N", rich_help_panel=options.STOP_PANEL, help="End after N samples.")
    ] = None,
    laps: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", rich_help_panel=options.STOP_PANEL, help="End when N laps are completed."),
    ] = None,
    thresholds: AllThresholds,
) -> None:
    """Read the telemetry: show it live, and write it as JSON lines."""
    source, output = source_options.source, line_options.json_output
    line_options.check(source)
    clock = source_options.make_clock()
    options.tune_for_low_latency()
    if rate is None and not can_be_read(source) and not options.is_stream(source):
        rate = DEFAULT_RATE
    sampling = SamplingOptions(rate=rate, include_paused=include_paused, thresholds=thresholds)
    stop_rule = StopRule(duration=duration, samples=samples, laps=laps)
    compared = open_reference(reference, source_options, thresholds, ac_root, quiet=quiet)
    notes: list[str] = []
    with ExitStack() as stack:
        stack.enter_context(stop_on_signal(clock))
        origin = stack.enter_context(source_options.open(loop=loop))
        sinks = line_options.open_sinks(origin)
        listeners: list[Listener[RecordingStats]] = []
        if not quiet:
            if compared is not None:
                compared.tell = notes.append  # the view has the terminal
            view = View(
                None if output == "-" else _make_console(),
                output=output,
                changes_only=output == "-",
                thresholds=thresholds,
                find_reference=None if compared is None else compared.find,
            )
            listeners.append(stack.enter_context(view))
        stats = SampleRecorder(origin, sinks, listeners, clock=clock, options=sampling, stop_rule=stop_rule).run()
    for note in notes:
        print_warning(note)
    if json_summary:
        stream = sys.stderr if output == "-" else sys.stdout
        print_json({"source": origin.name, "output": output, **stats.summary()}, stream)
    elif not quiet:
        print_message(*describe_samples(stats, output))


def _make_console() -> "Console":
    from rich.console import Console

    return Console()
