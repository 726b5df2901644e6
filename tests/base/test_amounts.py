import pytest

from telemetry.base.amounts import parse_duration, parse_positive_duration, parse_size
from telemetry.base.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("90", 90.0),
        ("90s", 90.0),
        ("0.5s", 0.5),
        ("20m", 1200.0),
        ("20 min", 1200.0),
        ("1:30", 90.0),
        ("1:30.5", 90.5),
        ("1:02:03", 3723.0),
        ("1h", 3600.0),
        ("1.5H", 5400.0),
    ],
)
def test_a_duration_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-3", "nan", "inf", "1e3", "3d", "1:2:3:4", "1:", "9" * 400])
def test_what_is_no_duration_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parse_duration(text)
    assert str(refusal.value) == f"{text!r} is not a time like 90, 90s, 20m, 1:30 or 1h."


def test_a_limit_is_longer_than_nothing() -> None:
    assert parse_positive_duration("0.1s") == 0.1
    with pytest.raises(UsageError, match=r"^'0:00' must be longer than 0 seconds\.$"):
        parse_positive_duration("0:00")


@pytest.mark.parametrize(("text", "size"), [("500kB", 500e3), ("5 kb", 5e3), ("200MB", 200e6), ("1.5tb", 1.5e12)])
def test_a_size_has_a_unit_of_a_thousand(text: str, size: float) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "20", "10m", "-1MB", "20GiB"])
def test_what_is_no_size_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parse_size(text)
    assert str(refusal.value) == f"{text!r} is not a size like 500kB, 200MB or 20GB."


def test_a_size_is_more_than_nothing() -> None:
    with pytest.raises(UsageError, match=r"^'0GB' must be more than 0 bytes\.$"):
        parse_size("0GB")
