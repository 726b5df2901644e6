"""What tests of several commands need."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ac_native_memory as ac
from tests.conftest import unique_name


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
