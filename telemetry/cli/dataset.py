"""``dataset``: recordings as a dataset for reinforcement learning."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from telemetry.base.clock import Clock
from telemetry.base.errors import TelemetryError
from telemetry.base.text import format_count
from telemetry.cli._shared.catalog_folder import DEFAULT_CATALOG, CatalogFolder
from telemetry.cli._shared.dataset_recordings import find_recordings_and_laps
from telemetry.cli._shared.messages import print_lines, print_message, print_warning
from telemetry.cli._shared.option_groups import expand_option_groups
from telemetry.cli._shared.options import EngineKind, IncludeAi, NamedColumns, parse_lap_numbers, rate_option
from telemetry.cli._shared.progress import UPDATE_INTERVAL, progress_bar
from telemetry.cli._shared.stopping import Interrupted, stop_on_signal
from telemetry.cli._shared.thresholds import TyresOut
from telemetry.fields.thresholds import DEFAULTS, Thresholds

if TYPE_CHECKING:
    from telemetry.rl.datasets.build import BuildResult
    from telemetry.rl.datasets.exporter import RecordingResult, Watch

_WORK_PANEL: Final = "How it is converted"


class Format(StrEnum):
    """Formats of a dataset."""

    ASSETTO_CORSA_GYM = "assetto_corsa_gym"
    MINARI = "minari"
    PARQUET = "parquet"
    LEROBOT = "lerobot"
    NPZ = "npz"


class EpisodeKind(StrEnum):
    """What an episode is."""

    LAP = "lap"
    STINT = "stint"
    SESSION = "session"


class IncompleteDatasetError(TelemetryError):
    """The dataset is complete but for some recordings that could not be converted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOptions:
    """Where recordings are converted, and how many at once."""

    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            metavar="N",
            rich_help_panel=_WORK_PANEL,
            help="Recordings converted at the same time. Default: the number of cores.",
        ),
    ] = None
    engine: Annotated[
        EngineKind,
        typer.Option(rich_help_panel=_WORK_PANEL, help="Processes of this machine, or Ray, on one machine or many."),
    ] = EngineKind.LOCAL
    address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            rich_help_panel=_WORK_PANEL,
            help="A running Ray, or [bold]auto[/]. Default: start one here.",
        ),
    ] = None
    restart: Annotated[
        bool,
        typer.Option(
            "--restart", rich_help_panel=_WORK_PANEL, help="Discard an interrupted conversion, and start from scratch."
        ),
    ] = False


@expand_option_groups
def dataset(
    format_: Annotated[
        Format,
        typer.Argument(
            metavar="FORMAT",
            show_choices=False,
            help="[bold]assetto_corsa_gym[/]: its laps folder. [bold]minari[/]: for d3rlpy, TorchRL and others. "
            "[bold]parquet[/]: a table for Hugging Face datasets and data frames. [bold]lerobot[/]: its layout 3.0, "
            "without pictures. [bold]npz[/]: one file with the keys of D4RL.",
        ),
    ],
    recordings: Annotated[
        list[str],
        typer.Argument(
            metavar="RECORDINGS...",
            help="Recordings, like [bold]drive.mcap[/] or *.mcap; a folder means all recordings in and below it, "
            "[bold]@FILE[/] those that FILE lists, one a line. Laps of the catalog: [bold]@catalog:track=spa,valid[/].",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="The folder to make. For minari: the folder of all datasets; default MINARI_DATASETS_PATH, else "
            "~/.minari/datasets.",
        ),
    ] = None,
    spec: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Specification of observations, actions, rewards and ends: TOML or JSON."),
    ] = None,
    episode: Annotated[
        EpisodeKind | None,
        typer.Option(help="What an episode is. Default: lap; for assetto_corsa_gym stint.", show_default=False),
    ] = None,
    laps: Annotated[
        str | None, typer.Option(metavar="LIST", help="Only these laps, like [bold]3[/] or [bold]3,5,7-9[/].")
    ] = None,
    valid_only: Annotated[bool, typer.Option("--valid-only", help="Only valid laps.")] = False,
    include_ai: IncludeAi = False,
    rate: Annotated[float | None, rate_option("Steps", "that of the specification, 25")] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Id in assetto_corsa_gym or Minari. Default: a generated one.")
    ] = None,
    acgym: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A checkout of assetto_corsa_gym, for its tracks and cars.")
    ] = None,
    ac_root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The game's folder, for the borders of its tracks.")
    ] = None,
    steer_lock: Annotated[
        float | None, typer.Option(min=1.0, metavar="DEG", help="Steering lock of the car to one side, like 450.")
    ] = None,
    tracks: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="A folder of track files with borders, for the roads of their tracks. Default: none; only the demo's "
            "road is known.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write data that fails the consistency checks, with a warning.")
    ] = False,
    column_map: NamedColumns = None,
    *,
    catalog: CatalogFolder = DEFAULT_CATALOG,
    work_options: WorkOptions,
    tyres_out: TyresOut = DEFAULTS.tyres_out,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no summary.")] = False,
) -> None:
    """Make a dataset for reinforcement learning from recordings.

    A card and a quality report are written beside it.
    """
    found = find_recordings_and_laps(recordings, catalog)
    paths = found.paths
    from telemetry.rl.datasets.build import BuildRequest, BuildResult, build_dataset

    request = BuildRequest(
        format=format_.value,
        recordings=paths,
        output=output,
        spec=spec,
        episode=None if episode is None else episode.value,
        laps=None if laps is None else tuple(parse_lap_numbers(laps)),
        laps_of_runs=found.laps,
        valid_only=valid_only,
        include_ai=include_ai,
        rate=rate,
        name=name,
        acgym=acgym,
        ac_root=ac_root,
        steer_lock=steer_lock,
        column_map=column_map,
        tracks=tracks,
        force=force,
        jobs=work_options.jobs,
        engine=work_options.engine.value,
        address=work_options.address,
        restart=work_options.restart,
        thresholds=Thresholds(tyres_out=tyres_out),
    )
    clock = Clock(math.inf)
    with stop_on_signal(clock), _build_progress(len(paths), quiet=quiet) as (watch, count_recordings):

        def on_recording(result: "RecordingResult") -> None:
            count_recordings(1)
            if result.error:
                print_warning(result.error)

        def on_resume(converted: int) -> None:
            count_recordings(converted)
            if not quiet:
                print_message(f"Continuing: {_progress_text(converted, len(paths))} converted already.")

        result = build_dataset(request, clock, watch, on_recording, on_resume)
    if not isinstance(result, BuildResult):
        kept = f"{_progress_text(result.converted, result.total)} converted; the same command continues from there"
        raise Interrupted(f"Stopped before it was done; {kept if result.converted else 'nothing was written'}.")
    _print_result(result, quiet=quiet)
    if found.left_out:
        left = format_count(found.left_out, "recording")
        raise IncompleteDatasetError(f"{left} of the catalog {'is' if found.left_out == 1 else 'are'} not in it.")


def _print_result(result: "BuildResult", *, quiet: bool) -> None:
    """Print warnings and a summary; raises IncompleteDatasetError where recordings are missing in the dataset."""
    for warning in dict.fromkeys(warning for recording in result.results for warning in recording.warnings):
        print_warning(warning)
    for copy in filter(None, (recording.copy_warning for recording in result.results)):
        print_warning(copy)
    if not quiet:
        episodes = sum(len(recording.episodes) for recording in result.results)
        steps = sum(recording.steps for recording in result.results)
        print_message(f"{result.path}: {format_count(episodes, 'episode')}, {format_count(steps, 'step')}.")
        if result.message:
            print_lines(*result.message.split("\n"))
    if result.failed:
        failed = format_count(len(result.failed), "recording")
        verb = "is" if len(result.failed) == 1 else "are"
        raise IncompleteDatasetError(f"{failed} of {len(result.results)} could not be converted and {verb} not in it.")


def _progress_text(number: int, total: int) -> str:
    return f"{number:,} of {format_count(total, 'recording')} {'is' if number == 1 else 'are'}"


@contextmanager
def _build_progress(total: int, *, quiet: bool) -> Iterator[tuple["Watch", Callable[[int], None]]]:
    """Two functions: one shows the share of a recording that is done, the other counts recordings that are done."""
    with progress_bar(quiet=quiet) as progress:
        text = format_count(total, "recording")
        task = progress.add_task(text, total=total, detail="") if progress else None
        updates, done = 0, 0

        def watch(activity: str, share: float) -> None:
            nonlocal updates
            updates += 1
            if progress is not None and task is not None and updates % UPDATE_INTERVAL == 0:
                progress.update(task, completed=done + share, detail=activity)

        def count_recordings(number: int) -> None:
            nonlocal done
            done += number
            if progress is not None and task is not None:
                progress.update(task, completed=done, detail=f"{done:,} done")

        yield watch, count_recordings
