"""``read``: the live view, and JSON lines."""

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import Console

from telemetry.base.errors import UsageError
from telemetry.cli._shared import options
from telemetry.cli._shared.stopping import stop_on_signal
from telemetry.cli.thresholds import with_threshold_options
from telemetry.fields.derived import Thresholds
from telemetry.fields.selection import ALL_COLUMNS, select
from telemetry.recording.sample_recorder import DEFAULT_RATE, SampleRecorder, SamplingOptions
from telemetry.recording.stats import RecordingStats
from telemetry.sources import RECORDING_SUFFIXES, open_sink, open_source
from telemetry.terminal.view import View

if TYPE_CHECKING:
    from telemetry.base.storage.output_file import Mode
    from telemetry.recording.interfaces import Listener

_LIMITS = "When to end"
_OUTPUT = "Writing"


@with_threshold_options
def read(
    source: options.Source = "live",
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=333.0,
            metavar="HZ",
            help=f"Samples per second, up to 333 (every physics step). Default {DEFAULT_RATE:g}; of a recording or a "
            "stream, all.",
        ),
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="End with exit code 3 when no game is running.")] = False,
    speed: options.Speed = "1",
    begin: options.From = None,
    end: options.To = None,
    loop: options.Loop = False,
    seed: options.Seed = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no view and no summary.")] = False,
    json_output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=_OUTPUT,
            help="Write one JSON object per line; - is standard output. Compressed if it ends in .gz or .zst.",
        ),
    ] = None,
    fields: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            rich_help_panel=_OUTPUT,
            help="What to write: names, SDK names, globs and groups, like [bold]timestamp,speed_kmh,tyre_*,derived[/].",
        ),
    ] = None,
    append: Annotated[
        bool, typer.Option("--append", rich_help_panel=_OUTPUT, help="Continue a file that exists.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", rich_help_panel=_OUTPUT, help="Replace a file that exists.")
    ] = False,
    include_paused: Annotated[
        bool,
        typer.Option(
            "--include-paused",
            rich_help_panel=_OUTPUT,
            help="Write samples of pauses, replays, menus and stalls too.",
        ),
    ] = False,
    json_summary: Annotated[
        bool,
        typer.Option(
            "--json-summary",
            rich_help_panel=_OUTPUT,
            help="Print the closing summary as JSON, on standard output where that is free.",
        ),
    ] = False,
    duration: Annotated[
        float | None,
        typer.Option(
            min=0.0, metavar="S", rich_help_panel=_LIMITS, help="End this many seconds after the first sample."
        ),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, metavar="N", rich_help_panel=_LIMITS, help="End after N samples.")
    ] = None,
    laps: Annotated[
        int | None, typer.Option(min=1, metavar="N", rich_help_panel=_LIMITS, help="End when N laps were completed.")
    ] = None,
    *,
    thresholds: Thresholds,
) -> None:
    """Read the telemetry: show it live, and write it as JSON lines."""
    if append and overwrite:
        raise UsageError("--append and --overwrite contradict each other.")
    if json_output is None and (fields is not None or append or overwrite):
        raise UsageError("--fields, --append and --overwrite are about a file; name one with --json-output.")
    if json_output is not None:
        if not json_output:
            raise UsageError("--json-output names no file; - is standard output.")
        options.refuse_source(source, json_output)
    columns = select(fields) if fields is not None else ALL_COLUMNS
    mode: Mode = "append" if append else "overwrite" if overwrite else "new"
    clock = options.make_clock(speed, source)
    options.tune_for_low_latency()
    with ExitStack() as stack:
        stack.enter_context(stop_on_signal(clock))
        first, last = options.parse_time_range(source, begin, end)
        origin = open_source(source, wait=not no_wait, loop=loop, seed=seed, begin=first, end=last)
        stack.callback(origin.close)
        if rate is None and not source.endswith(RECORDING_SUFFIXES) and not options.is_stream(source):
            rate = DEFAULT_RATE
        sinks = [open_sink(json_output, columns=columns, mode=mode)] if json_output else []
        listeners: list[Listener] = []
        if not quiet:
            console = Console(stderr=True, force_terminal=False) if json_output == "-" else Console()
            view = View(console, output=json_output, changes_only=json_output == "-")
            listeners.append(stack.enter_context(view))
        recorder = SampleRecorder(
            origin, sinks, listeners, clock=clock,
            options=SamplingOptions(
                rate=rate, duration=duration, samples=samples, laps=laps, include_paused=include_paused,
                thresholds=thresholds,
            ),
        )  # fmt: skip
        stats = recorder.run()
    if json_summary:
        summary = {"source": origin.name, "output": json_output, **stats.summary()}
        stream = sys.stderr if json_output == "-" else sys.stdout
        print(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode(), file=stream)
    elif not quiet:
        print(describe(stats, json_output), file=sys.stderr)


def describe(stats: RecordingStats, output: str | None) -> str:
    """The closing summary for a person."""
    if stats.samples == 0:
        return "No samples."
    figures = stats.summary()
    parts = [f"{stats.samples:,} samples in {stats.seconds:.1f} s"]
    if stats.rate is not None:
        asked = f" of {stats.rate_asked:g} asked" if stats.rate_asked else ""
        parts.append(f"{stats.rate:.2f} Hz{asked}")
    p50, p99 = stats.jitter.quantile(0.5), stats.jitter.quantile(0.99)
    if p50 is not None and p99 is not None:
        parts.append(f"jitter p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    parts += [f"{figures[name]:,} {name}" for name in ("laps", "duplicates", "torn", "missed", "dropped", "gaps")]
    text = "; ".join(parts) + "."
    return f"{text}\n{output}: {stats.size:,} bytes." if output and output != "-" else text
