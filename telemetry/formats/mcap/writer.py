"""Writing an MCAP file with every index, in memory that hardly grows with its chunks.

The library's own writer keeps an object of 0.7 kB for each chunk until the file ends: with four chunks a second that is
10 MB an hour. This one keeps what the index will say of them as bytes, compressed. The files are the same.
"""

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from struct import Struct
from typing import Any, Final, Protocol

import zstandard
from mcap import records
from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode

from telemetry.base.version import VERSION

MAGIC: Final = b"\x89MCAP0\r\n"
_LIBRARY: Final = f"ac-telemetry/{VERSION}"
_MESSAGE: Final = Struct("<BQHIQQ")
_MESSAGE_HEAD_BYTES: Final = _MESSAGE.size - 9
"""Bytes of a message before its data, without opcode and length."""
_MESSAGE_INDEX: Final = Struct("<BQHI")
_MESSAGE_PLACE: Final = Struct("<QQ")
_FOOTER_BEGIN: Final = Struct("<BQQQ")
_FOOTER_BYTES: Final = 20
_INDEX_BLOCK_BYTES: Final = 1 << 15
"""Entries of the index are compressed in blocks of this size: ten minutes of them or less, so a few kB wait."""


class Output(Protocol):
    """Where a file goes."""

    def write(self, data: bytes, /) -> object:
        """Write all of it."""


class McapWriter:
    """Writes one file: :meth:`start`, schemas, channels and messages, :meth:`finish`.

    Messages are collected in a chunk, and chunks in memory, until :meth:`flush`; the caller says when a chunk ends.
    Channels and schemas have numbers from 1 and are in the chunk that is open when they are registered.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._pending: list[bytes] = []
        self._length = 0
        self._compressor = zstandard.ZstdCompressor()
        self._chunk = bytearray()
        self._places: dict[int, bytearray] = {}  # the log time and place in the chunk of its messages, by channel
        self._chunk_begin = self._chunk_end = 0  # log times
        self._chunk_indexes = _PackedRecords()
        self._schemas: list[records.Schema] = []
        self._channels: list[records.Channel] = []
        self._attachments: list[records.AttachmentIndex] = []
        self._metadata: list[records.MetadataIndex] = []
        self._message_counts: Counter[int] = Counter()
        self._begin, self._end = 1 << 64, 0  # log times
        self._chunks = 0

    @property
    def chunk_bytes(self) -> int:
        """The bytes in the chunk that is open."""
        return len(self._chunk)

    def start(self, profile: str) -> None:
        """Write the beginning of the file."""
        self._write(MAGIC)
        self._write(encode_record(records.Header(profile, _LIBRARY)))

    def register_schema(self, name: str, encoding: str, data: bytes) -> int:
        """Declare a schema; returns its number."""
        schema = records.Schema(id=len(self._schemas) + 1, name=name, encoding=encoding, data=data)
        self._schemas.append(schema)
        self._chunk += encode_record(schema)
        return schema.id

    def register_channel(
        self, topic: str, encoding: str, schema: int, metadata: Mapping[str, str] | None = None
    ) -> int:
        """Declare a channel whose messages follow the schema of this number (0: none); returns the channel's number."""
        channel = records.Channel(
            id=len(self._channels) + 1,
            topic=topic,
            message_encoding=encoding,
            schema_id=schema,
            metadata=dict(metadata or {}),
        )
        self._channels.append(channel)
        self._chunk += encode_record(channel)
        return channel.id

    def add_message(self, channel: int, log_time: int, data: bytes, publish_time: int, sequence: int = 0) -> None:
        """Add a message on the channel of this number; times in nanoseconds."""
        places = self._places.get(channel)
        if places is None:
            if not self._places:
                self._chunk_begin = self._chunk_end = log_time
            places = self._places[channel] = bytearray()
        self._chunk_begin = min(self._chunk_begin, log_time)
        self._chunk_end = max(self._chunk_end, log_time)
        places += _MESSAGE_PLACE.pack(log_time, len(self._chunk))
        length = _MESSAGE_HEAD_BYTES + len(data)
        self._chunk += _MESSAGE.pack(Opcode.MESSAGE, length, channel, sequence, log_time, publish_time)
        self._chunk += data

    def add_metadata(self, name: str, metadata: Mapping[str, str]) -> None:
        """Write a metadata record, before the chunk that is open."""
        data = encode_record(records.Metadata(name=name, metadata=dict(metadata)))
        self._metadata.append(records.MetadataIndex(offset=self._length, length=len(data), name=name))
        self._write(data)

    def add_attachment(self, create_time: int, log_time: int, name: str, media_type: str, data: bytes) -> None:
        """Write an attachment, before the chunk that is open; times in nanoseconds."""
        times = {"create_time": create_time, "log_time": log_time}
        record = encode_record(records.Attachment(name=name, media_type=media_type, data=data, **times))
        self._attachments.append(
            records.AttachmentIndex(
                offset=self._length,
                length=len(record),
                data_size=len(data),
                name=name,
                media_type=media_type,
                **times,
            )
        )
        self._write(record)

    def end_chunk(self) -> None:
        """End the open chunk, if there is a message in it."""
        if not self._places:
            return
        compressed = self._compressor.compress(self._chunk)
        chunk = encode_record(
            records.Chunk(
                compression="zstd",
                data=compressed,
                message_start_time=self._chunk_begin,
                message_end_time=self._chunk_end,
                uncompressed_crc=zlib.crc32(self._chunk),
                uncompressed_size=len(self._chunk),
            )
        )
        chunk_offset = self._length
        self._write(chunk)
        indexes_offset = self._length
        offsets = {}
        for channel, places in self._places.items():
            offsets[channel] = self._length
            self._write(_MESSAGE_INDEX.pack(Opcode.MESSAGE_INDEX, 6 + len(places), channel, len(places)) + places)
            self._message_counts[channel] += len(places) // _MESSAGE_PLACE.size
        self._chunk_indexes.add(
            encode_record(
                records.ChunkIndex(
                    message_start_time=self._chunk_begin,
                    message_end_time=self._chunk_end,
                    chunk_start_offset=chunk_offset,
                    chunk_length=len(chunk),
                    message_index_offsets=offsets,
                    message_index_length=self._length - indexes_offset,
                    compression="zstd",
                    compressed_size=len(compressed),
                    uncompressed_size=len(self._chunk),
                )
            )
        )
        self._begin, self._end = min(self._begin, self._chunk_begin), max(self._end, self._chunk_end)
        self._chunks += 1
        self._places.clear()
        self._chunk.clear()

    def flush(self) -> None:
        """End the open chunk, and write everything to the output, at once."""
        self.end_chunk()
        data = b"".join(self._pending)
        self._pending.clear()
        self._output.write(data)

    def finish(self) -> None:
        """Write the remaining messages and the index of the file; nothing can be added any more."""
        self.end_chunk()
        self._write(encode_record(records.DataEnd(0)))
        begin, checksum = self._length, 0
        offsets = []
        for opcode, group in self._summary():
            group_begin = self._length
            for data in group:
                checksum = zlib.crc32(data, checksum)
                self._write(data)
            offsets.append(records.SummaryOffset(opcode, group_begin, self._length - group_begin))
        offsets_begin = self._length
        for data in map(encode_record, offsets):
            checksum = zlib.crc32(data, checksum)
            self._write(data)
        self._write(encode_footer(begin, offsets_begin, checksum))
        self._write(MAGIC)
        self.flush()

    def _summary(self) -> Iterator[tuple[Opcode, Iterable[bytes]]]:
        """The records of the summary in groups, each with its opcode."""
        statistics = records.Statistics(
            attachment_count=len(self._attachments),
            channel_count=len(self._channels),
            channel_message_counts=dict(self._message_counts),
            chunk_count=self._chunks,
            message_count=self._message_counts.total(),
            metadata_count=len(self._metadata),
            message_start_time=self._begin if self._chunks else 0,
            message_end_time=self._end,
            schema_count=len(self._schemas),
        )
        yield Opcode.SCHEMA, map(encode_record, self._schemas)
        yield Opcode.CHANNEL, map(encode_record, self._channels)
        yield Opcode.STATISTICS, [encode_record(statistics)]
        yield Opcode.CHUNK_INDEX, self._chunk_indexes.blocks()
        yield Opcode.ATTACHMENT_INDEX, map(encode_record, self._attachments)
        yield Opcode.METADATA_INDEX, map(encode_record, self._metadata)

    def _write(self, data: bytes) -> None:
        self._pending.append(data)
        self._length += len(data)


class _PackedRecords:
    """Records that are needed at the end only, kept compressed."""

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._open = bytearray()

    def add(self, record: bytes) -> None:
        """Keep one more."""
        self._open += record
        if len(self._open) >= _INDEX_BLOCK_BYTES:
            packed = memoryview(zstandard.compress(self._open))
            self._packed.append(bytes(packed))  # copied: the library's bytes keep the memory of the uncompressed ones
            self._open.clear()

    def blocks(self) -> Iterator[bytes]:
        """All of them, in order, many at a time."""
        for packed in self._packed:
            yield zstandard.decompress(packed)
        yield bytes(self._open)


def encode_record(record: records.McapRecord) -> bytes:
    """A record of the library as it is in the file."""
    builder: Any = RecordBuilder()
    record.write(builder)
    data: bytes = builder.end()
    return data


def encode_footer(begin: int, offsets_begin: int, checksum: int) -> bytes:
    """The footer behind a summary and its offsets that begin at these places; ``checksum`` is the CRC-32 of both."""
    checksum = zlib.crc32(_FOOTER_BEGIN.pack(Opcode.FOOTER, _FOOTER_BYTES, begin, offsets_begin), checksum)
    return encode_record(records.Footer(begin, offsets_begin, checksum))
