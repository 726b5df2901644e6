"""What tests of several commands need."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ac_native_memory as ac
from tests.conftest import unique_name
from tests.drives import record_long_drive
from tests.s3_server import bucket, server

__all__ = ["bucket", "server"]


@pytest.fixture(scope="session")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three laps of the demo, the first one from the grid, twenty frames a second."""
    return record_long_drive(tmp_path_factory.mktemp("drive") / "drive.mcap")


@pytest.fixture
def own_tracks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the files of tracks that a test has to itself; no folder of the game."""
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "data"))
    monkeypatch.delenv("AC_TELEMETRY_AC_ROOT", raising=False)
    return tmp_path / "data" / "ac-telemetry" / "tracks"


@pytest.fixture
def shared_memory() -> Iterator[Path]:
    """A directory of its own in real shared memory, where the system has such a thing."""
    if sys.platform == "win32" or not ac.PAGE_FILE_DIRECTORY.is_dir():
        pytest.skip("page files in shared memory are for Linux; for Windows' named mappings see test_windows.py")
    directory = ac.PAGE_FILE_DIRECTORY / unique_name()
    directory.mkdir()
    yield directory
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
