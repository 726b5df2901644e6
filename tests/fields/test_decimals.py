"""Shortest decimals by rounding are those that orjson prints."""

from collections.abc import Callable

import numpy as np
import orjson
import pytest

from telemetry.fields.decimals import Array, find_shortest

COUNT = 20_000


def any_bits(rng: np.random.Generator) -> Array:
    return rng.integers(0, 2**32, COUNT, dtype=np.uint32)


def near_powers_of_two(rng: np.random.Generator) -> Array:
    exponents = rng.integers(0, 256, COUNT, dtype=np.uint32) << 23
    mantissas = rng.choice(np.array([0, 1, 2, 2**22, 2**23 - 1], dtype=np.uint32), COUNT)
    numbers: Array = exponents | mantissas
    return numbers


def short_decimals(rng: np.random.Generator) -> Array:
    numbers = [np.round(rng.uniform(-5000.0, 5000.0, COUNT // 10), digits) for digits in range(10)]
    return np.concatenate(numbers).astype(np.float32).view(np.uint32)


def halves_and_wholes(rng: np.random.Generator) -> Array:
    numbers = rng.integers(-(2**23), 2**23, COUNT) / 2.0 ** rng.integers(0, 12, COUNT)
    return numbers.astype(np.float32).view(np.uint32)


@pytest.mark.parametrize("draw", [any_bits, near_powers_of_two, short_decimals, halves_and_wholes])
def test_rounding_finds_what_orjson_prints(draw: Callable[[np.random.Generator], Array]) -> None:
    numbers = draw(np.random.default_rng(1)).view(np.float32)
    printed = orjson.loads(orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY))
    with np.errstate(invalid="ignore"):
        expected = [wide if short is None else short for short, wide in zip(printed, numbers.tolist(), strict=True)]
    found = find_shortest(numbers).tolist()
    assert list(map(repr, found)) == list(map(repr, expected))
