"""The choice of fields to write and the names they are written under: wire names, SDK names, aliases, globs, groups."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final, get_args

from telemetry.base.errors import UsageError
from telemetry.base.nearest import find_nearest
from telemetry.base.steps import Steps, finish
from telemetry.fields.derived import Sample
from telemetry.fields.schema import Field, Group

GROUPS: Final[tuple[Group, ...]] = get_args(Group)
"""The groups of fields, in the order of a sample."""

ALIASES: Final = {"yaw": "heading", "steer": "steer_angle", "throttle": "gas"}
"""Other names of fields, in addition to those of the SDK."""

_BY_NAME: Final = {field.name: field for field in Sample.FIELDS}


def _by_sdk_name() -> dict[str, tuple[Field, ...]]:
    """The fields of each SDK name; where two pages share one (``packetId``) the physics page has it."""
    names: dict[str, tuple[Field, ...]] = {}
    for field in Sample.FIELDS:
        if field.sdk_name is None:
            continue
        known = names.get(field.sdk_name, ())
        if not known or known[0].group == field.group:
            names[field.sdk_name] = (*known, field)
    return names


_BY_SDK_NAME: Final = _by_sdk_name()


def all_keys() -> dict[str, tuple[Field, ...]]:
    """Every name under which fields can be written, and the fields it stands for: several for an SDK vector."""
    aliases = {alias: (_BY_NAME[name],) for alias, name in ALIASES.items()}
    return {**_BY_SDK_NAME, **aliases, **{name: (field,) for name, field in _BY_NAME.items()}}


_KEYS: Final = all_keys()

_MAX_PATTERN_LENGTH: Final = 100
"""No name is half as long; to compile thousands of brackets takes seconds."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the output: the name that was asked for, and the fields it stands for (several for a vector)."""

    key: str
    fields: tuple[Field, ...]

    @property
    def pick(self) -> Callable[[Sample], Any]:
        """Takes the column's value out of a sample; the numbers of a vector form a tuple."""
        return Sample.getter(*(field.name for field in self.fields))

    def json_schema(self) -> dict[str, Any]:
        """The column's value as JSON Schema."""
        schema = self.fields[0].json_schema()
        if len(self.fields) == 1:
            return schema
        count = len(self.fields)
        meaning = "; ".join(field.meaning for field in self.fields)
        description = f"{meaning} [{self.fields[0].unit}]"
        items = {"type": schema["type"]}
        return {"description": description, "type": "array", "items": items, "minItems": count, "maxItems": count}


ALL_COLUMNS: Final = tuple(Column(field.name, (field,)) for field in Sample.FIELDS)
"""Every field under its wire name."""

MAX_PATTERNS: Final = len(ALL_COLUMNS)
"""Different patterns that one selection may have: enough to name every field."""

_REMEMBERED_GLOBS: Final = 1024
"""Globs whose fields are remembered: a client that connects again costs nothing."""


def field_names(columns: Iterable[Column]) -> frozenset[str]:
    """The names of the fields that these columns stand for."""
    return frozenset(field.name for column in columns for field in column.fields)


def select(patterns: str | Iterable[str]) -> tuple[Column, ...]:
    """The columns that the patterns name, in that order and without repetition.

    A pattern is a wire name, an alias or an SDK name (written under the name that was given), a glob over wire names
    like ``tyre_*``, or one of :data:`GROUPS`. A text holds several patterns, separated by commas. Raises
    :class:`telemetry.UsageError` for patterns that name no field, with all of them, and for more than
    :data:`MAX_PATTERNS`.
    """
    return finish(select_in_steps(patterns))


def select_in_steps(patterns: str | Iterable[str]) -> Steps[tuple[Column, ...]]:
    """The same as :func:`select` in steps: one for each glob and for each name that is none, which cost time."""
    if isinstance(patterns, str):
        patterns = patterns.split(",")
    asked = dict.fromkeys(pattern.strip() for pattern in dict.fromkeys(patterns))
    asked.pop("", None)
    if len(asked) > MAX_PATTERNS:
        raise UsageError(f"{len(asked)} names of fields are too many: there are {MAX_PATTERNS} fields.")
    columns: dict[str, Column] = {}
    unknown: list[str] = []
    for pattern in asked:
        if pattern in GROUPS:
            matches = _match_group(pattern)
        elif pattern in _KEYS:
            matches = (Column(pattern, _KEYS[pattern]),)
        else:
            matches = _match_glob(pattern)
            yield
        columns.update((column.key, column) for column in matches)
        if not matches:
            unknown.append(pattern)
    nearest: dict[str, str | None] = {}
    for name in unknown:
        nearest[name] = find_nearest(name, [*_KEYS, *GROUPS])
        yield
    if nearest:
        raise UsageError(_describe_unknown(nearest))
    if not columns:
        raise UsageError("No field was selected.")
    return tuple(columns.values())


def _match_group(group: str) -> tuple[Column, ...]:
    return tuple(column for column in ALL_COLUMNS if column.fields[0].group == group)


@lru_cache(_REMEMBERED_GLOBS)
def _match_glob(pattern: str) -> tuple[Column, ...]:
    if len(pattern) > _MAX_PATTERN_LENGTH:
        return ()
    return tuple(column for column in ALL_COLUMNS if fnmatchcase(column.key, pattern))


def _describe_unknown(nearest: Mapping[str, str | None]) -> str:
    """A sentence that names all of these unknown fields, each with the nearest field where one is like it."""
    if len(nearest) == 1:
        ((name, near),) = nearest.items()
        hint = f" Did you mean {near}?" if near else ""
        return f"There is no field {name!r}.{hint} The command 'fields' lists all fields."
    texts = [f"{name!r} (did you mean {near}?)" if near else repr(name) for name, near in nearest.items()]
    return f"There are no fields {', '.join(texts)}. The command 'fields' lists all fields."


def json_schema(columns: Sequence[Column] = ALL_COLUMNS) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a line with these columns."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "One sample of Assetto Corsa telemetry",
        "type": "object",
        "properties": {column.key: column.json_schema() for column in columns},
        "required": [column.key for column in columns],
        "additionalProperties": False,
    }
