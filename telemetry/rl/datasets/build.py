"""Makes a dataset: recordings in, one folder out."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import orjson

from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError, UsageError
from telemetry.fields.derived import DEFAULTS, Thresholds
from telemetry.rl.acgym.exporter import ITS_RATE, AcgymExporter
from telemetry.rl.datasets.card import write_beside
from telemetry.rl.datasets.convert import Job, job_key, kept
from telemetry.rl.datasets.engines import ENGINES, EngineName
from telemetry.rl.datasets.episodes import EpisodeConfig, EpisodeKind, Ranges
from telemetry.rl.datasets.exporter import (
    Exporter,
    RecordingResult,
    StagedRecording,
    Watch,
    ignore_progress,
    ignore_samples,
)
from telemetry.rl.datasets.formats import minari
from telemetry.rl.datasets.formats.lerobot import LeRobotExporter
from telemetry.rl.datasets.formats.npz import NpzExporter
from telemetry.rl.datasets.formats.parquet import ParquetExporter
from telemetry.rl.datasets.provenance import program
from telemetry.rl.datasets.staging import StagingFolder
from telemetry.rl.spec import Spec, as_spec

Format = Literal["assetto_corsa_gym", "minari", "parquet", "lerobot", "npz"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """What is to be made of which recordings."""

    format: Format
    recordings: tuple[Path, ...]
    """Each is taken once, however often it is named."""
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
    jobs: int | None = 1
    """How many recordings at once, each in a process of its own; None: as many as the engine has processors."""
    engine: EngineName = "local"
    address: str | None = None
    """Of a running Ray; None: one of its own, on this machine."""
    restart: bool = False
    """Whether what an interrupted conversion left is thrown away, and not gone on with."""
    thresholds: Thresholds = DEFAULTS


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What became of it."""

    path: Path
    results: tuple[RecordingResult, ...]
    """In the order of the recordings."""
    message: str
    """What the user should do next."""

    @property
    def failed(self) -> tuple[RecordingResult, ...]:
        """The recordings that are not in it."""
        return tuple(result for result in self.results if result.error)


def unresumed(count: int) -> None:
    """Tell nobody how many recordings are converted already."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a conversion leaves whose clock was stopped: the recordings that are done, from which the same goes on."""

    converted: int
    total: int


def build_dataset(
    request: BuildRequest,
    clock: Clock,
    watch: Watch = ignore_samples,
    done: Callable[[RecordingResult], None] = ignore_progress,
    resumed: Callable[[int], None] = unresumed,
) -> BuildResult | Stopped:
    """Make a dataset, whole or not at all, and go on where the same was interrupted before.

    A recording that fails is left out, and said to be; one that failed before it was interrupted is tried again.
    ``watch`` is shown the progress in the recording that this process converts, ``resumed`` how many are converted
    already, and ``done`` each that is converted. Raises :class:`telemetry.TelemetryError` where there is nothing to be
    made.
    """
    exporter, cut, path = _plan(request)
    exporter.check()
    engine = ENGINES[request.engine](request.jobs, request.address)
    recordings = tuple({one.absolute(): one for one in request.recordings}.values())
    with StagingFolder(path, _settings(exporter, cut), restart=request.restart) as work:
        jobs = [Job(exporter, cut, one, work.parts, _key_of(one)) for one in recordings]
        before = {job.path: kept(job.parts / job.key) for job in jobs}
        found = {str(one): result for one, result in before.items() if result is not None}
        if found:
            resumed(len(found))
        for result in engine.run([job for job in jobs if str(job.path) not in found], clock, watch):
            found[result.recording] = result
            done(result)
        good = sum(not result.error for result in found.values())
        if len(found) < len(jobs):
            return Stopped(good, len(jobs))
        if not good:
            raise SourceError("Nothing was made: none of the recordings could be converted.")
        results = [found[str(job.path)] for job in jobs]
        parts = [
            StagedRecording(number, job.parts / job.key, result)
            for number, (job, result) in enumerate(zip(jobs, results, strict=True))
            if not result.error
        ]
        try:
            with work.dataset() as folder:
                finished = exporter.finish(folder, _Interruptible(parts, clock))
                moved = {result.recording: result for result in finished.results}
                results = [moved.get(result.recording, result) for result in results]
                write_beside(folder, exporter, cut, finished, results)
        except _StoppedError:
            return Stopped(good, len(jobs))
    if isinstance(exporter, minari.MinariExporter):
        minari.mark_namespaces(minari.find_root(request.output), exporter.dataset_id)
    return BuildResult(path, tuple(results), finished.message)


class _StoppedError(Exception):
    """The user ended it."""


@dataclass(frozen=True, slots=True)
class _Interruptible(Iterable[StagedRecording]):
    """Parts that can be gone through until the clock is stopped."""

    parts: list[StagedRecording]
    clock: Clock

    def __iter__(self) -> Iterator[StagedRecording]:
        for part in self.parts:
            if self.clock.stopped:
                raise _StoppedError
            yield part


def _settings(exporter: Exporter, cut: EpisodeConfig) -> dict[str, Any]:
    """All that the part of a recording depends on but the recording, as JSON knows it."""
    values = {"program": program(), "format": exporter.title, "options": asdict(exporter), "cut": asdict(cut)}  # type: ignore[call-overload]
    settings: dict[str, Any] = orjson.loads(orjson.dumps(values, default=str))
    return settings


def _key_of(recording: Path) -> str:
    try:
        return job_key(recording)
    except OSError:
        return "gone"  # converting says so


def _plan(request: BuildRequest) -> tuple[Exporter, EpisodeConfig, Path]:
    """The exporter, how it cuts, and the folder that it makes."""
    for option, value in (
        ("--acgym", request.acgym),
        ("--ac-root", request.ac_root),
        ("--steer-lock", request.steer_lock),
    ):
        if value is not None and request.format != "assetto_corsa_gym":
            raise UsageError(f"{option} is for assetto_corsa_gym.")
    is_acgym = request.format == "assetto_corsa_gym"
    cut = EpisodeConfig(
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
            identity = minari.make_id(request.name, request.recordings[0])
            exporter = minari.MinariExporter(spec=spec, dataset_id=identity)
            path = minari.find_root(request.output) / identity
        elif request.format == "parquet":
            exporter = ParquetExporter(spec=spec)
        elif request.format == "lerobot":
            exporter = LeRobotExporter(spec=spec)
        else:
            exporter = NpzExporter(spec=spec)
    if path is None:
        raise UsageError(f"Say where to put it: {request.format} makes the folder that --output names.")
    return exporter, cut, path
