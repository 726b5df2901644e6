"""Some samples of a recording as columns: at a rate, of some laps, and derived from all samples before them."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

import numpy as np

from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError
from telemetry.fields.blocks import Array, Block
from telemetry.fields.columns import Columns, derive_columns, look_back
from telemetry.fields.derived import Sample
from telemetry.fields.held import raw_fields_of
from telemetry.fields.metrics.conversions import physics_steps_after
from telemetry.fields.resample import MAX_FRAME_S
from telemetry.fields.resample_columns import NEEDED_TO_RESAMPLE, resample_blocks
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.laps.assign import LAP_FIELDS
from telemetry.laps.assign_columns import LapAssigner
from telemetry.laps.choice import SampleRanges
from telemetry.laps.model import Lap, SampleRef
from telemetry.recording.blocks import NewSteps, read_blocks
from telemetry.recording.interfaces import Source

_NEEDED: Final = frozenset({"elapsed", "timestamp", "sequence", "status", "is_esc_menu_visible", "packet_id"})
"""Raw fields by which samples are chosen and numbered."""

_SEEN_BEFORE_S: Final = MAX_FRAME_S + 1.0
"""How long before the first wanted sample reading begins: what is told of a drawn frame does not go further back."""

_MIN_SKIPPED_S: Final = 30.0
"""Seconds from which on it is worth to open a recording a second time in order not to read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which samples of a recording are wanted, and which of their fields."""

    fields: Collection[str] | None = None
    """The names of the fields that will be asked for; None for all."""
    rate: float | None = None
    """Samples per second, interpolated (:mod:`telemetry.fields.resample`); None for every sample as it was recorded."""
    include_paused: bool = False
    """Whether samples of pauses, replays and menus are wanted."""
    ranges: SampleRanges = field(default_factory=SampleRanges)
    """The numbers of the samples, or of those in front of interpolated ones, among all of the recording."""
    first: SampleRef | None = None
    """The first sample of the ranges, where it is known: what is before it need not be read then."""
    begin: float = -math.inf
    """The time of the first wanted sample, in seconds since the first one of the recording."""
    end: float = math.inf
    """The time that all wanted samples are before."""
    laps: Sequence[Lap] = ()
    """The laps of the recording, where samples are to be told their lap."""
    thresholds: Thresholds = DEFAULTS

    @property
    def derived(self) -> frozenset[str]:
        """The fields that are asked of the samples as they are derived, before they are told their lap and numbered."""
        fields = frozenset(Sample.NAMES if self.fields is None else self.fields)
        return (fields - {"physics_steps"}) | (LAP_FIELDS if fields & LAP_FIELDS else frozenset())


def select_columns(
    source: Source, selection: Selection, watch: Callable[[Block], None] = lambda _: None
) -> Iterator[Columns]:
    """The wanted samples in blocks, numbered from 0.

    They are derived from all samples before them that are not left out as paused, wanted or not; only
    ``physics_steps`` are those since the sample before among the wanted ones. ``watch`` is given each block that is
    read. Raises :class:`telemetry.SourceError` where the file is corrupt, behind what is intact, and
    :class:`telemetry.UsageError` for a rate that is not greater than 0.
    """
    selector = _Selector(source, selection)
    blocks = selector.read(watch)
    if selection.rate is not None:
        blocks = resample_blocks(blocks, selection.rate, selector.start)
    derived = selection.derived
    assigner = LapAssigner(selection.laps) if derived & LAP_FIELDS else None
    before: int | None = None
    count = 0
    for columns in derive_columns(blocks, derived, selection.thresholds):
        is_wanted = selector.find(columns)
        if is_wanted.any():
            assigned = columns if assigner is None else assigner.assign(columns)
            wanted = assigned if is_wanted.all() else assigned.select(is_wanted)
            packet_id = wanted["packet_id"].astype(np.int64)
            yield wanted.replace(
                sequence=np.arange(count, count + len(wanted)), physics_steps=physics_steps_after(packet_id, before)
            )
            before = int(packet_id[-1])
            count += len(wanted)
        if selector.is_over:
            return


class _Selector:
    """Goes through the moments of a recording and says which of them are wanted."""

    def __init__(self, source: Source, selection: Selection) -> None:
        self._source = source
        self._selection = selection
        self._begin_s, self._end_s = selection.begin, selection.end
        self._shift = 0
        self.start: float | None = None
        """The time of the first moment without pauses; None where it is the first that is read."""
        self.is_over = False
        """Whether no later moment is wanted."""
        self._part = self._read_part()

    def read(self, watch: Callable[[Block], None]) -> Iterator[Block]:
        """The moments, each numbered among all that are read, without the paused ones unless wanted."""
        new_steps = NewSteps()
        is_first = True
        blocks = self._part or read_blocks(self._source, fields=_raw_fields(self._selection))
        for block in blocks:
            watch(block)
            if is_first and len(block):
                first_s = float(block.array("elapsed")[0])
                self._begin_s, self._end_s = self._begin_s + first_s, self._end_s + first_s
                is_first = False
            is_new = new_steps.find(block)
            yield block if self._selection.include_paused or is_new.all() else block.select(np.flatnonzero(is_new))

    def find(self, columns: Columns) -> Array:
        """Which of these samples are wanted, shape (n,); to be asked of one block after the other."""
        sequence, elapsed = columns["sequence"] + self._shift, columns["elapsed"]
        if not len(columns):
            return np.zeros(0, dtype=np.bool_)
        ranges = self._selection.ranges
        wanted: Array = ranges.find(sequence, elapsed) & (elapsed >= self._begin_s) & (elapsed < self._end_s)
        last_s = float(elapsed[-1])
        self.is_over = last_s >= self._end_s or ranges.are_over(int(sequence[-1]), last_s)
        return wanted

    def _read_part(self) -> Iterator[Block] | None:
        """The recording from shortly before the first wanted sample on, where nothing before it matters."""
        selection, first = self._selection, self._selection.first
        has_times = math.isfinite(selection.begin) or math.isfinite(selection.end)
        if first is None or first.elapsed < _MIN_SKIPPED_S or has_times or look_back(selection.derived):
            return None
        try:
            part = self._source.part(first.elapsed - _SEEN_BEFORE_S)
            blocks = iter(()) if part is None else read_blocks(part, fields=_raw_fields(selection))
            block = next(blocks, None)
        except SourceError:  # which reading from the beginning raises too, if it is not about this part alone
            return None
        if block is None:
            return None
        is_first = (block.array("elapsed") == first.elapsed) & (block.array("packet_id") == first.packet_id)
        (rows,) = np.nonzero(is_first & (block.array("timestamp") == first.timestamp))
        if len(rows) != 1:  # times that go back, as in files that were joined
            return None
        self._shift = first.sequence - int(rows[0])
        readings = self._source.readings(Clock(speed=math.inf), None)
        self.start = next(
            (
                reading.snapshot.elapsed
                for reading in readings
                if reading.snapshot is not None and (reading.is_new_step or selection.include_paused)
            ),
            None,
        )
        return chain([block], blocks)


def _raw_fields(selection: Selection) -> frozenset[str] | None:
    if selection.fields is None:
        return None
    needed = _NEEDED if selection.rate is None else _NEEDED | NEEDED_TO_RESAMPLE
    return needed | raw_fields_of(selection.derived)
