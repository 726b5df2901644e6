"""What a specification's values must be; every mistake is a sentence that begins with its key."""

import difflib
import math
from collections.abc import Sequence
from typing import Any

from telemetry.base.errors import UsageError
from telemetry.rl.features import COMPUTED_FEATURES, SAMPLE_FIELDS, Feature, feature_info


def suggest(word: str, known: Sequence[str]) -> str:
    """What to say after a word that is not known."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}."


def suggest_field(name: str) -> str:
    """The same after the name of a field."""
    close = difflib.get_close_matches(name, [*COMPUTED_FEATURES, *SAMPLE_FIELDS], n=1)
    return f"; did you mean {close[0]}?" if close else "; the command 'fields' lists what there is."


def check_name(key: str, name: str) -> None:
    """That there is such a field."""
    if feature_info(name) is None:
        raise UsageError(f"{key}: there is no field {name!r} to observe{suggest_field(name)}")


def check_feature(key: str, channel: Feature) -> None:
    """That a channel has a field, a scale and bounds."""
    check_name(key, channel.name)
    for name in ("scale", "low", "high"):
        value = getattr(channel, name)
        if not is_number(value):
            raise UsageError(f"{key}.{name}: {value!r} is no finite number.")
    if not channel.scale > 0.0:
        raise UsageError(f"{key}.scale must be greater than 0, got {channel.scale!r}.")
    if not channel.low <= 0.0 <= channel.high or channel.low == channel.high:
        raise UsageError(
            f"{key}: {channel.low!r} .. {channel.high!r} are no bounds; 0, which stands for nothing, lies in them."
        )


def check_choice(key: str, value: object, choices: Sequence[str]) -> None:
    """That a value is one of these."""
    if value not in choices:
        raise UsageError(f"{key}: {value!r} is none of {', '.join(choices)}.")


def check_whole(key: str, value: object, low: int, high: int) -> None:
    """That a value is a whole number in these bounds."""
    if type(value) is not int or not low <= value <= high:
        raise UsageError(f"{key}: {value!r} is no whole number from {low} to {high}.")


def check_flag(key: str, value: object) -> None:
    """That a value is true or false."""
    if type(value) is not bool:
        raise UsageError(f"{key}: {value!r} is neither true nor false.")


def check_positive(key: str, value: Any) -> None:
    """That a value is a number above 0."""
    if not (is_number(value) and value > 0.0):
        raise UsageError(f"{key} must be a number greater than 0, got {value!r}.")


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    return type(value) in (int, float) and math.isfinite(value)
