"""Two groups of laps tested by dividing their laps in all other ways: Westfall and Young's step-down method.

Where nothing changed, which lap is in which group says nothing, so that every other division of the same laps shows by
how much groups differ anyway. A lap keeps all of its measures, so what these have to do with each other counts as it
is: the share of cases in which anything is called changed is the level itself, where Holm's method, which takes the
steps in the same way, can only bound it.
"""

from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Final, NamedTuple

import numpy as np

from telemetry.analysis.lap_clock import Floats

MAX_DIVISIONS: Final = 20_000
"""Divisions up to which every one is looked at."""

DRAWN_DIVISIONS: Final = 9_999
"""Divisions that are drawn where there are more, besides the one that was driven; the same ones each time."""

_SAME: Final = 1e-9
"""By how much, as a share, a difference may be smaller than another one by rounding alone."""


class PValues(NamedTuple):
    """Of each measure, shape (m,); NaN where it cannot be tested."""

    alone: Floats
    """How often laps without any change differ that much in this measure."""
    corrected: Floats
    """The same for any of the measures that are tested."""


def attainable_level(a: int, b: int, level: float) -> float:
    """How close to a level groups of so many laps can come from below: with few divisions its steps are large.

    The division that was driven is one of them. Where the groups are of one size, each division stands for two, because
    exchanging the groups changes no difference.
    """
    count = comb(a + b, a) // (2 if a == b else 1)
    return int(level * count + 1e-9) / count


def p_by_division(a: Floats, b: Floats) -> PValues:
    """The p-values of the measures of laps of shape (a, m) and (b, m), NaN where a lap does not show one.

    The difference is that of Welch's t-test; a measure that fewer than two laps of a side show, or that does not vary
    within the groups, is not tested.
    """
    values = np.concatenate([a, b])
    differences = _differences(values, _divisions(len(a), len(b)))
    driven = differences[0]
    is_tested = _can_be_tested(a, b)
    alone, corrected = np.full((2, values.shape[1]), np.nan)
    order = [measure for measure in np.argsort(-driven, kind="stable").tolist() if is_tested[measure]]
    highest = np.zeros(len(differences))
    for measure in reversed(order):  # from the least clear measure to the clearest one
        limit = driven[measure] * (1.0 - _SAME)
        highest = np.maximum(highest, differences[:, measure])
        alone[measure] = np.mean(differences[:, measure] >= limit)
        corrected[measure] = np.mean(highest >= limit)
    corrected[order] = np.maximum.accumulate(corrected[order])
    return PValues(alone, corrected)


def _can_be_tested(a: Floats, b: Floats) -> list[bool]:
    found = []
    for ours, theirs in zip(a.T, b.T, strict=True):
        sides = [side[np.isfinite(side)] for side in (ours, theirs)]
        found.append(all(len(side) > 1 for side in sides) and any(np.ptp(side) > 0.0 for side in sides))
    return found


@lru_cache(maxsize=4)
def _divisions(a: int, b: int) -> Floats:
    """1 for the laps of the first group and 0 for the others, shape (d, a + b); the first is as it was driven."""
    laps = a + b
    if comb(laps, a) <= MAX_DIVISIONS:
        rows = np.array(list(combinations(range(laps), a)))
    else:
        drawn = np.random.default_rng(0).random((DRAWN_DIVISIONS, laps)).argsort(axis=1)[:, :a]
        rows = np.concatenate([np.arange(a)[None], drawn])
    members = np.zeros((len(rows), laps))
    np.put_along_axis(members, rows, 1.0, axis=1)
    return members


def _differences(values: Floats, members: Floats) -> Floats:
    """The size of Welch's t in each division, shape (d, m); 0 where a side has fewer than two values of a measure."""
    is_known = np.isfinite(values)
    known = is_known.astype(np.float64)
    centred = np.where(is_known, values - np.nanmean(np.where(is_known.any(axis=0), values, 0.0), axis=0), 0.0)
    squares = np.square(centred)
    parts, means, counts = [], [], []
    for group in (members, 1.0 - members):
        count = group @ known
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = (group @ centred) / count
            variance = np.maximum((group @ squares) / count - np.square(mean), 0.0) * count / (count - 1.0)
            parts.append(variance / count)
        means.append(mean)
        counts.append(count)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(means[0] - means[1]) / np.sqrt(parts[0] + parts[1])
    is_told = (counts[0] > 1.0) & (counts[1] > 1.0) & ~np.isnan(t)
    return np.where(is_told, t, 0.0)
