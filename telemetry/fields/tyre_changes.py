"""The one rule for "were other tyres fitted between these two samples".

The pages do not say so; ``tyre_wear`` has to tell. A new tyre climbs to its best while it scrubs in, and then falls, a
few units in its whole life. Both are slow, and a tyre that has begun to fall never climbs again. So others were fitted

* where ``tyre_wear`` rises to no more than the best seen on that tyre (a rise above it may be scrubbing in), and
* where it changes in the pits, in either direction, by more than driving can cause in the time between the samples.

How large a change must be depends on the compound: one loses 2 units in its life, another 30.
"""

from typing import TYPE_CHECKING, Final

from telemetry.base.units import STEP_S
from telemetry.fields.lap_changes import is_in_pits
from telemetry.fields.schema import Wheels
from telemetry.fields.snapshot import Snapshot

if TYPE_CHECKING:
    from telemetry.fields.blocks import Array
    from telemetry.fields.derived import Sample

BEST_WEAR_PERCENT: Final = 100.0
"""``tyre_wear`` of the best grip that a tyre can have."""

MAX_FLOOR_PERCENT: Final = 99.0
"""``tyre_wear`` that the floor of no compound is above."""

MAX_RISE_ON_TRACK: Final = 0.1
"""Rise of ``tyre_wear``, as a fraction of the life, that is no change of tyres where the pits are not seen."""

MAX_RISE_PERCENT: Final = 0.5
"""The same in units of ``tyre_wear``, for compounds with a long life."""

MAX_DRIFT_IN_PITS: Final = 0.01
"""Change of ``tyre_wear`` in the pits, as a fraction of the life, that is no change of tyres."""

MAX_WEAR_PER_S: Final = 0.02
"""Fraction of its life that a tyre can lose, or scrub in, in a second at the game's normal tyre rate."""


def is_other_compound(now: Snapshot, before: Snapshot) -> bool:
    """Whether the tyres are of another compound than in the sample before.

    An empty name does not count, because a page may be read before it is filled.
    """
    return now.tyre_compound != before.tyre_compound and bool(now.tyre_compound) and bool(before.tyre_compound)


def are_tyres_changed(now: Snapshot, before: "Sample", floor: float) -> bool:
    """Whether other tyres of the same compound were fitted since the sample before, as far as ``tyre_wear`` tells.

    ``floor`` is the ``tyre_wear`` of the compound when it is worn out.
    """
    fl, fr, rl, rr = wear = now.tyre_wear
    fl_before, fr_before, rl_before, rr_before = before.tyre_wear
    fl -= fl_before
    fr -= fr_before
    rl -= rl_before
    rr -= rr_before
    life = BEST_WEAR_PERCENT - (min(MAX_FLOOR_PERCENT, floor))
    drift = life * MAX_DRIFT_IN_PITS
    # Nearly always nothing happened, and this is asked once per sample.
    if -drift <= fl <= drift and -drift <= fr <= drift and -drift <= rl <= drift and -drift <= rr <= drift:
        return False
    if not (any(wear) and any(before.tyre_wear)):
        return False  # not published
    changes = (fl, fr, rl, rr)
    max_rise = min(life * MAX_RISE_ON_TRACK, MAX_RISE_PERCENT)
    best = before.tyre_wear_best
    if any(rise > max_rise and value <= limit for rise, value, limit in zip(changes, wear, best, strict=True)):
        return True
    # The constant first: it also counts where a number is NaN.
    drift += life * MAX_WEAR_PER_S * max(1.0, now.aid_tire_rate) * _seconds(now, before)
    if now.is_in_pit and min(changes) < -drift:
        return True
    return (is_in_pits(now) or is_in_pits(before)) and max(changes) > drift


def may_have_changed(change: "Array", floor: "Array") -> "Array":
    """Where :func:`are_tyres_changed` is not false at once: a bool for each sample, shape (n,).

    ``change`` is that of ``tyre_wear`` since the sample before, shape (n, 4), and ``floor`` has the shape (n,).
    """
    import numpy as np

    life = BEST_WEAR_PERCENT - np.fmin(floor, MAX_FLOOR_PERCENT)
    # A tyre that is not known (NaN) is never the one that was changed, so this asks for what is more, not for the rest.
    is_changed = np.abs(change) > np.minimum(life * MAX_DRIFT_IN_PITS, MAX_RISE_PERCENT)[:, np.newaxis]
    changed: Array = np.any(is_changed, axis=1)
    return changed


def _seconds(now: Snapshot, before: Snapshot) -> float:
    """Game time between the samples; by the computer's clock where the physics did not advance, 0 without both."""
    steps = now.packet_id - before.packet_id
    return steps * STEP_S if steps > 0 else max(0.0, now.elapsed - before.elapsed)


def new_set(wear: Wheels, wear_before: Wheels, best: Wheels) -> Wheels:
    """``tyre_wear_best`` after a change: a tyre whose wear stayed the same is still the old one."""
    fl, fr, rl, rr = [
        clamp_wear(value) if value != value_before else best_before
        for value, value_before, best_before in zip(wear, wear_before, best, strict=True)
    ]
    return (fl, fr, rl, rr)


def clamp_wear(wear: float) -> float:
    """``tyre_wear`` as the best of a tyre: 0 for NaN."""
    return min(wear, BEST_WEAR_PERCENT) if wear > 0.0 else 0.0
