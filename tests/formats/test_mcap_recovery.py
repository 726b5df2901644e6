import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telemetry.base.errors import SinkError, SourceError
from telemetry.formats.format import Recovered
from telemetry.formats.mcap.recording import McapRecording
from telemetry.formats.mcap.recovery import recover
from telemetry.formats.mcap.sink import create
from telemetry.recording.interfaces import Event
from tests.conftest import REPOSITORY
from tests.formats.mcap_files import START, chunk_places, drive, messages, pages_in, unfinished, write

KILLED = """
import os, sys, time
from pathlib import Path
from telemetry.formats.mcap.sink import create
from tests.formats.mcap_files import drive
steps = drive(4000)
for line in iter(sys.stdin.readline, ""):
    if hasattr(os, "fork") and os.fork():  # a writer of its own for every file, without its start
        os.wait()
        print("ended", flush=True)
        continue
    print(os.getpid(), flush=True)
    sink = create(Path(line.strip()))
    for count, step in enumerate(steps, start=1):
        sink.write(step)
        if count % 7 == 0:
            sink.flush()
            print(count, flush=True)
    time.sleep(60)  # it is killed, however fast it has been
    os._exit(0)
"""


def kill_a_writer(writers: subprocess.Popen[str], path: Path, after: float) -> int:
    """Let a writer begin this file, kill it so many seconds later, and give the steps that it had flushed."""
    assert writers.stdin is not None
    assert writers.stdout is not None
    writers.stdin.write(f"{path}\n")
    writers.stdin.flush()
    pid = int(writers.stdout.readline())
    flushed = int(writers.stdout.readline())
    end = time.monotonic() + after
    while time.monotonic() < end and flushed < 3900:
        flushed = int(writers.stdout.readline())
    if sys.platform == "win32":
        writers.kill()
    else:
        os.kill(pid, signal.SIGKILL)
    for line in iter(writers.stdout.readline, ""):
        if not line.strip().isdigit() or not line.endswith("\n"):
            break
        flushed = int(line)
    return flushed


def test_killing_the_process_loses_nothing_that_was_flushed(tmp_path: Path) -> None:
    steps = drive(4000)
    rng = random.Random(4)
    attempts, rounds = (
        (3, 1) if sys.platform == "win32" else (1, 15)
    )  # there each writer is a process that has to start
    for attempt in range(attempts):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
        ) as writers:
            for number in range(rounds):
                path = tmp_path / f"drive{attempt}-{number}.mcap"
                flushed = kill_a_writer(writers, path, rng.uniform(0.0, 0.06))
                kept = pages_in(path)
                assert len(kept) >= flushed
                assert kept == [step.pages for step in steps[: len(kept)]]
                assert recover(path).steps == len(kept)
                assert pages_in(path) == kept
                assert sum(topic == "/acpmf_physics" for topic, _ in messages(path)) == len(kept)


def test_a_file_truncated_anywhere_is_read_up_to_there_and_completed(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    steps = drive(60)
    write(path, steps, flush_every=10)
    whole = path.read_bytes()
    begin = chunk_places(path)[0]
    first_chunk = begin + 9 + int.from_bytes(whole[begin + 1 : begin + 9], "little")
    for length in random.Random(5).sample(range(len(whole)), 60):
        path.write_bytes(whole[:length])
        if length < first_chunk:
            for attempt in (McapRecording, recover):
                with pytest.raises(SourceError, match=r"drive\.mcap holds no step\."):
                    attempt(path)
            assert path.read_bytes() == whole[:length]
            continue
        recording = McapRecording(path)
        kept = [step.pages for step in recording.read_steps()]
        assert len(kept) % 10 == 0
        assert kept == [step.pages for step in steps[: len(kept)]]
        assert recording.truncation.startswith("The recording is truncated at byte ")
        assert recording.truncation.endswith("; everything before is intact.")
        assert recording.info.messages["/acpmf_physics"] == len(kept)
        recovered = recover(path)
        assert recovered == Recovered(path.resolve(), len(kept), recovered.discarded_bytes, was_complete=False)
        assert pages_in(path) == kept
        assert len(messages(path)) == sum(McapRecording(path).info.messages.values())
        quality = McapRecording(path).metadata_records["quality"]
        assert (quality["steps"], quality["recovered"]) == (str(len(kept)), "true")
        assert sorted(tmp_path.iterdir()) == [path]


def test_recovering_counts_again_what_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    steps = drive(30)
    steps[3] = steps[3]._replace(missing=4, repaired=True)
    unfinished(path, steps)
    path.write_bytes(path.read_bytes()[:-3])
    assert recover(path).discarded_bytes > 0
    recording = McapRecording(path)
    assert recording.truncation == ""
    assert recording.metadata_records["quality"] == {
        "steps": "30",
        "missing": "4",
        "gaps": "1",
        "repaired": "1",
        "first_timestamp": "1700000000.0",
        "last_timestamp": repr(START + 0.29),
        "elapsed_seconds": "0.29",
        "recovered": "true",
    }
    assert recording.metadata_records["session"]["car"] == "demo_gt3"
    assert [step.missing for step in recording.read_steps()][3] == 4


def test_recovering_leaves_a_finished_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    write(path, drive(5))
    before = path.read_bytes()
    assert recover(path) == Recovered(path.resolve(), 5, 0, was_complete=True)
    assert path.read_bytes() == before


def test_zeros_that_a_crash_of_the_system_left_behind_count_as_truncation(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    unfinished(path, drive(20))
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + bytes(100_000))
    assert (
        McapRecording(path).truncation == f"The recording is truncated at byte {size:,}; everything before is intact."
    )
    assert recover(path).discarded_bytes == 100_000
    assert len(pages_in(path)) == 20


def test_corrupt_bytes_in_a_chunk_lose_that_chunk_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    write(path, drive(60), flush_every=10)
    place = chunk_places(path)[3]
    data = bytearray(path.read_bytes())
    data[place + 90] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(SourceError) as caught:
        pages_in(path)
    said = str(caught.value)
    assert said.startswith(f"{path} is corrupt at byte {place:,}: a chunk ")
    result = recover(path)
    beside = tmp_path.resolve() / "drive.recovered.mcap"
    length = 9 + int.from_bytes(data[place + 1 : place + 9], "little")
    assert result == Recovered(beside, 50, length, was_complete=True, damage=result.damage, lost_steps=10)
    assert result.damage.startswith(f"{path.resolve()} is corrupt at byte {place:,}: a chunk ")
    assert result.damage.endswith(f". {length:,} bytes and 10 steps are lost.")
    assert path.read_bytes() == data
    read = list(McapRecording(beside).read_steps())
    drive_steps = drive(60)
    assert [step.pages for step in read] == [step.pages for step in drive_steps[:30] + drive_steps[40:]]
    assert [step.missing for step in read] == [0] * 30 + [10] + [0] * 19
    assert [event for event in McapRecording(beside).events() if event.kind == "gap"] == [
        Event("gap", START + 0.4, {"steps": 10, "after_packet_id": 1029, "before_packet_id": 1040}, 0.4)
    ]
    assert McapRecording(beside).metadata_records["quality"]["missing"] == "10"
    with pytest.raises(SinkError, match=r"drive\.recovered\.mcap exists already and stays untouched"):
        recover(path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["drive.mcap", "drive.recovered.mcap"]


def test_a_gap_that_the_recording_reports_is_not_counted_twice(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    steps = drive(60)
    del steps[38:42]
    steps[38] = steps[38]._replace(missing=4)
    with create(path) as sink:
        for index, step in enumerate(steps):
            if index in (30, 38):
                sink.flush()
            sink.write(step)
    data = bytearray(path.read_bytes())
    data[chunk_places(path)[1] + 90] ^= 0x10
    path.write_bytes(data)
    result = recover(path)
    assert (result.steps, result.lost_steps) == (48, 8)
    read = list(McapRecording(result.path).read_steps())
    assert sum(step.missing for step in read) == read[30].missing == 12


@pytest.mark.parametrize("opcode", [0, 7, 15, 200])
@pytest.mark.parametrize("length", [b"\x01", b"\xff\xff", b"\xff" * 8])
def test_after_a_corrupt_record_the_index_of_a_finished_file_gives_the_next_chunk(
    tmp_path: Path, opcode: int, length: bytes
) -> None:
    path = tmp_path / "drive.mcap"
    write(path, drive(60), flush_every=10)
    whole = path.read_bytes()
    place = chunk_places(path)[3]
    for at, broken in ((place, bytes([opcode])), (place + 1, length)):
        path.write_bytes(whole[:at] + broken + whole[at + len(broken) :])
        result = recover(path)
        assert (result.steps, result.lost_steps, result.was_complete) == (50, 10, True)
        assert len(pages_in(result.path)) == 50
        result.path.unlink()


@pytest.mark.parametrize("opcode", [0, 7, 15, 200])
@pytest.mark.parametrize("length", [b"\x01", b"\xff\xff", b"\xff\xff\xff", b"\xff" * 8])
def test_without_an_index_the_next_chunk_is_found_by_its_signature(tmp_path: Path, opcode: int, length: bytes) -> None:
    path = tmp_path / "whole.mcap"
    write(path, drive(60), flush_every=10)
    place = chunk_places(path)[3]
    path = tmp_path / "drive.mcap"
    unfinished(path, drive(60))
    whole = path.read_bytes()
    assert whole[place] == 6
    for at, broken in ((place, bytes([opcode])), (place + 1, length)):
        path.write_bytes(whole[:at] + broken + whole[at + len(broken) :])
        result = recover(path)
        assert (result.steps, result.lost_steps, result.was_complete) == (50, 10, False)
        read = list(McapRecording(result.path).read_steps())
        assert [step.missing for step in read] == [0] * 30 + [10] + [0] * 19
        result.path.unlink()


def test_after_the_last_intact_chunk_of_an_unfinished_file_a_corrupt_record_is_the_end(tmp_path: Path) -> None:
    path = tmp_path / "whole.mcap"
    write(path, drive(60), flush_every=10)
    place = chunk_places(path)[5]
    path = tmp_path / "drive.mcap"
    unfinished(path, drive(60))
    data = bytearray(path.read_bytes())
    data[place] = 0
    path.write_bytes(data)
    result = recover(path)
    assert (result.steps, result.discarded_bytes, result.path.name) == (50, len(data) - place, "drive.recovered.mcap")


@pytest.mark.parametrize("finished", [True, False])
def test_corrupt_bytes_in_the_first_chunk_lose_its_pages_and_not_the_rest(tmp_path: Path, finished: bool) -> None:
    whole = tmp_path / "whole.mcap"
    write(whole, drive(60), flush_every=10)
    path = tmp_path / "drive.mcap"
    (write if finished else unfinished)(path, drive(60), flush_every=10)
    data = bytearray(path.read_bytes())
    data[chunk_places(whole)[0] + 90] ^= 0x10
    path.write_bytes(data)
    result = recover(path)
    assert (result.steps, result.lost_steps) == (50, 10 if finished else 0)  # nobody knows what was before
    read = pages_in(result.path)
    assert [pages.physics for pages in read] == [step.pages.physics for step in drive(60)[10:] if step.pages]
    assert not any(read[0].static)


def test_one_process_at_a_time_records_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    write(path, drive(5))
    before = path.read_bytes()
    said = r"drive\.mcap is being recorded now, by another process\.$"
    with create(path, overwrite=True) as sink:
        with pytest.raises(SinkError, match=said):
            create(path, overwrite=True)
        with pytest.raises(SinkError, match=said):
            recover(path)
        assert path.read_bytes() == before
        for step in drive(10):
            sink.write(step)
        sink.flush()
        with pytest.raises(SinkError, match=said):
            create(path, overwrite=True)
        with pytest.raises(SinkError, match=said):
            recover(path)
        assert len(pages_in(path)) == 10
        sink.write(drive(11)[10])
    assert len(pages_in(path)) == 11
    write(path, drive(3), overwrite=True)
    assert recover(path).steps == 3
    assert sorted(tmp_path.iterdir()) == [path]


def play(path: Path) -> None:
    """Everything that can be done with a file."""
    recording = McapRecording(path)
    for _ in recording.read_steps():
        pass
    for _ in recording.events():
        pass
    assert recording.info.messages
    for _ in McapRecording(path, begin=0.05).read_steps():
        pass


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "drive.mcap"
    write(path, drive(12), flush_every=4)
    return path


DAMAGES = st.tuples(
    st.sampled_from(["flip", "cut", "repeat", "drop", "fill"]), st.integers(0, 1 << 16), st.integers(1, 700)
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damages=st.lists(DAMAGES, min_size=1, max_size=4))
def test_any_bytes_in_a_file_give_data_or_an_error_that_names_the_file(
    tmp_path: Path, small: Path, damages: list[tuple[str, int, int]]
) -> None:
    content = bytearray(small.read_bytes())
    for kind, place, amount in damages:
        at = place % (len(content) + 1)
        part = content[at : at + amount]
        match kind:
            case "flip":
                content[at : at + 1] = bytes(byte ^ (1 + amount % 255) for byte in part[:1])
            case "cut":
                del content[at:]
            case "repeat":
                content[at:at] = part
            case "drop":
                del content[at : at + amount]
            case _:
                content[at : at + 8] = b"\xff" * 8
    path = tmp_path / "drive.mcap"
    path.write_bytes(content)
    said = str(path)
    try:
        play(path)
    except SourceError as error:
        said = str(error)
    assert str(path) in said
    (tmp_path / "drive.recovered.mcap").unlink(missing_ok=True)
    try:
        recovered = recover(path)
    except SourceError:
        assert path.read_bytes() == content
    else:
        assert recovered.was_complete or len(pages_in(recovered.path)) > 0
        assert recovered.path == path.resolve() or path.read_bytes() == content
