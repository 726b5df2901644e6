"""How laps of a catalog are written: which text means which of them, and what is said of a text that means none."""

from typing import Any

import pytest

from telemetry.base.errors import UsageError
from telemetry.catalog.filters import parse_lap_time
from telemetry.catalog.selection import LapSelection, parse_selection

Row = dict[str, Any]


def lap(lap_id: str, **values: Any) -> Row:
    usual = {"track": "spa", "layout": "", "car": "ks_gt3", "driver": "Ada", "session": "race", "valid": True}
    times = {"time_ms": 120_000, "recorded_at": 1.7e9, "top_speed_kmh": 250.0}
    return {"lap_id": lap_id, **usual, **times, **values}


LAPS = [
    lap("aaaaaa111111-1", time_ms=121_000),
    lap("aaaaaa111111-2", time_ms=119_000, valid=False),
    lap("aaaaaa111111-12", time_ms=118_000, car="formula"),
    lap("aaaaaa222222-1", time_ms=120_000, driver="Alan", layout="short"),
    lap("bbbbbb333333-1", track="monza", driver="Doe, Jane", recorded_at=1.8e9, time_ms=None, valid=False),
]


def meant(text: str) -> list[str]:
    selection = parse_selection(text)
    assert isinstance(selection, LapSelection)
    return [row["lap_id"] for row in selection.choose(LAPS)]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("aaaaaa111111-1", ["aaaaaa111111-1"]),
        ("AAAAAA111111-1", ["aaaaaa111111-1"]),
        ("aaaaaa1-2", ["aaaaaa111111-2"]),
        ("bbbbbb-1", ["bbbbbb333333-1"]),
        ("@catalog:bbbbbb-1", ["bbbbbb333333-1"]),
        ("best(spa,ks_gt3)", ["aaaaaa222222-1"]),
        ("best(spa)", ["aaaaaa111111-12"]),
        ("best(spa, ks_*, ada)", ["aaaaaa111111-1"]),
        ("best(spa (short),)", ["aaaaaa222222-1"]),
        ("@catalog:best(,formula)", ["aaaaaa111111-12"]),
        ("@catalog", [row["lap_id"] for row in LAPS]),
        ("@catalog:track=monza", ["bbbbbb333333-1"]),
        ("@catalog:driver=doe? jane", ["bbbbbb333333-1"]),
        ("@catalog:valid,sort=time,limit=2", ["aaaaaa111111-12", "aaaaaa222222-1"]),
        ("@catalog:faster-than=2:00", ["aaaaaa111111-2", "aaaaaa111111-12"]),
        ("@catalog: since = 2027-01-01", ["bbbbbb333333-1"]),
        ("@catalog:best,car=ks_gt3", ["aaaaaa111111-1", "aaaaaa222222-1"]),
        ("@catalog:session=RACE,car=formula", ["aaaaaa111111-12"]),
    ],
)
def test_a_text_means_laps(text: str, ids: list[str]) -> None:
    assert sorted(meant(text)) == sorted(ids)
    if "sort" in text:
        assert meant(text) == ids


@pytest.mark.parametrize(
    "text", ["drive.mcap", "drive.mcap:3", "aaaaa-1", "aaaaaa1111111-1", "aaaaaa-", "best", "@list.txt", "@catalogue"]
)
def test_other_texts_are_names_of_files(text: str) -> None:
    assert parse_selection(text) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("cccccc-1", "The catalog has no lap cccccc-1. See: catalog laps."),
        ("aaaaaa111111-3", "The catalog has no lap aaaaaa111111-3. See: catalog laps."),
        (
            "aaaaaa-1",
            "The catalog has 2 laps that aaaaaa-1 may mean: aaaaaa111111-1, aaaaaa222222-1. Say more digits.",
        ),
        (
            "best(monza)",
            "No valid lap with an official time of the catalog fits best(monza). See: catalog laps.",
        ),
        (
            "@catalog:track=mona",
            "No lap of the catalog fits @catalog:track=mona. Did you mean monza? See: catalog laps.",
        ),
    ],
)
def test_what_means_no_lap_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        meant(text)
    assert str(error.value) == sentence


def test_a_lap_time_may_be_written_as_any_duration() -> None:
    times = ["1:16.5", "76.5", "76.5s", " 0:01:16.5 ", "1:02:03"]
    assert [parse_lap_time(text, "it") for text in times] == [76_500, 76_500, 76_500, 76_500, 3_723_000]
    with pytest.raises(UsageError, match=r"^it: -3 is no lap time like 1:16\.5 or 76\.5\.$"):
        parse_lap_time("-3", "it")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("best()", "say best(track,car) or best(track,car,driver)"),
        ("best(a,b,c,d)", "say best(track,car) or best(track,car,driver)"),
        ("@catalog:trak=spa", "'trak=spa' is no filter. Did you mean track?"),
        ("@catalog:track=", "'track=' is no filter"),
        ("@catalog:valid=yes", "'valid=yes' is no filter"),
        ("@catalog:faster_than=soon", "soon is no lap time like 1:16.5 or 76.5"),
        ("@catalog:since=monday", "monday is no day like 2026-03-01"),
        ("@catalog:limit=0", "limit is a number from 1 on, got 0"),
        ("@catalog:sort=colour", "--sort colour: say time, date"),
    ],
)
def test_a_mistake_in_a_selection_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_selection(text)
    assert sentence in str(error.value)
