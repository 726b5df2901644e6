"""Making room."""

import os
import re
import time
from pathlib import Path

from telemetry.recording.retention import BUSY_SECONDS, prune

NAMES = re.compile(r"(deep/)?[a-z]\.mcap")


def make(path: Path, age: float) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(100))
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_the_oldest_recordings_go_first_and_only_recordings(tmp_path: Path) -> None:
    names = ["c.mcap", "a.mcap", "deep/b.mcap", "precious.mcap", "d.mcap"]
    c, a, b, _, d = [make(tmp_path / name, 1000.0 - age) for age, name in enumerate(names)]
    assert prune(tmp_path, NAMES, 400.0, [d]) == []
    assert prune(tmp_path, NAMES, 299.0, [d]) == [(c, 100), (a, 100)]
    assert prune(tmp_path, NAMES, 10.0, [d]) == [(b, 100)]
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["d.mcap", "precious.mcap"]


def test_what_somebody_is_writing_stays(tmp_path: Path) -> None:
    make(tmp_path / "a.mcap", 0.5 * BUSY_SECONDS)
    old = make(tmp_path / "b.mcap", 2.0 * BUSY_SECONDS)
    assert prune(tmp_path, NAMES, 10.0, []) == [(old, 100)]


def test_a_time_in_the_future_is_not_that_of_a_file_that_is_being_written(tmp_path: Path) -> None:
    before_the_clock_was_set_back = make(tmp_path / "a.mcap", -3600.0)
    assert prune(tmp_path, NAMES, 10.0, []) == [(before_the_clock_was_set_back, 100)]
