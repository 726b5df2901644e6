"""The queue between the sampling loop and the server's event loop."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from telemetry.fields.derived import Sample
from telemetry.recording.game_state import State

INBOX_SIZE: Final = 128
"""Readings that may wait for the event loop. When it lags behind further, the oldest are dropped, and counted."""


class QueuedReading(NamedTuple):
    """One reading of the sampling loop."""

    sample: Sample | None
    is_kept: bool
    """Whether the sample belongs to the recording; false while game time stands still."""
    state: State
    message: str
    """What a person should know about the state; empty for nothing."""
    queued_at: float
    """When the reading was queued, in seconds of ``time.perf_counter``."""


class Inbox:
    """A bounded queue of readings: one thread puts them in, the thread of the event loop takes them out.

    ``wake`` is called by the thread that puts, once for all readings until they are taken.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._readings: deque[QueuedReading] = deque(maxlen=INBOX_SIZE)
        self._awake = False
        self.dropped = 0
        """Readings discarded because the queue was full."""

    def __len__(self) -> int:
        return len(self._readings)

    def put(self, reading: QueuedReading) -> None:
        """Add a reading; never waits."""
        if len(self._readings) == INBOX_SIZE:
            self.dropped += 1
        self._readings.append(reading)
        if not self._awake:
            self._awake = True
            self._wake()

    def take_all(self) -> Iterator[QueuedReading]:
        """Take the readings, the oldest first, until the queue is empty."""
        self._awake = False  # before the queue is read: a reading that comes now wakes the event loop again
        while self._readings:
            yield self._readings.popleft()
