"""From the chunks of a recording to blocks of steps: numpy views on the pages."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final

import numpy as np

from telemetry.base.clock import RateLimiter
from telemetry.fields.blocks import Array, DistinctPages, PageBlock
from telemetry.formats.mcap.layout import PAGE_SIZES, PAGE_TOPICS, Channel, seconds
from telemetry.formats.mcap.message_places import values_at
from telemetry.formats.mcap.records import CorruptFile, Record, RecordFile, TruncatedFile
from telemetry.formats.mcap.step_rows import StepReader, StepRows
from telemetry.formats.mcap.steps import PlayedTimes

BLOCK_STEPS: Final = 1 << 13
"""Steps from which on a block is complete: enough that the work per block does not count, about 5 MB of pages."""


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
        elapsed = self._played_times(all_seconds(rows.log_time - self._origin))
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
        timestamp = all_seconds(np.concatenate([rows.publish_time for rows in parts]))
        physics, graphics, static = (_gather(kind, parts) for kind in range(len(PAGE_TOPICS)))
        sequence = np.arange(self._sequence, self._sequence + count)
        self._parts, self._count, self._sequence = [], 0, self._sequence + count
        return PageBlock(timestamp, elapsed, sequence, physics=physics, graphics=graphics, static=static)


def _gather(kind: int, parts: Iterable[StepRows]) -> DistinctPages:
    """The different pages of one kind, copied out of their buffers, and which of them each step shows."""
    topic = PAGE_TOPICS[kind]
    page = np.dtype(f"V{PAGE_SIZES[topic]}")  # raw bytes: joining pages with their fields would drop the padding
    pages: list[Array] = []
    shown: list[Array] = []
    count = 0
    for part in parts:
        begins = part.page_begins[kind]
        is_new = np.append(True, begins[1:] != begins[:-1])
        pages.append(values_at(part.buffer, begins[is_new], page))
        shown.append(np.cumsum(is_new) + (count - 1))
        count += len(pages[-1])
    index = np.concatenate(shown)
    shown_pages = None if len(index) == count else index
    return DistinctPages.of(topic.removeprefix("/acpmf_"), np.concatenate(pages), shown_pages)


def all_seconds(nanoseconds: Array) -> Array:
    """:func:`seconds` of each of these int64 values, as float64."""
    whole, rest = np.divmod(nanoseconds, 1_000_000_000)
    converted: Array = whole + rest / 1e9
    # The sum is rounded a second time. Above 2^29 s, its last bit is worth so much that no fraction of whole ns but an
    # exact one is so near to the middle of two doubles that it would matter. Below 2^53 ns, one division is exact.
    if len(nanoseconds) and not whole.min() >= 1 << 29:
        is_small = np.abs(nanoseconds) <= 1 << 53
        converted = np.where(is_small, nanoseconds / 1e9, converted)
        for index in np.flatnonzero(~is_small & (whole < 1 << 29)).tolist():
            converted[index] = seconds(int(nanoseconds[index]))
    return converted
