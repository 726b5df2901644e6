"""From recordings to a dataset: one after the other or several at once, whole or not at all, none lost in silence."""

import math
import multiprocessing
import os
import shutil
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path
from threading import Thread
from typing import Any, Final

from telemetry.clock import Clock
from telemetry.errors import SinkError, TelemetryError, UsageError
from telemetry.io import open_source
from telemetry.io.mcap import McapRecording
from telemetry.io.mcap.layout import FILE_METADATA
from telemetry.quality import Finding, Report, findings_of
from telemetry.rl.datasets.episodes import Cut, Episode, Losses, episodes, survey
from telemetry.rl.datasets.signs import Check

Watch = Callable[[str, float], None]
"""Is shown what is being done and the recording's time, in seconds."""


def unwatched(what: str, seconds: float) -> None:
    """Show it to nobody."""


def untold(piece: "Piece") -> None:
    """Tell nobody of a piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a dataset says of one of its episodes."""

    file: str
    """The file that holds it, in the dataset's folder; empty where all are in one."""
    recording: str
    laps: tuple[int, ...]
    """Their numbers."""
    lap_times_ms: tuple[int | None, ...]
    steps: int
    end: str
    car: str
    track: str
    """With its layout, as in ``spa (short)``."""
    session: str
    driver: str
    began: float
    """Unix time of its first sample."""
    terminated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What one recording gave: its episodes, or the reason why there are none."""

    recording: str
    number: int
    """Its place among the recordings."""
    report: Report | None = None
    findings: tuple[Finding, ...] = ()
    episodes: tuple[About, ...] = ()
    losses: Losses = field(default_factory=Losses)
    checks: tuple[Check, ...] = ()
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    """What the format wants to know of it at the end."""
    policy: str = ""
    """Who drove, where the recording says that it was no human."""
    error: str = ""

    @property
    def steps(self) -> int:
        """Steps of all episodes."""
        return sum(one.steps for one in self.episodes)

    def to_dict(self) -> dict[str, Any]:
        """What the quality report says of it."""
        return {
            "recording": self.recording,
            "error": self.error or None,
            "warnings": list(self.warnings),
            "findings": [asdict(one) for one in self.findings],
            "checks": [one.to_dict() for one in self.checks],
            "left_out": asdict(self.losses),
            "episodes": [asdict(one) for one in self.episodes],
            "report": self.report.to_dict() if self.report else None,
        }


@dataclass(frozen=True, slots=True)
class Written:
    """What a format made of one recording."""

    episodes: tuple[About, ...]
    checks: tuple[Check, ...] = ()
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


class Exporter(ABC):
    """One format. It goes to other processes, so it is made of plain values, and what it did is in its results."""

    @property
    @abstractmethod
    def title(self) -> str:
        """The format, for a person."""

    @abstractmethod
    def check(self) -> None:
        """Refuse at once what cannot work: a library that is missing, a folder that is not there. UsageError."""

    @abstractmethod
    def convert(self, found: Iterator[Episode], cut: Cut, folder: Path, number: int, losses: Losses) -> Written:
        """Write the episodes of recording ``number`` into a folder that others write to at the same time.

        What goes into no episode is counted in ``losses``.
        """

    @abstractmethod
    def finish(self, folder: Path, pieces: Sequence[Piece]) -> "Finished":
        """Make a dataset of what all recordings gave, which is at least one episode."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What is to be said of a whole dataset."""

    card: tuple[tuple[str, str], ...] = ()
    """Chapters for its card: a heading and Markdown."""
    front_matter: str = ""
    """YAML before the card, for tools."""
    message: str = ""
    """What the user should do next."""
    moved: Mapping[str, str] = field(default_factory=dict)
    """How the beginnings of the episodes' file names changed."""


@dataclass(frozen=True, slots=True)
class Job:
    """One recording to be converted: all that another process needs."""

    exporter: Exporter
    cut: Cut
    path: Path
    folder: Path
    number: int


def convert(job: Job, clock: Clock, watch: Watch = unwatched) -> Piece:
    """What a recording gives; an error of ours, or of the system, is the reason in the piece."""
    name = str(job.path)
    report: Report | None = None
    losses = Losses()
    try:
        with open_source(job.path) as source:
            found = survey(
                source, job.path, clock, thresholds=job.cut.thresholds, watch=lambda time: watch("looking", time)
            )
            report = found.report
            stream = episodes(source, found, job.cut, clock, losses, lambda time: watch("converting", time))
            policy = (
                source.metadata.get(FILE_METADATA, {}).get("policy", "") if isinstance(source, McapRecording) else ""
            )
            written = job.exporter.convert(stream, job.cut, job.folder, job.number, losses)
    except Exception as error:  # noqa: BLE001 - one recording must not end the work on thousands
        text = str(error)
        if isinstance(error, OSError):
            text = f"{name} was not converted: {error.strerror or error}."
        elif not isinstance(error, TelemetryError):
            text = f"{name} was not converted, by a mistake of this program: {type(error).__name__}: {error}"
        findings = findings_of(report) if report else ()
        return Piece(recording=name, number=job.number, report=report, findings=findings, losses=losses, error=text)
    laps = len(found.laps)
    none = f"{name}: there is no such episode in it; it has {laps} {'lap' if laps == 1 else 'laps'}."
    return Piece(
        recording=name,
        number=job.number,
        report=report,
        findings=findings_of(found.report),
        episodes=written.episodes,
        losses=losses,
        checks=written.checks,
        warnings=written.warnings,
        details=written.details,
        policy=policy,
        error="" if written.episodes else none,
    )


def convert_all(jobs: Sequence[Job], workers: int, clock: Clock, watch: Watch) -> Iterator[Piece]:
    """What all recordings give, in no order where several processes work; ends early when the clock is stopped."""
    if workers <= 1 or len(jobs) <= 1:
        for job in jobs:
            if clock.stopped:
                return
            yield convert(job, clock, watch)
        return
    # Spawned, not forked: Arrow and HDF5 have threads of their own, which do not survive a fork.
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    with ProcessPoolExecutor(
        min(workers, len(jobs)), mp_context=context, initializer=_begin_worker, initargs=(stop,)
    ) as pool:
        waiting = {pool.submit(_convert_here, job): job for job in jobs}
        try:
            while waiting and not clock.stopped:
                done, _ = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in done:
                    yield _result(future, waiting.pop(future))
        finally:
            stop.set()
            for future in waiting:
                future.cancel()


def _result(future: Future[Piece], job: Job) -> Piece:
    try:
        return future.result()
    except BrokenProcessPool:
        text = (
            f"{job.path} was not converted: a process that worked on the recordings died; there may be no memory left."
        )
        return Piece(recording=str(job.path), number=job.number, error=text)


_clock: Final = Clock(math.inf)
"""What the jobs of a worker stop by."""


def _begin_worker(stop: Event) -> None:
    """Leave an interrupt to the process that leads, and stop when it says so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        stop.wait()
        _clock.stop()

    Thread(target=follow, daemon=True).start()


def _convert_here(job: Job) -> Piece:
    return convert(job, _clock)


@contextmanager
def undone_on_error(files: list[Path]) -> Iterator[None]:
    """Takes these files away when the block ends in an error: a recording is in a dataset as a whole, or not at all."""
    try:
        yield
    except BaseException:
        for file in files:
            file.unlink(missing_ok=True)
        raise


def about(episode: Episode, file: str, *, steps: int | None = None, end: str = "", terminated: bool = False) -> About:
    """What there is to say of an episode."""
    first = episode.samples[0]
    layout = first.track_configuration
    return About(
        file=file,
        recording=episode.recording,
        laps=tuple(lap.number for lap in episode.laps),
        lap_times_ms=tuple(lap.time_ms for lap in episode.laps),
        steps=len(episode.samples) if steps is None else steps,
        end=end or episode.end,
        car=first.car_model,
        track=f"{first.track} ({layout})" if layout else first.track,
        session=first.session_name,
        driver=first.player_name,
        began=first.timestamp,
        terminated=terminated,
    )


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder beside ``path`` to write to, which becomes it when the block ends well; else nothing is left of it.

    Raises :class:`telemetry.SinkError`, and UsageError where ``path`` exists.
    """
    refuse_existing(path)
    unfinished = path.with_name(f".unfinished-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.mkdir()
    except OSError as error:
        raise SinkError(f"The folder {path} cannot be made: {error.strerror}.") from error
    try:
        yield unfinished
        refuse_existing(path)
        unfinished.rename(path)
    except OSError as error:
        raise SinkError(f"The folder {path} cannot be written: {error.strerror}. Nothing is left of it.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def refuse_existing(path: Path) -> None:
    """UsageError where something is there already: a dataset is made anew or not at all."""
    if path.exists():
        raise UsageError(f"{path} exists already and stays untouched; name another folder, or take it away.")


_FORBIDDEN: Final = '<>:"/\\|?*'


def safe_name(text: str, *, allowed: str = "") -> str:
    """A name for files out of any text; with ``allowed``, only letters, digits and these."""
    kept = "".join(c if (c.isalnum() and c.isascii()) or c in allowed else "_" for c in text) if allowed else text
    kept = "".join("_" if c in _FORBIDDEN or ord(c) < 32 else c for c in kept).strip(". ")
    return kept or "unknown"
