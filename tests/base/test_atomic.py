"""Files that appear when they are complete, and never in the place of one that somebody holds."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from telemetry.base.errors import SinkError
from telemetry.base.storage.atomic import (
    atomic_write,
    atomic_write_text,
    name_file,
    remove_file,
    rename,
    replace_file,
    sync_to_disk,
)
from telemetry.base.storage.lock import HeldError
from telemetry.base.storage.output_file import OutputFile
from tests.conftest import limited_file_size

on_linux = pytest.mark.skipif(sys.platform == "win32", reason="links and permissions of Linux")


def entries(folder: Path) -> dict[str, str]:
    """The text of every file of a folder."""
    return {path.name: path.read_text() for path in folder.iterdir()}


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Be a user who may not do everything, where the tests run as one who may."""
    if sys.platform == "win32" or os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_whole_file_appears_when_it_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with atomic_write(path) as part:
        assert (part.parent.parent, part.name, path.exists()) == (tmp_path, "a.txt", False)
        part.write_text("all of it")
    assert entries(tmp_path) == {"a.txt": "all of it"}


def test_an_error_leaves_the_older_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("older")

    def fail(part: Path) -> None:
        part.write_text("half")
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"), atomic_write(path, overwrite=True) as part:
        fail(part)
    assert entries(tmp_path) == {"a.txt": "older"}


def test_a_file_that_somebody_made_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"

    def make_it(part: Path) -> None:
        part.write_text("ours")
        path.write_text("theirs")

    with pytest.raises(SinkError, match="exists already"), atomic_write(path) as part:
        make_it(part)
    assert entries(tmp_path) == {"a.txt": "theirs"}


def test_of_two_that_replace_a_file_at_once_the_last_to_finish_stays_and_each_was_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_write(path, overwrite=True) as first:
        first.write_text("first")
        with atomic_write(path, overwrite=True) as second:
            second.write_text("second")
        assert path.read_text() == "second"
    assert entries(tmp_path) == {"a.txt": "first"}


def test_a_text_replaces_the_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text("old")
    atomic_write_text(path, "größer")
    assert path.read_bytes() == "größer\n".encode()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("has_links", [True, False])
def test_a_name_that_something_has_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "this file system has no hard links")

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    unfinished, path = tmp_path / "unfinished", tmp_path / "file"
    unfinished.write_text("new")
    path.write_text("old")
    with pytest.raises(FileExistsError):
        name_file(unfinished, path)
    assert entries(tmp_path) == {"unfinished": "new", "file": "old"}
    path.unlink()
    name_file(unfinished, path)
    assert path.read_text() == "new"


def test_a_folder_is_synced_with_all_that_is_in_it_and_does_not_replace_one_with_files_in_it(tmp_path: Path) -> None:
    for name in ("new", "old"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner" / "file").write_text(name)
    sync_to_disk(tmp_path / "new")
    with pytest.raises(OSError, match="old"):
        rename(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old" / "inner" / "file").read_text() == "old"
    rename(tmp_path / "new", tmp_path / "newer")
    assert (tmp_path / "newer" / "inner" / "file").read_text() == "new"


def write_over(path: Path) -> None:
    with atomic_write(path, overwrite=True) as part:
        part.write_text("new")


def write_text_over(path: Path) -> None:
    atomic_write_text(path, "new")


def replace_by_another(path: Path) -> None:
    another = path.with_name("another")
    another.write_text("new")
    replace_file(another, path)


@pytest.mark.parametrize("act", [write_over, write_text_over, replace_by_another, remove_file])
def test_a_file_that_is_being_written_is_neither_replaced_nor_removed(
    act: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "drive.mcap"
    with closing(OutputFile.open(path)) as output:
        output.write(b"half")
        with pytest.raises(HeldError) as caught:
            act(path)
        output.write(b" and half")
    assert str(caught.value) == f"The file {path} is being written now, by another process, and stays as it is."
    assert path.read_text() == "half and half"
    act(path)
    assert not path.exists() or path.read_text().strip() == "new"


def test_a_file_that_somebody_began_to_write_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    path.write_text("old")

    def begin(part: Path) -> OutputFile:
        part.write_text("new")
        output = OutputFile.open(path, "overwrite")
        output.write(b"theirs")
        return output

    with pytest.raises(HeldError), atomic_write(path, overwrite=True) as part:
        output = begin(part)
    output.close()
    assert entries(tmp_path) == {"drive.mcap": "theirs"}


@on_linux
def test_a_file_that_was_replaced_before_its_lock_was_there_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    path = tmp_path / "drive.mcap"
    path.write_text("old")

    def replace_first(descriptor: int, operation: int) -> None:
        monkeypatch.undo()
        write_over(path)
        fcntl.flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", replace_first)
    with pytest.raises(HeldError, match="removed or replaced just now"):
        OutputFile.open(path, "overwrite")
    assert entries(tmp_path) == {"drive.mcap": "new"}


@on_linux
def test_a_symbolic_link_stays_and_the_file_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    file, link = tmp_path / "disk" / "file", tmp_path / "a.txt"
    file.write_text("old")
    link.symlink_to(file)
    with pytest.raises(SinkError, match="exists already"), atomic_write(link):
        pass
    write_over(link)
    assert (link.readlink(), entries(file.parent)) == (file, {"file": "new"})


@on_linux
def test_a_file_that_is_being_written_is_found_by_each_of_its_names(tmp_path: Path) -> None:
    path, link, other = (tmp_path / name for name in ("a.txt", "link", "other"))
    with closing(OutputFile.open(path)) as output:
        output.write(b"half")
        link.symlink_to(path)
        other.hardlink_to(path)
        for name in (link, other):
            with pytest.raises(HeldError, match="is being written now"):
                write_over(name)
    assert entries(tmp_path) == {"a.txt": "half", "link": "half", "other": "half"}


@on_linux
def test_a_file_of_the_programs_own_takes_the_place_of_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("theirs")
    (tmp_path / "manifest.json").symlink_to(tmp_path / "victim")
    atomic_write_text(tmp_path / "manifest.json", "ours")
    assert entries(tmp_path) == {"victim": "theirs", "manifest.json": "ours\n"}


@on_linux
def test_a_symbolic_link_to_nothing_counts_as_a_file(tmp_path: Path) -> None:
    link = tmp_path / "a.txt"
    link.symlink_to(tmp_path / "none")
    with pytest.raises(SinkError, match="exists already"), atomic_write(link):
        pass
    assert not (tmp_path / "none").exists()


@on_linux
def test_of_a_file_with_two_names_one_is_replaced(tmp_path: Path) -> None:
    path, other = tmp_path / "a.txt", tmp_path / "b.txt"
    path.write_text("old")
    other.hardlink_to(path)
    write_over(path)
    assert entries(tmp_path) == {"a.txt": "new", "b.txt": "old"}


@on_linux
def test_the_new_file_has_the_permissions_of_the_old_one_or_those_of_any_new_file(tmp_path: Path) -> None:
    path, usual = tmp_path / "a.txt", tmp_path / "usual"
    usual.touch()
    write_over(path)
    assert path.stat().st_mode == usual.stat().st_mode
    path.chmod(0o640)
    write_over(path)
    assert path.stat().st_mode & 0o777 == 0o640


@on_linux
def test_a_named_pipe_is_not_replaced_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(SinkError, match=r"is not a regular file and cannot be replaced by one\.$"):
        write_over(tmp_path / "a.txt")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let the folder of an open file be removed")
def test_a_folder_that_vanished_is_said_and_not_made_again(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.txt"
    with pytest.raises(SinkError) as caught, atomic_write(path):
        shutil.rmtree(path.parent)
    reason = "No such file or directory. Nothing is left of it."
    assert str(caught.value) == f"The file {path} cannot be written: {reason}"
    assert not path.parent.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let the folder of an open file be removed")
def test_a_sink_whose_folder_vanished_says_so_of_the_file_that_was_wanted(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.txt"

    def write_without_folder(part: Path) -> None:
        with closing(OutputFile.open(part)) as output:
            shutil.rmtree(path.parent)
            output.write(b"x")

    with pytest.raises(SinkError) as caught, atomic_write(path) as part:
        write_without_folder(part)
    reason = "its folder was removed meanwhile. Nothing is left of it."
    assert str(caught.value) == f"The file {path} cannot be written: {reason}"


@on_linux
def test_a_folder_that_may_not_be_written_is_said() -> None:
    folder = Path(tempfile.mkdtemp())
    path = folder / "a.txt"
    path.write_text("old")
    folder.chmod(0o555)
    try:
        with ordinary_user(), pytest.raises(SinkError) as caught:
            write_over(path)
        assert entries(folder) == {"a.txt": "old"}
    finally:
        shutil.rmtree(folder)
    assert str(caught.value) == f"The file {path} cannot be written: Permission denied. Nothing is left of it."


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_where_the_disk_is_full_the_old_file_is_whole_and_nothing_is_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with limited_file_size(6, monkeypatch):
        with pytest.raises(SinkError) as caught, atomic_write(path, overwrite=True) as part:
            part.write_text("much longer")
        with pytest.raises(OSError, match="File too large"):
            atomic_write_text(path, "much longer")
    assert str(caught.value) == f"The file {path} cannot be written: File too large. Nothing is left of it."
    assert entries(tmp_path) == {"a.txt": "old"}
