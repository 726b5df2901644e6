"""Writing in a thread of its own behind a bounded queue, so that sampling never waits for a disk."""

import math
from collections import deque
from collections.abc import Callable
from threading import Event, Thread
from time import perf_counter
from types import TracebackType
from typing import Final, Generic, NamedTuple, Self, TypeVar

from telemetry.base.typing import override
from telemetry.fields.derived import Sample
from telemetry.recording.interfaces import FLUSH_SECONDS, Closeable, Sink

ItemT = TypeVar("ItemT")

QUEUE_SECONDS: Final = 10.0
"""How far a writer may lag behind before items are dropped, and counted."""

MIN_CAPACITY: Final = 64
"""Items that a queue of samples holds at least, however low the rate is."""

POLL_SECONDS: Final = 0.1
"""How often the thread checks its queue without being woken."""


class WriterClock:
    """The time by which a writer flushes and waits."""

    def now(self) -> float:
        """Seconds since any fixed moment."""
        return perf_counter()

    def wait(self, woken: Event, seconds: float) -> None:
        """Wait until it is woken, so many seconds at most."""
        woken.wait(seconds)


class _Queued(NamedTuple, Generic[ItemT]):
    """An item, and when it was put into the queue."""

    item: ItemT
    at: float


class BackgroundWriter(Closeable, Generic[ItemT]):
    """A bounded queue and the thread that empties it.

    The thread calls ``write`` for each item in order, ``flush`` :data:`FLUSH_SECONDS` after the oldest item not flushed
    yet was *put*, and ``close`` once at the end, also after an error. So a thread that the system lets wait
    makes up for it at once: what it finds in the queue has waited already. It is woken when ``wake_every`` items wait:
    at hundreds of items a second, waking it for each one would cost more than writing it. Without ``threaded`` there is
    no thread, and :meth:`put` writes the item before it returns. An error of the thread is raised by the next
    :meth:`put`, and by :meth:`close`.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[ItemT], None],
        flush: Callable[[], None],
        close: Callable[[], None],
        *,
        capacity: int,
        wake_every: int = 1,
        threaded: bool = True,
        clock: WriterClock | None = None,
    ) -> None:
        self._clock = clock or WriterClock()
        self._write = write
        self._flush = flush
        self._close = close
        self._capacity = capacity
        self._wake_every = wake_every
        self._queue: deque[_Queued[ItemT]] = deque()
        self._woken = Event()
        self._closing = self._closed = False
        self._error: Exception | None = None
        self._flushed_at = self._clock.now()
        self._oldest_at: float | None = None  # when the oldest item was put that is written and not flushed
        # Not a daemon: it is joined on every way out, and a daemon that writes at interpreter exit can hang Windows.
        self._thread = Thread(target=self._work, name=f"writer {name}") if threaded else None

    def start(self) -> None:
        """Start the thread, where there is one."""
        if self._thread is not None:
            self._thread.start()

    def put(self, item: ItemT, *, droppable: bool = True) -> bool:
        """Queue an item. False: the queue was full and the item is discarded, which needs ``droppable``."""
        if self._error is not None:
            raise self._error
        if self._thread is None:
            self._append(item)
            self._drain()
            return True
        if droppable and len(self._queue) >= self._capacity:
            return False
        self._append(item)
        if len(self._queue) >= self._wake_every:
            self._woken.set()
        return True

    def put_later(self, item: ItemT) -> None:
        """Queue an item that is written with the next one at the latest; any thread may call this."""
        self._append(item)

    @override
    def close(self) -> None:
        """Write what is queued, close, and raise the error that the thread ended with."""
        if self._closed:
            return
        self._closed = self._closing = True
        self._woken.set()
        if self._thread is None:
            self._finish()
        else:
            self._thread.join()
        if self._error is not None:
            raise self._error

    @override
    def __enter__(self) -> Self:
        self.start()
        return self

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except Exception:
            if error is None:
                raise

    def _append(self, item: ItemT) -> None:
        self._queue.append(_Queued(item, self._clock.now()))

    def _work(self) -> None:
        try:
            while not self._closing:
                self._clock.wait(self._woken, self._seconds_to_wait())
                self._woken.clear()  # before the queue is read: what comes from now on wakes again
                self._drain()
        except Exception as error:  # noqa: BLE001 - raised again in the thread that puts items
            self._error = error
        self._finish()

    def _seconds_to_wait(self) -> float:
        return min(max(self._flush_due_at() - self._clock.now(), 0.0), POLL_SECONDS)

    def _flush_due_at(self) -> float:
        # With nothing to flush too: a sink finds out then that its file was removed.
        return (self._flushed_at if self._oldest_at is None else self._oldest_at) + FLUSH_SECONDS

    def _drain(self) -> None:
        """Write all that waits, and flush where that is due; a long queue is flushed now and then meanwhile."""
        while self._queue:
            item, put_at = self._queue.popleft()
            if self._oldest_at is None:
                self._oldest_at = put_at
            self._write(item)
            if self._clock.now() - self._flushed_at >= FLUSH_SECONDS:
                self._flush_when_due()
        self._flush_when_due()

    def _flush_when_due(self) -> None:
        if self._clock.now() >= self._flush_due_at():
            self._oldest_at = None
            self._flush()
            self._flushed_at = self._clock.now()

    def _finish(self) -> None:
        try:
            if self._error is None:
                self._drain()
        except Exception as error:  # noqa: BLE001 - raised by close, once the destination is closed
            self._error = error
        try:
            self._close()
        except Exception as error:  # noqa: BLE001 - as above; the first error counts
            self._error = self._error or error


class QueuedSink:
    """A sink of samples behind a :class:`BackgroundWriter`; samples that do not fit are ``dropped`` and counted."""

    def __init__(self, sink: Sink, rate: float, *, threaded: bool = True) -> None:
        self.sink = sink
        self.name = sink.name
        self.dropped = 0
        capacity = max(MIN_CAPACITY, math.ceil(rate * QUEUE_SECONDS))
        self._writer: BackgroundWriter[Sample] = BackgroundWriter(
            sink.name, sink.write, sink.flush, sink.close, capacity=capacity, threaded=threaded
        )
        self._writer.start()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self.sink.size

    def write(self, sample: Sample) -> None:
        """Queue a sample; raises the error that the sink has failed with."""
        self.dropped += not self._writer.put(sample)

    def close(self) -> None:
        """Write what is queued and close the sink; raises the sink's error."""
        self._writer.close()
