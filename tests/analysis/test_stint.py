import math
from dataclasses import replace

import pytest

from telemetry.analysis.stint import (
    FuelUse,
    clean_laps,
    consistency,
    find_stints,
    find_trend,
    fuel_use,
    tyre_wear,
)
from telemetry.analysis.student import student_quantile, student_tails
from telemetry.analysis.theoretical_best import best_parts, theoretical_best
from telemetry.laps.model import Lap
from tests.analysis.laps_by_hand import lap_of


def laps_of(*times_ms: int, first: int = 1) -> list[Lap]:
    return [lap_of(time_ms, number) for number, time_ms in enumerate(times_ms, start=first)]


@pytest.mark.parametrize(("level", "freedom", "t"), [(0.95, 1, 12.7062047), (0.95, 10, 2.2281389), (0.99, 4, 4.604095)])
def test_the_quantiles_of_students_t_are_those_of_its_tables(level: float, freedom: float, t: float) -> None:
    found = student_quantile(level, freedom)
    assert found == pytest.approx(t, rel=1e-7)
    assert student_tails(found, freedom) == pytest.approx(1.0 - level, rel=1e-9)


def test_a_straight_line_has_its_slope_and_no_doubt() -> None:
    found = find_trend([1.0, 2.0, 4.0], [90.0, 90.1, 90.3])
    assert found is not None
    assert found.slope == pytest.approx(0.1)
    assert (found.low, found.high) == pytest.approx((0.1, 0.1))


def test_the_interval_of_a_trend_is_that_of_a_textbook() -> None:
    # slope 0.6, residual variance 2.4 / 3 = 0.8, sum of squares 10, t(3) = 3.182446
    found = find_trend([1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 4.0, 5.0, 4.0, 5.0])
    assert found is not None
    margin = 3.1824463 * math.sqrt(0.8 / 10.0)
    assert (found.slope, found.low, found.high) == pytest.approx((0.6, 0.6 - margin, 0.6 + margin))


def test_two_laps_and_laps_of_one_number_have_no_trend() -> None:
    assert find_trend([1.0, 2.0], [90.0, 91.0]) is None
    assert find_trend([3.0, 3.0, 3.0], [90.0, 91.0, 92.0]) is None
    assert find_trend([], []) is None


def test_clean_laps_are_valid_from_line_to_line_and_driven_for_their_time() -> None:
    laps = [
        *laps_of(90_000, 91_000, 96_300, 96_301),
        lap_of(90_500, 5, start="grid"),
        lap_of(80_000, 6, invalid_because=("cut",)),
        lap_of(None, 7, measured_ms=90_200),
        lap_of(None, 8, measured_ms=None),
        lap_of(400_000, 9),
    ]
    assert [lap.number for lap in clean_laps(laps)] == [1, 2, 3, 7]
    assert clean_laps([]) == []


def test_consistency_is_the_deviation_and_its_share_of_the_median() -> None:
    found = consistency(laps_of(90_000, 91_000, 92_000))
    assert (found.laps, found.median_s, found.deviation_s) == (3, 91.0, 1.0)
    assert found.deviation_share == pytest.approx(1.0 / 91.0)
    one = consistency(laps_of(90_000))
    assert (one.laps, one.median_s, one.deviation_s, one.deviation_share) == (1, 90.0, None, None)
    none = consistency([])
    assert (none.laps, none.median_s, none.deviation_s) == (0, None, None)


def test_a_stint_ends_at_a_stop_and_at_a_restart() -> None:
    laps = [
        *laps_of(90_000, 90_100, 90_200),
        *(replace(lap, stint=2) for lap in laps_of(91_000, 90_900, first=5)),
        *(replace(lap, start_index=2, stint=3) for lap in laps_of(92_000)),
    ]
    found = find_stints(laps)
    assert [(one.start_index, one.number, [lap.number for lap in one.laps]) for one in found] == [
        (1, 1, [1, 2, 3]),
        (1, 2, [5, 6]),
        (2, 3, [1]),
    ]
    assert found[0].trend is not None
    assert found[0].trend.slope == pytest.approx(0.1)
    assert [one.trend for one in found[1:]] == [None, None]


def test_a_lap_that_is_left_out_keeps_its_place_in_the_trend() -> None:
    laps = laps_of(90_000, 120_000, 90_200, 90_300)
    (found,) = find_stints(laps)
    assert [lap.number for lap in found.laps] == [1, 3, 4]
    assert found.trend is not None
    assert found.trend.slope == pytest.approx(0.1)


def test_fuel_is_the_median_of_clean_laps_and_lasts_as_long_as_it_does() -> None:
    laps = [
        replace(lap, fuel_used_l=used) for lap, used in zip(laps_of(*[90_000] * 4), (2.0, 2.2, None, 9.0), strict=True)
    ]
    laps[-1] = replace(laps[-1], fuel_left_l=11.0)
    found = fuel_use(laps)
    assert found.per_lap_l == 2.2
    assert found.laps_left == pytest.approx(5.0)
    assert found.refuel_l(10) == pytest.approx(11.0)
    assert found.refuel_l(3) == 0.0


def test_unknown_fuel_and_fuel_that_is_not_burnt_last_no_number_of_laps() -> None:
    assert FuelUse(None, 11.0).laps_left is None
    assert FuelUse(2.0, None).laps_left is None
    assert FuelUse(0.0, 11.0).laps_left is None
    assert FuelUse(None, 11.0).refuel_l(3) is None
    assert fuel_use([]) == FuelUse(None, None)


def test_tyres_wear_from_the_end_of_one_lap_to_that_of_the_next() -> None:
    worn = [(0.01, 0.02, 0.0, None), (0.03, 0.05, 0.01, 0.2), (0.05, 0.08, 0.02, 0.3)]
    laps = [replace(lap, tyre_worn=tyres) for lap, tyres in zip(laps_of(90_000, 90_000, 90_000), worn, strict=True)]
    found = tyre_wear(laps)
    assert found.laps == 2
    assert found.per_lap == pytest.approx((0.02, 0.03, 0.01, 0.1))
    assert found.worst == pytest.approx(0.1)
    other_stint = [laps[0], replace(laps[1], stint=2)]
    assert tyre_wear(other_stint).per_lap == (None, None, None, None)
    assert tyre_wear(other_stint).worst is None


def test_the_theoretical_best_names_the_lap_of_each_sector() -> None:
    laps = [
        lap_of(90_000, 1, sectors_ms=(30_000, 31_000, 29_000)),
        lap_of(89_900, 2, sectors_ms=(30_100, 30_500, 29_300)),
        lap_of(80_000, 3, sectors_ms=(20_000, 30_000, 30_000), invalid_because=("cut",)),
        lap_of(91_000, 4, sectors_ms=(30_000, None, 31_000)),
    ]
    found = theoretical_best(laps)
    assert found is not None
    assert found.time_ms == 89_500
    assert [(sector.time_ms, sector.lap.number) for sector in found.sectors] == [(30_000, 1), (30_500, 2), (29_000, 1)]


@pytest.mark.parametrize("sectors", [(), (90_000,), (30_000, None, 29_000), (30_000, 0, 29_000), (None, None, None)])
def test_there_is_no_theoretical_best_until_each_sector_exists(sectors: tuple[int | None, ...]) -> None:
    assert theoretical_best([lap_of(90_000, sectors_ms=sectors)]) is None
    assert theoretical_best([]) is None


def test_the_best_of_many_parts_is_that_of_each() -> None:
    times: list[list[float | None]] = [[1.0, 2.0, None], [1.5, 1.0, 3.0], [1.0, 1.0, 2.5]]
    found = best_parts(times)
    assert found is not None
    assert [(one.time, one.row) for one in found] == [(1.0, 0), (1.0, 1), (2.5, 2)]
    assert best_parts([[1.0, None], [2.0, None]]) is None
    assert best_parts([]) is None
