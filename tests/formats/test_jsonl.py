import gzip
import io
import math
import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
import zstandard
from jsonschema import Draft202012Validator

from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError, SourceError
from telemetry.fields.columns import Columns
from telemetry.fields.derived import Sample, derive
from telemetry.fields.selection import json_schema, select
from telemetry.fields.wire import LineEncoder
from telemetry.formats.jsonl.recording import JsonlRecording
from telemetry.formats.jsonl.sink import create
from telemetry.recording.background_writer import QueuedSink
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import FLUSH_SECONDS
from tests.conftest import REPOSITORY, sample_of, snapshot_of, wait_until

SUFFIXES = ("", ".gz", ".zst")


def drive(count: int) -> list[Sample]:
    """Samples of a car that moves, every one different."""
    samples: list[Sample] = []
    for index in range(count):
        snapshot = snapshot_of(
            elapsed=index / 10, sequence=index, packet_id=33 * index, speed_kmh=index / 8, graphics_packet_id=1 + index
        )
        samples.append(derive(snapshot, samples[-1] if samples else None))
    return samples


def text_of(path: Path) -> bytes:
    """A file's text as a decoder that is not ours reads it, as far as it goes."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        with gzip.open(io.BytesIO(data)) as file:
            return file.read()
    if path.suffix == ".zst":
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
            return reader.read()
    return data


def rows(path: Path) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in text_of(path).splitlines()]


def write(path: Path, samples: list[Sample], **options: object) -> None:
    with create(path, **options) as sink:  # type: ignore[arg-type]
        for sample in samples:
            sink.write(sample)


def test_a_line_holds_every_field_in_order_and_validates() -> None:
    line = LineEncoder().encode(sample_of(wheel_slip=(math.nan, math.inf, 1.0, 0.5)))
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    values = orjson.loads(line)
    assert list(values) == list(Sample.NAMES)
    Draft202012Validator(json_schema()).validate(values)


def test_the_encoder_notices_every_change() -> None:
    encoder = LineEncoder()
    for sample in (sample_of(), sample_of(current_time=5), sample_of(track="b"), sample_of(track="b", gear=3)):
        assert orjson.loads(encoder.encode(sample)) == orjson.loads(orjson.dumps(sample.to_dict()))


def test_selected_fields_are_written_in_the_order_and_under_the_names_asked_for() -> None:
    encoder = LineEncoder(select("gear,yaw,accG"))
    line = encoder.encode(sample_of(gear=3, heading=0.5, acc_g_x=0.1))
    assert line == b'{"gear":3,"yaw":0.5,"accG":[0.1,0.0,0.0]}\n'


def test_appending_nothing_leaves_a_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl.zst"
    write(path, drive(2))
    before = path.read_bytes()
    write(path, [], mode="append")
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_appending_continues_a_whole_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"drive.jsonl{suffix}"
    write(path, drive(3), mode="append")
    write(path, drive(2), mode="append")
    assert [row["sequence"] for row in rows(path)] == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("cut", [1, 7, 300])
def test_appending_mends_a_cut_last_line_first(tmp_path: Path, suffix: str, cut: int) -> None:
    path = tmp_path / f"drive.jsonl{suffix}"
    sink = create(path)
    for sample in drive(40):
        sink.write(sample)
        sink.flush()
    sink.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    kept = [snapshot.sequence for snapshot in JsonlRecording(path).snapshots()]
    write(path, drive(2), mode="append")
    assert [row["sequence"] for row in rows(path)] in ([*kept, 0, 1], [*kept[:-1], 0, 1])
    assert len(kept) >= 30
    assert not list(tmp_path.glob(".temporary-*"))


@pytest.mark.parametrize("content", [b"precious\n", b"precious", b'{"a":1}\n'])
def test_appending_to_what_is_no_recording_leaves_it_untouched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(SinkError, match="is not a recording and is left untouched"):
        create(path, mode="append")
    assert path.read_bytes() == content


def test_a_last_line_that_only_lacks_its_newline_is_kept_by_appending(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    write(path, drive(2))
    path.write_bytes(path.read_bytes()[:-1])
    write(path, drive(1), mode="append")
    assert [row["sequence"] for row in rows(path)] == [0, 1, 0]


def test_a_file_without_any_whole_line_is_begun_anew_by_appending(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    path.write_bytes(b'{"timestamp":1')
    write(path, drive(2), mode="append")
    assert len(rows(path)) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let an open file be removed")
def test_a_file_that_is_removed_while_it_is_written_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    sink = create(path)
    sink.write(drive(1)[0])
    sink.flush()
    path.unlink()
    sink.write(drive(1)[0])
    with pytest.raises(SinkError, match="was removed or replaced while it was being written"):
        sink.flush()


KILLED = """
import sys, time
from itertools import count
from pathlib import Path
from telemetry.formats.jsonl.sink import create
from telemetry.recording.background_writer import QueuedSink
from tests.formats.test_jsonl import drive
sink = QueuedSink(create(Path(sys.argv[1])), 60.0)
(sample,) = drive(1)
for sequence in count():
    sink.write(sample.replace(sequence=sequence))
    time.sleep(0.002)
"""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_killing_the_process_loses_only_what_was_not_flushed_yet(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"drive.jsonl{suffix}"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, cwd=REPOSITORY)

    def in_the_file() -> list[int]:
        return [snapshot.sequence for snapshot in JsonlRecording(path).snapshots()]

    wait_until(lambda: path.exists() and path.stat().st_size)
    first = path.stat().st_size
    wait_until(lambda: path.stat().st_size > first)  # it goes on while samples come
    flushed = in_the_file()
    process.kill()
    process.communicate()
    kept = in_the_file()
    assert kept == list(range(len(kept)))
    assert len(kept) >= len(flushed)
    assert FLUSH_SECONDS <= 0.25


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in the file system")
def test_a_named_pipe_is_written_line_by_line_and_its_end_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sink = create(path)
    samples = drive(2)
    sink.write(samples[0])
    assert orjson.loads(os.read(reader, 1 << 16))["sequence"] == 0
    os.close(reader)
    with pytest.raises(SinkError, match="its reader closed it"):
        sink.write(samples[1])


def test_a_cut_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    write(path, drive(3))
    path.write_bytes(path.read_bytes()[:-100])
    assert [snapshot.sequence for snapshot in JsonlRecording(path).snapshots()] == [0, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no sample"),
        (b"\0\0\0", "holds no sample"),
        (b"hello\n", "line 1: this is not JSON"),
        (b"[1,2]\n", "line 1: this is not a sample of telemetry"),
        (b'{"name":"x"}\n', "line 1: this is not a sample of telemetry"),
        (b'{"gear":"first"}\n', 'line 1: gear is "first", but it must be a whole number\\.'),
        (b'{"gear":1.0}\n{"gear":1.5}\n', "line 2: gear is 1.5, but it must be a whole number\\."),
        (b'{"gear":true}\n', "line 1: gear is true, but it must be a whole number\\."),
        (
            b'{"wheel_slip":[1,2,3]}\n',
            r"line 1: wheel_slip is \[1,2,3\], but it must be a list of 4 numbers or nulls\.",
        ),
        (b'{"track":null}\n', "line 1: track is null, but it must be a text\\."),
    ],
)
def test_what_is_no_recording_is_refused_with_the_place(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "drive.jsonl"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        list(JsonlRecording(path).snapshots())


def compressed(data: bytes, suffix: str) -> bytes:
    """The data as another program than ours compresses it by this suffix."""
    if suffix == ".gz":
        return gzip.compress(data)
    return zstandard.ZstdCompressor().compress(data) if suffix else data


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("first", "end", "between", "last"),
    [
        (b"\xef\xbb\xbf", b"\n", b"", b""),  # Set-Content -Encoding utf8 on Linux
        (b"\xef\xbb\xbf", b"\r\n", b"", b""),  # the same on Windows
        (b"", b"\r\n", b"\r\n", b"\r\n\r\n"),
        (b"\n\n", b"\n", b" \t\n\n", b"\n  \n"),
        (b"", b"\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf"),  # files with a mark, joined
        (b"", b"\n", b"\xef\xbb\xbf\n", b" "),
    ],
)
def test_marks_blank_lines_and_line_ends_of_other_tools_are_read(
    tmp_path: Path, suffix: str, first: bytes, end: bytes, between: bytes, last: bytes
) -> None:
    path = tmp_path / f"drive.jsonl{suffix}"
    lines = [LineEncoder().encode(sample).rstrip(b"\n") + end for sample in drive(200)]  # more than one block
    path.write_bytes(compressed(first + between.join(lines) + last, suffix))
    recording = JsonlRecording(path)
    assert [snapshot.sequence for snapshot in recording.snapshots()] == list(range(200))
    assert recording.missing_fields == frozenset()
    assert recording.complete == (not last.startswith(b"\xef"))
    write(path, drive(2), mode="append")
    assert [snapshot.sequence for snapshot in JsonlRecording(path).snapshots()] == [*range(200), 0, 1]


def test_the_only_line_keeps_its_sample_behind_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + LineEncoder().encode(drive(1)[0]).rstrip(b"\n"))
    assert [snapshot.sequence for snapshot in JsonlRecording(path).snapshots()] == [0]
    write(path, drive(1), mode="append")
    assert [snapshot.sequence for snapshot in JsonlRecording(path).snapshots()] == [0, 0]


def test_a_line_is_named_by_its_number_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    path.write_bytes(b'\xef\xbb\xbf\n\r\n{"gear":1}\r\n \nhello\n')
    with pytest.raises(SourceError, match=r"drive\.jsonl, line 5: this is not JSON"):
        list(JsonlRecording(path).snapshots())


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named_with_what_to_do_and_left_untouched(tmp_path: Path, suffix: str, encoding: str) -> None:
    path = tmp_path / f"drive.jsonl{suffix}"
    data = compressed('{"gear":1}\r\n'.encode(encoding) * 3, suffix)
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"drive\.jsonl.* cannot be read: it is text in UTF-16, .*Convert it, .*\.$"):
        JsonlRecording(path)
    with pytest.raises(SinkError, match=r"it is text in UTF-16, .* It cannot be continued\.$"):
        create(path, mode="append")
    assert path.read_bytes() == data


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_file_that_is_not_compressed_as_its_name_says_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"drive.jsonl{suffix}"
    path.write_bytes(b'{"gear":1}\n' * 10)
    with pytest.raises(SourceError, match="is corrupt, or not compressed as its suffix says"):
        JsonlRecording(path)
    with pytest.raises(SinkError, match="It cannot be continued"):
        create(path, mode="append")
    assert path.read_bytes() == b'{"gear":1}\n' * 10


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    write(path, drive(3))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:50] + b"\n" + lines[2])
    with pytest.raises(SourceError, match=r"drive\.jsonl, line 2: this is not JSON"):
        list(JsonlRecording(path).snapshots())


def test_a_recording_of_some_fields_under_other_names_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    write(path, drive(2), columns=select("elapsed,speedKmh,accG,steer,carModel"))
    snapshot = list(JsonlRecording(path).snapshots())[1]
    assert (snapshot.elapsed, snapshot.speed_kmh, snapshot.car_model) == (0.1, 0.125, "demo_gt3")
    assert math.isnan(snapshot.fuel)
    assert all(math.isnan(wheel) for wheel in snapshot.tyre_wear)


def played(
    path: Path, *, rate: float | None = None, loop: bool = False, count: int = 1000
) -> list[tuple[float, float]]:
    clock = Clock(math.inf)
    seen = []
    for reading in JsonlRecording(path, loop=loop).readings(clock, rate):
        assert reading.snapshot is not None
        seen.append((round(clock.now(), 6), round(reading.snapshot.elapsed, 6)))
        if len(seen) == count:
            break
    return seen


def test_a_recording_plays_at_its_own_pace(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    write(path, drive(4))
    assert played(path) == [(0.0, 0.0), (0.1, 0.1), (0.2, 0.2), (0.3, 0.3)]


def test_a_rate_thins_a_recording_and_never_adds_to_it(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    write(path, drive(10))
    assert [elapsed for _, elapsed in played(path, rate=2.0)] == [0.0, 0.5]
    assert len(played(path, rate=100.0)) == 10


def test_a_loop_goes_on_in_time(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    write(path, drive(2))
    assert played(path, loop=True, count=5) == [(0.0, 0.0), (0.1, 0.1), (0.2, 0.2), (0.3, 0.3), (0.4, 0.4)]


def test_a_recording_that_was_continued_plays_on(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    write(path, drive(2))
    write(path, drive(2), mode="append")
    assert [elapsed for _, elapsed in played(path)] == [0.0, 0.1, 0.2, 0.3]


def test_a_recording_without_times_plays_ten_samples_a_second(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    write(path, drive(3), columns=select("gear"))
    assert [at for at, _ in played(path)] == pytest.approx([0.0, 0.1, 0.2])


def test_paused_samples_of_a_recording_are_known_as_such(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    write(path, [sample_of(status=3), sample_of(status=2, elapsed=0.1)])
    states = [(reading.state, reading.is_new_step) for reading in JsonlRecording(path).readings(Clock(math.inf), None)]
    assert states == [(State.PAUSED, False), (State.LIVE, True)]


def test_lines_reach_the_file_without_further_samples(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    with_thread = QueuedSink(create(path), 10.0)
    try:
        with_thread.write(drive(1)[0])
        wait_until(lambda: path.stat().st_size > 0)
    finally:
        with_thread.close()


def test_without_elapsed_the_unix_times_say_how_far_apart_samples_are(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    lap = [one.replace(timestamp=1.7e9 + index / 4) for index, one in enumerate(drive(5))]
    write(path, lap, columns=select("timestamp,speedKmh"))
    assert [elapsed for _, elapsed in played(path)] == [0.0, 0.25, 0.5, 0.75, 1.0]
    write(tmp_path / "none.jsonl", lap, columns=select("speedKmh"))
    assert [elapsed for _, elapsed in played(tmp_path / "none.jsonl")] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def test_samples_and_columns_can_follow_each_other(tmp_path: Path) -> None:
    samples = [sample_of(sequence=number, gear=number) for number in range(4)]
    with create(tmp_path / "a.jsonl", select("sequence,gear")) as sink:
        sink.write(samples[0])
        sink.write_columns(Columns.of(samples[1:3]))
        sink.write(samples[3])
    assert (tmp_path / "a.jsonl").read_bytes() == b"".join(b'{"sequence":%d,"gear":%d}\n' % (n, n) for n in range(4))
