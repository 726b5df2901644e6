"""What other fields tell in place of those that a recording lacks, so that its laps can be found all the same.

A recording of chosen fields may lack the physics step, the lap clock or the lap count. Time passes in it nevertheless,
and a lap that ended leaves its time in ``last_time``. What stands in for a missing field serves the reader of the
recording alone: it is listed among :attr:`~telemetry.recording.interfaces.Source.missing_fields` and never written.
"""

from collections.abc import Set as AbstractSet
from typing import ClassVar, Final

import numpy as np

from telemetry.base.units import STEP_MS
from telemetry.fields.blocks import Array, Block
from telemetry.fields.lap_changes import TIME_STOPPED_STATUSES, is_distance_reset, is_driven
from telemetry.fields.pauses import MIN_PAUSE_S
from telemetry.fields.snapshot import Snapshot

SAME_TIME_MS: Final = 150
"""How far a lap clock read at the line may be from the official time of the lap."""

SETTLED_MS: Final = 500
"""Lap time after the line by which a new ``last_time`` would have come."""

MAX_STEPS: Final = 2**31 - 1
"""The largest step count that the game's pages can hold."""


class StandIns:
    """Fills in physics step, lap clock and lap count of the snapshots of one recording, which are given in order."""

    FILLED: ClassVar = ("packet_id", "current_time", "completed_laps")
    """The fields for which others can stand in."""
    FIELDS: ClassVar = (
        *FILLED,
        "elapsed",
        "status",
        "last_time",
        "distance_traveled",
        "normalized_position",
        "world_position_x",
        "world_position_y",
        "world_position_z",
        "track_spline_length",
    )
    """The fields that a snapshot must have for this."""

    def __init__(self, missing: AbstractSet[str]) -> None:
        self._lacks_steps = "packet_id" in missing
        self._lacks_clock = "current_time" in missing
        self._lacks_count = "completed_laps" in missing
        self._lacks_last_time = "last_time" in missing
        self._before: Snapshot | None = None
        self._game_s = 0.0
        """Seconds in the game since the first snapshot, where the physics steps are missing."""
        self._step_of_line = 0
        self._clock_at_line: int | None = None
        """The lap clock where it restarted, until its lap is counted."""

    @property
    def needed(self) -> bool:
        """Whether there is anything to fill in."""
        return self._lacks_steps or self._lacks_clock or self._lacks_count

    def fill(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with what stands in for its missing fields; its ``elapsed`` is when it was taken."""
        now, before = snapshot, self._before
        if self._lacks_steps:
            now = now.replace(packet_id=self._count_steps(now, before))
        if before is None:
            self._step_of_line = now.packet_id
        has_restarted = before is not None and _has_restarted(now, before)
        if self._lacks_count:
            now = now.replace(completed_laps=0 if before is None or has_restarted else self._count_laps(now, before))
        if self._lacks_clock:
            if before is not None and (has_restarted or now.completed_laps != before.completed_laps):
                self._step_of_line = now.packet_id
            now = now.replace(current_time=(now.packet_id - self._step_of_line) * STEP_MS)
        self._before = now
        return now

    def _count_steps(self, now: Snapshot, before: Snapshot | None) -> int:
        """Physics steps since the first snapshot, by the time that passed in the game."""
        if before is None or before.status in TIME_STOPPED_STATUSES:
            return round(self._game_s * 1e3 / STEP_MS)
        passed_s = max(now.elapsed - before.elapsed, 0.0)
        if not self._lacks_clock:
            clock_s = (now.current_time - before.current_time) / 1e3
            if 0.0 < clock_s < passed_s - MIN_PAUSE_S:  # a pause, which is not among the snapshots
                passed_s = clock_s
        self._game_s += passed_s
        return min(round(self._game_s * 1e3 / STEP_MS), MAX_STEPS)

    def _count_laps(self, now: Snapshot, before: Snapshot) -> int:
        """Completed laps, by the last lap time, and where there is none by the restarts of the lap clock."""
        count = before.completed_laps
        if self._lacks_clock:
            return count + (now.last_time != before.last_time and now.last_time > 0)
        has_clock_fallen = now.current_time < before.current_time
        if self._lacks_last_time:
            return count + (has_clock_fallen and is_driven(now, before))
        if has_clock_fallen:
            self._clock_at_line = before.current_time
        if now.last_time != before.last_time and now.last_time > 0:
            self._clock_at_line = None
            return count + 1
        if self._clock_at_line is None or now.current_time < SETTLED_MS:
            return count
        # The same time twice in a row changes nothing in the snapshots.
        is_same_again = now.last_time > 0 and abs(now.last_time - self._clock_at_line) <= SAME_TIME_MS
        self._clock_at_line = None
        return count + is_same_again


class Timing:
    """Tells when samples were taken, by the first of their fields that the recording holds and that says so."""

    def __init__(self, missing: AbstractSet[str]) -> None:
        names = ("elapsed", "timestamp", "packet_id")
        self.name = next((name for name in names if name not in missing), None)
        """The field; None where nothing tells the time."""
        self._first: float | None = None

    def tell(self, block: Block) -> Array:
        """Seconds since any fixed moment, shape (n,); NaN where nothing tells the time."""
        if self.name is None:
            return np.full(len(block), np.nan)
        times = block.array(self.name).astype(np.float64)
        times[~np.isfinite(times)] = np.nan
        if self.name == "elapsed":
            return times
        if self._first is None:
            self._first = float(times[0])
        passed: Array = times - self._first
        return passed * STEP_MS / 1e3 if self.name == "packet_id" else passed


def _has_restarted(now: Snapshot, before: Snapshot) -> bool:
    """Whether the session was started again between two snapshots; fields that are missing say nothing."""
    return now.packet_id < before.packet_id or is_distance_reset(now, before)
