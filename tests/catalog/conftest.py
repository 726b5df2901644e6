"""Two recordings for a catalog, and an S3 server that the tests of catalogs share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import telemetry
from tests.constructed import drive, later, samples_of
from tests.s3_server import Bucket, S3Server, s3_server, use_bucket


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


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as made:
        yield made


@pytest.fixture
def bucket(server: S3Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    made = server.make_bucket(f"test-{abs(hash(request.node.nodeid)):x}")
    use_bucket(made, monkeypatch)
    return made
