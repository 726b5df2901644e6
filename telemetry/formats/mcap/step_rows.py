"""From the chunks of a recording to its steps: where their pages lie, without a Python object per message.

The steps are those of :class:`telemetry.formats.mcap.steps.StepBuilder`, which takes one message after the other.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from telemetry.fields.blocks import Array
from telemetry.formats.mcap.cdr import HEADER, LITTLE_ENDIAN
from telemetry.formats.mcap.layout import MAX_TIME, PAGE_SIZES, PAGE_TOPICS, Channel
from telemetry.formats.mcap.message_places import (
    MESSAGE_HEAD,
    RECORD_HEAD,
    find_messages,
    indexed_messages,
    read_heads,
    values_at,
)
from telemetry.formats.mcap.messages import locate_message
from telemetry.formats.mcap.records import (
    CHANNEL,
    CHUNK,
    MESSAGE,
    CorruptFile,
    Record,
    RecordFile,
    TruncatedFile,
)

_BATCH_BYTES: Final = 1 << 22
"""Bytes of chunks that are looked at together: a recorder's chunk has a quarter of a second, some 80 steps."""

_KIND_OF_TOPIC: Final = {topic: kind for kind, topic in enumerate(PAGE_TOPICS)}
_CDR_KIND: Final = np.frombuffer(LITTLE_ENDIAN, "<u2")


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


class _Content(NamedTuple):
    """What a chunk holds, and where its messages begin if it holds nothing else."""

    at: int
    """The offset of the chunk in the file."""
    data: bytes
    begins: Array


class StepReader:
    """The steps of a recording, several chunks at once; it remembers the pages that the steps to come still show."""

    def __init__(self, file: RecordFile, channels: Mapping[int, Channel]) -> None:
        """``channels`` are those known from an index; those in the chunks are added."""
        self._file = file
        self._channels = dict(channels)
        self._pages: list[bytes] = [b"", b"", b""]
        self._pending: tuple[int, int] | None = None  # log and publish time of the last step, which can go on
        self._waiting: list[_Content] = []

    def read(self, records: Iterable[Record]) -> Iterator[StepRows]:
        """The steps in these records. Raises :class:`CorruptFile` behind the steps that are intact."""
        size = 0
        try:
            for record in records:
                begins = np.zeros(0, dtype=np.int64)
                if record.opcode == CHUNK:
                    data = self._file.unpack(record)
                    begins = indexed_messages(self._file, record)
                elif record.opcode in (MESSAGE, CHANNEL):  # of a file without chunks
                    data = RECORD_HEAD.pack(record.opcode, len(record.body)) + record.body
                else:
                    continue
                content = _Content(record.at, data, begins if len(begins) else find_messages(data))
                size += len(data)
                is_plain = len(content.begins) > 0 and content.begins[0] == 0
                if size > _BATCH_BYTES or not is_plain:
                    yield from self._read_waiting()
                    size = len(data)
                if is_plain:
                    self._waiting.append(content)
                else:
                    yield from self._read_one(content)
        except (CorruptFile, TruncatedFile):
            yield from self._read_waiting()
            raise
        yield from self._read_waiting()

    def finish(self) -> StepRows:
        """The last step, after the last chunk."""
        nothing = np.zeros(0, dtype=np.int64)
        return self._steps_of(b"".join(self._pages), _Messages(nothing, nothing, nothing, nothing), is_end=True)

    def _read_waiting(self) -> Iterator[StepRows]:
        """The steps in the chunks that hold nothing but messages, all at once if all is intact."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        buffer = b"".join([*self._pages, *[content.data for content in waiting]])
        shifts = np.cumsum([sum(map(len, self._pages)), *[len(content.data) for content in waiting]])
        begins = np.concatenate([content.begins + at for content, at in zip(waiting, shifts, strict=False)])
        if (messages := self._check(buffer, begins)) is not None:
            yield self._steps_of(buffer, messages)
            return
        for content in waiting:
            yield from self._read_one(content)

    def _read_one(self, content: _Content) -> Iterator[StepRows]:
        """The steps in one chunk, record by record; raises :class:`CorruptFile` behind those that are intact."""
        messages, error = self._scan(content.at, content.data)
        buffer = b"".join([*self._pages, content.data])
        begins = messages.begins + (len(buffer) - len(content.data))
        yield self._steps_of(buffer, messages._replace(begins=begins))
        if error is not None:
            raise error

    def _check(self, buffer: bytes, begins: Array) -> _Messages | None:
        """The messages that begin at these places; None unless all is intact, and one right behind the other."""
        heads = read_heads(buffer, begins)
        if heads is None or max(heads["log_time"].max(), heads["publish_time"].max()) > MAX_TIME:
            return None
        lengths = heads["length"].astype(np.int64) + (RECORD_HEAD.size - MESSAGE_HEAD.itemsize)
        begins = begins + MESSAGE_HEAD.itemsize
        kinds = np.full(len(begins), -1)
        for number in np.unique(heads["channel"]).tolist():
            channel = self._channels.get(number)
            if channel is None:
                return None
            rows = np.flatnonzero(heads["channel"] == number)
            if channel.is_cdr:
                if lengths[rows].min() < len(HEADER):
                    return None
                if (values_at(buffer, begins[rows], _CDR_KIND.dtype) != _CDR_KIND).any():
                    return None
                begins[rows] += len(HEADER)
                lengths[rows] -= len(HEADER)
            if channel.topic in PAGE_SIZES:
                if (lengths[rows] != PAGE_SIZES[channel.topic]).any():
                    return None
                kinds[rows] = _KIND_OF_TOPIC[channel.topic]
        return _Messages(begins, kinds, heads["log_time"].astype(np.int64), heads["publish_time"].astype(np.int64))

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

    def _steps_of(self, buffer: bytes, messages: _Messages, *, is_end: bool = False) -> StepRows:
        """The steps that are complete with these messages; the last one waits, because it can go on.

        The buffer begins with the pages that are shown from before.
        """
        begins, kinds, log_times, publish_times = messages
        if self._pending is not None:  # a message for the step that waits, in front of every page
            log_time, publish_time = self._pending
            begins = np.concatenate([[0], begins])
            kinds = np.concatenate([[len(PAGE_TOPICS)], kinds])
            log_times = np.concatenate([[log_time], log_times])
            publish_times = np.concatenate([[publish_time], publish_times])
        count = len(begins)
        if not count:
            return StepRows(buffer, (begins, begins, begins), log_times, publish_times)
        number = np.arange(count)
        page_begins = self._shown_pages(begins, kinds)
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
                self._pages[kind] = buffer[begin : begin + PAGE_SIZES[PAGE_TOPICS[kind]]]
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
