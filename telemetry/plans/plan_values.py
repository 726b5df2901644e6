"""Values of a plan file, checked one by one: a wrong one is an error with its file, line and key."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from telemetry.base.errors import UsageError
from telemetry.base.nearest import describe_nearest
from telemetry.fields.metrics.enums import SESSION_NAMES
from telemetry.fields.schema import Field
from telemetry.fields.snapshot import Snapshot
from telemetry.plans.plan import Required, Scalar
from telemetry.plans.toml_positions import KeyPath, line_of

Table = dict[str, Any]
"""A table of a plan file, as tomllib reads it."""

_MAX_LAP_TIME_S: Final = 86_400.0
_MAX_WRITTEN_NUMBER: Final = 1 << 63
"""TOML has no larger integers, and Python converts none of thousands of digits to text."""

_STATIC: Final[dict[str, Field]] = {entry.name: entry for entry in Snapshot.FIELDS if entry.group == "static"}
_SESSIONS: Final = [name for number, name in sorted(SESSION_NAMES.items()) if number >= 0]
_TIME: Final = re.compile(r"(?:(\d{1,3}):(?=\d\d))?(\d{1,4})(?:\.(\d{1,3}))?")


class ValueReader:
    """Reads values out of the tables of a plan file. ``path`` is that of the table; all methods raise UsageError."""

    def __init__(self, file: Path, lines: dict[KeyPath, int]) -> None:
        self.file = file
        self._lines = lines

    def error(self, path: KeyPath, message: str) -> UsageError:
        """The error of a key, with its line."""
        return UsageError(f"{self.file}, line {self.line(path)}, key {path[-1]}: {message}")

    def line(self, path: KeyPath) -> int:
        """The line of a key, or of the nearest table around it."""
        return line_of(self._lines, path)

    def check_keys(self, table: Table, path: KeyPath, known: Sequence[str]) -> None:
        """Refuse keys that a plan does not have."""
        for key in table:
            if key not in known:
                raise self.error((*path, key), f"unknown key.{describe_nearest(key, known)}")

    def table(self, values: Table, path: KeyPath, key: str) -> Table:
        """The table at this key; empty if the key is missing."""
        table = values.get(key, {})
        if not isinstance(table, dict):
            raise self.error((*path, key), f"expected a table, got {written(table)}.")
        return table

    def text(self, table: Table, path: KeyPath, key: str, default: str) -> str:
        """A text."""
        value = table.get(key, default)
        if not isinstance(value, str):
            raise self.error((*path, key), f"expected a text in quotes, got {written(value)}.")
        return value

    def flag(self, table: Table, path: KeyPath, key: str) -> bool:
        """True or false."""
        value = table[key]
        if not isinstance(value, bool):
            raise self.error((*path, key), f"expected true or false, got {written(value)}.")
        return value

    def integer(self, table: Table, path: KeyPath, key: str, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``."""
        value = table[key]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error((*path, key), f"expected a whole number from {low} to {high:,}, got {written(value)}.")
        return value

    def lap_time_ms(self, table: Table, path: KeyPath, key: str) -> int:
        """A lap time like ``"2:05.0"``, or a number of seconds, in milliseconds."""
        value = table[key]
        match = _TIME.fullmatch(value) if isinstance(value, str) else None
        milliseconds = 0
        if match and not (match[1] and int(match[2]) >= 60):
            seconds = int(match[1] or 0) * 60 + int(match[2])
            milliseconds = seconds * 1000 + int((match[3] or "0").ljust(3, "0"))
        elif (number := finite(value)) is not None and number < _MAX_LAP_TIME_S:
            milliseconds = round(number * 1000)
        if milliseconds <= 0:
            raise self.error((*path, key), f'expected a lap time like "2:05.0", got {written(value)}.')
        return milliseconds

    def tags(self, table: Table, path: KeyPath) -> tuple[str, ...]:
        """The words of ``tags``."""
        tags = table["tags"]
        if not isinstance(tags, list) or not all(isinstance(tag, str) and tag.strip() for tag in tags):
            raise self.error(
                (*path, "tags"), f'expected a list of words like ["wet", "baseline"], got {written(tags)}.'
            )
        return tuple(tags)

    def suffixes(self, table: Table, path: KeyPath, key: str, known: Sequence[str]) -> tuple[str, ...]:
        """The suffixes of a list of formats, each of which must be among the known ones; dots may be left out."""
        values = table[key]
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self.error((*path, key), f'expected a list of formats like ["ld"], got {written(values)}.')
        suffixes = {f".{value.lstrip('.')}": value for value in values}
        for suffix, value in suffixes.items():
            if suffix not in known:
                raise self.error((*path, key), f"unsupported format {value!r}. Supported: {', '.join(known)}.")
        return tuple(suffixes)

    def session(self, table: Table, path: KeyPath) -> str:
        """The ``session_name`` that ``session`` means."""
        text = self.text(table, path, "session", "")
        name = text.lower().replace(" ", "_").replace("-", "_")
        if name not in _SESSIONS:
            known = ", ".join(_SESSIONS)
            raise self.error(
                (*path, "session"), f"unknown session {text!r}.{describe_nearest(name, _SESSIONS)} Known: {known}."
            )
        return name

    def required(self, name: str, value: Any, path: KeyPath) -> Required:
        """What a field of the static page must hold."""
        field = _STATIC.get(name)
        if field is None:
            raise self.error(
                path,
                f"the game's static page has no such field.{describe_nearest(name, [*_STATIC])} "
                "The command 'fields static' lists them.",
            )
        values = value if isinstance(value, list) and field.shape else [value]
        if len(values) != (field.shape[0] if field.shape else 1):
            raise self.error(path, f"expected {field.type_text}, got {written(value)}.")
        scalars = tuple(self._required_scalar(field, scalar, path) for scalar in values)
        return scalars if field.shape else scalars[0]

    def _required_scalar(self, field: Field, value: Any, path: KeyPath) -> Scalar:
        if field.dtype == "text":
            if isinstance(value, str):
                return value
            raise self.error(path, f"expected a text in quotes, got {written(value)}.")
        if isinstance(value, bool):  # true and false for 1 and 0
            return int(value)
        number = finite(value)
        if number is None or (field.dtype == "integer" and not number.is_integer()):
            kind = "a whole number" if field.dtype == "integer" else "a number"
            raise self.error(path, f"expected {kind}, got {written(value)}.")
        return int(value) if field.dtype == "integer" else number


def finite(value: Any) -> float | None:
    """A number as a float; None for anything else, and for infinity, NaN and what is too large for a float."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def written(value: Any) -> str:
    """A value about as the plan has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, int) and abs(value) >= _MAX_WRITTEN_NUMBER:
        return "a number of too many digits"
    return "a table" if isinstance(value, dict) else "a list" if isinstance(value, list) else str(value)
