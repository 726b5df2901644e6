"""The shortest decimals of many float32 numbers, by rounding all of them at once.

Decimals with ``j`` digits behind the point lie ``10**-j`` apart. For each number three such grids are tried: the finest
in which no two decimals are read back as the same number, and the two after it; in the last one there always is a
decimal that is read back. The first grid with one has the shortest, and there the nearest counts. What is nearly a tie,
nearly at the edge of what is read back, or out of range is left to orjson.
"""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

Array = npt.NDArray[Any]

_LEAST: Final = 1000
"""From so many numbers on rounding is quicker than printing and reading."""
_SURE: Final = 1e-5
"""Steps of a grid by which a decimal must be off a tie, and off the edge of what is read back."""
_EXACT_POWERS: Final = range(21)
"""Powers of ten that are exact as doubles, as are those two digits further."""


def _ulp(exponent: int) -> float:
    """From one float32 to the next, where they have this exponent."""
    return math.ldexp(1.0, exponent - 150)


def _steps(exponent: int) -> float:
    """Steps per unit of the first grid for numbers with this exponent; NaN out of range."""
    digits = math.floor(-math.log10(2.0 * _ulp(exponent)))
    return 10.0**digits if digits in _EXACT_POWERS else math.nan


_STEPS: Final = np.array([_steps(exponent) for exponent in range(256)])
_REACH: Final = np.array([0.5 * _ulp(exponent) * _steps(exponent) for exponent in range(256)])
"""How far from a number, in steps of its first grid, decimals are read back as it."""


def find_shortest(numbers: Array) -> Array:
    """The double with the shortest decimal of each float32 number, (n,)."""
    if len(numbers) < _LEAST:
        return _print_and_read(numbers)
    words = numbers.view(np.uint32)
    exponent = (words >> 23) & 0xFF
    with np.errstate(invalid="ignore", over="ignore"):  # NaN, infinities, and numbers out of range
        exact = numbers.astype(np.float64)
        steps, reach = _STEPS.take(exponent), _REACH.take(exponent)
        first, off = _round(exact * steps)
        is_first = off < reach - _SURE
        is_unsure = (np.abs(off - reach) <= _SURE) | ((words & 0x7FFFFF == 0) & (off != 0.0))  # reach has two sides
        steps_2, reach_2 = steps * 10.0, reach * 10.0
        second, off = _round(exact * steps_2)
        is_second = off < reach_2 - _SURE
        is_unsure |= (np.abs(off - reach_2) <= _SURE) | (off > 0.5 - _SURE)
        steps_3 = steps * 100.0
        third, off = _round(exact * steps_3)
        is_unsure |= ~(off < 0.5 - _SURE)
        whole = np.where(is_first, first, np.where(is_second, second, third))
        decimals: Array = whole / np.where(is_first, steps, np.where(is_second, steps_2, steps_3))
    is_zero = exact == 0.0
    np.copyto(decimals, exact, where=is_zero)
    (unsure,) = (is_unsure & ~is_zero).nonzero()
    if len(unsure):
        decimals[unsure] = _print_and_read(numbers[unsure])
    return decimals


def _round(scaled: Array) -> tuple[Array, Array]:
    """The nearest whole numbers, and how far off they are."""
    whole = np.rint(scaled)
    return whole, np.abs(scaled - whole)


def _print_and_read(numbers: Array) -> Array:
    """The same, number by number."""
    decimals = np.array(orjson.loads(orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY)), dtype=np.float64)
    is_finite = np.isfinite(decimals)
    if not is_finite.all():  # null, which JSON has for NaN and infinities
        with np.errstate(invalid="ignore"):  # a signalling NaN
            decimals[~is_finite] = numbers[~is_finite]
    return decimals
