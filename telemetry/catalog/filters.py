"""Which laps of a catalog are wanted, and in which order."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Final

from telemetry.base.amounts import parse_duration
from telemetry.base.errors import UsageError
from telemetry.base.nearest import describe_nearest
from telemetry.base.text import join_names
from telemetry.catalog.state import Row
from telemetry.laps.car_and_track import CarAndTrack

SORT_KEYS: Final[dict[str, Callable[[Row], Any]]] = {
    "time": lambda row: row["time_ms"] if row["time_ms"] is not None else 1 << 40,
    "date": lambda row: row["recorded_at"] or 0.0,
    "track": lambda row: (row["track"], row["layout"]),
    "car": lambda row: row["car"],
    "driver": lambda row: row["driver"],
    "speed": lambda row: -(row["top_speed_kmh"] or 0.0),
}

_MAX_IDS: Final = 5
"""Ids that a sentence names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LapFilter:
    """What a lap must be; texts are names or patterns like ``ks_*``, in either case."""

    track: str | None = None
    """The track, or with its layout like ``spa (short)``."""
    car: str | None = None
    driver: str | None = None
    session: str | None = None
    valid: bool = False
    faster_than_ms: int | None = None
    since: float | None = None
    """Unix time in seconds."""

    def choose(self, laps: Iterable[Row]) -> list[Row]:
        """The laps that are wanted, in the order that they have."""
        return [row for row in laps if self._matches(row)]

    def _matches(self, row: Row) -> bool:
        return (
            (self.track is None or _matches_text(self.track, row["track"], track_name(row)))
            and (self.car is None or _matches_text(self.car, row["car"]))
            and (self.driver is None or _matches_text(self.driver, row["driver"]))
            and (self.session is None or _matches_text(self.session, row["session"]))
            and (not self.valid or row["valid"])
            and (self.faster_than_ms is None or (row["time_ms"] is not None and row["time_ms"] < self.faster_than_ms))
            and (self.since is None or (row["recorded_at"] is not None and row["recorded_at"] >= self.since))
        )


def sort_laps(laps: Sequence[Row], key: str) -> list[Row]:
    """The laps in this order; :class:`telemetry.UsageError` for a key that is none."""
    if key not in SORT_KEYS:
        raise UsageError(f"--sort {key}: say {', '.join(SORT_KEYS)}.{describe_nearest(key, SORT_KEYS)}")
    return sorted(laps, key=SORT_KEYS[key])


def best_laps(laps: Iterable[Row]) -> list[Row]:
    """For each car, track and layout the valid lap with the lowest official time, by track and car."""
    best: dict[tuple[str, str, str], Row] = {}
    for row in laps:
        if row["valid"] and row["time_ms"] is not None:
            place = (row["track"], row["layout"], row["car"])
            if place not in best or row["time_ms"] < best[place]["time_ms"]:
                best[place] = row
    return [best[place] for place in sorted(best)]


def find_lap(laps: Iterable[Row], lap_id: str) -> Row:
    """The lap of this id, whose part in front of the ``-`` may have fewer digits.

    :class:`telemetry.UsageError` where there is none, or it may be several.
    """
    digits, *number = lap_id.rpartition("-")
    found = [row for row in laps if row["lap_id"].startswith(digits) and [*row["lap_id"].rpartition("-")][1:] == number]
    if not found:
        raise UsageError(f"The catalog has no lap {lap_id}. See: catalog laps.")
    if len(found) > 1:
        ids = join_names([row["lap_id"] for row in found], _MAX_IDS)
        raise UsageError(f"The catalog has {len(found)} laps that {lap_id} may mean: {ids}. Say more digits.")
    return found[0]


def parse_lap_time(text: str, name: str) -> int:
    """The milliseconds of ``1:16.5``, ``76.5`` or any other duration.

    Raises :class:`telemetry.UsageError` on what is called ``name``.
    """
    try:
        return round(parse_duration(text) * 1e3)
    except UsageError:
        raise UsageError(f"{name}: {text} is no lap time like 1:16.5 or 76.5.") from None


def parse_day(text: str, name: str) -> float:
    """The Unix time of ``2026-03-01`` or ``2026-03-01T18:30``, in this computer's time zone.

    Raises :class:`telemetry.UsageError` on what is called ``name``.
    """
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"{name}: {text} is no day like 2026-03-01.") from None


def track_name(row: Row) -> str:
    """Track and layout for a person, like ``spa (short)``."""
    return CarAndTrack(row["car"], row["track"], row["layout"]).track_name


def _matches_text(pattern: str, *texts: str) -> bool:
    return any(fnmatchcase(text.casefold(), pattern.casefold()) for text in texts)
