"""Recordings of samples: what their formats share, whatever their files look like."""

import math
from abc import abstractmethod
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from telemetry.base.clock import Clock, RateLimiter
from telemetry.base.errors import SourceError
from telemetry.base.typing import override
from telemetry.fields.blocks import Array, Block
from telemetry.fields.column_block import ColumnBlock
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.wire import BLANK
from telemetry.recording.game_state import is_advancing, state_in_session
from telemetry.recording.interfaces import Moment, PlayedMoment, Reading, Source
from telemetry.recording.stand_ins import StandIns, Timing

COUNTED_FIELDS: Final = frozenset({"sequence"})
"""Fields that every reader counts anew."""

DEFAULT_INTERVAL_S: Final = 0.1
"""Seconds between samples of a recording that does not hold their times."""

BLOCK_ROWS: Final = 1 << 12
"""Samples in a block, about: enough that the work per block does not count, and 10 MB with all fields."""

READING_ROWS: Final = 1 << 6
"""Samples that are read at once to be played one by one: a pause of a few milliseconds."""


class ColumnRecording(Source):
    """A recording of samples as a source: it plays at its own pace, its derived fields computed again.

    It plays between ``begin`` and ``end`` if these are given, in seconds since its first sample; the sample at ``end``
    is left out. Fields that the file lacks read as 0, NaN or the empty text, but for the lap clock and the like, for
    which other fields stand in (:mod:`telemetry.recording.stand_ins`). Raises :class:`SourceError` for a file that
    is not a recording, or holds no sample in that part.
    """

    def __init__(self, path: Path, *, loop: bool = False, begin: float | None = None, end: float | None = None) -> None:
        self.name = str(path)
        self.path = path
        self._loop = loop
        self._played: PlayedMoment | None = None
        self._begin = 0.0 if begin is None else begin
        self._end = math.inf if end is None else end
        if next(self.snapshots(rows=1), None) is None:
            raise SourceError(f"{path} holds no sample.")
        if (begin is not None or end is not None) and next(self._excerpt((), READING_ROWS), None) is None:
            raise SourceError(f"{path} holds no sample between the times asked for.")

    @abstractmethod
    def read_columns(self, fields: Collection[str], rows: int) -> Iterator[ColumnBlock]:
        """What the file holds, in blocks of about so many samples, with these raw fields loaded.

        Raises :class:`SourceError` behind the samples that are intact.
        """

    def snapshots(self, rows: int = READING_ROWS) -> Iterator[Snapshot]:
        """The samples as they are in the file, read so many at a time; raises :class:`SourceError`."""
        for block in self.read_columns(Snapshot.NAMES, rows):
            yield from block.snapshots()

    @override
    def moment(self, clock: Clock) -> Moment:
        return super().moment(clock) if self._played is None else self._played.now(clock)

    @override
    def blocks(self, rate: float | None = None, fields: Collection[str] | None = None) -> Iterator[Block]:
        limiter = RateLimiter(rate)
        count = 0
        wanted = Snapshot.NAMES if fields is None else fields
        for block in self._excerpt(wanted, BLOCK_ROWS):
            kept = block
            if rate is not None:
                accepted = [limiter.accept(time) for time in block.array("elapsed").tolist()]
                kept = block.select(np.flatnonzero(accepted))
            if len(kept):
                kept.load(wanted)  # what is wrong with them is said here, and not where they are used
                yield kept.replace({"sequence": np.arange(count, count + len(kept))})
                count += len(kept)

    @override
    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        start = clock.now()
        first: float | None = None
        shift, elapsed = 0.0, 0.0
        packet_id: int | None = None
        limiter = RateLimiter(rate)
        while True:
            blocks = self._excerpt(Snapshot.NAMES, READING_ROWS)
            for number, snapshot in enumerate(snapshot for block in blocks for snapshot in block.snapshots()):
                if first is None:
                    first = snapshot.elapsed
                elif number == 0:  # the recording starts again
                    shift = elapsed + DEFAULT_INTERVAL_S - snapshot.elapsed
                elapsed = snapshot.elapsed + shift
                if not limiter.accept(elapsed):
                    continue
                if not clock.sleep_until(start + elapsed - first):
                    return
                self._played = PlayedMoment(elapsed, snapshot.timestamp, start - first)
                state = state_in_session(snapshot.status, snapshot.is_esc_menu_visible)
                moved, packet_id = packet_id not in (None, snapshot.packet_id), snapshot.packet_id
                yield Reading(state, snapshot.replace(elapsed=elapsed), is_advancing(state, moved=moved))
            if not self._loop:
                return

    def _excerpt(self, fields: Collection[str], rows: int) -> Iterator[ColumnBlock]:
        """The part to play, with the times at which it was recorded, which never decrease, and with stand-ins.

        In a file without ``elapsed``, the differences of ``timestamp`` or the physics steps stand for it.
        """
        missing = self.missing_fields
        times, stand_ins = _Times(missing), StandIns(missing)
        needed = {*fields, *times.fields, *(StandIns.FIELDS if stand_ins.needed else ())}
        first: float | None = None
        for block in self.read_columns(needed, rows):
            if not len(block):
                continue
            elapsed = times.follow(block)
            timed = block.replace({"elapsed": elapsed})
            if stand_ins.needed:
                timed = timed.replace(_stand_in(stand_ins, timed))
            if first is None:
                first = float(elapsed[0])
            begin, end = (elapsed - first).searchsorted((self._begin, self._end)).tolist()
            if begin < end:
                yield timed if end - begin == len(block) else timed.select(slice(begin, end))
            if end < len(block):
                return


class _Times:
    """When samples were recorded, in seconds: what their file says, but never before the sample before."""

    def __init__(self, missing: frozenset[str]) -> None:
        self._timing = Timing(missing)
        self._latest = -DEFAULT_INTERVAL_S
        self._shift = 0.0

    @property
    def fields(self) -> tuple[str, ...]:
        """The raw fields that tell it."""
        return () if self._timing.name is None else (self._timing.name,)

    def follow(self, block: ColumnBlock) -> Array:
        """The time of each of these samples, shape (n,)."""
        recorded = self._timing.tell(block)
        played = recorded + self._shift
        if not (played[0] >= self._latest and (played[1:] >= played[:-1]).all()):
            played = np.array([self._follow_one(time) for time in recorded.tolist()])
        self._latest = float(played[-1])
        return played

    def _follow_one(self, recorded: float) -> float:
        before, self._latest = self._latest, recorded + self._shift
        if not self._latest >= before:  # the file was appended to, or holds no times
            self._latest = before + DEFAULT_INTERVAL_S
            self._shift = self._latest - recorded if math.isfinite(recorded) else 0.0
        return self._latest


def _stand_in(stand_ins: StandIns, block: ColumnBlock) -> dict[str, Array]:
    """The columns of what stands in for missing fields."""
    columns = [_column_of(block, name).tolist() for name in StandIns.FIELDS]
    snapshots = (BLANK.replace(**dict(zip(StandIns.FIELDS, row, strict=True))) for row in zip(*columns, strict=True))
    filled = [stand_ins.fill(snapshot) for snapshot in snapshots]
    return {
        name: np.array([getattr(snapshot, name) for snapshot in filled], dtype=np.int32) for name in StandIns.FILLED
    }


def _column_of(block: ColumnBlock, name: str) -> Array:
    is_integer = Snapshot.FIELDS[Snapshot.INDEX[name]].dtype == "integer"
    return block.array(name) if is_integer else block.decimals(name)
