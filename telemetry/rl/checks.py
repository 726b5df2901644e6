"""Checks of a specification's values; every error message begins with the key."""

import math
from collections.abc import Sequence
from typing import Any

from telemetry.base.errors import UsageError
from telemetry.base.nearest import find_nearest
from telemetry.rl.features import COMPUTED_FEATURES, SAMPLE_FIELDS, Feature, feature_info


def suggest(word: str, known: Sequence[str]) -> str:
    """The end of a message about an unknown word: the most similar known word, or all of them."""
    nearest = find_nearest(word, known)
    return f"; did you mean {nearest}?" if nearest else f"; there are {', '.join(known)}."


def suggest_field(name: str) -> str:
    """The end of a message about an unknown field."""
    nearest = find_nearest(name, [*COMPUTED_FEATURES, *SAMPLE_FIELDS])
    return f"; did you mean {nearest}?" if nearest else "; the command 'fields' lists all fields."


def check_name(key: str, name: str) -> None:
    """Raise UsageError unless a field of this name can be observed."""
    if feature_info(name) is None:
        raise UsageError(f"{key}: unknown field {name!r}{suggest_field(name)}")


def check_feature(key: str, feature: Feature) -> None:
    """Raise UsageError unless a feature has a known field, a positive scale, and bounds that include 0."""
    check_name(key, feature.name)
    for name in ("scale", "low", "high"):
        value = getattr(feature, name)
        if not is_number(value):
            raise UsageError(f"{key}.{name} must be a finite number, got {value!r}.")
    if not feature.scale > 0.0:
        raise UsageError(f"{key}.scale must be greater than 0, got {feature.scale!r}.")
    if not feature.low <= 0.0 <= feature.high or feature.low == feature.high:
        raise UsageError(
            f"{key}: the bounds must include 0, the value used for missing data, got {feature.low!r} .. "
            f"{feature.high!r}."
        )


def check_choice(key: str, value: object, choices: Sequence[str]) -> None:
    """Raise UsageError unless a value is one of the choices."""
    if value not in choices:
        raise UsageError(f"{key} must be one of {', '.join(choices)}, got {value!r}.")


def check_whole(key: str, value: object, low: int, high: int) -> None:
    """Raise UsageError unless a value is an integer from ``low`` to ``high``."""
    if type(value) is not int or not low <= value <= high:
        raise UsageError(f"{key} must be an integer from {low} to {high}, got {value!r}.")


def check_flag(key: str, value: object) -> None:
    """Raise UsageError unless a value is true or false."""
    if type(value) is not bool:
        raise UsageError(f"{key} must be true or false, got {value!r}.")


def check_positive(key: str, value: Any) -> None:
    """Raise UsageError unless a value is a finite number greater than 0."""
    if not (is_number(value) and value > 0.0):
        raise UsageError(f"{key} must be greater than 0, got {value!r}.")


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False
