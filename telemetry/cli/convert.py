"""``convert``: recordings in another format, at another rate, or some of their laps."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.base.text import format_count, format_size
from telemetry.cli._shared.input_files import FileFailure, FileFailures, find_recordings, process_files
from telemetry.cli._shared.messages import print_json, print_message, print_warning
from telemetry.cli._shared.options import IncludeAi, NamedColumns, parse_lap_numbers, rate_option
from telemetry.cli._shared.progress import reading_progress
from telemetry.cli._shared.quality_reports import store_summaries
from telemetry.cli._shared.stopping import Interrupted, stop_on_signal
from telemetry.cli._shared.tables import table_console
from telemetry.cli._shared.thresholds import TyresOut
from telemetry.fields.selection import select
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.formats import find_format, stem_of
from telemetry.laps.choice import describe_lap_numbers
from telemetry.sources import WRITABLE_SUFFIXES
from telemetry.sources.convert import ConversionOptions, ConversionResult, convert_recording

_SUFFIXES: Final = ", ".join(WRITABLE_SUFFIXES)


def convert(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="IN...",
            help="A recording, like [bold]drive.mcap[/], or several, or a folder of them.",
            callback=find_recordings,
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help=f"The file to write; its suffix says the format: {_SUFFIXES}. With --format: the folder of the files.",
        ),
    ],
    suffix: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="SUFFIX", help="Format of the files in a folder, like parquet. They keep their names."
        ),
    ] = None,
    rate: Annotated[
        float | None,
        rate_option("Samples", "every sample as it was recorded, 50 in a MoTeC log; at a rate they are interpolated"),
    ] = None,
    fields: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="What to write: names, SDK names, globs, groups, like [bold]timestamp,tyre_*,derived[/].",
        ),
    ] = None,
    laps: Annotated[
        str | None, typer.Option(metavar="LIST", help="Only these laps, like [bold]3[/] or [bold]3,5,7-9[/].")
    ] = None,
    valid_only: Annotated[bool, typer.Option("--valid-only", help="Only valid laps.")] = False,
    include_ai: IncludeAi = False,
    column_map: NamedColumns = None,
    include_paused: Annotated[
        bool,
        typer.Option("--include-paused", help="Write samples of pauses, replays and menus too; .mcap always has them."),
    ] = False,
    units: Annotated[
        bool,
        typer.Option(
            "--units",
            help="Write a second row with the units, in CSV, for people: programs then take numbers for text.",
        ),
    ] = False,
    decimal_comma: Annotated[
        bool,
        typer.Option(
            "--decimal-comma",
            help="Write CSV for spreadsheets that expect a decimal comma: 3,5 and semicolons between the cells.",
        ),
    ] = False,
    names: Annotated[
        str | None,
        typer.Option(
            metavar="WHOSE", help="Names of the channels of a MoTeC log: [bold]acti[/] (default), motec or ours."
        ),
    ] = None,
    gaps: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help="In a MoTeC log, [bold]split[/] it at pauses and gaps (default), or [bold]hold[/] the last sample.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no summary.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was written of each recording as one JSON array.")
    ] = False,
    tyres_out: TyresOut = DEFAULTS.tyres_out,
) -> None:
    """Convert recordings: another format or rate, or only some laps."""
    options = ConversionOptions(
        rate=rate,
        columns=None if fields is None else select(fields),
        laps=None if laps is None else parse_lap_numbers(laps),
        valid_only=valid_only,
        include_ai=include_ai,
        column_map=column_map,
        include_paused=include_paused,
        units=units,
        decimal_comma=decimal_comma,
        names=names,
        gaps=gaps,
        overwrite=overwrite,
        thresholds=Thresholds(tyres_out=tyres_out),
    )
    sources = list(dict.fromkeys(sources))
    outputs = _name_outputs(sources, output, suffix)
    clock = Clock(math.inf)
    entries: list[dict[str, Any]] = []
    failures = FileFailures(len(sources), None if as_json else table_console(stderr=True), "converted")
    with stop_on_signal(clock), reading_progress(quiet=quiet) as progress:

        def convert_one(source: Path) -> tuple[Path, ConversionResult]:
            target = outputs[source]
            result = convert_recording(source, target, options, clock=clock, progress=progress)
            if result is None:
                raise Interrupted(f"Stopped before it was done: {target} was not written.")
            added = store_summaries([target], options.thresholds, clock, progress)
            return target, result._replace(size=result.size + added)

        for source, converted in zip(sources, process_files(sources, convert_one), strict=True):
            if isinstance(converted, FileFailure):
                failures.add(converted)
                entries.append(converted.to_dict())
                continue
            target, result = converted
            entries.append({"file": str(source), "output": str(target), **result.to_dict()})
            if result.left_out:
                columns = ", ".join(result.left_out)
                print_warning(f"{target} lacks what {source} does not hold and what is derived from it: {columns}.")
            for note in result.notes:
                print_warning(f"{target}: {note}")
            if not quiet and not as_json:
                print_message(_describe(target, result))
    if as_json:
        print_json(entries)
    failures.check()


def _name_outputs(sources: Sequence[Path], output: Path, suffix: str | None) -> dict[Path, Path]:
    """The file that each recording becomes; raises UsageError where OUT cannot be that of all of them."""
    if suffix is None:
        if len(sources) > 1:
            raise UsageError(
                f"{len(sources)} recordings cannot become the one file {output}. Name a folder, and the format of its "
                "files with --format, like --format parquet."
            )
        if output.is_dir():
            raise UsageError(
                f"{output} is a folder. Name the format of its files with --format, like --format parquet."
            )
        return {sources[0]: output}
    suffix = f".{suffix.lstrip('.')}"
    if suffix not in WRITABLE_SUFFIXES and find_format(f"x{suffix}") is None:
        raise UsageError(f"Unsupported --format {suffix.lstrip('.')}. Supported: {_SUFFIXES}.")
    if find_format(output) is not None and not output.is_dir():
        raise UsageError(f"--format is for files in a folder, and {output} is one file. Name a folder.")
    outputs = {source: output / f"{stem_of(source)}{suffix}" for source in sources}
    source_by_output: dict[Path, Path] = {}
    for source, target in outputs.items():
        if (first := source_by_output.setdefault(target, source)) != source:
            raise UsageError(f"{first} and {source} would both become {target}; convert them into different folders.")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {output} cannot be made: {error.strerror}.") from error
    return outputs


def _describe(output: Path, result: ConversionResult) -> str:
    """The closing summary for a person."""
    laps = f", {describe_lap_numbers(result.laps)}" if result.laps else ""
    count = format_count(result.samples, "sample")
    return f"{output}: {count} in {result.span_s:.1f} s{laps}, {format_size(result.size)}."
