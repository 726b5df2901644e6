"""The one rule for "was the game paused between these two samples", for laps, resampling, quality and recordings.

While the game is paused, in its menu or stalled, the clock of the computer runs on and the physics does not: the time
between two samples is then longer than the physics steps between them explain.
"""

from typing import Final

from telemetry.base.units import STEP_MS

MIN_PAUSE_S: Final = 0.5
"""Seconds by which the game must fall behind the clock between two samples to count as paused: more than any hitch of
drawing, less than anybody needs to press Esc twice."""

MIN_RESAMPLED_PAUSE_S: Final = 0.25
"""The same limit where values between two samples are to be interpolated. It is stricter, because the mistakes are not
equal: to hold a value through a short stall repeats a true value, to interpolate through a pause invents movement."""


def paused_seconds(seconds: float, steps: int, min_pause_s: float = MIN_PAUSE_S) -> float:
    """How long the game stood still between two samples that are ``seconds`` and ``steps`` physics steps apart.

    0 where it fell behind by no more than ``min_pause_s``, and where the physics did not advance: with no new step
    nothing is known yet, and with a step number that fell the physics restarted.
    """
    if steps <= 0:
        return 0.0
    lag = seconds - steps * STEP_MS / 1e3
    return lag if lag > min_pause_s else 0.0
