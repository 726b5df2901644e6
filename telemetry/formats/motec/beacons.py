"""The lines of laps in a log: found in samples to be written, and read from the beacon channel of a logger."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from telemetry.fields.blocks import Array

MAX_DIFFERENCE_US: Final = 100_000
"""How far a line by the official lap time may be from the measured one: more is a pause, or another lap's time."""

_VALUE_BITS: Final = 14
_FIRST_WORD: Final = 0b11
_LAST_WORD: Final = 0b01


class Beacons(NamedTuple):
    """The lines of a log that is written."""

    times_us: tuple[int, ...]
    """Microseconds since the log began, rising."""
    lap_times_us: dict[int, int]
    """Official lap times, by the numbers of laps; lap 0 goes from the log's beginning to the first beacon."""


class LapColumns(NamedTuple):
    """Columns of equidistant samples, of shape (n,), with NaN where they are not known."""

    run: Array
    lap: Array
    lap_time: Array
    last_time: Array


def find_beacons(rate: float, columns: LapColumns, known_ms: Mapping[tuple[int, int], int]) -> Beacons:
    """The lines in equidistant samples.

    Lines are as far apart as the official times of the laps between them, where the game gave one: those that are
    known by start index and lap, or else what ``last_time`` shows in the lap behind.
    """
    run, lap, lap_time_ms, last_time_ms = columns
    changes = np.flatnonzero((lap[1:] != lap[:-1]) | (run[1:] != run[:-1])) + 1
    changes = changes[np.isfinite(lap[changes]) & np.isfinite(run[changes]) & np.isfinite(lap_time_ms[changes])]
    ends = [*changes.tolist(), len(lap)][1:]
    times: list[int] = []
    lap_times: dict[int, int] = {}
    is_begun_at_line = bool(len(lap)) and lap_time_ms[0] <= 2e3 / rate
    for number, (change, end) in enumerate(zip(changes.tolist(), ends, strict=True)):
        line_us = round(change / rate * 1e6 - lap_time_ms[change] * 1e3)
        begin_us = times[-1] if times else 0
        is_next_lap = run[change] == run[change - 1] and lap[change] == lap[change - 1] + 1
        lap_before = (int(run[change]), int(lap[change]) - 1)
        official_ms = known_ms.get(lap_before, last_time_ms[end - 1])
        if is_next_lap and (times or is_begun_at_line) and official_ms > 0:
            official_us = round(official_ms) * 1000
            if abs(begin_us + official_us - line_us) <= MAX_DIFFERENCE_US:
                line_us = begin_us + official_us
                lap_times[number] = official_us
        times.append(max(line_us, begin_us + 1))
    return Beacons(tuple(times), lap_times)


def decode_beacons(words: Array, lap_beacon: int) -> tuple[float, ...]:
    """The lines of laps in a logger's channel of one word a second, in seconds since the log began.

    A beacon is three words, told apart by their upper two bits: 11 and 10 hold a clock, which does not matter here, and
    01 the millisecond within the second of the first word; each can be repeated. The words behind it are its number and
    one more: ``lap_beacon`` is the number of the beacons at the line, and without any such all are taken.
    """
    words = words.astype(np.int64) & 0xFFFF
    marks, values = words >> _VALUE_BITS, words & ((1 << _VALUE_BITS) - 1)
    found: list[tuple[float, int]] = []
    first: int | None = None
    milliseconds: int | None = None
    for second, (mark, value) in enumerate(zip(marks.tolist(), values.tolist(), strict=True)):
        if mark == _FIRST_WORD and milliseconds is None:
            first = second if first is None else first
        elif mark == _LAST_WORD:
            milliseconds = value
        elif mark == 0 and first is not None and milliseconds is not None:
            found.append((first + milliseconds / 1e3, value - 1))
            first = milliseconds = None
    at_line = tuple(time for time, number in found if number == lap_beacon)
    return at_line or tuple(time for time, _ in found)


def tell_laps(beacons_s: Array, times: Array, start: float = 0.0) -> dict[str, Array]:
    """Lap count and clock at these times by the beacons, rising: the lap before the first one begins at ``start``."""
    lines = np.append(start, beacons_s)
    count = np.searchsorted(beacons_s, times, side="right")
    lap_times = np.append(0, np.rint(np.diff(lines) * 1e3))
    clock = np.floor((times - lines[count]) * 1e3 + 1e-6)
    columns = {"completed_laps": count, "current_time": clock, "last_time": lap_times[count]}
    return {name: np.clip(column, 0, 2**31 - 1).astype(np.int32) for name, column in columns.items()}
