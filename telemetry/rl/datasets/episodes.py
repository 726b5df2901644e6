"""Recordings cut into episodes: samples on an exact time grid, without a jump, pause or gap inside."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, tee
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Final, Literal, NamedTuple

from telemetry.analysis.quality import QualityReport, analyze_recording
from telemetry.analysis.same_drive import DriveFingerprint
from telemetry.base.clock import Clock
from telemetry.base.text import to_unicode
from telemetry.fields.columns import Columns
from telemetry.fields.derived import Sample, derive
from telemetry.fields.resample import GAP_SECONDS, frame_age_s, is_jump, resample
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.laps.model import Lap
from telemetry.recording.interfaces import Source
from telemetry.rl.datasets.frames import smooth_frames
from telemetry.rl.datasets.lap_spans import CountFollower, LapSpan, find_lap_spans, find_span

EpisodeKind = Literal["lap", "stint", "session"]
"""What an episode is: one lap; the laps of one stint; the laps from one start or restart to the next."""

MIN_EPISODE_S: Final = 1.0
"""Shorter pieces are left out: what a gap leaves of a lap, and the samples between two gaps."""

Ranges = tuple[tuple[int, int], ...]
"""Ranges of lap numbers: the first and the last number of each."""

_Watch = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeConfig:
    """How recordings are cut into episodes."""

    kind: EpisodeKind = "lap"
    rate: float = 25.0
    """Samples per second."""
    laps: Ranges | None = None
    """Only these laps; None: all."""
    valid_only: bool = False
    """Only valid laps."""
    include_ai: bool = False
    """Whether laps that the game's AI drove can be valid."""
    smooth_frames: bool = False
    """Whether the car's position and the lap clock, which the game writes once per frame, are interpolated between
    frames."""
    thresholds: Thresholds = DEFAULTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """Samples at ``start + k / rate``, and where they come from."""

    recording: str
    """The file's name."""
    number: int
    """0-based among the episodes of its recording."""
    laps: tuple[Lap, ...]
    """The laps that it covers, completely or in part."""
    samples: tuple[Sample, ...]
    missing: frozenset[str] = frozenset()
    """The raw fields that the recording does not hold."""
    held_s: tuple[float, ...]
    """For each sample, the seconds since the recorded snapshot before it, from which its counters are held."""
    end: str
    """Why it ends: what ended its last lap (``line``, ``restart``, ``pits``, ...), or ``hole``, a gap in the recording.
    """


@dataclass(frozen=True, slots=True)
class Survey:
    """The result of reading a recording once: its quality, its laps, and what it holds."""

    report: QualityReport
    spans: tuple[LapSpan, ...]
    fingerprint: DriveFingerprint

    @property
    def laps(self) -> tuple[Lap, ...]:
        """The laps that have samples, in their order."""
        return tuple(span.lap for span in self.spans)


@dataclass(slots=True)
class SkipCounts:
    """Counts what is in no episode."""

    short: int = 0
    """Pieces shorter than :data:`MIN_EPISODE_S`."""
    samples: int = 0
    """Samples of chosen laps that are in no episode: those of such pieces, and those after the end of the task."""
    gaps: int = 0
    """Pauses, jumps and gaps that split what would have been one episode."""

    def to_dict(self) -> dict[str, int]:
        """The entry of the quality report, which calls the gaps ``holes``."""
        return {"short": self.short, "samples": self.samples, "holes": self.gaps}


class _Tick(NamedTuple):
    """One sample on the time grid."""

    run: int
    """The uninterrupted run of snapshots that it was resampled from."""
    span: LapSpan | None
    """The lap that it belongs to."""
    group: int | None
    """The group of that lap, if it was chosen."""
    sample: Sample
    held_s: float


class _Piece(NamedTuple):
    """Samples of one group of laps without a gap inside."""

    ticks: list[_Tick]
    crossing: _Tick | None
    """The sample with which the last lap was over, if the car drove on into it: the first one of the next lap."""
    is_last: bool
    """Whether no samples follow in the recording."""

    @property
    def group(self) -> int | None:
        """The number of the group."""
        return self.ticks[0].group


def survey(
    source: Source, path: Path, clock: Clock, *, thresholds: Thresholds, watch: _Watch, include_ai: bool = False
) -> Survey:
    """Read a complete recording for its quality and its laps; ``watch`` gets the time of every snapshot."""
    counted = CountFollower()

    def follow(blocks: Iterable[Columns]) -> Iterator[Columns]:
        for columns in blocks:
            for row in range(len(columns)):
                snapshot = columns.snapshot(row)
                counted.add(snapshot)
                watch(snapshot.elapsed)
            yield columns

    report, laps, fingerprint = analyze_recording(
        source,
        path,
        clock=clock,
        thresholds=thresholds,
        include_ai=include_ai,
        watch=follow,
    )
    return Survey(report, find_lap_spans(laps, counted.changes), fingerprint)


def choose(laps: Iterable[Lap], config: EpisodeConfig) -> tuple[Lap, ...]:
    """The laps that the configuration asks for."""
    return tuple(
        lap
        for lap in laps
        if (config.laps is None or any(first <= lap.number <= last for first, last in config.laps))
        and (lap.valid or not config.valid_only)
    )


def group(laps: Iterable[Lap], chosen: Iterable[Lap], kind: EpisodeKind) -> tuple[tuple[Lap, ...], ...]:
    """The chosen laps, grouped by episode; a lap that was not chosen separates its neighbours."""
    wanted = {lap.first_sequence for lap in chosen}
    numbered: list[tuple[int, Lap]] = []
    count, before = 0, None
    for lap in laps:
        count += before is None or kind == "lap" or _is_separated(before, lap, kind)
        before = lap if lap.first_sequence in wanted else None
        if before is not None:
            numbered.append((count, lap))
    return tuple(tuple(lap for _, lap in entries) for _, entries in groupby(numbered, key=itemgetter(0)))


def episodes(
    source: Source, surveyed: Survey, config: EpisodeConfig, clock: Clock, skipped: SkipCounts, watch: _Watch
) -> Iterator[Episode]:
    """The episodes of a recording in their order, each as soon as it is complete.

    Samples are derived from resampled snapshots, with the complete recording before them as history. What is in no
    episode is counted in ``skipped``; ``watch`` gets the time of every snapshot.
    """
    groups = group(surveyed.laps, choose(surveyed.laps, config), config.kind)
    recording = Path(surveyed.report.file).name
    group_of = {lap.first_sequence: number for number, laps in enumerate(groups) for lap in laps}
    snapshots = _driven_snapshots(source, clock, watch)
    number = 0
    started: set[int | None] = set()
    for piece in _pieces(_ticks(snapshots, surveyed.spans, group_of, config)):
        skipped.gaps += piece.group in started
        started.add(piece.group)
        ticks = [*piece.ticks, piece.crossing] if piece.crossing else piece.ticks
        if ticks[-1].sample.elapsed - ticks[0].sample.elapsed < MIN_EPISODE_S:
            skipped.short += 1
            skipped.samples += len(piece.ticks)
            continue
        yield _episode(piece, ticks, recording, number, source.missing_fields)
        number += 1


def is_on_grid(samples: tuple[Sample, ...], rate: float) -> bool:
    """Whether the samples are at ``start + k / rate``, to a microsecond."""
    start = samples[0].elapsed
    return all(math.isclose(sample.elapsed, start + k / rate, abs_tol=1e-6) for k, sample in enumerate(samples))


def _is_separated(before: Lap, lap: Lap, kind: EpisodeKind) -> bool:
    """Whether an episode ends between two laps that follow each other."""
    if before.start_index != lap.start_index or before.end in ("restart", "session"):
        return True
    return kind == "stint" and (before.end == "pits" or before.stint != lap.stint)


def _driven_snapshots(source: Source, clock: Clock, watch: _Watch) -> Iterator[tuple[int, Snapshot]]:
    """The snapshots of a recording in which time advances, each with the number of its uninterrupted run.

    A new run begins after snapshots that are no new physics step, after a jump and after a gap. ``sequence`` counts all
    snapshots of the recording, as it does in the survey.
    """
    run, sequence, frame_s = 0, -1, 0.0
    before: Snapshot | None = None
    for reading in source.readings(clock, None):
        if reading.snapshot is None:
            continue
        sequence += 1
        watch(reading.snapshot.elapsed)
        if not reading.is_new_step:
            before = None
            continue
        snapshot = reading.snapshot.replace(sequence=sequence)
        if before is None or _is_interrupted(before, snapshot, frame_s):
            run += 1
        yield run, snapshot
        frame_s = frame_age_s(before, snapshot, frame_s) if before else 0.0
        before = snapshot


def _is_interrupted(before: Snapshot, after: Snapshot, frame_s: float) -> bool:
    """Whether a gap or a jump lies between two snapshots; ``frame_s`` is the age of the frame that the first shows."""
    return not 0.0 < after.elapsed - before.elapsed <= GAP_SECONDS or is_jump(before, after, frame_s)


def _ticks(
    numbered: Iterable[tuple[int, Snapshot]],
    spans: Sequence[LapSpan],
    group_of: Mapping[int, int],
    config: EpisodeConfig,
) -> Iterator[_Tick]:
    """All samples on the time grid of each run; ``group_of`` is the group of a lap by its first sequence number."""
    sample: Sample | None = None
    for run, entries in groupby(numbered, key=itemgetter(0)):
        snapshots: Iterator[Snapshot] = (snapshot for _, snapshot in entries)
        for snapshot, held_s in _resample(smooth_frames(snapshots) if config.smooth_frames else snapshots, config.rate):
            sample = derive(snapshot, sample, config.thresholds)
            index = find_span(spans, snapshot.sequence)
            span = None if index is None else spans[index]
            yield _Tick(run, span, group_of.get(span.lap.first_sequence) if span else None, sample, held_s)


def _pieces(ticks: Iterable[_Tick]) -> Iterator[_Piece]:
    """The samples of each group of laps, parted at gaps; those of no group are left out."""
    piece: list[_Tick] = []
    for tick in ticks:
        if piece and (tick.run, tick.group) != (piece[-1].run, piece[-1].group):
            last = piece[-1]
            is_crossing = tick.run == last.run and last.span is not None and last.span.is_driven_on
            yield _Piece(piece, tick if is_crossing else None, is_last=False)
            piece = []
        if tick.group is not None:
            piece.append(tick)
    if piece:
        yield _Piece(piece, None, is_last=True)


def _resample(snapshots: Iterable[Snapshot], rate: float) -> Iterator[tuple[Snapshot, float]]:
    """Resampled snapshots, each with the seconds since the recorded snapshot whose counters it holds."""
    to_resample, recorded = tee(snapshots)
    held: Snapshot | None = None
    for tick in resample(to_resample, rate):
        while held is None or held.sequence < tick.sequence:
            held = next(recorded)
        yield tick, tick.elapsed - held.elapsed


def _episode(piece: _Piece, ticks: Sequence[_Tick], recording: str, number: int, missing: frozenset[str]) -> Episode:
    """The episode of a piece, whose samples are those of ``ticks``; the recording lacks the fields ``missing``."""
    laps = tuple(next(entries).lap for _, entries in groupby(_spans(piece), key=attrgetter("first")))
    return Episode(
        recording=to_unicode(recording),
        number=number,
        laps=laps,
        samples=tuple(tick.sample for tick in ticks),
        missing=missing,
        held_s=tuple(tick.held_s for tick in ticks),
        end=_find_end(piece, laps[-1]),
    )


def _spans(piece: _Piece) -> Iterator[LapSpan]:
    """The lap of each sample of a piece."""
    return (tick.span for tick in piece.ticks if tick.span is not None)


def _find_end(piece: _Piece, lap: Lap) -> str:
    """What ended a piece; ``lap`` is its last one."""
    first, last = piece.ticks[0], piece.ticks[-1]
    if piece.crossing is not None:
        return lap.end
    if last.span is not None and last.span.is_driven_on:
        return "recording" if piece.is_last else "hole"
    interval = piece.ticks[1].sample.elapsed - first.sample.elapsed
    reaches_end = lap.last is not None and lap.last.elapsed - last.sample.elapsed < interval * 1.5
    return lap.end if reaches_end else "hole"
