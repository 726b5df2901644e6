"""Making room."""

import os
import re
import time
from contextlib import closing
from pathlib import Path

from telemetry.base.storage.output_file import OutputFile
from telemetry.base.storage.temporary import temporary_folder
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


def test_what_another_recording_holds_stays_however_long_it_wrote_nothing(tmp_path: Path) -> None:
    held, old = make(tmp_path / "a.mcap", 1000.0), make(tmp_path / "b.mcap", 900.0)
    with closing(OutputFile.open(held, "append")):
        assert prune(tmp_path, NAMES, 10.0, []) == [(old, 100)]
    assert prune(tmp_path, NAMES, 10.0, []) == [(held, 100)]


def test_what_a_conversion_makes_in_the_folder_stays(tmp_path: Path) -> None:
    with temporary_folder(tmp_path) as folder:
        make(folder / "a.mcap", 1000.0)
        assert prune(tmp_path, re.compile(r".*\.mcap"), 10.0, []) == []
