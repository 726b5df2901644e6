"""Makes a dataset of recordings: one folder, complete or not at all."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import orjson

from telemetry.analysis.same_drive import find_copies, find_overlaps
from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError, SourceError, TelemetryError, UsageError
from telemetry.base.program import program_digest
from telemetry.base.text import to_unicode
from telemetry.base.typing import override
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.rl.acgym.exporter import ACGYM_RATE_HZ, AcgymExporter
from telemetry.rl.datasets.card import write_card_and_report
from telemetry.rl.datasets.convert import Job, job_key, read_result
from telemetry.rl.datasets.engines import ENGINES, EngineName, WorkerEngine
from telemetry.rl.datasets.episodes import EpisodeConfig, EpisodeKind, LapsOfRuns, Ranges
from telemetry.rl.datasets.exporter import Exporter, RecordingResult, StagedRecording, Watch, ignore
from telemetry.rl.datasets.formats import minari
from telemetry.rl.datasets.formats.lerobot import LeRobotExporter
from telemetry.rl.datasets.formats.npz import NpzExporter
from telemetry.rl.datasets.formats.parquet import ParquetExporter
from telemetry.rl.datasets.provenance import PinnedFile
from telemetry.rl.datasets.staging import StagingFolder
from telemetry.rl.spec import Spec, as_spec
from telemetry.tracks.track_folder import TrackFolder

Format = Literal["assetto_corsa_gym", "minari", "parquet", "lerobot", "npz"]
"""The name of a dataset format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """Which dataset to make of which recordings."""

    format: Format
    recordings: tuple[Path, ...]
    """A recording that is named twice is converted once."""
    output: Path | None = None
    """The folder to make; for Minari the folder of all datasets, by default Minari's own."""
    spec: Spec | Path | None = None
    """The task; None: the default one."""
    episode: EpisodeKind | None = None
    """What an episode is; None: a lap, for assetto_corsa_gym a stint."""
    laps: Ranges | None = None
    """Only these laps; None: all."""
    laps_of_runs: Mapping[Path, LapsOfRuns] = field(default_factory=dict)
    """Only these laps of some of the recordings."""
    valid_only: bool = False
    """Only valid laps."""
    include_ai: bool = False
    """Whether laps that the game's AI drove can be valid."""
    rate: float | None = None
    """Steps per second; None: that of the specification."""
    name: str | None = None
    """The id of a dataset of Minari or assetto_corsa_gym; None: made from the recordings."""
    acgym: Path | None = None
    """A checkout of assetto_corsa_gym."""
    ac_root: Path | None = None
    """The folder of the game."""
    steer_lock: float | None = None
    """Degrees of the steering wheel at full lock."""
    column_map: Path | None = None
    """A file that names the columns of other programs' tables."""
    tracks: Path | None = None
    """A folder of track files whose roads are used beside the known ones; None: only those that are known."""
    force: bool = False
    """Whether to write columns that fail their checks."""
    jobs: int | None = 1
    """How many recordings are converted at once, each in its own process; None: one per processor of the engine."""
    engine: EngineName = "local"
    address: str | None = None
    """The address of a running Ray; None: start one on this machine."""
    restart: bool = False
    """Whether to discard what an interrupted conversion has left, instead of resuming it."""
    thresholds: Thresholds = DEFAULTS


@dataclass(frozen=True, slots=True)
class BuildResult:
    """A finished dataset."""

    path: Path
    results: tuple[RecordingResult, ...]
    """In the order of the recordings."""
    message: str
    """What the user should do next."""

    @property
    def failed(self) -> tuple[RecordingResult, ...]:
        """The recordings that are not in the dataset."""
        return tuple(result for result in self.results if result.error)


@dataclass(frozen=True, slots=True)
class Stopped:
    """A conversion whose clock was stopped; the same request resumes it."""

    converted: int
    """Recordings that are converted."""
    total: int


def build_dataset(
    request: BuildRequest,
    clock: Clock,
    watch: Watch = ignore,
    done: Callable[[RecordingResult], None] = ignore,
    resumed: Callable[[int], None] = ignore,
) -> BuildResult | Stopped:
    """Make a dataset, complete or not at all; a conversion that was interrupted before is resumed.

    A recording that fails is omitted, and its result has an error; a repeated call tries it again. ``watch`` gets the
    progress in the recording that this process converts, ``resumed`` the number of recordings that were converted
    before, and ``done`` each new result. Raises :class:`telemetry.TelemetryError` if no dataset can be made.
    """
    exporter, config, path = _plan(request)
    exporter.check()
    engine = ENGINES[request.engine](request.jobs, request.address)
    recordings = tuple({recording.absolute(): recording for recording in request.recordings}.values())
    with StagingFolder(path, _settings(exporter, config), restart=request.restart) as staging:
        jobs = [
            Job(exporter, replace(config, laps_of_runs=laps), recording, staging.parts, _job_key(recording, laps))
            for recording in recordings
            for laps in [request.laps_of_runs.get(recording)]
        ]
        kept = {str(job.path): result for job in jobs if (result := read_result(job.parts / job.key)) is not None}
        results = _convert_all(jobs, kept, engine, clock, watch, done, resumed)
        good = sum(not result.error for result in results.values())
        if len(results) < len(jobs):
            return Stopped(good, len(jobs))
        if not good:
            raise SourceError("No dataset was made: none of the recordings could be converted.")
        results = _without_copies(jobs, results)
        staged = [
            StagedRecording(number, job.parts / job.key, results[str(job.path)])
            for number, job in enumerate(jobs)
            if results[str(job.path)].episodes
        ]
        try:
            with staging.dataset() as folder:
                with _explained(staging, has_old_parts=bool(kept)):
                    summary = exporter.finish(folder, _Interruptible(staged, clock))
                results |= {result.recording: result for result in summary.results}
                in_order = tuple(results[str(job.path)] for job in jobs)
                write_card_and_report(folder, exporter, config, summary, in_order)
        except _StoppedError:
            return Stopped(good, len(jobs))
    if isinstance(exporter, minari.MinariExporter):
        minari.mark_namespaces(minari.find_root(request.output), exporter.dataset_id)
    return BuildResult(path, in_order, summary.message)


@contextmanager
def _explained(staging: StagingFolder, *, has_old_parts: bool) -> Iterator[None]:
    """Say what to do where parts from before were damaged or changed, instead of how that shows in a library."""
    try:
        yield
    except (TelemetryError, _StoppedError, MemoryError):
        raise
    except Exception as error:
        if not has_old_parts or (isinstance(error, OSError) and not isinstance(error, FileNotFoundError)):
            raise
        raise SinkError(
            f"What was converted before, in {staging.parts}, is damaged or was changed: {type(error).__name__}: "
            f"{error}. Discard it with --restart."
        ) from error


def _convert_all(
    jobs: Sequence[Job],
    kept: Mapping[str, RecordingResult],
    engine: WorkerEngine,
    clock: Clock,
    watch: Watch,
    done: Callable[[RecordingResult], None],
    resumed: Callable[[int], None],
) -> dict[str, RecordingResult]:
    """The results by recording: those from before, and those of the engine; incomplete if the clock was stopped."""
    results = dict(kept)
    if results:
        resumed(len(results))
    for result in engine.run([job for job in jobs if str(job.path) not in results], clock, watch):
        results[result.recording] = result
        done(result)
    return results


def _without_copies(jobs: Sequence[Job], results: Mapping[str, RecordingResult]) -> dict[str, RecordingResult]:
    """The results, those without episodes that hold the same drive as another recording of the dataset.

    Recordings that share a part of a drive are all kept, with a warning.
    """
    marked = dict(results)
    held = [
        (str(job.path), fingerprint)
        for job in jobs
        if marked[str(job.path)].episodes and (fingerprint := marked[str(job.path)].fingerprint) is not None
    ]
    copies = find_copies([fingerprint for _, fingerprint in held])
    for copy, original in copies.items():
        name, _ = held[copy]
        marked[name] = marked[name].as_copy_of(held[original][0])
    kept = [entry for number, entry in enumerate(held) if number not in copies]
    for longer, shorter, seconds in find_overlaps([fingerprint for _, fingerprint in kept]):
        name, other = kept[shorter][0], kept[longer][0]
        warning = (
            f"{name} and {other} share about {seconds} s of the same drive; what both have is in the dataset twice."
        )
        marked[name] = replace(marked[name], warnings=(*marked[name].warnings, warning))
    return marked


class _StoppedError(Exception):
    """The clock was stopped while the dataset was finished."""


@dataclass(frozen=True, slots=True)
class _Interruptible(Iterable[StagedRecording]):
    """Staged recordings; iterating them raises _StoppedError after the clock was stopped."""

    staged: Sequence[StagedRecording]
    clock: Clock

    @override
    def __iter__(self) -> Iterator[StagedRecording]:
        for recording in self.staged:
            if self.clock.stopped:
                raise _StoppedError
            yield recording


def _settings(exporter: Exporter, config: EpisodeConfig) -> dict[str, Any]:
    """Everything that the part of a recording depends on, except the recording, as values of JSON."""
    options = asdict(exporter)
    values = {
        "program": program_digest(),
        "format": exporter.title,
        "options": options,
        "episodes": asdict(config),
    }
    settings: dict[str, Any] = orjson.loads(orjson.dumps(values, default=lambda value: to_unicode(str(value))))
    return settings


def _job_key(recording: Path, laps: LapsOfRuns | None) -> str:
    try:
        return job_key(recording, laps)
    except OSError:
        return "gone"  # the conversion reports it


def _plan(request: BuildRequest) -> tuple[Exporter, EpisodeConfig, Path]:
    """The exporter, the episodes, and the folder of the dataset. Raises UsageError for options that do not fit."""
    for option, value in (
        ("--acgym", request.acgym),
        ("--ac-root", request.ac_root),
        ("--steer-lock", request.steer_lock),
    ):
        if value is not None and request.format != "assetto_corsa_gym":
            raise UsageError(f"{option} is for assetto_corsa_gym.")
    is_acgym = request.format == "assetto_corsa_gym"
    config = EpisodeConfig(
        kind=request.episode or ("stint" if is_acgym else "lap"),
        rate=request.rate or ACGYM_RATE_HZ,
        laps=request.laps,
        valid_only=request.valid_only,
        include_ai=request.include_ai,
        smooth_frames=is_acgym,
        column_map=None if request.column_map is None else PinnedFile.of(request.column_map),
        thresholds=request.thresholds,
    )
    path = request.output
    tracks = None if request.tracks is None else TrackFolder.read(request.tracks)
    if request.format == "assetto_corsa_gym":
        if request.spec is not None:
            raise UsageError("--spec is not for assetto_corsa_gym, whose environment defines its own task.")
        exporter: Exporter = AcgymExporter(
            acgym=request.acgym,
            ac_root=request.ac_root,
            steer_lock=request.steer_lock,
            name=request.name,
            force=request.force,
            tracks=tracks,
        )
    else:
        spec = as_spec(request.spec)
        if request.rate is not None:
            spec = replace(spec, control_hz=request.rate)
        config = replace(config, rate=spec.control_hz)
        if request.format == "minari":
            dataset_id = minari.make_id(request.name, request.recordings[0])
            exporter = minari.MinariExporter(spec=spec, dataset_id=dataset_id, tracks=tracks)
            path = minari.find_root(request.output) / dataset_id
        elif request.format == "parquet":
            exporter = ParquetExporter(spec=spec, tracks=tracks)
        elif request.format == "lerobot":
            exporter = LeRobotExporter(spec=spec, tracks=tracks)
        else:
            exporter = NpzExporter(spec=spec, tracks=tracks)
    if path is None:
        raise UsageError(f"Missing option --output: name the folder that {request.format} makes.")
    return exporter, config, path
