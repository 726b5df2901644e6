"""Durations and sizes as people write them, read the same way in every option and file."""

import math
import re
from typing import Final

from telemetry.base.errors import UsageError

DURATION_FORMS: Final = "90, 90s, 20m, 1:30 or 1h"
"""How a duration may be written, for help and errors."""

SIZE_FORMS: Final = "500kB, 200MB or 20GB"
"""How a size may be written, for help and errors."""

_SECONDS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_BYTES: Final = {"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12}

_NUMBER: Final = r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"
_AMOUNT: Final = re.compile(rf"\s*({_NUMBER})\s*([a-zA-Z]*)\s*")
_CLOCK: Final = re.compile(rf"\s*(?:([0-9]+):)?([0-9]+):({_NUMBER})\s*")


def parse_duration(text: str) -> float:
    """Seconds, 0 or more, of ``90``, ``90s``, ``20m``, ``1:30``, ``1:02:03`` or ``1h``; else UsageError."""
    seconds: float | None = None
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, rest = clock.groups("0")
        seconds = float(hours) * 3600.0 + float(minutes) * 60.0 + float(rest)
    elif amount := _AMOUNT.fullmatch(text):
        seconds = _multiply(amount[1], _SECONDS.get(amount[2].lower()))
    if seconds is None or math.isinf(seconds):
        raise UsageError(f"{text!r} is not a time like {DURATION_FORMS}.")
    return seconds


def parse_positive_duration(text: str) -> float:
    """As :func:`parse_duration`, with UsageError for 0 too."""
    seconds = parse_duration(text)
    if not seconds > 0.0:
        raise UsageError(f"{text!r} must be longer than 0 seconds.")
    return seconds


def parse_size(text: str) -> float:
    """Bytes of ``500kB``, ``200MB`` or ``20GB``, more than 0; UsageError for anything else."""
    amount = _AMOUNT.fullmatch(text)
    size = _multiply(amount[1], _BYTES.get(amount[2].lower())) if amount else None
    if size is None or math.isinf(size):
        raise UsageError(f"{text!r} is not a size like {SIZE_FORMS}.")
    if not size > 0.0:
        raise UsageError(f"{text!r} must be more than 0 bytes.")
    return size


def _multiply(number: str, unit: float | None) -> float | None:
    return None if unit is None else float(number) * unit
