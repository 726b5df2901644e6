"""The two functions that most programs need: samples of a source, and a recording of them."""

from collections.abc import Iterator, Sequence
from typing import TypedDict, Unpack

from telemetry.base.clock import Clock
from telemetry.fields.derived import Sample
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.recording.interfaces import Sink, Source
from telemetry.recording.sample_recorder import SampleRecorder, SamplingOptions
from telemetry.recording.stats import RecordingStats
from telemetry.recording.stop import StopRule


class SampleArguments(TypedDict, total=False):
    """The keyword arguments that :func:`samples` and :func:`record` share; all may be left out."""

    rate: float | None
    """Samples per second. None, the default: 10 of a live source, all of a recording."""
    duration: float | None
    """End after this many seconds."""
    count: int | None
    """End after this many samples."""
    laps: int | None
    """End when this many laps were completed."""
    include_paused: bool
    """Keep samples in which game time stands still too: in a pause, a replay, a stall."""
    thresholds: Thresholds
    """Limits of the derived fields."""
    clock: Clock | None
    """``Clock(float("inf"))`` plays the demo and recordings as fast as possible."""


def samples(source: Source, **arguments: Unpack[SampleArguments]) -> Iterator[Sample]:
    """The samples of a source as they come.

    They end with the source, when one of the limits in :class:`SampleArguments` is reached, or when the clock is
    stopped. Raises :class:`telemetry.UsageError` for a rate or limit that is not greater than 0, and what the source
    raises: :class:`telemetry.SourceError` where it cannot be read.
    """
    return _recorder(source, (), **arguments).samples()


def record(source: Source, *sinks: Sink, **arguments: Unpack[SampleArguments]) -> RecordingStats:
    """Write the samples of a source to sinks, each in a thread of its own, and return the counters.

    Arguments and errors are those of :func:`samples`. The sinks are closed at the end; the first
    :class:`telemetry.SinkError` among them is raised then.
    """
    return _recorder(source, sinks, **arguments).run()


def _recorder(
    source: Source,
    sinks: Sequence[Sink],
    *,
    rate: float | None = None,
    duration: float | None = None,
    count: int | None = None,
    laps: int | None = None,
    include_paused: bool = False,
    thresholds: Thresholds = DEFAULTS,
    clock: Clock | None = None,
) -> SampleRecorder:
    options = SamplingOptions(rate=rate, include_paused=include_paused, thresholds=thresholds)
    stop_rule = StopRule(duration=duration, samples=count, laps=laps)
    return SampleRecorder(source, sinks, clock=clock, options=options, stop_rule=stop_rule)
