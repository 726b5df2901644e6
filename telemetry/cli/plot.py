"""``plot``: laps as pictures, or in the terminal."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, cast, get_args

import typer

from telemetry.base.errors import UsageError
from telemetry.base.extras import require
from telemetry.base.nearest import describe_nearest
from telemetry.cli._shared import options
from telemetry.cli._shared.catalog_folder import DEFAULT_CATALOG, CatalogFolder
from telemetry.cli._shared.lap_choice import Library, RecordedLap, of_car_and_track, parse_lap_target, read_driven
from telemetry.cli._shared.messages import print_message, print_warning
from telemetry.cli._shared.reference_choice import OnlyLapError, ReferenceLap, choose_laps
from telemetry.cli._shared.thresholds import TyresOut
from telemetry.cli._shared.track_choice import AcRoot, choose_track
from telemetry.fields.thresholds import DEFAULTS, Thresholds

if TYPE_CHECKING:
    from telemetry.analysis.comparison import DrivenLap
    from telemetry.analysis.figures import Figure
    from telemetry.analysis.pictures.picture import Size
    from telemetry.tracks.definition import Track

NAMES: Final = ("delta", "speed", "pedals", "gear", "steer", "slip", "map", "gg", "dampers", "tyres", "stint")
"""What can be drawn."""

USUAL: Final = "delta,speed,pedals"

MapColour = Literal["speed", "gain", "pedals"]
MAP_COLOURS: Final = get_args(MapColour)

_PIXELS: Final = re.compile(r"(\d{2,5})x(\d{2,5})")
_DPI: Final = 150


def plot(
    laps: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES...",
            help="A recording, or [bold]FILE:LAP[/], or a folder, or a lap of the catalog by its id or "
            "[bold]'best(track,car)'[/]; several laps are drawn together, the last one as the reference. One alone is "
            "drawn with --reference.",
            show_default=False,
        ),
    ],
    what: Annotated[str, typer.Option(metavar="NAMES", help=f"What to draw: {', '.join(NAMES)}.")] = USUAL,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            show_default=False,
            help="The picture, as .png, .svg or .pdf. Default: in the terminal.",
        ),
    ] = None,
    reference: ReferenceLap = "best",
    map_colour: Annotated[MapColour, typer.Option(help="What colours the map.")] = "speed",
    map_: Annotated[
        str | None,
        typer.Option(
            "--map",
            metavar="FILE",
            show_default=False,
            help="A TOML file that says which columns of another program's CSV or Parquet are which fields. Or one of "
            f"{', '.join(MAP_COLOURS)}, as --map-colour.",
        ),
    ] = None,
    style: Annotated[
        Literal["light", "dark", "print"] | None,
        typer.Option(show_default=False, help="The look of the picture. Default: print for .pdf, else light."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            show_default=False,
            help="[bold]1600x900[/] pixels, or a4, a4-landscape, a3, letter. Default: as high as it needs, 1500 wide.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a picture that exists.")] = False,
    ac_root: AcRoot = None,
    catalog: CatalogFolder = DEFAULT_CATALOG,
    include_ai: options.IncludeAi = False,
    tyres_out: TyresOut = DEFAULTS.tyres_out,
) -> None:
    """Draw laps: delta, speed, map, dampers, stint and more."""
    names = _parse_names(what)
    inches = _check_output(laps, output, style, size)
    if map_ is not None and map_ in MAP_COLOURS and not Path(map_).is_file():
        map_colour, map_ = cast("MapColour", map_), None
    column_map = options.check_column_map(None if map_ is None else Path(map_))
    library = Library(Thresholds(tyres_out=tyres_out), include_ai=include_ai, column_map=column_map, catalog=catalog)
    chosen = _choose(library, laps, reference)
    figures, title, problems = _make(library, laps, chosen, names, map_colour, ac_root)
    for problem in problems:
        print_warning(problem)
    if output is None:
        from telemetry.cli._shared.figure_lines import print_figures

        print_figures(title, figures)
        return
    from telemetry.analysis.pictures.picture import Look, write_picture

    usual: Literal["light", "print"] = "print" if output.suffix.lower() == ".pdf" else "light"
    write_picture(title, figures, output, Look(style or usual, inches), overwrite=overwrite)
    print_message(f"{output}: {', '.join(dict.fromkeys(figure.name for figure in figures))}.")


def _parse_names(what: str) -> list[str]:
    names = [name.strip() for name in what.split(",") if name.strip()]
    for name in names:
        if name not in NAMES:
            hint = describe_nearest(name, NAMES)
            raise UsageError(f"--what {name}: there is no such figure.{hint} Say some of {', '.join(NAMES)}.")
    if not names:
        raise UsageError(f"--what: say some of {', '.join(NAMES)}.")
    return list(dict.fromkeys(names))


def _check_output(laps: Sequence[str], output: Path | None, style: str | None, size: str | None) -> "Size | None":
    """The size of the picture; UsageError for what cannot be drawn, before anything is read."""
    if output is None:
        if style is not None or size is not None:
            raise UsageError("--style and --size are for a picture: say where it goes, like -o lap.png.")
        return None
    require("matplotlib", extra="plot", purpose="A picture")
    from telemetry.analysis.pictures.picture import MAX_INCHES, MIN_INCHES, PAPERS, SUFFIXES, Size

    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"-o {output}: a picture is written as {', '.join(SUFFIXES)}.")
    for text in laps:
        options.check_is_not_source(str(parse_lap_target(text).path), str(output))
    if size is None:
        return None
    paper = PAPERS.get(size.lower())
    if paper is not None:
        return paper
    match = _PIXELS.fullmatch(size)
    found = Size(int(match[1]) / _DPI, int(match[2]) / _DPI) if match else None
    if found is None or not all(MIN_INCHES <= side <= MAX_INCHES for side in found[:2]):
        raise UsageError(
            f"--size {size}: say pixels from {MIN_INCHES * _DPI:.0f}x{MIN_INCHES * _DPI:.0f} to "
            f"{MAX_INCHES * _DPI:.0f}x{MAX_INCHES * _DPI:.0f}, like 1600x900, or {', '.join(PAPERS)}."
        )
    return found


def _choose(library: Library, texts: Sequence[str], reference: str) -> list[RecordedLap]:
    """The laps to draw, the reference last; one alone where there is no other."""
    from telemetry.analysis.comparison import require_same_track

    targets = [parse_lap_target(text) for text in texts]
    if len(targets) > 2:
        chosen = [library.find(target) for target in targets]
    else:
        try:
            chosen = list(choose_laps(library, targets, reference))
        except OnlyLapError as error:
            chosen = [error.lap]
    for one in chosen[:-1]:
        require_same_track(one.lap, chosen[-1].lap)
    return chosen


def _make(
    library: Library,
    texts: Sequence[str],
    chosen: Sequence[RecordedLap],
    names: Sequence[str],
    map_colour: MapColour,
    ac_root: Path | None,
) -> "tuple[list[Figure], str, list[str]]":
    """The figures, the title over them, and why some of them are missing; UsageError where all are."""
    from telemetry.analysis import lap_figures, place_figures, stint_figures
    from telemetry.analysis.comparison import common_warnings, rate_warnings
    from telemetry.analysis.dampers import DAMPER_FIELDS
    from telemetry.analysis.tyres import TYRE_FIELDS

    lap = chosen[-1].lap
    place = lap.car_and_track
    channels = {
        "steer": ("steer_angle",),
        "slip": lap_figures.SLIP_FIELDS,
        "gg": place_figures.GG_FIELDS,
        "dampers": DAMPER_FIELDS,
    }
    is_along = set(names) - {"tyres", "stint"}
    driven: list[DrivenLap] = []
    track: Track | None = None
    if is_along:
        found = choose_track(library, chosen[-1], ac_root)
        track = None if found is None else found.track
        driven = read_driven(chosen, track, [field for name in names for field in channels.get(name, ())])
    beside = library.laps_beside(map(parse_lap_target, texts))
    every = [one for one in of_car_and_track(beside, place) if one.lap.complete]
    figures: dict[str, Callable[[], Figure]] = {
        "delta": lambda: lap_figures.delta_figure(driven, track),
        "speed": lambda: lap_figures.speed_figure(driven, track),
        "pedals": lambda: lap_figures.pedals_figure(driven, track),
        "gear": lambda: lap_figures.gear_figure(driven, track),
        "steer": lambda: lap_figures.steer_figure(driven, track),
        "slip": lambda: lap_figures.slip_figure(driven, track),
        "map": lambda: place_figures.map_figure(driven, track, map_colour),
        "gg": lambda: place_figures.gg_figure(driven),
        "dampers": lambda: stint_figures.dampers_figure(driven),
        "tyres": lambda: stint_figures.tyres_figure(read_driven(_with_samples(every), track, TYRE_FIELDS)),
        "stint": lambda: stint_figures.stint_figure([one.lap for one in every]),
    }
    made: list[Figure] = []
    problems: list[str] = []
    for name in names:
        try:
            made.append(figures[name]())
        except UsageError as error:
            problems.append(f"{name}: {error}")
    if not made:
        raise UsageError(" ".join(problems))
    problems = [*common_warnings(driven, rate_warnings), *problems]
    problems += [note for figure in made for note in figure.notes]
    return made, f"{place.car or 'unknown car'} on {place.track_name}", problems


def _with_samples(laps: Sequence[RecordedLap]) -> Sequence[RecordedLap]:
    if not laps:
        raise UsageError("No complete lap of this car and track, so its tyres cannot be shown lap by lap.")
    return laps
