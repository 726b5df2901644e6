"""Recordings of a catalog that hold the same drive, like a file and its conversion: their laps are there twice."""

from collections.abc import Iterable, Sequence
from typing import Final

from telemetry.catalog.state import Row

SAME_MOMENT_S: Final = 1.5
"""Seconds between the beginnings of a lap in two formats: a MoTeC log knows its day and time to the second."""


class LapsByTime:
    """Finds laps that took the same time to the millisecond and began in the same moment."""

    def __init__(self, laps: Iterable[Row]) -> None:
        self._laps: dict[tuple[str, str, str, int], list[Row]] = {}
        self.add(laps)

    def add(self, laps: Iterable[Row]) -> None:
        """Take in more laps."""
        for row in laps:
            if row["time_ms"] is not None:
                self._laps.setdefault(_key(row), []).append(row)

    def find_same_drive(self, laps: Sequence[Row]) -> str | None:
        """The file that was first added with all laps with a time of these, which are those of another file."""
        timed = [row for row in laps if row["time_ms"] is not None]
        files = [
            [row["file"] for row in self._laps.get(_key(lap), ()) if row["file"] != lap["file"] and _is_same(row, lap)]
            for lap in timed
        ]
        return next((file for file in files[0] if all(file in other for other in files)), None) if files else None


def _key(row: Row) -> tuple[str, str, str, int]:
    return row["car"], row["track"], row["layout"], row["time_ms"]


def _is_same(one: Row, other: Row) -> bool:
    if one["recorded_at"] is None or other["recorded_at"] is None:
        return False
    is_one_driver = one["driver"] == other["driver"] or not (one["driver"] and other["driver"])
    return is_one_driver and bool(abs(one["recorded_at"] - other["recorded_at"]) <= SAME_MOMENT_S)
