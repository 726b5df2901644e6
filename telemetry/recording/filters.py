"""Sinks in front of other sinks: forwarding, decimating, steps to samples."""

from telemetry.base.clock import RateLimiter
from telemetry.fields.derived import DEFAULTS, Sample, Thresholds, derive
from telemetry.fields.pages import read_packet_id
from telemetry.fields.snapshot import PageDecoder
from telemetry.recording.game_state import is_advancing
from telemetry.recording.interfaces import Event, PageSink, Sink, Step


class _Onward:
    """What goes on to another sink as it comes."""

    def __init__(self, sink: PageSink) -> None:
        self.name = sink.name
        self._sink = sink

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._sink.size

    def add_event(self, event: Event) -> None:
        """Take what happened."""
        self._sink.add_event(event)

    def flush(self) -> None:
        """Hand everything taken so far to the operating system."""
        self._sink.flush()

    def close(self) -> None:
        """Finish the sink."""
        self._sink.close()


class ForwardingSink(_Onward, PageSink):
    """Another sink: what is taken goes on to it, but for what a subclass does to the steps."""

    def write(self, step: Step) -> None:
        """Take one step."""
        self._sink.write(step)


class DecimatingSink(ForwardingSink):
    """Another sink, which gets about ``rate`` of the steps per second."""

    def __init__(self, sink: PageSink, rate: float) -> None:
        super().__init__(sink)
        self._limiter = RateLimiter(rate)
        self._missing = 0

    def write(self, step: Step) -> None:
        """Take one step."""
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
    """Steps as samples, derived fields and all, into a sink of samples; what is no sample has no place there.

    As in every recording of samples, those of a game that stands still in time are left out.
    """

    def __init__(self, sink: Sink, thresholds: Thresholds = DEFAULTS) -> None:
        self.name = sink.name
        self._sink = sink
        self._thresholds = thresholds
        self._decoder = PageDecoder()
        self._before: Sample | None = None
        self._packet_id: int | None = None
        self._count = 0

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._sink.size

    def write(self, step: Step) -> None:
        """Take one step."""
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

    def add_event(self, event: Event) -> None:
        """Leave it out: there is no line for it."""

    def flush(self) -> None:
        """Hand everything taken so far to the operating system."""
        self._sink.flush()

    def close(self) -> None:
        """Finish the sink."""
        self._sink.close()
