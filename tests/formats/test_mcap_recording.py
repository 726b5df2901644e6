import math
from pathlib import Path
from typing import Any

import pytest
from mcap.writer import CompressionType, Writer

from ac_native_memory import PAGES
from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError, UsageError
from telemetry.formats.mcap.recording import McapRecording
from telemetry.formats.mcap.recovery import recover
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Event, Step
from tests.conftest import pages_of
from tests.formats.mcap_files import START, chunk_places, drive, pages_in, unfinished, write


def test_a_pause_has_steps_whose_physics_page_does_not_change(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    pages = [
        pages_of(status=status, graphics_packet_id=index, is_esc_menu_visible=menu)._replace(timestamp=START + index)
        for index, (status, menu) in enumerate([(2, 0), (3, 0), (3, 0), (1, 0), (2, 1), (2, 0)])
    ]
    live, paused, replay, menu = State.LIVE, State.PAUSED, State.REPLAY, State.MENU
    states = [live, paused, paused, replay, menu, live]
    write(path, [Step(state, page, float(at)) for at, (state, page) in enumerate(zip(states, pages, strict=True))])
    steps = list(McapRecording(path).read_steps())
    assert [step.pages for step in steps] == pages
    assert [step.state for step in steps] == states
    assert [step.elapsed for step in steps] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert McapRecording(path).info.messages["/acpmf_physics"] == 1
    events = list(McapRecording(path).events())
    assert events == [
        Event("state", START + at, {"state": state.value}, float(at))
        for at, state in [(0, live), (1, paused), (3, replay), (4, menu), (5, live)]
    ]
    readings = list(McapRecording(path).readings(Clock(math.inf), None))
    assert [(reading.state, reading.is_new_step) for reading in readings] == [
        (state, state is live) for state in states
    ]


def test_a_wrong_checksum_is_corruption(tmp_path: Path) -> None:
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
def test_files_that_are_not_recordings_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "drive.mcap"
    path.write_bytes(content)
    for attempt in (McapRecording, recover):
        with pytest.raises(SourceError) as caught:
            attempt(path)
        assert str(caught.value) == f"{path} {message}"
    assert path.read_bytes() == content


def test_a_missing_file_is_an_error_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"drive\.mcap cannot be read: No such file or directory\."):
        McapRecording(tmp_path / "drive.mcap")


def test_mcap_files_of_other_programs_are_refused(tmp_path: Path) -> None:
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
        writer.add_metadata("ac_telemetry", {"format_version": "3"})
        writer.finish()
    for attempt in (McapRecording, recover):
        with pytest.raises(SourceError) as caught:
            attempt(path)
        assert str(caught.value) == (
            f"{path} has format version 3, but only versions up to 2 are supported. Update ac-telemetry to read it."
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


def test_a_rate_drops_steps_and_never_adds_any(tmp_path: Path) -> None:
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
