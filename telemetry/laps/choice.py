"""Choosing laps of a recording by their numbers, and the samples that they are made of."""

import math
import sys
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from telemetry.base.errors import UsageError
from telemetry.laps.model import Lap, in_recorded_order

if TYPE_CHECKING:
    from telemetry.fields.blocks import Array


def choose_laps(
    laps: Iterable[Lap], recording: str, numbers: Sequence[tuple[int, int]] | None, *, valid_only: bool = False
) -> tuple[Lap, ...]:
    """The laps with samples whose numbers are in one of these ranges, both ends included; None stands for all numbers.

    ``recording`` is the name of their recording. Raises :class:`telemetry.UsageError` if there are no such laps.
    """
    available = [lap for lap in laps if lap.first is not None and lap.last is not None]
    chosen = [
        lap
        for lap in available
        if (numbers is None or any(first <= lap.number <= last for first, last in numbers))
        and (lap.valid or not valid_only)
    ]
    if not chosen:
        kind = "valid lap" if valid_only else "lap"
        content = f"it has {describe_lap_numbers(available)}" if available else "it has none"
        raise UsageError(f"There is no such {kind} in {recording}: {content}. The command 'laps' shows them.")
    return tuple(chosen)


def describe_lap_numbers(laps: Iterable[Lap]) -> str:
    """The numbers of laps, for a person: ``lap 3``, ``laps 1 to 4``, ``laps 1, 3``."""
    numbers = list(dict.fromkeys(lap.number for lap in laps))
    if len(numbers) == 1:
        return f"lap {numbers[0]}"
    if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return f"laps {numbers[0]} to {numbers[-1]}"
    return f"laps {', '.join(map(str, numbers))}"


class SampleRanges:
    """Ranges of sample numbers, sorted, neither overlapping nor touching, each with a tail of some seconds.

    It is asked of one sample after the other, or of one block after the other.
    """

    def __init__(
        self, firsts: Sequence[int] = (0,), lasts: Sequence[int] = (sys.maxsize,), *, tail_s: float = 0.0
    ) -> None:
        """Both ends are included; by default every sample is."""
        self._firsts = firsts
        self._lasts = lasts
        self._tail_s = tail_s
        self._tail_end: float | None = -math.inf
        """Where the tail of the latest range ends; None in a range."""

    @classmethod
    def of_laps(cls, laps: Iterable[Lap], *, tail_s: float = 0.0) -> "SampleRanges":
        """The samples of these laps."""
        firsts: list[int] = []
        lasts: list[int] = []
        for lap in in_recorded_order(laps):
            # Neighbours are one range, so that resampling keeps what lies between two laps.
            if lasts and lap.first_sequence == lasts[-1] + 1:
                lasts[-1] = lap.last_sequence
            else:
                firsts.append(lap.first_sequence)
                lasts.append(lap.last_sequence)
        return cls(firsts, lasts, tail_s=tail_s)

    def contain(self, number: int, elapsed: float) -> bool:
        """Whether this sample is wanted."""
        index = bisect_right(self._firsts, number) - 1
        if index >= 0 and number <= self._lasts[index]:
            self._tail_end = None
            return True
        return elapsed < self._find_tail_end(elapsed)

    def find(self, numbers: "Array", elapsed: "Array") -> "Array":
        """Whether each sample of a block is wanted, shape (n,)."""
        import numpy as np

        index = np.searchsorted(self._firsts, numbers, side="right") - 1
        is_inside = (index >= 0) & (numbers <= np.asarray(self._lasts)[index])
        wanted = is_inside.copy()
        changes = [0, *(np.flatnonzero(is_inside[1:] != is_inside[:-1]) + 1).tolist(), len(numbers)]
        for begin, end in pairwise(changes):
            if begin == end:
                continue
            if is_inside[begin]:
                self._tail_end = None
            else:
                wanted[begin:end] = elapsed[begin:end] < self._find_tail_end(float(elapsed[begin]))
        return wanted

    def are_over(self, number: int, elapsed: float) -> bool:
        """Whether no sample behind this one, the last that was asked for, is wanted."""
        is_tail_over = self._tail_end is not None and elapsed >= self._tail_end
        return number > self._lasts[-1] and is_tail_over

    def _find_tail_end(self, elapsed: float) -> float:
        """The end of the tail of the latest range; the first sample behind that range is where it begins."""
        if self._tail_end is None:
            self._tail_end = elapsed + self._tail_s
        return self._tail_end
