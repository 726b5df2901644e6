"""Quantiles of durations, by both rules of rounding."""

import pytest

from telemetry.base.histogram import DurationHistogram, round_to_five_percent


def test_quantiles_are_exact_to_four_digits() -> None:
    found = DurationHistogram()
    for number in range(1, 101):
        found.add(number * 1.00001)
    assert (found.quantile(0.5), found.quantile(0.99), found.longest) == (50.0, 99.0, 100.001)
    assert (found.count, found.above(98.5)) == (100, [(99.0, 1), (100.0, 1)])
    assert found.distances(50.0).quantile(0.5) == 25.0
    assert DurationHistogram().quantile(0.5) is None


def test_quantiles_are_within_five_percent() -> None:
    histogram = DurationHistogram(round_to_five_percent)
    for value in range(1, 1001):
        histogram.add(value / 100)
    assert histogram.quantile(0.5) == pytest.approx(5.0, rel=0.05)
    assert histogram.quantile(0.99) == pytest.approx(9.9, rel=0.05)
