"""When the samples of a foreign table were taken, and what else is known of all of them."""

from typing import Final

import numpy as np

from telemetry.fields.blocks import Array, TextColumn
from telemetry.fields.column_block import AnyColumn, ColumnBlock
from telemetry.formats.foreign.about import About
from telemetry.formats.motec.beacons import tell_laps
from telemetry.recording.column_recording import DEFAULT_INTERVAL_S
from telemetry.recording.game_state import GameStatus

_LAP_CLOCK: Final = frozenset({"completed_laps", "current_time", "last_time"})
"""Fields that beacons tell where no column does."""

_MAX_UNIX_S: Final = 1e11
"""More is in milliseconds, microseconds or nanoseconds."""


class TableClock:
    """Completes the blocks of one table, in order."""

    def __init__(self, held: frozenset[str], about: About) -> None:
        self._held = held
        self._about = about
        self._source = self._choose_source()
        self._has_beacons = bool(about.beacons_s) and held.isdisjoint(_LAP_CLOCK)
        self._count = 0
        self._first: float | None = None
        self._scale = 1.0
        self._latest_s = 0.0
        self._clock_ms: float | None = None
        self._interval_s = DEFAULT_INTERVAL_S

    @property
    def needed(self) -> frozenset[str]:
        """The fields that tell the time."""
        return self._held & {self._source, "timestamp"}

    @property
    def filled(self) -> frozenset[str]:
        """The fields that the table does not hold, and that are known all the same."""
        filled = set(self._about.texts)
        if self._source:
            filled.add("elapsed")
        if self._has_beacons:
            filled |= _LAP_CLOCK
        if self._about.session is not None:
            filled.add("session")
        if self._source and self._about.start is not None:
            filled.add("timestamp")
        return frozenset(filled) - self._held

    def complete(self, block: ColumnBlock) -> ColumnBlock:
        """The block with what is known besides."""
        length, about = len(block), self._about
        if not length:
            return block
        columns: dict[str, AnyColumn] = {}
        if self._source:
            times = self._tell_times(block)
            if self._first is None:
                self._first = float(times[np.isfinite(times)][0]) if np.isfinite(times).any() else 0.0
            columns["elapsed"] = elapsed = times - self._first
            if about.start is not None and "timestamp" not in self._held:
                columns["timestamp"] = about.start + elapsed
            if self._has_beacons:
                columns |= tell_laps(
                    np.array([one for one in about.beacons_s if one > self._first]), times, self._first
                )
        if "timestamp" in self._held:
            columns["timestamp"] = block.array("timestamp") / self._unix_scale(block.array("timestamp"))
        if "status" not in self._held:
            columns["status"] = np.full(length, GameStatus.LIVE, dtype=np.int32)
        if about.session is not None and "session" not in self._held:
            columns["session"] = np.full(length, about.session, dtype=np.int32)
        for name, text in about.texts.items():
            if name not in self._held:
                columns[name] = TextColumn(np.zeros(length, dtype=np.intp), (text,))
        self._count += length
        return block.replace(columns)

    def _choose_source(self) -> str:
        """The field that tells the time best; ``rate`` for none but the rate, and empty where steps or nothing do."""
        if "elapsed" in self._held:
            return "elapsed"
        if self._about.rate_hz is not None:
            return "rate"
        if "timestamp" in self._held or "packet_id" in self._held:
            return ""
        return "current_time" if "current_time" in self._held else ""

    def _tell_times(self, block: ColumnBlock) -> Array:
        if self._source == "current_time":
            return self._follow_lap_clock(block.decimals("current_time").astype(np.float64))
        if self._source == "rate":
            assert self._about.rate_hz is not None
            return np.arange(self._count, self._count + len(block)) / self._about.rate_hz
        times: Array = block.array("elapsed").astype(np.float64)
        return times / self._unix_scale(times)

    def _unix_scale(self, times: Array) -> float:
        """What Unix times are divided by: 1 for seconds, 1000 for milliseconds and so on; of the first of them."""
        if not self._count:
            known = times[np.isfinite(times)]
            self._scale = 1.0
            while len(known) and abs(float(known[0])) / self._scale > _MAX_UNIX_S:
                self._scale *= 1e3
        return self._scale

    def _follow_lap_clock(self, clock_ms: Array) -> Array:
        """Seconds in which only laps passed: at the line the clock goes on from 0, some steps later."""
        before = clock_ms[0] if self._clock_ms is None else self._clock_ms
        steps = np.diff(np.nan_to_num(clock_ms), prepend=before) / 1e3
        forward = steps[steps > 0.0]
        if len(forward):
            self._interval_s = float(np.median(forward))
        steps = np.where(steps < 0.0, np.maximum(self._interval_s, np.nan_to_num(clock_ms) / 1e3), steps)
        times: Array = self._latest_s + np.cumsum(steps)
        self._latest_s, self._clock_ms = float(times[-1]), float(np.nan_to_num(clock_ms)[-1])
        return times
