"""The blocks of a recording hold what its readings hold, one after the other."""

import math
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer

import telemetry
from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError
from telemetry.fields.blocks import Block
from telemetry.fields.snapshot import Snapshot, encode
from telemetry.formats.mcap.blocks import all_seconds
from telemetry.formats.mcap.layout import nanoseconds, seconds
from telemetry.formats.mcap.recording import McapRecording
from telemetry.formats.mcap.records import MESSAGE_INDEX, RecordFile
from telemetry.formats.mcap.sink import create
from telemetry.recording.blocks import read_blocks
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Event, Source, Step
from tests.conftest import REPOSITORY
from tests.recorded import recorded_lap

LAP = recorded_lap()[:240]
T = TypeVar("T")


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A recording in small chunks with events, a repeated frame, and a step that shows the physics page before it."""
    path = tmp_path / "drive.mcap"
    with create(path, metadata={}) as sink:
        for number, snapshot in enumerate(LAP):
            sink.write(Step(State.LIVE, encode(snapshot), snapshot.elapsed, missing=2 if number == 100 else 0))
            if number % 50 == 20:
                sink.add_event(Event("marker", snapshot.timestamp, {"name": "here"}, snapshot.elapsed))
            if number % 30 == 0:
                sink.flush()
            if number == 77:
                still = snapshot.replace(graphics_packet_id=snapshot.graphics_packet_id + 1)
                sink.write(Step(State.LIVE, encode(still), snapshot.elapsed + 0.001))
    return path


def snapshots_of(source: Source, rate: float | None = None) -> list[Snapshot]:
    readings = source.readings(Clock(math.inf), rate)
    return [reading.snapshot.replace(sequence=0) for reading in readings if reading.snapshot is not None]


def rows_of(blocks: Iterable[Block]) -> list[Snapshot]:
    return [block.snapshot(row).replace(sequence=0) for block in blocks for row in range(len(block))]


def check(path: Path, rate: float | None = None, begin: float | None = None, end: float | None = None) -> int:
    with telemetry.open_source(path, begin=begin, end=end) as source:
        rows = rows_of(list(read_blocks(source, rate)))
        assert list(map(repr, rows)) == list(map(repr, snapshots_of(source, rate)))
    return len(rows)


@pytest.mark.parametrize("rate", [None, 5.0])
def test_blocks_hold_the_readings(drive: Path, rate: float | None) -> None:
    assert check(drive, rate) == (len(LAP) + 1 if rate is None else check(drive, rate))


def test_blocks_hold_the_readings_of_a_part(drive: Path) -> None:
    whole = LAP[-1].elapsed - LAP[0].elapsed
    assert 0 < check(drive, None, whole / 3, whole / 2) < len(LAP) / 4


def test_blocks_of_the_former_format_version_hold_its_readings() -> None:
    assert check(REPOSITORY / "fixtures" / "version1.mcap") == 90


def test_blocks_of_json_lines_hold_its_readings() -> None:
    assert check(REPOSITORY / "fixtures" / "lap.jsonl.zst") > len(LAP)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.999])
def test_blocks_of_a_truncated_file_hold_what_is_intact(drive: Path, share: float) -> None:
    data = drive.read_bytes()
    drive.write_bytes(data[: int(len(data) * share)])
    assert 0 < check(drive) <= len(LAP) + 1


def test_what_is_intact_comes_before_the_error_of_a_corrupt_file(drive: Path) -> None:
    data = bytearray(drive.read_bytes())
    data[len(data) // 2] ^= 0xFF
    drive.write_bytes(data)
    with telemetry.open_source(drive) as source:
        assert isinstance(source, McapRecording)
        readings, row_error = until_error(source.readings(Clock(math.inf), None))
        blocks, block_error = until_error(source.blocks())
    assert block_error == row_error != ""
    assert rows_of(blocks) == [reading.snapshot for reading in readings]
    assert readings


def until_error(items: Iterable[T]) -> tuple[list[T], str]:
    """What comes before the error, and its text."""
    found: list[T] = []
    try:
        for item in items:
            found.append(item)  # noqa: PERF402 - what came before the error is kept
    except SourceError as error:
        return found, str(error)
    return found, ""


@pytest.mark.parametrize("wrong", ["moved", "twice", "far away", "of one channel only", "hidden"])
def test_places_of_messages_that_an_index_gives_wrongly_change_nothing(drive: Path, wrong: str) -> None:
    with RecordFile(drive) as file:
        indexes = [record for record in file.records() if record.opcode == MESSAGE_INDEX and len(record.body) > 100]
    data = bytearray(drive.read_bytes())
    hidden = 0xFF  # the opcode of a record that only its writer knows
    for number, record in enumerate(indexes):
        body = record.at + 9
        first, second = (slice(body + at, body + at + 8) for at in (14, 30))  # a time in front of each
        if wrong == "moved":
            data[second] = (int.from_bytes(data[second], "little") + 1).to_bytes(8, "little")
        elif wrong == "twice":
            data[second] = data[first]
        elif wrong == "far away":
            data[second] = b"\xff" * 8
        elif wrong == "hidden" or number % 2:
            data[record.at] = hidden
    drive.write_bytes(data)
    assert len(indexes) > 10
    assert check(drive) == len(LAP) + 1


@pytest.mark.parametrize("seed", range(24))
def test_both_walks_of_a_damaged_file_give_the_same_and_the_same_error(unpacked: Path, seed: int) -> None:
    data, random = bytearray(unpacked.read_bytes()), Random(seed)
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(8, len(data))
        match random.choice(["flip", "cut", "repeat", "page head"]):
            case "flip":
                data[at] ^= 1 << random.randrange(8)
            case "cut":
                del data[at:]
            case "repeat":
                data[at:at] = data[at : at + random.randrange(1, 2000)]
            case _:  # opcode, length, channel, sequence and times of a message
                head = data.rfind(b"\x05", 8, at)
                data[head + random.randrange(31)] = random.randrange(256)
    unpacked.write_bytes(data)
    try:
        source = telemetry.open_source(unpacked)
    except SourceError:
        return  # it is refused as a whole
    with source:
        readings, row_error = until_error(source.readings(Clock(math.inf), None))
        blocks, block_error = until_error(read_blocks(source))
    assert block_error == row_error
    rows = [reading.snapshot.replace(sequence=0) for reading in readings if reading.snapshot is not None]
    assert list(map(repr, rows_of(blocks))) == list(map(repr, rows))


@pytest.fixture
def unpacked(tmp_path: Path, drive: Path) -> Path:
    """The same recording without compression and checksums, so that damage reaches what is in its chunks."""
    path = tmp_path / "unpacked.mcap"
    with drive.open("rb") as file, path.open("wb") as out:
        writer: Any = Writer(out, chunk_size=20_000, compression=CompressionType.NONE, enable_crcs=False)
        writer.start("ros2")
        numbers: dict[int, int] = {}
        for schema, channel, message in make_reader(file).iter_messages(log_time_order=False):
            assert schema is not None
            if channel.id not in numbers:
                kind = writer.register_schema(schema.name, schema.encoding, schema.data)
                numbers[channel.id] = writer.register_channel(channel.topic, channel.message_encoding, kind)
            number, times = numbers[channel.id], (message.log_time, message.publish_time)
            writer.add_message(number, times[0], message.data, times[1], message.sequence)
        writer.finish()
    return path


def test_a_message_of_a_time_that_no_clock_shows_is_corrupt_in_both_walks(unpacked: Path) -> None:
    data = bytearray(unpacked.read_bytes())
    time = LAP[40].timestamp
    at = data.index(nanoseconds(time).to_bytes(8, "little"))
    data[at : at + 8] = b"\xff" * 8
    unpacked.write_bytes(data)
    with telemetry.open_source(unpacked) as source:
        readings, row_error = until_error(source.readings(Clock(math.inf), None))
        blocks, block_error = until_error(read_blocks(source))
    assert "a message has a time beyond the year 2262" in row_error
    assert block_error == row_error
    assert len(rows_of(blocks)) == len(readings)


@given(st.lists(st.integers(-(1 << 62), (1 << 63) - 1)))
@example([1_700_000_000_000_000_001, 1_999_999_999_999_999_999])
@example([(1 << 53) + 1, 536_870_911_999_999_999, 9_007_199_254_740_993])
def test_all_times_at_once_are_the_doubles_that_they_are_one_by_one(times: list[int]) -> None:
    assert all_seconds(np.array(times, dtype=np.int64)).tolist() == list(map(seconds, times))


def test_the_share_that_was_read_grows_with_the_blocks(drive: Path) -> None:
    with telemetry.open_source(drive) as source:
        for _ in read_blocks(source):
            pass
        assert source.read_share is not None
        assert 0.5 < source.read_share <= 1.0
