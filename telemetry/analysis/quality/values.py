"""Checks the values of the raw fields: constant, not finite, or outside the declared range."""

import sys
from collections import Counter
from collections.abc import Set as AbstractSet
from itertools import chain
from math import inf, isfinite
from typing import Final

from telemetry.analysis.quality.report import OutOfRange
from telemetry.fields.schema import Range
from telemetry.fields.snapshot import Snapshot

_ANY: Final[Range] = (-inf, inf)
_ALL_FINITE: Final[Range] = (-sys.float_info.max, sys.float_info.max)


class ValueChecker:
    """Checks the raw fields of every sample, in constant memory.

    ``absent`` names the fields that the recording does not hold; they are not checked. The declared ``valid_range``
    applies to fields that are a single number; arrays are only checked for NaN and infinite values. A field that may be
    infinite is not checked: JSON lines hold its infinity as null.
    """

    def __init__(self, absent: AbstractSet[str] = frozenset()) -> None:
        self.non_finite: Counter[str] = Counter()
        """Samples with NaN or an infinite value, by field."""
        self._first: Snapshot | None = None
        fields = [(index, field) for index, field in enumerate(Snapshot.FIELDS) if field.name not in absent]
        self._constant = [index for index, field in fields if field.group in {"physics", "graphics"}]
        self._numbers = [
            (index, *(field.valid_range or _ALL_FINITE))
            for index, field in fields
            if field.shape == () and (field.dtype == "number" or field.valid_range) and field.valid_range != _ANY
        ]
        self._arrays = [index for index, field in fields if len(field.shape) == 1]
        self._matrices = [index for index, field in fields if len(field.shape) == 2]
        self._out_of_range: dict[str, _OutOfRangeCounter] = {}

    @property
    def constant_fields(self) -> tuple[str, ...]:
        """The fields of the physics and graphics pages that have the same value in all samples so far."""
        return tuple(Snapshot.NAMES[index] for index in self._constant)

    @property
    def out_of_range(self) -> dict[str, OutOfRange]:
        """The finite values outside the declared range so far, by field."""
        return {
            name: OutOfRange(count=counter.count, lowest=counter.lowest, highest=counter.highest)
            for name, counter in self._out_of_range.items()
        }

    def add(self, snapshot: Snapshot) -> None:
        """Check one sample."""
        first = self._first = self._first or snapshot
        self._constant = [index for index in self._constant if snapshot[index] == first[index]]
        for index, low, high in self._numbers:
            if not low <= snapshot[index] <= high:  # also for NaN
                self._add_out_of_range(Snapshot.NAMES[index], snapshot[index])
        for index in self._arrays:
            if not isfinite(sum(snapshot[index])):  # fast; the game writes single precision, no overflow
                self.non_finite[Snapshot.NAMES[index]] += 1
        for index in self._matrices:
            if not isfinite(sum(chain.from_iterable(snapshot[index]))):
                self.non_finite[Snapshot.NAMES[index]] += 1

    def _add_out_of_range(self, name: str, value: float) -> None:
        if isfinite(value):
            self._out_of_range.setdefault(name, _OutOfRangeCounter()).add(value)
        else:
            self.non_finite[name] += 1


class _OutOfRangeCounter:
    def __init__(self) -> None:
        self.count = 0
        self.lowest = inf
        self.highest = -inf

    def add(self, value: float) -> None:
        self.count += 1
        self.lowest = min(self.lowest, value)
        self.highest = max(self.highest, value)
