"""How damaged the bodywork is."""

from typing import TYPE_CHECKING, Final

from telemetry.fields.metrics.metric import Intermediate, Metric
from telemetry.fields.schema import DamageZones
from telemetry.fields.thresholds import DEFAULTS, Thresholds

if TYPE_CHECKING:
    from telemetry.fields.blocks import Array

FULL_DAMAGE_KMH: Final = 100.0
"""``car_damage`` that counts as full; the game divides by it and clamps to 1."""

_NO_DAMAGE: Final = (0.0, 0.0, 0.0, 0.0, 0.0)


def damage_level(car_damage: DamageZones) -> DamageZones:
    """``car_damage`` as the game itself uses it: a hundredth, clamped to 0..1; NaN counts as no damage."""
    if car_damage == _NO_DAMAGE:
        return _NO_DAMAGE
    front, rear, left, right, overall = [
        min(value / FULL_DAMAGE_KMH, 1.0) if value > 0.0 else 0.0 for value in car_damage
    ]
    return (front, rear, left, right, overall)


def damage_level_columns(car_damage: "Array") -> "Array":
    """The column form of :func:`damage_level`, shape (n, 5)."""
    import numpy as np

    return np.where(car_damage > 0.0, np.minimum(car_damage / FULL_DAMAGE_KMH, 1.0), 0.0)


def worst_damage_columns(damage_level: "Array") -> "Array":
    """The greatest of the five zones, shape (n,)."""
    worst: Array = damage_level.max(axis=1)
    return worst


def bodywork_damaged(worst_damage: float, thresholds: Thresholds = DEFAULTS) -> bool:
    """Whether any zone is damaged."""
    return worst_damage > thresholds.damaged


def bodywork_critical(worst_damage: float, thresholds: Thresholds = DEFAULTS) -> bool:
    """Whether any zone has critical damage."""
    return worst_damage > thresholds.critical


DAMAGE_LEVEL: Final = Metric(
    name="damage_level",
    value_type=DamageZones,
    unit="0..1",
    meaning="car_damage / 100, clamped: front, rear, left, right, overall",
    valid_range=(0.0, 1.0),
    inputs=("car_damage",),
    scalar=damage_level,
    columns=damage_level_columns,
)

WORST_DAMAGE: Final = Intermediate(
    name="worst_damage", inputs=(DAMAGE_LEVEL,), scalar=max, columns=worst_damage_columns
)

BODYWORK_DAMAGED: Final = Metric(
    name="bodywork_damaged",
    value_type=bool,
    unit="",
    meaning="any damage_level above 0.05",
    inputs=(WORST_DAMAGE, "thresholds"),
    scalar=bodywork_damaged,
    columns=bodywork_damaged,  # a comparison is the same of numbers and of columns
)

BODYWORK_CRITICAL: Final = Metric(
    name="bodywork_critical",
    value_type=bool,
    unit="",
    meaning="any damage_level above 0.50",
    inputs=(WORST_DAMAGE, "thresholds"),
    scalar=bodywork_critical,
    columns=bodywork_critical,  # a comparison is the same of numbers and of columns
)
