"""The loop of physics steps: every step of a source is written with its pages, by a thread of its own."""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from threading import Thread
from typing import TYPE_CHECKING, Final

from telemetry.base.clock import Clock
from telemetry.base.typing import override
from telemetry.base.units import STEPS_PER_SECOND
from telemetry.fields.clock_steps import ClockStepDetector
from telemetry.fields.pages import read_packet_id
from telemetry.fields.pauses import paused_seconds
from telemetry.laps.model import Lap
from telemetry.recording.background_writer import QUEUE_SECONDS, BackgroundWriter
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Closeable, Event, Listener, Source, Step
from telemetry.recording.lap_tracker import LapTracker
from telemetry.recording.stats import StepRecordingStats
from telemetry.recording.step_writer import StepWriter
from telemetry.recording.stop import StopRule

if TYPE_CHECKING:
    from telemetry.fields.derived import Sample

WAKE_EVERY_STEPS: Final = 32
"""Steps after which the writer is woken.

Whoever puts a step has just found it and sleeps until the next one: writing these takes less time than that.
"""


class StepRecorder:
    """Reads the steps of a source and has them written, without ever waiting for the disk.

    Steps that the writer's queue has no room for are counted as dropped, and are missing in the recording. With an
    unpaced clock nothing is dropped: each step is written before the next is read. ``tracker`` follows the laps.
    """

    def __init__(
        self,
        source: Source,
        writer: StepWriter,
        listeners: Sequence[Listener[StepRecordingStats]] = (),
        *,
        clock: Clock | None = None,
        stop_rule: StopRule | None = None,
        tracker: LapTracker | None = None,
    ) -> None:
        self.source = source
        self.clock = clock or Clock()
        self.stats = StepRecordingStats()
        self._stop_rule = stop_rule or StopRule()
        self._listeners = list(listeners)
        self._tracked = _TrackedWriter(writer, tracker or LapTracker(), self._stop_rule, self.stats)
        self._queue: BackgroundWriter[Step | Event] = BackgroundWriter(
            writer.name,
            self._tracked.write,
            self._tracked.flush,
            self._tracked.close,
            capacity=math.ceil(STEPS_PER_SECOND * QUEUE_SECONDS),
            wake_every=WAKE_EVERY_STEPS,
            threaded=not math.isinf(self.clock.speed),
        )
        self._packet_id: int | None = None
        self._clock_steps = ClockStepDetector()
        self._inboxes: list[Closeable] = []

    def close_before_writer(self, inbox: Closeable) -> None:
        """Close this source of events after the last step and before the writer: its last events are recorded."""
        self._inboxes.append(inbox)

    def add_event(self, event: Event) -> None:
        """Write an event into the recording, after the steps so far; any thread may call this."""
        self._queue.put_later(event)

    def add_marker(self, name: str, *, seconds_ago: float = 0.0) -> None:
        """Write a marker that was set so many seconds ago, at the time that a step had then; any thread may call this.

        Where the source is a recording, that is the time of the place being played.
        """
        elapsed, timestamp = self.source.moment(self.clock)
        self.add_event(Event("marker", timestamp - seconds_ago, {"name": name}, elapsed - seconds_ago))

    def run(self) -> StepRecordingStats:
        """Record until the source ends, the stop rule is met or the clock is stopped; raises the writer's error."""
        with self._queue, ExitStack() as inboxes:
            for inbox in self._inboxes:
                inboxes.callback(inbox.close)
            for step in self.source.steps(self.clock):
                self._record(step)
                if self._is_over(step):
                    break
        self.stats.state, self.stats.message = State.ENDED, ""
        return self.stats

    @property
    def sessions(self) -> int:
        """How many sessions have begun."""
        return self._tracked.sessions

    def _record(self, step: Step) -> None:
        stats, pages = self.stats, step.pages
        stats.state, stats.message = step.state, step.message or self._tracked.message
        if stats.steps == 0:
            self._watch_clock(step)
        if pages is not None:
            packet_id = read_packet_id(pages.physics)
            is_new, self._packet_id = packet_id != self._packet_id, packet_id
            if is_new:
                self._count(step)
        self._put(step)
        for listener in self._listeners:
            listener.on_reading(None if pages is None else self._tracked.sample, stats)

    def _watch_clock(self, step: Step) -> None:
        """Record a step of the time of day before the first step; later ones a sink finds in the steps themselves."""
        timestamp = step.timestamp if step.pages is None else step.pages.timestamp
        if timestamp is None:
            return
        seconds = self._clock_steps.update(timestamp, step.elapsed)
        if seconds:
            self.add_event(Event("clock", timestamp, {"seconds": seconds}, step.elapsed))

    def _put(self, step: Step) -> None:
        tracked = self._tracked
        if step.pages is None:
            self._queue.put(step, droppable=False)
            return
        if tracked.unwritten_gap:
            step = step._replace(missing=step.missing + tracked.unwritten_gap)
        if self._queue.put(step):
            tracked.unwritten_gap = 0
        else:
            tracked.unwritten_gap = step.missing + 1
            self.stats.dropped += 1

    def _count(self, step: Step) -> None:
        stats = self.stats
        if stats.steps == 0:
            stats.first = step.elapsed
        elif not step.missing and paused_seconds(step.elapsed - stats.latest, 1):
            stats.interruptions += 1
            stats.interrupted += step.elapsed - stats.latest
        stats.steps += 1
        stats.missing += step.missing
        stats.gaps += step.missing > 0
        stats.repaired += step.repaired
        stats.latest = step.elapsed

    def _is_over(self, step: Step) -> bool:
        tracked, stats = self._tracked, self.stats
        if tracked.done:
            return True
        if stats.steps == 0:
            return False
        game_left = step.state is State.GONE
        now = self.clock.now() if step.pages is None else step.elapsed
        stats.share = self._stop_rule.share(
            seconds=stats.seconds, samples=stats.steps, laps=stats.laps, sessions=max(tracked.sessions - 1, 0)
        )
        return self._stop_rule.is_met(
            seconds=now - stats.first,
            samples=stats.steps,
            sessions=tracked.sessions if game_left else 0,
            game_left=game_left,
        )


class CaptureThread(Closeable):
    """A recording of steps in a thread of its own, beside something else that reads the same game.

    Closing it ends the recording. When the recording fails, ``failed`` is called at once, from its thread, and
    :meth:`close` raises the error.
    """

    def __init__(self, recorder: StepRecorder, failed: Callable[[], None]) -> None:
        self.recorder = recorder
        self._failed = failed
        self._error: Exception | None = None
        # Not a daemon: it is joined on every way out.
        self._thread = Thread(target=self._work, name="capture")
        self._thread.start()

    @override
    def close(self) -> None:
        self.recorder.clock.stop()
        self._thread.join()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _work(self) -> None:
        try:
            self.recorder.run()
        except Exception as error:  # noqa: BLE001 - raised when it is closed
            self._error = error
            self._failed()


class _TrackedWriter:
    """Writes steps and events in the writer's thread, follows the laps, and decides when enough is written.

    ``sample`` is the latest that was decoded, ``sessions`` counts those that have begun. ``unwritten_gap`` counts the
    steps dropped since the last one that was queued.
    """

    def __init__(self, writer: StepWriter, tracker: LapTracker, stop_rule: StopRule, stats: StepRecordingStats) -> None:
        self._writer = writer
        self._tracker = tracker
        self._stop_rule = stop_rule
        self._stats = stats
        self.sample: Sample | None = None
        self.sessions = 0
        self.done = False
        self.unwritten_gap = 0

    @property
    def message(self) -> str:
        return self._writer.message

    def write(self, item: Step | Event) -> None:
        if self.done:
            return
        if isinstance(item, Event):
            self._writer.add_event(item)
            self._stats.markers += item.kind == "marker"
            return
        update = self._tracker.update(item)
        if update is not None:
            sessions = self.sessions + ("session" in update.started)
            if self._stop_rule.is_met(sessions=sessions - 1):
                self.done = True
                return
            self.sample, self.sessions = update.sample, sessions
            self._count(update.laps)
        self._writer.write(item, update)
        self._stats.size = self._writer.size
        self.done = self._stop_rule.is_met(laps=self._stats.laps) or self._writer.done

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        try:
            self._count(self._tracker.finish())
            if self.unwritten_gap and self.sample is not None:
                sample, values = self.sample, {"steps": self.unwritten_gap}
                self._writer.add_event(Event("gap", sample.timestamp, values, sample.elapsed))
        finally:
            self._writer.close()
            self._stats.size = self._writer.size

    def _count(self, laps: Iterable[Lap]) -> None:
        self._stats.laps += sum(lap.complete for lap in laps)
