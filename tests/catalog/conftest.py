"""Two recordings for a catalog, and an S3 server that the tests of catalogs share."""

from pathlib import Path

import pytest

import telemetry
from tests.constructed import drive, later, samples_of
from tests.s3_server import bucket, server

__all__ = ["bucket", "record", "recordings", "server"]


def record(path: Path, number: int, track: str) -> Path:
    """A recording of two laps; each number is another drive."""
    rows = later(drive([20.0 + number, 19.0 + number]), 86_400.0 * number, track=track, player_name=f"Driver {number}")
    with telemetry.open_sink(path) as sink:
        for sample in samples_of(rows):
            sink.write(sample)
    return path


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    """Two recordings of two laps each, on another track in the second."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    return [record(folder / f"{track}.jsonl", number, track) for number, track in enumerate(("ring", "hill"))]
