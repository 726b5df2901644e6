"""What an outbox remembers, and survives."""

import os
import sys
import time
from pathlib import Path

import pytest

from telemetry import SinkError
from telemetry.delivery.outbox import OUTBOX_NAME, DeliveredFile, DeliveryStatus, Outbox

TARGET = "s3://bucket"


def as_delivered(path: Path) -> DeliveredFile:
    status = path.stat()
    return DeliveredFile(status.st_size, status.st_mtime_ns, "ab" * 32)


def test_a_recording_waits_once_and_another_process_sees_it(drives: Path) -> None:
    Outbox(drives).add(drives / "drive.mcap", TARGET, tyres_out=2)
    Outbox(drives).add(drives / "drive.mcap", TARGET)
    [entry] = Outbox(drives).waiting()
    assert (entry.file, entry.target, entry.tyres_out, entry.attempts) == ("drive.mcap", TARGET, 2, 0)
    assert Outbox(drives).path(entry) == drives / "drive.mcap"
    assert Outbox(drives).waiting("s3://other") == []


def test_what_was_delivered_is_known_until_it_changes(drives: Path) -> None:
    path = drives / "drive.mcap"
    outbox = Outbox(drives)
    outbox.add(path, TARGET)
    outbox.finish(outbox.waiting()[0], as_delivered(path))
    for known in (outbox, Outbox(drives)):
        assert known.waiting() == []
        assert known.delivered(path, TARGET) == as_delivered(path)
        assert known.delivered(path, "s3://other") is None
    os.utime(path, ns=(1, 1))
    assert Outbox(drives).delivered(path, TARGET) is None


def test_a_line_that_a_power_cut_left_half_costs_no_other(drives: Path) -> None:
    path = drives / "drive.mcap"
    other = drives / "other.mcap"
    other.write_bytes(b"other")
    (drives / OUTBOX_NAME / "waiting").mkdir(parents=True)
    (drives / OUTBOX_NAME / "delivered.jsonl").write_bytes(b'{"file":"old.mcap","tar')
    for one in (path, other):
        outbox = Outbox(drives)
        outbox.add(one, TARGET)
        outbox.finish(outbox.waiting()[0], as_delivered(one))
    assert Outbox(drives).delivered(path, TARGET) == as_delivered(path)
    assert Outbox(drives).delivered(other, TARGET) == as_delivered(other)


def test_an_entry_that_is_damaged_is_passed_over(drives: Path) -> None:
    outbox = Outbox(drives)
    outbox.add(drives / "drive.mcap", TARGET)
    (drives / OUTBOX_NAME / "waiting" / "0.json").write_bytes(b"\0\0")
    assert [entry.file for entry in outbox.waiting()] == ["drive.mcap"]


def test_a_failure_is_remembered_with_its_sentence(drives: Path) -> None:
    outbox = Outbox(drives)
    outbox.add(drives / "drive.mcap", TARGET)
    outbox.fail(outbox.waiting()[0], "It is full.")
    outbox.fail(outbox.waiting()[0], "It has gone.")
    [entry] = outbox.waiting()
    assert (entry.attempts, entry.error) == (2, "It has gone.")
    status = outbox.status(TARGET)
    size = (drives / "drive.mcap").stat().st_size
    assert (status.waiting, status.waiting_bytes, status.error) == (1, size, "It has gone.")


def test_an_outbox_of_nothing_says_so(drives: Path) -> None:
    assert Outbox(drives).status() == DeliveryStatus()
    assert Outbox(drives).status().oldest_s is None
    assert not (drives / OUTBOX_NAME).exists()


def test_a_clock_that_was_set_back_makes_no_negative_age() -> None:
    assert DeliveryStatus(1, 10, time.time() + 3600.0).oldest_s == 0.0


def test_a_recording_outside_of_the_folder_is_refused(drives: Path) -> None:
    (drives.parent / "outside.mcap").write_bytes(b"outside")
    with pytest.raises(SinkError, match=r"names a file outside of"):
        Outbox(drives).add(drives / "../outside.mcap", TARGET)
    assert Outbox(drives).waiting() == []


@pytest.mark.skipif(sys.platform == "win32", reason="Wine follows links, and does not say that they are some")
def test_a_link_to_a_recording_outside_of_the_folder_is_refused(drives: Path) -> None:
    (drives / "link.mcap").symlink_to(drives.parent / "outside.mcap")
    (drives.parent / "outside.mcap").write_bytes(b"outside")
    with pytest.raises(SinkError, match=r"names a file outside of"):
        Outbox(drives).add(drives / "link.mcap", TARGET)
    assert Outbox(drives).waiting() == []
