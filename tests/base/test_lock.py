"""Locks: one holder at a time, in this process and others, until it lets go or ends."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from telemetry.base.errors import SinkError
from telemetry.base.storage.lock import FileLock, user_state_dir
from tests.conftest import PATIENCE, REPOSITORY

HOLD = """
import sys
from pathlib import Path
from telemetry.base.storage.lock import FileLock
kept = FileLock(Path(sys.argv[1]), "")
print("held", flush=True)
sys.stdin.read()
"""


def test_what_one_has_another_does_not_get_until_it_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    with closing(FileLock(path, "It is taken.")):
        for _ in range(2):
            with pytest.raises(SinkError, match=r"^It is taken\.$"):
                FileLock(path, "It is taken.")
    lock = FileLock(path, "It is taken.")
    lock.close()
    lock.close()


def test_a_process_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    other = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout
        assert other.stdout.readline().strip() == b"held"
        with pytest.raises(SinkError, match="taken"):
            FileLock(tmp_path / "lock", "taken")
    finally:
        other.kill()
        other.communicate(timeout=PATIENCE)
    FileLock(tmp_path / "lock", "taken").close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SinkError, match=r"^The folder .*file.inner cannot be written: "):
        FileLock(tmp_path / "file" / "inner" / "lock", "")


def test_the_shared_folder_is_this_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME", str(tmp_path))
    assert user_state_dir() == tmp_path / "ac-telemetry"
