"""Resampling of blocks: :func:`telemetry.fields.resample.resample` for many moments at a time, value for value."""

import math
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np

from telemetry.base.checks import require_positive
from telemetry.base.clock import CLOCK_STEP_S
from telemetry.base.typing import override
from telemetry.base.units import STEP_MS
from telemetry.fields.blocks import Array, Block, JoinedBlock, TextColumn, shortest_decimals
from telemetry.fields.clock_steps import MAX_SLEW
from telemetry.fields.lap_changes import STANDING_KMH, TIME_STOPPED_STATUSES
from telemetry.fields.pauses import MIN_RESAMPLED_PAUSE_S
from telemetry.fields.resample import (
    GAP_SECONDS,
    LAST_LAP_FRACTION,
    MAX_FRAME_S,
    PERIODS,
    SERVICE_FUEL_L,
    SERVICE_WEAR_PERCENT,
    TELEPORT_METRES,
    TIME_TOLERANCE_S,
    interpolate_numbers,
    is_jump,
)
from telemetry.fields.snapshot import Snapshot

_FIELDS: Final = {field.name: field for field in Snapshot.FIELDS}
_POSITION: Final = ("world_position_x", "world_position_y", "world_position_z")
NEEDED_TO_RESAMPLE: Final = frozenset(
    {
        *("elapsed", "timestamp", "packet_id", "graphics_packet_id", "status", "session", "track", "car_model"),
        *("completed_laps", "current_time", "speed_kmh", "is_in_pit", "fuel", "tyre_wear", *_POSITION),
    }
)
"""Raw fields that tell whether the others can be interpolated."""
_SLACK: Final = 1e-3
"""Relative error of distances in float32 that is allowed for: what is near a limit is asked again in full."""


def resample_blocks(blocks: Iterable[Block], rate: float, start: float | None = None) -> Iterator["ResampledBlock"]:
    """The moments at ``start + k / rate``: those of :func:`telemetry.fields.resample.resample`.

    Of blocks that begin later than their recording, ``start`` is the time of its first moment. Raises
    :class:`telemetry.UsageError` for a rate that is not greater than 0.
    """
    require_positive("rate", rate)
    resampler = Resampler(rate, start)
    for block in blocks:
        if (resampled := resampler.add(block)) is not None:
            yield resampled
    if (resampled := resampler.finish()) is not None:
        yield resampled


class Pairs:
    """Moments of a block, each with one before it."""

    def __init__(self, block: Block, before: Array | slice, after: Array | slice) -> None:
        self._block = block
        self._before = before
        self._after = after

    def array(self, name: str) -> tuple[Array, Array]:
        """A number or integer of the moments before, and of those after."""
        column = self._block.array(name)
        return column[self._before], column[self._after]

    def differs(self, name: str) -> Array:
        """Where an integer or a text differs."""
        if _FIELDS[name].dtype == "text":
            codes, _ = self._block.texts(name)
            before, after = codes[self._before], codes[self._after]
        else:
            before, after = self.array(name)
        differs: Array = before != after
        return differs


def can_be_jumps(pairs: Pairs) -> Array:
    """Where :func:`telemetry.fields.resample.is_jump` can be true, whatever the age of the frames: rather too often."""
    status, _ = pairs.array("status")
    packet, packet_after = (column.astype(np.int64) for column in pairs.array("packet_id"))
    clock, clock_after = pairs.array("current_time")
    elapsed, elapsed_after = pairs.array("elapsed")
    possible = pairs.differs("status") | np.isin(status, TIME_STOPPED_STATUSES) | (packet_after < packet)
    for name in ("session", "track", "car_model", "completed_laps"):
        possible |= pairs.differs(name)
    possible |= clock_after < clock
    seconds = elapsed_after - elapsed
    steps = packet_after - packet
    possible |= (steps > 0) & (seconds - steps * STEP_MS / 1e3 > MIN_RESAMPLED_PAUSE_S)
    with np.errstate(all="ignore"):  # pages can hold NaN and infinities
        metres = np.sqrt(sum(np.square(np.subtract(*pairs.array(name), dtype=np.float64)) for name in _POSITION))
        speed = np.fmin(*pairs.array("speed_kmh"))
        limit = speed / 3.6 * seconds * 1.5 + TELEPORT_METRES
        possible |= ~(metres <= limit * (1.0 - _SLACK)) & ~np.isnan(metres)
    return possible


class FrameAges:
    """The age of the drawn frame at moments of a block: :func:`telemetry.fields.resample.frame_age_s`, in a row."""

    def __init__(self, block: Block, first_s: float = 0.0, unknown: Array | None = None) -> None:
        """``first_s`` is the age at the first moment; at the moments ``unknown`` nothing is known of those before."""
        elapsed = block.array("elapsed")
        self._seconds = np.append(first_s, np.maximum(np.diff(elapsed), 0.0))[: len(elapsed)]
        is_new = np.zeros(max(len(elapsed) - 1, 0), dtype=np.bool_)
        for name in ("graphics_packet_id", *_POSITION):
            column = block.array(name)
            before, after = column[:-1], column[1:]
            is_new |= (before != after) & ~(np.isnan(before) & np.isnan(after))
        if unknown is not None:
            self._seconds[unknown] = 0.0
            is_new[unknown[unknown > 0] - 1] = True
        self._begins = np.maximum.accumulate(np.append(0, np.where(is_new, np.arange(1, len(is_new) + 1), 0)))

    def at(self, row: int) -> float:
        """The age at one moment."""
        # At the first moment of a frame: the time since the moment before, in which it was drawn.
        ages = self._seconds[self._begins[row] : row + 1]
        return min(float(np.add.accumulate(ages)[-1]), MAX_FRAME_S)


class _Ticks(NamedTuple):
    """Ticks by the moments around them: ``before`` is the one at or before a tick, and ``is_exact`` where it is at it.

    All have the shape (n,).
    """

    elapsed: Array
    before: Array
    is_exact: Array


class Resampler:
    """Resamples consecutive blocks; what it gives for one goes to the last moment of which it knows the next one."""

    def __init__(self, rate: float, start: float | None = None) -> None:
        """``start`` is the time of the first tick; None for that of the first moment."""
        self._rate = rate
        self._start = start
        self._tick = 0
        self._last: Block | None = None
        self._frame_s = 0.0

    def add(self, block: Block) -> "ResampledBlock | None":
        """The moments up to the end of this block; None where there is none."""
        if not len(block):
            return None
        joined = block if self._last is None else JoinedBlock([self._last, block])
        elapsed = joined.array("elapsed")
        if self._start is None:
            self._start = float(elapsed[0])
        if self._last is None:
            self._tick = math.ceil((float(elapsed[0]) - self._start) * self._rate)
            # One before the first moment, by a rounding error, would be taken for one behind it.
            self._tick += self._start + self._tick / self._rate < float(elapsed[0]) - TIME_TOLERANCE_S
        latest = np.maximum.accumulate(elapsed)
        is_later = np.append(True, elapsed[1:] > latest[:-1])
        if not is_later.all():
            joined = joined.select(np.flatnonzero(is_later))
            elapsed = elapsed[is_later]
        ages = FrameAges(joined, self._frame_s)
        ticks = self._find_ticks(elapsed)
        resampled = _resample(joined, ticks, ages)
        end = len(elapsed) - 1
        self._last, self._frame_s = joined.select(np.array([end])), ages.at(end)
        return resampled

    def finish(self) -> "ResampledBlock | None":
        """The last moment, if it lies on a tick."""
        last = self._last
        if last is None or self._start is None:
            return None
        time = self._start + self._tick / self._rate
        is_exact = abs(time - float(last.array("elapsed")[0])) <= TIME_TOLERANCE_S
        return _resample(last, _exact_tick(0, time, is_exact=is_exact), FrameAges(last))

    def _find_ticks(self, elapsed: Array) -> _Ticks:
        """The ticks before the last of these times, which rise; those in gaps are left out."""
        gaps = np.flatnonzero(np.diff(elapsed) > GAP_SECONDS).tolist()
        found = []
        begin = 0
        for gap in [*gaps, len(elapsed) - 1]:
            found.append(self._find_ticks_between(elapsed, begin, gap))
            begin = gap + 1
            if begin < len(elapsed):
                found.append(self._pass_gap(elapsed, gap))
        return _Ticks(*map(np.concatenate, zip(*found, strict=True)))

    def _find_ticks_between(self, elapsed: Array, begin: int, end: int) -> _Ticks:
        """The ticks before the moment ``end`` from the moment ``begin`` on, without a gap between."""
        assert self._start is not None
        limits = elapsed[begin : end + 1] - TIME_TOLERANCE_S
        count = max(math.ceil((limits[-1] - self._start) * self._rate) + 2 - self._tick, 0)
        times = self._start + np.arange(self._tick, self._tick + count) / self._rate
        times = times[times < limits[-1]]
        self._tick += len(times)
        before = begin + np.searchsorted(limits, times, side="right") - 1
        return _Ticks(times, before, np.abs(times - elapsed[before]) <= TIME_TOLERANCE_S)

    def _pass_gap(self, elapsed: Array, before: int) -> _Ticks:
        """The tick at the moment before a gap, if there is one; the next one is then behind the gap."""
        assert self._start is not None
        limit = elapsed[before + 1] - TIME_TOLERANCE_S
        time = self._start + self._tick / self._rate
        is_exact = abs(time - elapsed[before]) <= TIME_TOLERANCE_S
        if is_exact:
            self._tick += 1
        while self._start + self._tick / self._rate < limit:
            self._tick = max(self._tick + 1, math.ceil((limit - self._start) * self._rate))
        return _exact_tick(before, time, is_exact=is_exact)


def _exact_tick(row: int, time: float, *, is_exact: bool) -> _Ticks:
    """The tick at a recorded moment, if it is one."""
    count = int(is_exact)
    return _Ticks(np.full(count, time), np.full(count, row, dtype=np.intp), np.ones(count, dtype=np.bool_))


def _resample(block: Block, ticks: _Ticks, ages: FrameAges) -> "ResampledBlock | None":
    """The moments at these ticks."""
    if not len(ticks.elapsed):
        return None
    after = np.where(ticks.is_exact, ticks.before, ticks.before + 1)
    is_held = ticks.is_exact.copy()
    for tick in np.flatnonzero(can_be_jumps(Pairs(block, ticks.before, after)) & ~is_held).tolist():
        row = int(ticks.before[tick])
        is_held[tick] = is_jump(block.snapshot(row), block.snapshot(row + 1), ages.at(row))
    earlier, later = block.select(ticks.before), block.select(after)
    if len(in_box := np.flatnonzero(later.array("is_in_pit"))):
        is_held[in_box] |= _is_serviced(earlier.select(in_box), later.select(in_box))
    return ResampledBlock(earlier, later, ticks, is_held)


def _is_serviced(before: Block, after: Block) -> Array:
    """Where a car in its box got other tyres, or another amount of fuel, while it stood."""
    with np.errstate(invalid="ignore"):  # pages can hold NaN and infinities
        worn = np.abs(after.decimals("tyre_wear") - before.decimals("tyre_wear"))
        most = np.where(np.isnan(worn[:, 0]), np.nan, np.fmax.reduce(worn, axis=1))  # as max() of Python has it
        fuelled = np.abs(after.decimals("fuel") - before.decimals("fuel"))
        changed = (most > SERVICE_WEAR_PERCENT) | (fuelled > SERVICE_FUEL_L)
        serviced: Array = changed & (after.decimals("speed_kmh") < STANDING_KMH)
    return serviced


class ResampledBlock(Block):
    """Moments between two recorded ones each."""

    def __init__(self, before: Block, after: Block, ticks: _Ticks, is_held: Array) -> None:
        self._before = before
        self._after = after
        self._is_held = is_held
        self._is_exact = ticks.is_exact
        begin, end = before.array("elapsed"), after.array("elapsed")
        self.held_s: Array = ticks.elapsed - begin
        """The seconds since the recorded moment before, from which its counters are held, shape (n,)."""
        with np.errstate(all="ignore"):  # where both are the same
            fraction = np.minimum(np.maximum((ticks.elapsed - begin) / (end - begin), 0.0), 1.0)
        self._fraction = np.where(ticks.is_exact, 0.0, fraction)
        self._times = {"elapsed": ticks.elapsed, "timestamp": self._find_timestamps(ticks.elapsed, begin, end)}
        self._began_lap = before.array("completed_laps") != after.array("completed_laps")
        self._began_lap |= after.array("current_time") < before.array("current_time")
        self._numbers: dict[str, tuple[Array, Array]] = {}
        self._decimals: dict[str, Array] = {}

    @property
    @override
    def holds_float32(self) -> bool:
        return self._before.holds_float32

    @override
    def __len__(self) -> int:
        return len(self._is_held)

    @override
    def array(self, name: str) -> Array:
        if name in self._times:
            return self._times[name]
        if _FIELDS[name].interpolation == "held":
            return self._before.array(name)
        numbers, is_held = self._interpolated(name)
        held = self._before.array(name)
        return np.where(is_held, held, numbers)

    @override
    def decimals(self, name: str) -> Array:
        if name in self._times:
            return self._times[name]
        held = self._before.decimals(name)
        if _FIELDS[name].interpolation == "held":
            return held
        if name not in self._decimals:
            numbers, is_held = self._interpolated(name)
            self._decimals[name] = np.where(is_held, held, shortest_decimals(numbers))
        return self._decimals[name]

    @override
    def texts(self, name: str) -> TextColumn:
        return self._before.texts(name)

    @override
    def snapshot(self, index: int) -> Snapshot:
        moment = self._before.snapshot(index)
        if not self._is_held[index]:
            moment = interpolate_numbers(moment, self._after.snapshot(index), float(self._fraction[index]))
        return moment.replace(**{name: float(times[index]) for name, times in self._times.items()})

    def _find_timestamps(self, elapsed: Array, begin: Array, end: Array) -> Array:
        before, after = self._before.array("timestamp"), self._after.array("timestamp")
        with np.errstate(invalid="ignore"):
            unix, interval = after - before, end - begin
            step = np.abs(unix - interval)
            is_step = (step >= CLOCK_STEP_S + MAX_SLEW * np.abs(interval)) & (step < np.inf)
            is_steady = np.isfinite(unix) & ~is_step & ~self._is_exact
            advance = np.where(is_steady, self._fraction * unix, elapsed - begin)
        timestamps: Array = before + advance
        return timestamps

    def _interpolated(self, name: str) -> tuple[Array, Array]:
        """The numbers as float32, and where they are those of the moment before."""
        if name not in self._numbers:
            field = _FIELDS[name]
            each = (slice(None), *[np.newaxis] * len(field.shape))
            start = self._before.decimals(name)
            low, period = PERIODS.get(field.interpolation, (0.0, 0.0))
            with np.errstate(all="ignore"):  # pages can hold NaN and infinities
                delta = self._after.decimals(name) - start
                if period:
                    delta -= period * np.round(delta / period)
                delta[~np.isfinite(delta)] = 0.0
                if field.interpolation == "linear_per_lap":
                    delta[self._began_lap] = 0.0
                numbers = start + delta * self._fraction[each]
                if period:
                    numbers -= period * np.floor((numbers - low) / period)
                if field.interpolation == "lap_fraction":
                    # Lap count and clock are still those of the old lap, and the position must agree with them.
                    numbers[self._began_lap & (numbers < 0.5) & (start > 0.5)] = LAST_LAP_FRACTION
                narrow = numbers.astype(np.float32)
            self._numbers[name] = narrow, self._is_held[each] | ~np.isfinite(narrow)
        return self._numbers[name]
