"""Recordings to deliver."""

from pathlib import Path

from tests.conftest import main_in_process


def short_recording(path: Path, *, seed: int = 0) -> Path:
    """Two seconds of the demo, every step, closed."""
    done = main_in_process(
        *("record", path, "--source", "demo", "--seed", str(seed), "--speed", "max", "--duration", "2s", "--quiet"),
        *("--driver", "Anna"),
    )
    assert done.returncode == 0, done.stderr
    return path
