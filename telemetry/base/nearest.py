"""The name that a mistyped one was meant to be."""

from collections.abc import Iterable
from typing import Final

_LETTERS_PER_SLIP: Final = 3
"""For every so many letters of a name one may be wrong, missing or too much."""

_MIN_PART: Final = 3
"""Letters that a part of a name has at least to stand for the name, as ``speed`` for ``speed_kmh``."""


def find_nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that differs least from ``word``; None where none is like it.

    Names are alike that differ in few letters, or of which one begins or ends with the other.
    """
    word = word.lower()
    slips = max(1, len(word) // _LETTERS_PER_SLIP)
    best: tuple[int, int, str] | None = None
    for name in known:
        lower_name = name.lower()
        is_part = _is_part(word, lower_name)
        most = max(len(word), len(lower_name)) if is_part else slips
        if _count_foreign_letters(word, lower_name, most) > most:
            continue
        distance = count_edits(word, lower_name, most)
        if distance > most:
            continue
        candidate = (distance, len(name), name)
        best = candidate if best is None else min(best, candidate)
    return None if best is None else best[2]


def describe_nearest(word: str, known: Iterable[str]) -> str:
    """The sentence ``Did you mean ...?`` with a blank before it; empty where no known name is like the word."""
    nearest = find_nearest(word, known)
    return "" if nearest is None else f" Did you mean {nearest}?"


def count_edits(first: str, second: str, most: int | None = None) -> int:
    """How many letters must be changed, added, removed or swapped with the next one to make one of the other.

    Above ``most`` it may stop to count, and returns any number above it.
    """
    two_before: list[int] = []
    before = list(range(len(second) + 1))
    for row, letter in enumerate(first, 1):
        if most is not None and row > 1 and min(*before, *two_before) > most:
            return most + 1
        now = [row]
        for column, other in enumerate(second, 1):
            edits = min(before[column] + 1, now[column - 1] + 1, before[column - 1] + (letter != other))
            swapped = row > 1 and column > 1 and (letter, first[row - 2]) == (second[column - 2], other)
            now.append(min(edits, two_before[column - 2] + 1) if swapped else edits)
        two_before, before = before, now
    return before[-1]


def _count_foreign_letters(first: str, second: str, most: int) -> int:
    """Letters of the longer word that the other lacks, so many edits at least; quick, also for thousands of letters."""
    if abs(len(first) - len(second)) > most:
        return most + 1
    short, rest = sorted((first, second), key=len)
    for letter in short:
        rest = rest.replace(letter, "", 1)
    return len(rest)


def _is_part(word: str, name: str) -> bool:
    short, long = sorted((word, name), key=len)
    return len(short) >= _MIN_PART and (long.startswith(short) or long.endswith(short))
