"""Reading a plan from its TOML file: every mistake is an error with its line and its key."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

from telemetry.base.documents import DocumentError, parse_toml, read_document
from telemetry.base.errors import UsageError
from telemetry.base.sanitize import sanitize_filename
from telemetry.base.text import format_lap_time
from telemetry.base.units import STEPS_PER_SECOND
from telemetry.plans.plan import PLAN_TEMPLATE, SHORT_KEYS, Plan, Required, Run, with_run
from telemetry.plans.plan_values import Table, ValueReader, finite, written
from telemetry.plans.toml_positions import KeyPath, lines_of
from telemetry.recording.file_names import Template

MAX_LAPS: Final = 1_000_000
"""Laps of a run: a year of them without a break."""

_PLAN_KEYS: Final = (
    "name",
    "folder",
    "template",
    "format",
    "rate",
    "driver",
    "notes",
    "tags",
    "products",
    "defaults",
    "run",
)
_RUN_KEYS: Final = (
    "name",
    "laps",
    "driver",
    "notes",
    "tags",
    "valid",
    "pits",
    "include_ai",
    "max_tyres_out",
    "min_time",
    "max_time",
    "car",
    "track",
    "layout",
    "session",
    "require",
    "products",
)


def read_plan(path: Path, formats: Sequence[str], products: Sequence[str] = ()) -> Plan:
    """Read the plan in this file.

    ``formats`` are the suffixes that its recordings may have, ``products`` those of what may be made of them.
    Raises :class:`telemetry.UsageError`, which says what is wrong, and where.
    """
    try:
        text = read_document(path)
    except OSError as error:
        raise UsageError(f"The plan {path} cannot be read: {error.strerror}.") from error
    except DocumentError as error:
        raise UsageError(error.sentence(path)) from None
    return parse_plan(text, path, formats, products)


def parse_plan(text: str, path: Path, formats: Sequence[str], products: Sequence[str] = ()) -> Plan:
    """Parse the text of a plan file, as :func:`read_plan` does."""
    try:
        values = parse_toml(text)
    except DocumentError as error:
        raise UsageError(error.sentence(path)) from None
    return _PlanReader(ValueReader(path, lines_of(text)), formats, products).read(values)


class _PlanReader:
    """Makes a plan of the values of its file."""

    def __init__(self, values: ValueReader, formats: Sequence[str], products: Sequence[str]) -> None:
        self._values = values
        self._formats = formats
        self._products = products
        self._suffix = formats[0]

    def read(self, values: Table) -> Plan:
        """The plan; ``values`` is the file as tomllib reads it."""
        reader = self._values
        reader.check_keys(values, (), _PLAN_KEYS)
        self._suffix = self._format(values)
        common_keys = ("driver", "notes", "tags", "products")
        common = self._settings({key: values[key] for key in common_keys if key in values}, ())
        defaults = self._settings(reader.table(values, (), "defaults"), ("defaults",))
        if "name" in defaults:
            raise reader.error(("defaults", "name"), "each run needs a name of its own.")
        runs = self._runs(values, defaults, common, self._rate(values))
        name = reader.text(values, (), "name", reader.file.stem) or reader.file.stem
        folder = reader.text(values, (), "folder", "") or sanitize_filename(name)
        if "\0" in folder:
            raise reader.error(("folder",), f"{folder!r} is not a folder name.")
        return Plan(
            name=name,
            folder=reader.file.parent / folder,
            template=self._template(values, runs),
            suffix=self._suffix,
            runs=tuple(runs),
        )

    def _runs(self, values: Table, defaults: Table, common: Table, rate: float | None) -> list[Run]:
        reader = self._values
        tables = values.get("run", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise reader.error(("run",), "runs are tables that begin with [[run]].")
        if not tables:
            raise UsageError(f"{reader.file}: the plan has no runs; a run begins with [[run]].")
        runs: list[Run] = []
        number_by_name: dict[str, int] = {}
        for number, table in enumerate(tables):
            path = ("run", number)
            run = self._run(self._settings(table, path), defaults, common, path, rate)
            first = number_by_name.setdefault(sanitize_filename(run.name).casefold(), number)
            if first != number:
                line = reader.line(("run", first, "name"))
                raise reader.error((*path, "name"), f"the run in line {line} is named {run.name!r} already.")
            runs.append(run)
        return runs

    def _run(self, own: Table, defaults: Table, common: Table, path: KeyPath, rate: float | None) -> Run:
        """A run of its own settings, the defaults, and what is common to the plan, in this order."""
        merged = {**common, **defaults, **own}
        tags = (tag for settings in (common, defaults, own) for tag in settings.get("tags", ()))
        merged["tags"] = tuple(dict.fromkeys(tags))
        merged["require"] = {**defaults.get("require", {}), **own.get("require", {})}
        for key in ("name", "laps"):
            if key not in merged:
                raise self._values.error((*path, key), "is missing; each run needs one.")
        low, high = merged.get("min_time_ms"), merged.get("max_time_ms")
        if low is not None and high is not None and low > high:
            key = "min_time" if "min_time_ms" in own else "max_time"
            low_text, high_text = format_lap_time(low), format_lap_time(high)
            raise self._values.error((*path, key), f"min_time {low_text} must not be above max_time {high_text}.")
        if not merged.get("valid", True) and "max_tyres_out" in own:
            raise self._values.error(
                (*path, "max_tyres_out"), "has no meaning with valid = false, where invalid laps count."
            )
        return Run(rate=rate, **merged)

    def _settings(self, table: Table, path: KeyPath) -> Table:
        """The settings of a run that a table has, under the names of :class:`Run`."""
        reader = self._values
        if path:
            reader.check_keys(table, path, _RUN_KEYS)
        settings: Table = {}
        for key in table:
            if key in ("name", "driver", "notes"):
                settings[key] = reader.text(table, path, key, "")
                if key == "name" and not settings[key].strip():
                    raise reader.error((*path, key), "a run's name cannot be empty.")
            elif key == "laps":
                settings[key] = reader.integer(table, path, key, 1, MAX_LAPS)
            elif key == "max_tyres_out":
                settings[key] = reader.integer(table, path, key, 0, 4)
            elif key in ("valid", "pits", "include_ai"):
                settings[key] = reader.flag(table, path, key)
            elif key in ("min_time", "max_time"):
                settings[f"{key}_ms"] = reader.lap_time_ms(table, path, key)
            elif key == "tags":
                settings[key] = reader.tags(table, path)
            elif key == "products":
                settings[key] = reader.suffixes(table, path, key, self._products)
                if self._suffix in settings[key]:
                    raise reader.error((*path, key), f"the recordings have the format {self._suffix} already.")
        if require := self._require(table, path):
            settings["require"] = require
        return settings

    def _require(self, table: Table, path: KeyPath) -> dict[str, Required]:
        """What fields of the game must hold, by wire name."""
        reader = self._values
        require: dict[str, Required] = {}
        for key, name in SHORT_KEYS.items():
            if key in table:
                require[name] = reader.session(table, path) if key == "session" else reader.text(table, path, key, "")
        for name, value in reader.table(table, path, "require").items():
            if name in require:
                short = next(key for key, other in SHORT_KEYS.items() if other == name)
                raise reader.error((*path, "require", name), f"the key {short} says the same.")
            require[name] = reader.required(name, value, (*path, "require", name))
        return require

    def _template(self, values: Table, runs: Sequence[Run]) -> str:
        template = self._values.text(values, (), "template", PLAN_TEMPLATE)
        try:
            for run in runs:
                Template(with_run(template, run.name))
        except UsageError as error:
            raise self._values.error(("template",), str(error).removesuffix(".") + ", and {run}.") from None
        path = PurePosixPath(template.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or not path.name or ":" in template.partition("{")[0]:
            raise self._values.error(("template",), f"{template!r} does not name files inside the plan's folder.")
        return template

    def _format(self, values: Table) -> str:
        text = self._values.text(values, (), "format", self._formats[0])
        suffix = f".{text.lstrip('.')}"
        if suffix not in self._formats:
            supported = ", ".join(self._formats)
            raise self._values.error(("format",), f"unsupported format {text!r}. Supported: {supported}.")
        return suffix

    def _rate(self, values: Table) -> float | None:
        value: Any = values.get("rate", "max")
        if value == "max":
            return None
        rate_hz = finite(value)
        if rate_hz is None or not 0.0 < rate_hz <= STEPS_PER_SECOND:
            allowed = f'"max" or steps per second up to {STEPS_PER_SECOND:g}'
            raise self._values.error(("rate",), f"must be {allowed}, got {written(value)}.")
        return rate_hz
