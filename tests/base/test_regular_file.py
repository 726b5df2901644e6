import os
import socket
import sys
from pathlib import Path

import pytest

from telemetry.base.storage.regular_file import open_regular_file, read_regular_file, read_within


def test_a_regular_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\r\n\x1a\0")
    assert read_regular_file(path, 4) == b"\r\n\x1a\0"
    with pytest.raises(OSError, match="it has more than 3 bytes"):
        read_regular_file(path, 3)
    with open_regular_file(path) as file:
        assert file.read() == b"\r\n\x1a\0"


def test_memory_is_taken_for_what_a_file_holds_and_not_for_what_it_may_hold(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert read_regular_file(path, 1 << 50) == b"abc"


def test_files_of_many_pieces_are_read_whole_up_to_the_limit(tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000
    (tmp_path / "a").write_bytes(data)
    for limit, read in ((len(data), data), (len(data) - 1, None), (5, None)):
        with (tmp_path / "a").open("rb") as file:
            assert read_within(file, limit) == read


def test_a_folder_and_a_missing_file_are_errors_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"."):
        open_regular_file(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_regular_file(tmp_path / "a")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files in folders")
def test_a_pipe_that_nobody_writes_is_refused_at_once_and_so_is_what_links_to_it(tmp_path: Path) -> None:
    path, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(path)
    link.symlink_to(path)
    for name in (path, link):
        with pytest.raises(OSError, match="it is a named pipe, and not a regular file"):
            open_regular_file(name)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files in folders")
def test_devices_and_sockets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="it is a device, and not a regular file"):
        open_regular_file(Path("/dev/zero"))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        with pytest.raises(OSError, match=r"."):
            open_regular_file(tmp_path / "socket")
