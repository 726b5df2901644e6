import math

import pytest

from telemetry.demo import DemoGame
from telemetry.demo.circuit import circuit_of_name, find_circuit
from telemetry.demo.random_circuit import make_circuit
from telemetry.fields.pages import read_track, unpack_fields
from telemetry.sources.known_tracks import find_track_map, known_geometry


def test_the_same_number_gives_the_same_circuit_and_another_another() -> None:
    once, line = make_circuit(3)
    again, line_again = make_circuit(3)
    other, _ = make_circuit(4)
    assert (once, line) == (again, line_again)
    assert once.x != other.x
    assert 0.0 < line < 1.0


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_a_circuit_closes_and_has_the_straight_with_grid_and_pits(number: int) -> None:
    track = find_circuit(number).track
    assert math.dist((track.x[-1], track.z[-1]), (track.x[0], track.z[0])) == pytest.approx(track.spacing, rel=0.01)
    assert 2500.0 < track.length < 4500.0
    assert max(map(abs, track.curvature)) <= 1.0 / 22.0
    straight = [node for node in range(len(track.x)) if node * track.spacing < 480.0]
    assert all(abs(track.x[node]) < 0.01 for node in straight)


def test_the_demos_own_driver_completes_a_lap_of_a_further_circuit_whose_line_lies_elsewhere() -> None:
    game = DemoGame(1, circuit=2)
    places = []
    for _ in range(40_000):
        game.step()
        if game.timing.board.last_ms:
            break
        places.append(game.car.s)
    assert game.timing.board.last_ms > 60_000
    assert game.timing.board.best_ms == game.timing.board.last_ms
    assert max(game.car.damage) == 0.0
    assert read_track(game.static_page()) == "demo_circuit_2"
    layout, length = unpack_fields(game.static_page(), "track_configuration", "track_spline_length")
    track = find_track_map("demo_circuit_2", layout)
    assert track is not None
    assert track.first_position == find_circuit(2).timing_line
    assert length == pytest.approx(track.length)
    geometry = known_geometry("demo_circuit_2", layout)
    assert geometry is not None


@pytest.mark.parametrize("name", ["demo_circuit_", "demo_circuit_0", "demo_circuit_x", "demo_circuit_9999999", "monza"])
def test_no_other_name_is_a_circuit_of_the_demo(name: str) -> None:
    assert circuit_of_name(name) is None
    assert find_track_map(name, "") is None
