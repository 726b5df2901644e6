"""Values as text: times, sizes, numbers of a bounded width."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.base.text import (
    DASH,
    format_count,
    format_delta,
    format_duration,
    format_lap_time,
    format_measured_lap_time,
    format_number,
    format_percent,
    format_size,
    fraction_of,
)

NAN = math.nan
INF = math.inf


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (83_456, "1:23.456"),
        (1, "0:00.001"),
        (0, "-:--.---"),
        (-5, "-:--.---"),
        (5_999_999, "99:59.999"),
        (6_000_000, "1:40:00"),
        (2**31 - 1, "596:31:23"),
    ],
)
def test_a_lap_time_reads_as_on_a_timing_screen(milliseconds: int, text: str) -> None:
    assert format_lap_time(milliseconds) == text


def test_a_measured_lap_time_is_marked_and_only_used_without_an_official_one() -> None:
    assert format_measured_lap_time(62_345, 62_350) == "1:02.345"
    assert format_measured_lap_time(None, 62_350) == "~1:02.350"
    assert format_measured_lap_time(None, None) is None


def test_a_count_takes_the_plural_for_all_but_one() -> None:
    assert [format_count(count, "lap") for count in (0, 1, 2, 1000)] == ["0 laps", "1 lap", "2 laps", "1,000 laps"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(754.9, "0:12:34"), (3600.0, "1:00:00"), (0.0, ""), (-1.0, ""), (INF, ""), (NAN, ""), (1e30, "")],
)
def test_only_a_positive_and_finite_duration_is_shown(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"), (5 * 10**12, "5000.0 GB")]
)
def test_a_size_has_the_unit_that_keeps_it_short(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("value", "decimals", "width", "text"),
    [
        (0.824, 2, 5, "0.82"),
        (123.456, 2, 5, "123.5"),
        (99_999.4, 2, 5, "99999"),
        (1e6, 2, 5, ">1e4"),
        (-1e6, 2, 5, "<-1e3"),
        (INF, 2, 5, ">1e4"),
        (-INF, 2, 5, "<-1e3"),
        (1e6, 0, 3, "99+"),
        (-1e6, 0, 3, "-99"),
        (NAN, 2, 5, DASH),
        (None, 2, 5, DASH),
    ],
)
def test_a_figure_never_takes_more_room_than_it_has(value: float | None, decimals: int, width: int, text: str) -> None:
    assert format_number(value, decimals, width) == text


@given(st.floats(), st.integers(0, 3), st.integers(3, 9), st.booleans())
def test_no_figure_is_too_long(value: float, decimals: int, width: int, sign: bool) -> None:
    assert len(format_number(value, decimals, width, sign=sign)) <= width


def test_a_delta_has_a_sign_unless_it_is_0() -> None:
    assert [format_delta(seconds) for seconds in (-0.1234, 0.1234, 1234.5)] == ["-0.123", "+0.123", "+1234.5"]
    assert [format_delta(seconds) for seconds in (-0.0001, NAN)] == [" 0.000", DASH]


def test_a_percentage_stays_within_four_characters() -> None:
    assert [format_percent(value) for value in (0.0, 0.345, 1.0, INF, -INF, None, NAN)] == [
        "0",
        "34",
        "100",
        "999",
        "-900",
        DASH,
        DASH,
    ]


def test_a_fraction_is_clamped_and_nan_counts_as_0() -> None:
    assert [fraction_of(value, 2.0) for value in (1.0, 5.0, -1.0, INF, -INF, NAN, None)] == [0.5, 1, 0, 1, 0, 0, 0]
    assert fraction_of(1.0, 0.0) == fraction_of(1.0, NAN) == 0.0
    assert [fraction_of(value, INF) for value in (1.0, INF, -INF, NAN)] == [0.0, 0.0, 0.0, 0.0]
