"""Whatever an MCAP file claims or repeats, reading it costs memory and time in proportion to its size."""

import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from telemetry.base.errors import SourceError
from telemetry.base.storage.regular_file import open_regular_file
from telemetry.formats.mcap.records import CHANNEL, CHUNK, METADATA, CorruptFile, RecordFile, TruncatedFile
from telemetry.formats.mcap.recovery import recover

MAGIC = b"\x89MCAP0\r\n"
HEADER = b"\x01" + struct.pack("<QII", 8, 0, 0)


def record(opcode: int, body: bytes = b"") -> bytes:
    return struct.pack("<BQ", opcode, len(body)) + body


def chunk(content: bytes, *, size: int | None = None, crc: int | None = None) -> bytes:
    """A chunk of this content, or one that claims another size or checksum."""
    data = zstandard.ZstdCompressor().compress(content)
    crc = zlib.crc32(content) if crc is None else crc
    head = struct.pack("<QQQI", 0, 0, len(content) if size is None else size, crc)
    return record(CHUNK, head + struct.pack("<I4sQ", 4, b"zstd", len(data)) + data)


def file_of(path: Path, *records: bytes) -> Path:
    path.write_bytes(MAGIC + HEADER + b"".join(records))
    return path


def contents_of(path: Path) -> list[Any]:
    """The metadata in a file, chunks included."""
    found = []
    with RecordFile(path) as file:
        for one in file.records():
            found += [file.parse(entry) for entry in file.contents(one) if entry.opcode == METADATA]
    return found


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        (chunk(b"x", size=1 << 27), "a chunk claims to contain 134,217,728 bytes"),
        (chunk(bytes(1 << 20), size=100), "a chunk does not have the size that it claims"),
        (chunk(record(CHANNEL) * (1 << 18)), "it contains more than 131,072 records"),
        (record(METADATA, bytes((1 << 22) + 1)), "a record of this kind has 4,194,305 bytes"),
        (chunk(record(METADATA, bytes((1 << 22) + 1))), "a record of this kind has 4,194,305 bytes"),
    ],
    ids=["size", "other size", "records", "metadata", "metadata in a chunk"],
)
def test_what_is_larger_than_a_recording_has_it_is_corrupt(tmp_path: Path, records: bytes, reason: str) -> None:
    path = file_of(tmp_path / "a.mcap", records)
    with pytest.raises(CorruptFile) as refusal:
        contents_of(path)
    assert refusal.value.what == reason


def test_no_index_lets_a_record_be_read_twice(tmp_path: Path) -> None:
    inner = record(METADATA, struct.pack("<II", 0, 0))
    outer = record(METADATA, struct.pack("<I", len(inner)) + inner + bytes(4))
    path = file_of(tmp_path / "a.mcap", outer, outer)
    begin = len(MAGIC + HEADER)
    with RecordFile(path) as file:
        assert [one.at for one in file.indexed_records([begin, begin + len(outer)], METADATA)] == [
            begin,
            begin + len(outer),
        ]
        for offsets in ([begin, begin], [begin, begin + 9 + 4]):
            with pytest.raises(CorruptFile, match="the index points into another record"):
                list(file.indexed_records(offsets, METADATA))


class CountedFile:
    """A file that counts the bytes which are read from it."""

    def __init__(self, path: Path) -> None:
        self._file = open_regular_file(path)
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.count += len(data)
        return data


@pytest.fixture
def count_bytes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], int]:
    """The bytes that are read of a file without a step by ``recover``, which refuses it."""
    opened: list[CountedFile] = []

    def open_counted(path: Path) -> CountedFile:
        opened.append(CountedFile(path))
        return opened[-1]

    monkeypatch.setattr("telemetry.formats.mcap.records.open_regular_file", open_counted)

    def count(path: Path) -> int:
        before = path.read_bytes()
        with pytest.raises(SourceError):
            recover(path)
        assert path.read_bytes() == before
        assert list(path.parent.glob("*.mcap")) == [path]
        return sum(file.count for file in opened)

    return count


def test_after_each_of_many_corrupt_records_the_rest_is_not_searched_again(
    tmp_path: Path, count_bytes: Callable[[Path], int]
) -> None:
    path = file_of(tmp_path / "a.mcap", *[record(CHANNEL)] * 2000, bytes(1 << 20))
    assert count_bytes(path) < 8 * path.stat().st_size


def test_what_only_looks_like_chunks_is_tried_for_a_limited_time(
    tmp_path: Path, count_bytes: Callable[[Path], int]
) -> None:
    looks_alike = struct.pack("<BQQQQI", CHUNK, 130_000, 0, 0, 1000, 0) + struct.pack("<I4sQ", 4, b"zstd", 1000)
    path = file_of(tmp_path / "a.mcap", record(CHANNEL), looks_alike * 5000)
    size = path.stat().st_size
    count_of_whole = (size - 130_000) // len(looks_alike)
    assert count_bytes(path) < 200 * size + (1 << 27) + 8 * size < 130_000 * count_of_whole


def test_many_corrupt_chunks_are_not_kept_in_memory(tmp_path: Path) -> None:
    path = file_of(tmp_path / "a.mcap", *[chunk(bytes(1 << 21), crc=1)] * 40)
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match=r"is corrupt at byte 25 and in 39 more places: .* wrong checksum"):
            recover(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


def test_a_file_that_ends_in_a_record_is_truncated_there(tmp_path: Path) -> None:
    path = file_of(tmp_path / "a.mcap", record(METADATA, bytes(100))[:50])
    with RecordFile(path) as file, pytest.raises(TruncatedFile) as end:
        list(file.records())
    assert end.value.at == len(MAGIC + HEADER)
