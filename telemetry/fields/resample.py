"""Snapshots at a fixed rate, made of snapshots as they were recorded: a pure function from one stream to another.

How a field goes from one snapshot to the next is declared with it (:data:`telemetry.fields.schema.Interpolation`).
Nothing is filtered: a rate below twice the highest frequency of a signal folds it into lower frequencies (there is NO
anti-aliasing). For a spectrum, record at the full rate and filter.
"""

import math
import operator
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import chain
from typing import Any, Final

import orjson

from telemetry.base.checks import require_positive
from telemetry.fields.clock_steps import clock_step_seconds
from telemetry.fields.lap_changes import (
    STANDING_KMH,
    TIME_STOPPED_STATUSES,
    is_count_or_clock_changed,
    is_driven,
    is_session_start,
)
from telemetry.fields.pauses import MIN_RESAMPLED_PAUSE_S, paused_seconds
from telemetry.fields.schema import Interpolation
from telemetry.fields.snapshot import Snapshot

GAP_SECONDS: Final = 1.5
"""Longest interval between two snapshots that is filled; a longer one is a gap, and gives no snapshots."""

TELEPORT_METRES: Final = 10.0
"""Distance on top of what the speed explains from which on the car was teleported."""

MAX_FRAME_S: Final = 5.0
"""Longest time for which a drawn frame is believed to have stood."""

SERVICE_WEAR_PERCENT: Final = 0.01
"""Change of ``tyre_wear`` between two snapshots of a standing car from which on it has got other tyres."""

SERVICE_FUEL_L: Final = 0.05
"""Litres by which the fuel of a standing car changes between two snapshots where it was put in or taken out."""

TIME_TOLERANCE_S: Final = 1e-9
"""A snapshot may be this much early and still be the one of its tick; sums of decimals are never exact."""

LAST_LAP_FRACTION: Final = 0.99999994
"""The last ``normalized_position`` of a lap: the float32 before 1."""

PERIODS: Final[dict[Interpolation, tuple[float, float]]] = {
    "angle_rad": (-math.pi, math.tau),
    "angle_deg": (0.0, 360.0),
    "lap_fraction": (0.0, 1.0),
}
"""The lowest value and the period of what wraps around."""


def resample(snapshots: Iterable[Snapshot], rate: float) -> Iterator[Snapshot]:
    """The snapshots at ``start + k / rate``, where ``start`` is the time of the first one; ``rate`` is in Hz.

    ``elapsed`` and ``timestamp`` are exactly those of the tick; ``sequence`` is held like any counter: it names the
    snapshot before the tick. A recorded snapshot that lies on a tick is passed on unchanged. In an interval with a jump
    (a restart, another session or car, a teleport, a pause) every field is held until the later snapshot, and also
    where the car gets tyres or fuel in its box. Intervals longer than :data:`GAP_SECONDS` and times that go back give
    no snapshots. Interpolated numbers are float32 in their shortest decimals, like the game's own. Raises
    :class:`telemetry.UsageError` for a rate that is not greater than 0.
    """
    require_positive("rate", rate)
    return _resampled(snapshots, rate)


def _resampled(snapshots: Iterable[Snapshot], rate: float) -> Iterator[Snapshot]:
    remaining = iter(snapshots)
    before = next(remaining, None)
    if before is None:
        return
    start, tick, frame_s = before.elapsed, 0, 0.0
    for after in remaining:
        interval = after.elapsed - before.elapsed
        if interval <= 0.0:
            continue
        time = start + tick / rate
        if time < after.elapsed - TIME_TOLERANCE_S:
            between = None if interval > GAP_SECONDS else _between(before, after, frame_s)
            while time < after.elapsed - TIME_TOLERANCE_S:
                if abs(time - before.elapsed) <= TIME_TOLERANCE_S:
                    yield _at_tick(before, time)
                elif between is not None:
                    yield between(time)
                else:  # on to the first tick after the gap
                    tick = max(tick, math.ceil((after.elapsed - TIME_TOLERANCE_S - start) * rate) - 1)
                tick += 1
                time = start + tick / rate
        frame_s = frame_age_s(before, after, frame_s)
        before = after
    time = start + tick / rate
    if abs(time - before.elapsed) <= TIME_TOLERANCE_S:
        yield _at_tick(before, time)


def frame_age_s(before: Snapshot, after: Snapshot, frame_before_s: float) -> float:
    """For how many seconds at most ``after`` has shown the same drawn frame; ``frame_before_s`` is that of ``before``.

    The game writes the car's position only when it draws. A frame that ``before`` did not show was drawn since then.
    """
    seconds = max(after.elapsed - before.elapsed, 0.0)
    if _FRAME(after) == _FRAME(before):
        seconds += frame_before_s
    return min(seconds, MAX_FRAME_S)


_FRAME: Final = Snapshot.getter("graphics_packet_id", "world_position_x", "world_position_y", "world_position_z")


def is_jump(before: Snapshot, after: Snapshot, frame_s: float = 0.0) -> bool:
    """Whether something other than driving lies between two snapshots, so that nothing between them is known.

    ``frame_s`` is the age of the drawn frame that ``before`` shows (:func:`frame_age_s`): the car has had that much
    more time to come to its next position.
    """
    if after.status != before.status or before.status in TIME_STOPPED_STATUSES or is_session_start(after, before):
        return True
    if after.completed_laps < before.completed_laps:
        return True
    if is_count_or_clock_changed(after, before) and not is_driven(after, before, round(frame_s * 1e3)):
        return True  # the clock went back, but not at the line: a restart or a return to the pits
    seconds = after.elapsed - before.elapsed
    steps = after.packet_id - before.packet_id
    if paused_seconds(seconds, steps, MIN_RESAMPLED_PAUSE_S):
        return True
    explained = max(before.speed_kmh, after.speed_kmh, 0.0) / 3.6 * (seconds + frame_s) * 1.5
    return _distance(before, after) > explained + TELEPORT_METRES


def _is_serviced(before: Snapshot, after: Snapshot) -> bool:
    """Whether the car got other tyres, or another amount of fuel, while it stood in its box."""
    if not (after.is_in_pit and after.speed_kmh < STANDING_KMH):
        return False
    changes = [abs(now - then) for now, then in zip(after.tyre_wear, before.tyre_wear, strict=True)]
    return max(changes) > SERVICE_WEAR_PERCENT or abs(after.fuel - before.fuel) > SERVICE_FUEL_L


def interpolate(before: Snapshot, after: Snapshot, elapsed: float) -> Snapshot:
    """The snapshot at a time from ``before`` to ``after``; across a jump every field is held."""
    return _between(before, after)(elapsed)


def interpolate_numbers(before: Snapshot, after: Snapshot, fraction: float) -> Snapshot:
    """The snapshot at this fraction 0..1 of the way between two, but for its times, which are those of ``before``."""
    return _interpolator().between(before, after)(fraction)


def _distance(before: Snapshot, after: Snapshot) -> float:
    """Metres between the two positions of the car; NaN where the recording has no positions."""
    return math.dist(
        (before.world_position_x, before.world_position_y, before.world_position_z),
        (after.world_position_x, after.world_position_y, after.world_position_z),
    )


def _at_tick(snapshot: Snapshot, elapsed: float) -> Snapshot:
    """The snapshot with the exact time of its tick, from which it differs by a rounding error."""
    return snapshot.replace(timestamp=snapshot.timestamp + (elapsed - snapshot.elapsed), elapsed=elapsed)


def _between(before: Snapshot, after: Snapshot, frame_s: float = 0.0) -> Callable[[float], Snapshot]:
    """The snapshot between two as a function of its time; ``frame_s`` is the age of the frame that the first shows."""
    interval = after.elapsed - before.elapsed
    unix_interval = after.timestamp - before.timestamp
    is_clock_steady = math.isfinite(unix_interval) and not clock_step_seconds(unix_interval, interval)
    is_step = is_jump(before, after, frame_s) or _is_serviced(before, after)
    interpolated = None if is_step else _interpolator().between(before, after)

    def at(elapsed: float) -> Snapshot:
        fraction = min(max((elapsed - before.elapsed) / interval, 0.0), 1.0)
        advance = fraction * unix_interval if is_clock_steady else elapsed - before.elapsed
        snapshot = before if interpolated is None else interpolated(fraction)
        return snapshot.replace(timestamp=before.timestamp + advance, elapsed=elapsed)

    return at


class _Interpolator:
    """Interpolates all numbers of a snapshot that change, in a few calls of numpy on one flat array."""

    def __init__(self) -> None:
        import numpy as np

        self._np = np
        changing = [
            (index, field) for index, field in enumerate(Snapshot.FIELDS) if field.interpolation not in ("time", "held")
        ]
        self._scalars = [index for index, field in changing if field.shape == ()]
        self._arrays = [(index, field.shape[0]) for index, field in changing if len(field.shape) == 1]
        self._vectors = [(index, field.shape[0], field.shape[1]) for index, field in changing if len(field.shape) == 2]
        self._pick_scalars = operator.itemgetter(*self._scalars)
        self._pick_arrays = operator.itemgetter(*(index for index, _ in self._arrays))
        self._pick_vectors = operator.itemgetter(*(index for index, _, _ in self._vectors))
        # Whatever wraps around is a single number, and those come first in the flat array.
        kinds = [Snapshot.FIELDS[index].interpolation for index in self._scalars]
        self._wrapping = [index for index, kind in enumerate(kinds) if kind in PERIODS]
        self._lows = np.array([PERIODS[kinds[index]][0] for index in self._wrapping])
        self._periods = np.array([PERIODS[kinds[index]][1] for index in self._wrapping])
        self._per_lap = [index for index, kind in enumerate(kinds) if kind == "linear_per_lap"]
        self._lap_fraction = kinds.index("lap_fraction")

    def between(self, before: Snapshot, after: Snapshot) -> Callable[[float], Snapshot]:
        """The snapshot between two, but for its times, as a function of the fraction 0..1 of the interval."""
        np = self._np
        flat = self._flatten(before)
        start = np.array(flat, dtype=np.float64)
        delta = np.array(self._flatten(after), dtype=np.float64)
        with np.errstate(invalid="ignore"):
            delta -= start
        delta[self._wrapping] -= self._periods * np.round(delta[self._wrapping] / self._periods)
        # NaN and infinity on either side cannot be interpolated: they are held, like numbers that a lap resets.
        delta[~np.isfinite(delta)] = 0.0
        began_lap = is_count_or_clock_changed(after, before)
        if began_lap:
            delta[self._per_lap] = 0.0

        def at(fraction: float) -> Snapshot:
            numbers = start + delta * fraction
            wrapped = numbers[self._wrapping]
            numbers[self._wrapping] = wrapped - self._periods * np.floor((wrapped - self._lows) / self._periods)
            if began_lap and numbers[self._lap_fraction] < 0.5 < flat[self._lap_fraction]:
                # Lap count and clock are still those of the old lap, and the position must agree with them.
                numbers[self._lap_fraction] = LAST_LAP_FRACTION
            return self._unflatten(before, self._shortest_decimals(numbers, flat))

        return at

    def _flatten(self, snapshot: Snapshot) -> list[float]:
        """All numbers that change: single ones, then those of arrays, then those of vectors."""
        return [
            *self._pick_scalars(snapshot),
            *chain.from_iterable(self._pick_arrays(snapshot)),
            *chain.from_iterable(chain.from_iterable(self._pick_vectors(snapshot))),
        ]

    def _shortest_decimals(self, numbers: Any, held: list[float]) -> list[float]:
        """The numbers as float32 in their shortest decimals; NaN and infinities, which JSON cannot hold, are held."""
        with self._np.errstate(over="ignore"):
            narrow = numbers.astype(self._np.float32)
        decimals: list[float | None] = orjson.loads(orjson.dumps(narrow, option=orjson.OPT_SERIALIZE_NUMPY))
        return [old if new is None else new for new, old in zip(decimals, held, strict=True)]

    def _unflatten(self, before: Snapshot, numbers: list[float]) -> Snapshot:
        """The snapshot with these numbers in the fields that change."""
        values: list[Any] = list(before)
        for index, number in zip(self._scalars, numbers, strict=False):
            values[index] = number
        begin = len(self._scalars)
        for index, length in self._arrays:
            values[index] = tuple(numbers[begin : begin + length])
            begin += length
        for index, count, length in self._vectors:
            end = begin + count * length
            values[index] = tuple([tuple(numbers[i : i + length]) for i in range(begin, end, length)])
            begin = end
        return Snapshot.of(values)


@cache
def _interpolator() -> _Interpolator:
    """The interpolator, which holds indices only and is built once, because numpy is slow to import."""
    return _Interpolator()
