"""Reading recordings: the pages as they were, at the pace at which they came."""

import math
import struct
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from ac_native_memory import Pages
from telemetry.base.clock import Clock, RateLimiter
from telemetry.base.errors import SourceError, UsageError
from telemetry.base.typing import override
from telemetry.base.units import STEP_S
from telemetry.fields.pages import read_menu_visible, read_packet_id, read_status
from telemetry.fields.snapshot import PageDecoder
from telemetry.formats.mcap.layout import (
    EVENTS,
    FILE_METADATA,
    FORMAT_VERSION,
    GRAPHICS,
    PAGE_SIZES,
    PHYSICS,
    QUALITY_METADATA,
    STATIC,
    nanoseconds,
    seconds,
)
from telemetry.formats.mcap.records import (
    ATTACHMENT,
    CHANNEL,
    CHUNK,
    CHUNK_INDEX,
    HEADER,
    MESSAGE,
    MESSAGE_INDEX,
    METADATA,
    CorruptFile,
    Record,
    RecordFile,
    TruncatedFile,
)
from telemetry.recording.game_state import is_advancing, state_in_session
from telemetry.recording.interfaces import Event, Reading, Source, Step

_MESSAGE: Final = struct.Struct("<HIQQ")
_UNREAD: Final = frozenset({MESSAGE_INDEX, CHUNK_INDEX, METADATA, ATTACHMENT})
_SKIPPED_IN_SUMMARY: Final = frozenset({MESSAGE_INDEX, CHUNK_INDEX, ATTACHMENT, CHUNK, MESSAGE})


class Message(NamedTuple):
    """A message of a page or of the events; times in nanoseconds, ``at`` the place of what holds it in the file."""

    at: int
    topic: str
    log_time: int
    publish_time: int
    data: bytes


class Info(NamedTuple):
    """Facts of a file: whether it has its end, else where it is truncated; its writer's library; messages by topic."""

    complete: bool
    truncation: str
    library: str
    messages: Mapping[str, int]


class _LogTime(NamedTuple):
    """Everything of one log time."""

    log_time: int
    pages: Pages
    missing: int
    repaired: bool


def message_of(file: RecordFile, record: Record, topics: Mapping[int, str]) -> Message:
    """The message in a record, checked; :class:`CorruptFile` where it is none of a page's size."""
    if len(record.body) < _MESSAGE.size:
        raise CorruptFile(file.path, record.at, "a message is too short")
    channel, _, log_time, publish_time = _MESSAGE.unpack_from(record.body)
    topic = topics.get(channel)
    if topic is None:
        raise CorruptFile(file.path, record.at, f"a message belongs to an unknown channel, {channel}")
    data = record.body[_MESSAGE.size :]
    if len(data) != PAGE_SIZES.get(topic, len(data)):
        raise CorruptFile(
            file.path, record.at, f"a message of {topic} has {len(data):,} bytes, and the page {PAGE_SIZES[topic]}"
        )
    return Message(record.at, topic, log_time, publish_time, data)


def event_of(file: RecordFile, message: Message) -> Event:
    """The event in a message; :class:`CorruptFile` where it is none."""
    try:
        values = orjson.loads(message.data)
        kind, timestamp = values.pop("kind"), values.pop("timestamp")
        if type(kind) is not str or type(timestamp) not in (int, float):
            raise ValueError  # noqa: TRY301 - one sentence for all that an event is not
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CorruptFile(file.path, message.at, "an event is not as it should be") from None
    return Event(kind, float(timestamp), values)


def steps_of(gap: Event) -> int:
    """How many steps a gap says are missing."""
    steps = gap.values.get("steps")
    return steps if type(steps) is int and steps > 0 else 0


def check_version(path: Path, metadata: Mapping[str, Mapping[str, str]]) -> None:
    """Raise :class:`SourceError` for a recording in a format of the future."""
    written = metadata.get(FILE_METADATA, {}).get("format_version", str(FORMAT_VERSION))
    if not (written.isascii() and written.isdigit() and len(written) < 10 and int(written) <= FORMAT_VERSION):
        raise SourceError(
            f"{path} is written in version {written} of the format, and versions up to {FORMAT_VERSION} can be read "
            "here. A newer ac-telemetry reads it."
        )


class McapRecording(Source):
    """A recording of pages as a source: it plays at its own pace, between ``begin`` and ``end`` if these are given.

    Both are in seconds since the recording's first step; the step at ``end`` is left out. A truncated file is read up
    to there, and :attr:`truncation` says where. Raises :class:`SourceError` for a file that is not a recording, or is
    corrupt.

    ``metadata_records`` holds the records of metadata by name; of several with one name, the last.
    """

    def __init__(self, path: Path, *, loop: bool = False, begin: float | None = None, end: float | None = None) -> None:
        self.name = str(path)
        self.metadata_records: dict[str, dict[str, str]] = {}
        self.truncation = ""
        self._path = path
        self._loop = loop
        self._library = ""
        self._origin = 0
        self._begin: int | None = None
        self._end: int | None = None
        for bound in (begin, end):
            if bound is not None and not 0.0 <= bound < math.inf:
                raise UsageError(f"{bound:g} s is no time in a recording.")
        if end is not None and (begin or 0.0) >= end:
            raise UsageError(f"There is nothing from {begin or 0.0:g} s to {end:g} s of a recording.")
        with RecordFile(path) as file:
            self._read_summary(file)
            check_version(path, self.metadata_records)
            self._origin = self._find_origin(file)
        if begin is not None:
            self._begin = self._origin + nanoseconds(begin)
        if end is not None:
            self._end = self._origin + nanoseconds(end)
        if begin is not None and next(self.read_steps(), None) is None:
            raise SourceError(f"{path} holds no step from {begin:g} s on{f' to {end:g} s' if end else ''}.")

    @property
    @override
    def metadata(self) -> Mapping[str, str]:
        return self.metadata_records.get(FILE_METADATA, {})

    @property
    @override
    def complete(self) -> bool:
        return not self.truncation

    @property
    @override
    def duration_s(self) -> float | None:
        try:
            return float(self.metadata_records[QUALITY_METADATA]["elapsed_seconds"])
        except (KeyError, ValueError):
            return None

    def read_steps(self) -> Iterator[Step]:
        """The recorded steps, as fast as they can be read."""
        begin, end = self._begin, self._end
        with RecordFile(self._path) as file:
            first = begin is not None
            for moment in self._moments(file):
                if begin is not None and moment.log_time < begin:
                    continue
                if end is not None and moment.log_time >= end:
                    return
                yield Step(
                    state_in_session(read_status(moment.pages.graphics), read_menu_visible(moment.pages.graphics)),
                    moment.pages,
                    seconds(moment.log_time - self._origin),
                    0 if first else moment.missing,  # what is missing before a part belongs to the part before
                    moment.repaired,
                )
                first = False

    @override
    def events(self) -> Iterator[Event]:
        begin, end = self._begin, self._end
        with RecordFile(self._path) as file:
            for message in self._messages(file, (EVENTS,)):
                if message.topic != EVENTS or (begin is not None and message.log_time < begin):
                    continue
                if end is not None and message.log_time >= end:
                    return
                yield event_of(file, message)

    @cached_property
    def info(self) -> Info:
        """The facts of the file; those of a cut one take a look at all of it."""
        with RecordFile(self._path) as file:
            counts: dict[str, int] = {}
            if file.summary and file.summary.message_counts is not None:
                for channel, count in file.summary.message_counts.items():
                    topic = file.summary.topics.get(channel, "")
                    counts[topic] = counts.get(topic, 0) + count
            else:
                for message in self._messages(file, None):
                    counts[message.topic] = counts.get(message.topic, 0) + 1
            return Info(file.finished, self.truncation, self._library, counts)

    def steps(self, clock: Clock) -> Iterator[Step]:
        """The steps when their time has come."""
        return self._paced(clock, None)

    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        """The steps as snapshots when their time has come; with a ``rate``, no more of them per second than that."""
        decoder = PageDecoder()
        latest: int | None = None
        for step in self._paced(clock, rate):
            if step.pages is None:
                continue
            packet_id = read_packet_id(step.pages.physics)
            moved, latest = latest not in (None, packet_id), packet_id
            is_new_step = is_advancing(step.state, moved=moved)
            yield Reading(step.state, decoder.decode(step.pages, elapsed=step.elapsed), is_new_step)

    def _paced(self, clock: Clock, rate: float | None) -> Iterator[Step]:
        began = first = None
        elapsed, thinning = -math.inf, RateLimiter(rate)
        while True:
            shift = 0.0
            for step in self.read_steps():
                before, elapsed = elapsed, step.elapsed + shift
                if not elapsed >= before:  # the recording goes round, or its clock was set back
                    elapsed = before + STEP_S
                    shift = elapsed - step.elapsed
                if began is None or first is None:
                    began, first = clock.now(), elapsed
                if not thinning.accept(elapsed):
                    continue
                if not clock.sleep_until(began + elapsed - first):
                    return
                yield step._replace(elapsed=elapsed)
            if not self._loop or math.isinf(elapsed):
                return

    def _read_summary(self, file: RecordFile) -> None:
        """Read what stands around the messages, and find out where the file ends."""
        if file.summary is not None:
            records = [file.record(8, HEADER), *(file.record(at, METADATA) for at in file.summary.metadata_offsets)]
            for record in records:
                self._take(file, record)
            return
        at = file.size
        try:
            for record in file.records(_SKIPPED_IN_SUMMARY):
                self._take(file, record)
        except TruncatedFile as cut:
            at = cut.at
        if not file.finished:
            self.truncation = f"The recording was cut at byte {at:,}; all before is whole."

    def _take(self, file: RecordFile, record: Record) -> None:
        if record.opcode == HEADER:
            with suppress(CorruptFile):  # nothing hangs on it
                self._library = file.parse(record).library
        elif record.opcode == METADATA:
            entry = file.parse(record)
            self.metadata_records[entry.name] = entry.metadata

    def _find_origin(self, file: RecordFile) -> int:
        topics: dict[int, str] = {}
        moment = next(self._moments(file, topics), None)
        if moment is not None:
            return moment.log_time
        if not self.truncation and not {PHYSICS, GRAPHICS, STATIC} <= set(topics.values()):
            raise SourceError(f"{self._path} holds no recording of Assetto Corsa's pages.")
        raise SourceError(f"{self._path} holds no step.")

    def _moments(self, file: RecordFile, topics: dict[int, str] | None = None) -> Iterator[_LogTime]:
        """What the messages say, one log time after the other; ``topics`` is filled as channels turn up."""
        topics = {} if topics is None else topics
        pages: dict[str, bytes] = {}
        latest: Pages | None = None
        time = publish_time = missing = 0
        repaired = pending = False

        def moment() -> _LogTime | None:
            nonlocal latest, missing, repaired, pending
            pending = False
            if len(pages) < len(PAGE_SIZES):
                return None
            now = Pages(pages[PHYSICS], pages[GRAPHICS], pages[STATIC], seconds(publish_time))
            if latest is not None and EVENTS not in topics.values():
                missing = max(0, read_packet_id(now.physics) - read_packet_id(latest.physics) - 1)
            latest, result = now, _LogTime(time, now, missing, repaired)
            missing, repaired = 0, False
            return result

        for message in self._messages(file, PAGE_SIZES, topics):
            if pending and message.log_time != time and (complete := moment()):
                yield complete
            if message.topic == EVENTS:
                event = event_of(file, message)
                missing += steps_of(event) if event.kind == "gap" else 0
                repaired = repaired or event.kind == "repaired"
            elif message.topic in PAGE_SIZES:
                pages[message.topic] = message.data
                pending, time, publish_time = True, message.log_time, message.publish_time
        if pending and (complete := moment()):
            yield complete

    def _messages(
        self, file: RecordFile, wanted: Collection[str] | None, topics: dict[int, str] | None = None
    ) -> Iterator[Message]:
        """The messages of the part that is played, from a little before on; of all, with no ``wanted`` topics.

        Chunks without any of the wanted topics are left out where the file's index tells.
        """
        topics = {} if topics is None else topics
        chunks = None if wanted is None else self._chunks(file, wanted)
        records: Iterator[Record]
        if chunks is not None and file.summary is not None:
            topics.update(file.summary.topics)
            records = (file.record(at, CHUNK) for at in chunks)
        else:
            records = file.records(_UNREAD)
        try:
            for record in records:
                for entry in file.contents(record):
                    if entry.opcode == MESSAGE:
                        yield message_of(file, entry, topics)
                    elif entry.opcode == CHANNEL:
                        channel = file.parse(entry)
                        topics[channel.id] = channel.topic
        except TruncatedFile:
            return

    def _chunks(self, file: RecordFile, wanted: Collection[str]) -> list[int] | None:
        """Where the chunks lie that matter; None where all do, or the index does not tell."""
        if file.summary is None or (self._begin is None and EVENTS not in wanted):
            return None
        indexes = file.summary.chunk_indexes
        times = [index.message_start_time for index in indexes]
        if not indexes or times != sorted(times) or not all(index.message_index_offsets for index in indexes):
            return None
        ids = {channel for channel, topic in file.summary.topics.items() if topic in wanted}
        before: dict[int, int] = {}  # the latest chunk of each channel: the page as it was at the beginning
        inside: list[int] = []
        for index in indexes:
            if self._begin is None or index.message_end_time >= self._begin:
                if ids & index.message_index_offsets.keys():
                    inside.append(index.chunk_start_offset)
            else:
                for channel in ids & index.message_index_offsets.keys():
                    before[channel] = index.chunk_start_offset
        return [*sorted(set(before.values())), *inside]
