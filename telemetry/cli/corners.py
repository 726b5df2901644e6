"""``corners``: what laps did in each corner of their track."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer
from rich import box
from rich.table import Table

from telemetry.analysis.stint import MAX_SLOWER
from telemetry.base.errors import UsageError
from telemetry.base.text import DASH, format_count, format_number, join_names
from telemetry.cli._shared import options
from telemetry.cli._shared.catalog_folder import DEFAULT_CATALOG, CatalogFolder
from telemetry.cli._shared.lap_choice import (
    FilesAndLaps,
    Library,
    RecordedLap,
    best_of,
    main_drive,
    of_car_and_track,
    parse_files_and_laps,
    parse_lap_target,
    read_driven,
    valid_laps,
)
from telemetry.cli._shared.messages import print_json, print_lines, print_warning
from telemetry.cli._shared.tables import label_table, table_console, to_markup
from telemetry.cli._shared.thresholds import TyresOut
from telemetry.cli._shared.track_choice import AcRoot, choose_track
from telemetry.fields.thresholds import DEFAULTS, Thresholds

if TYPE_CHECKING:
    from rich.console import Console

    from telemetry.analysis.comparison import DrivenLap
    from telemetry.analysis.corner_measures import Spread
    from telemetry.analysis.corner_report import CornerReport
    from telemetry.analysis.known_tracks import FoundTrack

_COLUMNS_FOR_ALL: Final = 138
"""Columns of a terminal that has room for every measure."""


def corners(
    files: FilesAndLaps,
    lap: Annotated[
        Literal["best", "all"], typer.Option(help="The valid laps that are measured: the best one, or all of them.")
    ] = "all",
    against: Annotated[
        str | None,
        typer.Option(
            metavar="LAP",
            show_default=False,
            help="The lap to compare with: FILE, FILE:LAP or one of the catalog. Default: the best one of these.",
        ),
    ] = None,
    edit: Annotated[
        bool, typer.Option("--edit", help="Only print the name of the track's file, which may be edited or shared.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
    ac_root: AcRoot = None,
    catalog: CatalogFolder = DEFAULT_CATALOG,
    column_map: options.NamedColumns = None,
    include_ai: options.IncludeAi = False,
    tyres_out: TyresOut = DEFAULTS.tyres_out,
) -> None:
    """Show what laps did in each corner, sorted by time lost."""
    library = Library(Thresholds(tyres_out=tyres_out), include_ai=include_ai, column_map=column_map, catalog=catalog)
    targets = parse_files_and_laps(files)
    where = targets[0].where if len(targets) == 1 else format_count(len(targets), "recording")
    every = main_drive(library.laps_of(targets))
    best = best_of(every, where, takes_lap=False)
    reference = best if against is None else library.find(parse_lap_target(against), best.lap)
    found = choose_track(library, reference, ac_root)
    if found is None:
        raise UsageError(
            f"{where} does not show the course of the track (no positions in the world, or too few samples), so its "
            "corners cannot be told."
        )
    if edit:
        if found.path is None:
            raise UsageError(f"The track could not be kept: {found.problem}")
        print_lines(str(found.path))
        return
    if not found.track.corners:
        raise UsageError(
            f"{found.track.track} has no corners that can be found; they may be written into {found.path or 'a file'}."
        )
    _show(found, _measured(every, best, lap), reference, as_json=as_json)


def _measured(every: Sequence[RecordedLap], best: RecordedLap, which: str) -> list[RecordedLap]:
    """The laps that are measured; those that were not driven for their time are left out, and named in a warning."""
    if which == "best":
        return [best]
    valid = valid_laps(of_car_and_track(every, best.lap.car_and_track))
    limit_ms = MAX_SLOWER * best.time_ms
    slow = [f"lap {one.lap.number} of {one.recording.path}" for one in valid if one.time_ms > limit_ms]
    if slow:
        print_warning(
            f"More than {MAX_SLOWER - 1.0:.0%} slower than the best lap, and left out: {join_names(slow, 5)}."
        )
    return [one for one in valid if one.time_ms <= limit_ms]


def _show(found: "FoundTrack", laps: Sequence[RecordedLap], reference: RecordedLap, *, as_json: bool) -> None:
    from telemetry.analysis.comparison import NO_LENGTH, common_warnings, require_same_track
    from telemetry.analysis.corner_report import report_corners

    for one in laps:
        require_same_track(one.lap, reference.lap)
    rest = [] if any(one.lap is reference.lap for one in laps) else [reference]
    driven = read_driven([*laps, *rest], found.track)
    theirs = next(one for one in driven if one.lap is reference.lap)
    driven = driven[: len(laps)]
    reports = report_corners(found, driven, theirs)
    warnings = common_warnings([theirs, *(one for one in driven if one is not theirs)])
    if not theirs.trace.length_m > 0.0:
        warnings.append(NO_LENGTH)
    if found.problem:
        warnings.append(f"The track could not be kept: {found.problem}")
    for text in warnings:
        print_warning(text)
    if as_json:
        print_json(
            {
                "track": found.track.track,
                "layout": found.track.layout,
                "file": None if found.path is None else str(found.path),
                "reference": theirs.to_dict(),
                "laps": [one.to_dict() for one in driven],
                "corners": [report.to_dict() for report in reports],
            }
        )
        return
    _print(table_console(), found, driven, theirs, reports)


def _print(
    console: "Console",
    found: "FoundTrack",
    laps: "Sequence[DrivenLap]",
    reference: "DrivenLap",
    reports: "Sequence[CornerReport]",
) -> None:
    from telemetry.analysis.comparison import describe_lap

    heading = label_table()
    heading.add_column(style="cyan", no_wrap=True)
    heading.add_column()
    heading.add_row("track", to_markup(f"{reference.lap.car_and_track.track_name}, {found.track.length_m:,.0f} m"))
    heading.add_row("laps", format_count(len(laps), "valid lap"))
    heading.add_row("against", to_markup(describe_lap(reference)))
    console.print(heading, highlight=False)
    if found.path is not None:  # which a table would break where it is wider
        text = to_markup(f"{found.path}{' (found now)' if found.is_new else ''}")
        console.print(f"[cyan]corners[/]  {text}", highlight=False, soft_wrap=True)
    console.print(_table(reports, console.width, has_laps=len(laps) > 1))


def _table(reports: "Sequence[CornerReport]", width: int, *, has_laps: bool) -> Table:
    columns = [
        ("lost s", "lost_s", 3),
        ("brakes m", "braking_m", 0),
        ("min km/h", "min_kmh", 1),
        ("exit", "exit_kmh", 1),
        ("throttle s", "throttle_s", 2),
    ]
    if width >= _COLUMNS_FOR_ALL:
        columns = [
            *columns[:2],
            ("brake", "peak_brake", 2),
            ("release m", "release_m", 0),
            ("entry", "entry_kmh", 1),
            *columns[2:],
            ("g", "peak_g", 2),
            ("line m", "offset_m", 2),
            ("time s", "time_s", 2),
        ]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, show_footer=has_laps)
    total = sum(report.lost.mean or 0.0 for report in reports)
    table.add_column("corner", no_wrap=True, max_width=18, overflow="ellipsis", footer="total")
    for title, name, _ in columns:
        table.add_column(
            title,
            justify="right",
            no_wrap=True,
            footer=format_number(total, 3, 8, sign=True) if name == "lost_s" else "",
        )
    for report in reports:
        cells = [
            _spread_text(report.lost if name == "lost_s" else report.measures[name], decimals, sign=name == "lost_s")
            for _, name, decimals in columns
        ]
        table.add_row(to_markup(report.corner.label), *cells)
    return table


def _spread_text(one: "Spread", decimals: int, *, sign: bool = False) -> str:
    """The mean, and in dim the spread from lap to lap."""
    if one.mean is None:
        return DASH
    text = f"{one.mean:{'+' if sign else ''}.{decimals}f}"
    return text if one.deviation is None else f"{text} [dim]±{one.deviation:.{max(decimals, 1)}f}[/]"
