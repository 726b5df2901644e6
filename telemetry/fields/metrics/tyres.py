"""How worn the tyres are."""

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from telemetry.fields.metrics.metric import Intermediate, Metric
from telemetry.fields.schema import NullableWheels, Wheels
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.fields.tyre_changes import (
    BEST_WEAR_PERCENT,
    are_tyres_changed,
    clamp_wear,
    is_other_compound,
    may_have_changed,
    new_set,
)

if TYPE_CHECKING:
    from telemetry.fields.blocks import Array, TextColumn
    from telemetry.fields.columns import DerivedBlock
    from telemetry.fields.derived import Sample

COMPOUND_FLOORS: Final = (
    ("semislick", 70.0),
    ("cinturato", 96.0),
    ("street90", 88.0),
    ("vintage", 88.0),
    ("street", 80.0),
    ("gp70soft", 90.0),
    ("gp70hard", 95.0),
    ("gp60", 98.0),
    ("60sgp", 98.0),
)
"""``tyre_wear`` of a worn-out tyre by a part of its compound's name; the first match counts.

The names are compared in lower case and without spaces and hyphens.
"""


def tyre_wear_best(now: Snapshot, car_model: str, floor: float, before: "Sample | None") -> Wheels:
    """Per tyre the highest ``tyre_wear`` seen on it, at most 100.

    It starts again with new tyres (:mod:`telemetry.fields.tyre_changes`), another car, and where the physics restarted.
    """
    wear = now.tyre_wear
    if (
        before is None
        or car_model != before.car_model
        or is_other_compound(now, before)
        or now.packet_id < before.packet_id
    ):
        fl, fr, rl, rr = wear
        return (clamp_wear(fl), clamp_wear(fr), clamp_wear(rl), clamp_wear(rr))
    best, wear_before = before.tyre_wear_best, before.tyre_wear
    if wear == wear_before:
        return best
    if are_tyres_changed(now, before, floor):
        return new_set(wear, wear_before, best)
    fl, fr, rl, rr = wear
    best_fl, best_fr, best_rl, best_rr = best
    if fl > best_fl or fr > best_fr or rl > best_rl or rr > best_rr:
        return (
            clamp_wear(fl) if fl > best_fl else best_fl,
            clamp_wear(fr) if fr > best_fr else best_fr,
            clamp_wear(rl) if rl > best_rl else best_rl,
            clamp_wear(rr) if rr > best_rr else best_rr,
        )
    return best


def tyre_wear_best_columns(
    now: "DerivedBlock", car_model: "TextColumn", floor: "Array", before: "Sample | None"
) -> "Array":
    """The column form of :func:`tyre_wear_best`, shape (n, 4).

    Where a change of tyres is possible the scalar form decides; everywhere else the best is a running maximum.
    """
    import numpy as np

    wear = now.input("tyre_wear")
    is_event = may_have_changed(np.diff(wear, axis=0, prepend=wear[:1]), floor)
    for codes in (car_model.codes, now.input("tyre_compound").codes):
        is_event |= np.diff(codes, prepend=codes[:1]) != 0
    is_event |= np.diff(now.input("packet_id"), prepend=0) < 0
    is_event[:1] = True
    best = np.where(wear > 0.0, np.minimum(wear, BEST_WEAR_PERCENT), 0.0)
    events = np.flatnonzero(is_event).tolist()
    for event, end in zip(events, [*events[1:], len(wear)], strict=True):
        sample = now.sample_with(event - 1, {"tyre_wear_best": tuple(best[event - 1].tolist())}) if event else before
        row = now.snapshot(event)
        best[event] = tyre_wear_best(row, row.car_model, floor[event].item(), sample)
        np.maximum.accumulate(best[event:end], axis=0, out=best[event:end])
    return best


def tyre_floor(compound: str, thresholds: Thresholds = DEFAULTS) -> float:
    """``tyre_wear`` of a worn-out tyre: the user's, else that of the compound if it is known, else the default."""
    if thresholds.tyre_floor is not None:
        return thresholds.tyre_floor
    known = _known_floor(compound)
    return thresholds.default_tyre_floor if known is None else known


def tyre_floor_columns(compound: "TextColumn", thresholds: Thresholds = DEFAULTS) -> "Array":
    """The column form of :func:`tyre_floor`, shape (n,)."""
    return compound.map(lambda text: tyre_floor(text, thresholds), float)


@lru_cache(maxsize=64)
def _known_floor(compound: str) -> float | None:
    name = "".join(letter for letter in compound.lower() if letter.isalnum())
    return next((floor for part, floor in COMPOUND_FLOORS if part in name), None)


def tyre_worn(wear: Wheels, best: Wheels, floor: float) -> NullableWheels:
    """Per tyre 0 new .. 1 worn out: how far ``tyre_wear`` has come from its best to the floor of its compound.

    None where the game publishes no wear (0 on all four tyres, or NaN).
    """
    fl, fr, rl, rr = wear
    best_fl, best_fr, best_rl, best_rr = best
    # Written out, because nearly every sample is done here. A floor of 0 leaves open whether wear of 0 is published.
    if floor > 0.0 and best_fl > floor and best_fr > floor and best_rl > floor and best_rr > floor:
        fl = (best_fl - fl) / (best_fl - floor)
        fr = (best_fr - fr) / (best_fr - floor)
        rl = (best_rl - rl) / (best_rl - floor)
        rr = (best_rr - rr) / (best_rr - floor)
        if 0.0 <= fl <= 1.0 and 0.0 <= fr <= 1.0 and 0.0 <= rl <= 1.0 and 0.0 <= rr <= 1.0:
            return (fl, fr, rl, rr)
    if not any(wear):
        return (None, None, None, None)
    return (
        _worn_of_tyre(wear[0], best[0], floor),
        _worn_of_tyre(wear[1], best[1], floor),
        _worn_of_tyre(wear[2], best[2], floor),
        _worn_of_tyre(wear[3], best[3], floor),
    )


def _worn_of_tyre(wear: float, best: float, floor: float) -> float | None:
    if best > floor:
        worn = (best - wear) / (best - floor)
        if 0.0 <= worn <= 1.0:
            return worn
    if not math.isfinite(wear):
        return None
    return 0.0 if wear > best > floor else 1.0  # worn out; perhaps already when first seen


def tyre_worn_columns(wear: "Array", best: "Array", floor: "Array") -> "Array":
    """The column form of :func:`tyre_worn`, shape (n, 4)."""
    import numpy as np

    new = floor[:, np.newaxis]
    has_life = best > new
    worn = (best - wear) / (best - new)
    is_plain = has_life & (worn >= 0.0) & (worn <= 1.0)
    at_end = np.where((wear > best) & has_life, 0.0, 1.0)
    worn = np.where(is_plain, worn, np.where(np.isfinite(wear), at_end, np.nan))
    worn[(wear == 0.0).all(axis=1)] = np.nan
    return worn


def worst_worn(worn: NullableWheels) -> float:
    """``tyre_worn`` of the most worn tyre; 0 where none is known."""
    fl, fr, rl, rr = worn
    if fl is None or fr is None or rl is None or rr is None:
        return max([tyre for tyre in worn if tyre is not None], default=0.0)
    return max(fl, fr, rl, rr)


def worst_worn_columns(worn: "Array") -> "Array":
    """The column form of :func:`worst_worn`, shape (n,)."""
    import numpy as np

    worst: Array = np.fmax.reduce(worn, axis=1, initial=0.0)
    return worst


def tyre_damaged(worst: float, thresholds: Thresholds = DEFAULTS) -> bool:
    """Whether any tyre has most of its life behind it."""
    return worst > thresholds.tyre_damaged


def tyre_critical(worst: float, thresholds: Thresholds = DEFAULTS) -> bool:
    """Whether any tyre is at the end of its life."""
    return worst > thresholds.tyre_critical


TYRE_FLOOR: Final = Intermediate(
    name="tyre_floor", inputs=("tyre_compound", "thresholds"), scalar=tyre_floor, columns=tyre_floor_columns
)

TYRE_WEAR_BEST: Final = Metric(
    name="tyre_wear_best",
    value_type=Wheels,
    unit="%",
    meaning="highest tyre_wear seen on this tyre, where tyre_worn counts from; 0 if none",
    inputs=("now", "car_model", TYRE_FLOOR, "before"),
    scalar=tyre_wear_best,
    columns=tyre_wear_best_columns,
)

TYRE_WORN: Final = Metric(
    name="tyre_worn",
    value_type=NullableWheels,
    unit="0..1",
    meaning="0 new .. 1 worn out; null where the game publishes no wear",
    valid_range=(0.0, 1.0),
    inputs=("tyre_wear", TYRE_WEAR_BEST, TYRE_FLOOR),
    scalar=tyre_worn,
    columns=tyre_worn_columns,
)

WORST_WORN: Final = Intermediate(name="worst_worn", inputs=(TYRE_WORN,), scalar=worst_worn, columns=worst_worn_columns)

TYRE_DAMAGED: Final = Metric(
    name="tyre_damaged",
    value_type=bool,
    unit="",
    meaning="any tyre_worn above 0.80",
    inputs=(WORST_WORN, "thresholds"),
    scalar=tyre_damaged,
    columns=tyre_damaged,  # a comparison is the same of numbers and of columns
)

TYRE_CRITICAL: Final = Metric(
    name="tyre_critical",
    value_type=bool,
    unit="",
    meaning="any tyre_worn above 0.95",
    inputs=(WORST_WORN, "thresholds"),
    scalar=tyre_critical,
    columns=tyre_critical,  # a comparison is the same of numbers and of columns
)
