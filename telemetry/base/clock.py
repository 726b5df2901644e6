"""Time: the only module that sleeps."""

import math
import time
from collections.abc import Iterator
from typing import Final

from telemetry.base.checks import require_positive

NAP_SECONDS: Final = 0.05
"""Longest single sleep, and so the longest time until a request to stop takes effect."""

CLOCK_STEP_S: Final = 0.5
"""Seconds from which on a difference to the system's clock is a step: it was set, or the computer slept."""

CLOCK_TOLERANCE_S: Final = 0.02
"""Differences up to this are noise: on Windows the system's clock may advance by 15.6 ms at a time."""

MAX_CORRECTION_RATE: Final = 0.5
"""Seconds by which a smaller difference is corrected per second at most, so that time never goes back."""


class _UnixOffset:
    """The Unix time at which the performance counter showed 0, kept up with the system's clock.

    Where that was set, or the performance counter stood still in a suspend, the offset follows at once. It follows
    smaller differences, as when the system's clock is adjusted by NTP, so slowly that offset + counter never goes back.
    """

    def __init__(self) -> None:
        before, wall, after = time.perf_counter(), time.time(), time.perf_counter()
        self._checked_at = after
        self._seconds = wall - (before + after) / 2.0

    def read(self) -> float:
        """Compare with the system's clock, and return the offset in seconds; any thread may call this."""
        before, wall, after = time.perf_counter(), time.time(), time.perf_counter()
        seconds = self._seconds  # read once: two threads that see the same step must not both add it
        expected = wall - seconds
        since, self._checked_at = after - self._checked_at, after
        if abs(expected - after) <= CLOCK_TOLERANCE_S:  # as nearly always
            return seconds
        # The wall clock was read between the other two: a thread that had to wait there must not look like a step.
        error = expected - min(max(expected, before), after)
        if abs(error) >= CLOCK_STEP_S:
            seconds += error
        elif abs(error) > CLOCK_TOLERANCE_S:
            limit = MAX_CORRECTION_RATE * since
            seconds += min(max(error - math.copysign(CLOCK_TOLERANCE_S, error), -limit), limit)
        self._seconds = seconds
        return seconds


class Clock:
    """A clock in seconds since it was made, ``speed`` times as fast as the wall clock.

    With an infinite speed it does not wait: it jumps to each deadline. It is based on the performance counter, which
    never goes back and has a fine resolution on Windows too. While the computer sleeps, that stands still on Linux and
    macOS, and goes on on Windows. :meth:`stop` ends all waiting for good; a signal handler or another thread may call
    it. Raises :class:`telemetry.UsageError` for a speed that is not greater than 0.
    """

    def __init__(self, speed: float = 1.0) -> None:
        require_positive("speed", speed, allow_infinity=True)
        self.speed = speed
        self.stopped = False
        self._jumps = math.isinf(speed)
        self._unix_offset = _UnixOffset()
        self._origin = time.perf_counter()
        self._epoch = self._origin + self._unix_offset.read()
        self._jumped = 0.0

    def now(self) -> float:
        """Seconds since the clock was made."""
        if self._jumps:
            return self._jumped
        return (time.perf_counter() - self._origin) * self.speed

    def epoch(self) -> float:
        """The Unix time that belongs to 0 on this clock, in seconds, by the system's clock as it is now set.

        It changes when the system's clock is set, or the computer has slept: a Unix time made with it is always within
        :data:`CLOCK_STEP_S` of the time of day. With an infinite speed it never changes.
        """
        return self._epoch if self._jumps else self._origin + self._unix_offset.read()

    def unix(self) -> float:
        """The Unix time of :meth:`now`, in seconds."""
        return self.epoch() + self.now()

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
        self.rate = rate
        self._due = -math.inf

    def accept(self, moment: float, grace: float = 1e-6) -> bool:
        """Whether the event at this time (s) is accepted; it may be ``grace`` seconds early."""
        rate = self.rate
        if rate is None:
            return True
        if moment < self._due - min(grace, 0.5 / rate):
            return False
        self._due = (self._due if moment < self._due + 1.0 / rate else moment) + 1.0 / rate
        return True
