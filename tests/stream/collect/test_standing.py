"""Gaps between rigs: by best laps, and in a race."""

from typing import Any

import pytest

from telemetry.stream.collect.standing import Gap, Place, PlaceHistory, Progress, find_gaps


def progress(**values: Any) -> Progress:
    defaults: dict[str, Any] = {"track": "spa", "layout": "", "session": "race", "position": 1, "cars": 10, "laps": 0}
    return Progress(**(defaults | {"lap_fraction": 0.0, "best_ms": None} | values))


def place(*distances: float, at: float = 0.0, is_driven: bool = True, **values: Any) -> Place:
    """A rig that was at these distances, one a second from ``at`` on, and is at the last one."""
    history = PlaceHistory()
    for second, distance in enumerate(distances):
        history.add(at + second, distance)
    last = distances[-1]
    there = progress(laps=int(last), lap_fraction=last - int(last), **values)
    return Place(there, history, at + len(distances) - 1, is_driven)


def test_the_best_lap_of_each_is_compared_on_one_track_and_layout() -> None:
    gaps = find_gaps(
        {
            "a": place(1.0, session="practice", best_ms=90_500),
            "b": place(1.0, session="qualify", best_ms=90_000),
            "none": place(1.0, session="practice"),
            "away": place(1.0, session="practice", best_ms=91_000, is_driven=False),
            "short": place(1.0, session="practice", layout="short", best_ms=60_000),
            "nowhere": place(1.0, session="practice", track="", best_ms=1),
        }
    )
    assert {name: gap.best_ms for name, gap in gaps.items()} == {
        "a": 500,
        "b": 0,
        "none": None,
        "away": 1000,
        "short": 0,
        "nowhere": None,
    }
    assert all(gap.laps is None and gap.seconds is None for gap in gaps.values())


def test_the_gap_in_a_race_is_how_long_ago_the_first_was_here() -> None:
    gaps = find_gaps(
        {
            "third": place(0.9, 1.1, at=3.0, position=7),
            "first": place(1.0, 1.2, 1.4, 1.6, 1.8, position=2),
            "lapped": place(0.6, 0.7, at=3.0, position=9),
        }
    )
    assert gaps["first"] == Gap(laps=0, seconds=0.0)
    assert gaps["third"] == Gap(laps=0, seconds=3.5)
    assert gaps["lapped"] == Gap(laps=1, seconds=None)


@pytest.mark.parametrize(
    "other",
    [
        {"position": 1},  # of another race, in which it is the first too
        {"position": 2, "cars": 4},
        {"position": 0},
        {"position": -1},
        {"position": 2, "session": "practice"},
        {"position": 2, "layout": "short"},
        {"position": 2, "is_driven": False},
    ],
)
def test_rigs_that_are_not_in_one_race_have_no_gap_on_the_track(other: dict[str, Any]) -> None:
    gaps = find_gaps({"a": place(1.0, 1.5, position=1), "b": place(1.0, 1.2, **other)})
    assert gaps == {"a": Gap(), "b": Gap()}


def test_a_place_is_found_between_those_that_were_seen() -> None:
    history = PlaceHistory()
    for second, distance in enumerate((0.5, 0.7, 0.7, 1.0)):
        history.add(float(second), distance)
    assert [history.find_time(distance) for distance in (0.5, 0.6, 0.7, 0.85, 1.0)] == [0.0, 0.5, 1.0, 2.0, 3.0]
    assert history.find_time(0.4) is None
    assert history.find_time(1.1) is None


def test_the_line_that_is_not_counted_yet_is_no_new_start() -> None:
    history = PlaceHistory()
    for second, distance in enumerate((1.9, 1.95, 1.0, 2.05)):
        history.add(float(second), distance)
    assert history.find_time(2.0) == pytest.approx(2.0)


def test_after_a_new_start_places_are_new() -> None:
    history = PlaceHistory()
    for second, distance in enumerate((0.98, 0.98, 0.01, 0.03, 0.05, 0.07)):
        history.add(float(second), distance)
    assert [history.find_time(distance) for distance in (0.03, 0.06, 0.98)] == [None, 4.5, None]
