"""Where the messages in a chunk begin: as the index behind it says, or found by going through them."""

import struct
from typing import Any, Final

import numpy as np

from telemetry.fields.blocks import Array
from telemetry.formats.mcap.records import (
    MAX_RECORDS,
    MESSAGE,
    MESSAGE_INDEX,
    CorruptFile,
    Record,
    RecordFile,
    TruncatedFile,
)

RECORD_HEAD: Final = struct.Struct("<BQ")
"""The begin of any record: its opcode, and the length of what follows."""

MESSAGE_HEAD: Final = np.dtype(
    [
        ("opcode", "u1"),
        ("length", "<u8"),
        ("channel", "<u2"),
        ("sequence", "<u4"),
        ("log_time", "<u8"),
        ("publish_time", "<u8"),
    ]
)
"""The begin of a message record."""

_INDEX_HEAD_BYTES: Final = 6
"""The channel, and the bytes that follow: log time and place of each of its messages."""

_NONE: Final = np.zeros(0, dtype=np.int64)
_ALL_BUT_INDEX: Final = frozenset(range(256)) - {MESSAGE_INDEX}


def indexed_messages(file: RecordFile, chunk: Record) -> Array:
    """Where the messages in a chunk begin, as the records behind it say, which can be wrong; empty without any."""
    at = chunk.at + RECORD_HEAD.size + len(chunk.body)
    found = []
    try:
        record, at = file.read(at, _ALL_BUT_INDEX)
        while record.opcode == MESSAGE_INDEX:
            found.append(np.frombuffer(record.body, "<u8", offset=_INDEX_HEAD_BYTES)[1::2])
            record, at = file.read(at, _ALL_BUT_INDEX)
    except (CorruptFile, TruncatedFile, ValueError):  # which is said where the record is read for what it holds
        return _NONE
    begins = np.sort(np.concatenate(found)).astype(np.int64) if found else _NONE
    return begins if len(begins) <= MAX_RECORDS else _NONE


def find_messages(data: bytes) -> Array:
    """Where the messages begin that the content of a chunk is made of; empty where it holds anything else."""
    begins: list[int] = []
    at, end = 0, len(data)
    add, unpack = begins.append, RECORD_HEAD.unpack_from
    head, last = RECORD_HEAD.size, end - MESSAGE_HEAD.itemsize
    while at <= last:
        opcode, length = unpack(data, at)
        if opcode != MESSAGE:
            break
        add(at)
        at += head + length
    is_all = at == end and len(begins) <= MAX_RECORDS
    return np.array(begins if is_all else (), dtype=np.int64)


def read_heads(data: bytes, begins: Array) -> Array | None:
    """The heads of the messages that begin at these places, of which the last one ends where the data end.

    None unless there is one right behind the other.
    """
    sizes = np.diff(begins, append=len(data))
    if sizes.min() < MESSAGE_HEAD.itemsize:
        return None
    heads = values_at(data, begins, MESSAGE_HEAD)
    is_right = (heads["opcode"] == MESSAGE) & (heads["length"] == sizes - RECORD_HEAD.size)
    return heads if is_right.all() else None


def values_at(data: bytes, begins: Array, dtype: np.dtype[Any]) -> Array:
    """A copy of the values that begin at these places, which lie apart from the end by their size at least."""
    values: Array = np.ndarray((len(data) - dtype.itemsize + 1,), dtype, data, strides=(1,))
    return values[begins]
