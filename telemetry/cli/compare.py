"""``compare``: two laps, and where the time between them goes; or two groups of laps, and whether they differ."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from telemetry.base.errors import UsageError
from telemetry.cli._shared import options
from telemetry.cli._shared.lap_choice import (
    REFERENCES,
    LapTarget,
    Library,
    RecordedLap,
    best_of,
    choose_reference,
    main_drive,
    of_car_and_track,
    parse_lap_target,
    valid_laps,
)
from telemetry.cli._shared.messages import print_json, print_message, print_warning
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
            help="A recording, or [bold]FILE:LAP[/], or a folder; and what to compare it with. One alone is compared "
            "with --reference. Without any: the recordings of this folder.",
            show_default=False,
        ),
    ] = None,
    reference: Annotated[
        str,
        typer.Option(
            metavar="LAP",
            help="The lap to compare with, of the same recordings: [bold]best[/], last or median of the valid laps, or "
            "FILE:LAP.",
        ),
    ] = "best",
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
    include_ai: options.IncludeAi = False,
    tyres_out: TyresOut = DEFAULTS.tyres_out,
) -> None:
    """Compare two laps: where the time goes, corner by corner."""
    library = Library(Thresholds(tyres_out=tyres_out), include_ai=include_ai)
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
    lap, other = _choose_laps(library, [parse_lap_target(text) for text in laps or ["."]], reference)
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


def _choose_laps(library: Library, targets: list[LapTarget], reference: str) -> tuple[RecordedLap, RecordedLap]:
    """The lap to look at, and the reference."""
    if len(targets) > 2:
        raise UsageError(f"Two laps can be compared, got {len(targets)}. Groups of laps: --runs A... --against B...")
    if len(targets) == 2:
        if reference != "best":
            raise UsageError("--reference is for one recording: the second lap is the reference here.")
        return library.find(targets[0]), library.find(targets[1])
    target = targets[0]
    where = str(target.path)
    named = None if reference in REFERENCES else parse_lap_target(reference)
    if named is not None and named.number is None and not named.path.exists():
        raise UsageError(f"--reference {reference}: say {', '.join(REFERENCES)}, a recording, or FILE:LAP.")
    if target.number is not None:
        lap = library.find(target)
        if named is not None:
            return lap, library.find(named)
        others = [one for one in library.laps([target.path]) if one.lap is not lap.lap]
        same = of_car_and_track(others, lap.lap)
        return lap, choose_reference(reference, same, f"Besides lap {target.number}, {where}")
    every = main_drive(library.laps([target.path]))
    best = best_of(every, where)
    if named is not None:
        return best, library.find(named)
    other = choose_reference(reference, every, where)
    rest = [one for one in valid_laps(every) if one.lap is not other.lap]
    if not rest:
        raise UsageError(
            f"{where} holds one valid lap only, which leaves nothing to compare it with. Name another lap, like "
            f"{best.recording.path}:{best.lap.number} OTHER:LAP."
        )
    return rest[0], other


def _parse_metres(text: str) -> float:
    match = _METRES.fullmatch(text)
    metres = float(match[1]) if match else 0.0
    if not 0.1 <= metres <= 1000.0:
        raise UsageError(f"--grid {text}: say metres from 0.1 to 1000, like 5m.")
    return metres
