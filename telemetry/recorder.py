"""The one loop: readings of a source become samples, and samples go to sinks."""

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from queue import Empty, Full, Queue
from threading import Thread
from time import perf_counter
from types import TracebackType
from typing import Any, Final, NamedTuple, Protocol, Self

from ac_native_memory import Pages
from telemetry.clock import Clock
from telemetry.derived import DEFAULTS, Sample, Thresholds, derive
from telemetry.errors import UsageError
from telemetry.snapshot import Snapshot, encode, warm_up

DEFAULT_RATE: Final = 10.0
"""Samples per second of a live source unless asked otherwise."""

FLUSH_SECONDS: Final = 0.5
"""How long a written sample may wait on its way to the operating system."""

LAP_TIME_DELAY_S: Final = 1.0
"""How long recording goes on after the last lap wanted: the game publishes its time some frames late."""

QUEUE_SECONDS: Final = 10.0
"""How much a sink may lag behind before samples are dropped for it, and counted."""


class State(StrEnum):
    """What a source can say of the game."""

    WAITING = "waiting"
    LOADING = "loading"
    LIVE = "live"
    PAUSED = "paused"
    REPLAY = "replay"
    MENU = "menu"
    STALLED = "stalled"
    STILL = "still"
    GONE = "gone"
    ENDED = "ended"


STATUS_STATES: Final = {1: State.REPLAY, 3: State.PAUSED}
"""What the graphics page's ``status`` says of a recorded moment; any other was live."""


def is_advancing(state: State, *, moved: bool) -> bool:
    """Whether the car moves on in time in this state, where its physics has moved: also behind the menu, online."""
    return state is State.LIVE or (state is State.MENU and moved)


class Reading(NamedTuple):
    """What a source saw at one moment; ``snapshot`` is None where there is nothing to decode.

    ``is_new_step`` is false where the car does not move on in time: in pause, in a replay, when the game stalls. ``missed``
    counts the deadlines dropped since the reading before, ``torn`` the torn pages so far.
    """

    state: State
    snapshot: Snapshot | None = None
    is_new_step: bool = False
    missed: int = 0
    torn: int = 0
    message: str = ""


class Step(NamedTuple):
    """The game's pages after one physics step, or, without ``pages``, how things stand while there are none.

    ``elapsed`` is in seconds of the source's clock. ``missing`` counts the physics steps right before this one that
    could not be seen; ``repaired`` says that another content of the same step was seen too, and which one is whole was
    told by its neighbours. A step whose physics page equals that of the step before carries a change of the other pages
    alone, as in a pause.
    """

    state: State
    pages: Pages | None = None
    elapsed: float = 0.0
    missing: int = 0
    repaired: bool = False
    message: str = ""


class Closeable:
    """What is closed when its ``with`` block ends."""

    def close(self) -> None:
        """Let go of what is held; harmless when done twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Source(Closeable, ABC):
    """Where snapshots come from; ``name`` says to a person what it is."""

    name: str

    @abstractmethod
    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        """What is there, ``rate`` times per second (None: the source's own pace), until it ends or the clock stops."""

    def steps(self, clock: Clock) -> Iterator[Step]:
        """Every physics step that the source can give, each once; a source of samples gives those that it has."""
        for reading in self.readings(clock, None):
            snapshot = reading.snapshot
            if snapshot is None:
                yield Step(reading.state, message=reading.message)
            else:
                yield Step(reading.state, encode(snapshot), snapshot.elapsed, message=reading.message)


class Sink(Closeable, ABC):
    """Where samples go; ``name`` says to a person what it is. Raises :class:`telemetry.SinkError` when it must end."""

    name: str

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes written so far."""

    @abstractmethod
    def write(self, sample: Sample) -> None:
        """Take one sample."""

    @abstractmethod
    def flush(self) -> None:
        """Hand everything taken so far to the operating system."""


class Event(NamedTuple):
    """Something that happened at a moment of a recording: a gap, a marker, a pause.

    ``timestamp`` is in Unix seconds; ``values`` holds what else there is to say, as JSON knows it.
    """

    kind: str
    timestamp: float
    values: Mapping[str, Any]


class PageSink(Closeable, ABC):
    """Where steps go with their pages as they are; ``name`` says to a person what it is.

    Raises :class:`telemetry.SinkError` when it must end.
    """

    name: str

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes written so far."""

    @abstractmethod
    def write(self, step: Step) -> None:
        """Take one step; one without pages tells of a state alone."""

    @abstractmethod
    def note(self, event: Event) -> None:
        """Take what happened."""

    @abstractmethod
    def flush(self) -> None:
        """Hand everything taken so far to the operating system, so that it outlives this process."""


class LatencyHistogram:
    """Quantiles of any number of durations in constant memory, each to within five percent."""

    _STEP = math.log(1.05)

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()

    def add(self, milliseconds: float) -> None:
        """Count one duration; those below a microsecond are alike."""
        self._buckets[round(math.log(max(milliseconds, 1e-3)) / self._STEP)] += 1

    def quantile(self, share: float) -> float | None:
        """The duration in milliseconds that this share of all does not exceed; None when there are none."""
        rest = share * self._buckets.total()
        for bucket in sorted(self._buckets):
            rest -= self._buckets[bucket]
            if rest <= 0.0:
                return math.exp(bucket * self._STEP)
        return None


@dataclass
class RecordingStats:
    """How the recording goes, kept up to date while it runs."""

    state: State = State.WAITING
    message: str = ""
    rate_asked: float | None = None
    samples: int = 0
    duplicates: int = 0
    torn: int = 0
    missed: int = 0
    dropped: int = 0
    gaps: int = 0
    interruptions: int = 0
    interrupted: float = 0.0
    laps: int = 0
    size: int = 0
    first: float = 0.0
    latest: float = 0.0
    jitter: LatencyHistogram = field(default_factory=LatencyHistogram)

    @property
    def seconds(self) -> float:
        """From the first sample to the latest."""
        return self.latest - self.first

    @property
    def rate(self) -> float | None:
        """Samples per second as measured, pauses and absences left out; None before the second sample."""
        intervals, seconds = self.samples - 1 - self.interruptions, self.seconds - self.interrupted
        return intervals / seconds if intervals > 0 and seconds > 0.0 else None

    def summary(self) -> dict[str, object]:
        """The figures for a program."""
        return {
            "samples": self.samples,
            "seconds": self.seconds,
            "rate_asked_hz": self.rate_asked,
            "rate_measured_hz": self.rate,
            "jitter_p50_ms": self.jitter.quantile(0.5),
            "jitter_p99_ms": self.jitter.quantile(0.99),
            "duplicates": self.duplicates,
            "torn": self.torn,
            "missed": self.missed,
            "dropped": self.dropped,
            "gaps": self.gaps,
            "laps": self.laps,
            "bytes": self.size,
        }


class Listener(Protocol):
    """Something that looks on, like a view: it is shown every reading, kept or not, and must not hold up the loop."""

    def on_reading(self, sample: Sample | None, stats: RecordingStats) -> None:
        """Take note of the newest sample (None where there is none) and of how the recording goes."""
        ...


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
            sample = derive(
                Snapshot.of((snapshot.timestamp, snapshot.elapsed, stats.samples) + snapshot[3:]),  # noqa: RUF005
                before,
                options.thresholds,
            )
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


class QueuedSink:
    """A sink in a thread of its own behind a bounded queue, so that sampling never waits for a disk.

    What does not fit is dropped and counted, unless ``block_when_full``: then :meth:`write` waits for room. The sink's error is
    raised by the next call.
    """

    def __init__(self, sink: Sink, rate: float, *, block_when_full: bool = False) -> None:
        self.sink = sink
        self.name = sink.name
        self.dropped = 0
        self._block_when_full = block_when_full
        self._queue: Queue[Sample | None] = Queue(max(64, math.ceil(rate * QUEUE_SECONDS)))
        self._error: Exception | None = None
        # Not a daemon: it is joined on every way out, and a daemon that writes at interpreter exit can hang Windows.
        self._thread = Thread(target=self._work, name=f"sink {sink.name}")
        self._thread.start()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self.sink.size

    def write(self, sample: Sample) -> None:
        """Queue one sample; drop and count it where the queue is full."""
        if self._error is not None:
            raise self._error
        try:
            self._queue.put(sample, block=self._block_when_full)
        except Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what is queued and finish the sink."""
        if self._thread.is_alive():
            self._queue.put(None)
        self._thread.join()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _work(self) -> None:
        try:
            self._drain()
        except Exception as error:  # noqa: BLE001 - raised again in the thread that asks
            self._error = error
            while self._queue.get() is not None:  # nobody may wait for room in vain
                pass
        try:
            self.sink.close()
        except Exception as error:  # noqa: BLE001 - as above
            self._error = self._error or error

    def _drain(self) -> None:
        flushed = perf_counter()
        while True:
            try:
                sample = self._queue.get(timeout=FLUSH_SECONDS)
            except Empty:
                self.sink.flush()
                continue
            if sample is None:
                return
            self.sink.write(sample)
            if perf_counter() - flushed >= FLUSH_SECONDS:
                self.sink.flush()
                flushed = perf_counter()
