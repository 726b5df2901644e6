"""``catalog watch``: what is finished in a folder is added, and nothing else."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import telemetry
from telemetry.base.errors import TelemetryError
from telemetry.base.storage.lock import lock_file
from telemetry.catalog.state import load_state
from telemetry.cli._shared.catalog_watch import WatchedFolder
from tests.commands import Watched, with_signals
from tests.conftest import main_in_process, wait_until
from tests.constructed import drive, later, samples_of

Record = Callable[[str, int], Path]


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    folder = tmp_path / "watched"
    folder.mkdir()
    return folder


@pytest.fixture
def record(watched: Path, tmp_path: Path) -> Record:
    """Makes a recording of two laps in the folder, at once as a move from elsewhere does; each number is a drive."""

    def record(name: str, number: int) -> Path:
        path = tmp_path / name
        with telemetry.open_sink(path) as sink:
            for sample in samples_of(later(drive([20.0, 19.0]), 86_400.0 * number, track="ring")):
                sink.write(sample)
        return path.rename(watched / name)

    return record


def files_of(catalog: Path) -> set[str]:
    """The recordings of a catalog, which may not be there yet."""
    try:
        return {Path(row["path"]).name for row in load_state(catalog).recordings}
    except TelemetryError:
        return set()


def test_a_file_is_finished_that_is_the_same_at_two_looks(watched: Path, record: Record) -> None:
    folder = WatchedFolder(watched)
    assert folder.look() == []
    first = record("first.jsonl", 1)
    assert folder.look() == []
    with first.open("ab") as file:
        file.write(b"\n")
    assert folder.look() == []
    assert folder.look() == [first]
    second = record("second.jsonl", 2)
    folder.settle(first)
    assert folder.look() == []
    assert folder.look() == [second]
    folder.settle(second)
    os.utime(first, ns=(1, 1))
    assert folder.look() == []
    assert folder.look() == [first]


def test_a_file_that_is_being_written_waits(watched: Path, record: Record) -> None:
    path = record("drive.jsonl", 1)
    folder = WatchedFolder(watched)
    descriptor = os.open(path, os.O_RDWR)
    try:
        lock_file(descriptor, str(path))
        assert [folder.look() for _ in range(3)] == [[], [], []]
    finally:
        os.close(descriptor)
    assert folder.look() == [path]


def test_a_file_without_its_end_waits_and_is_named_once(watched: Path, record: Record) -> None:
    path = record("drive.jsonl", 1)
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    folder = WatchedFolder(watched)
    found = []
    for _ in range(4):
        assert folder.look() == []
        found += folder.unfinished
    assert found == [path]
    path.write_bytes(whole)
    assert folder.look() == []
    assert folder.look() == [path]


def test_an_empty_file_and_the_catalog_itself_are_left_out(watched: Path, record: Record) -> None:
    (watched / "empty.jsonl").touch()
    (watched / "catalog" / "recordings").mkdir(parents=True)
    record("copy.jsonl", 1).rename(watched / "catalog" / "recordings" / "copy.jsonl")
    folder = WatchedFolder(watched, watched / "catalog")
    assert [folder.look() for _ in range(3)] == [[], [], []]


def test_a_folder_that_is_not_there_is_a_sentence_until_it_is(tmp_path: Path) -> None:
    folder = WatchedFolder(tmp_path / "share")
    assert folder.look() == []
    assert folder.problem.startswith(f"{tmp_path / 'share'} cannot be read: ")
    (tmp_path / "share").mkdir()
    assert folder.look() == []
    assert folder.problem == ""


@with_signals
def test_watching_goes_on_after_a_kill_and_ends_with_ctrl_c(watched: Path, record: Record, tmp_path: Path) -> None:
    catalog = tmp_path / "catalog"
    arguments = ("catalog", "watch", watched, "--catalog", catalog, "--every", "0.1s")
    record("first.jsonl", 1)
    (watched / "broken.mcap").write_bytes(b"no recording")
    with Watched(*arguments) as command:
        wait_until(lambda: files_of(catalog) == {"first.jsonl"}, lambda: command.messages)
        command.process.kill()
    assert main_in_process("catalog", "check", "--catalog", catalog).returncode == 0
    record("second.jsonl", 2)
    with Watched(*arguments) as command:
        wait_until(lambda: files_of(catalog) == {"first.jsonl", "second.jsonl"}, lambda: command.messages)
        record("third.jsonl", 3)
        wait_until(lambda: len(files_of(catalog)) == 3, lambda: command.messages)
        wait_until(lambda: any("third" in line for line in command.messages), lambda: command.messages)
        said = command.interrupt()
    assert f"{watched}: watched every 0.1 s. Ctrl-C ends it.\n" in said
    assert f"{watched / 'third.jsonl'}: 2 laps.\n" in said
    assert said.count("Not added: ") == 1
    assert "first.jsonl" not in said
    assert main_in_process("catalog", "check", "--catalog", catalog).returncode == 0
