import math
import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import telemetry
from telemetry.analysis.change import LEVEL, MEASURES, did_it_change, find_method, holm, laps_needed, welch_p
from telemetry.analysis.divisions import attainable_level, p_by_division
from telemetry.analysis.lap_measures import LapMeasure
from telemetry.analysis.student import student_tails

LAP = LapMeasure(
    lap_time_s=90.0,
    full_throttle_s=40.0,
    braking_s=15.0,
    coasting_s=1.0,
    overlap_s=0.1,
    top_kmh=250.0,
    corner_min_kmh=100.0,
    corner_exit_kmh=150.0,
    to_apex_s=20.0,
    from_apex_s=21.0,
    braking_m=120.0,
    peak_brake=0.8,
    throttle_s=0.7,
)


def laps(count: int, seed: int, **shifts: float) -> list[LapMeasure]:
    """Laps of one driver, each measure with a spread of 0.3 around its usual value and its shift."""
    chance = random.Random(seed)
    usual = {name: getattr(LAP, name) for name in MEASURES}
    return [
        replace(LAP, **{name: chance.gauss(usual[name] + shifts.get(name, 0.0), 0.3) for name in MEASURES})
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("t", "freedom", "p"),
    [(0.0, 3.0, 1.0), (1.0, 1.0, 0.5), (12.7062047, 1.0, 0.05), (4.3026527, 2.0, 0.05), (2.2281389, 10.0, 0.05),
     (2.5758293, 1e7, 0.01), (-4.5868939, 10.0, 0.001)],
)  # fmt: skip
def test_the_tails_of_students_t_are_those_of_its_tables(t: float, freedom: float, p: float) -> None:
    assert student_tails(t, freedom) == pytest.approx(p, rel=1e-5)


def test_welchs_test_is_that_of_its_textbook_example() -> None:
    a = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4]
    b = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.0]
    assert welch_p(a, b) == pytest.approx(0.0084, abs=0.0003)
    assert welch_p(a, a) == 1.0
    assert welch_p([1.0], b) is None
    assert welch_p([1.0, 1.0], [2.0, 2.0]) is None


def test_holm_multiplies_by_what_is_left_and_never_falls() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06}
    )
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}


def test_a_real_change_is_found_with_its_size_and_the_rest_is_not() -> None:
    found = {one.measure: one for one in did_it_change(laps(8, 5), laps(8, 6, lap_time_s=-1.5))}
    assert set(found) == set(MEASURES)
    assert [name for name, one in found.items() if one.changed] == ["lap_time_s"]
    changed = found["lap_time_s"]
    assert changed.change == pytest.approx(-1.5, abs=0.4)
    assert changed.effect == pytest.approx(-5.0, abs=2.0)
    assert changed.laps_needed is not None
    assert changed.laps_needed <= 4
    assert changed.method == "westfall-young"
    assert changed.p == changed.p_corrected == 2 / math.comb(16, 8)  # no other division differs that much


def together(count: int, seed: int) -> list[LapMeasure]:
    """Laps whose measures all say the same, as far as a change is concerned."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        shift = chance.gauss(0.0, 0.3)
        found.append(replace(LAP, **{name: getattr(LAP, name) + shift for name in MEASURES}))
    return found


@pytest.mark.parametrize("make", [laps, together])
def test_laps_of_one_driver_are_called_changed_in_5_percent_of_draws(
    make: Callable[[int, int], list[LapMeasure]],
) -> None:
    """Of 1,000 here; ``benchmarks/analysis.py`` draws 2,500 from the laps of a drive."""
    pool = make(40, 3)
    chance = random.Random(3)
    changed = 0
    for _ in range(1000):
        drawn = chance.sample(pool, 12)
        changed += any(one.changed for one in did_it_change(drawn[:6], drawn[6:]))
    assert 0.035 * 1000 <= changed <= 0.065 * 1000


def test_few_laps_are_tested_by_holms_method_which_bounds_the_level() -> None:
    methods = {
        (a, b): find_method(a, b) for a, b in ((2, 2), (3, 3), (4, 4), (2, 6), (2, 5), (5, 5), (12, 12), (2, 30))
    }
    assert {sides for sides, method in methods.items() if method == "holm"} == {(2, 2), (3, 3), (4, 4), (2, 6)}
    found = {one.measure: one for one in did_it_change(laps(4, 5), laps(4, 6, lap_time_s=-3.0))}
    changed = found["lap_time_s"]
    assert (changed.method, changed.changed) == ("holm", True)
    assert changed.p_corrected == pytest.approx((changed.p or 0.0) * 8)


@pytest.mark.parametrize(
    ("a", "b", "level"), [(2, 2, 0.0), (3, 3, 0.0), (4, 4, 1 / 35), (5, 5, 6 / 126), (2, 5, 1 / 21), (2, 6, 1 / 28)]
)
def test_a_level_is_reached_as_closely_as_divisions_allow(a: int, b: int, level: float) -> None:
    assert attainable_level(a, b, 0.05) == pytest.approx(level)


def test_a_lap_keeps_its_measures_and_a_p_value_is_a_share_of_divisions() -> None:
    a, b = np.array([[1.0, 1.0], [2.0, 5.0], [3.0, 2.0]]), np.array([[4.0, 3.0], [5.0, 1.5], [6.0, 4.0]])
    found = p_by_division(a, b)
    assert found.alone[0] == 2 / 20  # as it was driven, and with the groups exchanged
    assert found.corrected[0] == 4 / 20  # in two more, the second measure differs as much
    assert found.corrected[1] == found.alone[1] == 20 / 20


def test_what_laps_do_not_show_is_left_out_of_the_divisions() -> None:
    chance = np.random.default_rng(1)
    a, b = chance.normal(size=(6, 4)), chance.normal(size=(6, 4))
    a[2:, 1] = np.nan
    a[1:, 2] = np.nan
    a[:, 3], b[:, 3] = 1.0, 2.0
    found = p_by_division(a, b)
    assert np.isfinite(found.alone[:2]).all()
    assert np.isnan(found.alone[2:]).all()
    assert np.isnan(found.corrected[2:]).all()
    assert (found.corrected[:2] >= found.alone[:2]).all()


def test_many_laps_are_divided_at_random_and_always_in_the_same_way() -> None:
    chance = np.random.default_rng(2)
    a, b = chance.normal(size=(20, 2)), chance.normal([0.0, 5.0], size=(20, 2))
    found = p_by_division(a, b)
    assert found.corrected[1] == 1 / 10_000
    assert np.array_equal(found.corrected, p_by_division(a, b).corrected)


@pytest.mark.parametrize(("a", "b", "side"), [(1, 5, "first group has one lap"), (5, 0, "second group has no lap")])
def test_there_is_no_verdict_under_two_laps_a_side(a: int, b: int, side: str) -> None:
    with pytest.raises(telemetry.UsageError, match=rf"^The {side}: at least 2 valid laps on either side are needed"):
        did_it_change(laps(a, 1), laps(b, 2))


def test_a_measure_that_laps_do_not_show_has_no_verdict() -> None:
    without = [replace(lap, braking_m=None, top_kmh=250.0) for lap in laps(4, 1)]
    found = {one.measure: one for one in did_it_change(without, without)}
    assert (found["braking_m"].changed, found["braking_m"].mean_a, found["braking_m"].p) == (None, None, None)
    assert (found["top_kmh"].changed, found["top_kmh"].change, found["top_kmh"].effect) == (None, 0.0, None)


def test_fewer_laps_are_needed_the_larger_the_effect() -> None:
    needed = [laps_needed(effect) for effect in (0.06, 0.5, 1.0, 2.0, 10.0)]
    assert needed == sorted((laps for laps in needed if laps), reverse=True)
    assert needed[-1] == 2
    assert laps_needed(0.0) is None
    assert laps_needed(1e-9) is None
    assert LEVEL == 0.05
    assert math.isclose(laps_needed(1.0) or 0, 26)
