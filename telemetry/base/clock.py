"""Time: the only module that sleeps."""

import math
import time
from collections.abc import Iterator
from typing import Final

from telemetry.base.checks import require_positive

NAP_SECONDS: Final = 0.05
"""Longest single sleep, and so the longest that a request to stop goes unnoticed."""


class Clock:
    """Seconds since it was made, ``speed`` times as fast as the world's; infinitely fast, it jumps to each deadline.

    Counted on the performance counter, which never steps back and is fine-grained on Windows too. :meth:`stop`, which
    a signal handler or another thread may call, ends every wait for good.
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
        """The Unix time that belongs to :meth:`now`, in seconds."""
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
        """Wake ``rate`` times per second at absolute deadlines, which cannot drift, until the clock is stopped.

        Each tick says how many deadlines before it were missed: they are dropped, never caught up in a burst.
        """
        start = self.now()
        tick = 0
        while self.sleep_until(start + tick / rate):
            due = max(tick, math.floor((self.now() - start) * rate))
            yield due - tick
            tick = due + 1


class RateLimiter:
    """Which of many moments make ``rate`` per second, or all of them for None.

    What is due is due at absolute deadlines, so that a rate is kept on average, unless a gap makes it begin anew.
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._due = -math.inf

    def accept(self, moment: float, grace: float = 1e-6) -> bool:
        """Whether this moment (s) is one of them; ``grace`` seconds forgive one that is early."""
        rate = self._rate
        if rate is None:
            return True
        if moment < self._due - min(grace, 0.5 / rate):
            return False
        self._due = (self._due if moment < self._due + 1.0 / rate else moment) + 1.0 / rate
        return True
