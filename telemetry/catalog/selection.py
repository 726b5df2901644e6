"""Laps of a catalog as a person writes them: an id, ``best(track,car)``, or ``@catalog:`` with filters."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from telemetry.base.errors import UsageError
from telemetry.base.nearest import describe_nearest
from telemetry.catalog.filters import LapFilter, best_laps, find_lap, parse_day, parse_lap_time, sort_laps
from telemetry.catalog.state import Row

CATALOG_MARK: Final = "@catalog"
"""What a selection begins with that could otherwise be the name of a file."""

_ID: Final = re.compile(r"[0-9a-fA-F]{6,12}-\d{1,6}")
_BEST: Final = re.compile(r"best\((.*)\)", re.DOTALL)
_TEXT_KEYS: Final = ("track", "car", "driver", "session")
_KEYS: Final = (*_TEXT_KEYS, "faster_than", "since", "sort", "limit")
_WORDS: Final = ("valid", "best")
_FORMS: Final = "an id, best(track,car), or filters like track=spa,car=ks_*,valid,faster_than=2:20,limit=10"


@dataclass(frozen=True, slots=True, kw_only=True)
class LapSelection:
    """Which laps of a catalog are meant."""

    text: str
    """What was written, for a person."""
    lap_id: str = ""
    """The id of the only lap, or its beginning with fewer digits; empty where filters choose."""
    filter: LapFilter = field(default_factory=LapFilter)
    is_best: bool = False
    """The one best lap that fits."""
    is_best_of_each: bool = False
    """The best lap of each car on each track."""
    sort: str = "date"
    limit: int | None = None

    @property
    def is_one_lap(self) -> bool:
        """Whether it names one lap, and not as many as fit."""
        return bool(self.lap_id) or self.is_best

    def choose(self, laps: Sequence[Row]) -> list[Row]:
        """The laps that are meant; :class:`telemetry.UsageError` where there is none, or an id means several."""
        if self.lap_id:
            return [find_lap(laps, self.lap_id)]
        found = self.filter.choose(laps)
        if self.is_best or self.is_best_of_each:
            found = best_laps(found)
        found = sort_laps(found, "time" if self.is_best else self.sort)[: 1 if self.is_best else self.limit]
        if found:
            return found
        kind = "valid lap with an official time" if self.is_best or self.is_best_of_each else "lap"
        raise UsageError(f"No {kind} of the catalog fits {self.text}.{_suggest(self.filter, laps)} See: catalog laps.")


def parse_selection(text: str) -> LapSelection | None:
    """The laps that this text means; None for a text that is none of a catalog's, but perhaps the name of a file.

    Raises :class:`telemetry.UsageError` for one that begins with :data:`CATALOG_MARK` and goes on with a mistake.
    """
    is_marked = text == CATALOG_MARK or text.startswith(f"{CATALOG_MARK}:")
    asked = text.removeprefix(CATALOG_MARK).removeprefix(":").strip() if is_marked else text
    if _ID.fullmatch(asked):
        return LapSelection(text=text, lap_id=asked.lower())
    if match := _BEST.fullmatch(asked):
        return LapSelection(text=text, filter=_parse_names(text, match[1]), is_best=True)
    return _parse_filters(text, asked) if is_marked else None


def best_of_each() -> LapSelection:
    """The best lap of each car on each track."""
    return LapSelection(text="best", is_best_of_each=True)


def _parse_names(text: str, names: str) -> LapFilter:
    """Track, car and driver in the parentheses of ``best``; what is left out may be any."""
    parts = [part.strip() or None for part in names.split(",")]
    if len(parts) > 3 or not any(parts):
        raise UsageError(f"{text}: say best(track,car) or best(track,car,driver); each may be a pattern like ks_*.")
    track, car, driver = (*parts, None, None)[:3]
    return LapFilter(track=track, car=car, driver=driver)


def _parse_filters(text: str, asked: str) -> LapSelection:
    selection = LapSelection(text=text)
    for part in filter(None, (part.strip() for part in asked.split(","))):
        key, has_value, value = (one.strip() for one in part.partition("="))
        key = key.replace("-", "_")
        known = _KEYS if has_value else _WORDS
        if key not in known or (has_value and not value):
            hint = describe_nearest(key, (*_KEYS, *_WORDS))
            raise UsageError(f"{text}: {part!r} is no filter.{hint} Say {_FORMS}.")
        selection = replace(selection, **_parse_filter(selection.filter, text, key, value))
    return selection


def _parse_filter(before: LapFilter, text: str, key: str, value: str) -> dict[str, Any]:
    """What this filter changes in a selection."""
    changes: dict[str, Any]
    if key in _TEXT_KEYS:
        changes = {key: value}
    elif key == "valid":
        changes = {"valid": True}
    elif key == "faster_than":
        changes = {"faster_than_ms": parse_lap_time(value, text)}
    elif key == "since":
        changes = {"since": parse_day(value, text)}
    elif key == "limit":
        if not value.isdecimal() or not 1 <= len(value.lstrip("0")) <= 9:
            raise UsageError(f"{text}: limit is a number from 1 on, got {value}.")
        return {"limit": int(value)}
    elif key == "sort":
        sort_laps([], value)
        return {"sort": value}
    else:
        return {"is_best_of_each": True}
    return {"filter": replace(before, **changes)}


def _suggest(chosen: LapFilter, laps: Iterable[Row]) -> str:
    """The name that was meant, where one of the names is none of the catalog's."""
    rows = list(laps)
    for key in _TEXT_KEYS:
        name = getattr(chosen, key)
        known = {row[key] for row in rows if row[key]}
        if name is not None and name.casefold() not in map(str.casefold, known):
            return describe_nearest(name, sorted(known))
    return ""
