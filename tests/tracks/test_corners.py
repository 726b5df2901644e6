import math
from collections.abc import Sequence

import numpy as np
import pytest

from telemetry.demo.circuit import demo_track
from telemetry.tracks.corners import Corner, find_corners
from telemetry.tracks.course import Course, CoursePoints, make_course
from telemetry.tracks.geometry import Floats
from tests.tracks.roads import STADIUM, Piece, course_of, rising, road, total

ESSES: tuple[Piece, ...] = (
    (500.0, 0.0),
    (80.0, 90.0),
    (300.0, 0.0),
    (60.0, 80.0),
    (60.0, -80.0),  # an S
    (350.0, 0.0),
    (90.0, 100.0),
    (30.0, 0.0),
    (60.0, 60.0),  # two bends that are one corner
    (200.0, 0.0),
    (100.0, 10.0),  # a kink that is none
    (200.0, 0.0),
    (160.0, 100.0),
)


def apexes_m(corners: Sequence[Corner], length_m: float) -> list[float]:
    return [corner.apex * length_m for corner in corners]


def test_corners_stand_at_the_middle_of_their_bends_in_driving_order() -> None:
    first, second = find_corners(course_of(STADIUM))
    length_m = total(STADIUM)
    assert first.apex * length_m == pytest.approx(678.5, abs=2.0)
    assert second.apex * length_m == pytest.approx(1435.6, abs=2.0)
    assert (first.begin * length_m, first.end * length_m) == pytest.approx((600.0, 757.1), abs=10.0)
    assert [first.label, second.label] == ["T1", "T2"]
    assert {first.direction, second.direction} == {"left"}


def test_an_s_is_two_corners_and_two_bends_without_a_straight_are_one() -> None:
    corners = find_corners(make_open(ESSES))
    assert [corner.direction for corner in corners] == ["left", "left", "right", "left", "left"]
    assert [corner.number for corner in corners] == [1, 2, 3, 4, 5]


def make_open(pieces: Sequence[Piece]) -> Course:
    x, z = road(pieces)
    return make_course(CoursePoints(x, z, np.linspace(0.0, 0.9, len(x))))


def test_a_circle_has_no_corner() -> None:
    assert find_corners(course_of([(900.0, 360.0)])) == ()


@pytest.mark.parametrize(("line_m", "numbers"), [(650.0, [1, 2]), (700.0, [2, 1])])
def test_a_corner_over_the_line_counts_where_its_apex_lies(line_m: float, numbers: list[int]) -> None:
    corners = find_corners(course_of(STADIUM, begin=0.45), line_position=line_m / total(STADIUM))
    in_road_order = sorted(corners, key=lambda corner: corner.apex)
    assert [corner.number for corner in in_road_order] == numbers
    assert in_road_order[0].begin < line_m / total(STADIUM) < in_road_order[0].end


@pytest.mark.parametrize("begin", [0.0, 0.2, 0.45, 0.9])
@pytest.mark.parametrize("jitter_m", [0.0, 0.05])
def test_corners_are_the_same_from_any_start(begin: float, jitter_m: float) -> None:
    usual, moved = find_corners(course_of(STADIUM)), find_corners(course_of(STADIUM, begin=begin, jitter_m=jitter_m))
    assert apexes_m(moved, 1514.0) == pytest.approx(apexes_m(usual, 1514.0), abs=5.0)


def test_the_demo_circuit_has_the_same_corners_in_both_directions() -> None:
    track = demo_track()
    count = len(track.x)
    places = [index / count for index in range(count)]
    forwards = find_corners(course_through(track.x, track.z, places))
    backwards = find_corners(course_through(track.x[::-1], track.z[::-1], places))
    mirrored = [(1.0 - corner.apex) % 1.0 for corner in reversed(backwards)]
    assert len(forwards) == len(backwards)
    assert [one * track.length for one in mirrored] == pytest.approx(apexes_m(forwards, track.length), abs=5.0)
    flipped = ["left" if corner.direction == "right" else "right" for corner in reversed(backwards)]
    assert flipped == [corner.direction for corner in forwards]
    assert rising([corner.apex for corner in forwards])


def course_through(x: Sequence[float], z: Sequence[float], places: Sequence[float]) -> Course:
    course = make_course(CoursePoints(np.array(x), np.array(z), np.array(places)))
    assert abs(math.degrees(course.turn_rad())) == pytest.approx(360.0, abs=1e-6)
    return course


def circuit(seed: int, count: int = 1500) -> tuple[Floats, Floats]:
    """A circuit of 4.5 km or so that bends at random and never crosses itself."""
    chance = np.random.default_rng(seed)
    angle = np.linspace(0.0, math.tau, count, endpoint=False)
    radius = np.ones(count)
    for wave in range(2, 8):
        radius += chance.normal(0.0, 0.35 / wave) * np.cos(wave * angle + chance.uniform(0.0, math.tau))
    x, z = np.maximum(radius, 0.35) * (np.cos(angle), np.sin(angle))
    scale = 4500.0 / np.hypot(np.diff(x, append=x[0]), np.diff(z, append=z[0])).sum()
    return x * scale, z * scale


def driven(x: Floats, z: Floats, seed: int) -> tuple[Floats, Floats]:
    """A lap of it that wanders up to 1.5 m to either side."""
    phases = np.random.default_rng(seed).random(2) * math.tau
    along = np.linspace(0.0, math.tau, len(x), endpoint=False)
    aside = 0.9 * np.sin(3.0 * along + phases[0]) + 0.6 * np.sin(7.0 * along + phases[1])
    to_x, to_z = np.gradient(x), np.gradient(z)
    step = np.hypot(to_x, to_z)
    return x - to_z / step * aside, z + to_x / step * aside


def test_corners_are_the_same_on_every_lap_of_a_circuit_and_in_both_directions() -> None:
    """On all of these circuits but one, on which a bend lies at the very threshold of a corner."""
    stable = 0
    for seed in range(14):
        x, z = circuit(seed)
        places = np.arange(len(x)) / len(x)
        usual = [corner.apex for corner in find_corners(make_course(CoursePoints(x, z, places)))]
        reverse = [corner.apex for corner in find_corners(make_course(CoursePoints(x[::-1], z[::-1], places)))]
        mirrored = sorted((1.0 - apex - 1.0 / len(x)) % 1.0 for apex in reverse)
        assert [apex * 4500.0 for apex in mirrored] == pytest.approx([apex * 4500.0 for apex in usual], abs=30.0)
        laps = [find_corners(make_course(CoursePoints(*driven(x, z, lap), places))) for lap in range(3)]
        is_stable = all(len(lap) == len(usual) for lap in laps)
        stable += is_stable
        for lap in laps if is_stable else []:
            assert apexes_m(lap, 4500.0) == pytest.approx([apex * 4500.0 for apex in usual], abs=30.0)
    assert stable >= 13
