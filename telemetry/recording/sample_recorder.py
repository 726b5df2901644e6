"""The loop of samples: readings of a source become samples, and samples go to sinks."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.fields.derived import DEFAULTS, Sample, Thresholds, derive
from telemetry.fields.snapshot import warm_up
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Listener, Reading, Sink, Source
from telemetry.recording.queued_sink import QueuedSink
from telemetry.recording.stats import RecordingStats

DEFAULT_RATE: Final = 10.0
"""Samples per second of a live source unless asked otherwise."""

LAP_TIME_DELAY_S: Final = 1.0
"""How long recording goes on after the last lap wanted: the game publishes its time some frames late."""


@dataclass(frozen=True, kw_only=True)
class SamplingOptions:
    """How to sample and when to end: after so many seconds or samples kept, or laps completed, whichever is first.

    Raises :class:`telemetry.UsageError` for a number that makes no sense.
    """

    rate: float | None = None
    duration: float | None = None
    samples: int | None = None
    laps: int | None = None
    include_paused: bool = False
    thresholds: Thresholds = DEFAULTS

    def __post_init__(self) -> None:
        for name in ("rate", "duration", "samples", "laps"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < math.inf:
                raise UsageError(f"{value:g} makes no sense as {name}; it must be more than 0.")


class SampleRecorder:
    """Reads a source, derives, and hands every kept sample to the sinks.

    Samples of a car that stands still in time (pause, replay, stall) are shown to watchers but not kept, unless
    ``include_paused``. A sink's error ends the run and is raised once the other sinks were closed.
    """

    def __init__(
        self,
        source: Source,
        sinks: Sequence[Sink] = (),
        listeners: Sequence[Listener] = (),
        *,
        clock: Clock | None = None,
        options: SamplingOptions | None = None,
    ) -> None:
        warm_up()
        self.source = source
        self.clock = clock or Clock()
        self.options = options or SamplingOptions()
        self.stats = RecordingStats(rate_asked=self.options.rate)
        # A clock that jumps waits for nobody, so the sinks set the pace: nothing may be dropped.
        unpaced = math.isinf(self.clock.speed)
        self._sinks = [QueuedSink(sink, self.options.rate or DEFAULT_RATE, block_when_full=unpaced) for sink in sinks]
        self._listeners = list(listeners)
        self._interrupted = False  # by a pause, a stall, a game that left

    def run(self) -> RecordingStats:
        """Record until the source ends, a limit is reached or the clock is stopped."""
        try:
            for sample in self.samples():
                for sink in self._sinks:
                    sink.write(sample)
        finally:
            self._close_sinks()
        return self.stats

    def samples(self) -> Iterator[Sample]:
        """The kept samples themselves, for a loop of one's own; the sinks are left alone."""
        options, stats = self.options, self.stats
        before: Sample | None = None
        end = math.inf
        for reading in self.source.readings(self.clock, options.rate):
            stats.state, stats.message, stats.torn = reading.state, reading.message, reading.torn
            snapshot = reading.snapshot
            if snapshot is None:
                self._interrupted = True
                self._show(None)
                now = self.clock.now()  # the time that live sources give their samples
                if self._past_duration(now) or now >= end:
                    break
                continue
            if self._past_duration(snapshot.elapsed) or snapshot.elapsed >= end:
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
                if stats.samples == options.samples:
                    break
                if stats.laps == options.laps and math.isinf(end):
                    end = sample.elapsed + LAP_TIME_DELAY_S
        stats.state, stats.message = State.ENDED, ""

    def _past_duration(self, elapsed: float) -> bool:
        stats, duration = self.stats, self.options.duration
        # Half a period of grace, so that a tick that comes a moment early does not add a sample.
        grace = 0.5 / self.options.rate if self.options.rate else 0.0
        return duration is not None and stats.samples > 0 and elapsed - stats.first >= duration - grace

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
        if before is not None and sample.completed_laps == before.completed_laps + 1:
            stats.laps += 1
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
        error: Exception | None = None
        for sink in self._sinks:
            try:
                sink.close()
            except Exception as problem:  # noqa: BLE001 - raised when the other sinks are closed
                error = error or problem
        self.stats.size = sum(sink.size for sink in self._sinks)
        self.stats.dropped = sum(sink.dropped for sink in self._sinks)
        if error is not None:
            raise error
