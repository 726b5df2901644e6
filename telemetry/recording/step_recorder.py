"""The loop of physics steps: every step of a source is written as it is, by a thread of its own."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from threading import Event as Signal
from threading import Thread
from time import perf_counter
from typing import Final

from telemetry.base.clock import Clock
from telemetry.base.units import STEPS_PER_SECOND
from telemetry.fields.derived import DEFAULTS, Sample, Thresholds
from telemetry.fields.pages import read_packet_id
from telemetry.laps.model import Lap
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import FLUSH_SECONDS, Closeable, Event, Listener, Source, Step
from telemetry.recording.lap_tracker import LapTracker
from telemetry.recording.queued_sink import QUEUE_SECONDS
from telemetry.recording.stats import RecordingStats
from telemetry.recording.step_writer import StepWriter
from telemetry.recording.stop import StopRule

BATCH: Final = 32
"""Steps after which the writer is woken: what writing them takes is less than the time between two steps."""

DRAIN_SECONDS: Final = 0.1
"""How often the writer looks by itself whether there is something to write."""

INTERRUPTION_SECONDS: Final = 0.5
"""Time between two neighbouring steps from which on the game had stood still."""


class StepRecorder:
    """Reads the steps of a source and has them written, without ever waiting for the disk.

    ``stats`` counts steps as samples, steps that could not be seen as missed, and repaired ones as torn. What the
    writer's queue had no room for is counted as dropped and told to the recording as missing. With a clock that jumps
    nothing is dropped: each step is written before the next is read.
    """

    def __init__(
        self,
        source: Source,
        writer: StepWriter,
        listeners: Sequence[Listener] = (),
        *,
        clock: Clock | None = None,
        stop_rule: StopRule | None = None,
        thresholds: Thresholds = DEFAULTS,
    ) -> None:
        self.source = source
        self.clock = clock or Clock()
        self.stats = RecordingStats()
        self._stop_rule = stop_rule or StopRule()
        self._listeners = list(listeners)
        unpaced = math.isinf(self.clock.speed)
        self._writer = _WriterThread(writer, LapTracker(thresholds), self._stop_rule, self.stats, wait=unpaced)
        self._packet_id: int | None = None
        self._inboxes: list[Closeable] = []

    def close_before_writer(self, inbox: Closeable) -> None:
        """Close this, which brings events, after the last step: what it still holds is in the recording then."""
        self._inboxes.append(inbox)

    def add_event(self, event: Event) -> None:
        """Write an event into the recording, after the steps so far; any thread may call this."""
        self._writer.put(event)

    def run(self) -> RecordingStats:
        """Capture until the source ends, a limit is reached or the clock is stopped; raises the writer's error."""
        with self._writer, ExitStack() as ending:
            for inbox in self._inboxes:
                ending.callback(inbox.close)
            for step in self.source.steps(self.clock):
                self._take(step)
                if self._is_over(step):
                    break
        self.stats.state, self.stats.message = State.ENDED, ""
        return self.stats

    @property
    def sessions(self) -> int:
        """How many sessions have begun."""
        return self._writer.sessions

    def _take(self, step: Step) -> None:
        stats, pages = self.stats, step.pages
        stats.state, stats.message = step.state, step.message or self._writer.message
        if pages is not None:
            packet_id = read_packet_id(pages.physics)
            is_new, self._packet_id = packet_id != self._packet_id, packet_id
            if is_new:
                self._count(step)
        if not self._writer.put(step):
            stats.dropped += 1
        for listener in self._listeners:
            listener.on_reading(None if pages is None else self._writer.sample, stats)

    def _count(self, step: Step) -> None:
        stats = self.stats
        if stats.samples == 0:
            stats.first = step.elapsed
        elif step.elapsed - stats.latest > INTERRUPTION_SECONDS and not step.missing:
            stats.interruptions += 1
            stats.interrupted += step.elapsed - stats.latest
        stats.samples += 1
        stats.missed += step.missing
        stats.gaps += step.missing > 0
        stats.torn += step.repaired
        stats.latest = step.elapsed

    def _is_over(self, step: Step) -> bool:
        stop_rule, stats, writer = self._stop_rule, self.stats, self._writer
        if writer.done:
            return True
        if step.state is State.GONE and stats.samples:
            if stop_rule.until_exit:
                return True
            if stop_rule.sessions is not None and writer.sessions >= stop_rule.sessions:
                return True
        elapsed = self.clock.now() if step.pages is None else step.elapsed
        return stop_rule.duration is not None and stats.samples > 0 and elapsed - stats.first >= stop_rule.duration


class CaptureThread(Closeable):
    """A capture in a thread of its own, beside something else that reads the same game; closing ends it.

    When it fails, ``failed`` is called at once, from its thread, and closing raises the error.
    """

    def __init__(self, capture: StepRecorder, failed: Callable[[], None]) -> None:
        self.capture = capture
        self._failed = failed
        self._error: Exception | None = None
        # Not a daemon: it is joined on every way out.
        self._thread = Thread(target=self._work, name="capture")
        self._thread.start()

    def close(self) -> None:
        """End the capture, and raise what went wrong in it."""
        self.capture.clock.stop()
        self._thread.join()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _work(self) -> None:
        try:
            self.capture.run()
        except Exception as error:  # noqa: BLE001 - raised when it is closed
            self._error = error
            self._failed()


class _WriterThread:
    """The thread that writes, behind a bounded queue; without one (``wait``) writing is done at once.

    It is woken once in a while instead of at every step: at 333 steps a second waking would cost more than writing.
    Whoever puts a step there has found it and sleeps until the next: so writing is over before that one comes. What it
    has done by then it tells ``stats``: the bytes and laps.
    """

    def __init__(
        self, writer: StepWriter, tracker: LapTracker, stop_rule: StopRule, stats: RecordingStats, *, wait: bool
    ) -> None:
        self._writing = writer
        self._tracker = tracker
        self._stop_rule = stop_rule
        self._stats = stats
        self._wait = wait
        self._room = math.ceil(STEPS_PER_SECOND * QUEUE_SECONDS)
        self._queue: deque[Step | Event] = deque()
        self._lost = 0
        self._woken = Signal()
        self._closing = False
        self._error: Exception | None = None
        self._flushed = perf_counter()
        # Not a daemon: it is joined on every way out.
        self._thread = None if wait else Thread(target=self._work, name=f"writer {writer.name}")
        self.sample: Sample | None = None
        self.sessions = 0
        self.done = False

    @property
    def message(self) -> str:
        return self._writing.message

    def put(self, item: Step | Event) -> bool:
        """Queue one item; False where there was no room for it. A step raises what went wrong in the thread."""
        if isinstance(item, Event):  # from any thread: it waits for the one that writes
            self._queue.append(item)
            return True
        if self._error is not None:
            raise self._error
        if item.pages is not None and not self._wait:
            if len(self._queue) >= self._room:
                self._lost += 1 + item.missing
                return False
            if self._lost:
                item, self._lost = item._replace(missing=item.missing + self._lost), 0
        self._queue.append(item)
        if self._wait:
            self._drain()
        elif len(self._queue) == BATCH:
            self._woken.set()
        return True

    def __enter__(self) -> None:
        if self._thread is not None:
            self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._closing = True
        self._woken.set()
        if self._thread is None:
            self._finish()
        else:
            self._thread.join()
        if self._error is not None and not error[0]:
            raise self._error

    def _work(self) -> None:
        try:
            while not self._closing:
                self._woken.wait(DRAIN_SECONDS)
                self._woken.clear()  # before looking: what comes now wakes anew
                self._drain()
        except Exception as error:  # noqa: BLE001 - raised again in the thread that asks
            self._error = error
        self._finish()

    def _finish(self) -> None:
        try:
            if self._error is None:
                self._drain()
            self._count(self._tracker.finish())
            if self._lost and self.sample is not None:
                self._writing.add_event(Event("gap", self.sample.timestamp, {"steps": self._lost}))
            self._writing.close()
        except Exception as error:  # noqa: BLE001 - as above
            self._error = self._error or error
        self._stats.size = self._writing.size

    def _drain(self) -> None:
        while self._queue:
            self._write(self._queue.popleft())
        self._stats.size = self._writing.size
        now = perf_counter()
        if now - self._flushed >= FLUSH_SECONDS:
            self._writing.flush()
            self._flushed = now

    def _write(self, item: Step | Event) -> None:
        if self.done:
            return
        if isinstance(item, Event):
            self._writing.add_event(item)
            return
        update = self._tracker.update(item)
        if update is not None:
            sessions = self.sessions + ("session" in update.started)
            if self._stop_rule.sessions is not None and sessions > self._stop_rule.sessions:
                self.done = True
                return
            self.sample, self.sessions = update.sample, sessions
            self._count(update.laps)
        self._writing.write(item, update)
        enough = self._stop_rule.laps is not None and self._stats.laps >= self._stop_rule.laps
        self.done = enough or self._writing.done

    def _count(self, laps: Sequence[Lap]) -> None:
        self._stats.laps += sum(lap.complete for lap in laps)
