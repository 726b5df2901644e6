"""Recordings cut into episodes: runs of samples on an exact grid of time, with no jump, pause or hole inside."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final, Literal

from telemetry.analysis.quality import QualityReport, analyze_recording
from telemetry.base.clock import Clock
from telemetry.fields.derived import DEFAULTS, Sample, Thresholds, derive
from telemetry.fields.resample import GAP_SECONDS, is_jump, resample
from telemetry.fields.snapshot import Snapshot
from telemetry.laps.model import Lap
from telemetry.recording.interfaces import Reading, Source

EpisodeKind = Literal["lap", "stint", "session"]
"""What an episode is: a lap; the laps from one stop in the pits to the next; those from one start or restart on."""

MIN_EPISODE_S: Final = 1.0
"""Shorter pieces are no episodes: what a hole leaves of a lap, and the moments between two of them."""

Ranges = tuple[tuple[int, int], ...]
"""Lap numbers, each range from its first to its last."""

_Watch = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeConfig:
    """How recordings are cut."""

    kind: EpisodeKind = "lap"
    rate: float = 25.0
    """Samples per second."""
    laps: Ranges | None = None
    """Only these laps; None: all."""
    valid_only: bool = False
    """Only laps that are valid."""
    smooth_frames: bool = False
    """Whether what the game writes once a frame, the car's place, is interpolated between frames."""
    thresholds: Thresholds = DEFAULTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """Samples at ``start + k / rate``, and where they come from."""

    recording: str
    """The file's name."""
    number: int
    """0-based among the episodes of its recording."""
    laps: tuple[Lap, ...]
    """The laps that it lies in."""
    samples: tuple[Sample, ...]
    held_s: tuple[float, ...]
    """Seconds since the recorded snapshot whose counters each sample holds; less than the recording's interval."""
    end: str
    """Why it ends: what ended its last lap (``line``, ``restart``, ``pits``, ...), or ``gap`` in the recording."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What one look at a whole recording tells: its quality and its laps."""

    report: QualityReport
    laps: tuple[Lap, ...]


@dataclass(slots=True)
class SkipCounts:
    """What of a recording went into no episode."""

    short: int = 0
    """Pieces shorter than :data:`MIN_EPISODE_S`."""
    samples: int = 0
    """Samples of chosen laps that are in no episode: those of such pieces, and where the task was over."""
    gaps: int = 0
    """Pauses, jumps and gaps that parted what would have been one episode."""


@dataclass(slots=True)
class _Segment:
    """An episode under way."""

    group: int
    samples: list[Sample] = field(default_factory=list)
    held: list[float] = field(default_factory=list)


def survey(source: Source, path: Path, clock: Clock, *, thresholds: Thresholds, watch: _Watch) -> Survey:
    """Look at all of a recording; ``watch`` is shown the time of every snapshot."""

    def see(reading: Reading) -> None:
        if reading.snapshot is not None:
            watch(reading.snapshot.elapsed)

    report, laps = analyze_recording(source, path, clock=clock, thresholds=thresholds, watch=see)
    return Survey(report, tuple(sorted((lap for lap in laps if lap.first and lap.last), key=_first_of)))


def choose(laps: Iterable[Lap], cut: EpisodeConfig) -> tuple[Lap, ...]:
    """The laps that are wanted."""
    return tuple(
        lap
        for lap in laps
        if (cut.laps is None or any(first <= lap.number <= last for first, last in cut.laps))
        and (lap.valid or not cut.valid_only)
    )


def group(laps: Iterable[Lap], chosen: Iterable[Lap], kind: EpisodeKind) -> tuple[tuple[Lap, ...], ...]:
    """The chosen laps by episode; a lap that was not chosen parts those around it."""
    wanted = {_first_of(lap) for lap in chosen}
    numbered: list[tuple[int, Lap]] = []
    count, before = 0, None
    for lap in laps:
        count += before is None or kind == "lap" or _parts(before, lap, kind)
        before = lap if _first_of(lap) in wanted else None
        if before is not None:
            numbered.append((count, lap))
    return tuple(tuple(lap for _, lap in entries) for _, entries in groupby(numbered, key=lambda entry: entry[0]))


def episodes(
    source: Source, found: Survey, cut: EpisodeConfig, clock: Clock, skipped: SkipCounts, watch: _Watch
) -> Iterator[Episode]:
    """The episodes of a recording in their order, each when it is complete; what is left out is counted in ``skipped``.

    Samples are derived from resampled snapshots, all of the recording before them included.
    """
    groups = group(found.laps, choose(found.laps, cut), cut.kind)
    owner = _EpisodeIndex(groups)
    number = 0
    check_end: set[int] = set()
    before: Sample | None = None
    for segment in _segments(source, clock, watch):
        piece: _Segment | None = None
        times: dict[int, float] = {}
        stream = _timed(_smooth(segment) if cut.smooth_frames else segment, times)
        for snapshot in resample(stream, cut.rate):
            before = derive(snapshot, before, cut.thresholds)
            belongs = owner.of(snapshot.sequence)
            if piece is not None and piece.group != belongs:
                for episode in _finished(piece, groups, number, found, skipped):
                    number += 1
                    yield episode
                check_end.add(piece.group)
                piece = None
            if belongs is None:
                continue
            if piece is None:
                skipped.gaps += belongs in check_end
                piece = _Segment(belongs)
            piece.samples.append(before)
            piece.held.append(snapshot.elapsed - times[snapshot.sequence])
            if len(times) > _REMEMBERED:
                _forget(times, snapshot.sequence)
        if piece is not None:
            for episode in _finished(piece, groups, number, found, skipped):
                number += 1
                yield episode
            check_end.add(piece.group)


_REMEMBERED: Final = 4096


def _forget(times: dict[int, float], sequence: int) -> None:
    """Drop the times of snapshots before this one."""
    for number in [number for number in times if number < sequence]:
        del times[number]


def _first_of(lap: Lap) -> int:
    return lap.first.sequence if lap.first else -1


def _parts(before: Lap, lap: Lap, kind: EpisodeKind) -> bool:
    """Whether one episode ends between two laps that follow one another."""
    if before.start_index != lap.start_index or before.end in ("restart", "session"):
        return True
    return kind == "stint" and (before.end == "pits" or before.in_lap)


class _EpisodeIndex:
    """Tells by its number which episode a snapshot belongs to; asked in ascending order."""

    def __init__(self, groups: tuple[tuple[Lap, ...], ...]) -> None:
        self._spans = [
            (lap.first.sequence, lap.last.sequence, number)
            for number, laps in enumerate(groups)
            for lap in laps
            if lap.first and lap.last
        ]
        self._next = 0

    def of(self, sequence: int) -> int | None:
        while self._next < len(self._spans) and sequence > self._spans[self._next][1]:
            self._next += 1
        if self._next == len(self._spans) or sequence < self._spans[self._next][0]:
            return None
        return self._spans[self._next][2]


def _finished(
    piece: _Segment, groups: tuple[tuple[Lap, ...], ...], number: int, found: Survey, skipped: SkipCounts
) -> Iterator[Episode]:
    """The piece as an episode, unless it is too short to be one."""
    samples = piece.samples
    if samples[-1].elapsed - samples[0].elapsed < MIN_EPISODE_S:
        skipped.short += 1
        skipped.samples += len(samples)
        return
    first, last = samples[0].sequence, samples[-1].sequence
    step = samples[1].elapsed - samples[0].elapsed
    laps = tuple(
        lap
        for lap in groups[piece.group]
        if lap.first and lap.last and lap.last.sequence >= first and lap.first.sequence <= last
    )
    end = laps[-1].last
    whole = end is not None and end.elapsed - samples[-1].elapsed < step * 1.5
    yield Episode(
        recording=Path(found.report.file).name,
        number=number,
        laps=laps,
        samples=tuple(samples),
        held_s=tuple(piece.held),
        end=laps[-1].end if whole else "hole",
    )


def _segments(source: Source, clock: Clock, watch: _Watch) -> Iterator[Iterator[Snapshot]]:
    """The snapshots of a recording in runs between which something other than driving lies; each must be used up."""
    count = 0
    waiting: Snapshot | None = None
    readings = source.readings(clock, None)
    check_end = False

    def run(first: Snapshot) -> Iterator[Snapshot]:
        nonlocal count, waiting, check_end
        before = first
        yield before
        for reading in readings:
            snapshot = reading.snapshot
            if snapshot is None:
                continue
            watch(snapshot.elapsed)
            snapshot = snapshot.replace(sequence=count)
            count += 1
            if not reading.is_new_step:
                return  # what comes next begins a run of its own
            length = snapshot.elapsed - before.elapsed
            if not 0.0 < length <= GAP_SECONDS or is_jump(before, snapshot):
                waiting = snapshot
                return
            yield snapshot
            before = snapshot
        check_end = True

    while not check_end:
        if waiting is None:
            for reading in readings:
                if reading.snapshot is None:
                    continue
                count += 1
                if reading.is_new_step:
                    waiting = reading.snapshot.replace(sequence=count - 1)
                    break
            else:
                return
        first, waiting = waiting, None
        yield run(first)


def _timed(snapshots: Iterable[Snapshot], times: dict[int, float]) -> Iterator[Snapshot]:
    """The snapshots as they are; their times go into ``times`` by their numbers."""
    for snapshot in snapshots:
        times[snapshot.sequence] = snapshot.elapsed
        yield snapshot


def _smooth(snapshots: Iterable[Snapshot]) -> Iterator[Snapshot]:
    """The snapshots with the car's place and lap clock of their own moment.

    The game writes them once a drawn frame, so that in between they are up to a frame old. They are interpolated from
    one frame to the next, which moves a car that turns at 2 g by less than a millimetre; after the last frame the
    place follows from the velocity. A frame in which another lap begins ends nothing but its clock.
    """
    held: list[Snapshot] = []
    for snapshot in snapshots:
        if held and snapshot.graphics_packet_id != held[0].graphics_packet_id:
            yield held[0]
            first, length = held[0], snapshot.elapsed - held[0].elapsed
            for one in held[1:]:
                yield _placed(one, first, snapshot, (one.elapsed - first.elapsed) / length)
            held = []
        held.append(snapshot)
    for one in held:
        seconds = one.elapsed - held[0].elapsed
        yield one.replace(
            world_position_x=one.world_position_x + one.velocity_x * seconds,
            world_position_y=one.world_position_y + one.velocity_y * seconds,
            world_position_z=one.world_position_z + one.velocity_z * seconds,
            current_time=one.current_time + round(seconds * 1e3),
        )


def _placed(one: Snapshot, first: Snapshot, then: Snapshot, share: float) -> Snapshot:
    changes = {
        name: getattr(first, name) + (getattr(then, name) - getattr(first, name)) * share
        for name in ("world_position_x", "world_position_y", "world_position_z")
    }
    begin, end = first.normalized_position, then.normalized_position
    if begin <= end < begin + 0.5:
        changes["normalized_position"] = begin + (end - begin) * share
    return one.replace(current_time=first.current_time + round((one.elapsed - first.elapsed) * 1e3), **changes)


def is_on_grid(samples: tuple[Sample, ...], rate: float) -> bool:
    """Whether the samples lie where they should: at ``start + k / rate``, to a microsecond."""
    start = samples[0].elapsed
    return all(math.isclose(one.elapsed, start + k / rate, abs_tol=1e-6) for k, one in enumerate(samples))
