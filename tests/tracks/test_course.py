import math

import numpy as np
import pytest

import telemetry
from telemetry.tracks.course import CoursePoints, make_course
from tests.tracks.roads import STADIUM, course_of, road, total


@pytest.mark.parametrize("radius_m", [20.0, 50.0, 400.0])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_circle_has_the_curvature_of_its_radius_and_turns_once(radius_m: float, *, backwards: bool) -> None:
    length_m = 2.0 * math.pi * radius_m
    course = course_of([(length_m, 360.0)], spacing=0.1, backwards=backwards)
    sign = -1.0 if backwards else 1.0
    assert course.is_closed
    assert np.abs(course.curvature * radius_m - sign).max() < 0.01
    assert math.degrees(course.turn_rad()) == pytest.approx(sign * 360.0, abs=1e-6)


def test_a_circuit_turns_by_360_degrees_and_a_figure_of_eight_by_none() -> None:
    assert math.degrees(course_of(STADIUM).turn_rad()) == pytest.approx(360.0, abs=1e-6)
    eight = [(200.0, 0.0), (471.24, 270.0), (200.0, 0.0), (471.24, -270.0)]
    assert math.degrees(course_of(eight).turn_rad()) == pytest.approx(0.0, abs=1e-6)


def test_a_course_has_the_length_of_its_road_and_even_points() -> None:
    course = course_of(STADIUM)
    assert course.length_m == pytest.approx(total(STADIUM), abs=1.0)
    gaps = np.hypot(np.diff(course.x), np.diff(course.z))
    assert np.abs(gaps - course.step_m).max() < 0.01
    assert course.step_m == pytest.approx(2.0, abs=0.05)


def test_places_go_over_the_end_of_the_spline() -> None:
    course = course_of(STADIUM, begin=0.75)
    assert course.position_at(np.array([0.0]))[0] == pytest.approx(0.75, abs=0.001)
    assert course.position_at(np.array([0.5 * course.length_m]))[0] == pytest.approx(0.25, abs=0.001)
    places = np.array([0.1, 0.5, 0.7, 0.76, 0.99])
    assert course.position_at(course.metres_at(places)).tolist() == pytest.approx(places.tolist(), abs=1e-9)
    assert course.position_at(course.metres_at(places) + course.length_m).tolist() == pytest.approx(places.tolist())


def test_a_road_from_a_to_b_stays_open() -> None:
    x, z = road([(500.0, 0.0), (150.0, 90.0), (500.0, 0.0)])
    course = make_course(CoursePoints(x, z, np.linspace(0.05, 0.95, len(x))))
    assert not course.is_closed
    assert course.length_m == pytest.approx(1150.0, abs=2.0)
    assert math.degrees(course.turn_rad()) == pytest.approx(90.0, abs=0.5)
    assert course.metres_at(np.array([0.02]))[0] in (0.0, course.metres[-1])


def test_points_that_go_back_or_are_no_numbers_are_left_out() -> None:
    x, z = road(STADIUM)
    position = np.arange(len(x)) / len(x)
    spun = np.concatenate([np.arange(300), np.arange(290, 260, -1), np.arange(260, len(x))])
    x, z, position = x[spun], z[spun], position[spun]
    x[40], z[500], position[700] = np.nan, np.inf, np.nan
    course = make_course(CoursePoints(x, z, position))
    assert course.length_m == pytest.approx(total(STADIUM), abs=1.0)
    assert math.degrees(course.turn_rad()) == pytest.approx(360.0, abs=1e-6)


@pytest.mark.parametrize("count", [0, 2, 500])
def test_a_lap_without_places_in_the_world_has_no_course(count: int) -> None:
    points = CoursePoints(np.zeros(count), np.zeros(count), np.arange(count) / max(count, 1))
    with pytest.raises(
        telemetry.UsageError, match=r"^The course of the track cannot be told: the lap has no positions"
    ):
        make_course(points)


def test_a_lap_with_damaged_places_has_no_course() -> None:
    """A point every two metres of so many would fill the memory."""
    x, z = road(STADIUM)
    x[40] = 1e12
    with pytest.raises(telemetry.UsageError, match=r"cannot be told: its points lie 2e\+09 km apart\.$"):
        make_course(CoursePoints(x, z, np.arange(len(x)) / len(x)))
