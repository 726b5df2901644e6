"""Snapshots at a fixed rate, out of snapshots as they were recorded: a pure function from one stream to another.

What is between two snapshots follows from the nature of each field (:func:`interpolation_for`): what moves steadily is
interpolated, what switches is held. Nothing is filtered: a rate below half of what happens folds it back into lower
frequencies (there is NO anti-aliasing). Who wants a spectrum records at the full rate and filters.
"""

import math
import operator
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import chain
from typing import Any, Final, Literal

import orjson

from telemetry.base.errors import UsageError
from telemetry.base.units import STEP_S
from telemetry.fields.derived import LINE_POSITION, TIME_STOPPED_STATUSES, is_new_run
from telemetry.fields.schema import Field
from telemetry.fields.snapshot import Snapshot

Interpolation = Literal["grid", "held", "linear", "lap", "angle", "bearing", "circuit"]
"""How a field goes from one snapshot to the next.

``grid``: it is the time itself. ``held``: it keeps its value until it has another. ``linear``: in a straight line.
``lap``: linear, but begun anew with each lap, and held while that happens. ``angle``: linear the shorter way round a
circle from -pi to pi; ``bearing``: the same in 0..360 degrees. ``circuit``: linear along the lap, through its line.
"""

STEADY_UNITS: Final = frozenset(
    {
        "-1..1", "0..1", "0..5", "1 = peak", "%", "N", "bar", "fraction", "g", "kJ", "kg/m³", "km/h", "l", "m", "m/s",
        "ms", "psi", "rad", "rad/s", "s", "unit vector", "°C",
    }
)  # fmt: skip
"""Units of numbers that move steadily, unless :data:`NATURES_BY_NAME` knows better."""

SETTING_UNITS: Final = frozenset({"0/1", "kg", "slip ratio", "x"})
"""Units of numbers that are switches and settings."""

NATURES_BY_NAME: Final[dict[str, Interpolation]] = {
    "timestamp": "grid",
    "elapsed": "grid",
    "brake_bias": "held",
    "car_damage": "held",
    "penalty_time": "held",
    "performance_meter": "lap",
    "kers_current_kj": "lap",
    "heading": "angle",
    "pitch": "angle",
    "roll": "angle",
    "wind_direction": "bearing",
    "normalized_position": "circuit",
}
"""What the unit does not tell: settings and hits that come in steps, what each lap begins anew, and what goes round."""

GAP_SECONDS: Final = 1.5
"""Longest interval that is filled; of a longer one nothing is known, and its moments are left out."""

PAUSE_SECONDS: Final = 0.25
"""Time that the game lags behind the clock in one interval to count as paused in it: more than any hitch of drawing."""


TELEPORT_METRES: Final = 10.0
"""Distance on top of what its speed explains by which a car was put somewhere else."""

_EARLY: Final = 1e-9
"""Seconds by which a snapshot may come before its moment and still be it; sums of decimals are never exact."""

_BEFORE_THE_LINE: Final = 0.99999994
"""The last ``normalized_position`` of a lap: the float32 before 1."""


def interpolation_for(field: Field) -> Interpolation:
    """The nature of a raw field; TypeError for a number whose unit is not known to say, so that none is guessed."""
    if field.name in NATURES_BY_NAME:
        return NATURES_BY_NAME[field.name]
    if field.kind != "number" or field.group == "static" or field.unit in SETTING_UNITS:
        return "held"
    if field.unit in STEADY_UNITS:
        return "linear"
    raise TypeError(f"{field.name} has the unit {field.unit!r}, which does not say how it moves: give it a nature")


INTERPOLATION: Final[dict[str, Interpolation]] = {field.name: interpolation_for(field) for field in Snapshot.FIELDS}
"""The nature of every raw field by name."""


def resample(snapshots: Iterable[Snapshot], rate: float) -> Iterator[Snapshot]:
    """The snapshots at ``start + k / rate``, where ``start`` is the time of the first one.

    ``elapsed`` and ``timestamp`` are those of the moment, to the last digit; ``sequence`` is held like any counter: it
    names the snapshot that the moment follows. A recorded snapshot that lies on its moment goes through as it is. In an
    interval that holds a jump (a restart, another session or car, a teleport, a pause) everything is held until the
    later snapshot; intervals longer than :data:`GAP_SECONDS` give nothing, nor do times that go back. Interpolated
    numbers are float32 in their shortest decimals, as the game's own. Raises :class:`telemetry.UsageError` for a rate
    that makes no sense.
    """
    if not 0.0 < rate < math.inf:
        raise UsageError(f"{rate:g} makes no sense as a rate; it must be more than 0.")
    return _resampled(snapshots, rate)


def _resampled(snapshots: Iterable[Snapshot], rate: float) -> Iterator[Snapshot]:
    rows = iter(snapshots)
    before = next(rows, None)
    if before is None:
        return
    start, tick = before.elapsed, 0
    for after in rows:
        length = after.elapsed - before.elapsed
        if length <= 0.0:
            continue
        moment = start + tick / rate
        if moment < after.elapsed - _EARLY:
            between = None if length > GAP_SECONDS else _between(before, after)
            while moment < after.elapsed - _EARLY:
                if abs(moment - before.elapsed) <= _EARLY:
                    yield _at(before, moment)
                elif between is not None:
                    yield between(moment)
                else:  # on to the first moment behind the gap
                    tick = max(tick, math.ceil((after.elapsed - _EARLY - start) * rate) - 1)
                tick += 1
                moment = start + tick / rate
        before = after
    moment = start + tick / rate
    if abs(moment - before.elapsed) <= _EARLY:
        yield _at(before, moment)


def is_jump(before: Snapshot, after: Snapshot) -> bool:
    """Whether something other than driving lies between two snapshots, so that nothing between them is known."""
    if after.status != before.status or before.status in TIME_STOPPED_STATUSES or is_new_run(after, before):
        return True
    if after.completed_laps < before.completed_laps:
        return True
    if _began_lap(before, after) and LINE_POSITION > before.normalized_position > after.normalized_position:
        return True  # the clock went back with the car, and not at the line: a restart, the pits
    seconds = after.elapsed - before.elapsed
    steps = after.packet_id - before.packet_id
    if steps > 0 and seconds - steps * STEP_S > PAUSE_SECONDS:
        return True
    explained = max(before.speed_kmh, after.speed_kmh) / 3.6 * seconds * 1.5
    return _distance(before, after) > explained + TELEPORT_METRES


def interpolate(before: Snapshot, after: Snapshot, elapsed: float) -> Snapshot:
    """The snapshot at a moment from ``before`` to ``after``, each field by its nature; all held across a jump."""
    return _between(before, after)(elapsed)


def _began_lap(before: Snapshot, after: Snapshot) -> bool:
    return after.completed_laps != before.completed_laps or after.current_time < before.current_time


def _distance(before: Snapshot, after: Snapshot) -> float:
    """Metres that the car is from where it was; NaN where the recording has no positions."""
    return math.dist(
        (before.world_position_x, before.world_position_y, before.world_position_z),
        (after.world_position_x, after.world_position_y, after.world_position_z),
    )


def _at(snapshot: Snapshot, moment: float) -> Snapshot:
    """A snapshot that is its own moment, but for a rounding error of its time."""
    return Snapshot.of((snapshot.timestamp + (moment - snapshot.elapsed), moment, *snapshot[2:]))


def _between(before: Snapshot, after: Snapshot) -> Callable[[float], Snapshot]:
    """What is between two snapshots, as a function of the moment."""
    length = after.elapsed - before.elapsed
    span = after.timestamp - before.timestamp
    steady = abs(span - length) < GAP_SECONDS  # else the system's clock was set in between
    held = is_jump(before, after)
    fill = None if held else _interpolator().between(before, after)

    def at(moment: float) -> Snapshot:
        share = min(max((moment - before.elapsed) / length, 0.0), 1.0)
        timestamp = before.timestamp + (share * span if steady else moment - before.elapsed)
        values = list(before) if fill is None else fill(share)
        return Snapshot.of((timestamp, moment, *values[2:]))

    return at


class _Interpolator:
    """Interpolates all steady numbers of a snapshot in a few calls of numpy."""

    def __init__(self) -> None:
        import numpy as np  # noqa: PLC0415 - takes longer to import than all the rest, and --help needs none of it

        self._np = np
        moving = [
            (place, field)
            for place, field in enumerate(Snapshot.FIELDS)
            if INTERPOLATION[field.name] not in ("grid", "held")
        ]
        self._scalars = [place for place, field in moving if field.shape == ()]
        self._arrays = [(place, field.shape[0]) for place, field in moving if len(field.shape) == 1]
        self._vectors = [(place, field.shape[0], field.shape[1]) for place, field in moving if len(field.shape) == 2]
        self._pick_scalars = operator.itemgetter(*self._scalars)
        self._pick_arrays = operator.itemgetter(*(place for place, _ in self._arrays))
        self._pick_vectors = operator.itemgetter(*(place for place, _, _ in self._vectors))
        # Whatever goes round is a single number, and those stand first.
        natures = [INTERPOLATION[Snapshot.FIELDS[place].name] for place in self._scalars]
        rounds = {"angle": (-math.pi, math.tau), "bearing": (0.0, 360.0), "circuit": (0.0, 1.0)}
        self._round = [place for place, nature in enumerate(natures) if nature in rounds]
        self._lows = np.array([rounds[natures[place]][0] for place in self._round])
        self._periods = np.array([rounds[natures[place]][1] for place in self._round])
        self._of_lap = [place for place, nature in enumerate(natures) if nature == "lap"]
        self._position = natures.index("circuit")

    def between(self, before: Snapshot, after: Snapshot) -> Callable[[float], list[Any]]:
        """The values between two snapshots, as a function of the share of the way."""
        np = self._np
        flat = self._flat(before)
        start = np.array(flat, dtype=np.float64)
        way = np.array(self._flat(after), dtype=np.float64)
        with np.errstate(invalid="ignore"):
            way -= start
        way[self._round] -= self._periods * np.round(way[self._round] / self._periods)
        # What is no number, or endless, on either side has no way between: it is held, like that which the lap resets.
        unknown = ~np.isfinite(way)
        way[unknown] = 0.0
        new_lap = _began_lap(before, after)
        if new_lap:
            way[self._of_lap] = 0.0

        def fill(share: float) -> list[Any]:
            numbers = start + way * share
            turned = numbers[self._round]
            numbers[self._round] = turned - self._periods * np.floor((turned - self._lows) / self._periods)
            if new_lap and numbers[self._position] < 0.5 < flat[self._position]:
                # The counters still say the lap before, and the three must agree on where the line is.
                numbers[self._position] = _BEFORE_THE_LINE
            return self._filled(before, self._shortest(numbers, flat))

        return fill

    def _flat(self, snapshot: Snapshot) -> list[float]:
        """All numbers that move: single ones, then those of arrays, then those of vectors."""
        return [
            *self._pick_scalars(snapshot),
            *chain.from_iterable(self._pick_arrays(snapshot)),
            *chain.from_iterable(chain.from_iterable(self._pick_vectors(snapshot))),
        ]

    def _shortest(self, numbers: Any, held: list[float]) -> list[float]:
        """The numbers as float32 in their shortest decimals; what JSON has no number for stays what it was."""
        with self._np.errstate(over="ignore"):
            narrow = numbers.astype(self._np.float32)
        decimals: list[float | None] = orjson.loads(orjson.dumps(narrow, option=orjson.OPT_SERIALIZE_NUMPY))
        return [old if new is None else new for new, old in zip(decimals, held, strict=True)]

    def _filled(self, before: Snapshot, numbers: list[float]) -> list[Any]:
        """The snapshot's values with these numbers in the places that move."""
        values: list[Any] = list(before)
        for place, number in zip(self._scalars, numbers, strict=False):
            values[place] = number
        at = len(self._scalars)
        for place, length in self._arrays:
            values[place] = tuple(numbers[at : at + length])
            at += length
        for place, count, length in self._vectors:
            end = at + count * length
            values[place] = tuple([tuple(numbers[i : i + length]) for i in range(at, end, length)])
            at = end
        return values


@cache
def _interpolator() -> _Interpolator:
    return _Interpolator()
