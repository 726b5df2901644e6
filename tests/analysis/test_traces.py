import math
from typing import Any

import numpy as np
import pytest

import telemetry
from telemetry.analysis.lap_clock import Floats, interpolate
from telemetry.analysis.traces import TRACE_FIELDS, Trace, align, delta, make_grid, make_trace
from tests.analysis.laps_by_hand import FRAME_MS, LENGTH_M, columns_of, lap_of, spinning, steady, stopping, trace_of

FRAME_S = FRAME_MS / 1e3

ROUNDED_S = 1e-5
"""What the rounding of a position to float32 makes of a time."""


def wavy(time_ms: float, waves: int = 3, depth: float = 0.3) -> Any:
    """A lap whose speed goes up and down."""
    times = np.linspace(0.0, time_ms, 20_001)
    along = times / time_ms
    places = along + depth * np.sin(math.tau * waves * along) / (math.tau * waves)
    return lambda at: np.interp(at, times, places)


def deltas(a: Trace, b: Trace, metres: float = 5.0) -> tuple[Floats, Floats]:
    grid = make_grid([a, b], metres)
    first, second = align([a, b], grid)
    return grid, delta(first, second)


def test_the_delta_at_the_line_is_the_difference_of_the_official_times_exactly() -> None:
    for a_ms, b_ms in ((83_515, 91_199), (60_001, 60_000), (75_546, 75_510)):
        _, found = deltas(trace_of(wavy(a_ms), a_ms), trace_of(wavy(b_ms, 5), b_ms))
        assert found[0] == 0.0
        assert found[-1] == (a_ms - b_ms) / 1e3


def test_delta_is_antisymmetric_nothing_to_itself_and_additive() -> None:
    traces = [trace_of(wavy(ms, waves), ms) for ms, waves in ((60_003, 2), (61_500, 3), (59_001, 7))]
    a, b, c = align(traces, make_grid(traces))
    assert np.array_equal(delta(a, b), -delta(b, a))
    assert not delta(a, a).any()
    assert np.abs(delta(a, c) - (delta(a, b) + delta(b, c))).max() < 1e-9


def test_two_constant_speeds_part_in_a_straight_line() -> None:
    grid, found = deltas(trace_of(steady(62_001), 62_001), trace_of(steady(60_000), 60_000))
    assert np.abs(found - 2.001 * grid).max() < ROUNDED_S


def test_a_stop_is_a_step_in_its_place_and_nothing_else() -> None:
    grid, found = deltas(trace_of(stopping(60_000, 0.4, 1000.0), 61_000), trace_of(steady(60_000), 60_000))
    assert np.abs(found[grid <= 0.4]).max() < ROUNDED_S
    assert np.abs(found[grid > 0.4001] - 1.0).max() < ROUNDED_S


def test_a_lap_that_stands_still_for_minutes_loses_them_in_one_place() -> None:
    grid, found = deltas(trace_of(stopping(60_000, 0.4, 300_000.0), 360_000), trace_of(steady(60_000), 60_000))
    assert np.abs(found[grid <= 0.4]).max() < ROUNDED_S
    assert np.abs(found[grid > 0.4001] - 300.0).max() < ROUNDED_S


def test_a_spin_backwards_shifts_nothing_behind_it() -> None:
    spin = trace_of(spinning(60_000, 0.5, 0.01, 3000.0), 63_000)
    grid, found = deltas(spin, trace_of(steady(60_000), 60_000))
    assert np.abs(found[grid <= 0.5]).max() < ROUNDED_S
    assert np.abs(found[grid > 0.502] - 3.0).max() < ROUNDED_S
    assert (np.diff(spin.fraction) > 0.0).all()
    assert (np.diff(spin.time_ms) >= 0.0).all()


@pytest.mark.parametrize("hertz", [333.0, 66.7, 25.0])
def test_every_rate_gives_the_same_times_within_a_frame(hertz: float) -> None:
    place = wavy(60_003)
    full, thin = trace_of(place, 60_003), trace_of(place, 60_003, hertz=hertz)
    grid, found = deltas(full, thin)
    assert np.abs(found).max() < FRAME_S
    true_ms = np.interp(grid, place(np.arange(60_004.0)), np.arange(60_004.0))
    assert np.abs(align([full], grid)[0].time_ms - true_ms).max() < FRAME_MS


@pytest.mark.parametrize("line", [0.8, 0.03, 0.9999])
def test_the_line_may_lie_anywhere_on_the_spline(line: float) -> None:
    reference = trace_of(steady(60_000), 60_000)
    shifted = trace_of(stopping(60_000, 0.4, 1000.0), 61_000, line=line, line_position=line)
    at_zero = trace_of(stopping(60_000, 0.4, 1000.0), 61_000)
    grid, found = deltas(shifted, reference)
    beside_step = np.abs(grid - 0.4) > 1e-6
    assert np.abs(found - deltas(at_zero, reference)[1])[beside_step].max() < ROUNDED_S


@pytest.mark.parametrize("line", [0.0, 0.8, 0.9999])
def test_a_lap_tells_where_its_line_lies(line: float) -> None:
    found = trace_of(steady(60_000), 60_000, line=line, line_position=None)
    assert abs(math.remainder(found.line_position - line, 1.0)) * LENGTH_M < 0.01
    assert found.fraction[0] == 0.0
    assert found.fraction[-1] == 1.0


def test_a_channel_is_joined_by_its_physics_step() -> None:
    found = trace_of(wavy(60_003), 60_003, speed_kmh=lambda place: 100.0 + 50.0 * place)
    grid = make_grid([found])
    assert np.abs(align([found], grid)[0]["speed_kmh"] - (100.0 + 50.0 * grid)).max() < 0.05
    assert found.rate_hz == pytest.approx(1000.0 / 3.0)


def test_a_gear_is_held_and_never_between_two() -> None:
    found = trace_of(steady(60_000), 60_000, gear=lambda place: np.where(place < 0.5, 3, 4))
    gears = align([found], make_grid([found], 1.0))[0]["gear"]
    assert set(gears.tolist()) == {3.0, 4.0}


def test_what_a_lap_does_not_cover_is_null() -> None:
    late = trace_of(steady(60_000), 60_000, begin_ms=30_000, lap={"start": "joined"})
    grid = make_grid([late], 10.0)
    at = align([late], grid)[0]
    assert np.isnan(at.time_ms[grid < 0.5]).all()
    assert np.isfinite(at.time_ms[grid > 0.501]).all()
    assert at.time_ms[-1] == 60_000.0


def test_a_lap_joined_a_little_in_front_of_its_line_covers_all_of_it() -> None:
    joined = trace_of(steady(60_000), 60_000, begin_ms=15, line_position=0.001, lap={"start": "joined"})
    grid = make_grid([joined], 10.0)
    assert np.isfinite(align([joined], grid)[0].time_ms[1:-1]).all()


def test_nothing_is_said_of_a_gap() -> None:
    columns = columns_of(steady(60_000), 60_000, speed_kmh=lambda place: 100.0 * place)
    kept = ~((columns["current_time"] > 20_000) & (columns["current_time"] < 25_000))
    found = make_trace({name: column[kept] for name, column in columns.items()}, lap_of(60_000), ("speed_kmh",), 0.0)
    grid = make_grid([found], 10.0)
    at = align([found], grid)[0]
    inside = (grid > 20.1 / 60) & (grid < 24.9 / 60)
    assert np.isnan(at.time_ms[inside]).all()
    assert np.isnan(at["speed_kmh"][inside]).all()
    outside = (grid < 19.9 / 60) | (grid > 25.1 / 60)
    assert np.isfinite(at.time_ms[outside]).all()
    assert np.isfinite(at["speed_kmh"][outside]).all()


def test_frames_of_the_lap_before_and_behind_the_line_do_not_count() -> None:
    columns = columns_of(steady(60_000), 60_000)
    columns["current_time"][:4] = 59_997  # the frame in front of the line is still shown
    columns["normalized_position"][:4] = 0.99995
    columns["normalized_position"][-3:] = 0.00002  # the position has wrapped, and the clock has not
    found = make_trace(columns, lap_of(60_000), (), 0.0)
    grid = make_grid([found])
    assert np.abs(align([found], grid)[0].time_ms - 60_000.0 * grid).max() < 1.0


def test_the_finish_of_an_a_to_b_road_is_not_at_the_line() -> None:
    found = trace_of(lambda at: 0.9 * at / 60_000.0, 60_000)
    assert found.fraction[-1] == pytest.approx(0.9, abs=1e-6)
    assert found.time_ms[-1] == 60_000.0


def test_a_lap_from_the_grid_begins_in_front_of_the_line() -> None:
    found = trace_of(lambda at: at / 60_000.0 * 1.01 - 0.01, 60_000, lap={"start": "grid"})
    assert found.fraction[0] == pytest.approx(-0.01, abs=1e-4)
    assert found.fraction[-1] == 1.0
    assert found.metres[-1] == LENGTH_M


def test_time_is_counted_from_place_to_place_standing_included() -> None:
    found = trace_of(stopping(60_000, 0.4, 1000.0), 61_000)
    assert found.duration_ms.sum() == pytest.approx(61_000.0, abs=1.0)
    assert found.duration_ms.max() == pytest.approx(1000.0, abs=FRAME_MS)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"normalized_position": 0.0},
            "the position on the track is 0 throughout, as on a road without a line for the",
        ),
        ({"normalized_position": math.nan}, "its samples show no lap clock with a position that moves"),
        ({"normalized_position": 0.25}, "the car does not move along the track"),
        ({"current_time": 0}, "its samples show no lap clock with a position that moves"),
    ],
)
def test_a_lap_without_a_position_over_time_is_refused_with_a_sentence(changes: dict[str, Any], reason: str) -> None:
    columns = columns_of(steady(60_000), 60_000)
    for name, value in changes.items():
        columns[name] = np.full(len(columns[name]), value, dtype=columns[name].dtype)
    with pytest.raises(telemetry.UsageError, match=rf"^Lap 1 cannot be put on the track: {reason}"):
        make_trace(columns, lap_of(60_000), (), 0.0)


def test_without_a_length_of_the_track_there_are_fractions_and_no_metres() -> None:
    found = trace_of(steady(60_000), 60_000, length_m=0.0)
    assert np.isnan(found.metres).all()
    assert np.abs(found.clock.time_at(np.array([0.25, 0.5])) - [15_000.0, 30_000.0]).max() < 1e-6
    with pytest.raises(telemetry.UsageError, match="no length of this track"):
        make_grid([found])


def test_traces_that_are_not_aligned_are_refused() -> None:
    with pytest.raises(telemetry.UsageError, match="align them first"):
        delta(trace_of(steady(60_000), 60_000), trace_of(steady(61_000), 61_000))
    with pytest.raises(telemetry.UsageError, match=r"must be more than 0 m apart, got -1 m\.$"):
        make_grid([trace_of(steady(60_000), 60_000)], -1.0)


def test_interpolation_knows_nothing_outside_and_in_gaps() -> None:
    places, values = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 10.0, 20.0, 30.0])
    at = np.array([-0.1, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 3.1])
    found = interpolate(at, places, values, np.array([False, True, False]))
    assert np.array_equal(found, [np.nan, 0.0, 5.0, 10.0, np.nan, 20.0, 30.0, np.nan], equal_nan=True)
    held = interpolate(at, places, values, np.array([False, True, False]), is_held=True)
    assert np.array_equal(held, [np.nan, 0.0, 0.0, 10.0, np.nan, 20.0, 30.0, np.nan], equal_nan=True)
    wheels = interpolate(np.array([0.5]), places, np.stack([values, 2 * values], axis=1), np.zeros(3, dtype=bool))
    assert wheels.tolist() == [[5.0, 10.0]]
    assert np.isnan(interpolate(at, places[:1], values[:1], np.zeros(0, dtype=bool))).all()


def test_the_fields_that_a_trace_is_made_of_are_fields() -> None:
    assert set(TRACE_FIELDS) <= set(telemetry.Sample.INDEX)
