"""Recordings cut into episodes: samples on an exact time grid, without a jump, pause or gap inside."""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, tee
from operator import itemgetter
from pathlib import Path
from typing import Final, Literal, NamedTuple

from telemetry.analysis.quality import QualityReport, analyze_recording
from telemetry.analysis.same_drive import DriveFingerprint
from telemetry.base.clock import Clock
from telemetry.fields.derived import Sample, derive
from telemetry.fields.resample import GAP_SECONDS, is_jump, resample
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.laps.model import Lap
from telemetry.recording.interfaces import Reading, Source

EpisodeKind = Literal["lap", "stint", "session"]
"""What an episode is: one lap; the laps from one pit stop to the next; the laps from one start or restart to the next.
"""

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
    held_s: tuple[float, ...]
    """For each sample, the seconds since the recorded snapshot before it, from which its counters are held."""
    end: str
    """Why it ends: what ended its last lap (``line``, ``restart``, ``pits``, ...), or ``hole``, a gap in the recording.
    """


@dataclass(frozen=True, slots=True)
class Survey:
    """The result of reading a recording once: its quality, its laps, and what it holds."""

    report: QualityReport
    laps: tuple[Lap, ...]
    fingerprint: DriveFingerprint


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
    group: int | None
    """The group of laps that it belongs to."""
    sample: Sample
    held_s: float


def survey(source: Source, path: Path, clock: Clock, *, thresholds: Thresholds, watch: _Watch) -> Survey:
    """Read a complete recording for its quality and its laps; ``watch`` gets the time of every snapshot."""

    def on_reading(reading: Reading) -> None:
        if reading.snapshot is not None:
            watch(reading.snapshot.elapsed)

    report, laps, fingerprint = analyze_recording(
        source, path, clock=clock, thresholds=thresholds, on_reading=on_reading
    )
    seen = sorted((lap for lap in laps if lap.first and lap.last), key=_first_sequence)
    return Survey(report, tuple(seen), fingerprint)


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
    wanted = {_first_sequence(lap) for lap in chosen}
    numbered: list[tuple[int, Lap]] = []
    count, before = 0, None
    for lap in laps:
        count += before is None or kind == "lap" or _is_separated(before, lap, kind)
        before = lap if _first_sequence(lap) in wanted else None
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
    ticks = _ticks(_driven_snapshots(source, clock, watch), groups, config)
    number = 0
    started: set[int] = set()
    for (_, lap_group), piece in groupby(ticks, key=lambda tick: (tick.run, tick.group)):
        if lap_group is None:
            continue
        skipped.gaps += lap_group in started
        started.add(lap_group)
        samples = [(tick.sample, tick.held_s) for tick in piece]
        if samples[-1][0].elapsed - samples[0][0].elapsed < MIN_EPISODE_S:
            skipped.short += 1
            skipped.samples += len(samples)
            continue
        yield _episode(samples, groups[lap_group], recording, number)
        number += 1


def is_on_grid(samples: tuple[Sample, ...], rate: float) -> bool:
    """Whether the samples are at ``start + k / rate``, to a microsecond."""
    start = samples[0].elapsed
    return all(math.isclose(sample.elapsed, start + k / rate, abs_tol=1e-6) for k, sample in enumerate(samples))


def _first_sequence(lap: Lap) -> int:
    return lap.first.sequence if lap.first else -1


def _is_separated(before: Lap, lap: Lap, kind: EpisodeKind) -> bool:
    """Whether an episode ends between two laps that follow each other."""
    if before.start_index != lap.start_index or before.end in ("restart", "session"):
        return True
    return kind == "stint" and (before.end == "pits" or before.in_lap)


def _driven_snapshots(source: Source, clock: Clock, watch: _Watch) -> Iterator[tuple[int, Snapshot]]:
    """The snapshots of a recording in which time advances, each with the number of its uninterrupted run.

    A new run begins after snapshots that are no new physics step, after a jump and after a gap. ``sequence`` counts all
    snapshots of the recording, as it does in the survey.
    """
    run, sequence = 0, -1
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
        if before is None or _is_interrupted(before, snapshot):
            run += 1
        yield run, snapshot
        before = snapshot


def _is_interrupted(before: Snapshot, after: Snapshot) -> bool:
    """Whether a gap or a jump lies between two snapshots."""
    return not 0.0 < after.elapsed - before.elapsed <= GAP_SECONDS or is_jump(before, after)


def _ticks(
    numbered: Iterable[tuple[int, Snapshot]], groups: Sequence[Sequence[Lap]], config: EpisodeConfig
) -> Iterator[_Tick]:
    """All samples on the time grid of each run, with the group of laps that each belongs to."""
    spans = [
        (lap.first.sequence, lap.last.sequence, number)
        for number, laps in enumerate(groups)
        for lap in laps
        if lap.first and lap.last
    ]
    sample: Sample | None = None
    for run, entries in groupby(numbered, key=itemgetter(0)):
        snapshots: Iterator[Snapshot] = (snapshot for _, snapshot in entries)
        for snapshot, held_s in _resample(_smooth(snapshots) if config.smooth_frames else snapshots, config.rate):
            sample = derive(snapshot, sample, config.thresholds)
            yield _Tick(run, _group_at(spans, snapshot.sequence), sample, held_s)


def _group_at(spans: Sequence[tuple[int, int, int]], sequence: int) -> int | None:
    """The group whose lap covers this snapshot; ``spans`` are (first, last, group) in ascending order."""
    index = bisect_left(spans, sequence, key=itemgetter(1))
    if index == len(spans) or sequence < spans[index][0]:
        return None
    return spans[index][2]


def _resample(snapshots: Iterable[Snapshot], rate: float) -> Iterator[tuple[Snapshot, float]]:
    """Resampled snapshots, each with the seconds since the recorded snapshot whose counters it holds."""
    to_resample, recorded = tee(snapshots)
    held: Snapshot | None = None
    for tick in resample(to_resample, rate):
        while held is None or held.sequence < tick.sequence:
            held = next(recorded)
        yield tick, tick.elapsed - held.elapsed


def _episode(samples: Sequence[tuple[Sample, float]], laps: Iterable[Lap], recording: str, number: int) -> Episode:
    """The episode of these samples, each with its ``held_s``, on some of these laps."""
    first, last = samples[0][0], samples[-1][0]
    covered = tuple(
        lap
        for lap in laps
        if lap.first and lap.last and lap.last.sequence >= first.sequence and lap.first.sequence <= last.sequence
    )
    end = covered[-1].last
    interval = samples[1][0].elapsed - first.elapsed
    reaches_end = end is not None and end.elapsed - last.elapsed < interval * 1.5
    return Episode(
        recording=recording,
        number=number,
        laps=covered,
        samples=tuple(sample for sample, _ in samples),
        held_s=tuple(held_s for _, held_s in samples),
        end=covered[-1].end if reaches_end else "hole",
    )


def _smooth(snapshots: Iterable[Snapshot]) -> Iterator[Snapshot]:
    """The snapshots with the car's position and lap clock at their own time.

    The game writes both once per frame, so that they are up to a frame old. They are interpolated from one frame to the
    next, which for a car that turns at 2 g is exact to less than a millimetre; after the last frame the position is
    extrapolated with the velocity. Across a frame in which another lap begins only the lap clock runs on.
    """
    frame: list[Snapshot] = []
    for snapshot in snapshots:
        if frame and snapshot.graphics_packet_id != frame[0].graphics_packet_id:
            yield frame[0]
            for held in frame[1:]:
                yield _interpolate_frame(held, frame[0], snapshot)
            frame = []
        frame.append(snapshot)
    for held in frame:
        seconds = held.elapsed - frame[0].elapsed
        yield held.replace(
            world_position_x=held.world_position_x + held.velocity_x * seconds,
            world_position_y=held.world_position_y + held.velocity_y * seconds,
            world_position_z=held.world_position_z + held.velocity_z * seconds,
            current_time=held.current_time + round(seconds * 1e3),
        )


def _interpolate_frame(held: Snapshot, first: Snapshot, following: Snapshot) -> Snapshot:
    """A snapshot with the position between the first of its own frame and that of the following frame."""
    seconds = held.elapsed - first.elapsed
    fraction = seconds / (following.elapsed - first.elapsed)
    changes = {
        name: getattr(first, name) + (getattr(following, name) - getattr(first, name)) * fraction
        for name in ("world_position_x", "world_position_y", "world_position_z")
    }
    begin, end = first.normalized_position, following.normalized_position
    if begin <= end < begin + 0.5:
        changes["normalized_position"] = begin + (end - begin) * fraction
    return held.replace(current_time=first.current_time + round(seconds * 1e3), **changes)
