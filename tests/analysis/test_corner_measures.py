import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from telemetry.analysis.corner_measures import (
    CORNER_FIELDS,
    CornerMeasure,
    Spread,
    Window,
    lateral_offset_m,
    measure,
    spread,
    spreads,
    windows,
)
from telemetry.analysis.lap_clock import Array, Floats
from telemetry.analysis.traces import Trace
from telemetry.tracks.corners import Corner
from telemetry.tracks.definition import Track
from tests.analysis.laps_by_hand import LENGTH_M, steady, trace_of
from tests.tracks.roads import STADIUM, course_of

CORNER = Corner(number=4, direction="right", begin=0.4, apex=0.5, end=0.6)
WINDOW = Window(CORNER, 0.1, 0.4, 0.5, 0.6)


def stretch(begin: float, end: float, value: float = 1.0) -> Callable[[Floats], Array]:
    """A channel that has this value between two places, and 0 elsewhere."""
    return lambda place: np.where((place >= begin) & (place < end), value, 0.0)


def lap(**channels: Any) -> Trace:
    """A lap of a minute at one speed, 50 m/s, that does nothing else but what is said."""
    usual: dict[str, Callable[[Floats], Array]] = dict.fromkeys(CORNER_FIELDS, np.zeros_like)
    return trace_of(steady(60_000), 60_000, **(usual | channels))


def test_speeds_are_those_at_begin_apex_and_end_and_the_lowest_between() -> None:
    found = measure(WINDOW, lap(speed_kmh=lambda place: 100.0 + 1000.0 * np.abs(place - 0.52)))
    assert found.entry_kmh == pytest.approx(220.0, abs=0.1)
    assert found.apex_kmh == pytest.approx(120.0, abs=0.1)
    assert found.exit_kmh == pytest.approx(180.0, abs=0.1)
    assert found.min_kmh == pytest.approx(100.0, abs=0.1)
    assert found.min_at_m == pytest.approx(60.0, abs=0.2)
    assert found.time_s == pytest.approx(12.0, abs=1e-4)
    assert found.to_apex_s == pytest.approx(6.0, abs=1e-4)
    assert found.from_apex_s == pytest.approx(6.0, abs=1e-4)


def test_braking_is_walked_back_from_the_apex_through_short_gaps() -> None:
    brakes = [stretch(0.30, 0.32), stretch(0.42, 0.45, 0.6), stretch(0.453, 0.49, 0.8)]  # 0.18 s between the last two
    found = measure(WINDOW, lap(brake=lambda place: sum(part(place) for part in brakes)))
    assert found.braking_m == pytest.approx(0.08 * LENGTH_M, abs=0.2)
    assert found.peak_brake == pytest.approx(0.8)
    assert found.release_m == pytest.approx(0.01 * LENGTH_M, abs=0.2)


def test_trailing_the_brake_over_the_apex_is_a_release_behind_it() -> None:
    found = measure(WINDOW, lap(brake=stretch(0.42, 0.52)))
    assert found.braking_m == pytest.approx(0.08 * LENGTH_M, abs=0.2)
    assert found.release_m == pytest.approx(-0.02 * LENGTH_M, abs=0.2)


def test_braking_never_reaches_into_the_corner_before() -> None:
    found = measure(WINDOW, lap(brake=stretch(0.05, 0.49)))
    assert found.braking_m == pytest.approx(0.4 * LENGTH_M, abs=0.2)


@pytest.mark.parametrize(
    "brake", [stretch(0.0, 0.0), stretch(0.3, 0.4), stretch(0.51, 0.55), stretch(0.42, 0.49, 0.04)]
)
def test_a_corner_without_its_own_braking_has_none_rather_than_0(brake: Callable[[Floats], Array]) -> None:
    found = measure(WINDOW, lap(brake=brake))
    assert (found.braking_m, found.peak_brake, found.release_m) == (None, None, None)


@pytest.mark.parametrize(
    ("gas", "seconds"),
    [
        (stretch(0.55, 0.8), 3.0),
        (stretch(0.3, 0.8), 0.0),
        (stretch(0.3, 0.45), None),
        (stretch(0.65, 0.8), None),
        (stretch(0.55, 0.8, 0.4), None),
    ],
)
def test_throttle_is_picked_up_at_half_the_pedal_within_the_corner(
    gas: Callable[[Floats], Array], seconds: float | None
) -> None:
    found = measure(WINDOW, lap(gas=gas)).throttle_s
    assert found == (None if seconds is None else pytest.approx(seconds, abs=0.004))


def test_gear_and_lateral_g_are_of_the_corner() -> None:
    found = measure(
        WINDOW,
        lap(gear=lambda place: np.where(place < 0.45, 5, 3), acc_g_x=lambda place: np.where(place < 0.4, -3, -1.5)),
    )
    assert found.gear == 3
    assert found.peak_g == pytest.approx(1.5)


def test_one_sample_a_second_tells_times_and_nothing_else() -> None:
    usual: dict[str, Any] = dict.fromkeys(CORNER_FIELDS, np.ones_like)
    found = measure(WINDOW, trace_of(steady(60_000), 60_000, hertz=1.0, **usual))
    assert found.time_s == pytest.approx(12.0, abs=0.01)
    assert {getattr(found, name) for name in ("min_kmh", "entry_kmh", "braking_m", "gear", "peak_g")} == {None}


def test_a_corner_that_is_not_covered_has_no_numbers() -> None:
    usual: dict[str, Any] = dict.fromkeys(CORNER_FIELDS, np.ones_like)
    late = trace_of(steady(60_000), 60_000, begin_ms=33_000, lap={"start": "joined"}, **usual)
    found = measure(WINDOW, late)
    assert found == CornerMeasure(number=4, from_apex_s=found.from_apex_s)
    assert found.from_apex_s is None


def test_no_number_is_made_of_what_is_no_number() -> None:
    found = measure(WINDOW, lap(speed_kmh=lambda place: np.full_like(place, np.nan), gear=lambda place: place * np.nan))
    assert (found.min_kmh, found.entry_kmh, found.gear) == (None, None, None)
    assert found.time_s == pytest.approx(12.0, abs=1e-4)


def test_the_offset_is_to_the_left_of_the_reference_in_driving_direction() -> None:
    reference = lap()
    inside = lap(world_position_x=lambda place: 470.0 * np.cos(math.tau * place),
                 world_position_z=lambda place: 470.0 * np.sin(math.tau * place))  # fmt: skip
    radius_m = LENGTH_M / math.tau
    # From +x to +z seen from above is clockwise in the game's plane: the inside is on the right.
    found = lateral_offset_m(0.5, inside, reference)
    assert found == pytest.approx(-(radius_m - 470.0), abs=0.05)
    assert lateral_offset_m(0.5, reference, reference) == pytest.approx(0.0, abs=1e-6)


def test_windows_end_at_the_line() -> None:
    course = course_of(STADIUM)
    corners = (
        Corner(number=1, direction="left", begin=0.95, apex=0.02, end=0.06),
        Corner(number=2, direction="left", begin=0.4, apex=0.5, end=0.6),
    )
    track = Track(track="ring", length_m=LENGTH_M, line_position=0.0, course=course, corners=corners, origin="by hand")
    first, second = windows(track)
    assert (first.before, first.begin) == (0.0, 0.0)
    assert (first.apex, first.end) == pytest.approx((0.02, 0.06))
    assert (second.before, second.begin, second.end) == pytest.approx((0.06, 0.4, 0.6))


def test_a_spread_counts_the_laps_that_show_it() -> None:
    assert spread([1.0, None, 3.0]) == Spread(2.0, math.sqrt(2.0), 2)
    assert spread([5.0]) == Spread(5.0, None, 1)
    assert spread([None]) == Spread(None, None, 0)
    assert spreads([CornerMeasure(number=1, gear=3), CornerMeasure(number=1, gear=4)])["gear"].mean == 3.5
