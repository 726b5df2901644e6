"""Laps out of columns: the same state machine as for samples, fed only with the samples that can matter.

Between those, a lap only goes on: its last sample, top speed, fuel and time follow from the columns at once. Which
samples can matter is asked generously: one too many costs time, and never changes a lap.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from telemetry.base.units import STEP_MS, STEP_S
from telemetry.fields.blocks import Array
from telemetry.fields.columns import Columns
from telemetry.fields.derived import Sample
from telemetry.fields.lap_changes import DISTANCE_TOLERANCE_M, STANDING_KMH, TIME_STOPPED_STATUSES
from telemetry.fields.metrics.tyres import tyre_floor
from telemetry.fields.pauses import MIN_PAUSE_S
from telemetry.fields.tyre_changes import may_have_changed
from telemetry.laps.detector import LapState, advance, collect_laps
from telemetry.laps.fuel import MIN_TAKEN_OUT_L
from telemetry.laps.model import Lap
from telemetry.laps.signals import GAP_S, MAX_FRAME_SAMPLES

DERIVED: Final = (
    "is_lap_valid",
    "lap",
    "lap_time",
    "line_position",
    "lap_distance",
    "tyre_worn",
    "tyre_wear_best",
    "session_name",
)
"""The derived fields that laps are told by."""


def laps_of_columns(
    blocks: Iterable[Columns], *, missing: frozenset[str] = frozenset(), keep_short: bool = False
) -> Iterator[Lap]:
    """The laps of consecutive blocks: the very laps that :func:`telemetry.laps.detector.laps` finds in their samples.

    The blocks are derived without regard to missing fields, as the samples are; ``missing`` names the raw fields that
    their source does not hold, its ``missing_fields``. With ``keep_short`` unfinished laps are among them that are too
    short to be reported otherwise.
    """
    state = LapState(missing=missing, keep_short=keep_short)
    return collect_laps(_advance_blocks(blocks, state), missing=missing)


def _advance_blocks(blocks: Iterable[Columns], state: LapState) -> Iterator[tuple[LapState, tuple[Lap, ...]]]:
    """The state and the laps that it settled, after each sample that matters and at the end of each block."""
    for columns in blocks:
        block = _LapBlock(columns, state)
        at = 0
        while at < len(block):
            if _is_waiting(state) or block.matters[at]:
                state, settled = advance(state, block.sample(at))
                at += 1
                yield state, settled
            else:
                end = block.next_that_matters(at)
                state = block.drive_on(state, at, end)
                at = end
        yield state, ()


def _is_waiting(state: LapState) -> bool:
    """Whether every sample matters: the first one, and for a second or two around a line."""
    return state.running is None or not (state.crossing is None and state.pending is None and state.early is None)


class _LapBlock:
    """The samples of a block in which the car is driven, and which of them can matter to laps."""

    def __init__(self, columns: Columns, state: LapState) -> None:
        driven = columns.select(_is_driving(columns, state.missing))
        self._columns = driven
        self._before = state.before
        self._clock = driven["current_time"].astype(np.int64)
        self._packet = driven["packet_id"].astype(np.int64)
        self._elapsed = driven["elapsed"]
        self._speed = driven.decimals("speed_kmh")
        with np.errstate(all="ignore"):  # pages can hold NaN and infinities
            gone_l = -self._change("fuel", driven.decimals("fuel"))
            self._burnt_l = np.where(gone_l > 0.0, gone_l, 0.0)
            steps_ms = np.maximum(self._change("packet_id", self._packet), 0) * STEP_MS
            self._advanced_s = np.maximum(steps_ms, self._change("current_time", self._clock)) / 1e3
            frame = driven["graphics_packet_id"].astype(np.int64)
            self._is_same_frame = ~self._differs("graphics_packet_id", frame)
            self._is_same_frame &= ~self._differs("current_time", self._clock)
            self.matters = self._find_what_matters(state)
        self._that_matter = np.flatnonzero(self.matters)

    def __len__(self) -> int:
        return len(self._columns)

    def sample(self, at: int) -> Sample:
        """The sample at this place among those in which the car is driven."""
        return self._columns.sample(at, DERIVED)

    def next_that_matters(self, at: int) -> int:
        """The place of the next sample that can matter; behind the last one if there is none."""
        index = int(np.searchsorted(self._that_matter, at))
        return int(self._that_matter[index]) if index < len(self._that_matter) else len(self)

    def drive_on(self, state: LapState, begin: int, end: int) -> LapState:
        """The state after the samples from ``begin`` up to ``end``, of which none matters."""
        running = state.running
        assert running is not None
        here = slice(begin, end)
        before = self.sample(end - 1)
        speeds = np.append(running.top_speed_kmh, self._speed[here])
        moved = np.flatnonzero(self._packet[here] != self._before_each("packet_id", self._packet)[here])
        return state._replace(
            clock_s=_add_up(state.clock_s, self._advanced_s[here]),
            before=before,
            moving=self.sample(begin + int(moved[-1])) if len(moved) else state.moving,
            frame=self._frame(state.frame, begin, end),
            running=running._replace(
                last=before,
                top_speed_kmh=float(np.fmax.reduce(speeds)),
                fuel_used_l=_add_up(running.fuel_used_l, self._burnt_l[here]),
                line_position=None,
            ),
        )

    def _frame(self, frame: tuple[Sample, ...], begin: int, end: int) -> tuple[Sample, ...]:
        """What :func:`telemetry.laps.signals.extend_frame` has made of these samples, one after the other."""
        new = np.flatnonzero(~self._is_same_frame[begin:end])
        same = end - 1 - begin - int(new[-1]) if len(new) else len(frame) - 2 + end - begin
        kept = same % (MAX_FRAME_SAMPLES - 1) + 2  # of a frame that stands for very long the count begins again
        rows = min(kept, end - begin)
        samples = tuple(self.sample(row) for row in range(end - rows, end))
        return (*frame[len(frame) - (kept - rows) :], *samples) if kept > rows else samples

    def _find_what_matters(self, state: LapState) -> Array:
        columns, changed = self._columns, self._changed
        matters = self._change("current_time", self._clock) < 0
        matters |= self._change("packet_id", self._packet) < 0
        distance = columns.decimals("distance_traveled")
        matters |= distance < self._before_each("distance_traveled", distance) - DISTANCE_TOLERANCE_M
        for name in ("completed_laps", "session", "last_time", "current_sector_index", "last_sector_time"):
            matters |= changed(name)
        for name in ("is_in_pit", "is_in_pit_lane", "is_ai_controlled", "is_lap_valid"):
            matters |= changed(name)
        for name in ("car_model", "track", "track_configuration", "tyre_compound"):
            matters |= self._changed_text(name)
        matters |= self._advanced_s > GAP_S
        matters |= self._burnt_l > MIN_TAKEN_OUT_L
        matters |= self._pauses(state)
        matters |= self._other_tyres()
        matters |= self._stops_in_box()
        if not state.shows_best:
            is_shown = (columns["best_time"] > 0) | columns.texts("best_time_text").map(bool, np.bool_)
            matters[np.flatnonzero(is_shown)[:1]] = True
        return matters

    def _pauses(self, state: LapState) -> Array:
        """Where the clock of the computer has outrun the physics since the last new step."""
        if not len(self):
            return np.zeros(0, dtype=np.bool_)
        before = state.moving
        elapsed = np.append(self._elapsed[0] if before is None else before.elapsed, self._elapsed)
        packet = np.append(self._packet[0] if before is None else before.packet_id, self._packet)
        number = np.arange(len(packet))
        is_new = np.append(True, packet[1:] != packet[:-1])
        moving: Array = np.maximum.accumulate(np.where(is_new, number, 0))[:-1]
        lag_s = elapsed[1:] - elapsed[moving] - (packet[1:] - packet[moving]) * STEP_S
        paused: Array = lag_s > MIN_PAUSE_S - STEP_S
        return paused

    def _other_tyres(self) -> Array:
        change = self._change("tyre_wear", self._columns.decimals("tyre_wear"))
        return may_have_changed(change, self._columns.texts("tyre_compound").map(tyre_floor, np.float64))

    def _stops_in_box(self) -> Array:
        stands = (self._columns["is_in_pit"] != 0) & (self._speed < STANDING_KMH)
        stood = False if self._before is None else self._before.is_in_pit and self._before.speed_kmh < STANDING_KMH
        stops: Array = stands & ~np.append(bool(stood), stands[:-1])
        return stops

    # Each sample against the one before, which for the first one is the last of the block before

    def _before_each(self, name: str, column: Array) -> Array:
        if not len(column):
            return column
        first = column[0] if self._before is None else getattr(self._before, name)
        return np.concatenate([np.asarray(first, dtype=column.dtype)[np.newaxis], column[:-1]])

    def _change(self, name: str, column: Array) -> Array:
        change: Array = column - self._before_each(name, column)
        return change

    def _differs(self, name: str, column: Array) -> Array:
        differs: Array = column != self._before_each(name, column)
        return differs

    def _changed(self, name: str) -> Array:
        return self._differs(name, self._columns[name])

    def _changed_text(self, name: str) -> Array:
        codes, texts = self._columns.texts(name)
        changed = np.append(False, codes[1:] != codes[:-1])[: len(codes)]
        if self._before is not None and len(codes):
            changed[0] = texts[codes[0]] != getattr(self._before, name)
        return changed


def _is_driving(columns: Columns, missing: frozenset[str]) -> Array:
    """Where :func:`telemetry.laps.signals.is_without_driving` is false."""
    status, completed = columns["status"], columns["completed_laps"]
    is_driving = ~np.isin(status, TIME_STOPPED_STATUSES) & (completed >= 0)
    if "status" not in missing:
        has_begun = (columns["current_time"] != 0) | (completed != 0) | (columns["distance_traveled"] != 0.0)
        is_driving &= (status != 0) | has_begun
    return is_driving


def _add_up(total: float, numbers: Array) -> float:
    """The sum as it is when one number is added after the other."""
    return float(np.add.accumulate(np.append(total, numbers))[-1])
