"""Time: the only module that sleeps."""

import math
import time
from collections.abc import Iterator
from typing import Final

from telemetry.base.checks import require_positive

NAP_SECONDS: Final = 0.05
"""Longest single sleep, and so the longest time until a request to stop takes effect."""


class Clock:
    """A clock in seconds since it was made, ``speed`` times as fast as the wall clock.

    With an infinite speed it does not wait: it jumps to each deadline. It is based on the performance counter, which
    never goes back and has a fine resolution on Windows too. :meth:`stop` ends all waiting for good; a signal handler
    or another thread may call it. Raises :class:`telemetry.UsageError` for a speed that is not greater than 0.
    """

    def __init__(self, speed: float = 1.0) -> None:
        require_positive("speed", speed, allow_infinity=True)
        self.speed = speed
        self.stopped = False
        self._jumps = math.isinf(speed)
        self._epoch = time.time()
        self._origin = time.perf_counter()
        self._jumped = 0.0

    def now(self) -> float:
        """Seconds since the clock was made."""
        if self._jumps:
            return self._jumped
        return (time.perf_counter() - self._origin) * self.speed

    def unix(self) -> float:
        """The Unix time of :meth:`now`, in seconds."""
        return self._epoch + self.now()

    def stop(self) -> None:
        """End all waiting, now and later."""
        self.stopped = True

    def sleep_until(self, deadline: float) -> bool:
        """Wait until the clock shows ``deadline``; False when it was stopped instead."""
        if self._jumps:
            self._jumped = max(self._jumped, deadline)
            return not self.stopped
        while not self.stopped:
            left = (deadline - self.now()) / self.speed
            if left <= 0.0:
                return True
            time.sleep(min(left, NAP_SECONDS))
        return False

    def ticks(self, rate: float) -> Iterator[int]:
        """Wake ``rate`` times per second until the clock is stopped, at absolute deadlines, which cannot drift.

        Each tick is the number of deadlines missed before it: they are dropped, not made up for in a burst.
        """
        start = self.now()
        tick = 0
        while self.sleep_until(start + tick / rate):
            due = max(tick, math.floor((self.now() - start) * rate))
            yield due - tick
            tick = due + 1


class RateLimiter:
    """Accepts ``rate`` of many events per second, or all of them for None.

    Deadlines are absolute, so that the rate is kept on average; after a gap they start again from the next event.
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._due = -math.inf

    def accept(self, moment: float, grace: float = 1e-6) -> bool:
        """Whether the event at this time (s) is accepted; it may be ``grace`` seconds early."""
        rate = self._rate
        if rate is None:
            return True
        if moment < self._due - min(grace, 0.5 / rate):
            return False
        self._due = (self._due if moment < self._due + 1.0 / rate else moment) + 1.0 / rate
        return True
