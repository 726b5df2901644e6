"""What becomes of a reading: it is sent at once, and laps and the delta are followed."""

from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final

from telemetry.fields.clock_steps import ClockStepDetector
from telemetry.fields.derived import Sample
from telemetry.laps.car_and_track import CarAndTrack
from telemetry.laps.delta import DeltaTracker, LapDelta
from telemetry.laps.detector import LapState, advance
from telemetry.laps.reference_delta import ReferenceComparison, SegmentGain
from telemetry.recording.game_state import State
from telemetry.stream import protocol
from telemetry.stream.broadcast import Broadcaster, Client
from telemetry.stream.drive_context import DriveContext
from telemetry.stream.inbox import QueuedReading
from telemetry.stream.sample_encoding import SampleWithDelta

LATE_SAMPLE_S: Final = 0.25
"""Age from which on a sample is not sent while newer ones wait: a machine that cannot keep up sends the newest."""

FOLLOW_INTERVAL_S: Final = 0.1
"""Laps are looked for in the samples of so many seconds at once, which costs a third of looking after each one."""

RATE_WINDOW_S: Final = 5.0
"""Seconds over which the rate is measured."""


class Relay:
    """Passes readings on to clients. Used by the event loop's thread alone.

    :param broadcaster: the clients
    :param missing_fields: the raw fields that the source does not hold
    :param on_drive: called with another car or track; :meth:`use_context` is told later what is known of it
    """

    def __init__(
        self,
        broadcaster: Broadcaster[SampleWithDelta],
        missing_fields: frozenset[str],
        on_drive: Callable[[CarAndTrack], None] | None = None,
    ) -> None:
        self._broadcaster = broadcaster
        self.latest = QueuedReading(None, False, State.WAITING, "", perf_counter())
        self.newest: QueuedReading | None = None
        """The latest reading with a sample that was kept."""
        self.late_samples = 0
        """Samples that were not sent because newer ones waited."""
        self._sample_times: deque[float] = deque(maxlen=4096)
        self._clock_steps = ClockStepDetector()
        self._lap_state = LapState(missing=missing_fields)
        self._delta_tracker = DeltaTracker()
        self._on_drive = on_drive
        self._drive: CarAndTrack | None = None
        self._comparison: ReferenceComparison | None = None
        self.context_messages: list[protocol.Message] = []
        """What clients that ask for the track are sent of the present drive."""
        self._not_followed: list[QueuedReading] = []
        """Readings that were sent and in which no laps were looked for yet."""

    @property
    def newest_sample(self) -> Sample | None:
        """The latest sample that was kept."""
        return self.newest.sample if self.newest else None

    def measure_rate_hz(self, now: float) -> float | None:
        """Samples per second over the last seconds; None where there were fewer than two."""
        times = [queued_at for queued_at in self._sample_times if now - queued_at <= RATE_WINDOW_S]
        return round((len(times) - 1) / (times[-1] - times[0]), 3) if len(times) > 1 and times[-1] > times[0] else None

    def pass_on(self, reading: QueuedReading, *, is_last: bool) -> None:
        """Send a reading to all clients that are due for one; ``is_last``: no other waits to be sent."""
        before, self.latest = self.latest, reading
        if (reading.state, reading.message) != (before.state, before.message):
            self.follow_laps()
            self._broadcaster.announce(protocol.state_message(reading.state, reading.message))
        if reading.sample is not None:
            self._pass_on_sample(reading, reading.sample, is_last=is_last)
        waiting = self._not_followed
        if waiting and reading.queued_at - waiting[0].queued_at >= FOLLOW_INTERVAL_S:
            self.follow_laps()

    def use_context(self, drive: CarAndTrack, context: DriveContext, messages: list[protocol.Message]) -> None:
        """Compare with the reference of this drive from now on, and send ``messages``; nothing if another has begun."""
        if drive != self._drive:
            return
        self._comparison = None if context.reference is None else ReferenceComparison(context.reference)
        self.context_messages = messages
        self._broadcaster.announce_track(messages)

    def send_newest(self, client: Client) -> None:
        """Send the newest sample to a client that has just come."""
        self.follow_laps()
        if sample := self.newest_sample:
            self._broadcaster.send_sample(client, SampleWithDelta(sample, self._delta()))

    def follow_laps(self) -> None:
        """Do after sending what is no hurry: look for laps, and remember what the next ones are compared with."""
        waiting, self._not_followed = self._not_followed, []
        for reading in waiting:
            assert reading.sample is not None
            if reading.is_kept:
                self._follow_delta(reading.sample)
            self._advance_laps(reading.sample)

    def _pass_on_sample(self, reading: QueuedReading, sample: Sample, *, is_last: bool) -> None:
        if clock_step := self._clock_steps.update(sample.timestamp, sample.elapsed):
            self._broadcaster.announce(protocol.clock_message(clock_step, sample))
        if reading.is_kept:
            self._notice_drive(sample)
            self.newest = reading
            self._sample_times.append(reading.queued_at)
            if not is_last and perf_counter() - reading.queued_at > LATE_SAMPLE_S:
                self.late_samples += 1
            elif self._broadcaster.wants_delta:
                self._send_with_delta(sample)
                return
            else:
                self._broadcaster.broadcast(SampleWithDelta(sample, LapDelta()))
        self._not_followed.append(reading)

    def _send_with_delta(self, sample: Sample) -> None:
        self.follow_laps()
        gains = self._follow_delta(sample, announce=False)
        self._broadcaster.broadcast(SampleWithDelta(sample, self._delta()))
        self._announce_gains(gains)
        self._advance_laps(sample)

    def _advance_laps(self, sample: Sample) -> None:
        self._lap_state, laps = advance(self._lap_state, sample)
        for lap in laps:
            self._delta_tracker.complete_lap(lap)
            self._broadcaster.announce(protocol.lap_message(lap))
            if self._comparison is not None:
                self._announce_gains(self._comparison.complete_lap(lap))

    def _delta(self) -> LapDelta:
        return self._delta_tracker.delta() if self._comparison is None else self._comparison.delta()

    def _follow_delta(self, sample: Sample, *, announce: bool = True) -> list[SegmentGain]:
        """Add a sample to the running lap; the segments that are done with it, which are announced."""
        self._delta_tracker.update(sample)
        gains = [] if self._comparison is None else self._comparison.update(sample)
        if announce:
            self._announce_gains(gains)
        return gains

    def _notice_drive(self, sample: Sample) -> None:
        """Have it found what is known of this car and track, where they are others than before."""
        drive = CarAndTrack(sample.car_model, sample.track, sample.track_configuration)
        if self._on_drive is not None and drive != self._drive:
            self._drive, self._comparison, self.context_messages = drive, None, []
            self._on_drive(drive)

    def _announce_gains(self, gains: list[SegmentGain]) -> None:
        for gain in gains:
            self._broadcaster.announce(protocol.segment_message(gain))
