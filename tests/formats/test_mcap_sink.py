import math
import sys
import tracemalloc
from pathlib import Path

import pytest
from mcap.reader import SeekingReader

from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError
from telemetry.base.version import VERSION
from telemetry.formats.mcap.cdr import decode_event
from telemetry.formats.mcap.layout import nanoseconds
from telemetry.formats.mcap.recording import Info, McapRecording
from telemetry.formats.mcap.sink import create
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Event, Step
from tests.conftest import pages_of
from tests.formats.mcap_files import EVENTS, START, demo, drive, messages, pages_in, write


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
        1_700_000_000_000_000_000 + index * 10**7 for index in range(12)
    ]
    assert [message.publish_time for message in physics] == [nanoseconds(START + index / 100) for index in range(12)]
    assert McapRecording(path).info == Info(
        complete=True,
        truncation="",
        library=f"ac-telemetry/{VERSION}",
        messages={"/acpmf_static": 1, "/acpmf_graphics": 3, EVENTS: 1, "/acpmf_physics": 12},
    )


def test_a_negative_packet_id_is_a_sequence_too(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    write(path, [Step(State.LIVE, pages_of(packet_id=-1))])
    assert [message.sequence for topic, message in messages(path) if topic == "/acpmf_physics"] == [0xFFFFFFFF]


def test_gaps_repairs_and_markers_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    steps = drive(5)
    with create(path) as sink:
        sink.add_event(Event("marker", START - 1.0, {"text": "before the first step"}, -1.0))
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
        Event("state", START, {"state": "live"}, 0.0),
        Event("gap", START, {"steps": 2, "after_packet_id": None, "before_packet_id": 1000}, 0.0),
        Event("marker", START - 1.0, {"text": "before the first step"}, -1.0),
        Event("marker", START + 0.015, {"text": "slow"}, 0.01),
        Event("gap", START + 0.03, {"steps": 1, "after_packet_id": 1001, "before_packet_id": 1003}, 0.03),
        Event("repaired", START + 0.03, {"packet_id": 1003}, 0.03),
        Event("state", START + 2.03, {"state": "gone"}, 2.03),
        Event("state", START + 0.04, {"state": "live"}, 0.04),
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
        "elapsed_seconds": "0.04",
    }


def test_events_are_what_their_schema_says(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    write(path, [step._replace(missing=index) for index, step in enumerate(drive(3))])
    with path.open("rb") as file:
        summary = SeekingReader(file).get_summary()
    assert summary is not None
    channel = next(channel for channel in summary.channels.values() if channel.topic == EVENTS)
    schema = summary.schemas[channel.schema_id]
    assert (channel.message_encoding, schema.encoding) == ("cdr", "ros2msg")
    assert schema.name == "assetto_corsa/msg/Event"
    assert schema.data.decode() == (
        "# What happened in a recording, and the values that belong to it\n"
        "float64 timestamp  # s: Unix time\n"
        "float64 elapsed  # s: time since the first step of the file\n"
        "string kind  # gap, repaired, state, clock or marker\n"
        "string values_json  # a JSON object: the values of this kind of event\n"
    )
    events = [decode_event(message.data[4:]) for topic, message in messages(path) if topic == EVENTS]
    assert events == [
        (START, 0.0, "state", {"state": "live"}),
        (START + 0.01, 0.01, "gap", {"steps": 1, "after_packet_id": 1000, "before_packet_id": 1001}),
        (START + 0.02, 0.02, "gap", {"steps": 2, "after_packet_id": 1001, "before_packet_id": 1002}),
    ]


def test_metadata_names_the_tool_and_every_session(tmp_path: Path) -> None:
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
    assert found[0][1]["format_version"] == "2"
    assert found[0][1]["tool"] == "ac-telemetry"
    assert found[0][1]["driver"] == "A"
    assert found[1][1] == {"car": "demo_gt3", "track": "demo_ring", "session": "qualify", "ac_version": "1.16.4"}
    assert found[2][1]["session"] == "race"
    assert McapRecording(path).metadata_records == dict(found)


@pytest.mark.parametrize("seconds", [8 * 3600.0, -3600.0])
def test_a_wall_clock_that_is_set_neither_reverses_nor_stretches_the_recording(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "drive.mcap"
    steps = drive(40)
    for index in range(20, 40):
        pages = steps[index].pages
        assert pages is not None
        steps[index] = steps[index]._replace(pages=pages._replace(timestamp=pages.timestamp + seconds))
    write(path, steps, flush_every=10)
    recording = McapRecording(path)
    assert pages_in(path) == [step.pages for step in steps]
    assert [step.elapsed for step in recording.read_steps()] == [index / 100 for index in range(40)]
    assert [event for event in recording.events() if event.kind == "clock"] == [
        Event("clock", START + 0.2 + seconds, {"seconds": seconds}, 0.2)
    ]
    log_times = [message.log_time for _, message in messages(path)]
    assert log_times == sorted(log_times)
    part = McapRecording(path, begin=0.15, end=0.25)
    assert [step.elapsed for step in part.read_steps()] == [index / 100 for index in range(15, 25)]
    assert recording.duration_s == 0.39
    clock = Clock(math.inf)
    assert len(list(recording.steps(clock))) == 40
    assert clock.now() == pytest.approx(0.39)  # played in its own time


def test_a_clock_that_is_set_while_the_game_is_away_is_recorded_with_it(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    first, last = drive(2)
    gone = [Step(State.GONE, elapsed=elapsed, timestamp=START + elapsed + 3600.0) for elapsed in (2.0, 2.5)]
    last = last._replace(elapsed=3.0)
    assert last.pages is not None
    write(path, [first, *gone, last._replace(pages=last.pages._replace(timestamp=START + 3603.0))])
    assert list(McapRecording(path).events())[1:] == [
        Event("clock", START + 3602.0, {"seconds": 3600.0}, 2.0),
        Event("state", START + 3602.0, {"state": "gone"}, 2.0),
        Event("state", START + 3603.0, {"state": "live"}, 3.0),
    ]


def test_a_source_that_starts_again_neither_reverses_the_recording_nor_its_events(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    steps = drive(4)
    steps[2:] = [step._replace(elapsed=step.elapsed - 0.02, missing=1) for step in steps[2:]]
    write(path, steps)
    recording = McapRecording(path)
    assert [step.elapsed for step in recording.read_steps()] == pytest.approx([0.0, 0.01, 0.01, 0.02], abs=1e-6)
    gaps = [event.elapsed for event in recording.events() if event.kind == "gap"]
    assert gaps == pytest.approx([0.01, 0.02], abs=1e-6)


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
        assert len(pages_in(path)) == 1493  # a megabyte of messages
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


def test_an_hour_of_flushes_costs_less_than_a_megabyte_of_memory(tmp_path: Path) -> None:
    steps = drive(6000)
    with create(tmp_path / "drive.mcap") as sink:
        for step in steps[:2000]:
            sink.write(step)
            sink.flush()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for step in steps[2000:]:
                sink.write(step)
                sink.flush()
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
    flushes_of_an_hour = 4 * 3600
    assert grown / 4000 * flushes_of_an_hour < 1_000_000
