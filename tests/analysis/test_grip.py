"""How much of its envelope a car uses, on laps made by hand."""

import numpy as np
import pytest

from telemetry.analysis.grip import DIRECTIONS, Envelope, grip_use
from telemetry.analysis.traces import Trace
from tests.analysis.laps_by_hand import steady, trace_of

LAP_MS = 60_000
LIMITS = Envelope(np.array([40.0]), np.full((1, DIRECTIONS), 2.0))


def cornering(first_g: float, then_g: float) -> Trace:
    """A lap that turns left with the one acceleration for three quarters of its time, then with the other."""
    return trace_of(
        steady(LAP_MS),
        LAP_MS,
        speed_kmh=lambda place: np.full(len(place), 100.0),
        acc_g_x=lambda place: np.where(place < 0.75, first_g, then_g),
        acc_g_z=lambda place: np.zeros(len(place)),
    )


def test_use_is_the_mean_by_time_and_how_long_a_car_is_near_its_limit() -> None:
    use = grip_use(cornering(2.0, 1.0), LIMITS)
    assert use is not None
    assert use.mean == pytest.approx(0.875, abs=1e-3)
    assert use.above_s == pytest.approx(45.0, abs=0.05)


def test_what_is_not_known_does_not_count() -> None:
    use = grip_use(cornering(1.0, np.nan), LIMITS)
    assert use is not None
    assert use.mean == pytest.approx(0.5)
    assert use.above_s == 0.0
    assert grip_use(cornering(np.nan, np.nan), LIMITS) is None
