"""Whatever a text file holds, little of it is held at a time: no line, no piece and no run of blanks has no end."""

import gzip
import os
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from telemetry.base.errors import SinkError, SourceError
from telemetry.fields.wire import LineEncoder
from telemetry.formats.csv.recovery import recover as recover_csv
from telemetry.formats.jsonl.recording import JsonlRecording
from telemetry.formats.jsonl.recovery import recover
from telemetry.formats.jsonl.sink import create
from telemetry.formats.text_lines import MAX_LINE_BYTES
from tests.conftest import sample_of

INFLATED = 1 << 28
"""Bytes of text in a small file."""

HELD = 1 << 25
"""Bytes that reading it may hold: two pieces of 8 MB, a line, and a few lists."""


def bomb(path: Path, unit: bytes, before: bytes = b"") -> Path:
    """A file of INFLATED bytes of text, all alike."""
    compress: Callable[[bytes], bytes]
    compress = gzip.compress if path.suffix == ".gz" else zstandard.ZstdCompressor().compress
    piece = compress(unit * (1 << 22))  # members of gzip and frames of zstd may follow one another
    path.write_bytes(compress(before) + piece * (INFLATED >> 22))
    return path


def peak_of(call: Callable[[], Any]) -> int:
    """The most memory that Python held meanwhile."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
def test_a_small_file_of_one_character_takes_little_memory(tmp_path: Path, suffix: str) -> None:
    path = bomb(tmp_path / f"a{suffix}", b"0")
    before = path.read_bytes()

    def read() -> None:
        for opened in (JsonlRecording, recover):
            with pytest.raises(SourceError) as refusal:
                opened(path)
            assert str(refusal.value) == (
                f"{path}, line 1: it has more than {MAX_LINE_BYTES:,} bytes, which no line of telemetry has."
            )

    assert peak_of(read) < HELD
    assert path.read_bytes() == before


@pytest.mark.parametrize(("header", "line"), [(b"", 1), (b"gear\n", 2), (b'gear\n3\n"', 3)])
def test_a_row_without_end_takes_little_memory(tmp_path: Path, header: bytes, line: int) -> None:
    path = bomb(tmp_path / "a.csv.gz", b"0", header)

    def read() -> None:
        with pytest.raises(SourceError, match=rf"a\.csv\.gz, line {line}: it has more than 1,048,576 bytes"):
            recover_csv(path)

    assert peak_of(read) < HELD


def test_a_text_in_quotes_does_not_go_on_over_all_lines(tmp_path: Path) -> None:
    for number, header in enumerate((b'"', b'gear\n"', b'gear\n3\n"')):
        path = tmp_path / f"{number}.csv"
        path.write_bytes(header + (b"0" * 999 + b"\n") * 1100)
        with pytest.raises(SourceError, match="it has more than 1,048,576 bytes"):
            recover_csv(path)


def test_blank_lines_have_an_end(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes((b" " * 999 + b"\n") * 1100)
    with pytest.raises(SourceError, match=r"line 1049: there are more than 1,048,576 bytes of empty lines\.$"):
        JsonlRecording(path)


def test_a_long_line_is_refused_where_it_begins_to_be_too_long(tmp_path: Path) -> None:
    line = LineEncoder().encode(sample_of(gear=3))
    path = tmp_path / "a.jsonl"
    path.write_bytes(line + b"0" * (8 << 20) + b"\n" + line)
    reason = rf"a\.jsonl, line 2: it has more than {MAX_LINE_BYTES:,} bytes, which no line of telemetry has\.$"
    with pytest.raises(SourceError, match=reason):
        list(JsonlRecording(path).snapshots())
    path.write_bytes(line + b" " * (MAX_LINE_BYTES - len(line)) + line + line)
    assert len(list(JsonlRecording(path).snapshots())) == 3


def test_a_long_last_line_is_not_continued_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    content = LineEncoder().encode(sample_of(gear=3)) + b"0" * (3 << 20)
    path.write_bytes(content)
    reason = r"a\.jsonl, its last line: it has more than 1,048,576 bytes, .* It cannot be continued\.$"
    with pytest.raises(SinkError, match=reason):
        create(path, mode="append")
    assert path.read_bytes() == content


@pytest.mark.parametrize("half", [b"", b'{"gear":'])
def test_a_long_run_of_zeros_after_a_crash_is_cut_off(tmp_path: Path, half: bytes) -> None:
    line = LineEncoder().encode(sample_of(gear=3))
    path = tmp_path / "a.jsonl"
    zeros = half + bytes(3 << 20)
    path.write_bytes(line + zeros)
    assert len(list(JsonlRecording(path).snapshots())) == 1
    recovered = recover(path)
    assert (recovered.steps, recovered.discarded_bytes, path.read_bytes()) == (1, len(zeros), line)
    path.write_bytes(line + zeros)
    with create(path, mode="append") as sink:
        sink.write(sample_of(gear=4))
    assert [snapshot.gear for snapshot in JsonlRecording(path).snapshots()] == [3, 4]
    rows = tmp_path / "a.csv"
    rows.write_bytes(b"gear\n3\n" + zeros)
    recovered = recover_csv(rows)
    assert (recovered.steps, recovered.discarded_bytes, rows.read_bytes()) == (1, len(zeros), b"gear\n3\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.zst", "a.csv", "a.mcap"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, name: str) -> None:
    from telemetry.formats import find_format

    path = tmp_path / name
    os.mkfifo(path)
    known = find_format(path)
    assert known is not None
    assert known.recover is not None
    with pytest.raises(SourceError, match=rf"{name} cannot be read: it is a named pipe, and not a regular file\.$"):
        known.recover(path)
    if known.open_reader is not None:
        with pytest.raises(SourceError, match="it is a named pipe, and not a regular file"):
            known.open_reader(path, loop=False, begin=None, end=None)
