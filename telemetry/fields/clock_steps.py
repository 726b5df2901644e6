"""The one rule for "was the computer's clock set, or did it sleep, between these two samples".

``timestamp`` is the time of day and ``elapsed`` is not: between two samples both advance alike, but for the slow
adjustments that keep a computer's clock right. Where they do not, the time of day has stepped.
"""

import math
from typing import Final

from telemetry.base.clock import CLOCK_STEP_S

MAX_SLEW: Final = 500e-6
"""Seconds per second by which NTP adjusts a clock without setting it: over a long pause that is no step."""


def clock_step_seconds(timestamp_change: float, elapsed_change: float) -> float:
    """By how many seconds the time of day stepped between two samples whose times differ by so many seconds.

    Positive where it was set forward, negative where it was set back; 0 where it did not step by at least
    :data:`telemetry.base.clock.CLOCK_STEP_S`, or where a time is not finite.
    """
    step = timestamp_change - elapsed_change
    is_step = CLOCK_STEP_S + MAX_SLEW * abs(elapsed_change) <= abs(step) < math.inf
    return round(step, 6) if is_step else 0.0


class ClockStepDetector:
    """Follows the times of samples or steps, one after the other."""

    def __init__(self) -> None:
        self._timestamp = self._elapsed = math.nan

    def update(self, timestamp: float, elapsed: float) -> float:
        """By how many seconds the time of day stepped since the last call; 0 where it did not, and at the first."""
        step = clock_step_seconds(timestamp - self._timestamp, elapsed - self._elapsed)
        if math.isfinite(timestamp) and math.isfinite(elapsed):
            self._timestamp, self._elapsed = timestamp, elapsed
        return step
