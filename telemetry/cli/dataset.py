"""``dataset``: recordings as a dataset for reinforcement learning."""

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from telemetry.base.clock import Clock
from telemetry.base.errors import TelemetryError, UsageError
from telemetry.base.text import format_count, format_lap_time
from telemetry.cli._shared.stopping import Interrupted, stop_on_signal
from telemetry.cli.convert import _parse_laps
from telemetry.fields.derived import DEFAULTS, Thresholds
from telemetry.sources import RECORDING_SUFFIXES

if TYPE_CHECKING:
    from telemetry.rl.datasets.exporter import RecordingResult, Watch

_SHOW_EVERY: Final = 512
"""Snapshots between two looks at the progress bar."""


class Format(StrEnum):
    """What can be made."""

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


class EngineKind(StrEnum):
    """What converts."""

    LOCAL = "local"
    RAY = "ray"


class _SomeFailed(TelemetryError):
    """The dataset is there, and some recordings are not in it."""


def dataset(
    format_: Annotated[
        Format,
        typer.Argument(
            metavar="FORMAT",
            help="[bold]assetto_corsa_gym[/]: its laps folder. [bold]minari[/]: for d3rlpy, TorchRL and others. "
            "[bold]parquet[/]: a table for Hugging Face datasets and data frames. [bold]lerobot[/]: its layout 3.0, "
            "without pictures. [bold]npz[/]: one file with the keys of D4RL.",
        ),
    ],
    recordings: Annotated[
        list[str],
        typer.Argument(
            metavar="RECORDINGS...",
            help="Recordings, like [bold]drive.mcap[/]; a folder stands for all in it and below, and [bold]@FILE[/] "
            "for those that FILE names, one a line.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="The folder to make. For minari: the folder of all datasets, by default "
            "that of MINARI_DATASETS_PATH, else ~/.minari/datasets.",
        ),
    ] = None,
    spec: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What is observed, done, rewarded and ends an episode: TOML or JSON."),
    ] = None,
    episode: Annotated[
        EpisodeKind | None,
        typer.Option(help="What an episode is. Default: a lap; for assetto_corsa_gym a stint.", show_default=False),
    ] = None,
    laps: Annotated[
        str | None, typer.Option(metavar="LIST", help="Only these laps, like [bold]3[/] or [bold]3,5,7-9[/].")
    ] = None,
    valid_only: Annotated[bool, typer.Option("--valid-only", help="Only laps that are valid.")] = False,
    rate: Annotated[
        float | None,
        typer.Option(min=0.1, max=333.0, metavar="HZ", help="Steps per second. Default: the specification's, 25."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The id of assetto_corsa_gym or Minari, if not a made-up one.")
    ] = None,
    acgym: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A checkout of assetto_corsa_gym, for its tracks and cars.")
    ] = None,
    ac_root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The game's folder, for the borders of its tracks.")
    ] = None,
    steer_lock: Annotated[
        float | None, typer.Option(min=1.0, metavar="DEG", help="Steering wheel's degrees at full lock.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write what fails the checks of signs too, and warn of it.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, metavar="N", help="Recordings at once. Default: the cores.")
    ] = None,
    engine: Annotated[
        EngineKind, typer.Option(help="What converts them: processes of this machine, or Ray, on one or on many.")
    ] = EngineKind.LOCAL,
    address: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Of a running Ray, or [bold]auto[/]. Default: one of its own, here."),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Throw away what an interrupted conversion did, and begin anew.")
    ] = False,
    tyres_out: Annotated[
        int, typer.Option(min=1, max=4, help="Tyres off the track that spoil a lap.")
    ] = DEFAULTS.tyres_out,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no summary.")] = False,
) -> None:
    """Make a dataset for reinforcement learning from recordings.

    A card and a quality report are written beside it.
    """
    paths = tuple(_recordings(recordings))
    from telemetry.rl.datasets.build import BuildRequest, BuildResult, build_dataset  # noqa: PLC0415 - numpy, and --help needs none of it

    request = BuildRequest(
        format=format_.value,
        recordings=paths,
        output=output,
        spec=spec,
        episode=None if episode is None else episode.value,
        laps=None if laps is None else tuple(_parse_laps(laps)),
        valid_only=valid_only,
        rate=rate,
        name=name,
        acgym=acgym,
        ac_root=ac_root,
        steer_lock=steer_lock,
        force=force,
        jobs=jobs,
        engine=engine.value,
        address=address,
        restart=restart,
        thresholds=Thresholds(tyres_out=tyres_out),
    )
    clock = Clock(math.inf)
    with stop_on_signal(clock), _progress(len(paths), quiet=quiet) as (watch, count):

        def done(result: "RecordingResult") -> None:
            count(1)
            if result.error:
                print(f"ac-telemetry: {result.error}", file=sys.stderr)

        def resumed(converted: int) -> None:
            count(converted)
            if not quiet:
                print(f"Going on: {_of(converted, len(paths))} converted already.", file=sys.stderr)

        made = build_dataset(request, clock, watch, done, resumed)
    if not isinstance(made, BuildResult):
        kept = f"{_of(made.converted, made.total)} converted; the same command goes on from there"
        raise Interrupted(f"Stopped before it was done; {kept if made.converted else 'nothing was written'}.")
    for warning in dict.fromkeys(warning for result in made.results for warning in result.warnings):
        print(f"ac-telemetry: {warning}", file=sys.stderr)
    if not quiet:
        episodes = sum(len(result.episodes) for result in made.results)
        steps = sum(result.steps for result in made.results)
        print(f"{made.path}: {format_count(episodes, 'episode')}, {format_count(steps, 'step')}.", file=sys.stderr)
        if made.message:
            print(made.message)
    if made.failed:
        raise _SomeFailed(
            f"1 recording of {len(made.results)} could not be converted and is not in it."
            if len(made.failed) == 1
            else f"{len(made.failed)} recordings of {len(made.results)} could not be converted and are not in it."
        )


def _of(number: int, total: int) -> str:
    return f"{number:,} of {format_count(total, 'recording')} {'is' if number == 1 else 'are'}"


def _recordings(arguments: Iterable[str], *, lists: bool = True) -> Iterator[Path]:
    """The recordings that are meant, those of a folder in the order of their names. UsageError where there is none."""
    for argument in arguments:
        path = Path(argument)
        if lists and argument.startswith("@") and not path.exists():
            listed = Path(argument[1:])
            try:
                lines = listed.read_text(encoding="utf-8-sig").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
                raise UsageError(f"The list of recordings {listed} cannot be read: {reason}.") from error
            yield from _recordings((line.strip() for line in lines if line.strip()), lists=False)
        elif path.is_dir():
            found = sorted(one for one in path.rglob("*") if one.name.endswith(RECORDING_SUFFIXES) and one.is_file())
            visible = [one for one in found if not any(part.startswith(".") for part in one.relative_to(path).parts)]
            if not visible:
                raise UsageError(f"There is no recording in the folder {path}.")
            yield from visible
        elif path.is_file():
            yield path
        else:
            raise UsageError(f"There is no recording {path}.")


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[tuple["Watch", Callable[[int], None]]]:
    """What is shown the work in this process, and what counts recordings that are done."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        from telemetry.rl.datasets.exporter import ignore_samples  # noqa: PLC0415 - loaded already

        yield ignore_samples, lambda _: None
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[driven]}"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("recordings", total=total, driven="")
        seen = 0

        def watch(what: str, seconds: float) -> None:
            nonlocal seen
            seen += 1
            if seen % _SHOW_EVERY == 0:
                progress.update(task, driven=f"{what} {format_lap_time(int(seconds * 1e3))}")

        yield watch, lambda number: progress.update(task, advance=number, driven="")
