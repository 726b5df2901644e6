import math
from dataclasses import replace

import numpy as np
import pytest

from telemetry.sources.known_tracks import find_track_map
from telemetry.tracks.places import find_places


@pytest.mark.parametrize("first_position", [0.0, 0.3])
def test_many_places_are_those_of_single_cars(first_position: float) -> None:
    known = find_track_map("demo_ring", "")
    assert known is not None
    track = replace(known, first_position=first_position)
    rng = np.random.default_rng(1)
    node = rng.integers(len(track.x), size=200)
    x, z = np.array(track.x)[node] + rng.uniform(-9.0, 9.0, 200), np.array(track.z)[node] + rng.uniform(-9.0, 9.0, 200)
    position = (node / len(track.x) + first_position + rng.uniform(-0.02, 0.02, 200)) % 1.0
    heading = rng.uniform(-math.pi, math.pi, 200)
    position[:2], heading[2] = (math.nan, math.inf), math.nan
    expected = [track.place_at(*row) for row in np.stack([position, x, z, heading], axis=1).tolist()]
    assert np.array_equal(find_places(track, position, x, z, heading), np.array(expected), equal_nan=True)
