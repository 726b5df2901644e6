import math
import threading
from collections.abc import Iterable, Iterator
from itertools import count

import pytest

from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError, UsageError
from telemetry.fields.derived import Sample
from telemetry.recording.background_writer import QueuedSink
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Reading, Sink, Source
from telemetry.recording.sample_recorder import SampleRecorder, SamplingOptions
from telemetry.recording.stats import RecordingStats
from telemetry.recording.stop import StopRule
from tests.conftest import sample_of, snapshot_of


class Script(Source):
    """A source that gives prepared readings."""

    name = "script"

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = readings

    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        for reading in self._readings:
            if clock.stopped:
                return
            yield reading


class Memory(Sink):
    """A sink that keeps what it gets, and fails on request."""

    name = "memory"

    def __init__(self, fail_at: int | None = None) -> None:
        self.samples: list[Sample] = []
        self.closed = 0
        self._fail_at = fail_at

    @property
    def size(self) -> int:
        return 100 * len(self.samples)

    def write(self, sample: Sample) -> None:
        if len(self.samples) == self._fail_at:
            raise SinkError("The memory is full.")
        self.samples.append(sample)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed += 1


def live(elapsed: float, packet_id: int, **values: object) -> Reading:
    return Reading(State.LIVE, snapshot_of(elapsed=elapsed, packet_id=packet_id, **values), is_new_step=True)


def at_rate(rate: float, count: int, **values: object) -> list[Reading]:
    return [live(index / rate, round(index * 333 / rate), **values) for index in range(count)]


def unpaced_clock() -> Clock:
    return Clock(math.inf)


def test_samples_go_to_every_sink_and_the_sinks_are_closed() -> None:
    first, second = Memory(), Memory()
    stats = SampleRecorder(Script(at_rate(10, 5)), [first, second], clock=unpaced_clock()).run()
    assert [sample.sequence for sample in first.samples] == [0, 1, 2, 3, 4]
    assert second.samples == first.samples
    assert first.closed > 0
    assert (stats.samples, stats.state, stats.size) == (5, State.ENDED, 1000)


def test_derived_fields_see_the_sample_before() -> None:
    sink = Memory()
    SampleRecorder(Script([live(0.0, 10), live(0.1, 43)]), [sink], clock=unpaced_clock()).run()
    assert [sample.physics_steps for sample in sink.samples] == [None, 33]


def test_paused_samples_are_shown_but_not_kept() -> None:
    class Onlooker:
        def __init__(self) -> None:
            self.seen: list[tuple[State, bool]] = []

        def on_reading(self, sample: Sample | None, stats: RecordingStats) -> None:
            self.seen.append((stats.state, sample is not None))

    paused = Reading(State.PAUSED, snapshot_of(elapsed=0.1, packet_id=10, status=3))
    readings = [live(0.0, 10), paused, live(0.2, 43), Reading(State.GONE)]
    sink, onlooker = Memory(), Onlooker()
    SampleRecorder(Script(readings), [sink], [onlooker], clock=unpaced_clock()).run()
    assert [sample.sequence for sample in sink.samples] == [0, 1]
    assert [sample.elapsed for sample in sink.samples] == [0.0, 0.2]
    assert onlooker.seen == [(State.LIVE, True), (State.PAUSED, True), (State.LIVE, True), (State.GONE, False)]


def test_paused_samples_are_kept_when_wanted() -> None:
    paused = Reading(State.PAUSED, snapshot_of(elapsed=0.1, status=3))
    sink = Memory()
    SampleRecorder(Script([paused]), [sink], clock=unpaced_clock(), options=SamplingOptions(include_paused=True)).run()
    assert [sample.status_name for sample in sink.samples] == ["pause"]


def test_a_duration_at_a_rate_is_exactly_their_product() -> None:
    recorder = SampleRecorder(
        Script(at_rate(60, 700)),
        clock=unpaced_clock(),
        options=SamplingOptions(rate=60.0),
        stop_rule=StopRule(duration=10.0),
    )
    assert recorder.run().samples == 600


def test_a_number_of_samples_ends_the_run() -> None:
    recorder = SampleRecorder(Script(at_rate(60, 100)), clock=unpaced_clock(), stop_rule=StopRule(samples=7))
    assert recorder.run().samples == 7


def test_laps_end_the_run_a_moment_after_the_line_so_that_the_late_lap_time_is_in() -> None:
    readings = [
        live(0.0, 0),
        live(0.1, 33, completed_laps=1),
        live(0.4, 133, completed_laps=1, last_time=90_000),
        live(1.2, 400, completed_laps=1, last_time=90_000),
    ]
    sink = Memory()
    stats = SampleRecorder(Script(readings), [sink], clock=unpaced_clock(), stop_rule=StopRule(laps=1)).run()
    assert stats.laps == 1
    assert sink.samples[-1].last_time == 90_000
    assert len(sink.samples) == 3


def test_a_restart_is_no_lap() -> None:
    readings = [live(0.0, 900, completed_laps=3), live(0.1, 5, completed_laps=0), live(0.2, 38, completed_laps=1)]
    assert SampleRecorder(Script(readings), clock=unpaced_clock()).run().laps == 1


def test_duplicates_missed_ticks_gaps_and_torn_pages_are_counted() -> None:
    readings = [
        live(0.0, 10),
        live(0.1, 10),
        live(0.2, 76)._replace(missed=3, torn=2),
        live(0.5, 176)._replace(torn=2),
    ]
    stats = SampleRecorder(Script(readings), clock=unpaced_clock(), options=SamplingOptions(rate=10.0)).run()
    assert (stats.duplicates, stats.missed, stats.torn, stats.gaps) == (1, 3, 2, 1)


def test_a_duration_ends_although_the_game_has_left() -> None:
    class Leaving(Source):
        name = "leaving"

        def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
            yield live(0.0, 10)
            while clock.sleep_until(clock.now() + 0.5):
                yield Reading(State.GONE)

    clock = unpaced_clock()
    stats = SampleRecorder(Leaving(), clock=clock, stop_rule=StopRule(duration=5.0)).run()
    assert (stats.samples, clock.now()) == (1, 5.0)


def test_a_pause_is_a_gap_and_no_part_of_the_measured_rate() -> None:
    paused = Reading(State.PAUSED, snapshot_of(elapsed=0.2, packet_id=43, status=3))
    readings = [live(0.0, 10), live(0.1, 43), paused, live(100.0, 43), live(100.1, 76)]
    stats = SampleRecorder(Script(readings), clock=unpaced_clock(), options=SamplingOptions(rate=10.0)).run()
    assert stats.gaps == 1
    assert stats.rate == pytest.approx(10.0)


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_a_rate_that_is_not_greater_than_0_is_refused(value: float) -> None:
    with pytest.raises(UsageError, match=f"^rate must be (greater than 0|finite), got {value:g}\\.$"):
        SamplingOptions(rate=value)


def test_sessions_cannot_limit_a_recording_of_samples() -> None:
    with pytest.raises(UsageError, match=r"^sessions can limit a recording of physics steps only\.$"):
        SampleRecorder(Script([]), stop_rule=StopRule(sessions=1))


def test_the_measured_rate_counts_intervals() -> None:
    stats = SampleRecorder(Script(at_rate(10, 11)), clock=unpaced_clock(), options=SamplingOptions(rate=10.0)).run()
    assert stats.rate == pytest.approx(10.0)
    assert stats.seconds == pytest.approx(1.0)


def test_a_summary_of_nothing_has_no_rate() -> None:
    summary = SampleRecorder(Script([]), clock=unpaced_clock()).run().summary()
    assert (summary["samples"], summary["rate_measured_hz"], summary["jitter_p50_ms"]) == (0, None, None)


def test_a_failing_sink_ends_the_run_with_its_error_and_the_others_are_whole() -> None:
    failing, healthy = Memory(fail_at=2), Memory()
    recorder = SampleRecorder(Script(at_rate(10, 1000)), [failing, healthy], clock=unpaced_clock())
    with pytest.raises(SinkError, match="The memory is full"):
        recorder.run()
    assert len(failing.samples) == 2
    assert failing.closed > 0
    assert len(healthy.samples) == recorder.stats.samples - 1  # the sample at which the other one failed
    assert healthy.closed > 0


def test_an_error_while_sinks_are_closed_is_raised() -> None:
    class BadEnd(Memory):
        def close(self) -> None:
            super().close()
            raise SinkError("The end was not written.")

    with pytest.raises(SinkError, match="The end was not written"):
        SampleRecorder(Script(at_rate(10, 1)), [BadEnd()], clock=unpaced_clock()).run()


def test_a_slow_sink_costs_samples_that_are_counted_and_never_time() -> None:
    gate = threading.Event()

    class Slow(Memory):
        def write(self, sample: Sample) -> None:
            gate.wait(10)
            super().write(sample)

    sink = Slow()
    background = QueuedSink(sink, rate=1.0)
    for _ in range(100):
        background.write(sample_of())
    assert background.dropped in (100 - 64, 100 - 65)
    gate.set()
    background.close()
    assert len(sink.samples) + background.dropped == 100


def test_a_sink_without_a_thread_loses_nothing() -> None:
    sink = Memory()
    background = QueuedSink(sink, rate=1.0, threaded=False)
    for _ in range(1000):
        background.write(sample_of())
    background.close()
    assert (len(sink.samples), background.dropped) == (1000, 0)


def test_stopping_the_clock_ends_the_run_normally() -> None:
    clock = unpaced_clock()

    class Stopping(Memory):
        def write(self, sample: Sample) -> None:
            super().write(sample)
            clock.stop()

    sink = Stopping()
    infinite = (live(index / 10, 33 * index) for index in count())
    SampleRecorder(Script(infinite), [sink], clock=clock).run()
    assert len(sink.samples) >= 1
