"""Checks the values of the raw fields: constant, not finite, or outside the declared range."""

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from telemetry.analysis.quality.report import OutOfRange
from telemetry.fields.blocks import Array, Block, PageBlock, shortest_decimals
from telemetry.fields.schema import Field, Range
from telemetry.fields.snapshot import Snapshot

_ANY: Final[Range] = (-math.inf, math.inf)
_ALL_FINITE: Final[Range] = (-sys.float_info.max, sys.float_info.max)
_PAGES: Final = ("physics", "graphics", "static")


@dataclass(slots=True)
class _Odd:
    """The values of one field that are odd in one way."""

    first: tuple[int, int]
    """The sample that has the first one, and the place of the field in the order of a sample's checks."""
    count: int = 0
    lowest: Any = math.inf
    highest: Any = -math.inf


class ValueChecker:
    """Checks the raw fields of every sample, block by block, in constant memory.

    ``absent`` names the fields that the recording does not hold; they are not checked. The declared ``valid_range``
    applies to fields that are a single number; arrays are only checked for NaN and infinite values. A field that may be
    infinite is not checked: JSON lines hold its infinity as null.

    What is looked at of every sample is the lowest and the highest value of a block, which are NaN if one value is;
    only where these are odd, the field is looked at sample by sample.
    """

    def __init__(self, absent: AbstractSet[str] = frozenset()) -> None:
        fields = [field for field in Snapshot.FIELDS if field.name not in absent and field.name != "sequence"]
        self._numbers = [field for field in fields if field.dtype != "text"]
        self._texts: dict[str, str | None] = {
            field.name: None for field in fields if field.dtype == "text" and field.group in {"physics", "graphics"}
        }
        """The texts that are constant so far, with their value."""
        self._ranges = np.array([_range_of(field) for field in self._numbers for _ in range(_length(field))])
        self._fields = np.repeat(np.arange(len(self._numbers)), [_length(field) for field in self._numbers])
        self._lowest = np.full(len(self._fields), math.inf)
        self._highest = -self._lowest
        self._ranks = {field.name: rank for rank, field in enumerate(_in_order_of_checks(self._numbers))}
        self._words = {group: _PageWords(group, self._numbers) for group in _PAGES}
        self._non_finite: dict[str, _Odd] = {}
        self._outside: dict[str, _Odd] = {}
        self._samples = 0

    @property
    def constant_fields(self) -> tuple[str, ...]:
        """The fields of the physics and graphics pages that have the same value in all samples so far."""
        varied = {self._numbers[number].name for number in self._fields[self._lowest != self._highest].tolist()}
        same = {field.name for field in self._numbers}.union(self._texts) - varied
        return tuple(
            field.name for field in Snapshot.FIELDS if field.group in {"physics", "graphics"} and field.name in same
        )

    @property
    def zero_fields(self) -> tuple[str, ...]:
        """The fields of numbers that are 0 in all samples so far."""
        other = {self._numbers[number].name for number in self._fields[(self._lowest != 0.0) | (self._highest != 0.0)]}
        return tuple(field.name for field in self._numbers if field.name not in other)

    @property
    def non_finite(self) -> dict[str, int]:
        """Samples with NaN or an infinite value so far, by field."""
        return {name: odd.count for name, odd in _in_order(self._non_finite)}

    @property
    def out_of_range(self) -> dict[str, OutOfRange]:
        """The finite values outside the declared range so far, by field."""
        return {
            name: OutOfRange(count=odd.count, lowest=odd.lowest, highest=odd.highest)
            for name, odd in _in_order(self._outside)
        }

    def add(self, block: Block) -> None:
        """Check the samples of a block."""
        if not len(block):
            return
        lowest, highest = self._extremes(block)
        self._lowest = np.minimum(self._lowest, lowest)  # NaN stays NaN
        self._highest = np.maximum(self._highest, highest)
        low, high = self._ranges.T
        is_odd = ~((low <= lowest) & (highest <= high)) & (low != -math.inf)
        for number in np.unique(self._fields[is_odd]).tolist():
            self._count(self._numbers[number], block)
        for name, known in list(self._texts.items()):
            column = block.texts(name)
            shown = {column.texts[code] for code in np.unique(column.codes).tolist()}
            if shown == {known} or (known is None and len(shown) == 1):
                self._texts[name] = shown.pop()
            else:
                del self._texts[name]
        self._samples += len(block)

    def _extremes(self, block: Block) -> tuple[Array, Array]:
        """The lowest and the highest value of each number, NaN where one is: of each element of an array."""
        if isinstance(block, PageBlock):
            parts = [(block.decimals(name).min(), block.decimals(name).max()) for name in self._times]
            parts += [self._words[group].extremes(block.words(group)) for group in _PAGES]
        else:
            columns = (_values(block, field).reshape(len(block), -1) for field in self._numbers)
            parts = [(column.min(axis=0), column.max(axis=0)) for column in columns]
        lowest, highest = (np.concatenate(list(map(np.atleast_1d, values))) for values in zip(*parts, strict=True))
        return lowest, highest

    def _count(self, field: Field, block: Block) -> None:
        values = _values(block, field)
        is_finite: Array = np.all(np.isfinite(values.reshape(len(block), -1)), axis=1)
        self._add(self._non_finite, field, values, np.logical_not(is_finite))
        if field.shape == ():
            low, high = _range_of(field)
            is_outside: Array = is_finite & ~((low <= values) & (values <= high))
            self._add(self._outside, field, values, is_outside)

    def _add(self, found: dict[str, _Odd], field: Field, values: Array, is_odd: Array) -> None:
        rows = np.flatnonzero(is_odd)
        if not len(rows):
            return
        first = (self._samples + int(rows[0]), self._ranks[field.name])
        odd = found.setdefault(field.name, _Odd(first))
        odd.count += len(rows)
        if field.shape == ():
            odd.lowest = min(odd.lowest, values[rows].min().item())
            odd.highest = max(odd.highest, values[rows].max().item())

    @property
    def _times(self) -> list[str]:
        return [field.name for field in self._numbers if field.group == "sample"]


class _PageWords:
    """The words of one kind of page that hold the numbers to check, in the order of these fields."""

    def __init__(self, group: str, fields: Sequence[Field]) -> None:
        words = [(field.dtype, word) for field in fields if field.group == group for word in _words_of(field)]
        self._numbers = [word for dtype, word in words if dtype == "number"]
        self._integers = [word for dtype, word in words if dtype == "integer"]
        self._is_number = np.array([dtype == "number" for dtype, _ in words], dtype=np.bool_)

    def extremes(self, words: Array) -> tuple[Array, Array]:
        """The lowest and the highest value of each, as the doubles that a sample has; NaN where a number is."""
        numbers, integers = words.view(np.float32), words.view(np.int32)[:, self._integers]
        with np.errstate(invalid="ignore"):  # words that are no numbers
            found = np.stack([numbers.min(axis=0)[self._numbers], numbers.max(axis=0)[self._numbers]])
        values = np.empty((2, len(self._is_number)))
        values[:, self._is_number] = shortest_decimals(found)
        values[:, ~self._is_number] = integers.min(axis=0), integers.max(axis=0)
        return values[0], values[1]


def _words_of(field: Field) -> range:
    """The places of a field among the 32-bit words of its page."""
    assert field.offset is not None
    begin = field.offset // 4
    return range(begin, begin + _length(field))


def _length(field: Field) -> int:
    return math.prod(field.shape)


def _values(block: Block, field: Field) -> Array:
    """The numbers of a field as a sample has them, float64 or integers."""
    return block.decimals(field.name) if field.dtype == "number" else block.array(field.name)


def _range_of(field: Field) -> Range:
    """What the values of a field must not leave; without ends for one that is not checked."""
    if field.dtype == "integer" or field.valid_range == _ANY:
        return field.valid_range or _ANY
    return _ALL_FINITE if field.shape else field.valid_range or _ALL_FINITE


def _in_order_of_checks(fields: Sequence[Field]) -> list[Field]:
    """Single numbers first, then arrays, then arrays of vectors."""
    return sorted(fields, key=lambda field: len(field.shape))


def _in_order(found: Mapping[str, _Odd]) -> Iterator[tuple[str, _Odd]]:
    """By the sample in which they appeared first."""
    return iter(sorted(found.items(), key=lambda item: item[1].first))
