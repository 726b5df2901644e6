"""Files of the game and of a checkout of assetto_corsa_gym that describe the demo's track and car."""

import shutil
import struct
from pathlib import Path

from telemetry.demo import demo_track
from telemetry.rl.acgym.files import write_tables
from telemetry.sources.known_tracks import known_geometry


def write_game(folder: Path) -> list[Path]:
    """The racing line and the car of the game, below ``folder``; the paths that were written."""
    track = demo_track()
    count = len(track.x)
    points = b"".join(struct.pack("<4fi", track.x[i], track.y[i], track.z[i], 2.0 * i, i) for i in range(count))
    details = struct.pack("<18f", 50.0, 1.0, 0.0, 0.0, 0.0, 5.0, 7.0, *[0.0] * 11) * count
    line = folder / "content" / "tracks" / "demo_ring" / "ai" / "fast_lane.ai"
    car = folder / "content" / "cars" / "demo_gt3" / "data" / "car.ini"
    for path in (line, car):
        path.parent.mkdir(parents=True)
    line.write_bytes(struct.pack("<4i", 7, count, 0, 0) + points + struct.pack("<i", count) + details)
    car.write_text("[CONTROLS]\nSTEER_LOCK=450 ; degrees\n")
    return [line, car]


def write_checkout(folder: Path) -> list[Path]:
    """The tables of a track and a car, below ``folder``; the paths that were written."""
    tracks, car = folder / "tracks", folder / "cars" / "demo_gt3"
    shutil.rmtree(folder, ignore_errors=True)
    car.mkdir(parents=True)
    geometry = known_geometry("demo_ring", "")
    assert geometry is not None
    write_tables(geometry, tracks)
    for path in tracks.glob("*.pkl"):
        path.unlink()
    (tracks / "config.yaml").write_text("demo_ring:\n  TrackLength: 4000.0\n  track_file: demo_ring.csv\n")
    (car / "steer_map.csv").write_text("x_points,y_points\n-1,-450\n1,450\n")
    (car / "brake_map.csv").write_text("x_points,y_points\n-1,0\n0,0.3\n1,1\n")
    return [*sorted(tracks.iterdir()), *sorted(car.iterdir())]
