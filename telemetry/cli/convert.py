"""``convert``: a recording in another format, at another rate, or some of its laps."""

import math
from pathlib import Path
from typing import Annotated, Final

import typer

from telemetry.base.clock import Clock
from telemetry.base.text import format_count, format_size
from telemetry.cli._shared.messages import print_message
from telemetry.cli._shared.options import IncludeAi, parse_lap_numbers
from telemetry.cli._shared.progress import reading_progress
from telemetry.cli._shared.stopping import Interrupted, stop_on_signal
from telemetry.fields.selection import select
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.sources import WRITABLE_SUFFIXES
from telemetry.sources.convert import ConversionOptions, ConversionResult, convert_recording, describe_lap_numbers

_SUFFIXES: Final = ", ".join(WRITABLE_SUFFIXES)


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A recording, like [bold]drive.mcap[/].")],
    output: Annotated[
        Path,
        typer.Argument(metavar="OUT", help=f"The file to write; its suffix says the format: {_SUFFIXES}."),
    ],
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=333.0,
            metavar="HZ",
            help="Samples per second, interpolated, like 60. Default: every sample as it was recorded.",
        ),
    ] = None,
    fields: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="What to write: names, SDK names, globs, groups, like [bold]timestamp,speed_kmh,tyre_*,derived[/].",
        ),
    ] = None,
    laps: Annotated[
        str | None, typer.Option(metavar="LIST", help="Only these laps, like [bold]3[/] or [bold]3,5,7-9[/].")
    ] = None,
    valid_only: Annotated[bool, typer.Option("--valid-only", help="Only valid laps.")] = False,
    include_ai: IncludeAi = False,
    include_paused: Annotated[
        bool,
        typer.Option("--include-paused", help="Write samples of pauses, replays and menus too; .mcap always has them."),
    ] = False,
    units: Annotated[bool, typer.Option("--units", help="Write a second row with the units, in CSV.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no summary.")] = False,
    tyres_out: Annotated[
        int, typer.Option(min=1, max=4, help="Tyres off the track that spoil a lap.")
    ] = DEFAULTS.tyres_out,
) -> None:
    """Convert a recording: another format or rate, or only some laps."""
    options = ConversionOptions(
        rate=rate,
        columns=None if fields is None else select(fields),
        laps=None if laps is None else parse_lap_numbers(laps),
        valid_only=valid_only,
        include_ai=include_ai,
        include_paused=include_paused,
        units=units,
        overwrite=overwrite,
        thresholds=Thresholds(tyres_out=tyres_out),
    )
    clock = Clock(math.inf)
    with stop_on_signal(clock), reading_progress(quiet=quiet) as progress:
        result = convert_recording(source, output, options, clock=clock, progress=progress)
    if result is None:
        raise Interrupted(f"Stopped before it was done: {output} was not written.")
    if not quiet:
        print_message(_describe(output, result))


def _describe(output: Path, result: ConversionResult) -> str:
    """The closing summary for a person."""
    laps = f", {describe_lap_numbers(result.laps)}" if result.laps else ""
    count = format_count(result.samples, "sample")
    return f"{output}: {count} in {result.span_s:.1f} s{laps}, {format_size(result.size)}."
