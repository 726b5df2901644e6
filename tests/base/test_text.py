import pytest

from telemetry.base.text import format_count, format_lap_time, format_measured_lap_time


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(62_345, "1:02.345"), (999, "0:00.999"), (5_999_999, "99:59.999"), (6_000_000, "1:40:00"), (0, "-:--.---")],
)
def test_a_lap_time_has_minutes_seconds_and_milliseconds(milliseconds: int, text: str) -> None:
    assert format_lap_time(milliseconds) == text


def test_a_measured_lap_time_is_marked_and_only_used_without_an_official_one() -> None:
    assert format_measured_lap_time(62_345, 62_350) == "1:02.345"
    assert format_measured_lap_time(None, 62_350) == "~1:02.350"
    assert format_measured_lap_time(None, None) is None


def test_a_count_takes_the_plural_for_all_but_one() -> None:
    assert [format_count(count, "lap") for count in (0, 1, 2, 1000)] == ["0 laps", "1 lap", "2 laps", "1,000 laps"]
