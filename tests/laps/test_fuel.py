import math
from typing import Any

import pytest

from telemetry.laps import laps
from telemetry.laps.fuel import burnt_fuel_l
from tests.conftest import sample_of
from tests.constructed import changed, drive, later, samples_of
from tests.laps.test_detector import laps_of

IN_BOX = {"is_in_pit": 1, "is_in_pit_lane": 1}


def burnt(fuel_before: float, fuel: float, seconds: float, **values: Any) -> float:
    """What burnt between two samples; both have the same other values."""
    before = sample_of(fuel=fuel_before, elapsed=100.0, **values)
    return burnt_fuel_l(before, sample_of(fuel=fuel, elapsed=100.0 + seconds, **values), seconds)


def test_fuel_that_the_engine_can_have_burnt_is_burnt() -> None:
    assert burnt(60.0, 59.75, 1.0) == 0.25
    assert burnt(60.0, 59.875, 0.003) == 0.0
    assert burnt(60.0, 56.25, 15.0) == 3.75  # a gap in the samples


def test_the_game_may_reduce_the_fuel_once_in_many_steps() -> None:
    assert burnt(1.0, 0.96875, 0.003) == 0.03125


def test_fuel_that_is_put_in_is_not_burnt_backwards() -> None:
    assert burnt(20.0, 60.0, 0.1) == 0.0


def test_an_engine_in_the_box_burns_what_it_idles() -> None:
    assert burnt(60.0, 59.9375, 10.0, **IN_BOX) == 0.0625
    assert burnt(60.0, 59.0, 5.0, **IN_BOX) == 0.0  # a litre less in the setup


def test_a_higher_fuel_rate_burns_more() -> None:
    assert burnt(60.0, 58.0, 1.0, aid_fuel_rate=1.0) == 0.0
    assert burnt(60.0, 58.0, 1.0, aid_fuel_rate=5.0) == 2.0


def test_without_a_game_clock_the_time_of_the_samples_counts() -> None:
    before = sample_of(fuel=60.0, elapsed=10.0)
    assert burnt_fuel_l(before, sample_of(fuel=59.75, elapsed=11.0), 0.0) == 0.25
    assert burnt_fuel_l(before, sample_of(fuel=59.75, elapsed=10.0), 0.0) == 0.0


@pytest.mark.parametrize("fuel", [math.nan, math.inf, -math.inf])
def test_fuel_without_a_number_is_not_burnt(fuel: float) -> None:
    assert burnt(fuel, 60.0, 1.0) == 0.0
    assert burnt(60.0, fuel, 1.0) == 0.0


@pytest.mark.parametrize("rate", [1.0, 10.0, 60.0])
@pytest.mark.parametrize("fuel", [20.0, 100.0])
def test_another_amount_of_fuel_in_the_box_changes_no_laps_use(rate: float, fuel: float) -> None:
    """A lap and a part of one, back to the pits, a setup with other fuel, and out again."""
    first = list(drive([60.0], rate=rate, end=90.0))
    stand = later(drive([600.0], rate=rate, end=20.0), 90.0, completed_laps=1, fuel=first[-1]["fuel"], **IN_BOX)
    box = changed(stand, 95.0, 200.0, fuel=fuel)
    out = (
        {**row, "completed_laps": 1, "fuel": row["fuel"] - 60.0 + fuel, "is_in_pit_lane": int(row["elapsed"] < 120.0)}
        for row in later(drive([120.0], rate=rate, end=100.0), 110.0)
    )
    found = laps_of(first, box, out)
    driven_l = first[0]["fuel"] - first[-1]["fuel"] + 2.0 * 100.0 / 120.0
    assert sum(lap.fuel_used_l or 0.0 for lap in found) == pytest.approx(driven_l, abs=0.05)


def test_all_laps_together_burn_what_left_the_tank() -> None:
    rows = list(drive([60.0, 62.0, 61.0], rate=30.0, count_late=0.04))
    found = list(laps(samples_of(rows)))
    assert sum(lap.fuel_used_l or 0.0 for lap in found) == pytest.approx(rows[0]["fuel"] - rows[-1]["fuel"], abs=0.1)
