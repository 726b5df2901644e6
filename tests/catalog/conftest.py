"""Two recordings for a catalog, and an S3 server that the tests of catalogs share."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import telemetry
from tests.conftest import main_in_process
from tests.constructed import drive, later, samples_of
from tests.s3_server import bucket, server

__all__ = ["bucket", "record", "record_drives", "recordings", "server", "use_catalog"]


def record(path: Path, number: int, track: str) -> Path:
    """A recording of two laps; each number is another drive."""
    rows = later(drive([20.0 + number, 19.0 + number]), 86_400.0 * number, track=track, player_name=f"Driver {number}")
    with telemetry.open_sink(path) as sink:
        for sample in samples_of(rows):
            sink.write(sample)
    return path


def record_drives(folder: Path, times_of_drives: Sequence[Sequence[float]]) -> list[Path]:
    """Drives on one track, a day apart, each of another driver and with laps of these seconds."""
    paths = []
    for number, times in enumerate(times_of_drives):
        rows = later(drive(times), 86_400.0 * number, track="ring", player_name=f"Driver {number}")
        paths.append(folder / f"{('first', 'second')[number]}.jsonl")
        with telemetry.open_sink(paths[-1]) as sink:
            for sample in samples_of(rows):
                sink.write(sample)
    return paths


def use_catalog(folder: Path, recordings: Sequence[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog of these recordings, which all commands ask."""
    monkeypatch.setenv("AC_TELEMETRY_CATALOG", str(folder))
    result = main_in_process("catalog", "add", *recordings)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    """Two recordings of two laps each, on another track in the second."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    return [record(folder / f"{track}.jsonl", number, track) for number, track in enumerate(("ring", "hill"))]
