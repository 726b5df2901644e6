"""Making room."""

import os
from pathlib import Path

from telemetry.io.retention import prune


def test_the_oldest_recordings_go_first_and_only_recordings(tmp_path: Path) -> None:
    names = ["c.mcap", "a.mcap", "deep/b.mcap", "notes.txt", "d.mcap"]
    for age, name in enumerate(names):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(100))
        os.utime(path, (1e9 + age, 1e9 + age))
    newest = tmp_path / "d.mcap"
    assert prune(tmp_path, [".mcap"], 400.0, newest) == []
    assert prune(tmp_path, [".mcap"], 299.0, newest) == [(tmp_path / "c.mcap", 100), (tmp_path / "a.mcap", 100)]
    assert prune(tmp_path, [".mcap"], 10.0, newest) == [(tmp_path / "deep/b.mcap", 100)]
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["d.mcap", "notes.txt"]
