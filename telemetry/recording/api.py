"""The two functions that most programs need: samples of a source, and a recording of them."""

from collections.abc import Iterator

from telemetry.base.clock import Clock
from telemetry.fields.derived import DEFAULTS, Sample, Thresholds
from telemetry.recording.interfaces import Sink, Source
from telemetry.recording.sample_recorder import SampleRecorder, SamplingOptions
from telemetry.recording.stats import RecordingStats


def samples(
    source: Source,
    *,
    rate: float | None = None,
    duration: float | None = None,
    count: int | None = None,
    laps: int | None = None,
    include_paused: bool = False,
    thresholds: Thresholds = DEFAULTS,
    clock: Clock | None = None,
) -> Iterator[Sample]:
    """The samples of a source as they come, ``rate`` per second (None: 10 of a live source, all of a recording).

    They end with the source, after ``duration`` seconds, ``count`` samples or ``laps`` laps, or when the clock is
    stopped. ``Clock(float("inf"))`` plays the demo and recordings as fast as they can be had.
    """
    options = SamplingOptions(
        rate=rate,
        duration=duration,
        samples=count,
        laps=laps,
        include_paused=include_paused,
        thresholds=thresholds,
    )
    return SampleRecorder(source, clock=clock, options=options).samples()


def record(
    source: Source,
    *sinks: Sink,
    rate: float | None = None,
    duration: float | None = None,
    count: int | None = None,
    laps: int | None = None,
    include_paused: bool = False,
    thresholds: Thresholds = DEFAULTS,
    clock: Clock | None = None,
) -> RecordingStats:
    """Write the samples of a source to sinks, each in a thread of its own, and say how it went.

    Arguments are those of :func:`samples`. The sinks are closed at the end; raises the first error among them.
    """
    options = SamplingOptions(
        rate=rate,
        duration=duration,
        samples=count,
        laps=laps,
        include_paused=include_paused,
        thresholds=thresholds,
    )
    return SampleRecorder(source, sinks, clock=clock, options=options).run()
