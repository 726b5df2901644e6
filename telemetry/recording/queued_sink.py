"""A sink behind a queue and a thread of its own, so that sampling never waits for a disk."""

import math
from queue import Empty, Full, Queue
from threading import Thread
from time import perf_counter
from typing import Final

from telemetry.fields.derived import Sample
from telemetry.recording.interfaces import FLUSH_SECONDS, Sink

QUEUE_SECONDS: Final = 10.0
"""How much a sink may lag behind before samples are dropped for it, and counted."""


class QueuedSink:
    """A sink in a thread of its own behind a bounded queue, so that sampling never waits for a disk.

    What does not fit is dropped and counted, unless ``block_when_full``: then :meth:`write` waits for room. The sink's
    error is raised by the next call.
    """

    def __init__(self, sink: Sink, rate: float, *, block_when_full: bool = False) -> None:
        self.sink = sink
        self.name = sink.name
        self.dropped = 0
        self._block_when_full = block_when_full
        self._queue: Queue[Sample | None] = Queue(max(64, math.ceil(rate * QUEUE_SECONDS)))
        self._error: Exception | None = None
        # Not a daemon: it is joined on every way out, and a daemon that writes at interpreter exit can hang Windows.
        self._thread = Thread(target=self._work, name=f"sink {sink.name}")
        self._thread.start()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self.sink.size

    def write(self, sample: Sample) -> None:
        """Queue one sample; drop and count it where the queue is full."""
        if self._error is not None:
            raise self._error
        try:
            self._queue.put(sample, block=self._block_when_full)
        except Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what is queued and finish the sink."""
        if self._thread.is_alive():
            self._queue.put(None)
        self._thread.join()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _work(self) -> None:
        try:
            self._drain()
        except Exception as error:  # noqa: BLE001 - raised again in the thread that asks
            self._error = error
            while self._queue.get() is not None:  # nobody may wait for room in vain
                pass
        try:
            self.sink.close()
        except Exception as error:  # noqa: BLE001 - as above
            self._error = self._error or error

    def _drain(self) -> None:
        flushed = perf_counter()
        while True:
            try:
                sample = self._queue.get(timeout=FLUSH_SECONDS)
            except Empty:
                self.sink.flush()
                continue
            if sample is None:
                return
            self.sink.write(sample)
            if perf_counter() - flushed >= FLUSH_SECONDS:
                self.sink.flush()
                flushed = perf_counter()
