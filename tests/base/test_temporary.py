"""Temporary folders: of a process alone, gone at its end, and cleared away where it was killed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from errno import ENOLCK
from pathlib import Path

import pytest

from telemetry.base.errors import SinkError
from telemetry.base.storage.lock import TEMPORARY_LOCK_NAME, FileLock, lock_file
from telemetry.base.storage.temporary import make_private_folder, remove_abandoned, temporary_folder
from tests.conftest import PATIENCE, REPOSITORY

on_linux = pytest.mark.skipif(sys.platform == "win32", reason="links and users of Linux")

ABANDONED = f".temporary-{0:032x}"

HOLD = """
import sys
from pathlib import Path
from telemetry.base.storage.temporary import temporary_folder
with temporary_folder(Path(sys.argv[1])) as folder:
    (folder / "inner").mkdir()
    (folder / "inner" / "half.mcap").write_bytes(bytes(1000))
    print("made", flush=True)
    sys.stdin.read()
"""


def abandoned(folder: Path) -> Path:
    """A temporary folder that nobody holds."""
    left = folder / ABANDONED
    left.mkdir()
    (left / TEMPORARY_LOCK_NAME).touch()
    (left / "half").write_text("half")
    return left


def test_it_has_another_name_each_time_and_goes_with_all_that_is_in_it(tmp_path: Path) -> None:
    names = set()
    for _ in range(3):
        with temporary_folder(tmp_path) as folder:
            names.add(folder.name)
            assert folder.parent == tmp_path
            (folder / "inner").mkdir()
            (folder / "inner" / "half").write_text("half")
            (folder / "half").write_text("half")
        assert list(tmp_path.iterdir()) == []
    assert len(names) == 3


@on_linux
def test_nobody_else_may_look_into_it_and_files_in_it_have_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    with temporary_folder(tmp_path) as folder:
        (folder / "file").touch()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "file").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_what_a_killed_process_left_is_removed_by_the_next_and_nothing_of_one_that_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    other = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout
        assert other.stdout.readline().strip() == b"made"
        (theirs,) = tmp_path.iterdir()
        with temporary_folder(tmp_path) as ours:
            assert set(tmp_path.iterdir()) == {theirs, ours}
        assert (theirs / "inner" / "half.mcap").stat().st_size == 1000
    finally:
        other.kill()
        other.communicate(timeout=PATIENCE)
    assert list(tmp_path.iterdir()) == [theirs]
    with temporary_folder(tmp_path) as ours:
        assert list(tmp_path.iterdir()) == [ours]


def test_one_that_another_process_took_for_abandoned_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch = Path.touch

    def clear_first(path: Path) -> None:
        monkeypatch.undo()
        remove_abandoned(tmp_path)
        touch(path)

    monkeypatch.setattr(Path, "touch", clear_first)
    with temporary_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]
        assert [path.name for path in folder.iterdir()] == [TEMPORARY_LOCK_NAME]


def test_what_only_looks_like_one_stays(tmp_path: Path) -> None:
    (tmp_path / ABANDONED).mkdir()
    (tmp_path / ABANDONED / "holiday.jpg").touch()
    (tmp_path / f".temporary-{1:032x}").write_text("a file")
    (tmp_path / ".temporary-thoughts").mkdir()
    before = set(tmp_path.rglob("*"))
    remove_abandoned(tmp_path)
    assert set(tmp_path.rglob("*")) == before


@on_linux
def test_a_link_with_such_a_name_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    left = abandoned(tmp_path / "elsewhere")
    (tmp_path / ABANDONED).symlink_to(left)
    remove_abandoned(tmp_path)
    assert (left / "half").read_text() == "half"


@on_linux
def test_a_folder_of_another_user_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left, user = abandoned(tmp_path), os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    remove_abandoned(tmp_path)
    assert left.exists()
    monkeypatch.undo()
    remove_abandoned(tmp_path)
    assert not left.exists()


@on_linux
def test_where_nobody_can_tell_whether_its_process_runs_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(ENOLCK, "No locks available")

    left = abandoned(tmp_path)
    monkeypatch.setattr(fcntl, "flock", refuse)
    with temporary_folder(tmp_path) as folder:
        assert set(tmp_path.iterdir()) == {left, folder}
    assert list(tmp_path.iterdir()) == [left]


def test_a_private_folder_can_be_made_once_and_taken_again(tmp_path: Path) -> None:
    folder = tmp_path / "missing" / "folder"
    make_private_folder(folder)
    (folder / "part").touch()
    make_private_folder(folder)
    assert list(folder.iterdir()) == [folder / "part"]


def put_a_file(path: Path) -> None:
    path.touch()


def put_a_link(path: Path) -> None:
    path.with_name("elsewhere").mkdir()
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize("put", [put_a_file, pytest.param(put_a_link, marks=on_linux)])
def test_a_file_or_link_in_place_of_a_private_folder_is_refused(put: Callable[[Path], None], tmp_path: Path) -> None:
    put(tmp_path / "folder")
    with pytest.raises(SinkError, match=r"is not a folder of this user\. Remove it\.$"):
        make_private_folder(tmp_path / "folder")


@on_linux
def test_a_lock_is_not_taken_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "victim")
    with pytest.raises(SinkError, match="cannot be written: Too many levels of symbolic links"):
        FileLock(tmp_path / "lock", "")
    assert not (tmp_path / "victim").exists()


@on_linux
def test_a_named_pipe_in_the_place_of_a_lock_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lock")
    with closing(FileLock(tmp_path / "lock", "")), pytest.raises(SinkError, match="taken"):
        FileLock(tmp_path / "lock", "taken")


FORMER = (
    "drive.mcap.recovering",
    "drive.jsonl.zst.mending",
    ".unfinished-4711-drive.parquet",
    ".manifest.json.unfinished",
)
"""The names that earlier versions gave to what they had not finished."""


def former_files(folder: Path) -> list[Path]:
    """One of each, an hour old, beside the recordings that two of them were to replace."""
    for name in ("drive.mcap", "drive.jsonl.zst"):
        (folder / name).write_text("recording")
    paths = [folder / name for name in FORMER]
    for path in paths:
        path.write_text("half")
        make_old(path)
    return paths


def make_old(path: Path) -> None:
    hour_ago = time.time() - 3600.0
    os.utime(path, (hour_ago, hour_ago))


def test_what_earlier_versions_left_goes_too(tmp_path: Path) -> None:
    former_files(tmp_path)
    with temporary_folder(tmp_path) as folder:
        assert {path.name for path in tmp_path.iterdir()} == {"drive.mcap", "drive.jsonl.zst", folder.name}


def test_of_the_former_names_stays_what_is_held_or_new_or_somebody_elses(tmp_path: Path) -> None:
    held, new, *_ = former_files(tmp_path)
    os.utime(new)
    others = [
        tmp_path / name for name in ("notes.recovering", "lost.mcap.recovering", ".unfinished-drives", ".a.unfinished")
    ]
    for path in others:
        path.write_text("mine")
        make_old(path)
    dataset = tmp_path / ".unfinished-2024-drives"
    dataset.mkdir()
    make_old(dataset)
    with held.open("r+b") as file:
        lock_file(file.fileno(), str(held))
        remove_abandoned(tmp_path)
    recordings = {tmp_path / "drive.mcap", tmp_path / "drive.jsonl.zst"}
    assert set(tmp_path.iterdir()) == {held, new, dataset, *others, *recordings}


@on_linux
def test_a_link_with_a_former_name_stays_and_so_does_what_it_leads_to(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    link = tmp_path / FORMER[2]
    link.symlink_to(target)
    make_old(target)
    remove_abandoned(tmp_path)
    assert set(tmp_path.iterdir()) == {link, target}
