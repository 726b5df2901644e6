"""``compare``: two laps, and where the time between them goes; or two groups of laps, and whether they differ."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from telemetry.base.errors import UsageError
from telemetry.cli._shared import options
from telemetry.cli._shared.catalog_folder import DEFAULT_CATALOG, CatalogFolder
from telemetry.cli._shared.lap_choice import Library, parse_lap_target
from telemetry.cli._shared.messages import print_json, print_message, print_warning
from telemetry.cli._shared.reference_choice import ReferenceLap, choose_laps
from telemetry.cli._shared.thresholds import TyresOut
from telemetry.cli._shared.track_choice import AcRoot, choose_track
from telemetry.fields.thresholds import DEFAULTS, Thresholds

if TYPE_CHECKING:
    from telemetry.analysis.comparison import Comparison

_METRES: Final = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*m?\s*")

DEFAULT_GRID: Final = "5m"


def compare(
    laps: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[A[:LAP]] [B[:LAP]]",
            help="A recording, or [bold]FILE:LAP[/], or a folder, or a lap of the catalog by its id or "
            "[bold]'best(track,car)'[/]; and what to compare it with. One alone is compared with --reference. Without "
            "any: the recordings of this folder.",
            show_default=False,
        ),
    ] = None,
    reference: ReferenceLap = "best",
    runs: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE...", show_default=False, help="All valid laps of these recordings, instead of one lap."
        ),
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE...",
            show_default=False,
            help="With --runs: the other group. Did something change from that group to this one?",
        ),
    ] = None,
    grid: Annotated[str, typer.Option(metavar="METRES", help="Distance of the places of the delta.")] = DEFAULT_GRID,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="Write the laps and their delta at each place as CSV."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a CSV file that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
    ac_root: AcRoot = None,
    catalog: CatalogFolder = DEFAULT_CATALOG,
    column_map: options.NamedColumns = None,
    include_ai: options.IncludeAi = False,
    tyres_out: TyresOut = DEFAULTS.tyres_out,
) -> None:
    """Compare two laps: where the time goes, corner by corner."""
    library = Library(Thresholds(tyres_out=tyres_out), include_ai=include_ai, column_map=column_map, catalog=catalog)
    if runs or against:
        if laps or csv is not None:
            raise UsageError("--runs and --against compare all laps of two groups: name no single laps, and no --csv.")
        if not runs or not against:
            raise UsageError("--runs and --against belong together: compare --runs after/ --against before/")
        from telemetry.cli._shared.change_tables import compare_runs

        compare_runs(library, runs, against, ac_root, as_json=as_json)
        return
    from telemetry.analysis.comparison import compare_laps, read_driven_lap, require_same_track

    grid_m = _parse_metres(grid)
    lap, other = choose_laps(library, [parse_lap_target(text) for text in laps or ["."]], reference)
    require_same_track(lap.lap, other.lap)
    found = choose_track(library, other, ac_root)
    track = found.track if found is not None else None
    ours, theirs = (read_driven_lap(one.recording, one.lap, track) for one in (lap, other))
    comparison = compare_laps(ours, theirs, found, grid_m)
    if csv is not None:
        from telemetry.analysis.comparison_csv import write_comparison

        write_comparison(comparison, csv, overwrite=overwrite)
    _print(comparison, csv, as_json=as_json)


def _print(comparison: "Comparison", csv: Path | None, *, as_json: bool) -> None:
    if as_json:
        print_json(comparison.to_dict())
        for warning in comparison.warnings:
            print_warning(warning)
        return
    from telemetry.cli._shared.comparison_tables import print_comparison

    print_comparison(comparison)
    if csv is not None:
        print_message(f"{csv}: {len(comparison.grid):,} places.")


def _parse_metres(text: str) -> float:
    match = _METRES.fullmatch(text)
    metres = float(match[1]) if match else 0.0
    if not 0.1 <= metres <= 1000.0:
        raise UsageError(f"--grid {text}: say metres from 0.1 to 1000, like 5m.")
    return metres
