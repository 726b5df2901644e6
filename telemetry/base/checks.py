"""Checks of arguments that many functions need, each with one wording."""

import math

from telemetry.base.errors import UsageError


def require_positive(name: str, value: float, *, allow_infinity: bool = False) -> None:
    """Raise :class:`telemetry.UsageError` unless ``value`` is greater than 0, and finite unless infinity is allowed."""
    if not value > 0.0:  # also for NaN
        raise UsageError(f"{name} must be greater than 0, got {value:g}.")
    if math.isinf(value) and not allow_infinity:
        raise UsageError(f"{name} must be finite, got {value:g}.")
