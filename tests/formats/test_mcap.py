import ctypes
import json
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.reader import SeekingReader
from mcap.writer import CompressionType, Writer

from ac_native_memory import PAGES, Pages
from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError, SourceError, UsageError
from telemetry.demo import DemoGame
from telemetry.demo.source import DemoSource
from telemetry.fields.snapshot import Snapshot, decode
from telemetry.formats.format import Recovered
from telemetry.formats.mcap.layout import nanoseconds, page_schema, seconds
from telemetry.formats.mcap.recording import Info, McapRecording
from telemetry.formats.mcap.recovery import recover
from telemetry.formats.mcap.sink import create
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Event, Step
from tests.conftest import PATIENCE, REPOSITORY, pages_of

START = 1_700_000_000.0
EVENTS = "/ac_telemetry/events"


def drive(count: int) -> list[Step]:
    """Steps of a car that moves: each has a physics page of its own, every fifth a new graphics page too."""
    base = pages_of()
    steps = []
    for index in range(count):
        physics = (1000 + index).to_bytes(4, "little") + base.physics[4:]
        graphics = (1 + 2 * (index // 5)).to_bytes(4, "little") + base.graphics[4:]
        pages = Pages(physics, graphics, base.static, START + index / 100)
        steps.append(Step(State.LIVE, pages, index / 100))
    return steps


def demo(count: int) -> list[Step]:
    steps = (step for step in DemoSource("laps").steps(Clock(math.inf)) if step.pages)
    return list(islice(steps, count))


def write(path: Path, steps: Sequence[Step], *, flush_every: int = 0, **options: Any) -> None:
    with create(path, **options) as sink:
        for index, step in enumerate(steps):
            sink.write(step)
            if flush_every and index % flush_every == flush_every - 1:
                sink.flush()


def unfinished(path: Path, steps: Sequence[Step], *, flush_every: int = 10) -> None:
    """What a writer leaves that is killed after its last flush."""
    sink = create(path)
    for index, step in enumerate(steps):
        sink.write(step)
        if index % flush_every == flush_every - 1:
            sink.flush()
    sink.flush()
    data = path.read_bytes()
    sink.close()
    path.write_bytes(data)


def pages_in(path: Path, **options: Any) -> list[Pages]:
    return [step.pages for step in McapRecording(path, **options).read_steps() if step.pages]


def messages(path: Path) -> list[tuple[str, Any]]:
    """Topics and messages as the library's own reader gives them, checksums checked."""
    with path.open("rb") as file:
        reader = SeekingReader(file, validate_crcs=True)
        return [(channel.topic, message) for _, channel, message in reader.iter_messages(log_time_order=False)]


# The schema


@pytest.mark.parametrize("name", PAGES)
def test_a_schema_covers_every_byte_of_its_page_at_the_offsets_of_the_structure(name: str) -> None:
    widths = {"int32": 4, "float32": 4, "uint16": 2, "uint8": 1}
    offsets, end = {}, 0
    for line in page_schema(f"/{name}").decode("ascii").splitlines():
        if not line.startswith("#"):
            kind, field = line.partition("#")[0].split()
            base, _, length = kind.partition("[")
            offsets[field] = end
            end += widths[base] * int(length.rstrip("]") or 1)
    assert end == ctypes.sizeof(PAGES[name])
    for declared in Snapshot.FIELDS:
        if declared.page == name:
            assert offsets.pop(declared.name) == declared.offset
    rest = {
        "acpmf_physics": {},
        "acpmf_graphics": {"padding_1": 242},
        "acpmf_static": {
            "padding_1": 398,
            "deprecated_1": 456,
            "deprecated_2": 460,
            "padding_2": 590,
            "padding_3": 670,
        },
    }
    assert offsets == rest[name]


def test_a_decoder_that_is_not_ours_reads_the_same_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = pytest.importorskip("mcap_ros1.decoder", reason="not among the packages of the Windows Python")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # it keeps what it makes there until the process ends
    game = DemoGame(seed=3)
    for _ in range(2000):
        game.step()
    odd = decode(Pages(game.physics_page(), game.graphics_page(), game.static_page(), START)).replace(
        wheel_slip=(math.nan, math.inf, -math.inf, 1e-40), tyre_compound="Semislicks \u00e9\U0001f3ce (SM)", gear=-1
    )
    first = pages_of(**{name: value for name, value in odd.to_dict().items() if name not in ("elapsed", "sequence")})
    surrogate = bytearray(first.static)
    surrogate[68:72] = b"\x00\xd8\x41\x00"  # half a character, and text after it
    pages = first._replace(static=bytes(surrogate))
    path = tmp_path / "drive.mcap"
    write(path, [Step(State.LIVE, pages)])

    seen: dict[str, Any] = {}
    with path.open("rb") as file:
        reader = SeekingReader(file, validate_crcs=True, decoder_factories=[decoder.DecoderFactory()])
        topics = [f"/{name}" for name in PAGES]
        for _, channel, _, message in reader.iter_decoded_messages(topics=topics):
            seen[channel.topic] = message
    ours = decode(pages).to_dict()
    for field in Snapshot.FIELDS:
        if field.page is None:
            continue
        theirs = getattr(seen[f"/{field.page}"], field.name)
        if field.dtype == "text":
            units = b"".join(unit.to_bytes(2, "little") for unit in theirs)
            assert units.decode("utf-16-le", "replace").split("\0")[0] == ours[field.name]
        else:
            assert _same(theirs, ours[field.name]), field.name


def _same(theirs: Any, value: Any) -> bool:
    if isinstance(value, tuple):
        return _flat32(theirs) == _flat32(value)
    return _flat32([theirs]) == _flat32([value])


def _flat32(value: Any) -> bytes:
    """Numbers as the 32 bits that the game wrote."""
    flat: list[float] = []
    for element in value:
        flat.extend(element if isinstance(element, tuple) else [element])
    return b"".join(
        element.to_bytes(4, "little", signed=True) if isinstance(element, int) else bytes(ctypes.c_float(element))
        for element in flat
    )


def test_the_library_has_what_the_sink_relies_on() -> None:
    """`flush` ends the open chunk; it came with mcap 1.5."""
    assert callable(Writer.flush)  # type: ignore[no-untyped-call,unused-ignore]


@settings(max_examples=200)
@given(st.floats(0, 1e10, exclude_max=True))
def test_a_time_survives_as_nanoseconds(timestamp: float) -> None:
    later = timestamp + 1.6e9 if timestamp < 1.6e9 else timestamp
    assert seconds(nanoseconds(later)) == later


# Writing


def test_what_is_written_is_read_back_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    steps = demo(1500)
    write(path, steps, flush_every=100)
    assert pages_in(path) == [step.pages for step in steps]
    times = [step.elapsed for step in McapRecording(path).read_steps()]
    assert times == pytest.approx([step.elapsed - steps[0].elapsed for step in steps], abs=1e-6)
    assert McapRecording(path).truncation == ""


def test_pages_are_written_when_they_change_and_all_three_come_before_the_first_step(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    write(path, drive(12))
    topics = [topic.removeprefix("/acpmf_") for topic, _ in messages(path)]
    step = ["physics"]
    assert topics == ["static", "graphics", EVENTS, *step * 5, "graphics", *step * 5, "graphics", *step * 2]
    physics = [message for topic, message in messages(path) if topic == "/acpmf_physics"]
    assert [message.sequence for message in physics] == list(range(1000, 1012))
    assert [message.log_time for message in physics] == [
        1_700_000_000_000_000_000 + nanoseconds(START + index / 100) - nanoseconds(START) for index in range(12)
    ]
    assert all(message.publish_time == message.log_time for message in physics)
    assert McapRecording(path).info == Info(
        complete=True,
        truncation="",
        library=McapRecording(path).info.library,
        messages={"/acpmf_static": 1, "/acpmf_graphics": 3, EVENTS: 1, "/acpmf_physics": 12},
    )
    assert McapRecording(path).info.library.startswith("mcap-python/")


def test_a_negative_packet_id_is_a_sequence_too(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    write(path, [Step(State.LIVE, pages_of(packet_id=-1))])
    assert [message.sequence for topic, message in messages(path) if topic == "/acpmf_physics"] == [0xFFFFFFFF]


def test_a_pause_holds_steps_whose_physics_page_stands_still(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    pages = [
        pages_of(status=status, graphics_packet_id=index, is_esc_menu_visible=menu)._replace(timestamp=START + index)
        for index, (status, menu) in enumerate([(2, 0), (3, 0), (3, 0), (1, 0), (2, 1), (2, 0)])
    ]
    live, paused, replay, menu = State.LIVE, State.PAUSED, State.REPLAY, State.MENU
    states = [live, paused, paused, replay, menu, live]
    write(path, [Step(state, page) for state, page in zip(states, pages, strict=True)])
    steps = list(McapRecording(path).read_steps())
    assert [step.pages for step in steps] == pages
    assert [step.state for step in steps] == states
    assert [step.elapsed for step in steps] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert McapRecording(path).info.messages["/acpmf_physics"] == 1
    events = list(McapRecording(path).events())
    assert events == [
        Event("state", START + at, {"state": state.value})
        for at, state in [(0, live), (1, paused), (3, replay), (4, menu), (5, live)]
    ]
    readings = list(McapRecording(path).readings(Clock(math.inf), None))
    assert [(reading.state, reading.is_new_step) for reading in readings] == [
        (state, state is live) for state in states
    ]


def test_gaps_repairs_and_markers_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    steps = drive(5)
    with create(path) as sink:
        sink.add_event(Event("marker", START - 1.0, {"text": "before the first step"}))
        sink.write(Step(State.WAITING))
        sink.write(steps[0]._replace(missing=2))
        sink.write(steps[1])
        sink.add_event(Event("marker", START + 0.015, {"text": "slow", "kind": "never mind"}))
        sink.write(steps[3]._replace(missing=1, repaired=True))
        sink.write(steps[3])
        sink.write(Step(State.GONE, elapsed=steps[3].elapsed + 2.0))
        sink.write(Step(State.GONE))
        sink.write(steps[4])
    recording = McapRecording(path)
    assert list(recording.events()) == [
        Event("state", START, {"state": "live"}),
        Event("gap", START, {"steps": 2, "after_packet_id": None, "before_packet_id": 1000}),
        Event("marker", START - 1.0, {"text": "before the first step"}),
        Event("marker", START + 0.015, {"text": "slow"}),
        Event("gap", START + 0.03, {"steps": 1, "after_packet_id": 1001, "before_packet_id": 1003}),
        Event("repaired", START + 0.03, {"packet_id": 1003}),
        Event("state", START + 2.03, {"state": "gone"}),
        Event("state", START + 0.04, {"state": "live"}),
    ]
    assert [(step.missing, step.repaired) for step in recording.read_steps()] == [
        (2, False),
        (0, False),
        (1, True),
        (0, False),
    ]
    assert recording.metadata_records["quality"] == {
        "steps": "4",
        "missing": "3",
        "gaps": "2",
        "repaired": "1",
        "duplicates": "1",
        "first_timestamp": "1700000000.0",
        "last_timestamp": "1700000000.04",
        "elapsed_seconds": "0.039999962",
    }


def test_events_are_what_their_schema_says(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    write(path, [step._replace(missing=index) for index, step in enumerate(drive(3))])
    with path.open("rb") as file:
        summary = SeekingReader(file).get_summary()
    assert summary is not None
    channel = next(channel for channel in summary.channels.values() if channel.topic == EVENTS)
    schema = summary.schemas[channel.schema_id]
    assert (channel.message_encoding, schema.encoding, schema.name) == ("json", "jsonschema", "ac_telemetry/Event")
    assert json.loads(schema.data)["required"] == ["kind", "timestamp"]
    bodies = [orjson.loads(message.data) for topic, message in messages(path) if topic == EVENTS]
    assert [list(body) for body in bodies] == [
        ["kind", "timestamp", "state"],
        *[["kind", "timestamp", "steps", "after_packet_id", "before_packet_id"]] * 2,
    ]


def test_metadata_tells_of_the_tool_and_of_every_session(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    texts = [("", ""), ("demo_gt3", "demo_ring"), ("demo_gt3", "demo_ring")]
    pages = [
        pages_of(car_model=car, track=track, session=index, graphics_packet_id=index)._replace(timestamp=START + index)
        for index, (car, track) in enumerate(texts)
    ]
    write(path, [Step(State.LIVE, page) for page in pages], metadata={"driver": "A", "tool": "not mine"})
    with path.open("rb") as file:
        found = [(record.name, record.metadata) for record in SeekingReader(file).iter_metadata()]
    assert [name for name, _ in found] == ["ac_telemetry", "session", "session", "quality"]
    assert found[0][1]["format_version"] == "1"
    assert found[0][1]["tool"] == "ac-telemetry"
    assert found[0][1]["driver"] == "A"
    assert found[1][1] == {"car": "demo_gt3", "track": "demo_ring", "session": "qualify", "ac_version": "1.16.4"}
    assert found[2][1]["session"] == "race"
    assert McapRecording(path).metadata_records == dict(found)


def test_a_wall_clock_that_is_set_back_neither_reverses_nor_changes_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    steps = drive(4)
    for index in (2, 3):
        pages = steps[index].pages
        assert pages is not None
        steps[index] = steps[index]._replace(pages=pages._replace(timestamp=pages.timestamp - 3600.0))
    write(path, steps)
    assert pages_in(path) == [step.pages for step in steps]
    elapsed = [step.elapsed for step in McapRecording(path).read_steps()]
    assert elapsed == pytest.approx([0.0, 0.01, 0.02, 0.03], abs=1e-6)


def test_pages_without_a_time_are_kept_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    steps = [Step(step.state, step.pages._replace(timestamp=math.nan), step.elapsed) for step in drive(3) if step.pages]
    write(path, steps)
    assert [step.elapsed for step in McapRecording(path).read_steps()] == pytest.approx([0.0, 0.01, 0.02])
    assert [event.timestamp for event in McapRecording(path).events()] == [0.0]


def test_the_size_is_that_of_the_file_and_what_was_flushed_is_readable(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    with create(path) as sink:
        for step in drive(10):
            sink.write(step)
        assert sink.size == path.stat().st_size == 0
        sink.flush()
        assert sink.size == path.stat().st_size > 592
        assert len(pages_in(path)) == 10
    assert sink.size == path.stat().st_size


def test_chunks_end_by_themselves_after_a_whole_step(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    with create(path) as sink:
        for step in drive(2000):
            sink.write(step)
        assert len(pages_in(path)) == 1606  # a megabyte of messages
    assert len(pages_in(path)) == 2000


def test_a_recording_without_steps_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    with create(path) as sink:
        sink.write(Step(State.WAITING))
        sink.add_event(Event("marker", START, {}))
        sink.flush()
        assert path.exists()
    assert not path.exists()
    sink.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let an open file be removed")
def test_a_file_that_is_removed_while_it_is_written_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    sink = create(path)
    sink.write(drive(1)[0])
    path.unlink()
    with pytest.raises(SinkError, match="was removed or replaced while it was being written"):
        sink.flush()
    sink.close()


# Files that were cut

KILLED = """
import os, sys
from pathlib import Path
from telemetry.formats.mcap.sink import create
from tests.formats.test_mcap import drive
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


def test_a_file_cut_anywhere_is_read_up_to_there_and_made_whole(tmp_path: Path) -> None:
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
        "elapsed_seconds": "0.289999962",
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


def test_zeros_that_a_crash_of_the_system_left_behind_count_as_a_cut(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    unfinished(path, drive(20))
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + bytes(100_000))
    assert (
        McapRecording(path).truncation == f"The recording is truncated at byte {size:,}; everything before is intact."
    )
    assert recover(path).discarded_bytes == 100_000
    assert len(pages_in(path)) == 20


def chunk_places(path: Path) -> list[int]:
    with path.open("rb") as file:
        summary = SeekingReader(file).get_summary()
    assert summary is not None
    return [index.chunk_start_offset for index in summary.chunk_indexes]


def test_damage_in_a_chunk_costs_that_chunk_and_nothing_else(tmp_path: Path) -> None:
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
        Event("gap", START + 0.4, {"steps": 10, "after_packet_id": 1029, "before_packet_id": 1040})
    ]
    assert McapRecording(beside).metadata_records["quality"]["missing"] == "10"
    with pytest.raises(SinkError, match=r"drive\.recovered\.mcap exists already and stays untouched"):
        recover(path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["drive.mcap", "drive.recovered.mcap"]


def test_a_wrong_checksum_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    write(path, drive(20), flush_every=10)
    place = chunk_places(path)[1]
    data = bytearray(path.read_bytes())
    data[place + 9 + 24] ^= 1
    path.write_bytes(data)
    with pytest.raises(SourceError) as caught:
        pages_in(path)
    assert str(caught.value) == (
        f"{path} is corrupt at byte {place:,}: a chunk has the wrong checksum. "
        "The command 'recover' saves everything that is intact."
    )


def test_a_gap_that_the_recording_tells_of_is_not_told_twice(tmp_path: Path) -> None:
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
def test_behind_a_broken_record_the_index_of_a_finished_file_finds_the_next_chunk(
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
def test_without_an_index_the_next_chunk_is_found_by_what_it_looks_like(
    tmp_path: Path, opcode: int, length: bytes
) -> None:
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


def test_behind_the_last_whole_chunk_of_an_unfinished_file_a_broken_record_is_the_end(tmp_path: Path) -> None:
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
def test_damage_in_the_first_chunk_costs_its_pages_and_not_the_rest(tmp_path: Path, finished: bool) -> None:
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


# Two at once


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


# What is no recording


def foreign(path: Path, topic: str = "/camera", data: bytes = b"\0" * 592, **options: Any) -> None:
    with path.open("wb") as stream:
        writer: Any = Writer(stream, **options)
        writer.start()
        channel = writer.register_channel(topic, "ros1", writer.register_schema("a/B", "ros1msg", b"int32 a"))
        writer.add_message(channel, 1, data, 1)
        writer.finish()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no step."),
        (b"\x89MCAP0\r\n", "holds no step."),
        (b'{"gear":1}\n', "is not an MCAP file."),
        (b"\x89MCAP1\r\n" + bytes(100), "is not an MCAP file."),
        (bytes(100), "is not an MCAP file."),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "drive.mcap"
    path.write_bytes(content)
    for attempt in (McapRecording, recover):
        with pytest.raises(SourceError) as caught:
            attempt(path)
        assert str(caught.value) == f"{path} {message}"
    assert path.read_bytes() == content


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"drive\.mcap cannot be read: No such file or directory\."):
        McapRecording(tmp_path / "drive.mcap")


def test_the_files_of_others_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    foreign(path)
    with pytest.raises(SourceError) as caught:
        McapRecording(path)
    assert str(caught.value) == f"{path} is not a recording of Assetto Corsa's pages."
    with pytest.raises(SourceError, match=r"drive\.mcap holds no step\."):
        recover(path)
    foreign(path, "/acpmf_physics", bytes(800), use_chunking=False)
    with pytest.raises(SourceError, match=r"a message of /acpmf_physics has 800 bytes instead of 592\."):
        McapRecording(path)


def test_a_newer_format_is_refused_by_its_version(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    with path.open("wb") as stream:
        writer: Any = Writer(stream)
        writer.start()
        writer.add_metadata("ac_telemetry", {"format_version": "2"})
        writer.finish()
    for attempt in (McapRecording, recover):
        with pytest.raises(SourceError) as caught:
            attempt(path)
        assert str(caught.value) == (
            f"{path} has format version 2, but only versions up to 1 are supported. Update ac-telemetry to read it."
        )


@pytest.mark.parametrize("options", [{}, {"use_chunking": False}, {"compression": CompressionType.NONE}])
def test_pages_that_another_tool_wrote_without_events_have_gaps_by_their_count(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    path = tmp_path / "drive.mcap"
    steps = [step.pages for step in drive(6) if step.pages]
    with path.open("wb") as stream:
        writer: Any = Writer(stream, **options)
        writer.start()
        schema = writer.register_schema("a/B", "ros1msg", b"int32 a")
        physics, graphics, static = (writer.register_channel(f"/{name}", "ros1", schema) for name in PAGES)
        for index in (0, 1, 4, 5):
            at = 1_000_000_000 + index
            writer.add_message(physics, at, steps[index].physics, at)
            if index == 0:
                writer.add_message(graphics, at, steps[0].graphics, at)
                writer.add_message(static, at, steps[0].static, at)
        writer.finish()
    read = list(McapRecording(path).read_steps())
    assert [step.pages.physics for step in read if step.pages] == [steps[index].physics for index in (0, 1, 4, 5)]
    assert [step.missing for step in read] == [0, 0, 2, 0]


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
def test_whatever_is_in_a_file_it_is_data_or_a_sentence(
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


# Playing


def played(path: Path, *, rate: float | None = None, count: int = 1000, **options: Any) -> list[tuple[float, float]]:
    clock = Clock(math.inf)
    seen = []
    for reading in McapRecording(path, **options).readings(clock, rate):
        assert reading.snapshot is not None
        seen.append((round(clock.now(), 4), round(reading.snapshot.elapsed, 4)))
        if len(seen) == count:
            break
    return seen


def test_a_recording_plays_at_its_own_pace(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    write(path, drive(4))
    assert played(path) == [(0.0, 0.0), (0.01, 0.01), (0.02, 0.02), (0.03, 0.03)]
    clock = Clock(math.inf)
    steps = [(round(clock.now(), 4), step.pages) for step in McapRecording(path).steps(clock)]
    assert steps == [(index / 100, step.pages) for index, step in enumerate(drive(4))]


def test_a_rate_thins_a_recording_and_never_adds_to_it(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    write(path, drive(101))
    assert [elapsed for _, elapsed in played(path, rate=4.0)] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert len(played(path, rate=1000.0)) == 101


def test_a_loop_goes_on_in_time(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    write(path, drive(2))
    assert played(path, loop=True, count=5) == [(at, at) for at in (0.0, 0.01, 0.013, 0.023, 0.026)]


def test_a_clock_that_is_stopped_ends_the_playing(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    write(path, drive(50))
    clock = Clock(math.inf)
    seen = 0
    for _ in McapRecording(path, loop=True).steps(clock):
        seen += 1
        if seen == 70:
            clock.stop()
    assert seen == 70


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize(("begin", "end"), [(0.0, 0.2), (0.5, None), (0.155, 0.305), (None, 0.1), (0.39, 10.0)])
def test_a_part_of_a_recording_is_the_same_steps(
    tmp_path: Path, begin: float | None, end: float | None, cut: bool
) -> None:
    path = tmp_path / "drive.mcap"
    steps = drive(100)
    (unfinished if cut else write)(path, steps, flush_every=10)
    low, high = math.ceil((begin or 0.0) * 100 - 0.01), math.ceil((end or 1.0) * 100 - 0.01)
    whole = list(McapRecording(path).read_steps())
    part = list(McapRecording(path, begin=begin, end=end).read_steps())
    edge = [step for step in whole if (begin or 0.0) <= step.elapsed < (end or math.inf)]
    assert part == edge
    assert len(part) in range(min(high, 100) - low - 1, min(high, 100) - low + 2)


def test_a_part_begins_with_the_pages_as_they_were_and_at_once(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    base = drive(40)
    later = pages_of(track="elsewhere").static
    steps = []
    for index, step in enumerate(base):
        assert step.pages is not None
        pages = step.pages._replace(graphics=base[0].pages.graphics, static=later if index >= 12 else step.pages.static)  # type: ignore[union-attr]
        steps.append(step._replace(pages=pages, missing=3 if index in (31, 33) else 0))
    write(path, steps, flush_every=5)
    part = list(McapRecording(path, begin=0.305).read_steps())
    assert [step.pages for step in part] == [step.pages for step in steps[31:]]
    assert [step.missing for step in part] == [0, 0, 3, 0, 0, 0, 0, 0, 0]
    assert played(path, begin=0.305)[:2] == [(0.0, 0.31), (0.01, 0.32)]
    kinds = [event.kind for event in McapRecording(path, begin=0.305, end=0.32).events()]
    assert kinds == ["gap"]


def test_a_part_reads_the_chunks_that_it_needs_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    write(path, drive(100), flush_every=10)
    data = bytearray(path.read_bytes())
    data[chunk_places(path)[4] + 90] ^= 0x10
    path.write_bytes(data)
    assert len(pages_in(path, begin=0.755)) == 24
    with pytest.raises(SourceError, match="is corrupt at byte"):
        pages_in(path)


def test_invalid_times_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    write(path, drive(10))
    with pytest.raises(UsageError, match=r"must be a finite number of at least 0 s, got -1 s\."):
        McapRecording(path, begin=-1.0)
    with pytest.raises(UsageError, match=r"must be a finite number of at least 0 s, got nan s\."):
        McapRecording(path, end=math.nan)
    with pytest.raises(UsageError, match=r"The end of a part must be later than its beginning, got 5 s to 5 s\."):
        McapRecording(path, begin=5.0, end=5.0)
    with pytest.raises(SourceError, match=r"drive\.mcap holds no step from 5 s to 6 s\."):
        McapRecording(path, begin=5.0, end=6.0)


def test_importing_the_format_does_not_import_its_library() -> None:
    code = "import sys, telemetry.formats.mcap; print(sorted(name for name in sys.modules if name.startswith('mcap')))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, timeout=PATIENCE, check=True
    )
    assert result.stdout == "[]\n"
