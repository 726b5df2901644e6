"""From the chunks of a recording to blocks of steps: numpy views on the pages, without a Python object per message.

The steps are those of :class:`telemetry.formats.mcap.steps.StepBuilder`, which takes one message after the other.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

import numpy as np

from telemetry.base.clock import RateLimiter
from telemetry.fields.blocks import Array, DistinctPages, PageBlock
from telemetry.formats.mcap.cdr import HEADER, LITTLE_ENDIAN
from telemetry.formats.mcap.layout import GRAPHICS, PAGE_SIZES, PHYSICS, STATIC, Channel, seconds
from telemetry.formats.mcap.messages import locate_message
from telemetry.formats.mcap.records import (
    CHANNEL,
    CHUNK,
    MESSAGE,
    MESSAGE_INDEX,
    CorruptFile,
    Record,
    RecordFile,
    TruncatedFile,
)
from telemetry.formats.mcap.steps import PlayedTimes

BLOCK_STEPS: Final = 1 << 14
"""Steps from which on a block is complete: enough that the work per block does not count, about 10 MB of pages."""

_KINDS: Final = (PHYSICS, GRAPHICS, STATIC)
_KIND_OF_TOPIC: Final = {topic: kind for kind, topic in enumerate(_KINDS)}
_HEAD: Final = struct.Struct("<BQ")


_HEAD_DTYPE: Final = np.dtype(
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
_CDR_KIND: Final = np.frombuffer(LITTLE_ENDIAN, "<u2")
_INDEX_HEAD_BYTES: Final = 6
_NO_INDEX: Final = frozenset(range(256)) - {MESSAGE_INDEX}


class StepRows(NamedTuple):
    """Steps in one buffer: where the page of each kind begins that a step shows, and its times in ns; shape (n,)."""

    buffer: bytes
    page_begins: tuple[Array, Array, Array]
    log_time: Array
    publish_time: Array

    def __len__(self) -> int:
        return len(self.log_time)

    def select(self, rows: Array | slice) -> "StepRows":
        """Some of the steps."""
        physics, graphics, static = (begins[rows] for begins in self.page_begins)
        return StepRows(self.buffer, (physics, graphics, static), self.log_time[rows], self.publish_time[rows])


class _Messages(NamedTuple):
    """The messages of a chunk in the order of the file: where their data begin, their kind (-1: no page), times."""

    begins: Array
    kinds: Array
    log_times: Array
    publish_times: Array


class StepReader:
    """The steps of a recording, chunk by chunk; it remembers the pages that the steps to come still show."""

    def __init__(self, file: RecordFile, channels: Mapping[int, Channel]) -> None:
        """``channels`` are those known from an index; those in the chunks are added."""
        self._file = file
        self._channels = dict(channels)
        self._pages: list[bytes] = [b"", b"", b""]
        self._pending: tuple[int, int] | None = None  # log and publish time of the last step, which can go on

    def read(self, records: Iterable[Record]) -> Iterator[StepRows]:
        """The steps in these records. Raises :class:`CorruptFile` behind the steps that are intact."""
        for record in records:
            if record.opcode == CHUNK:
                data = self._file.unpack(record)
                if (messages := self._scan_indexed(data, self._read_index(record))) is not None:
                    yield self._steps_of(data, messages)
                    continue
            elif record.opcode in (MESSAGE, CHANNEL):  # of a file without chunks
                data = _HEAD.pack(record.opcode, len(record.body)) + record.body
            else:
                continue
            messages, error = self._scan(record.at, data)
            yield self._steps_of(data, messages)
            if error is not None:
                raise error

    def finish(self) -> StepRows:
        """The last step, after the last chunk."""
        nothing = np.zeros(0, dtype=np.int64)
        messages = _Messages(nothing, nothing, nothing, nothing)
        return self._steps_of(b"", messages, is_end=True)

    def _read_index(self, chunk: Record) -> Array:
        """Where in a chunk the messages begin, as the index records behind it say; without these, nothing."""
        found = [np.zeros(0, dtype=np.int64)]
        end = chunk.at + _HEAD.size + len(chunk.body)
        with suppress(CorruptFile, TruncatedFile):  # told where the file is read on
            while (read := self._file.read(end, skipped=_NO_INDEX))[0].opcode == MESSAGE_INDEX:
                record, end = read
                if len(record.body) % 16 != _INDEX_HEAD_BYTES:
                    break
                found.append(np.frombuffer(record.body, "<i8", offset=_INDEX_HEAD_BYTES)[1::2])
        begins = np.concatenate(found)
        begins.sort()
        return begins

    def _scan_indexed(self, data: bytes, begins: Array) -> _Messages | None:
        """The same as :meth:`_scan` at once, if all is intact and exactly the messages at these places are there."""
        size = len(data)
        if not len(begins) or begins[0] != 0 or begins[-1] > size - _HEAD_DTYPE.itemsize:
            return None
        heads = _values_at(data, begins, _HEAD_DTYPE)
        lengths = heads["length"].astype(np.int64) + _HEAD.size
        if (heads["opcode"] != MESSAGE).any() or (begins + lengths != np.append(begins[1:], size)).any():
            return None
        begins = begins + _HEAD_DTYPE.itemsize
        lengths -= _HEAD_DTYPE.itemsize
        kinds = np.full(len(begins), -1)
        for number in np.unique(heads["channel"]).tolist():
            channel = self._channels.get(number)
            if channel is None:
                return None
            rows = np.flatnonzero(heads["channel"] == number)
            if channel.is_cdr:
                if lengths[rows].min() < len(HEADER):
                    return None
                if (_values_at(data, begins[rows], _CDR_KIND.dtype) != _CDR_KIND).any():
                    return None
                begins[rows] += len(HEADER)
                lengths[rows] -= len(HEADER)
            if channel.topic in PAGE_SIZES:
                if (lengths[rows] != PAGE_SIZES[channel.topic]).any():
                    return None
                kinds[rows] = _KIND_OF_TOPIC[channel.topic]
        times = (heads[name].astype(np.int64) for name in ("log_time", "publish_time"))
        return _Messages(begins, kinds, *times)

    def _scan(self, at: int, data: bytes) -> tuple[_Messages, CorruptFile | None]:
        """The messages in the content of a chunk, and what is wrong behind the last intact one."""
        rows: list[tuple[int, int, int, int]] = []
        error: CorruptFile | None = None
        try:
            for opcode, begin, end in self._file.spans(at, data):
                if opcode == MESSAGE:
                    found = locate_message(self._file.path, at, data, (begin, end), self._channels)
                    kind = _KIND_OF_TOPIC.get(found.channel.topic, -1)
                    rows.append((found.begin, kind, found.log_time, found.publish_time))
                elif opcode == CHANNEL:
                    parsed = self._file.parse(Record(at, opcode, data[begin:end]))
                    self._channels[parsed.id] = Channel(parsed.topic, parsed.message_encoding)
        except CorruptFile as corrupt:
            error = corrupt
        return _Messages(*np.array(rows, dtype=np.int64).reshape(-1, 4).T), error

    def _steps_of(self, data: bytes, messages: _Messages, *, is_end: bool = False) -> StepRows:
        """The steps that are complete with these messages; the last one waits, because it can go on."""
        # The pages that are shown from before stand in front of the data, and a message for the step that waits.
        buffer = b"".join([*self._pages, data])
        shift = len(buffer) - len(data)
        begins, kinds, log_times, publish_times = messages
        if self._pending is not None:
            log_time, publish_time = self._pending
            begins = np.concatenate([[-shift], begins])  # at 0: in front of every page
            kinds = np.concatenate([[len(_KINDS)], kinds])
            log_times = np.concatenate([[log_time], log_times])
            publish_times = np.concatenate([[publish_time], publish_times])
        count = len(begins)
        if not count:
            return StepRows(buffer, (begins, begins, begins), log_times, publish_times)
        number = np.arange(count)
        page_begins = self._shown_pages(begins + shift, kinds)
        last_page = np.maximum.accumulate(np.where(kinds >= 0, number, -1))
        is_last = np.append(log_times[1:] != log_times[:-1], True)
        run_begin = np.maximum.accumulate(np.where(np.append(True, is_last[:-1]), number, 0))
        is_step = is_last & (last_page >= run_begin)
        for known in page_begins:
            is_step &= known >= 0
        if not is_end:
            has_pages = last_page[-1] >= run_begin[-1]
            self._pending = (int(log_times[-1]), int(publish_times[last_page[-1]])) if has_pages else None
            is_step[-1] = False
        for kind, known in enumerate(page_begins):
            if known[-1] >= 0:
                begin = int(known[-1])
                self._pages[kind] = buffer[begin : begin + PAGE_SIZES[_KINDS[kind]]]
        rows = np.flatnonzero(is_step)
        shown = (page_begins[0][rows], page_begins[1][rows], page_begins[2][rows])
        return StepRows(buffer, shown, log_times[rows], publish_times[last_page[rows]])

    def _shown_pages(self, begins: Array, kinds: Array) -> tuple[Array, Array, Array]:
        """Where in the buffer the page of each kind begins that is shown at each message; -1 where none is known."""
        found = []
        at = 0
        for kind, page in enumerate(self._pages):
            before = at if page else -1
            found.append(np.maximum.accumulate(np.where(kinds == kind, begins, before)))
            at += len(page)
        return found[0], found[1], found[2]


class BlockReader:
    """The blocks of a recording that is played as fast as it can be read."""

    def __init__(
        self, file: RecordFile, channels: Mapping[int, Channel], *, origin: int, rate: float | None = None
    ) -> None:
        """``origin`` is the log time of the first step in ns; with a ``rate``, at most that many steps a second."""
        self._steps = StepReader(file, channels)
        self._origin = origin
        self._limiter = RateLimiter(rate)
        self._times = PlayedTimes()
        self._parts: list[tuple[StepRows, Array]] = []
        self._count = self._sequence = 0

    def read(self, records: Iterable[Record], begin: int | None, end: int | None) -> Iterator[PageBlock]:
        """The blocks of these records, from one log time in ns up to another, which is left out.

        A file that is cut off ends where it is cut. Raises :class:`CorruptFile` behind the steps that are intact.
        """
        steps = self._read_steps(records)
        error: CorruptFile | None = None
        is_over = False
        while not is_over:
            try:
                rows = next(steps)
            except StopIteration:
                break
            except CorruptFile as corrupt:
                error = corrupt
                break
            inside = np.ones(len(rows), dtype=bool) if begin is None else rows.log_time >= begin
            if end is not None and (is_behind := rows.log_time >= end).any():
                inside[int(is_behind.argmax()) :] = False
                is_over = True
            self._add(rows.select(inside))
            if self._count >= BLOCK_STEPS:
                yield self._build()
        if self._count:
            yield self._build()
        if error is not None:
            raise error

    def _read_steps(self, records: Iterable[Record]) -> Iterator[StepRows]:
        with suppress(TruncatedFile):
            yield from self._steps.read(records)
        yield self._steps.finish()

    def _add(self, rows: StepRows) -> None:
        """Keep those of the steps that the rate leaves."""
        elapsed = self._played_times((rows.log_time - self._origin) / 1e9)
        if self._limiter.rate is not None:
            accepted = np.array([self._limiter.accept(time) for time in elapsed.tolist()], dtype=bool)
            rows, elapsed = rows.select(accepted), elapsed[accepted]
        if len(rows):
            self._parts.append((rows, elapsed))
            self._count += len(rows)

    def _played_times(self, recorded: Array) -> Array:
        """The times of steps as they are played, from those in the file."""
        times = self._times
        played = recorded + times.shift
        if len(played) and not (played[0] >= times.latest and (played[1:] >= played[:-1]).all()):
            return np.array([times.follow(time) for time in recorded.tolist()])
        times.latest = float(played[-1]) if len(played) else times.latest
        return played

    def _build(self) -> PageBlock:
        parts = [rows for rows, _ in self._parts]
        elapsed = np.concatenate([times for _, times in self._parts])
        count = self._count
        # One by one: only the division of integers is rounded once, and so gives the double that was recorded.
        timestamp = np.array([seconds(time) for rows in parts for time in rows.publish_time.tolist()])
        physics, graphics, static = (_gather(kind, parts) for kind in range(len(_KINDS)))
        sequence = np.arange(self._sequence, self._sequence + count)
        self._parts, self._count, self._sequence = [], 0, self._sequence + count
        return PageBlock(timestamp, elapsed, sequence, physics=physics, graphics=graphics, static=static)


def _gather(kind: int, parts: Iterable[StepRows]) -> DistinctPages:
    """The different pages of one kind, copied out of their buffers, and which of them each step shows."""
    topic = _KINDS[kind]
    page = np.dtype(f"V{PAGE_SIZES[topic]}")  # raw bytes: joining pages with their fields would drop the padding
    pages: list[Array] = []
    shown: list[Array] = []
    count = 0
    for part in parts:
        begins = part.page_begins[kind]
        is_new = np.append(True, begins[1:] != begins[:-1])
        pages.append(_values_at(part.buffer, begins[is_new], page))
        shown.append(np.cumsum(is_new) + (count - 1))
        count += len(pages[-1])
    index = np.concatenate(shown)
    shown_pages = None if len(index) == count else index
    return DistinctPages.of(topic.removeprefix("/acpmf_"), np.concatenate(pages), shown_pages)


def _values_at(data: bytes, begins: Array, dtype: np.dtype[Any]) -> Array:
    """A copy of the values that begin at these places, which lie apart from the end by their size at least."""
    values: Array = np.ndarray((len(data) - dtype.itemsize + 1,), dtype, data, strides=(1,))
    return values[begins]
