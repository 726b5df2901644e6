"""``catalog``: the laps of many recordings in one place, and what can be asked about them."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telemetry.base.amounts import parse_positive_duration
from telemetry.base.errors import TelemetryError, UsageError
from telemetry.cli._shared import options
from telemetry.cli._shared.catalog_filters import Car, Driver, FilterOptions, Track
from telemetry.cli._shared.catalog_folder import DEFAULT_CATALOG, CatalogFolder
from telemetry.cli._shared.catalog_output import OutputOptions
from telemetry.cli._shared.messages import print_json, print_lines, print_message
from telemetry.cli._shared.option_groups import expand_option_groups
from telemetry.cli.app import Command, CommandGroup

if TYPE_CHECKING:
    from telemetry.catalog.read import ReadRecording
    from telemetry.catalog.state import CatalogState, Row
    from telemetry.catalog.store import CatalogStore

catalog = typer.Typer(
    cls=CommandGroup, no_args_is_help=True, help="Keep the laps of many recordings, and ask across them."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@catalog.command(cls=Command)
def add(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Recordings, like [bold]drive.mcap[/], *.mcap or [bold]s3://bucket/drive.mcap[/]; a folder, or "
            "[bold]s3://bucket/prefix[/], means all recordings in and below it.",
        ),
    ],
    folder: CatalogFolder = DEFAULT_CATALOG,
    jobs: options.Jobs = None,
    engine: options.Engine = options.EngineKind.LOCAL,
    address: options.RayAddress = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy the recordings into the catalog.")] = False,
    fields: Annotated[
        str | None,
        typer.Option(
            metavar="FIELDS", show_default=False, help="The columns of samples of a new catalog. Default: about 30."
        ),
    ] = None,
    rate: Annotated[
        float | None,
        options.rate_option("Samples of a new catalog", "60"),
    ] = None,
) -> None:
    """Add recordings of any format; what is there already is left out.

    It may be stopped at any moment, and the same command goes on.
    """
    from telemetry.catalog.change import change_catalog, run_here
    from telemetry.cli._shared.catalog_engines import connect_engine, find_places, merge_on_ray
    from telemetry.cli._shared.catalog_reading import add_recording, read_into
    from telemetry.cli._shared.input_files import FileFailures
    from telemetry.cli._shared.tables import table_console

    places = find_places(files, folder.folder and folder.folder.resolve())
    failures = FileFailures(len(places), table_console(stderr=True), "added")
    with (
        connect_engine(engine, address, jobs) as cluster,
        change_catalog(folder, _new_state(folder, fields, rate)) as change,
    ):
        read_into(
            change,
            places,
            jobs,
            lambda read: add_recording(change, read, copy=copy),
            failures.add,
            cluster=cluster,
        )
        change.merge(run=run_here if cluster is None else partial(merge_on_ray, cluster))
        change.commit()
        print_message(f"{folder}: {_contents(change.state)}.")
        _tell_stale(change.state)
    failures.check()


@catalog.command(cls=Command)
def watch(
    watched: Annotated[Path, typer.Argument(metavar="FOLDER", help="Recordings in and below it are added.")],
    folder: CatalogFolder = DEFAULT_CATALOG,
    every: Annotated[
        float, typer.Option(parser=parse_positive_duration, metavar="TIME", help="How often the folder is looked at.")
    ] = "5s",  # type: ignore[assignment]  # which the parser is given
    jobs: options.Jobs = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy the recordings into the catalog.")] = False,
) -> None:
    """Add the recordings of a folder as soon as they are finished, until Ctrl-C.

    A recording that still grows, or that another process of this computer writes, waits.
    """
    from telemetry.cli._shared.catalog_watch import watch_folder

    watch_folder(watched, folder, _new_state(folder, None, None), every_s=every, jobs=jobs, copy=copy)


@catalog.command(cls=Command)
def rebuild(folder: CatalogFolder = DEFAULT_CATALOG, jobs: options.Jobs = None) -> None:
    """Make laps and samples again out of the recordings, as this program finds them.

    The catalog is replaced at the end, as a whole. What is known of recordings that have gone stays.
    """
    from telemetry.catalog.change import change_catalog
    from telemetry.catalog.state import recording_place, recordings_elsewhere
    from telemetry.cli._shared.catalog_engines import find_places
    from telemetry.cli._shared.catalog_reading import read_into
    from telemetry.cli._shared.input_files import FileFailures
    from telemetry.cli._shared.tables import table_console

    with change_catalog(folder) as change:
        elsewhere = recordings_elsewhere(change.state)
        _tell_elsewhere(elsewhere, "read again")
        before = {recording_place(folder, row): row for row in change.state.recordings if row not in elsewhere}
        files = {row["recording_id"]: row["file"] for row in change.state.laps}
        found: list[ReadRecording] = []

        def take(read: "ReadRecording") -> None:
            row = next((row for row in before.values() if row["recording_id"] == read.recording["recording_id"]), None)
            if row is None:
                raise TelemetryError(
                    f"{read.recording['path']} is not the recording that was added. Add it as a new one."
                )
            read.recording.update(path=row["path"], copied=row["copied"], stored_on=row.get("stored_on"))
            for lap in read.laps:
                lap["file"] = files.get(lap["recording_id"], lap["file"])
            found.append(read)

        failures = FileFailures(len(before), table_console(stderr=True), "read")
        read_into(change, find_places([*before], None), jobs, take, failures.add, again=True)
        change.remove([read.recording["recording_id"] for read in found])
        for read in found:
            change.add(read)
        change.merge(every=True)
        change.commit()
        print_message(f"{folder}: {_contents(change.state)}.")
    failures.check()


@catalog.command(cls=Command)
@expand_option_groups
def laps(
    folder: CatalogFolder = DEFAULT_CATALOG,
    *,
    filter_options: FilterOptions,
    output_options: OutputOptions,
) -> None:
    """Show the laps of the catalog that fit."""
    from telemetry.catalog.state import load_state

    output_options.check()
    state = load_state(folder)
    output_options.give_laps(filter_options.choose(state.laps))
    _tell_stale(state)


@catalog.command(cls=Command)
@expand_option_groups
def export(
    laps: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LAP...]",
            show_default=False,
            help="Laps by id, as [bold]'best(track,car)'[/] or [bold]@catalog:...[/]. Default: all that fit.",
        ),
    ] = None,
    folder: CatalogFolder = DEFAULT_CATALOG,
    *,
    filter_options: FilterOptions,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER|FILE",
            help="A folder for copies of their recordings, or a .parquet or .csv file for their samples.",
        ),
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Copy the recordings of laps, or write their samples into a table.

    The rows of laps are written by 'catalog laps --out', a dataset for learning by 'dataset minari @catalog:...'.
    """
    from telemetry.cli._shared.catalog_export import choose_laps, export_recordings, export_samples

    state, rows = choose_laps(folder, laps or [], filter_options)
    if out.suffix and not out.is_dir():
        export_samples(folder, state, rows, out, overwrite=overwrite)
    else:
        export_recordings(folder, state, rows, out, overwrite=overwrite)


@catalog.command(cls=Command)
@expand_option_groups
def best(
    folder: CatalogFolder = DEFAULT_CATALOG,
    track: Track = None,
    car: Car = None,
    driver: Driver = None,
    *,
    output_options: OutputOptions,
) -> None:
    """Show the best valid lap of each car on each track."""
    from telemetry.catalog.filters import LapFilter, best_laps
    from telemetry.catalog.state import load_state

    output_options.check()
    state = load_state(folder)
    output_options.give_laps(best_laps(LapFilter(track=track, car=car, driver=driver).choose(state.laps)))
    _tell_stale(state)


@catalog.command(cls=Command)
def info(folder: CatalogFolder = DEFAULT_CATALOG, as_json: AsJson = False) -> None:
    """Show what the catalog holds."""
    from telemetry.base.text import format_count
    from telemetry.catalog.filters import track_name
    from telemetry.catalog.state import load_state

    state = load_state(folder)
    size = sum(shard["size"] for shard in state.shards.values())
    values = {
        "folder": str(folder),
        "recordings": len(state.recordings),
        "laps": len(state.laps),
        "valid": sum(row["valid"] for row in state.laps),
        "tracks": sorted({track_name(row) for row in state.laps}),
        "cars": sorted({row["car"] for row in state.laps}),
        "drivers": sorted({row["driver"] for row in state.laps}),
        "rate_hz": state.rate_hz,
        "fields": list(state.fields),
        "files": len(state.shards),
        "size": size,
        "stale": state.stale,
    }
    if as_json:
        print_json(values)
        return
    print_lines(
        f"{folder}: {_contents(state)}, {values['valid']} of them valid",
        f"samples: {state.rate_hz:g} Hz, {format_count(len(state.fields), 'column')}, {size / 1e6:.1f} MB",
        *(f"{name}: {', '.join(map(str, values[name]))}" for name in ("tracks", "cars", "drivers")),
    )
    _tell_stale(state)


@catalog.command(cls=Command)
@expand_option_groups
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help='Like "select driver, min(time_ms) from laps group by 1".')],
    folder: CatalogFolder = DEFAULT_CATALOG,
    *,
    output_options: OutputOptions,
) -> None:
    """Ask in SQL, as DuckDB has it, over the views laps, samples and recordings."""
    from telemetry.catalog.query import run_query
    from telemetry.catalog.state import load_state

    output_options.check()
    output_options.give_table(run_query(folder, load_state(folder), sql))


@catalog.command(cls=Command)
def remove(
    names: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Recordings by their path, or the beginning of their id.")
    ],
    folder: CatalogFolder = DEFAULT_CATALOG,
) -> None:
    """Remove recordings from the catalog; the files themselves stay, unless they are its copies."""
    from telemetry.catalog.change import change_catalog
    from telemetry.catalog.state import absolute

    with change_catalog(folder) as change:
        ids: list[str] = []
        for name in names:
            found = [
                row["recording_id"]
                for row in change.state.recordings
                if row["path"] in (absolute(Path(name)), name)
                or (len(name) >= 8 and row["recording_id"].startswith(name))
            ]
            if not found:
                raise UsageError(f"The catalog holds no recording {name}.")
            ids += found
        change.remove(ids)
        change.commit()
        print_message(f"{folder}: {_contents(change.state)}.")


@catalog.command(cls=Command)
def check(folder: CatalogFolder = DEFAULT_CATALOG, as_json: AsJson = False) -> None:
    """Compare every file with its hash, and every lap with its samples; exit code 1 where something is wrong."""
    from telemetry.catalog.check import check_catalog
    from telemetry.catalog.state import load_state, recordings_elsewhere

    state = load_state(folder)
    problems = list(check_catalog(folder, state))
    _tell_elsewhere(recordings_elsewhere(state), "compared")
    if as_json:
        print_json([{"path": one.place, "text": one.text, "derived": one.is_derived} for one in problems])
    else:
        print_lines(*(one.text for one in problems))
        if not problems:
            print_lines(f"{folder}: {_contents(state)}, all as they were.")
    if problems:
        raise typer.Exit(1)


def _tell_elsewhere(rows: "list[Row]", verb: str) -> None:
    from telemetry.base.text import format_count, join_names

    if rows:
        hosts = join_names(sorted({row["stored_on"] for row in rows}), 5)
        print_message(f"{format_count(len(rows), 'recording')} on disks of other computers ({hosts}) not {verb}.")


def _new_state(folder: "CatalogStore", fields: str | None, rate: float | None) -> "CatalogState":
    """The state of a catalog that is made here; UsageError for settings of one that exists."""
    from telemetry.catalog.state import DEFAULT_FIELDS, DEFAULT_RATE_HZ, CatalogState
    from telemetry.fields.selection import select

    if (fields is not None or rate is not None) and folder.exists():
        raise UsageError(f"--fields and --rate are for a new catalog, and {folder} is one already.")
    chosen = DEFAULT_FIELDS if fields is None else tuple(column.key for column in select(fields))
    return CatalogState(rate_hz=rate or DEFAULT_RATE_HZ, fields=chosen)


def _tell_stale(state: "CatalogState") -> None:
    """Say that a rebuild pays, where it does."""
    if stale := state.stale:
        from telemetry.base.text import format_count

        derived = f"{format_count(stale, 'recording')} {'was' if stale == 1 else 'were'} derived by an older program"
        print_message(f"{derived}: this one finds other laps, or keeps more of them. It pays to run: catalog rebuild")


def _contents(state: "CatalogState") -> str:
    from telemetry.base.text import format_count

    return f"{format_count(len(state.recordings), 'recording')}, {format_count(len(state.laps), 'lap')}"
