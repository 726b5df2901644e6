"""Some samples of a recording as columns: at a rate, of some laps, and derived from all samples before them."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from telemetry.fields.blocks import Array, Block
from telemetry.fields.columns import Columns, derive_columns
from telemetry.fields.derived import Sample
from telemetry.fields.held import raw_fields_of
from telemetry.fields.metrics.conversions import physics_steps_columns
from telemetry.fields.resample_columns import NEEDED_TO_RESAMPLE, resample_blocks
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.laps.assign import LAP_FIELDS
from telemetry.laps.assign_columns import LapAssigner
from telemetry.laps.choice import SampleRanges
from telemetry.laps.model import Lap
from telemetry.recording.blocks import NewSteps, read_blocks
from telemetry.recording.interfaces import Source

_NEEDED: Final = frozenset({"elapsed", "timestamp", "sequence", "status", "is_esc_menu_visible", "packet_id"})
"""Raw fields by which samples are chosen and numbered."""


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
    begin: float = -math.inf
    """The time of the first wanted sample, in seconds since the first one of the recording."""
    end: float = math.inf
    """The time that all wanted samples are before."""
    laps: Sequence[Lap] = ()
    """The laps of the recording, where samples are to be told their lap."""
    thresholds: Thresholds = DEFAULTS


def select_columns(
    source: Source, selection: Selection, watch: Callable[[Block], None] = lambda _: None
) -> Iterator[Columns]:
    """The wanted samples in blocks, numbered from 0.

    They are derived from all samples before them that are not left out as paused, wanted or not; only
    ``physics_steps`` are those since the sample before among the wanted ones. ``watch`` is given each block that is
    read. Raises :class:`telemetry.SourceError` where the file is corrupt, behind what is intact, and
    :class:`telemetry.UsageError` for a rate that is not greater than 0.
    """
    selector = _Selector(selection)
    blocks = selector.read(source, watch)
    if selection.rate is not None:
        blocks = resample_blocks(blocks, selection.rate)
    fields = frozenset(Sample.NAMES if selection.fields is None else selection.fields)
    assigner = LapAssigner(selection.laps) if fields & LAP_FIELDS else None
    derived = (fields - {"physics_steps"}) | (LAP_FIELDS if assigner else frozenset())
    before = None
    count = 0
    for columns in derive_columns(blocks, derived, selection.thresholds):
        is_wanted = selector.find(columns)
        if is_wanted.any():
            assigned = columns if assigner is None else assigner.assign(columns)
            wanted = assigned if is_wanted.all() else assigned.select(is_wanted)
            yield wanted.replace(
                sequence=np.arange(count, count + len(wanted)),
                physics_steps=physics_steps_columns(wanted["packet_id"].astype(np.int64), before),
            )
            before = wanted.snapshot(len(wanted) - 1)
            count += len(wanted)
        if selector.is_over:
            return


class _Selector:
    """Goes through the moments of a recording and says which of them are wanted."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._begin_s, self._end_s = selection.begin, selection.end
        self.is_over = False
        """Whether no later moment is wanted."""

    def read(self, source: Source, watch: Callable[[Block], None]) -> Iterator[Block]:
        """The moments, each numbered among all of the recording, without the paused ones unless wanted."""
        new_steps = NewSteps()
        is_first = True
        for block in read_blocks(source, fields=_raw_fields(self._selection)):
            watch(block)
            if is_first and len(block):
                first_s = float(block.array("elapsed")[0])
                self._begin_s, self._end_s = self._begin_s + first_s, self._end_s + first_s
                is_first = False
            is_new = new_steps.find(block)
            yield block if self._selection.include_paused or is_new.all() else block.select(np.flatnonzero(is_new))

    def find(self, columns: Columns) -> Array:
        """Which of these samples are wanted, shape (n,); to be asked of one block after the other."""
        sequence, elapsed = columns["sequence"], columns["elapsed"]
        if not len(columns):
            return np.zeros(0, dtype=np.bool_)
        ranges = self._selection.ranges
        wanted: Array = ranges.find(sequence, elapsed) & (elapsed >= self._begin_s) & (elapsed < self._end_s)
        last_s = float(elapsed[-1])
        self.is_over = last_s >= self._end_s or ranges.are_over(int(sequence[-1]), last_s)
        return wanted


def _raw_fields(selection: Selection) -> frozenset[str] | None:
    if selection.fields is None:
        return None
    needed = _NEEDED if selection.rate is None else _NEEDED | NEEDED_TO_RESAMPLE
    assigned = LAP_FIELDS if LAP_FIELDS.intersection(selection.fields) else frozenset[str]()
    return needed | raw_fields_of([*selection.fields, *assigned])
