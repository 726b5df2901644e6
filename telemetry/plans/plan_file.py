"""Reading a plan from its file: every mistake in it is a sentence with its line and its key."""

import difflib
import math
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

from telemetry.base.errors import UsageError
from telemetry.base.units import STEPS_PER_SECOND
from telemetry.fields.metrics.enums import SESSION_NAMES
from telemetry.fields.schema import Field
from telemetry.fields.snapshot import Snapshot
from telemetry.plans.plan import PLAN_TEMPLATE, SHORT_KEYS, Plan, Required, Run, Scalar, lap_time_text, with_run
from telemetry.plans.toml_positions import KeyPath, line_of, lines_of
from telemetry.recording.file_names import Template, sanitize_filename

MOST_LAPS: Final = 1_000_000
"""Laps of a run: a year of them without a break."""

_SLOWEST_SECONDS: Final = 86_400.0
_LARGEST_WRITTEN: Final = 1 << 63
"""TOML knows no whole number beyond; Python writes none of thousands of digits."""

_STATIC: Final[dict[str, Field]] = {entry.name: entry for entry in Snapshot.FIELDS if entry.group == "static"}
_SESSIONS: Final = [name for number, name in sorted(SESSION_NAMES.items()) if number >= 0]

_PLAN_KEYS: Final = ("name", "folder", "template", "format", "rate", "driver", "notes", "tags", "defaults", "run")
_RUN_KEYS: Final = (
    "name", "laps", "driver", "notes", "tags", "valid", "pits", "max_tyres_out", "min_time", "max_time", "car", "track",
    "layout", "session", "require",
)  # fmt: skip

_PLACE: Final = re.compile(r"^(.*?)\s*\(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)
_DIGITS: Final = re.compile(r"[0-9_]+")
_TIME: Final = re.compile(r"(?:(\d{1,3}):(?=\d\d))?(\d{1,4})(?:\.(\d{1,3}))?")


def read_plan(path: Path, formats: Sequence[str]) -> Plan:
    """The plan in this file, whose recordings may have these suffixes; UsageError says what is wrong, and where."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"The plan {path} cannot be read: {error.strerror}.") from error
    try:
        text = data.decode("utf-8-sig")  # editors on Windows put a mark at the beginning
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}, line {line}: this is no text in UTF-8.") from None
    return parse_plan(text, path, formats)


def parse_plan(text: str, path: Path, formats: Sequence[str]) -> Plan:
    """The plan in a text that stands in this file; UsageError says what is wrong, and where."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(_syntax_error(str(error), text, path)) from None
    except ValueError:  # Python reads no number of thousands of digits
        line = _line_of_longest_number(text)
        raise UsageError(f"{path}, line {line}: a number there has too many digits.") from None
    except RecursionError:
        raise UsageError(f"{path}: brackets stand too deep inside one another.") from None
    return _Reader(path, lines_of(text), formats).plan(values)


def _syntax_error(message: str, text: str, path: Path) -> str:
    match = _PLACE.match(message)
    if match is None:
        return f"{path}: this is no TOML: {message}."
    line, column = match[2] or str(len(text.splitlines()) or 1), match[3]
    where = f" (column {column})" if column else ""
    reason = "a key stands there a second time" if match[1] == "Cannot overwrite a value" else match[1]
    return f"{path}, line {line}: this is no TOML: {reason}{where}."


def _line_of_longest_number(text: str) -> int:
    longest = max(_DIGITS.finditer(text), key=lambda match: len(match[0]), default=None)
    return text.count("\n", 0, longest.start() if longest else 0) + 1


class _Reader:
    """Takes a plan out of the values of its file, and knows where each of them stands."""

    def __init__(self, path: Path, lines: dict[KeyPath, int], formats: Sequence[str]) -> None:
        self._path = path
        self._lines = lines
        self._formats = formats

    def plan(self, values: dict[str, Any]) -> Plan:
        self._check_keys(values, (), _PLAN_KEYS)
        common = self._settings({key: values[key] for key in ("driver", "notes", "tags") if key in values}, ())
        defaults = self._settings(self._table(values, (), "defaults"), ("defaults",))
        if "name" in defaults:
            raise self._wrong(("defaults", "name"), "each run needs a name of its own.")
        rate = self._rate(values)
        tables = values.get("run", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise self._wrong(("run",), "runs are tables that begin with [[run]].")
        if not tables:
            raise UsageError(f"{self._path}: there is nothing to do in this plan; a run begins with [[run]].")
        runs = []
        places: dict[str, int] = {}
        for number, table in enumerate(tables):
            run = self._run(self._settings(table, ("run", number)), defaults, common, ("run", number), rate)
            same = places.setdefault(sanitize_filename(run.name).casefold(), number)
            if same != number:
                line = line_of(self._lines, ("run", same, "name"))
                raise self._wrong(
                    ("run", number, "name"), f"{run.name!r} is the name of the run in line {line} already."
                )
            runs.append(run)
        name = self._text(values, (), "name", self._path.stem) or self._path.stem
        folder = self._text(values, (), "folder", "") or sanitize_filename(name)
        if "\0" in folder:
            raise self._wrong(("folder",), f"{folder!r} names no folder.")
        return Plan(
            name=name,
            folder=self._path.parent / folder,
            template=self._template(values, runs),
            suffix=self._format(values),
            runs=tuple(runs),
        )

    def _run(
        self,
        own: dict[str, Any],
        defaults: dict[str, Any],
        common: dict[str, Any],
        path: KeyPath,
        rate: float | None,
    ) -> Run:
        merged = {**common, **defaults, **own}
        tags = (tag for settings in (common, defaults, own) for tag in settings.get("tags", ()))
        merged["tags"] = tuple(dict.fromkeys(tags))
        merged["require"] = {**defaults.get("require", {}), **own.get("require", {})}
        for key in ("name", "laps"):
            if key not in merged:
                raise self._wrong((*path, key), "is missing; each run needs one.")
        low, high = merged.get("min_time_ms"), merged.get("max_time_ms")
        if low is not None and high is not None and low > high:
            key = "min_time" if "min_time_ms" in own else "max_time"
            raise self._wrong(
                (*path, key), f"no lap is slower than {lap_time_text(low)} and faster than {lap_time_text(high)}."
            )
        if not merged.get("valid", True) and "max_tyres_out" in own:
            raise self._wrong((*path, "max_tyres_out"), "says nothing where valid = false lets cut laps count.")
        return Run(rate=rate, **merged)

    def _settings(self, table: dict[str, Any], path: KeyPath) -> dict[str, Any]:
        """What a table says of a run, under the names of :class:`Run`, and nothing that it does not say."""
        if path:
            self._check_keys(table, path, _RUN_KEYS)
        found: dict[str, Any] = {}
        require: dict[str, Required] = {}
        for key in table:
            if key in ("name", "driver", "notes"):
                found[key] = self._text(table, path, key, "")
                if key == "name" and not found[key].strip():
                    raise self._wrong((*path, key), "a run's name cannot be empty.")
            elif key == "laps":
                found[key] = self._whole(table, path, key, 1, MOST_LAPS)
            elif key == "max_tyres_out":
                found[key] = self._whole(table, path, key, 0, 4)
            elif key in ("valid", "pits"):
                found[key] = self._flag(table, path, key)
            elif key in ("min_time", "max_time"):
                found[f"{key}_ms"] = self._time(table, path, key)
            elif key == "tags":
                found[key] = self._tags(table, path)
            elif key == "session":
                require["session_name"] = self._session(table, path)
            elif key in SHORT_KEYS:
                require[SHORT_KEYS[key]] = self._text(table, path, key, "")
        for name, value in self._table(table, path, "require").items():
            if name in require:
                short = next(key for key, other in SHORT_KEYS.items() if other == name)
                raise self._wrong((*path, "require", name), f"the key {short} says the same.")
            require[name] = self._required(name, value, (*path, "require", name))
        if require:
            found["require"] = require
        return found

    def _template(self, values: dict[str, Any], runs: Sequence[Run]) -> str:
        template = self._text(values, (), "template", PLAN_TEMPLATE)
        try:
            for run in runs:
                Template(with_run(template, run.name))
        except UsageError as error:
            raise self._wrong(("template",), str(error).removesuffix(".") + ", and {run}.") from None
        path = PurePosixPath(template.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or not path.name or ":" in template.partition("{")[0]:
            raise self._wrong(("template",), f"{template!r} does not name files inside the plan's folder.")
        return template

    def _format(self, values: dict[str, Any]) -> str:
        text = self._text(values, (), "format", self._formats[0])
        suffix = f".{text.lstrip('.')}"
        if suffix not in self._formats:
            raise self._wrong(
                ("format",), f"{text!r} is nothing that can be recorded; that is {', '.join(self._formats)}."
            )
        return suffix

    def _rate(self, values: dict[str, Any]) -> float | None:
        value = values.get("rate", "max")
        if value == "max":
            return None
        rate = _finite(value)
        if rate is None or not 0.0 < rate <= STEPS_PER_SECOND:
            raise self._wrong(
                ("rate",),
                f'{_written(value)} makes no sense; say "max", or steps per second up to {STEPS_PER_SECOND:g}.',
            )
        return rate

    def _text(self, table: dict[str, Any], path: KeyPath, key: str, default: str) -> str:
        value = table.get(key, default)
        if not isinstance(value, str):
            raise self._wrong((*path, key), f"{_written(value)} is no text in quotes.")
        return value

    def _flag(self, table: dict[str, Any], path: KeyPath, key: str) -> bool:
        value = table[key]
        if not isinstance(value, bool):
            raise self._wrong((*path, key), f"{_written(value)} is neither true nor false.")
        return value

    def _whole(self, table: dict[str, Any], path: KeyPath, key: str, low: int, high: int) -> int:
        value = table[key]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._wrong((*path, key), f"{_written(value)} is no whole number from {low} to {high:,}.")
        return value

    def _time(self, table: dict[str, Any], path: KeyPath, key: str) -> int:
        value = table[key]
        match = _TIME.fullmatch(value) if isinstance(value, str) else None
        if match and not (match[1] and int(match[2]) >= 60):
            seconds = int(match[1] or 0) * 60 + int(match[2])
            milliseconds = seconds * 1000 + int((match[3] or "0").ljust(3, "0"))
        elif (number := _finite(value)) is not None and number < _SLOWEST_SECONDS:
            milliseconds = round(number * 1000)
        else:
            milliseconds = 0
        if milliseconds <= 0:
            raise self._wrong((*path, key), f'{_written(value)} is no lap time like "2:05.0".')
        return milliseconds

    def _tags(self, table: dict[str, Any], path: KeyPath) -> tuple[str, ...]:
        tags = table["tags"]
        if not isinstance(tags, list) or not all(isinstance(tag, str) and tag.strip() for tag in tags):
            raise self._wrong((*path, "tags"), f'{_written(tags)} is no list of words like ["wet", "baseline"].')
        return tuple(tags)

    def _session(self, table: dict[str, Any], path: KeyPath) -> str:
        text = self._text(table, path, "session", "")
        name = text.lower().replace(" ", "_").replace("-", "_")
        if name not in _SESSIONS:
            raise self._wrong(
                (*path, "session"),
                f"there is no session {text!r}.{_near(name, _SESSIONS)} There are {', '.join(_SESSIONS)}.",
            )
        return name

    def _required(self, name: str, value: Any, path: KeyPath) -> Required:
        entry = _STATIC.get(name)
        if entry is None:
            raise self._wrong(
                path,
                f"the game's static page has no such field.{_near(name, [*_STATIC])} "
                "The command 'fields static' lists them.",
            )
        values = value if isinstance(value, list) and entry.shape else [value]
        if len(values) != (entry.shape[0] if entry.shape else 1):
            raise self._wrong(path, f"{_written(value)} is not {entry.type_text}, as the field is.")
        taken = tuple(self._required_value(entry, item, path) for item in values)
        return taken if entry.shape else taken[0]

    def _required_value(self, entry: Field, value: Any, path: KeyPath) -> Scalar:
        if entry.dtype == "text":
            if isinstance(value, str):
                return value
            raise self._wrong(path, f"{_written(value)} is no text in quotes.")
        if isinstance(value, bool):  # true and false for 1 and 0
            return int(value)
        number = _finite(value)
        if number is None or (entry.dtype == "integer" and not number.is_integer()):
            raise self._wrong(path, f"{_written(value)} is no {'whole ' * (entry.dtype == 'integer')}number.")
        return int(value) if entry.dtype == "integer" else number

    def _table(self, values: dict[str, Any], path: KeyPath, key: str) -> dict[str, Any]:
        table = values.get(key, {})
        if not isinstance(table, dict):
            raise self._wrong((*path, key), f"{_written(table)} is no table.")
        return table

    def _check_keys(self, table: dict[str, Any], path: KeyPath, known: Sequence[str]) -> None:
        for key in table:
            if key not in known:
                raise self._wrong((*path, key), f"there is no such key.{_near(key, known)}")

    def _wrong(self, path: KeyPath, message: str) -> UsageError:
        line = line_of(self._lines, path)
        return UsageError(f"{self._path}, line {line}, key {path[-1]}: {message}")


def _finite(value: Any) -> float | None:
    """A number as a float; None for what is none, or too large for one, or endless."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _written(value: Any) -> str:
    """A value as the plan has it, or nearly so."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, int) and abs(value) >= _LARGEST_WRITTEN:
        return "a number of so many digits"
    return "a table" if isinstance(value, dict) else "this list" if isinstance(value, list) else str(value)


def _near(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=2, cutoff=0.6)
    return f" Did you mean {' or '.join(near)}?" if near else ""
