"""Analyses a recording: reads all its samples, as columns, and computes its quality report."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from telemetry.analysis.quality.intervals import IntervalCounter
from telemetry.analysis.quality.report import GAP_PERIODS, BestLap, Gaps, LapCount, QualityReport
from telemetry.analysis.quality.values import ValueChecker
from telemetry.analysis.same_drive import DriveFingerprint, FingerprintBuilder
from telemetry.base.clock import Clock
from telemetry.base.histogram import DurationHistogram
from telemetry.base.units import STEP_S
from telemetry.fields.blocks import Block
from telemetry.fields.columns import Columns, derive_columns
from telemetry.fields.metrics.enums import SESSION_NAMES
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.formats import format_label
from telemetry.laps.columns import DERIVED, laps_of_columns
from telemetry.laps.model import Lap, best_laps
from telemetry.recording.blocks import read_blocks
from telemetry.recording.interfaces import Event, Source


class RecordingAnalysis(NamedTuple):
    """The result of :func:`analyze_recording`."""

    report: QualityReport
    laps: tuple[Lap, ...]
    """All laps, unfinished ones included. The ``sequence`` of their samples counts the recording's samples from 0."""
    fingerprint: DriveFingerprint
    """What it holds, to notice another recording of the same drive."""


def analyze_recording(
    source: Source,
    path: Path,
    *,
    clock: Clock | None = None,
    thresholds: Thresholds = DEFAULTS,
    include_ai: bool = False,
    keep_short: bool = False,
    watch: Callable[[Iterable[Columns]], Iterable[Columns]] = iter,
    size: int | None = None,
) -> RecordingAnalysis:
    """Read all of the recording ``path``, which ``source`` plays, and analyse it.

    With ``include_ai`` laps that the game's AI drove can be valid, with ``keep_short`` unfinished ones are among them
    that are too short to be reported otherwise. ``watch`` is given the samples, block by block, and passes them on.
    When ``clock`` is stopped, the analysis covers what was read until then. ``size`` is that of a
    recording that is no file of its own. Raises SourceError where the recording cannot be read, and OSError where the
    file no longer exists.
    """
    clock = clock or Clock(math.inf)
    analyzer = QualityAnalyzer(source.missing_fields, source.foreign_fields)
    fingerprint = FingerprintBuilder(source)
    blocks = takewhile(lambda _: not clock.stopped, read_blocks(source))
    columns = derive_columns(analyzer.watch(blocks), DERIVED, thresholds)
    watched = watch(fingerprint.watch(columns))
    laps = list(laps_of_columns(watched, missing=source.missing_fields, keep_short=keep_short))
    if include_ai:
        laps = [lap.allow_ai() for lap in laps]
    for event in source.events():
        analyzer.add_event(event)
    report = analyzer.report(
        laps,
        file=str(path),
        file_format=format_label(path),
        format_version=source.metadata.get("format_version"),
        size=path.stat().st_size if size is None else size,
        finished=source.complete,
    )
    return RecordingAnalysis(report, tuple(laps), fingerprint.finish())


class QualityAnalyzer:
    """Computes a quality report from the samples of a recording, added in order in blocks; it needs constant memory.

    ``absent`` names the raw fields that the recording does not hold, ``foreign`` those that another program wrote.
    """

    def __init__(self, absent: Iterable[str] = (), foreign: Collection[str] = ()) -> None:
        self.samples = 0
        """Samples added so far."""
        self._absent = frozenset(absent)
        self._foreign = frozenset(foreign)
        self._cars: dict[str, None] = {}  # a set in the order of appearance
        self._tracks: dict[str, None] = {}
        self._sessions: dict[str, None] = {}
        self._intervals = IntervalCounter()
        self._values = ValueChecker(self._absent)
        self._events: Counter[str] = Counter()
        self._top_speed_kmh: float | None = None

    def add(self, block: Block) -> None:
        """Add the samples of a block."""
        if not len(block):
            return
        self.samples += len(block)
        self._intervals.add(block)
        self._values.add(block)
        self._add_names(block)
        speeds = block.decimals("speed_kmh")
        if len(known := speeds[speeds >= 0.0]):
            fastest = abs(float(known.max()))  # 0 without a sign, which the pages can hold
            self._top_speed_kmh = max(fastest, self._top_speed_kmh or 0.0)

    def watch(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """The same blocks, each added on its way."""
        for block in blocks:
            self.add(block)
            yield block

    def add_event(self, event: Event) -> None:
        """Count an event of the recording."""
        self._events[event.kind] += 1

    def report(
        self, laps: Sequence[Lap], *, file: str, file_format: str, format_version: str | None, size: int, finished: bool
    ) -> QualityReport:
        """The report on all samples and events added so far, in which there are these laps, unfinished ones included.

        The other arguments are its attributes of these names.
        """
        times = self._intervals
        span_s, intervals = times.last_s - times.first_s, times.lengths_ms
        median_ms = intervals.quantile(0.5)
        jitter = DurationHistogram() if median_ms is None else intervals.distances(median_ms)
        full_rate = self._is_full_rate()
        return QualityReport(
            file=file,
            format=file_format,
            format_version=format_version,
            size=size,
            finished=finished,
            cars=tuple(self._cars),
            tracks=tuple(self._tracks),
            sessions=tuple(self._sessions),
            laps=count_laps(laps),
            samples=self.samples,
            span_s=span_s,
            rate_hz=intervals.count / intervals.sum * 1e3 if intervals.sum else None,
            full_rate=full_rate,
            interval_p50_ms=median_ms,
            interval_p99_ms=intervals.quantile(0.99),
            interval_max_ms=intervals.longest,
            jitter_p50_ms=jitter.quantile(0.5),
            jitter_p99_ms=jitter.quantile(0.99),
            gaps=_gaps_at_full_rate(times.steps_between) if full_rate else _gaps_below_full_rate(intervals),
            pauses=times.pauses,
            paused_s=times.paused_s,
            paused_share=times.paused_s / span_s if span_s > 0.0 else 0.0,
            torn=0,
            repaired=self._events["repaired"],
            duplicates=0 if "packet_id" in self._absent else times.steps_between[0],
            restarts=times.restarts,
            time_backwards=times.time_backwards,
            clock_steps=tuple(times.clock_steps),
            events=dict(self._events),
            missing_fields=tuple(name for name in Snapshot.NAMES if name in self._absent),
            constant_fields=self._values.constant_fields if self.samples > 1 else (),
            empty_fields=tuple(name for name in self._values.zero_fields if name in self._foreign)
            if self.samples
            else (),
            non_finite=self._values.non_finite,
            out_of_range=self._values.out_of_range,
            top_speed_kmh=self._top_speed_kmh,
        )

    def _add_names(self, block: Block) -> None:
        """Add those of each sample whose names differ from those of the sample before."""
        texts = [block.texts(name) for name in ("car_model", "track", "track_configuration")]
        session = block.array("session")
        is_new = np.zeros(len(block), dtype=np.bool_)
        is_new[0] = True
        for column in (*(text.codes for text in texts), session):
            is_new[1:] |= column[1:] != column[:-1]
        for row in np.flatnonzero(is_new).tolist():
            car, track, layout = (text.texts[text.codes[row]] for text in texts)
            if car:
                self._cars[car] = None
            if track:
                self._tracks[f"{track} ({layout})" if layout else track] = None
            if "session" not in self._absent:
                self._sessions[SESSION_NAMES.get(int(session[row]), "unknown")] = None

    def _is_full_rate(self) -> bool:
        if "packet_id" in self._absent:
            return False
        steps_between = self._intervals.steps_between
        total = steps_between.total()
        return total > 0 and 2 * steps_between[1] > total


def count_laps(laps: Sequence[Lap]) -> LapCount:
    """How many of these laps count, and the best of them."""
    return LapCount(
        counted=sum(lap.complete for lap in laps),
        valid=sum(lap.valid for lap in laps),
        ai_driven=sum(lap.complete and lap.ai_driven for lap in laps),
        best=_best_laps(laps),
    )


def _best_laps(laps: Iterable[Lap]) -> tuple[BestLap, ...]:
    return tuple(
        BestLap(**car_and_track._asdict(), lap=lap.number, run=lap.start_index, time_ms=lap.time_ms)
        for car_and_track, lap in best_laps(laps).items()
        if lap.time_ms is not None
    )


def _gaps_at_full_rate(steps_between: Counter[int]) -> Gaps:
    """The gaps, from how often two samples are a number of physics steps apart."""
    gaps = {steps - 1: count for steps, count in steps_between.items() if steps > 1}
    missing = sum(steps * count for steps, count in gaps.items())
    recorded = steps_between.total() - steps_between[0]
    return Gaps(
        count=sum(gaps.values()),
        missing=missing,
        share=missing / (missing + recorded) if missing else 0.0,
        longest_s=max(gaps, default=0) * STEP_S,
    )


def _gaps_below_full_rate(intervals_ms: DurationHistogram) -> Gaps:
    """The gaps, from the intervals; the median one is taken for the sampling period."""
    period_ms = intervals_ms.quantile(0.5)
    gaps = intervals_ms.above(GAP_PERIODS * period_ms) if period_ms else []
    if not period_ms or not gaps:
        return Gaps(count=0, missing=0, share=0.0, longest_s=0.0)
    count = sum(times for _, times in gaps)
    return Gaps(
        count=count,
        missing=sum((round(interval_ms / period_ms) - 1) * times for interval_ms, times in gaps),
        share=count / intervals_ms.count,
        longest_s=max(interval_ms for interval_ms, _ in gaps) / 1e3,
    )
