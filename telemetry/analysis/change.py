"""Whether something changed between two groups of laps, or they only differ as laps do anyway.

Eight measures are tested, and they are named before anything is looked at. The level is that of all eight together:
it is corrected by Westfall and Young's step-down method, or by Holm's where the laps are too few for it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Literal

import numpy as np

from telemetry.analysis.divisions import attainable_level, p_by_division
from telemetry.analysis.lap_measures import LapMeasure
from telemetry.analysis.student import student_tails
from telemetry.base.errors import UsageError

MEASURES: Final = (
    "lap_time_s",
    "corner_min_kmh",
    "braking_m",
    "peak_brake",
    "throttle_s",
    "coasting_s",
    "full_throttle_s",
    "top_kmh",
)
"""The measures of a lap that are tested, all of them and no others.

They say different things: measures that move together, like the time to the apexes and the lap time, would make the
correction stricter than its level.
"""

LEVEL: Final = 0.05
"""Share of comparisons without any change in which a change is reported nevertheless."""

MIN_ATTAINABLE: Final = 0.04
"""How close to :data:`LEVEL` the divisions of the laps have to come before they are what decides: 5 + 5 laps do."""

POWER: Final = 0.8
"""Share of comparisons in which a change of the size that was seen would be found with as many laps as are named."""

MIN_LAPS: Final = 2
"""Laps on either side below which there is no verdict."""

MAX_LAPS: Final = 10_000
"""More laps than anybody drives: the change that was seen is none."""


Method = Literal["westfall-young", "holm"]
"""How the p-values are corrected. ``westfall-young``: by the other divisions of the laps. ``holm``: Welch's t-tests
with Holm's correction, which stays further below the level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureChange:
    """One measure in two groups of laps."""

    measure: str
    laps_a: int
    laps_b: int
    mean_a: float | None
    mean_b: float | None
    change: float | None
    """Mean of ``b`` less mean of ``a``."""
    effect: float | None
    """The change in units of the spread from lap to lap; None without a spread."""
    p: float | None
    """How often laps without any change differ that much, before the correction."""
    p_corrected: float | None
    """After the correction for all measures that could be tested."""
    changed: bool | None
    """The verdict at :data:`LEVEL`; None where there is none, because laps are missing."""
    laps_needed: int | None
    """Laps on either side with which a change of this size would be found; None where there is none to be found."""
    method: Method


def did_it_change(runs_a: Sequence[LapMeasure], runs_b: Sequence[LapMeasure]) -> list[MeasureChange]:
    """What changed from the laps ``a`` to the laps ``b``, measure by measure.

    Raises :class:`telemetry.UsageError` where a side has fewer than :data:`MIN_LAPS` laps: one lap shows no spread, and
    nothing can be said.
    """
    for side, runs in (("first", runs_a), ("second", runs_b)):
        if len(runs) < MIN_LAPS:
            have = "no lap" if not runs else "one lap"
            raise UsageError(
                f"The {side} group has {have}: at least {MIN_LAPS} valid laps on either side are needed to tell a "
                "change from the difference that laps have anyway."
            )
    samples = {name: (_values(runs_a, name), _values(runs_b, name)) for name in MEASURES}
    method = find_method(len(runs_a), len(runs_b))
    alone, corrected = (_by_division if method == "westfall-young" else _by_holm)(samples)
    return [_change(name, *samples[name], alone[name], corrected.get(name), method) for name in MEASURES]


def find_method(laps_a: int, laps_b: int) -> Method:
    """How groups of so many laps are tested, whatever their laps are like."""
    return "westfall-young" if attainable_level(laps_a, laps_b, LEVEL) >= MIN_ATTAINABLE else "holm"


_Samples = dict[str, tuple[list[float], list[float]]]


def _by_division(samples: _Samples) -> tuple[dict[str, float | None], dict[str, float]]:
    sides = [np.array([sample[side] for sample in samples.values()]).T for side in (0, 1)]
    found = p_by_division(*sides)
    alone = dict(zip(samples, [None if math.isnan(p) else p for p in found.alone.tolist()], strict=True))
    corrected = dict(zip(samples, found.corrected.tolist(), strict=True))
    return alone, {name: p for name, p in corrected.items() if alone[name] is not None}


def _by_holm(samples: _Samples) -> tuple[dict[str, float | None], dict[str, float]]:
    alone = {name: welch_p(_known(a), _known(b)) for name, (a, b) in samples.items()}
    return alone, holm({name: p for name, p in alone.items() if p is not None})


def _values(runs: Sequence[LapMeasure], name: str) -> list[float]:
    """The measure of each lap; NaN where it does not show it."""
    values = [getattr(one, name) for one in runs]
    return [math.nan if value is None else value for value in values]


def _known(values: list[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def _change(
    name: str, a: list[float], b: list[float], p: float | None, p_corrected: float | None, method: Method
) -> MeasureChange:
    a, b = _known(a), _known(b)
    mean_a, mean_b = (float(np.mean(side)) if side else None for side in (a, b))
    change = None if mean_a is None or mean_b is None else mean_b - mean_a
    spread = _pooled_deviation(a, b)
    effect = None if change is None or not spread else change / spread
    return MeasureChange(
        measure=name,
        laps_a=len(a),
        laps_b=len(b),
        mean_a=mean_a,
        mean_b=mean_b,
        change=change,
        effect=effect,
        p=p,
        p_corrected=p_corrected,
        changed=None if p_corrected is None else p_corrected <= LEVEL,
        laps_needed=None if effect is None else laps_needed(effect),
        method=method,
    )


def _pooled_deviation(a: Sequence[float], b: Sequence[float]) -> float | None:
    if len(a) < MIN_LAPS or len(b) < MIN_LAPS:
        return None
    squares = np.var(a, ddof=1) * (len(a) - 1) + np.var(b, ddof=1) * (len(b) - 1)
    return math.sqrt(float(squares) / (len(a) + len(b) - 2))


def laps_needed(effect: float) -> int | None:
    """Laps on either side with which an effect, in units of the spread, is found with :data:`POWER`.

    By the normal approximation, at the level that Holm's correction asks of the clearest measure; None above
    :data:`MAX_LAPS`.
    """
    if effect == 0.0:
        return None
    normal = NormalDist()
    quantiles = normal.inv_cdf(1.0 - LEVEL / len(MEASURES) / 2.0) + normal.inv_cdf(POWER)
    laps = max(math.ceil(2.0 * (quantiles / effect) ** 2), MIN_LAPS)
    return laps if laps <= MAX_LAPS else None


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """The p-values corrected by Holm's method for testing all of them."""
    corrected: dict[str, float] = {}
    highest = 0.0
    for place, (name, p) in enumerate(sorted(p_values.items(), key=lambda entry: entry[1])):
        highest = max(highest, min(p * (len(p_values) - place), 1.0))
        corrected[name] = highest
    return corrected


def welch_p(a: Sequence[float], b: Sequence[float]) -> float | None:
    """The two-sided p-value of Welch's t-test; None where a side has under two values, or nothing varies."""
    if len(a) < MIN_LAPS or len(b) < MIN_LAPS:
        return None
    part_a, part_b = float(np.var(a, ddof=1)) / len(a), float(np.var(b, ddof=1)) / len(b)
    total = part_a + part_b
    if total <= 0.0:
        return None
    t = (float(np.mean(a)) - float(np.mean(b))) / math.sqrt(total)
    freedom = total**2 / (part_a**2 / (len(a) - 1) + part_b**2 / (len(b) - 1))
    return student_tails(t, freedom)
