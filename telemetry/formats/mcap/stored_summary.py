"""The summary that a closed recording holds of itself: an attachment behind everything that it tells about.

It is trusted as long as the rest of the file is what it was, as far as that can be told without reading it: its
checksum covers the metadata, and the index with place, times and sizes of each chunk. A bit that flips inside a chunk
is found only by reading it.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import zstandard
from mcap import records

from telemetry.base.storage.output_file import OutputFile
from telemetry.formats.mcap.records import (
    ATTACHMENT,
    ATTACHMENT_INDEX,
    CHANNEL,
    CHUNK_INDEX,
    DATA_END,
    METADATA,
    METADATA_INDEX,
    SCHEMA,
    STATISTICS,
    SUMMARY_OFFSET,
    CorruptFile,
    Record,
    RecordFile,
    TruncatedFile,
)
from telemetry.formats.mcap.writer import MAGIC, encode_footer, encode_record

NAME: Final = "ac_telemetry/summary.json.zst"
"""The name of the attachment."""

MAX_BYTES: Final = 1 << 24
"""Maximum bytes of a summary: an hour of driving takes a tenth of a megabyte."""

_MEDIA_TYPE: Final = "application/zstd"
_HEAD: Final = struct.Struct("<BQ")
_DATA_END_BYTES: Final = _HEAD.size + 4
_ATTACHMENT_COUNT: Final = slice(14, 18)
"""Where the statistics of a file count its attachments."""


def read_summary(file: RecordFile) -> Any:
    """What :func:`store_summary` stored in this file, values of JSON; None without it or where the file has changed."""
    summary = file.summary
    if summary is None:
        return None
    try:
        at = next((at for name, at in summary.attachments if name == NAME), None)
        if at is None:
            return None
        record, end = file.read(at)
        if record.opcode != ATTACHMENT or end != file.summary_begin - _DATA_END_BYTES:
            return None
        packed = file.parse(record).data
        if zstandard.frame_content_size(packed) > MAX_BYTES:
            return None
        stored = json.loads(zstandard.ZstdDecompressor().decompress(packed, max_output_size=MAX_BYTES))
        is_right = stored["checksum"] == _find_checksum(file, at)
        return stored["summary"] if is_right else None
    except (CorruptFile, TruncatedFile, zstandard.ZstdError, ValueError, KeyError, TypeError, RecursionError):
        return None


def store_summary(path: Path, values: Any) -> bool:
    """Add a summary, values of JSON, to a closed recording; false for one that holds a summary or has no index.

    The end of the file is replaced in one write; where that fails, the file stays as it was. Raises
    :class:`telemetry.SourceError`, and :class:`telemetry.SinkError` where it cannot be written.
    """
    with RecordFile(path) as file:
        summary = file.summary
        if summary is None or any(name == NAME for name, _ in summary.attachments):
            return False
        begin = file.summary_begin - _DATA_END_BYTES
        former = file.read_bytes(begin, file.size - begin)
        if former[:1] != bytes([DATA_END]):
            return False
        stored = json.dumps({"checksum": _find_checksum(file, begin), "summary": values}, separators=(",", ":"))
        attachment, index = _make_attachment(begin, zstandard.compress(stored.encode()))
        groups = {opcode: data for opcode, data in summary.groups.items() if opcode != SUMMARY_OFFSET}
        groups[ATTACHMENT_INDEX] = groups.get(ATTACHMENT_INDEX, b"") + index
        groups[STATISTICS] = b"".join(map(_count_attachment, summary.records(STATISTICS)))
        tail = _make_tail(begin + len(attachment), groups)
    output = OutputFile.open(path, "append")
    try:
        output.write(attachment + tail, over=former)
    finally:
        output.close()
    return True


def _find_checksum(file: RecordFile, covered: int) -> str:
    """The checksum over a file with this many bytes up to its summary."""
    assert file.summary is not None
    digest = hashlib.blake2b(covered.to_bytes(8, "little"), digest_size=16)
    for opcode in (SCHEMA, CHANNEL, METADATA_INDEX, CHUNK_INDEX):
        digest.update(file.summary.groups.get(opcode, b""))
    for record in file.indexed_records(file.summary.metadata_offsets, METADATA):
        digest.update(record.body)
    return digest.hexdigest()


def _make_attachment(at: int, data: bytes) -> tuple[bytes, bytes]:
    """The attachment at this offset, and the record that indexes it."""
    times = {"create_time": 0, "log_time": 0}
    attachment = encode_record(records.Attachment(name=NAME, media_type=_MEDIA_TYPE, data=data, **times))
    index = records.AttachmentIndex(
        offset=at, length=len(attachment), data_size=len(data), name=NAME, media_type=_MEDIA_TYPE, **times
    )
    return attachment, encode_record(index)


def _make_tail(at: int, groups: Mapping[int, bytes]) -> bytes:
    """The end of a file from this offset on: the end of its data, and an index of these records."""
    data_end = encode_record(records.DataEnd(0))
    begin = end = at + len(data_end)
    offsets = []
    for opcode, group in groups.items():
        offsets.append(encode_record(records.SummaryOffset(opcode, end, len(group))))
        end += len(group)
    summary = b"".join([*groups.values(), *offsets])
    return data_end + summary + encode_footer(begin, end, zlib.crc32(summary)) + MAGIC


def _count_attachment(statistics: Record) -> bytes:
    """The statistics of a file with one attachment more."""
    body = bytearray(statistics.body)
    count = int.from_bytes(body[_ATTACHMENT_COUNT], "little") + 1
    body[_ATTACHMENT_COUNT] = count.to_bytes(4, "little")
    return _HEAD.pack(STATISTICS, len(body)) + body
