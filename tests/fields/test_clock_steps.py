"""What counts as a step of the time of day."""

import math

import pytest

from telemetry.fields.clock_steps import ClockStepDetector, clock_step_seconds


@pytest.mark.parametrize(
    ("timestamp_change", "elapsed_change", "step"),
    [
        (0.003, 0.003, 0.0),
        (28_800.003, 0.003, 28_800.0),
        (-3599.9, 0.1, -3600.0),
        (0.61, 0.1, 0.51),
        (0.59, 0.1, 0.0),
        (-0.41, 0.1, -0.51),
        (3600.9, 3600.0, 0.0),  # an hour's pause, in which NTP adjusted the clock
        (3602.4, 3600.0, 2.4),
        (math.nan, 0.1, 0.0),
        (0.1, math.nan, 0.0),
        (math.inf, 0.1, 0.0),
    ],
)
def test_a_step_is_what_the_two_times_do_not_share(timestamp_change: float, elapsed_change: float, step: float) -> None:
    assert clock_step_seconds(timestamp_change, elapsed_change) == step


def test_each_step_is_told_once_and_samples_without_times_are_passed_over() -> None:
    detector = ClockStepDetector()
    times = [(1.7e9, 0.0), (1.7e9 + 1, 1.0), (math.nan, 2.0), (1.7e9 + 63, 3.0), (1.7e9 + 64, 4.0), (1.7e9, 5.0)]
    assert [detector.update(*both) for both in times] == [0.0, 0.0, 0.0, 60.0, 0.0, -65.0]
