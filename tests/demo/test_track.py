"""The demo's circuit and racing line."""

from __future__ import annotations

from math import dist

import pytest

from telemetry.demo.circuit import CIRCUIT_FILE, demo_track, encode_circuit, racing_line
from telemetry.demo.racing_line import MARGIN_M, compute_racing_line
from telemetry.demo.track import (
    GRID_BOX_S,
    HALF_WIDTH,
    KERB_WIDTH,
    PIT_BOX_N,
    PIT_BOX_S,
    PIT_ENTRY,
    PIT_EXIT,
    PIT_LANE_EDGES,
    PIT_LIMIT_BEGIN,
    PIT_LIMIT_END,
    PIT_WALL_N,
    compute_track,
)

TRACK = demo_track()
NODES = range(len(TRACK.x))


def point(i: int) -> tuple[float, float, float]:
    i %= len(TRACK.x)
    return TRACK.x[i], TRACK.y[i], TRACK.z[i]


def test_the_length_is_that_of_the_closed_centre_line() -> None:
    assert TRACK.length == pytest.approx(sum(dist(point(i), point(i + 1)) for i in NODES), rel=1e-9)
    assert 2000 < TRACK.length < 4000


def test_the_nodes_are_evenly_spaced_all_the_way_round() -> None:
    for i in NODES:
        assert dist(point(i), point(i + 1)) == pytest.approx(TRACK.spacing, rel=0.01)


def test_the_circuit_turns_right_once_in_all() -> None:
    turned = sum(bend * TRACK.spacing for bend in TRACK.curvature)
    assert turned == pytest.approx(-2 * 3.14159265, rel=0.01)


@pytest.mark.parametrize("n", [-8.0, -3.0, 0.0, 5.5, 9.0])
def test_locate_finds_the_place_that_place_makes(n: float) -> None:
    # Between two nodes the road is taken as straight, which costs up to 3 cm in the tightest bend
    hint = 0
    for tenth in range(0, int(TRACK.length * 10), 37):
        s = tenth / 10
        x, _, z, _, _ = TRACK.place(s, n)
        hint, part, found = TRACK.locate(x, z, hint)
        off = abs((hint + part) * TRACK.spacing - s)
        assert min(off, TRACK.length - off) < 0.05
        assert found == pytest.approx(n, abs=0.03)


def test_a_place_is_found_from_any_hint() -> None:
    x, _, z, _, _ = TRACK.place(1234.5, 1.0)
    for hint in (600, 617, 640):
        node, part, n = TRACK.locate(x, z, hint)
        assert (node + part) * TRACK.spacing == pytest.approx(1234.5, abs=0.05)
        assert n == pytest.approx(1.0, abs=0.03)


def test_left_is_positive() -> None:
    x, _, z, tx, tz = TRACK.place(100.0, 4.0)
    middle_x, _, middle_z, _, _ = TRACK.place(100.0, 0.0)
    assert (tx, tz) == pytest.approx((0.0, 1.0), abs=1e-6)  # the main straight leads to +z, where left is +x
    assert (x - middle_x, z - middle_z) == pytest.approx((4.0, 0.0), abs=1e-6)


def test_barriers_stand_clear_of_the_road_and_of_each_other() -> None:
    for i in NODES:
        assert TRACK.left_wall[i] > HALF_WIDTH + KERB_WIDTH + 2
        assert TRACK.right_wall[i] < -HALF_WIDTH - KERB_WIDTH - 2
        bend = TRACK.curvature[i]
        assert TRACK.left_wall[i] * bend < 0.95  # the inside of a bend has a middle that no barrier may reach
        assert TRACK.right_wall[i] * bend < 0.95


def test_the_pit_lane_lies_beside_the_main_straight_with_the_box_in_it() -> None:
    for i in range(TRACK.node(PIT_ENTRY), TRACK.node(PIT_EXIT)):
        assert abs(TRACK.curvature[i]) < 1e-3
        assert TRACK.right_wall[i] == PIT_WALL_N
    assert PIT_ENTRY < PIT_LIMIT_BEGIN < PIT_BOX_S < PIT_LIMIT_END < PIT_EXIT
    assert PIT_WALL_N < PIT_LANE_EDGES[0] < PIT_BOX_N < PIT_LANE_EDGES[1] < -HALF_WIDTH


def test_the_grid_lies_just_before_the_line() -> None:
    assert 0.98 < 1 + GRID_BOX_S / TRACK.length < 0.99


def test_hills_are_gentle_and_there() -> None:
    assert max(abs(g) for g in TRACK.gradient) < 0.03
    assert max(TRACK.y) - min(TRACK.y) > 3


def test_the_racing_line_stays_between_the_white_lines_and_bends_less_than_the_road() -> None:
    line = racing_line()
    assert max(abs(n) for n in line.offset) <= HALF_WIDTH - MARGIN_M + 1e-6
    assert sum(bend * bend for bend in line.curvature) < sum(bend * bend for bend in TRACK.curvature)


def test_the_planned_speed_and_acceleration_agree() -> None:
    # The acceleration is a mean over 14 m, so it gains over a lap's every stretch what the speed gains
    line = racing_line()
    for begin in range(0, len(line.speed) - 100, 50):
        end = begin + 100
        gained = (line.speed[end] ** 2 - line.speed[begin] ** 2) / 2
        planned = sum(line.acceleration[begin:end]) * TRACK.spacing
        assert planned == pytest.approx(gained, abs=180)
    assert 60 < 3.6 * min(line.speed) < 100
    assert 230 < 3.6 * max(line.speed) < 280


def test_the_shipped_circuit_equals_the_computed_one_value_for_value() -> None:
    track = compute_track()
    line = compute_racing_line(track)
    assert demo_track() == track
    assert racing_line() == line
    assert CIRCUIT_FILE.read_bytes() == encode_circuit(track, line)
