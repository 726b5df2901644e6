"""Reading recordings: the pages as they were recorded, at the recorded pace."""

import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from telemetry.base.clock import Clock, RateLimiter
from telemetry.base.errors import SourceError, UsageError
from telemetry.base.typing import override
from telemetry.fields.held import MISSING_FIELDS, parse_missing
from telemetry.fields.pages import read_menu_visible, read_packet_id, read_status
from telemetry.fields.snapshot import PageDecoder
from telemetry.formats.mcap.chunks import select_chunks
from telemetry.formats.mcap.layout import (
    EVENTS,
    FILE_METADATA,
    FORMAT_VERSION,
    GRAPHICS,
    PAGE_SIZES,
    PHYSICS,
    QUALITY_METADATA,
    STATIC,
    Channel,
    format_version,
    nanoseconds,
    seconds,
)
from telemetry.formats.mcap.messages import Message, parse_event, parse_message
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
from telemetry.formats.mcap.steps import LoggedStep, PlayedTimes, StepBuilder
from telemetry.recording.game_state import is_advancing, state_in_session
from telemetry.recording.interfaces import Event, Moment, PlayedMoment, Reading, Source, Step

if TYPE_CHECKING:
    from telemetry.fields.blocks import PageBlock

_UNREAD: Final = frozenset({MESSAGE_INDEX, CHUNK_INDEX, METADATA, ATTACHMENT})
_SKIPPED_IN_SUMMARY: Final = frozenset({MESSAGE_INDEX, CHUNK_INDEX, ATTACHMENT, CHUNK, MESSAGE})


class Info(NamedTuple):
    """Facts about a file.

    ``truncation`` is a sentence, empty if the file is ``complete``. ``library`` is the one that wrote it. ``messages``
    counts the messages by topic.
    """

    complete: bool
    truncation: str
    library: str
    messages: Mapping[str, int]


def check_version(path: Path, metadata: Mapping[str, Mapping[str, str]]) -> None:
    """Raise :class:`SourceError` for a recording in a newer format version."""
    written = format_version(metadata)
    if not (written.isascii() and written.isdigit() and len(written) < 10 and int(written) <= FORMAT_VERSION):
        raise SourceError(
            f"{path} has format version {written}, but only versions up to {FORMAT_VERSION} are supported. "
            "Update ac-telemetry to read it."
        )


class McapRecording(Source):
    """A recording of pages as a source: it plays at its own pace, between ``begin`` and ``end`` if these are given.

    Both are in seconds since the recording's first step; the step at ``end`` is left out. A truncated file is read as
    far as possible, and :attr:`truncation` says up to which byte. Raises :class:`SourceError` for a file that is not a
    recording, is corrupt, or holds no step in that part; :class:`UsageError` for invalid times.

    ``metadata_records`` holds the metadata records by name; if several have the same name, the last.
    """

    def __init__(self, path: Path, *, loop: bool = False, begin: float | None = None, end: float | None = None) -> None:
        self.name = str(path)
        self.metadata_records: dict[str, dict[str, str]] = {}
        self.truncation = ""
        self._path = path
        self._loop = loop
        self._library = ""
        self._read_share = 0.0
        self._played: PlayedMoment | None = None
        self._origin = 0
        self._begin: int | None = None
        self._end: int | None = None
        for bound in (begin, end):
            if bound is not None and not 0.0 <= bound < math.inf:
                raise UsageError(f"A time in a recording must be a finite number of at least 0 s, got {bound:g} s.")
        if end is not None and (begin or 0.0) >= end:
            raise UsageError(
                f"The end of a part must be later than its beginning, got {begin or 0.0:g} s to {end:g} s."
            )
        with RecordFile(path) as file:
            self._read_summary(file)
            check_version(path, self.metadata_records)
            self._origin = self._find_origin(file)
        self.limit(begin, end)
        if begin is not None and next(self.read_steps(), None) is None:
            raise SourceError(f"{path} holds no step from {begin:g} s {f'to {end:g} s' if end else 'on'}.")

    @property
    @override
    def metadata(self) -> Mapping[str, str]:
        return self.metadata_records.get(FILE_METADATA, {})

    @cached_property
    def missing_fields(self) -> frozenset[str]:
        """The raw fields whose values in the pages mean nothing: the file was made of a recording without them."""
        return parse_missing(self.metadata.get(MISSING_FIELDS, ""))

    @property
    @override
    def complete(self) -> bool:
        return not self.truncation

    @override
    def stored_summary(self) -> Any:
        from telemetry.formats.mcap.stored_summary import read_summary

        if self._begin is not None or self._end is not None:
            return None
        with RecordFile(self._path) as file:
            return read_summary(file)

    @property
    @override
    def duration_s(self) -> float | None:
        try:
            return float(self.metadata_records[QUALITY_METADATA]["elapsed_seconds"])
        except (KeyError, ValueError):
            return None

    @property
    @override
    def read_share(self) -> float:
        return self._read_share

    def limit(self, begin: float | None, end: float | None) -> None:
        """Play only from one time to another, in seconds since the first step; None for those of the recording."""
        self._begin = None if begin is None else self._origin + nanoseconds(begin)
        self._end = None if end is None else self._origin + nanoseconds(end)

    def read_steps(self) -> Iterator[Step]:
        """The recorded steps, as fast as they can be read. Raises :class:`SourceError` where the file is corrupt."""
        begin, end = self._begin, self._end
        with RecordFile(self._path) as file:
            first = begin is not None
            for logged in self._logged_steps(file):
                if begin is not None and logged.log_time < begin:
                    continue
                if end is not None and logged.log_time >= end:
                    return
                yield Step(
                    state_in_session(read_status(logged.pages.graphics), read_menu_visible(logged.pages.graphics)),
                    logged.pages,
                    seconds(logged.log_time - self._origin),
                    0 if first else logged.missing,  # steps missing before a part are outside it
                    logged.repaired,
                )
                first = False

    @override
    def blocks(self, rate: float | None = None, fields: Collection[str] | None = None) -> "Iterator[PageBlock]":
        from telemetry.formats.mcap.blocks import BlockReader

        with RecordFile(self._path) as file:
            records, known = self._records(file, PAGE_SIZES)
            reader = BlockReader(file, known, origin=self._origin, rate=rate)
            yield from reader.read(records, self._begin, self._end)

    @override
    def part(self, begin: float) -> "McapRecording | None":
        if self._loop or self._begin is not None or self._end is not None:
            return None
        part = copy(self)
        part.limit(begin, None)
        return part

    @override
    def events(self) -> Iterator[Event]:
        begin, end = self._begin, self._end
        with RecordFile(self._path) as file:
            for message in self._messages(file, (EVENTS,)):
                if message.topic != EVENTS or (begin is not None and message.log_time < begin):
                    continue
                if end is not None and message.log_time >= end:
                    return
                yield parse_event(file.path, message, self._origin)

    @cached_property
    def info(self) -> Info:
        """The facts about the file; without an index all of it is read to count the messages."""
        with RecordFile(self._path) as file:
            counts: dict[str, int] = {}
            if file.summary and file.summary.message_counts is not None:
                for channel, count in file.summary.message_counts.items():
                    known = file.summary.channels.get(channel)
                    topic = known.topic if known else ""
                    counts[topic] = counts.get(topic, 0) + count
            else:
                for message in self._messages(file, None):
                    counts[message.topic] = counts.get(message.topic, 0) + 1
            return Info(file.finished, self.truncation, self._library, counts)

    @override
    def moment(self, clock: Clock) -> Moment:
        return super().moment(clock) if self._played is None else self._played.now(clock)

    @override
    def steps(self, clock: Clock) -> Iterator[Step]:
        return self._paced(clock, None)

    @override
    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        decoder = PageDecoder()
        last_packet_id: int | None = None
        for step in self._paced(clock, rate):
            if step.pages is None:
                continue
            packet_id = read_packet_id(step.pages.physics)
            moved, last_packet_id = last_packet_id not in (None, packet_id), packet_id
            is_new_step = is_advancing(step.state, moved=moved)
            yield Reading(step.state, decoder.decode(step.pages, elapsed=step.elapsed), is_new_step)

    def _paced(self, clock: Clock, rate: float | None) -> Iterator[Step]:
        """The steps, each at its time on the clock; with a ``rate``, at most that many per second."""
        lead: float | None = None
        times, limiter = PlayedTimes(), RateLimiter(rate)
        while True:
            times.restart()
            for step in self.read_steps():
                elapsed = times.follow(step.elapsed)
                if lead is None:
                    lead = clock.now() - elapsed
                if not limiter.accept(elapsed):
                    continue
                if not clock.sleep_until(lead + elapsed):
                    return
                if step.pages is not None:
                    self._played = PlayedMoment(elapsed, step.pages.timestamp, lead)
                yield step._replace(elapsed=elapsed)
            if not self._loop or math.isinf(times.latest):
                return

    def _read_summary(self, file: RecordFile) -> None:
        """Read the header and the metadata records, and find out where a truncated file ends."""
        if file.summary is not None:
            self._read_metadata(file, file.record(8, HEADER))
            for record in file.indexed_records(file.summary.metadata_offsets, METADATA):
                self._read_metadata(file, record)
            return
        at = file.size
        try:
            for record in file.records(_SKIPPED_IN_SUMMARY):
                self._read_metadata(file, record)
        except TruncatedFile as truncated:
            at = truncated.at
        if not file.finished:
            self.truncation = f"The recording is truncated at byte {at:,}; everything before is intact."

    def _read_metadata(self, file: RecordFile, record: Record) -> None:
        if record.opcode == HEADER:
            with suppress(CorruptFile):  # only shown to users
                self._library = file.parse(record).library
        elif record.opcode == METADATA:
            entry = file.parse(record)
            self.metadata_records[entry.name] = entry.metadata

    def _find_origin(self, file: RecordFile) -> int:
        channels: dict[int, Channel] = {}
        logged = next(self._logged_steps(file, channels), None)
        if logged is not None:
            return logged.log_time
        if not self.truncation and not {PHYSICS, GRAPHICS, STATIC} <= {channel.topic for channel in channels.values()}:
            raise SourceError(f"{self._path} is not a recording of Assetto Corsa's pages.")
        raise SourceError(f"{self._path} holds no step.")

    def _logged_steps(self, file: RecordFile, channels: dict[int, Channel] | None = None) -> Iterator[LoggedStep]:
        """The steps from a little before ``begin`` on; the channels found on the way are added to ``channels``."""
        channels = {} if channels is None else channels
        builder = StepBuilder(self._path, channels)
        for message in self._messages(file, PAGE_SIZES, channels):
            if (step := builder.add(message)) is not None:
                yield step
        if (last := builder.finish()) is not None:
            yield last

    def _messages(
        self, file: RecordFile, wanted: Collection[str] | None, channels: dict[int, Channel] | None = None
    ) -> Iterator[Message]:
        """The messages of the part that is played, beginning a little earlier; if ``wanted`` is None, all messages.

        With an index, chunks without any of the ``wanted`` topics are left out; those read can hold other topics too.
        """
        channels = {} if channels is None else channels
        records, known = self._records(file, wanted)
        channels.update(known)
        try:
            for record in records:
                for entry in file.contents(record):
                    if entry.opcode == MESSAGE:
                        yield parse_message(file.path, entry, channels)
                    elif entry.opcode == CHANNEL:
                        parsed = file.parse(entry)
                        channels[parsed.id] = Channel(parsed.topic, parsed.message_encoding)
        except TruncatedFile:
            return

    def _records(
        self, file: RecordFile, wanted: Collection[str] | None
    ) -> tuple[Iterator[Record], Mapping[int, Channel]]:
        """The records to read for these topics, and the channels that an index names where one is used."""
        chunks = None if wanted is None else self._select_chunks(file, wanted)
        if chunks is None or file.summary is None:
            return self._watch(file, file.records(_UNREAD)), {}
        return self._watch(file, file.indexed_records(chunks, CHUNK)), file.summary.channels

    def _watch(self, file: RecordFile, records: Iterator[Record]) -> Iterator[Record]:
        for record in records:
            self._read_share = record.at / file.size
            yield record

    def _select_chunks(self, file: RecordFile, wanted: Collection[str]) -> list[int] | None:
        """Offsets of the chunks to read; None where all are needed, or the index is missing or not sufficient."""
        if file.summary is None or (self._begin is None and EVENTS not in wanted):
            return None
        channels = frozenset(number for number, one in file.summary.channels.items() if one.topic in wanted)
        return select_chunks(file.summary.chunks, channels, self._begin)
