"""What a power cut must not cost: each flush is on the disk, and the capture does not wait for that."""

import os
import stat
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from telemetry.base.errors import SinkError, UsageError
from telemetry.fields.derived import Sample, derive
from telemetry.recording.background_writer import QueuedSink
from telemetry.recording.durable import DurableSink
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Sink, Step
from telemetry.sources import open_page_sink, open_sink
from tests.commands import FAST
from tests.conftest import main_in_process, pages_of
from tests.formats.cases import drive

SAMPLES = [derive(snapshot, None) for snapshot in drive(3)]


class Disk:
    """Remembers what was synced: the sizes of files, and how often a folder."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.folders: list[int] = []
        self.error: OSError | None = None
        self.ready = threading.Event()
        self.asked = threading.Event()
        self.ready.set()

    def sync(self, descriptor: int) -> None:
        self.asked.set()
        assert self.ready.wait(60.0)
        if self.error is not None:
            raise self.error
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            self.folders.append(status.st_ino)
        else:
            self.sizes.append(status.st_size)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk()
    monkeypatch.setattr(os, "fsync", disk.sync)
    yield disk
    disk.ready.set()


@pytest.mark.parametrize("name", ["drive.jsonl", "drive.jsonl.zst", "drive.csv.gz"])
def test_each_flush_of_samples_is_on_the_disk_and_so_is_the_end(name: str, tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / name
    with open_sink(path, durable=True) as sink:
        for number, sample in enumerate(SAMPLES, start=1):
            sink.write(sample)
            sink.flush()
            assert disk.sizes == [*disk.sizes[:-1], path.stat().st_size]
            assert len(disk.sizes) == number
    assert disk.sizes[-1] == path.stat().st_size


@pytest.mark.parametrize("name", ["drive.mcap", "drive.jsonl"])
@pytest.mark.parametrize("rate", [None, 60.0])
def test_each_flush_of_steps_is_on_the_disk_and_so_is_the_end(
    name: str, rate: float | None, tmp_path: Path, disk: Disk
) -> None:
    path = tmp_path / name
    with open_page_sink(path, rate=rate, durable=True) as sink:
        for number in range(1, 4):
            sink.write(Step(State.LIVE, pages_of(packet_id=number), number / 10))
            sink.flush()
            assert disk.sizes[-1] == path.stat().st_size
            assert len(disk.sizes) == number
    assert disk.sizes[-1] == path.stat().st_size


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot sync a folder")
def test_the_names_of_the_file_and_of_its_new_folders_are_on_the_disk_once(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "season" / "monza" / "drive.jsonl"
    with open_sink(path, durable=True) as sink:
        for sample in SAMPLES:
            sink.write(sample)
            sink.flush()
    for folder in (path.parent, path.parent.parent, tmp_path):
        assert disk.folders.count(folder.stat().st_ino) == 1


def test_what_is_kept_with_the_samples_reaches_the_file(tmp_path: Path) -> None:
    kept: dict[str, str] = {}

    class Noting(Sink):
        name = "noting"
        size = 0

        def add_metadata(self, metadata: Mapping[str, str]) -> None:
            kept.update(metadata)

        def write(self, sample: Sample) -> None:
            raise AssertionError

        def flush(self) -> None:
            return

    with DurableSink(Noting(), tmp_path / "drive.jsonl") as sink:
        sink.add_metadata({"driver": "me"})
    assert kept == {"driver": "me"}


def test_nothing_is_synced_unless_that_is_asked_for(tmp_path: Path, disk: Disk) -> None:
    with open_sink(tmp_path / "drive.jsonl") as sink:
        sink.write(SAMPLES[0])
        sink.flush()
    assert (disk.sizes, disk.folders) == ([], [])


def test_a_recording_that_held_nothing_leaves_nothing(tmp_path: Path, disk: Disk) -> None:
    open_sink(tmp_path / "drive.jsonl", durable=True).close()
    open_page_sink(tmp_path / "drive.mcap", durable=True).close()
    assert (list(tmp_path.iterdir()), disk.sizes) == ([], [])


def test_a_disk_that_fails_ends_the_recording_with_a_sentence(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "drive.jsonl"
    sink = open_sink(path, durable=True)
    sink.write(SAMPLES[0])
    disk.error = OSError(5, "Input/output error")
    with pytest.raises(SinkError, match=r"drive.jsonl cannot be written to the disk: Input/output error"):
        sink.flush()
    disk.error = None
    sink.close()


def test_samples_do_not_wait_for_the_disk(tmp_path: Path, disk: Disk) -> None:
    disk.ready.clear()
    path = tmp_path / "drive.jsonl"
    queued = QueuedSink(open_sink(path, durable=True), 10.0)
    queued.write(SAMPLES[0])
    assert disk.asked.wait(60.0)  # the writer's thread is in the middle of a flush
    for _ in range(50):
        queued.write(SAMPLES[1])
    disk.ready.set()
    queued.close()
    assert queued.dropped == 0
    assert path.read_bytes().count(b"\n") == 51


def test_only_a_file_can_be_durable(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--durable is for a file on a disk, which standard output is not"):
        open_sink("-", durable=True)
    with pytest.raises(UsageError, match=r"--durable is for a file on a disk, which .* is not"):
        open_sink(tmp_path, durable=True)


def test_record_and_read_offer_it(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "drive.mcap"
    assert main_in_process("record", path, *FAST, "--duration", "1", "--quiet", "--durable").returncode == 0
    assert disk.sizes[-1] == path.stat().st_size
    lines = tmp_path / "drive.jsonl"
    options = ("--samples", "3", "--quiet", "--durable")
    assert main_in_process("read", "--json-output", lines, *FAST, *options).returncode == 0
    assert disk.sizes[-1] == lines.stat().st_size
    refused = main_in_process("read", *FAST, *options)
    assert refused.returncode == 2
    assert "--durable are for a file; name one with --json-output" in refused.stderr


def test_serve_offers_it_for_both_of_its_files(tmp_path: Path, disk: Disk) -> None:
    pages, lines = tmp_path / "drive.mcap", tmp_path / "drive.jsonl"
    options = ("--source", "demo", "--speed", "20", "--duration", "2", "--port", "0", "--quiet", "--durable")
    assert main_in_process("serve", "--record", pages, "--json-output", lines, *options).returncode == 0
    assert {pages.stat().st_size, lines.stat().st_size} <= set(disk.sizes)
    refused = main_in_process("serve", *options)
    assert refused.returncode == 2
    assert "--durable is for a file; name one with --record or --json-output" in refused.stderr
