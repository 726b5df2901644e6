"""Reading the records of an MCAP file safely.

Whatever bytes a file contains, the result is a record, :class:`TruncatedFile` or :class:`telemetry.SourceError`.
"""

import math
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple

import zstandard

from telemetry.base.errors import SourceError
from telemetry.base.storage.atomic import replace_locked_file
from telemetry.base.storage.lock import lock_file
from telemetry.base.storage.regular_file import open_regular_file
from telemetry.base.typing import override
from telemetry.formats.mcap.chunks import IndexedChunk
from telemetry.formats.mcap.layout import Channel
from telemetry.recording.interfaces import Closeable

# Opcodes of the MCAP specification.
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX = 1, 2, 3, 4, 5, 6, 7
CHUNK_INDEX, ATTACHMENT, ATTACHMENT_INDEX, STATISTICS, METADATA, METADATA_INDEX = 8, 9, 10, 11, 12, 13
SUMMARY_OFFSET, DATA_END = 14, 15

_MAGIC: Final = b"\x89MCAP0\r\n"
BEGIN: Final = len(_MAGIC)
"""Offset of a file's first record."""

_LIMIT: Final = 1 << 26
"""Maximum bytes of a record, and of an unpacked chunk: a corrupt length must not make us allocate gigabytes."""

_SMALL_LIMIT: Final = 1 << 22
"""Maximum bytes of a record that becomes objects: an entry of a map takes ten times its bytes in the file."""

MAX_RECORDS: Final = 1 << 17
"""Maximum records in a chunk or a summary: 64 MB hold half as many pages of the smallest kind."""

_HEAD: Final = struct.Struct("<BQ")
_CHUNK_HEAD: Final = struct.Struct("<BQQQQI")
_CHUNK_FIELDS: Final = struct.Struct("<QQQII")  # the body of a chunk up to the name of its compression
_LENGTH: Final = struct.Struct("<Q")
_ZSTD: Final = struct.pack("<I4s", 4, b"zstd")  # follows the chunk head in every chunk that we write
_CHUNK_INDEX: Final = struct.Struct("<QQQQI")  # up to its offsets of each channel's messages
_CHANNEL_OFFSET: Final = struct.Struct("<HQ")
_SUMMARY_OFFSET: Final = struct.Struct("<BQQ")
_FOOTER: Final = struct.Struct("<BQQQI")
_MAX_WASTE: Final = 200
"""Bytes to read and inflate, per byte of a file, of what looks like chunks and is none: damaged ones cost far less."""
_UNKNOWN_SIZE: Final = 2**64 - 1
_BLOCK: Final = 1 << 16
_CLASSES: Final = {
    HEADER: "Header",
    SCHEMA: "Schema",
    CHANNEL: "Channel",
    CHUNK: "Chunk",
    ATTACHMENT: "Attachment",
    ATTACHMENT_INDEX: "AttachmentIndex",
    STATISTICS: "Statistics",
    METADATA: "Metadata",
    METADATA_INDEX: "MetadataIndex",
}


class CorruptFile(SourceError):
    """A file is corrupt; everything before the byte ``at`` is intact, and ``what`` describes the problem."""

    def __init__(self, path: Path, at: int, what: str) -> None:
        super().__init__(
            f"{path} is corrupt at byte {at:,}: {what}. The command 'recover' saves everything that is intact."
        )
        self.at = at
        self.what = what


class TruncatedFile(Exception):
    """An unfinished file ends in or before the record at the byte ``at``."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class Record(NamedTuple):
    """One record; ``at`` is its offset in the file, or that of the chunk that contains it."""

    at: int
    opcode: int
    body: bytes


class Summary:
    """The index at the end of a finished file."""

    def __init__(self, file: "RecordFile", groups: Mapping[int, bytes]) -> None:
        """``groups`` holds the records of each opcode, one behind the other."""
        self._file = file
        self.groups = groups
        self.channels = {one.id: Channel(one.topic, one.message_encoding) for one in self._parsed(CHANNEL)}
        self.attachments = [(index.name, index.offset) for index in self._parsed(ATTACHMENT_INDEX)]
        """The name and the offset of each."""
        self.metadata_offsets = sorted({index.offset for index in self._parsed(METADATA_INDEX)})
        self.message_counts: dict[int, int] | None = None
        for statistics in self._parsed(STATISTICS):
            self.message_counts = statistics.channel_message_counts

    @property
    def declarations(self) -> list[Record]:
        """The schema records, followed by the channel records."""
        return [record for opcode in (SCHEMA, CHANNEL) for record in self.records(opcode)]

    @cached_property
    def chunks(self) -> list[IndexedChunk]:
        """The chunks in the order of the file."""
        return sorted(map(self._file.parse_chunk_index, self.records(CHUNK_INDEX)), key=lambda chunk: chunk.begin)

    def records(self, opcode: int) -> Iterator[Record]:
        """The records of this opcode; raises :class:`CorruptFile`."""
        data, at = self.groups.get(opcode, b""), self._file.summary_begin
        return (
            Record(at, found, data[begin:end]) for found, begin, end in self._file.spans(at, data) if found == opcode
        )

    def _parsed(self, opcode: int) -> list[Any]:
        return [self._file.parse(record) for record in self.records(opcode)]


class RecordFile(Closeable):
    """An MCAP file that is open for reading. Raises :class:`telemetry.SourceError` if it is not an MCAP file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last_search: tuple[float, int | None] = (math.inf, None)
        self._wasted_bytes = 0
        self._decompressor = zstandard.ZstdDecompressor()
        try:
            self._file = open_regular_file(path)
            self.size = self._file.seek(0, os.SEEK_END)
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
        try:
            self._footer = self._read_head_and_footer()
        except BaseException:
            self._file.close()
            raise

    def _read_head_and_footer(self) -> tuple[int, int, int] | None:
        """Offsets of the summary and the summary offset section, and the checksum; None for an unfinished file."""
        begin = self.read_bytes(0, len(_MAGIC))
        if not _MAGIC.startswith(begin):
            raise SourceError(f"{self.path} is not an MCAP file.")
        end = self.read_bytes(max(0, self._end_of_summary), _FOOTER.size + len(_MAGIC))
        if len(end) < _FOOTER.size + len(_MAGIC) or not end.endswith(_MAGIC):
            return None
        opcode, length, start, offset_start, checksum = _FOOTER.unpack_from(end)
        finished = opcode == FOOTER and length == _FOOTER.size - _HEAD.size
        return (start, offset_start, checksum) if finished else None

    @property
    def _end_of_summary(self) -> int:
        return self.size - _FOOTER.size - len(_MAGIC)

    @property
    def summary_begin(self) -> int:
        """The offset of the index at the end of a finished file."""
        assert self._footer is not None
        return self._footer[0]

    @property
    def finished(self) -> bool:
        """Whether the file was closed by its writer, so that it ends with a footer."""
        return self._footer is not None

    def lock_file(self) -> None:
        """Lock the file against writers; raises :class:`telemetry.SinkError` if one has it open."""
        lock_file(self._file.fileno(), str(self.path))

    def replace_by(self, complete: Path) -> None:
        """Close the file, which is locked, and have this one take its place; raises OSError."""
        replace_locked_file(complete, self.path, self._file)

    @override
    def close(self) -> None:
        self._file.close()

    def read_bytes(self, at: int, length: int) -> bytes:
        """The bytes from this offset on, fewer at the end of the file; raises :class:`telemetry.SourceError`."""
        try:
            self._file.seek(at)
            return self._file.read(length)
        except OSError as error:
            raise SourceError(f"{self.path} cannot be read: {error.strerror}.") from error

    def indexed_records(self, offsets: Iterable[int], opcode: int) -> Iterator[Record]:
        """The records at these ascending offsets, which an index gives; raises :class:`CorruptFile`.

        None may be inside another: a small file would hold any number of large ones.
        """
        end = 0
        for at in offsets:
            record = self.record(at, opcode)
            if at < end:
                raise CorruptFile(self.path, at, "the index points into another record")
            end = at + _HEAD.size + len(record.body)
            yield record

    def records(self, skipped: frozenset[int] = frozenset()) -> Iterator[Record]:
        """The records up to the end of the data section; those with a ``skipped`` opcode have an empty body.

        Raises :class:`TruncatedFile` if the file is unfinished, and :class:`CorruptFile`.
        """
        at = BEGIN
        while True:
            record, end = self.read(at, skipped)
            yield record
            if record.opcode in (DATA_END, FOOTER):
                return
            at = end

    def record(self, at: int, opcode: int) -> Record:
        """The record at this offset, which an index gives; raises :class:`CorruptFile` if it has another opcode."""
        record = None
        if len(_MAGIC) <= at < self.size:
            record, _ = self.read(at)
        if record is None or record.opcode != opcode:
            raise CorruptFile(self.path, at, "the index points to data of another kind")
        return record

    def read(self, at: int, skipped: frozenset[int] = frozenset()) -> tuple[Record, int]:
        """The record at this offset, without its body if its opcode is ``skipped``, and the offset of the next one.

        Raises :class:`TruncatedFile` if the file ends inside it, and :class:`CorruptFile`.
        """
        head = self.read_bytes(at, _HEAD.size)
        if len(head) < _HEAD.size:
            raise self._too_short(at)
        opcode, length = _HEAD.unpack(head)
        if opcode == 0 or DATA_END < opcode < 0x80:  # opcodes from 0x80 are private extensions
            if not any(head) and self._only_zeros_from(
                at
            ):  # a crash of the system can leave zeros at the end of a file
                raise self._too_short(at)
            raise CorruptFile(self.path, at, f"unknown record type {opcode}")
        begin = at + _HEAD.size
        if length > self.size - begin:
            if length > _LIMIT:
                raise CorruptFile(self.path, at, f"a record claims to have {length:,} bytes")
            raise self._too_short(at)
        if opcode in skipped:
            return Record(at, opcode, b""), begin + length
        if length > _LIMIT:
            raise CorruptFile(self.path, at, f"a record claims to have {length:,} bytes")
        return Record(at, opcode, self.read_bytes(begin, length)), begin + length

    def chunk_after(self, at: int) -> int | None:
        """The offset of the next intact chunk after ``at``, found by its signature; None if there is none."""
        from_, found = self._last_search
        if at < from_ or (found is not None and found <= at):  # else it is still the next one
            found = self._find_chunk(at + 1)
            self._last_search = (at, found)
        return found

    def _find_chunk(self, begin: int) -> int | None:
        while len(data := self.read_bytes(begin, _BLOCK + _CHUNK_HEAD.size + len(_ZSTD))) > _CHUNK_HEAD.size:
            index = data.find(_ZSTD, _CHUNK_HEAD.size)
            while index >= 0:
                candidate = begin + index - _CHUNK_HEAD.size
                if self._is_intact_chunk(candidate):
                    return candidate
                index = data.find(_ZSTD, index + 1)
            begin += _BLOCK
        return None

    def resembles_chunk(self, at: int) -> bool:
        """Whether the bytes at this offset have the signature of a chunk, whatever their opcode."""
        return self.read_bytes(at + _CHUNK_HEAD.size, len(_ZSTD)) == _ZSTD

    def _is_intact_chunk(self, at: int) -> bool:
        """Whether there is one; false too where too much was read already for what only looks like one."""
        _, length, _, _, size, _ = _CHUNK_HEAD.unpack(self.read_bytes(at, _CHUNK_HEAD.size))
        cost = min(length, _LIMIT) + min(size, _LIMIT)
        if self._wasted_bytes + cost > _MAX_WASTE * self.size + 2 * _LIMIT:
            return False
        try:
            record, _ = self.read(at)
            is_intact = record.opcode == CHUNK and bool(self.unpack(record))
        except (CorruptFile, TruncatedFile):
            is_intact = False
        self._wasted_bytes += 0 if is_intact else cost
        return is_intact

    def _too_short(self, at: int) -> Exception:
        return CorruptFile(self.path, at, "a record is longer than the file") if self.finished else TruncatedFile(at)

    def _only_zeros_from(self, at: int) -> bool:
        while data := self.read_bytes(at, _BLOCK):
            if any(data):
                return False
            at += len(data)
        return True

    def contents(self, record: Record) -> Iterator[Record]:
        """The records in a chunk; for any other record, the record itself."""
        if record.opcode != CHUNK:
            yield record
            return
        yield from self._split(record.at, self.unpack(record))

    def _split(self, at: int, data: bytes) -> Iterator[Record]:
        for opcode, begin, end in self.spans(at, data):
            yield Record(at, opcode, data[begin:end])

    def spans(self, at: int, data: bytes) -> Iterator[tuple[int, int, int]]:
        """The opcode of each record in the content of a chunk, and where its body begins and ends.

        Raises :class:`CorruptFile`; ``at`` is the offset of the chunk in the file.
        """
        end = count = 0
        while end < len(data):
            count += 1
            if count > MAX_RECORDS:
                raise CorruptFile(self.path, at, f"it contains more than {MAX_RECORDS:,} records")
            if len(data) - end < _HEAD.size:
                raise CorruptFile(self.path, at, "its content ends in the middle of a record")
            opcode, length = _HEAD.unpack_from(data, end)
            begin, end = end + _HEAD.size, end + _HEAD.size + length
            if end > len(data):
                raise CorruptFile(self.path, at, "its content ends in the middle of a record")
            yield opcode, begin, end

    def unpack(self, record: Record) -> bytes:
        """The content of a chunk, one record behind the other. Raises :class:`CorruptFile`."""
        size, checksum, compression, packed = self._split_chunk(record)
        if size > _LIMIT:
            raise CorruptFile(self.path, record.at, f"a chunk claims to contain {size:,} bytes")
        if compression == "zstd":
            try:
                if zstandard.frame_content_size(packed) not in (size, -1):  # zstandard would allocate that size
                    raise CorruptFile(self.path, record.at, "a chunk does not have the size that it claims")
                data: bytes = self._decompressor.decompress(packed, max_output_size=size)
            except zstandard.ZstdError as error:
                raise CorruptFile(self.path, record.at, "a chunk cannot be decompressed") from error
        elif compression == "":
            data = packed
        elif compression == "lz4":
            raise SourceError(f"{self.path} is compressed with lz4, which is not supported. Convert it to zstd.")
        else:
            raise CorruptFile(self.path, record.at, f"unknown compression {compression!r}")
        if len(data) != size:
            raise CorruptFile(self.path, record.at, "a chunk does not have the size that it claims")
        if checksum and zlib.crc32(data) != checksum:
            raise CorruptFile(self.path, record.at, "a chunk has the wrong checksum")
        return data

    def _split_chunk(self, record: Record) -> tuple[int, int, str, bytes]:
        """The unpacked size, its checksum, the compression and the packed content of a chunk."""
        body = record.body
        try:
            _, _, size, checksum, length = _CHUNK_FIELDS.unpack_from(body)
            begin = _CHUNK_FIELDS.size + length + _LENGTH.size
            (packed_size,) = _LENGTH.unpack_from(body, begin - _LENGTH.size)
            compression = str(body[_CHUNK_FIELDS.size : begin - _LENGTH.size], "utf-8")
        except (struct.error, ValueError) as error:
            raise CorruptFile(self.path, record.at, "a record is invalid") from error
        return size, checksum, compression, body[begin : begin + packed_size]

    def parse(self, record: Record) -> Any:
        """The record as an object of the mcap library; raises :class:`CorruptFile`."""
        from mcap import records
        from mcap.data_stream import ReadDataStream
        from mcap.exceptions import McapError

        if len(record.body) > _SMALL_LIMIT and record.opcode not in (CHUNK, ATTACHMENT):
            raise CorruptFile(self.path, record.at, f"a record of this kind has {len(record.body):,} bytes")
        try:
            # From a buffer, so that a corrupt length cannot read past the end of the record.
            return getattr(records, _CLASSES[record.opcode]).read(ReadDataStream(BytesIO(record.body)))
        except (McapError, struct.error, ValueError, OverflowError) as error:
            raise CorruptFile(self.path, record.at, "a record is invalid") from error

    def parse_chunk_index(self, record: Record) -> IndexedChunk:
        """What a record of the index says of a chunk; raises :class:`CorruptFile`."""
        # Without the mcap library, as there is one for each second of a recording, and they are read for each part.
        try:
            first_time, last_time, begin, length, map_size = _CHUNK_INDEX.unpack_from(record.body)
            offsets = record.body[_CHUNK_INDEX.size : _CHUNK_INDEX.size + map_size]
            channels = frozenset(channel for channel, _ in _CHANNEL_OFFSET.iter_unpack(offsets))
        except struct.error as error:
            raise CorruptFile(self.path, record.at, "a record is invalid") from error
        return IndexedChunk(begin, begin + length, first_time, last_time, channels)

    @cached_property
    def summary(self) -> Summary | None:
        """The index at the end of the file; None if it is missing or corrupt."""
        if self._footer is None:
            return None
        start, offset_start, checksum = self._footer
        length = self._end_of_summary - start
        if start < len(_MAGIC) or not 0 < length <= _LIMIT:
            return None
        data = self.read_bytes(start, length)
        footer = _FOOTER.pack(FOOTER, _FOOTER.size - _HEAD.size, start, offset_start, 0)[:-4]
        if checksum and zlib.crc32(footer, zlib.crc32(data)) != checksum:
            return None
        try:
            groups = self._find_groups(data, offset_start - start) if checksum else None
            return Summary(self, self._group(data) if groups is None else groups)
        except CorruptFile:
            return None

    def _find_groups(self, data: bytes, offsets_begin: int) -> dict[int, bytes] | None:
        """The records of each opcode in a summary, as the offsets at its end say; None where these do not tell all."""
        if not 0 < offsets_begin < len(data):
            return None
        groups: dict[int, bytes] = {}
        at = 0
        for record in self._split(self.summary_begin, data[offsets_begin:]):
            if record.opcode != SUMMARY_OFFSET or len(record.body) != _SUMMARY_OFFSET.size:
                return None
            opcode, begin, length = _SUMMARY_OFFSET.unpack(record.body)
            if begin - self.summary_begin != at or opcode in groups:
                return None
            groups[opcode] = data[at : at + length]
            at += length
        return groups if at == offsets_begin else None

    def _group(self, data: bytes) -> dict[int, bytes]:
        """The same, record by record."""
        groups: dict[int, list[bytes]] = {}
        for opcode, begin, end in self.spans(self.summary_begin, data):
            groups.setdefault(opcode, []).append(data[begin - _HEAD.size : end])
        return {opcode: b"".join(records) for opcode, records in groups.items()}
