from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from telemetry.analysis.dampers import EDGES_MM_S, damper_histogram, damper_speeds, join_histograms, measure_dampers
from telemetry.analysis.lap_clock import Array, Floats
from telemetry.analysis.tyres import measure_tyres
from tests.analysis.laps_by_hand import steady, trace_of

Channel = Callable[[Floats], Array]

LAP_MS = 60_000


def swinging(place: Floats) -> Array:
    """Four wheels that move up for three quarters of a second at 20 mm/s and down for a quarter at 60 mm/s."""
    phase_s = place * LAP_MS / 1e3 % 1.0
    up = np.minimum(phase_s, 0.75) * 0.02
    down = np.maximum(phase_s - 0.75, 0.0) * 0.06
    return np.repeat((0.05 + up - down)[:, None], 4, axis=1)


def test_dampers_are_told_by_share_of_time_in_bump_and_rebound() -> None:
    found = measure_dampers([trace_of(steady(LAP_MS), LAP_MS, suspension_travel=swinging)])
    assert found is not None
    assert found.seconds == pytest.approx(60.0, abs=0.05)
    assert found.bump_share == pytest.approx([0.75] * 4, abs=0.01)
    at_20, at_60 = EDGES_MM_S.index(10.0), EDGES_MM_S.index(50.0)
    assert found.bump[:, at_20] == pytest.approx([0.75] * 4, abs=0.01)
    assert found.rebound[:, at_60] == pytest.approx([0.25] * 4, abs=0.01)
    assert (found.bump + found.rebound).sum(axis=1) == pytest.approx([1.0] * 4)
    assert found.share_above(50.0)[0] == pytest.approx([0.0, 0.25], abs=0.01)


def test_histograms_are_joined_by_how_long_each_was_driven() -> None:
    one = damper_histogram(np.full((2, 4), 20.0), np.array([1000.0, 2000.0]))
    other = damper_histogram(np.full((1, 4), -60.0), np.array([1000.0]))
    joined = join_histograms([one, other])
    assert joined is not None
    assert joined.seconds == 4.0
    assert joined.bump[:, EDGES_MM_S.index(10.0)] == pytest.approx([0.75] * 4)
    assert joined.rebound[:, EDGES_MM_S.index(50.0)] == pytest.approx([0.25] * 4)
    assert join_histograms([]) is None


@pytest.mark.parametrize("hertz", [60.0, 25.0, 1.0])
def test_a_rate_that_shows_no_damper_gives_no_histogram(hertz: float) -> None:
    assert measure_dampers([trace_of(steady(LAP_MS), LAP_MS, hertz=hertz, suspension_travel=swinging)]) is None


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_travel_that_is_not_recorded_gives_no_histogram(value: float) -> None:
    trace = trace_of(steady(LAP_MS), LAP_MS, suspension_travel=lambda place: np.full((len(place), 4), value))
    assert measure_dampers([trace]) is None
    assert measure_dampers([]) is None


def test_time_that_stands_or_jumps_tells_no_speed() -> None:
    time_ms = np.array([0.0, 3.0, 6.0, 6.0, 9.0, 300.0, 303.0])
    travel = np.repeat(np.arange(7.0)[:, None] * 3e-5, 4, axis=1)
    found = damper_speeds(time_ms, travel)
    assert found[:, 0] == pytest.approx([10.0, 10.0, np.nan, 10.0, np.nan, 10.0], nan_ok=True)


def test_a_damper_at_rest_is_in_neither_and_a_bin_begins_at_its_edge() -> None:
    speeds = np.array([0.0, 0.0, 5.0, 4.999, -250.0, 1e4])[:, None]
    found = damper_histogram(speeds, np.ones(6))
    assert (found.bump[0] * 6).tolist() == pytest.approx([2.0, 1.0, 0, 0, 0, 0, 0, 0, 1.0])
    assert (found.rebound[0] * 6).tolist() == pytest.approx([1.0, 0, 0, 0, 0, 0, 0, 0, 1.0])


def tyre_channels() -> dict[str, Channel]:
    """Half a lap to the left, half to the right; a quarter of it slowly, with the pressures of a stop."""

    def is_slow(place: Floats) -> Array:
        return (place % 0.5) < 0.125

    def of_wheels(fast: float, slow: float | None = None) -> Channel:
        return lambda place: np.where(is_slow(place), fast if slow is None else slow, fast)[:, None] + np.arange(4.0)

    return {
        "speed_kmh": lambda place: np.where(is_slow(place), 40.0, 150.0),
        "acc_g_x": lambda place: np.where(place < 0.5, 1.0, -1.0),
        "wheel_pressure": of_wheels(27.0, 20.0),
        "tyre_core_temp": lambda place: np.where(place < 0.5, 80.0, 90.0)[:, None] + np.arange(4.0),
        "tyre_temp_inner": lambda place: np.where(place < 0.5, 95.0, 99.0)[:, None] + np.zeros(4),
        "tyre_temp_middle": of_wheels(90.0),
        "tyre_temp_outer": lambda place: np.full((len(place), 4), 85.0),
    }


def test_tyres_are_told_at_speed_and_by_the_side_of_the_corner() -> None:
    channels: dict[str, Any] = dict(tyre_channels())
    found = measure_tyres([trace_of(steady(LAP_MS), LAP_MS, **channels)])
    assert found.pressure_psi == pytest.approx([27.0, 28.0, 29.0, 30.0])
    assert found.seconds == pytest.approx(45.0, abs=0.05)
    assert found.spread_left_c == pytest.approx([10.0] * 4)
    assert found.spread_right_c == pytest.approx([14.0] * 4)
    assert found.spread_c == pytest.approx([12.0] * 4, abs=0.01)
    assert found.core_left_c == pytest.approx([80.0, 81.0, 82.0, 83.0])
    assert found.core_right_c == pytest.approx([90.0, 91.0, 92.0, 93.0])
    assert found.middle_over_edges_c == pytest.approx(np.array([90.0, 91.0, 92.0, 93.0]) - 91.0, abs=0.01)


def test_what_laps_do_not_show_of_tyres_is_unknown() -> None:
    channels: dict[str, Any] = tyre_channels() | {
        "wheel_pressure": lambda place: np.zeros((len(place), 4)),
        "tyre_temp_inner": lambda place: np.full((len(place), 4), np.nan),
        "acc_g_x": lambda place: np.full(len(place), 1.0),
    }
    found = measure_tyres([trace_of(steady(LAP_MS), LAP_MS, **channels)])
    for unknown in (found.pressure_psi, found.inner_c, found.spread_c, found.spread_left_c, found.core_right_c):
        assert np.isnan(unknown).all()
    assert found.middle_c == pytest.approx([90.0, 91.0, 92.0, 93.0])
    assert np.isnan(measure_tyres([]).pressure_psi).all()
