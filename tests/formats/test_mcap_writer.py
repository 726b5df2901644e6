"""The writer of MCAP against the library's own: the same calls give the same bytes."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from mcap.reader import make_reader
from mcap.writer import Writer

from telemetry.base.version import VERSION
from telemetry.formats.mcap.writer import McapWriter


def write_every_kind_of_record(writer: Any) -> None:
    schema = writer.register_schema("an/Example", "ros2msg", b"float32 speed")
    first = writer.register_channel("/first", "cdr", schema)
    writer.add_message(first, 20, b"one", 7, 1)
    writer.flush()
    writer.flush()  # there is no message since the last one
    late = writer.register_channel("/late", "json", 0, {"unit": "km/h"})
    writer.add_metadata("session", {"driver": "\u00e9", "car": ""})
    writer.add_message(late, 10, b"{}", 8)  # before the others
    writer.add_message(first, 40, b"", 9, 0xFFFFFFFF)
    writer.add_message(late, 30, bytes(1000), 10)
    writer.add_attachment(1, 2, "setup.ini", "text/plain", b"[TYRES]")
    writer.flush()
    writer.add_message(first, (1 << 64) - 1, b"the end of time", 11, 3)
    writer.add_metadata("quality", {})


def write_many_chunks(writer: Any) -> None:
    channel = writer.register_channel("/first", "cdr", 0)
    for number in range(2000):
        writer.add_message(channel, number, bytes(number % 7), number, number)
        writer.flush()


def write_no_message(writer: Any) -> None:
    writer.register_channel("/first", "cdr", writer.register_schema("an/Example", "ros2msg", b""))
    writer.flush()


def write_nothing(_writer: Any) -> None:
    pass


@pytest.mark.parametrize("calls", [write_every_kind_of_record, write_many_chunks, write_no_message, write_nothing])
def test_the_file_is_that_of_the_library(calls: Callable[[Any], None]) -> None:
    expected, written = BytesIO(), BytesIO()
    library: Any = Writer(expected, chunk_size=1 << 62)
    library.start("ros2", f"ac-telemetry/{VERSION}")
    writer = McapWriter(written)
    writer.start("ros2")
    for each in (library, writer):
        calls(each)
        each.finish()
    assert written.getvalue() == expected.getvalue()


def test_nothing_reaches_the_output_before_a_flush_and_then_all_of_it_at_once() -> None:
    class Output(BytesIO):
        writes = 0

        def write(self, data: Any, /) -> int:
            self.writes += 1
            return super().write(data)

    output = Output()
    writer = McapWriter(output)
    writer.start("ros2")
    channel = writer.register_channel("/first", "cdr", 0)
    writer.add_metadata("session", {"car": "demo_gt3"})
    writer.add_message(channel, 1, b"one", 1)
    opened = writer.chunk_bytes
    writer.end_chunk()
    assert (output.writes, opened > 0, writer.chunk_bytes) == (0, True, 0)
    writer.flush()
    assert output.writes == 1
    writer.finish()
    output.seek(0)
    summary = make_reader(output).get_summary()
    assert summary is not None
    assert summary.statistics is not None
    assert summary.statistics.message_count == 1
