"""What waits is delivered once, whatever fails on the way, and nothing that fails stops the rest."""

import json
import math
import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from telemetry import Clock
from telemetry.base.host import host_name
from telemetry.base.storage.lock import HeldError
from telemetry.base.storage.output_file import OutputFile
from telemetry.delivery.deliverer import MIN_CHUNK_BYTES, Deliverer, DeliveryOptions, DeliveryRound
from telemetry.delivery.outbox import Outbox
from telemetry.delivery.targets import INCOMING_NAME, open_target
from tests.s3_server import Bucket, needs_s3, refusing_server

FAST = DeliveryOptions()


def deliver(
    drives: Path,
    target: str,
    *,
    endpoint: str | None = None,
    options: DeliveryOptions = FAST,
    clock: Clock | None = None,
    on_file: Callable[[Path], None] = lambda _: None,
) -> DeliveryRound:
    """Add all recordings of a folder, and deliver what waits."""
    outbox = Outbox(drives)
    for path in sorted(drives.glob("*.mcap")):
        if options.delete_after or outbox.delivered(path, target) is None:
            outbox.add(path, target)
    clock = clock or Clock(math.inf)
    with Deliverer(
        outbox, target, lambda: open_target(target, endpoint), options=options, clock=clock, on_file=on_file
    ) as one:
        return one.run()


def waiting(drives: Path) -> list[str]:
    return [entry.file for entry in Outbox(drives).waiting()]


def names(share: Path) -> list[str]:
    return sorted(path.relative_to(share).as_posix() for path in share.rglob("*") if path.is_file())


def expected(*recordings: Path) -> list[str]:
    digests = [sha256(path.read_bytes()).hexdigest() for path in recordings]
    return sorted(f"recordings/{digest}{end}" for digest in digests for end in (".json", ".mcap"))


def test_a_recording_is_delivered_with_a_row_that_describes_it(drives: Path, share: Path) -> None:
    path = drives / "drive.mcap"
    done = deliver(drives, str(share))
    assert (done.delivered, done.bytes_sent, done.failures, done.store_error) == ([path], path.stat().st_size, {}, "")
    assert names(share) == expected(path)
    digest = sha256(path.read_bytes()).hexdigest()
    assert (share / "recordings" / f"{digest}.mcap").read_bytes() == path.read_bytes()
    row = json.loads((share / "recordings" / f"{digest}.json").read_bytes())
    assert row["sha256"] == digest
    assert (row["file"], row["size"]) == ("drive.mcap", path.stat().st_size)
    assert (row["host"], row["driver"]) == (host_name(), "Anna")
    assert (row["cars"], row["tracks"], row["sessions"]) == (["demo_gt3"], ["demo_ring"], ["practice"])
    assert row["summary"]["finished"] is True
    assert waiting(drives) == []


def test_what_was_delivered_is_not_sent_again(drives: Path, share: Path) -> None:
    deliver(drives, str(share))
    assert deliver(drives, str(share)) == DeliveryRound()
    shutil.rmtree(drives / ".outbox")
    done = deliver(drives, str(share))
    assert (done.delivered, done.known) == ([], [drives / "drive.mcap"])


def test_two_machines_deliver_one_content_once(drives: Path, share: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(drives / "drive.mcap", other / "same under another name.mcap")
    deliver(drives, str(share))
    done = deliver(other, str(share))
    assert (done.delivered, done.known) == ([], [other / "same under another name.mcap"])
    assert names(share) == expected(drives / "drive.mcap")


def test_another_machine_may_deliver_the_same_at_the_same_time(drives: Path, share: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(drives, other)
    sent: list[DeliveryRound] = []
    done = deliver(drives, str(share), on_file=lambda _: sent.append(deliver(other, str(share))))
    assert [len(one.delivered) for one in sent] == [1]
    assert done.store_error == ""
    assert names(share) == expected(drives / "drive.mcap")
    assert (waiting(drives), waiting(other)) == ([], [])


def test_one_process_at_a_time_delivers_from_an_outbox(drives: Path, share: Path) -> None:
    def again(_: Path) -> None:
        with pytest.raises(HeldError, match="Another command delivers the recordings of"):
            deliver(drives, str(share))

    assert deliver(drives, str(share), on_file=again).delivered == [drives / "drive.mcap"]


def test_a_recording_that_goes_on_waits_without_a_fault(drives: Path, share: Path) -> None:
    path = drives / "a_now.mcap"
    file = OutputFile.open(path)
    file.write(b"the beginning")
    done = deliver(drives, str(share))
    assert (done.busy, done.failures, done.delivered) == ([path], {}, [drives / "drive.mcap"])
    assert waiting(drives) == ["a_now.mcap"]
    file.close()


def test_a_truncated_recording_waits_for_its_repair_and_stops_no_other(drives: Path, share: Path) -> None:
    path = drives / "a_truncated.mcap"
    path.write_bytes((drives / "drive.mcap").read_bytes()[:-5000])
    done = deliver(drives, str(share))
    assert done.failures == {path: f"{path} has no end, as after a crash. Mend it with: recover {path}"}
    assert names(share) == expected(drives / "drive.mcap")
    assert waiting(drives) == ["a_truncated.mcap"]


def test_a_file_that_was_deleted_waits_no_longer(drives: Path, share: Path) -> None:
    Outbox(drives).add(drives / "gone.mcap", str(share))
    assert deliver(drives, str(share)).failures == {}
    assert waiting(drives) == []


def test_a_file_that_changes_while_it_is_sent_is_not_delivered(drives: Path, share: Path) -> None:
    def change(path: Path) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    done = deliver(drives, str(share), on_file=change)
    assert list(done.failures) == [drives / "drive.mcap"]
    assert names(share) == []
    assert waiting(drives) == ["drive.mcap"]


def test_half_a_file_of_another_program_is_replaced(drives: Path, share: Path) -> None:
    [_, name] = expected(drives / "drive.mcap")
    (share / "recordings").mkdir()
    (share / name).write_bytes(b"half")
    assert deliver(drives, str(share)).delivered == [drives / "drive.mcap"]
    assert (share / name).read_bytes() == (drives / "drive.mcap").read_bytes()


def test_readers_of_the_target_pass_over_what_is_not_whole(drives: Path, share: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    deliver(drives, str(share))
    (share / INCOMING_NAME / "half.part").write_bytes(b'{"half')
    found = duckdb.sql(f"select file, driver, laps from '{(share / 'recordings').as_posix()}/*.json'").fetchall()
    assert found == [("drive.mcap", "Anna", 0)]


def test_a_stop_in_the_middle_leaves_nothing_half_and_the_rest_for_later(drives: Path, share: Path) -> None:
    clock = Clock(math.inf)
    done = deliver(drives, str(share), clock=clock, on_file=lambda _: clock.stop())
    assert (done.delivered, done.failures) == ([], {})
    assert names(share) == []
    assert waiting(drives) == ["drive.mcap"]
    assert deliver(drives, str(share)).delivered == [drives / "drive.mcap"]


def test_a_rate_is_kept_on_average(drives: Path, share: Path) -> None:
    size = (drives / "drive.mcap").stat().st_size
    big = drives / "drive.mcap"
    clock = Clock(math.inf)  # it jumps to where it would have waited
    deliver(drives, str(share), options=DeliveryOptions(max_rate=1000.0), clock=clock)
    last = (size - 1) % MIN_CHUNK_BYTES + 1
    assert clock.now() == pytest.approx((size - last) / 1000.0)
    assert names(share) == expected(big)


def test_nothing_is_deleted_unless_told_and_read_back(drives: Path, share: Path) -> None:
    path = drives / "drive.mcap"
    deliver(drives, str(share))
    assert path.exists()
    done = deliver(drives, str(share), options=DeliveryOptions(delete_after=True))
    assert (done.removed, path.exists()) == ([path], False)
    assert waiting(drives) == []


def test_a_recording_that_the_target_lost_is_sent_again_before_it_is_deleted(drives: Path, share: Path) -> None:
    path = drives / "drive.mcap"
    deliver(drives, str(share))
    whole = path.read_bytes()
    there = share / expected(path)[1]
    there.unlink()
    done = deliver(drives, str(share), options=DeliveryOptions(delete_after=True))
    assert (done.delivered, done.removed) == ([path], [path])
    assert there.read_bytes() == whole


def test_a_recording_stays_where_the_target_gives_something_else_back(drives: Path, share: Path) -> None:
    path = drives / "drive.mcap"
    deliver(drives, str(share))
    (share / expected(path)[1]).write_bytes(bytes(path.stat().st_size))
    done = deliver(drives, str(share), options=DeliveryOptions(delete_after=True))
    assert done.removed == []
    assert "holds something else under its name" in done.failures[path]
    assert path.exists()


@needs_s3
def test_a_store_gets_the_same_as_a_folder(drives: Path, bucket: Bucket) -> None:
    path = drives / "drive.mcap"
    target = f"{bucket.url}/lab"
    assert deliver(drives, target).delivered == [path]
    row, name = expected(path)
    assert sorted(bucket.sizes()) == [f"lab/{row}", f"lab/{name}"]
    assert bucket.read(f"lab/{name}") == path.read_bytes()
    assert json.loads(bucket.read(f"lab/{row}"))["driver"] == "Anna"
    assert deliver(drives, target, options=DeliveryOptions(delete_after=True)).removed == [path]


@needs_s3
def test_a_file_that_changes_while_it_is_uploaded_is_no_object(drives: Path, bucket: Bucket) -> None:
    def change(path: Path) -> None:
        os.utime(path, ns=(1, 1))

    assert list(deliver(drives, bucket.url, on_file=change).failures) == [drives / "drive.mcap"]
    assert bucket.sizes() == {}


@needs_s3
@pytest.mark.parametrize("status", [403, 503])
def test_a_store_that_refuses_leaves_all_for_later(drives: Path, bucket: Bucket, status: int) -> None:
    shutil.copy(drives / "drive.mcap", drives / "same.mcap")
    with refusing_server(status) as endpoint:
        done = deliver(drives, bucket.url, endpoint=endpoint)
    assert f"({status})" in done.store_error
    assert waiting(drives) == ["drive.mcap", "same.mcap"]
    assert [entry.attempts for entry in Outbox(drives).waiting()] == [1, 0]
    assert Outbox(drives).status().error == done.store_error
    done = deliver(drives, bucket.url)
    assert (len(done.delivered), len(done.known), waiting(drives)) == (1, 1, [])


def test_what_failed_is_tried_again_by_the_same_process_when_it_has_changed(drives: Path, share: Path) -> None:
    path = drives / "drive.mcap"
    whole = path.read_bytes()
    path.write_bytes(whole[:-5000])
    outbox = Outbox(drives)
    outbox.add(path, str(share))
    with Deliverer(
        outbox, str(share), lambda: open_target(str(share)), options=FAST, clock=Clock(math.inf)
    ) as deliverer:
        first, second = deliverer.run(), deliverer.run()
        assert first.failures == second.failures
        assert outbox.waiting()[0].attempts == 1
        path.write_bytes(whole)
        assert deliverer.run().delivered == [path]
