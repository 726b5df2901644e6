"""The file that names the columns of a foreign table: ``--map columns.toml``."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from telemetry.base.documents import DocumentError, parse_toml, read_document
from telemetry.base.errors import SourceError, UsageError
from telemetry.base.text import join_names
from telemetry.formats.foreign.names import cell_channels
from telemetry.formats.motec.channels import Channel
from telemetry.formats.motec.units import find_conversion

_EXAMPLE: Final = '[columns] "Speed" = { field = "speed_kmh", unit = "mph" }'
_MAX_NAMES: Final = 20
_KEYS: Final = ("field", "unit", "scale", "shift")


@dataclass(frozen=True, slots=True)
class _Entry:
    channel: Channel
    unit: str | None


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Which columns of foreign tables are which fields, by their names; what it does not name is known as without it.

    A column is the name of a field, or of an element like ``tyre_wear_fl``, or a table with ``field`` and perhaps
    ``unit``, or ``scale`` and ``shift``: then field = column x scale + shift. ``false`` leaves a column out.
    """

    name: str = ""
    """The file, for a person; empty for no map at all."""
    entries: Mapping[str, _Entry | None] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "ColumnMap":
        """The content of such a file; raises :class:`telemetry.UsageError`."""
        try:
            document = parse_toml(read_document(path))
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from None
        except DocumentError as error:
            raise UsageError(error.sentence(path)) from None
        columns = document.get("columns")
        if not isinstance(columns, dict) or not columns or set(document) != {"columns"}:
            raise UsageError(f"{path}: it must hold one table, columns, and nothing else. For example: {_EXAMPLE}.")
        return cls(str(path), {name: _read_entry(f"{path}, column {name}", value) for name, value in columns.items()})

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def check(self, path: Path, names: Sequence[str]) -> None:
        """Raise :class:`telemetry.SourceError` where a table with columns of these names lacks one that is a field."""
        if missing := [name for name, entry in self.entries.items() if entry is not None and name not in names]:
            held = join_names(names, _MAX_NAMES)
            raise SourceError(f"{path} has no column {missing[0]}, which {self.name} names. It has: {held}.")

    def find(self, name: str, unit: str) -> tuple[Channel | None, str]:
        """What a column is, None for nothing, and its unit, which the table itself says is ``unit``."""
        entry = self.entries[name]
        if entry is None:
            return None, unit
        return entry.channel, unit if entry.unit is None else entry.unit


def _read_entry(place: str, value: Any) -> _Entry | None:
    if value is False:
        return None
    if isinstance(value, str):
        value = {"field": value}
    if not isinstance(value, dict) or not isinstance(value.get("field"), str):
        raise UsageError(f'{place}: say the name of a field, a table with "field" in it, or false to leave it out.')
    if wrong := [key for key in value if key not in _KEYS]:
        raise UsageError(f"{place}: there is no {wrong[0]}, only {', '.join(_KEYS)}.")
    known = cell_channels().get(value["field"])
    if known is None:
        raise UsageError(
            f"{place}: {value['field']} is no field of the game, nor an element of one like tyre_wear_fl. The command "
            "'fields' lists them."
        )
    unit, scale, shift = value.get("unit"), value.get("scale"), value.get("shift", 0.0)
    if unit is not None and (not isinstance(unit, str) or find_conversion(unit, known.unit) is None):
        raise UsageError(f"{place}: {unit} is no unit that {known.field} [{known.unit}] can be converted from.")
    if scale is None and "shift" not in value:
        return _Entry(known, unit)
    if unit is not None:
        raise UsageError(f"{place}: a unit says all that scale and shift do. Leave one of them out.")
    scale = 1.0 if scale is None else scale
    if not (_is_number(scale) and _is_number(shift) and scale):
        raise UsageError(f"{place}: scale and shift must be numbers, and scale not 0.")
    # field = column x scale + shift, and a channel says it the other way round.
    channel = Channel(known.name, known.unit, known.field, known.element, 1.0 / scale, -shift / scale)
    return _Entry(channel, "")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


NO_MAP: Final = ColumnMap()
