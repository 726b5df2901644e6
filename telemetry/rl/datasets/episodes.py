"""Recordings cut into episodes: samples on an exact time grid, without a jump, pause or gap inside."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np

from telemetry.analysis.quality import QualityReport, analyze_recording
from telemetry.analysis.same_drive import DriveFingerprint
from telemetry.base.clock import Clock
from telemetry.base.text import to_unicode
from telemetry.fields.blocks import Array, Block
from telemetry.fields.columns import Columns, derive_columns
from telemetry.fields.derived import Sample
from telemetry.fields.held import raw_fields_of
from telemetry.fields.resample_columns import NEEDED_TO_RESAMPLE, ResampledBlock, resample_blocks
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.laps.model import Lap
from telemetry.recording.blocks import read_blocks
from telemetry.recording.interfaces import Source
from telemetry.rl.datasets.frames import smooth_frames
from telemetry.rl.datasets.lap_spans import CountFollower, LapSpan, find_lap_spans
from telemetry.rl.datasets.provenance import PinnedFile
from telemetry.rl.datasets.runs import RunPart, find_runs
from telemetry.rl.sample_columns import SampleColumns

EpisodeKind = Literal["lap", "stint", "session"]
"""What an episode is: one lap; the laps of one stint; the laps from one start or restart to the next."""

MIN_EPISODE_S: Final = 1.0
"""Shorter pieces are left out: what a gap leaves of a lap, and the samples between two gaps."""

DESCRIBING_FIELDS: Final = frozenset(
    {
        *("elapsed", "timestamp", "car_model", "track", "track_configuration", "session_name", "player_name"),
        "is_ai_controlled",
    }
)
"""The fields that the description of an episode is made of."""

Ranges = tuple[tuple[int, int], ...]
"""Ranges of lap numbers: the first and the last number of each."""

LapsOfRuns = tuple[tuple[int, int], ...]
"""Laps by the number of their start (:attr:`telemetry.laps.Lap.start_index`) and their own: one of a recording each."""

_Watch = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeConfig:
    """How recordings are read and cut into episodes."""

    kind: EpisodeKind = "lap"
    rate: float = 25.0
    """Samples per second."""
    laps: Ranges | None = None
    """Only these laps; None: all."""
    laps_of_runs: LapsOfRuns | None = None
    """Only these laps, besides; None: all."""
    valid_only: bool = False
    """Only valid laps."""
    include_ai: bool = False
    """Whether laps that the game's AI drove can be valid."""
    smooth_frames: bool = False
    """Whether the car's position and the lap clock, which the game writes once per frame, are interpolated between
    frames."""
    column_map: PinnedFile | None = None
    """The file that names the columns of other programs' tables."""
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
    samples: SampleColumns
    missing: frozenset[str] = frozenset()
    """The raw fields that the recording does not hold."""
    held_s: Array
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


class _Ticks(NamedTuple):
    """Samples on the time grid, which all belong to the same run and the same group of laps."""

    run: int
    """The uninterrupted run of moments that they were resampled from."""
    group: int
    """The group of their laps; -1 if these were not chosen."""
    spans: tuple[LapSpan, ...]
    """Their laps, each once."""
    samples: SampleColumns
    held_s: Array


class _Piece(NamedTuple):
    """Samples of one group of laps without a gap inside."""

    parts: tuple[_Ticks, ...]
    crossing: _Ticks | None
    """The sample with which the last lap was over, if the car drove on into it: the first one of the next lap."""
    is_last: bool
    """Whether no samples follow in the recording."""

    @property
    def group(self) -> int:
        """The number of the group."""
        return self.parts[0].group

    @property
    def last_span(self) -> LapSpan:
        """Its last lap."""
        return self.parts[-1].spans[-1]


def survey(source: Source, path: Path, config: EpisodeConfig, clock: Clock, watch: _Watch) -> Survey:
    """Read a complete recording for its quality and its laps; ``watch`` gets the time of each block.

    Of a session all is kept, however short a lap that ended with it.
    """
    counted = CountFollower()

    def follow(blocks: Iterable[Columns]) -> Iterator[Columns]:
        for columns in blocks:
            counted.add(columns)
            watch(float(columns["elapsed"][-1]))
            yield columns

    report, laps, fingerprint = analyze_recording(
        source,
        path,
        clock=clock,
        thresholds=config.thresholds,
        include_ai=config.include_ai,
        keep_short=config.kind == "session",
        watch=follow,
    )
    return Survey(report, find_lap_spans(laps, counted.changes), fingerprint)


def choose(laps: Iterable[Lap], config: EpisodeConfig) -> tuple[Lap, ...]:
    """The laps that the configuration asks for."""
    return tuple(
        lap
        for lap in laps
        if (config.laps is None or any(first <= lap.number <= last for first, last in config.laps))
        and (config.laps_of_runs is None or (lap.start_index, lap.number) in config.laps_of_runs)
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
    source: Source,
    surveyed: Survey,
    config: EpisodeConfig,
    clock: Clock,
    skipped: SkipCounts,
    watch: _Watch,
    fields: Collection[str] = Sample.NAMES,
    *,
    keep_all: bool = False,
) -> Iterator[Episode]:
    """The episodes of a recording in their order, each as soon as it is complete.

    Samples are derived from resampled moments, with the complete recording before them as history. They hold these
    ``fields`` and those that describe an episode, and with ``keep_all`` all fields can be had from them block by block.
    What is in no episode is counted in ``skipped``; ``watch`` gets the time of each block that is read.
    """
    groups = group(surveyed.laps, choose(surveyed.laps, config), config.kind)
    recording = Path(surveyed.report.file).name
    reader = _TickReader(surveyed.spans, groups, config, fields, keep_all=keep_all)
    ticks = reader.read(_watched(read_blocks(source, fields=reader.raw_fields), clock, watch))
    number = 0
    started: set[int] = set()
    for piece in _pieces(ticks):
        skipped.gaps += piece.group in started
        started.add(piece.group)
        parts = [*piece.parts, piece.crossing] if piece.crossing else piece.parts
        samples = SampleColumns.join([part.samples for part in parts])
        if samples.value("elapsed", -1) - samples.value("elapsed", 0) < MIN_EPISODE_S:
            skipped.short += 1
            skipped.samples += sum(len(part.samples) for part in piece.parts)
            continue
        laps = tuple(next(entries).lap for _, entries in groupby(_spans(piece), key=attrgetter("first")))
        yield Episode(
            recording=to_unicode(recording),
            number=number,
            laps=laps,
            samples=samples,
            missing=source.missing_fields,
            held_s=np.concatenate([part.held_s for part in parts]),
            end=_find_end(piece, samples),
        )
        number += 1


def is_on_grid(samples: SampleColumns, rate: float) -> bool:
    """Whether the samples are at ``start + k / rate``, to a microsecond."""
    elapsed = samples("elapsed")
    grid = elapsed[0] + np.arange(len(elapsed)) / rate
    return bool((np.abs(elapsed - grid) <= 1e-6).all())


def _is_separated(before: Lap, lap: Lap, kind: EpisodeKind) -> bool:
    """Whether an episode ends between two laps that follow each other."""
    if before.start_index != lap.start_index or before.end in ("restart", "session"):
        return True
    return kind == "stint" and (before.end == "pits" or before.stint != lap.stint)


def _watched(blocks: Iterable[Block], clock: Clock, watch: _Watch) -> Iterator[Block]:
    """The blocks, until the clock is stopped."""
    for block in blocks:
        if clock.stopped:
            return
        if len(block):
            watch(float(block.array("elapsed")[-1]))
        yield block


class _TickReader:
    """Reads the samples on the time grid of each run of a recording, with their laps."""

    def __init__(
        self,
        spans: Sequence[LapSpan],
        groups: Sequence[Sequence[Lap]],
        config: EpisodeConfig,
        fields: Collection[str],
        *,
        keep_all: bool,
    ) -> None:
        self._spans = spans
        group_of = {lap.first_sequence: number for number, laps in enumerate(groups) for lap in laps}
        self._firsts = np.array([span.first for span in spans], dtype=np.int64)
        self._ends = np.array([span.end for span in spans], dtype=np.int64)
        self._groups = np.array([group_of.get(span.lap.first_sequence, -1) for span in spans], dtype=np.int64)
        self._config = config
        self._keep_all = keep_all
        self._fields = tuple(DESCRIBING_FIELDS.union(fields))

    @property
    def raw_fields(self) -> frozenset[str] | None:
        """The raw fields that are needed of the blocks; None: all."""
        needed = NEEDED_TO_RESAMPLE | {"sequence", "is_esc_menu_visible"}
        return None if self._keep_all else needed | raw_fields_of(self._fields)

    def read(self, blocks: Iterable[Block]) -> Iterator[_Ticks]:
        """All samples in order, those of one block, run and group together."""
        fields = Sample.NAMES if self._keep_all else self._fields
        run, latest = 0, None

        def follow() -> Iterator[Block]:
            nonlocal run, latest
            for entry in self._resample(find_runs(blocks)):
                run, latest = entry
                yield latest

        for columns in derive_columns(follow(), fields, self._config.thresholds):
            assert latest is not None, "columns are those of a block"
            yield from self._part(run, latest, columns)

    def _resample(self, parts: Iterable[RunPart]) -> Iterator[tuple[int, ResampledBlock]]:
        """The resampled moments, each block with the number of its run."""
        for run, entries in groupby(parts, key=attrgetter("run")):
            blocks: Iterable[Block] = (entry.block for entry in entries)
            if self._config.smooth_frames:
                blocks = smooth_frames(blocks)
            for block in resample_blocks(blocks, self._config.rate):
                yield run, block

    def _part(self, run: int, block: ResampledBlock, columns: Columns) -> Iterator[_Ticks]:
        """The samples of a block by their groups."""
        sequence = columns["sequence"]
        span = np.searchsorted(self._firsts, sequence, side="right") - 1
        is_inside = span >= 0
        is_inside[is_inside] = sequence[is_inside] < self._ends[span[is_inside]]
        span = np.where(is_inside, span, -1)
        groups = np.append(self._groups, -1)[span]
        changes = np.flatnonzero(groups[1:] != groups[:-1]) + 1
        for begin, end in pairwise([0, *changes.tolist(), len(groups)]):
            rows = np.arange(begin, end)
            own = span[begin:end]
            numbers = own[np.append(True, own[1:] != own[:-1])].tolist()
            yield _Ticks(
                run=run,
                group=int(groups[begin]),
                spans=tuple(self._spans[number] for number in numbers if number >= 0),
                samples=SampleColumns.of(columns.select(rows), self._fields, keep_all=self._keep_all),
                held_s=block.held_s[begin:end],
            )


def _pieces(ticks: Iterable[_Ticks]) -> Iterator[_Piece]:
    """The samples of each group of laps, parted at gaps; those of no group are left out."""
    parts: list[_Ticks] = []
    for part in ticks:
        if parts and (part.run, part.group) != (parts[-1].run, parts[-1].group):
            last = parts[-1]
            is_crossing = part.run == last.run and last.spans[-1].is_driven_on
            crossing = part._replace(samples=part.samples[:1], held_s=part.held_s[:1]) if is_crossing else None
            yield _Piece(tuple(parts), crossing, is_last=False)
            parts = []
        if part.group >= 0:
            parts.append(part)
    if parts:
        yield _Piece(tuple(parts), None, is_last=True)


def _spans(piece: _Piece) -> Iterator[LapSpan]:
    """The laps of a piece, in order."""
    return (span for part in piece.parts for span in part.spans)


def _find_end(piece: _Piece, samples: SampleColumns) -> str:
    """What ended a piece of these samples."""
    span = piece.last_span
    if piece.crossing is not None:
        return span.lap.end
    if span.is_driven_on:
        return "recording" if piece.is_last else "hole"
    first, second, last = (samples.value("elapsed", index) for index in (0, 1, -1))
    reaches_end = span.lap.last is not None and span.lap.last.elapsed - last < (second - first) * 1.5
    return span.lap.end if reaches_end else "hole"
