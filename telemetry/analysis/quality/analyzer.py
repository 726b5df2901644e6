"""Analyses a recording: reads all its samples and computes its quality report."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from telemetry.analysis.quality.report import GAP_PERIODS, BestLap, ClockStep, Gaps, LapCount, QualityReport
from telemetry.analysis.quality.values import ValueChecker
from telemetry.analysis.same_drive import DriveFingerprint, FingerprintBuilder
from telemetry.base.clock import Clock
from telemetry.base.histogram import DurationHistogram
from telemetry.base.units import STEP_S
from telemetry.fields.clock_steps import clock_step_seconds
from telemetry.fields.derived import Sample, derive
from telemetry.fields.pauses import paused_seconds
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.formats import format_label
from telemetry.laps.detector import LapState, advance, finish
from telemetry.laps.model import Lap, best_laps
from telemetry.laps.official_times import with_late_verdicts
from telemetry.recording.interfaces import Event, Reading, Source


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
    on_reading: Callable[[Reading], None] | None = None,
) -> RecordingAnalysis:
    """Read all of the recording ``path``, which ``source`` plays, and analyse it.

    With ``include_ai`` laps that the game's AI drove can be valid. ``on_reading`` is called with every reading. When
    ``clock`` is stopped, the analysis covers what was read until then. Raises SourceError where the recording cannot be
    read, and OSError where the file no longer exists.
    """
    clock = clock or Clock(math.inf)
    analyzer = QualityAnalyzer(source.missing_fields, include_ai=include_ai)
    fingerprint = FingerprintBuilder(source)
    previous: Sample | None = None
    for reading in source.readings(clock, None):
        analyzer.torn = reading.torn
        if on_reading:
            on_reading(reading)
        if reading.snapshot is not None:
            previous = derive(reading.snapshot.replace(sequence=analyzer.samples), previous, thresholds)
            analyzer.add(previous, is_new_step=reading.is_new_step)
            fingerprint.add(previous)
    for event in source.events():
        analyzer.add_event(event)
    report = analyzer.report(
        file=str(path),
        file_format=format_label(path),
        format_version=source.metadata.get("format_version"),
        size=path.stat().st_size,
        finished=source.complete,
    )
    return RecordingAnalysis(report, tuple(analyzer.laps), fingerprint.finish())


class QualityAnalyzer:
    """Computes a quality report from the samples of a recording, added in order; it needs constant memory.

    ``absent`` names the raw fields that the recording does not hold; with ``include_ai`` laps that the AI drove can be
    valid.
    """

    def __init__(self, absent: Iterable[str] = (), *, include_ai: bool = False) -> None:
        self.samples = 0
        """Samples added so far."""
        self.torn = 0
        """Samples that may be torn; set by the caller, from :attr:`telemetry.recording.interfaces.Reading.torn`."""
        self._absent = frozenset(absent)
        self._include_ai = include_ai
        self._first: Sample | None = None
        self._last: Sample | None = None
        self._last_was_new_step = True
        self._last_names: tuple[str, ...] = ()
        self._cars: dict[str, None] = {}  # a set in the order of appearance
        self._tracks: dict[str, None] = {}
        self._sessions: dict[str, None] = {}
        self._lap_state = LapState(missing=self._absent)
        self._laps: list[Lap] = []
        self._intervals_ms = DurationHistogram()
        self._steps_between: Counter[int] = Counter()
        self._pauses = 0
        self._paused_s = 0.0
        self._restarts = 0
        self._time_backwards = 0
        self._clock_steps: list[ClockStep] = []
        self._events: Counter[str] = Counter()
        self._values = ValueChecker(self._absent)
        self._top_speed_kmh: float | None = None

    def add(self, sample: Sample, *, is_new_step: bool = True) -> None:
        """Add one sample; ``is_new_step`` is false where the game time does not advance, as in a pause."""
        self.samples += 1
        if self._last is None:
            self._first = sample
        else:
            self._add_interval(self._last, sample, is_new_step=is_new_step and self._last_was_new_step)
        names = (sample.car_model, sample.track, sample.track_configuration, sample.session_name)
        if names != self._last_names:
            self._last_names = names
            self._add_names(*names)
        self._lap_state, finished_laps = advance(self._lap_state, sample)
        self._laps += finished_laps
        self._values.add(sample)
        if sample.speed_kmh > (self._top_speed_kmh or -1.0):
            self._top_speed_kmh = sample.speed_kmh
        self._last, self._last_was_new_step = sample, is_new_step

    def add_event(self, event: Event) -> None:
        """Count an event of the recording."""
        self._events[event.kind] += 1

    @property
    def laps(self) -> list[Lap]:
        """The laps so far, the one in progress included."""
        ended = [*self._laps, *finish(self._lap_state)]
        laps = list(with_late_verdicts(ended, shows_best=self._lap_state.shows_best))
        return [lap.allow_ai() for lap in laps] if self._include_ai else laps

    def report(
        self, *, file: str, file_format: str, format_version: str | None, size: int, finished: bool
    ) -> QualityReport:
        """The report on all samples and events added so far; the arguments are its attributes of these names."""
        laps = self.laps
        span_s = self._last.elapsed - self._first.elapsed if self._first and self._last else 0.0
        intervals = self._intervals_ms
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
            laps=LapCount(
                counted=sum(lap.complete for lap in laps),
                valid=sum(lap.valid for lap in laps),
                ai_driven=sum(lap.complete and lap.ai_driven for lap in laps),
                best=_best_laps(laps),
            ),
            samples=self.samples,
            span_s=span_s,
            rate_hz=intervals.count / intervals.sum * 1e3 if intervals.sum else None,
            full_rate=full_rate,
            interval_p50_ms=median_ms,
            interval_p99_ms=intervals.quantile(0.99),
            interval_max_ms=intervals.longest,
            jitter_p50_ms=jitter.quantile(0.5),
            jitter_p99_ms=jitter.quantile(0.99),
            gaps=_gaps_at_full_rate(self._steps_between) if full_rate else _gaps_below_full_rate(intervals),
            pauses=self._pauses,
            paused_s=self._paused_s,
            paused_share=self._paused_s / span_s if span_s > 0.0 else 0.0,
            torn=self.torn,
            repaired=self._events["repaired"],
            duplicates=0 if "packet_id" in self._absent else self._steps_between[0],
            restarts=self._restarts,
            time_backwards=self._time_backwards,
            clock_steps=tuple(self._clock_steps),
            events=dict(self._events),
            missing_fields=tuple(name for name in Snapshot.NAMES if name in self._absent),
            constant_fields=self._values.constant_fields if self.samples > 1 else (),
            non_finite=dict(self._values.non_finite),
            out_of_range=self._values.out_of_range,
            top_speed_kmh=self._top_speed_kmh,
        )

    def _add_names(self, car: str, track: str, layout: str, session: str) -> None:
        if car:
            self._cars[car] = None
        if track:
            self._tracks[f"{track} ({layout})" if layout else track] = None
        if "session" not in self._absent:
            self._sessions[session] = None

    def _add_interval(self, before: Sample, now: Sample, *, is_new_step: bool) -> None:
        interval_s = now.elapsed - before.elapsed
        if clock_step := clock_step_seconds(now.timestamp - before.timestamp, interval_s):
            at_s = now.elapsed - (self._first or before).elapsed
            self._clock_steps.append(ClockStep(at_s=at_s, seconds=clock_step))
        elif now.timestamp < before.timestamp or interval_s < 0.0:
            self._time_backwards += 1
        steps = now.physics_steps
        if steps is None:
            self._restarts += 1
            return
        paused_s = paused_seconds(interval_s, steps) if is_new_step else max(interval_s, 0.0)
        if not is_new_step or paused_s:
            self._pauses += self._last_was_new_step
            self._paused_s += paused_s
            return
        self._steps_between[steps] += 1
        self._intervals_ms.add(interval_s * 1e3)

    def _is_full_rate(self) -> bool:
        if "packet_id" in self._absent:
            return False
        total = self._steps_between.total()
        return total > 0 and 2 * self._steps_between[1] > total


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
