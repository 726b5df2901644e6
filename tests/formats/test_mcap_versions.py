"""Format version 1, which is read, recovered, published and converted, beside version 2, which is written."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from mcap.reader import make_reader
from mcap.writer import Writer

from ac_native_memory import PAGES, PageReader, Pages
from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError
from telemetry.base.text import format_size
from telemetry.formats.mcap.recording import McapRecording
from telemetry.formats.mcap.recovery import recover
from telemetry.formats.mcap.sink import create
from telemetry.game import Publisher
from telemetry.recording.interfaces import Event
from tests.conftest import REPOSITORY, main_in_process, pages_of
from tests.formats.mcap_files import EVENTS, chunk_places, drive, messages, pages_in, write

VERSION_1 = REPOSITORY / "fixtures" / "version1.mcap"
PAGES_OF_VERSION_1 = "04b944aa80241356d017fa11195ad527ba4697a2be505aca02defd59a333e8da"
"""SHA-256 of the pages of all its steps, as the program saw them that wrote it."""

BEGIN = 1795891734.3097465


@pytest.fixture(params=[1, 2])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The recording of version 1, and what ``convert`` makes of it."""
    if request.param == 1:
        path = tmp_path / "drive.mcap"
        path.write_bytes(VERSION_1.read_bytes())
        return path
    return converted(tmp_path / "drive.mcap")


@pytest.fixture(params=[1, 2])
def chunked(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The recording of version 1, and one of version 2 with the same three chunks of 30 steps."""
    path = tmp_path / "drive.mcap"
    if request.param == 1:
        path.write_bytes(VERSION_1.read_bytes())
        return path
    recording = McapRecording(VERSION_1)
    (marker,) = [event for event in recording.events() if event.kind == "marker"]
    with create(path) as sink:
        for index, step in enumerate(recording.read_steps()):
            sink.write(step)
            if index == 50:
                sink.add_event(marker)
            if index % 30 == 29:
                sink.flush()
    return path


def converted(path: Path) -> Path:
    result = main_in_process("convert", VERSION_1, path, "--quiet")
    assert result.returncode == 0, result.stderr
    return path


def digest(pages: list[Pages]) -> str:
    return hashlib.sha256(b"".join(page for moment in pages for page in moment[:3])).hexdigest()


def describe(path: Path) -> list[tuple[str, ...]]:
    """The profile of a file, and what its channels and schemas are called; all but the schemas' texts."""
    with path.open("rb") as file:
        reader = make_reader(file)
        summary = reader.get_summary()
        assert summary is not None
        schemas = summary.schemas
        channels = [
            (one.topic, one.message_encoding, schemas[one.schema_id].encoding, schemas[one.schema_id].name)
            for one in summary.channels.values()
        ]
        return [(reader.get_header().profile,), *channels]


DESCRIPTIONS = {
    1: [
        ("",),
        ("/acpmf_static", "ros1", "ros1msg", "assetto_corsa/Static"),
        ("/acpmf_graphics", "ros1", "ros1msg", "assetto_corsa/Graphics"),
        ("/acpmf_physics", "ros1", "ros1msg", "assetto_corsa/Physics"),
        (EVENTS, "json", "jsonschema", "ac_telemetry/Event"),
    ],
    2: [
        ("ros2",),
        ("/acpmf_static", "cdr", "ros2msg", "assetto_corsa/msg/Static"),
        ("/acpmf_graphics", "cdr", "ros2msg", "assetto_corsa/msg/Graphics"),
        ("/acpmf_physics", "cdr", "ros2msg", "assetto_corsa/msg/Physics"),
        (EVENTS, "cdr", "ros2msg", "assetto_corsa/msg/Event"),
    ],
}


def version_of(path: Path) -> int:
    return int(McapRecording(path).metadata["format_version"])


def test_both_versions_have_the_same_steps_and_events(path: Path) -> None:
    recording = McapRecording(path)
    assert describe(path) == DESCRIPTIONS[version_of(path)]
    assert digest(pages_in(path)) == PAGES_OF_VERSION_1
    steps = list(recording.read_steps())
    assert [
        (index, step.missing, step.repaired) for index, step in enumerate(steps) if step.missing or step.repaired
    ] == [
        (30, 4, False),
        (40, 0, True),
    ]
    assert [event._replace(timestamp=round(event.timestamp - BEGIN, 3)) for event in recording.events()] == [
        Event("state", 0.0, {"state": "live"}, 0.0),
        Event("gap", 0.09, {"steps": 4, "after_packet_id": 330, "before_packet_id": 331}, 0.09),
        Event("repaired", 0.12, {"packet_id": 341}, 0.12),
        Event("marker", 0.15, {"name": "\u00fcbung"}, 0.15),
    ]
    assert recording.info.messages == {"/acpmf_static": 1, "/acpmf_graphics": 17, EVENTS: 4, "/acpmf_physics": 90}
    assert (recording.metadata["driver"], recording.metadata["recording_id"]) == (
        "A. Driver",
        "c65ef966a8de4ae54e8d6c5a49353e4e",
    )
    part = list(McapRecording(path, begin=0.12, end=0.18).read_steps())
    assert [step.pages for step in part] == [step.pages for step in steps[40:60]]


def test_a_page_of_version_2_is_that_of_version_1_behind_four_bytes(tmp_path: Path) -> None:
    second = messages(converted(tmp_path / "drive.mcap"))
    pages = [(topic, message.data) for topic, message in messages(VERSION_1) if topic != EVENTS]
    assert [(topic, message.data) for topic, message in second if topic != EVENTS] == [
        (topic, b"\0\1\0\0" + page) for topic, page in pages
    ]


def test_both_versions_are_published_byte_for_byte(path: Path, tmp_path: Path) -> None:
    folder, seen = tmp_path / "pages", []
    folder.mkdir()
    with Publisher(folder) as publisher, PageReader(folder) as reader:
        for step in McapRecording(path).steps(Clock(math.inf)):
            assert step.pages is not None
            publisher.write(step.pages)
            seen.append(reader.copy())
    assert digest(seen) == PAGES_OF_VERSION_1


def test_info_tells_the_version(path: Path) -> None:
    version = version_of(path)
    (title, *_) = main_in_process("info", path).stdout.splitlines()
    assert title == f"{path}  MCAP, format version {version}, {format_size(path.stat().st_size)}"
    (report,) = json.loads(main_in_process("info", "--json", path).stdout)
    assert report["format_version"] == str(version)


@pytest.mark.parametrize("command", ["info", "validate"])
def test_the_commands_say_the_same_of_both_versions(command: str, tmp_path: Path) -> None:
    said = []
    for path in (VERSION_1, converted(tmp_path / "drive.mcap")):
        found = json.loads(main_in_process(command, "--json", path).stdout)
        text = json.dumps(without(found, "file", "path", "size", "size_bytes", "bytes", "created", "format_version"))
        said.append(text.replace(str(path), "PATH"))
    assert said[0] == said[1] != "[]"


def without(found: Any, *names: str) -> Any:
    if isinstance(found, dict):
        return {name: without(value, *names) for name, value in found.items() if name not in names}
    return [without(one, *names) for one in found] if isinstance(found, list) else found


def test_a_cut_file_is_completed_in_its_own_version(chunked: Path) -> None:
    path = chunked
    version, whole = version_of(path), path.read_bytes()
    path.write_bytes(whole[: chunk_places(path)[2] + 100])
    recovered = recover(path)
    assert (recovered.path, recovered.steps, recovered.was_complete) == (path, 60, False)
    assert describe(path) == DESCRIPTIONS[version]
    assert pages_in(path) == pages_in(VERSION_1)[:60]
    assert list(McapRecording(path).events()) == list(McapRecording(VERSION_1).events())


@pytest.mark.parametrize("finished", [True, False])
def test_corrupt_data_costs_a_chunk_in_both_versions(chunked: Path, finished: bool) -> None:
    path = chunked
    version, whole = version_of(path), bytearray(path.read_bytes())
    places = chunk_places(path)
    for place in places[: 2 if finished else 1]:
        whole[place + 90] ^= 0x10
    path.write_bytes(whole if finished else whole[: places[2] + 100])
    recovered = recover(path)
    assert (recovered.steps, recovered.path.name) == (30, "drive.recovered.mcap")
    assert describe(recovered.path) == DESCRIPTIONS[version]
    # The static page was in the first chunk alone: an empty one stands for it.
    assert [pages.physics for pages in pages_in(recovered.path)] == [
        pages.physics for pages in pages_in(VERSION_1)[60 if finished else 30 :][:30]
    ]
    assert {pages.static for pages in pages_in(recovered.path)} == {bytes(684)}


def test_a_gap_event_for_lost_steps_is_of_the_files_version(chunked: Path) -> None:
    path = chunked
    whole = bytearray(path.read_bytes())
    whole[chunk_places(path)[1] + 90] ^= 0x10
    path.write_bytes(whole)
    recovered = recover(path)
    assert (recovered.steps, recovered.lost_steps) == (60, 30)
    gaps = [event.values for event in McapRecording(recovered.path).events() if event.kind == "gap"]
    assert gaps == [{"steps": 30, "after_packet_id": 330, "before_packet_id": 361}]


def rewritten(path: Path, data: Any) -> Path:
    """A recording of version 2 whose messages are what ``data`` makes of topic and content."""
    write(path, drive(2))
    found = [(topic, message.log_time, data(topic, message.data)) for topic, message in messages(path)]
    with path.open("wb") as stream:
        writer: Any = Writer(stream)
        writer.start("ros2")
        channels = {
            topic: writer.register_channel(topic, "cdr", 0) for topic in (*(f"/{name}" for name in PAGES), EVENTS)
        }
        for topic, time, content in found:
            writer.add_message(channels[topic], time, content, time)
        writer.finish()
    return path


@pytest.mark.parametrize(
    ("topic", "content", "message"),
    [
        ("/acpmf_physics", b"\0\0\0\0" + bytes(592), r"a message of /acpmf_physics is not little-endian CDR\."),
        ("/acpmf_physics", bytes(2), r"a message of /acpmf_physics is not little-endian CDR\."),
        ("/acpmf_physics", b"\0\1\0\0" + bytes(590), r"a message of /acpmf_physics has 590 bytes instead of 592\."),
        (EVENTS, b'\0\1\0\0{"kind":"gap"}', r"an event is invalid\."),
        (EVENTS, b"\0\1\0\0" + b"\xff" * 8 + bytes(8) + b"\2\0\0\0a\0\0\0\3\0\0\0{}\0", r"an event has no time\."),
    ],
)
def test_a_message_that_is_no_page_and_no_event_is_told_of(
    tmp_path: Path, topic: str, content: bytes, message: str
) -> None:
    path = rewritten(tmp_path / "drive.mcap", lambda name, data: content if name == topic else data)
    with pytest.raises(SourceError, match=message):
        list(McapRecording(path).events())


def test_options_in_a_header_and_padding_after_an_event_are_no_error(tmp_path: Path) -> None:
    def rewrite(topic: str, data: bytes) -> bytes:
        return b"\0\1\0\3" + data[4:] + (b"\0\0\0" if topic == EVENTS else b"")

    path = rewritten(tmp_path / "drive.mcap", rewrite)
    assert pages_in(path) == [step.pages for step in drive(2)]
    assert [event.kind for event in McapRecording(path).events()] == ["state"]


def test_pages_of_a_file_without_metadata_are_read_by_the_encoding_of_their_channels(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    pages = pages_of()
    with path.open("wb") as stream:
        writer: Any = Writer(stream)
        writer.start()
        encodings = {"acpmf_physics": "cdr", "acpmf_graphics": "ros1", "acpmf_static": "cdr"}
        for name, page in zip(PAGES, pages[:3], strict=True):
            channel = writer.register_channel(f"/{name}", encodings[name], 0)
            writer.add_message(channel, 1, (b"\0\1\0\0" if encodings[name] == "cdr" else b"") + page, 1)
        writer.finish()
    assert [found[:3] for found in pages_in(path)] == [pages[:3]]
