"""Makes a dataset: recordings in, one folder out."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from telemetry.clock import Clock
from telemetry.derived import DEFAULTS, Thresholds
from telemetry.errors import SourceError, UsageError
from telemetry.rl.datasets import minari
from telemetry.rl.datasets.acgym import ITS_RATE, AcgymExporter
from telemetry.rl.datasets.card import write_beside
from telemetry.rl.datasets.d4rl import NpzExporter
from telemetry.rl.datasets.episodes import Cut, EpisodeKind, Ranges
from telemetry.rl.datasets.plain import ParquetExporter
from telemetry.rl.datasets.work import Exporter, Job, Piece, Watch, convert_all, untold, unwatched, whole_folder
from telemetry.rl.spec import Spec, as_spec

Format = Literal["assetto_corsa_gym", "minari", "parquet", "npz"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be made of which recordings."""

    format: Format
    recordings: tuple[Path, ...]
    output: Path | None = None
    """The folder to make; for Minari that of all datasets, where None stands for its own."""
    spec: Spec | Path | None = None
    """The task; None: the default one."""
    episode: EpisodeKind | None = None
    """None: a lap, and a stint for assetto_corsa_gym."""
    laps: Ranges | None = None
    valid_only: bool = False
    rate: float | None = None
    """Steps per second; None: the specification's."""
    name: str | None = None
    acgym: Path | None = None
    ac_root: Path | None = None
    steer_lock: float | None = None
    force: bool = False
    jobs: int = 1
    """How many recordings at once, each in a process of its own."""
    thresholds: Thresholds = DEFAULTS


@dataclass(frozen=True, slots=True)
class Made:
    """What became of it."""

    path: Path
    pieces: tuple[Piece, ...]
    """In the order of the recordings."""
    message: str
    """What the user should do next."""

    @property
    def failed(self) -> tuple[Piece, ...]:
        """The recordings that are not in it."""
        return tuple(piece for piece in self.pieces if piece.error)


def make(
    request: Request, clock: Clock, watch: Watch = unwatched, done: Callable[[Piece], None] = untold
) -> Made | None:
    """Make a dataset, whole or not at all; None when the clock was stopped before it was done.

    A recording that fails is left out, and said to be. ``watch`` is shown the progress in the recording that this
    process converts, ``done`` each that is converted. Raises :class:`telemetry.TelemetryError` where there is nothing
    to be made.
    """
    exporter, cut, path = _plan(request)
    exporter.check()
    with suppress(_StoppedError), whole_folder(path) as folder:
        jobs = [Job(exporter, cut, recording, folder, place) for place, recording in enumerate(request.recordings)]
        found: dict[int, Piece] = {}
        for piece in convert_all(jobs, request.jobs, clock, watch):
            found[piece.number] = piece
            done(piece)
        if clock.stopped:
            raise _StoppedError
        pieces = tuple(found[place] for place in sorted(found))
        good = [piece for piece in pieces if not piece.error]
        if not good:
            raise SourceError("Nothing was made: none of the recordings could be converted.")
        finished = exporter.finish(folder, good)
        write_beside(folder, exporter, cut, finished, pieces)
    if clock.stopped:
        return None
    if isinstance(exporter, minari.MinariExporter):
        minari.mark_namespaces(minari.root_of(request.output), exporter.dataset_id)
    return Made(path, pieces, finished.message)


class _StoppedError(Exception):
    """The user ended it."""


def _plan(request: Request) -> tuple[Exporter, Cut, Path]:
    """The exporter, how it cuts, and the folder that it makes."""
    for option, value in (
        ("--acgym", request.acgym),
        ("--ac-root", request.ac_root),
        ("--steer-lock", request.steer_lock),
    ):
        if value is not None and request.format != "assetto_corsa_gym":
            raise UsageError(f"{option} is for assetto_corsa_gym.")
    is_acgym = request.format == "assetto_corsa_gym"
    cut = Cut(
        kind=request.episode or ("stint" if is_acgym else "lap"),
        rate=request.rate or ITS_RATE,
        laps=request.laps,
        valid_only=request.valid_only,
        smooth_frames=is_acgym,
        thresholds=request.thresholds,
    )
    path = request.output
    if request.format == "assetto_corsa_gym":
        if request.spec is not None:
            raise UsageError("--spec is not for assetto_corsa_gym, whose environment has a task of its own.")
        exporter: Exporter = AcgymExporter(
            acgym=request.acgym,
            ac_root=request.ac_root,
            steer_lock=request.steer_lock,
            name=request.name,
            force=request.force,
        )
    else:
        spec = as_spec(request.spec)
        if request.rate is not None:
            spec = replace(spec, control_hz=request.rate)
        cut = replace(cut, rate=spec.control_hz)
        if request.format == "minari":
            identity = minari.id_of(request.name, request.recordings[0])
            exporter = minari.MinariExporter(spec=spec, dataset_id=identity)
            path = minari.root_of(request.output) / identity
        elif request.format == "parquet":
            exporter = ParquetExporter(spec=spec)
        else:
            exporter = NpzExporter(spec=spec)
    if path is None:
        raise UsageError(f"Say where to put it: {request.format} makes the folder that --output names.")
    return exporter, cut, path
