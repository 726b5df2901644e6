"""The loop of samples: readings of a source become samples, and samples go to sinks."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from telemetry.base.checks import require_positive
from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.fields.codec import PLAIN_PAGES
from telemetry.fields.derived import Sample, derive
from telemetry.fields.lap_changes import laps_completed
from telemetry.fields.snapshot import warm_up
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.recording.background_writer import QueuedSink
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Listener, Reading, Sink, Source
from telemetry.recording.stats import RecordingStats
from telemetry.recording.stop import LAP_TIME_DELAY_S, StopRule

DEFAULT_RATE: Final = 10.0
"""Samples per second of a live source unless asked otherwise."""


@dataclass(frozen=True, kw_only=True)
class SamplingOptions:
    """How to sample. Raises :class:`telemetry.UsageError` for a rate that is not a finite number greater than 0."""

    rate: float | None = None
    """Samples per second; None for the source's own pace."""
    include_paused: bool = False
    """Whether to keep samples of a car that stands still in game time: in a pause, a replay, a stall."""
    thresholds: Thresholds = DEFAULTS
    """Limits of the derived fields."""

    def __post_init__(self) -> None:
        if self.rate is not None:
            require_positive("rate", self.rate)


class SampleRecorder:
    """Reads a source, derives, and writes every kept sample to the sinks, each in a thread of its own.

    Samples in which game time stands still (pause, replay, stall) are shown to listeners but not kept, unless
    ``include_paused``. A sink's error ends the run and is raised once the other sinks were closed. With an unpaced
    clock nothing is dropped: each sample is written before the next is read. Sessions cannot be limited by
    ``stop_rule`` here; that raises :class:`telemetry.UsageError`.
    """

    def __init__(
        self,
        source: Source,
        sinks: Sequence[Sink] = (),
        listeners: Sequence[Listener[RecordingStats]] = (),
        *,
        clock: Clock | None = None,
        options: SamplingOptions | None = None,
        stop_rule: StopRule | None = None,
    ) -> None:
        if stop_rule is not None and stop_rule.sessions is not None:
            raise UsageError("sessions can limit a recording of physics steps only.")
        self._stop_rule = stop_rule or StopRule()
        if self._stop_rule.samples is None or self._stop_rule.samples > PLAIN_PAGES:
            warm_up()
        self.source = source
        self.clock = clock or Clock()
        self.options = options or SamplingOptions()
        self.stats = RecordingStats(rate_asked=self.options.rate)
        threaded = not math.isinf(self.clock.speed)
        self._sinks = [QueuedSink(sink, self.options.rate or DEFAULT_RATE, threaded=threaded) for sink in sinks]
        self._listeners = list(listeners)
        self._interrupted = False  # by a pause, a stall, a game that left
        self._end = math.inf  # when the official time of the last lap wanted is there

    def run(self) -> RecordingStats:
        """Record until the source ends, the stop rule is met or the clock is stopped."""
        try:
            for sample in self.samples():
                for sink in self._sinks:
                    sink.write(sample)
        finally:
            self._close_sinks()
        return self.stats

    def samples(self) -> Iterator[Sample]:
        """The kept samples themselves, for a loop of one's own; nothing is written to the sinks."""
        options, stats = self.options, self.stats
        before: Sample | None = None
        for reading in self.source.readings(self.clock, options.rate):
            stats.state, stats.message, stats.torn = reading.state, reading.message, reading.torn
            snapshot = reading.snapshot
            if snapshot is None:
                self._interrupted = True
                self._show(None)
                if self._is_over(self.clock.now()):  # the time that live sources give their samples
                    break
                continue
            if self._is_over(snapshot.elapsed):
                break
            sample = derive(snapshot.replace(sequence=stats.samples), before, options.thresholds)
            keep = reading.is_new_step or options.include_paused
            if keep:
                self._count(sample, before, reading)
            self._interrupted = not keep
            before = sample
            self._show(sample)
            if keep:
                yield sample
                if self._stop_rule.is_met(samples=stats.samples):
                    break
                if self._stop_rule.is_met(laps=stats.laps) and math.isinf(self._end):
                    self._end = sample.elapsed + LAP_TIME_DELAY_S
        stats.state, stats.message = State.ENDED, ""

    def _is_over(self, now: float) -> bool:
        """Whether a reading at this time is too late to be recorded."""
        stats = self.stats
        if now >= self._end:
            return True
        if stats.samples == 0:
            return False
        # Half a period of grace, so that a tick that comes a moment early does not add a sample.
        grace = 0.5 / self.options.rate if self.options.rate else 0.0
        return self._stop_rule.is_met(seconds=now - stats.first + grace, game_left=stats.state is State.GONE)

    def _count(self, sample: Sample, before: Sample | None, reading: Reading) -> None:
        stats = self.stats
        stats.samples += 1
        stats.missed += reading.missed
        stats.size = sum(sink.size for sink in self._sinks)
        stats.dropped = sum(sink.dropped for sink in self._sinks)
        if stats.samples == 1:
            stats.first = sample.elapsed
        else:
            self._count_interval(sample.elapsed - stats.latest)
        if sample.physics_steps == 0:
            stats.duplicates += 1
        if before is not None:
            stats.laps += laps_completed(sample, before)
        stats.latest = sample.elapsed

    def _count_interval(self, interval: float) -> None:
        stats, rate = self.stats, self.options.rate
        if self._interrupted:
            stats.interruptions += 1
            stats.interrupted += interval
            stats.gaps += 1
        elif rate and interval > 1.5 / rate:
            stats.gaps += 1
        elif rate:
            stats.jitter.add(abs(interval - 1.0 / rate) * 1e3)

    def _show(self, sample: Sample | None) -> None:
        for listener in self._listeners:
            listener.on_reading(sample, self.stats)

    def _close_sinks(self) -> None:
        first_error: Exception | None = None
        for sink in self._sinks:
            try:
                sink.close()
            except Exception as error:  # noqa: BLE001 - raised when the other sinks are closed
                first_error = first_error or error
        self.stats.size = sum(sink.size for sink in self._sinks)
        self.stats.dropped = sum(sink.dropped for sink in self._sinks)
        if first_error is not None:
            raise first_error
