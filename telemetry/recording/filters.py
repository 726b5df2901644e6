"""Sinks in front of other sinks: they forward steps, keep fewer of them, or turn them into samples."""

from telemetry.base.clock import RateLimiter
from telemetry.base.typing import override
from telemetry.fields.derived import Sample, derive
from telemetry.fields.pages import read_packet_id
from telemetry.fields.snapshot import PageDecoder, warm_up
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.recording.game_state import is_advancing
from telemetry.recording.interfaces import Event, PageSink, Sink, Step


class ForwardingSink(PageSink):
    """Forwards steps and events to another sink; base class for filters."""

    def __init__(self, sink: PageSink) -> None:
        self.name = sink.name
        self._sink = sink

    @property
    @override
    def size(self) -> int:
        return self._sink.size

    @override
    def write(self, step: Step) -> None:
        self._sink.write(step)

    @override
    def add_event(self, event: Event) -> None:
        self._sink.add_event(event)

    @override
    def flush(self) -> None:
        self._sink.flush()

    @override
    def close(self) -> None:
        self._sink.close()


class DecimatingSink(ForwardingSink):
    """Forwards about ``rate`` steps per second; the steps left out do not count as missing."""

    def __init__(self, sink: PageSink, rate: float) -> None:
        super().__init__(sink)
        self._limiter = RateLimiter(rate)
        self._missing = 0  # steps never seen, since the last one that was forwarded

    @override
    def write(self, step: Step) -> None:
        if step.pages is None:
            self._sink.write(step)
            return
        missing = self._missing + step.missing
        if not self._limiter.accept(step.elapsed):
            self._missing = missing
            return
        self._missing = 0
        self._sink.write(step._replace(missing=missing))


class StepToSampleSink(PageSink):
    """Decodes steps and writes them as samples, derived fields included, to a sink of samples.

    As in every recording of samples, steps in which game time stands still are left out; events are too.
    """

    def __init__(self, sink: Sink, thresholds: Thresholds = DEFAULTS) -> None:
        self.name = sink.name
        self._sink = sink
        self._thresholds = thresholds
        warm_up()
        self._decoder = PageDecoder()
        self._before: Sample | None = None
        self._packet_id: int | None = None
        self._count = 0

    @property
    @override
    def size(self) -> int:
        return self._sink.size

    @override
    def write(self, step: Step) -> None:
        if step.pages is None:
            return
        packet_id = read_packet_id(step.pages.physics)
        moved, self._packet_id = packet_id != self._packet_id, packet_id
        if not is_advancing(step.state, moved=moved):
            return
        snapshot = self._decoder.decode(step.pages, elapsed=step.elapsed, sequence=self._count)
        self._before = derive(snapshot, self._before, self._thresholds)
        self._count += 1
        self._sink.write(self._before)

    @override
    def add_event(self, event: Event) -> None:
        """Ignore the event: files of samples have no place for it."""

    @override
    def flush(self) -> None:
        self._sink.flush()

    @override
    def close(self) -> None:
        self._sink.close()
