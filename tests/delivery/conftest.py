"""What tests of delivery share: an empty bucket of a real server, and a short recording."""

import shutil
from pathlib import Path

import pytest

from tests.delivery.recordings import short_recording
from tests.s3_server import bucket, server

__all__ = ["bucket", "server"]


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of every step that was closed: to be copied, never changed."""
    return short_recording(tmp_path_factory.mktemp("recording") / "drive.mcap")


@pytest.fixture
def drives(tmp_path: Path, recording: Path) -> Path:
    """A folder with a recording, in which a test may do what it wants."""
    folder = tmp_path / "drives"
    folder.mkdir()
    shutil.copy(recording, folder / "drive.mcap")
    return folder


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """An empty folder to deliver to."""
    folder = tmp_path / "share"
    folder.mkdir()
    return folder
