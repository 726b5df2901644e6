"""The capture: steps of the demo car, and steps made by hand, into sinks that remember them."""

import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ac_native_memory import Pages
from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError, UsageError
from telemetry.demo.source import DemoSource
from telemetry.fields.derived import Sample
from telemetry.formats.mcap.recording import McapRecording
from telemetry.formats.mcap.sink import create
from telemetry.recording.filters import DecimatingSink, StepToSampleSink
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Closeable, Event, PageSink, Reading, Sink, Source, Step
from telemetry.recording.lap_tracker import LapTracker
from telemetry.recording.stats import StepRecordingStats
from telemetry.recording.step_recorder import StepRecorder
from telemetry.recording.step_writer import SingleFileWriter
from telemetry.recording.stop import StopRule
from tests import drives
from tests.conftest import pages_of


class ListSink(PageSink):
    """Remembers what it was given."""

    name = "a list"

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.events: list[Event] = []
        self.flushes = 0
        self.closed = False

    @property
    def size(self) -> int:
        return 1000 * len(self.steps)

    def write(self, step: Step) -> None:
        self.steps.append(step)

    def add_event(self, event: Event) -> None:
        self.events.append(event)

    def flush(self) -> None:
        self.flushes += 1

    def close(self) -> None:
        self.closed = True


class SampleList(Sink):
    """Remembers samples."""

    name = "a list of samples"

    def __init__(self) -> None:
        self.samples: list[Sample] = []

    @property
    def size(self) -> int:
        return len(self.samples)

    def write(self, sample: Sample) -> None:
        self.samples.append(sample)

    def flush(self) -> None:
        pass


class Script(Source):
    """Steps that were made beforehand, given when the clock says so."""

    name = "a script"

    def __init__(self, *steps: Step) -> None:
        self._steps = steps

    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        raise NotImplementedError

    def steps(self, clock: Clock) -> Iterator[Step]:
        for step in self._steps:
            if not clock.sleep_until(step.elapsed):
                return
            yield step


def step_of(number: int, *, elapsed: float | None = None, missing: int = 0, **values: object) -> Step:
    values = {"packet_id": number, "graphics_packet_id": 2 * (number // 10) + 1, **values}
    return Step(State.LIVE, pages_of(**values), number * 0.003 if elapsed is None else elapsed, missing)


def long_drive_of_steps(line: float = 0.0) -> Script:
    """Minutes of clean laps, a step for each frame; the timing line lies there on the spline."""
    frames = drives.long_drive().frames(drives.LONG_SECONDS)
    if line:
        frames = [drives.with_line(frame, line) for frame in frames]
    return Script(
        *(
            Step(
                State.LIVE,
                Pages(frame.physics_bytes, frame.graphics_bytes, frame.static_bytes, frame.seconds),
                frame.seconds,
            )
            for frame in frames
        )
    )


def into(sink: PageSink) -> SingleFileWriter:
    return SingleFileWriter(sink, Path("nowhere"))


def hurry() -> Clock:
    return Clock(math.inf)


class Letter(Closeable):
    """Brings a marker when it is closed."""

    def __init__(self, capture: StepRecorder) -> None:
        self._capture = capture

    def close(self) -> None:
        self._capture.add_event(Event("marker", 1.0, {"name": "late"}))


@pytest.mark.parametrize("speed", [1.0, math.inf])
def test_what_an_inbox_brings_at_the_very_end_is_in_the_recording(speed: float) -> None:
    sink = ListSink()
    capture = StepRecorder(Script(step_of(1), step_of(2)), into(sink), clock=Clock(speed))
    capture.close_before_writer(Letter(capture))
    capture.run()
    assert sink.events == [Event("marker", 1.0, {"name": "late"})]
    assert len(sink.steps) == 2


def test_every_step_reaches_the_sink_as_it_is() -> None:
    sink = ListSink()
    capture = StepRecorder(DemoSource(seed=3), into(sink), clock=hurry(), stop_rule=StopRule(duration=3.0))
    stats = capture.run()
    assert sink.closed
    ids = [step.pages.physics[:4] for step in sink.steps if step.pages]
    numbers = [int.from_bytes(packet_id, "little") for packet_id in ids]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert (stats.steps, stats.missing, stats.dropped, stats.state) == (len(numbers), 0, 0, State.ENDED)
    assert 330 < len(numbers) / 3.0 < 336


def test_steps_that_were_not_seen_are_counted_and_passed_on() -> None:
    sink = ListSink()
    script = Script(step_of(1), step_of(2), step_of(7, missing=4), step_of(8), step_of(11, missing=2))
    stats = StepRecorder(script, into(sink), clock=hurry()).run()
    assert (stats.steps, stats.missing, stats.gaps) == (5, 6, 2)
    assert [step.missing for step in sink.steps] == [0, 0, 4, 0, 2]


def test_a_page_that_changes_without_physics_is_no_step() -> None:
    pause = step_of(2, elapsed=0.5, graphics_packet_id=99, status=3)._replace(state=State.PAUSED)
    sink = ListSink()
    stats = StepRecorder(
        Script(step_of(1), step_of(2), pause, step_of(3, elapsed=9.0)), into(sink), clock=hurry()
    ).run()
    assert (stats.steps, len(sink.steps)) == (3, 4)
    assert stats.interruptions == 1
    assert stats.interrupted == pytest.approx(9.0 - 0.006)
    assert stats.rate == pytest.approx(1 / 0.003)


def test_what_the_writer_is_too_slow_for_is_dropped_counted_and_told_to_the_recording() -> None:
    go_on = threading.Event()

    class Slow(ListSink):
        def write(self, step: Step) -> None:
            super().write(step)
            go_on.wait(60)

    sink = Slow()
    page = step_of(1)
    steps = [page]
    for number in range(2, 4001):
        physics = number.to_bytes(4, "little") + page.pages.physics[4:] if page.pages else b""
        steps.append(page._replace(pages=page.pages._replace(physics=physics) if page.pages else None))

    class Burst(Script):
        def steps(self, clock: Clock) -> Iterator[Step]:
            yield steps[0]
            time.sleep(0.3)  # the writer is at it now
            yield from steps[1:-1]
            go_on.set()
            while sink.steps[-1].pages is None or len(sink.steps) < 3000:
                time.sleep(0.01)
            yield steps[-1]

    stats = StepRecorder(Burst(), into(sink)).run()
    assert stats.dropped > 0
    assert len(sink.steps) + stats.dropped == stats.steps == 4000
    assert sink.steps[-1].missing == stats.dropped


def test_a_sink_that_fails_ends_the_capture_with_its_error() -> None:
    class Full(ListSink):
        def write(self, step: Step) -> None:
            raise SinkError("The disk is full.")

    for clock in (hurry(), Clock()):
        sink = Full()
        with pytest.raises(SinkError, match="The disk is full"):
            StepRecorder(DemoSource(), into(sink), clock=clock, stop_rule=StopRule(duration=5.0)).run()
        assert sink.closed


def test_events_go_where_the_steps_go() -> None:
    sink = ListSink()

    class Marked(Script):
        def steps(self, clock: Clock) -> Iterator[Step]:
            for number, step in enumerate(super().steps(clock)):
                yield step
                if number == 1:
                    capture.add_event(Event("marker", 12.5, {"name": "here"}))

    capture = StepRecorder(Marked(step_of(1), step_of(2), step_of(3)), into(sink), clock=hurry())
    capture.run()
    assert sink.events == [Event("marker", 12.5, {"name": "here"})]
    assert len(sink.steps) == 3


def test_a_recording_in_real_time_is_flushed_while_it_runs() -> None:
    sink = ListSink()
    StepRecorder(DemoSource(), into(sink), stop_rule=StopRule(duration=1.5)).run()
    assert sink.flushes >= 1


# --- when it ends -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [0.0, 0.8])
def test_it_ends_after_so_many_laps(line: float) -> None:
    sink = ListSink()
    stats = StepRecorder(long_drive_of_steps(line), into(sink), clock=hurry(), stop_rule=StopRule(laps=1)).run()
    assert stats.laps == 1
    tracker = LapTracker()
    turns = [tracker.update(step) for step in sink.steps]
    laps = [lap for update in turns if update for lap in update.laps]
    assert [(lap.number, lap.complete, lap.time_ms is not None) for lap in laps] == [(1, True, True)]


def test_it_ends_before_the_session_after_the_last_one_wanted() -> None:
    sink = ListSink()
    ways = [(1, 0, 0.0), (20, 0, 500.0), (30, 1, 0.0), (50, 1, 500.0), (60, 2, 0.0)]
    sessions = [step_of(number, session=kind, distance_traveled=metres) for number, kind, metres in ways]
    capture = StepRecorder(Script(*sessions), into(sink), clock=hurry(), stop_rule=StopRule(sessions=2))
    capture.run()
    assert capture.sessions == 2
    assert [step.pages for step in sink.steps] == [step.pages for step in sessions[:4]]


@pytest.mark.parametrize("stop_rule", [StopRule(until_exit=True), StopRule(sessions=1)])
def test_it_ends_when_the_game_is_left(stop_rule: StopRule) -> None:
    steps = [Step(State.WAITING), step_of(1), step_of(2), Step(State.GONE, elapsed=1.0), step_of(1, elapsed=5.0)]
    sink = ListSink()
    StepRecorder(Script(*steps), into(sink), clock=hurry(), stop_rule=stop_rule).run()
    assert [step.state for step in sink.steps] == [State.WAITING, State.LIVE, State.LIVE, State.GONE]


@pytest.mark.parametrize("name", ["duration", "samples", "laps", "sessions"])
@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan])
def test_a_limit_that_is_not_greater_than_0_is_refused(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"^{name} must be (greater than 0|finite), got {value:g}\\.$"):
        StopRule(**{name: value})  # type: ignore[arg-type]


# --- what steps amount to ---------------------------------------------------------------------------------------------


def test_the_follower_looks_thirty_times_a_second_and_at_tyres_that_leave_the_track() -> None:
    tracker = LapTracker()
    assert tracker.update(Step(State.WAITING)) is None
    first = tracker.update(step_of(10))
    assert first is not None
    assert first.started == {"session", "stint", "lap"}
    assert tracker.update(step_of(11)) is None
    out = tracker.update(step_of(12, number_of_tyres_out=4))
    assert out is not None
    assert (out.sample.is_lap_valid, out.started) == (False, frozenset())
    assert tracker.update(step_of(13, number_of_tyres_out=4)) is None
    back = tracker.update(step_of(14))
    assert back is not None
    assert back.sample.is_lap_valid is False
    followed = [number for number in range(15, 60) if tracker.update(step_of(number))]
    assert followed == [30, 40, 50]  # the first frame that is drawn 30 ms after the last one followed


@pytest.mark.parametrize(
    ("change", "matters"),
    [
        ({"normalized_position": 0.11, "distance_traveled": 5.0, "wind_speed": 3.0}, False),
        ({"current_time": 1_003}, False),
        ({"current_time": 999}, True),
        ({"completed_laps": 1}, True),
        ({"status": 3}, True),
        ({"is_in_pit_lane": True}, True),
        ({"last_sector_time": 30_000}, True),
        ({"air_temp": 30.0}, False),
        ({"car_model": "another"}, True),
    ],
)
def test_the_follower_looks_at_once_where_it_matters(change: dict[str, Any], matters: bool) -> None:
    tracker = LapTracker()
    running: dict[str, Any] = {"current_time": 1_000, "normalized_position": 0.1, "status": 2}
    assert tracker.update(step_of(10, **running))
    assert (tracker.update(step_of(11, **running | change)) is not None) is matters


def test_a_lap_begins_once_where_the_count_rises_before_the_clock_restarts() -> None:
    tracker = LapTracker()
    ways = [(59_900, 0), (59_950, 1), (60_000, 1), (30, 1), (80, 1)]
    began = []
    for number, (clock_ms, count) in enumerate(ways):
        values: dict[str, Any] = {"current_time": clock_ms, "completed_laps": count, "distance_traveled": 3000.0}
        update = tracker.update(step_of(1000 + 16 * number, **values))
        assert update is not None
        began.append("lap" in update.started)
    assert began == [True, True, False, False, False]


# --- sinks over sinks -------------------------------------------------------------------------------------------------


def test_thinned_steps_keep_count_of_what_was_not_seen() -> None:
    sink = ListSink()
    thinned = DecimatingSink(sink, 111.0)
    for number in range(12):
        thinned.write(step_of(number, missing=number % 2))
    thinned.write(Step(State.GONE))
    thinned.close()
    assert sink.closed
    assert [int.from_bytes(step.pages.physics[:4], "little") for step in sink.steps if step.pages] == [0, 4, 7, 10]
    assert [step.missing for step in sink.steps] == [0, 2, 2, 1, 0]
    assert sink.steps[-1] == Step(State.GONE)


def test_steps_become_samples_and_those_of_a_pause_do_not() -> None:
    samples = SampleList()
    sink = StepToSampleSink(samples)
    behind_the_menu = step_of(4)._replace(state=State.MENU)  # online the car moves on there
    for step in (Step(State.WAITING), step_of(1), step_of(2)._replace(state=State.PAUSED), *[behind_the_menu] * 2):
        sink.write(step)
    sink.add_event(Event("marker", 0.0, {}))
    first, second = samples.samples
    assert (first.packet_id, first.sequence, first.physics_steps) == (1, 0, None)
    assert (second.packet_id, second.sequence, second.physics_steps) == (4, 1, 3)
    assert second.elapsed == pytest.approx(0.012)


def test_a_marker_in_a_replay_has_the_time_of_what_is_played(tmp_path: Path) -> None:
    path, sink = tmp_path / "drive.mcap", ListSink()
    with create(path) as recorded:
        for number in range(100):
            step = step_of(number)
            assert step.pages is not None
            recorded.write(step._replace(pages=step.pages._replace(timestamp=1.6e9 + step.elapsed)))

    class Driver:
        def on_reading(self, sample: Sample | None, stats: StepRecordingStats) -> None:
            if stats.steps == 51:
                recorder.add_marker("here", seconds_ago=0.01)

    with McapRecording(path) as source:
        recorder = StepRecorder(source, into(sink), [Driver()], clock=hurry())
        stats = recorder.run()
    assert stats.markers == 1
    (marker,) = sink.events
    assert (marker.kind, marker.values) == ("marker", {"name": "here"})
    assert marker.elapsed == pytest.approx(0.14)
    assert marker.timestamp == pytest.approx(1.6e9 + 0.14, abs=1e-5)
