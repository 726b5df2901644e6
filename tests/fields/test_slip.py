import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.fields.metrics.slip import longitudinal_slip, slip_ratio, wheel_lock_detected, wheel_locked
from telemetry.fields.schema import NullableWheels, Wheels
from telemetry.fields.thresholds import Thresholds
from tests.conftest import sample_of

RADIUS = (0.33, 0.33, 0.34, 0.34)
LOADED = (4000.0, 4000.0, 2500.0, 2500.0)
NO_SLIP = (None, None, None, None)
MEAN = Thresholds(lock_rule="mean")


def turning(speed: float, *slips: float) -> Wheels:
    """Angular speeds of wheels with these slips, of one and the same slip, or rolling."""
    fl, fr, rl, rr = slips if len(slips) == 4 else slips * 4 or (0.0,) * 4
    return (
        speed * (1.0 + fl) / RADIUS[0],
        speed * (1.0 + fr) / RADIUS[1],
        speed * (1.0 + rl) / RADIUS[2],
        speed * (1.0 + rr) / RADIUS[3],
    )


# Slip


@pytest.mark.parametrize("speed", [30.0, -5.0])
def test_slip_is_signed_and_bounded_in_one_field_each(speed: float) -> None:
    slip = longitudinal_slip(speed, turning(speed, -1.0, 0.0, 1.0, -0.25), RADIUS)
    assert slip == pytest.approx((-1.0, 0.0, 1.0, -0.25), abs=1e-12)
    assert slip_ratio(slip) == pytest.approx((1.0, 0.0, 0.5, 0.25), abs=1e-12)


def test_slip_of_the_game_has_no_bounds_and_the_ratio_has() -> None:
    slip = longitudinal_slip(2.5, turning(2.5, -1.4, 28.0, -5.0, 9.0), RADIUS)
    assert slip == pytest.approx((-1.4, 28.0, -5.0, 9.0))
    assert slip_ratio(slip) == pytest.approx((1.0, 28 / 29, 1.0, 0.9))


def test_a_free_wheel_has_less_than_half_a_percent_of_slip() -> None:
    """The rolling radius of real tyres is 1.002 to 1.004 times the nominal one."""
    speed = 60.0
    fl, fr, rl, rr = [speed / (1.004 * radius) for radius in RADIUS]
    assert longitudinal_slip(speed, (fl, fr, rl, rr), RADIUS) == pytest.approx((-0.004,) * 4, abs=1e-4)


def test_slip_cannot_be_computed_at_low_speed_or_without_a_number() -> None:
    assert longitudinal_slip(1.99, turning(1.99), RADIUS) == NO_SLIP
    assert longitudinal_slip(-1.99, turning(-1.99), RADIUS) == NO_SLIP
    assert longitudinal_slip(2.0, turning(2.0), RADIUS) == pytest.approx((0.0,) * 4, abs=1e-12)
    assert longitudinal_slip(3.0, turning(3.0), RADIUS, Thresholds(min_speed_kmh=14.4)) == NO_SLIP
    assert longitudinal_slip(math.nan, turning(30.0), RADIUS) == NO_SLIP
    assert longitudinal_slip(math.inf, turning(30.0), RADIUS) == NO_SLIP
    assert slip_ratio(NO_SLIP) == NO_SLIP


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_one_wheel_without_a_number_leaves_the_others_their_slip(bad: float) -> None:
    _, *others = turning(30.0, -1.0)
    slip = longitudinal_slip(30.0, (bad, others[0], others[1], others[2]), RADIUS)
    assert slip == (None, -1.0, -1.0, -1.0)
    assert slip_ratio(slip) == (None, 1.0, 1.0, 1.0)


def test_slip_is_absent_only_where_the_radius_is_absent() -> None:
    slip = longitudinal_slip(30.0, (0.0, 0.0, 0.0, 0.0), (0.33, 0.0, math.nan, 0.34))
    assert slip == (-1.0, None, None, -1.0)
    assert slip_ratio(slip) == (1.0, None, None, 1.0)


def test_a_wheel_that_rolls_exactly_has_no_negative_zero() -> None:
    ratios = slip_ratio((0.0, -0.0, 0.0, None))
    assert repr(ratios) == "(0.0, 0.0, 0.0, None)"
    assert repr(slip_ratio((0.0, -0.0, 0.0, 0.0))) == "(0.0, 0.0, 0.0, 0.0)"


@given(st.floats(2.0, 120.0), st.tuples(*[st.floats(-400.0, 400.0)] * 4), st.sampled_from((1.0, -1.0)))
def test_the_ratio_is_the_difference_of_the_speeds_over_the_greater_one(
    speed: float, angular_speed: Wheels, direction: float
) -> None:
    road = speed * direction
    expected = [
        min(abs(turn * radius - road) / max(abs(turn * radius), speed), 1.0)
        for turn, radius in zip(angular_speed, RADIUS, strict=True)
    ]
    assert slip_ratio(longitudinal_slip(road, angular_speed, RADIUS)) == pytest.approx(expected, abs=1e-9)


# Lock-up


def detected(
    brake: float,
    *slips: float | None,
    load: Wheels = LOADED,
    thresholds: Thresholds | None = None,
) -> bool | None:
    fl, fr, rl, rr = slips
    return wheel_lock_detected(brake, (fl, fr, rl, rr), load, thresholds or Thresholds())


def test_clean_hard_braking_is_no_lock_up() -> None:
    assert detected(1.0, -0.14, -0.12, -0.09, -0.08) is False


def test_both_front_wheels_locked_are_found_where_their_mean_is_at_the_limit() -> None:
    slips = (-0.99, -0.99, -0.004, -0.004)
    assert detected(0.9, *slips) is True
    assert detected(0.9, *slips, thresholds=MEAN) is False  # 0.497


@pytest.mark.parametrize("wheel", range(4))
def test_one_locked_wheel_is_found(wheel: int) -> None:
    slips = [-0.1] * 4
    slips[wheel] = -1.0
    assert detected(0.9, *slips) is True
    assert detected(0.9, *slips, thresholds=MEAN) is False
    assert detected(0.9, *slips, thresholds=Thresholds(lock_rule="mean", lock_slip=0.25)) is True


def test_a_wheel_that_turns_against_the_road_is_locked() -> None:
    assert detected(0.9, -1.4, -0.1, -0.1, -0.1) is True


def test_a_wheel_that_spins_is_no_lock() -> None:
    """Brake and throttle together: a slip ratio of 0.8 at the driven wheels."""
    assert detected(1.0, -0.1, -0.1, 4.0, 4.0) is False


def test_a_wheel_in_the_air_is_no_lock() -> None:
    def lifted(newtons: float, thresholds: Thresholds | None = None) -> bool | None:
        return detected(1.0, -1.0, -0.1, -0.1, -0.1, load=(newtons, *LOADED[1:]), thresholds=thresholds)

    assert [lifted(newtons) for newtons in (0.0, 49.9, 50.0, math.nan)] == [False, False, True, True]
    assert lifted(60.0, Thresholds(min_load=100.0)) is False
    assert detected(1.0, *(-1.0,) * 4, load=(0.0,) * 4) is False  # over a crest


@pytest.mark.parametrize(
    ("brake", "slips", "expected"),
    [
        (0.5, (-1.0, -1.0, -1.0, -1.0), False),
        (0.51, (-0.7, -0.7, -0.7, -0.7), False),
        (0.51, (-0.7, -0.7, -0.7, -0.71), True),
        (math.nan, (-1.0, -1.0, -1.0, -1.0), False),
    ],
)
def test_lock_up_at_its_edges(brake: float, slips: tuple[float, ...], expected: bool) -> None:
    assert detected(brake, *slips) is expected


def test_the_limits_of_lock_up_can_be_set() -> None:
    assert detected(0.9, -0.6, 0.0, 0.0, 0.0, thresholds=Thresholds(lock_slip=0.5)) is True
    assert detected(0.4, -1.0, 0.0, 0.0, 0.0, thresholds=Thresholds(lock_brake=0.3)) is True


@pytest.mark.parametrize("thresholds", [Thresholds(), MEAN], ids=["greatest", "mean"])
@pytest.mark.parametrize("brake", [0.0, 1.0])
def test_lock_up_is_unknown_without_any_slip(brake: float, thresholds: Thresholds) -> None:
    assert detected(brake, *NO_SLIP, thresholds=thresholds) is None
    assert detected(brake, *NO_SLIP, load=(0.0,) * 4, thresholds=thresholds) is None


def test_a_wheel_without_a_radius_leaves_the_verdict_open_only_where_it_matters() -> None:
    assert detected(0.2, None, -0.1, -0.1, -0.1) is False
    assert detected(1.0, None, -1.0, -0.1, -0.1) is True
    assert detected(1.0, None, -0.1, -0.1, -0.1) is None
    assert detected(1.0, None, -0.1, -0.1, -0.1, load=(0.0, *LOADED[1:])) is False


@pytest.mark.parametrize(
    ("slip", "expected"),
    [
        ((-0.5, -0.5, -0.5, -0.5), False),
        ((-0.5, -0.5, -0.5, -0.51), True),
        ((4.0, 4.0, 4.0, 4.0), True),
        ((None, -1.0, -1.0, -1.0), None),
    ],
)
def test_the_rule_by_the_mean_is_that_of_the_four_ratios(slip: NullableWheels, expected: bool | None) -> None:
    assert wheel_lock_detected(1.0, slip, (0.0,) * 4, MEAN) is expected


def test_a_wheel_is_locked_when_it_has_almost_stopped() -> None:
    angular_speed = turning(30.0, -0.91, -0.89, -1.0, 0.0)
    assert wheel_locked(0.3, 30.0, angular_speed, RADIUS, LOADED) == (True, False, True, False)
    assert wheel_locked(0.3, -30.0, angular_speed, RADIUS, LOADED) == (True, False, True, False)


def test_no_wheel_is_locked_without_brake_or_at_rest_or_in_the_air() -> None:
    still = (0.0, 0.0, 0.0, 0.0)
    assert wheel_locked(0.05, 30.0, still, RADIUS, LOADED) == (False,) * 4
    assert wheel_locked(1.0, 1.9, still, RADIUS, LOADED) == (False,) * 4
    assert wheel_locked(1.0, math.nan, still, RADIUS, LOADED) == (False,) * 4
    assert wheel_locked(1.0, 30.0, still, RADIUS, (0.0, 49.0, 50.0, 4000.0)) == (False, False, True, True)


def test_a_locked_wheel_is_seen_without_a_tyre_radius() -> None:
    assert wheel_locked(1.0, 30.0, (0.0, 90.0, 90.0, 90.0), (0.0,) * 4, LOADED) == (True, False, False, False)


def test_a_sample_tells_slip_and_lock_up_of_its_pages() -> None:
    sample = sample_of(
        brake=1.0, local_velocity_z=30.0, wheel_angular_speed=(0.0, *turning(30.0)[1:]), wheel_load=LOADED
    )
    assert sample.longitudinal_slip == pytest.approx((-1.0, 0.0, 0.0, 0.0), abs=1e-12)
    assert sample.slip_ratio == pytest.approx((1.0, 0.0, 0.0, 0.0), abs=1e-12)
    assert sample.wheel_lock_detected is True
    assert sample.wheel_locked == (True, False, False, False)
