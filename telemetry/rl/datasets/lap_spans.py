"""Where each lap of a dataset begins and ends: at the sample in which the game counts it.

The game reports its line by the lap clock and by the lap count, some frames apart in either order, and the laps of
:mod:`telemetry.laps` part at the clock. A dataset parts laps at the count, so that the reward of a completed lap is in
the lap that earned it. The sample in which the count changes is the last observation of the lap that ended, and the
first one of the next.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from telemetry.fields.lap_changes import laps_completed
from telemetry.laps.model import Lap, in_recorded_order

if TYPE_CHECKING:
    from telemetry.fields.columns import Columns
    from telemetry.fields.snapshot import Snapshot


class CountChange(NamedTuple):
    """One snapshot in which the game counts more laps than in the one before."""

    sequence: int
    """Its number among the snapshots of the recording."""
    before: int
    """``completed_laps`` before it."""
    after: int
    """``completed_laps`` in it."""


class LapSpan(NamedTuple):
    """The snapshots of a lap, by their numbers among those of the recording."""

    lap: Lap
    first: int
    end: int
    """The first snapshot that is no longer of this lap."""
    is_driven_on: bool
    """Whether it ends at a line, and the car drove on: the sample at ``end`` is then the last one of this lap, too."""


class CountFollower:
    """Notes where the lap count of a recording changes, block by block."""

    def __init__(self) -> None:
        self.changes: list[CountChange] = []
        self._before: Snapshot | None = None
        self._count = 0

    def add(self, columns: "Columns") -> None:
        """Add the next block; it has at least one snapshot."""
        laps = columns["completed_laps"]
        before = laps[0] if self._before is None else self._before.completed_laps
        for row in np.flatnonzero(laps != np.append(before, laps[:-1])).tolist():
            earlier = columns.snapshot(row - 1) if row else self._before
            now = columns.snapshot(row)
            if earlier is not None and laps_completed(now, earlier):
                self.changes.append(CountChange(self._count + row, earlier.completed_laps, now.completed_laps))
        self._before = columns.snapshot(len(columns) - 1)
        self._count += len(columns)


def find_lap_spans(laps: Iterable[Lap], changes: Sequence[CountChange]) -> tuple[LapSpan, ...]:
    """The spans of these laps in their order; laps without samples are left out."""
    seen = in_recorded_order(laps)
    neighbours = zip([None, *seen], seen, [*seen[1:], None], strict=False)
    return tuple(
        LapSpan(
            lap=lap,
            first=_find_first(before, lap, changes),
            end=_find_end(lap, after, changes),
            is_driven_on=lap.end in ("line", "uncounted"),
        )
        for before, lap, after in neighbours
    )


def _find_first(before: Lap | None, lap: Lap, changes: Sequence[CountChange]) -> int:
    """Where a lap begins: where the lap before it was counted, or else with its first sample."""
    first, last = lap.first_sequence, lap.last_sequence
    earliest = first
    if before is not None and before.start_index == lap.start_index:
        if before.end != "line":
            return first
        earliest = before.first_sequence + 1
    counts = [change.sequence for change in changes if change.after == lap.number - 1]
    return max((sequence for sequence in counts if earliest <= sequence <= last), default=first)


def _find_end(lap: Lap, after: Lap | None, changes: Sequence[CountChange]) -> int:
    """Where a lap ends: where the game counts it, if it does, or else behind its last sample."""
    first, last = lap.first_sequence, lap.last_sequence
    if lap.end != "line":
        return last + 1
    latest: float = math.inf
    if after is not None:
        latest = after.last_sequence if after.start_index == lap.start_index else after.first_sequence - 1
    counts = [change.sequence for change in changes if change.before < lap.number <= change.after]
    return min((sequence for sequence in counts if first < sequence <= latest), default=last + 1)
