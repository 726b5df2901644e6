"""From the columns of a foreign table to those of raw fields, whatever the table is stored as."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from telemetry.fields.blocks import Array
from telemetry.fields.schema import Field
from telemetry.formats.foreign.column_map import ColumnMap
from telemetry.formats.foreign.names import FIELDS, WHOLE, cell_channels, find_channel, split_unit, vector_fields
from telemetry.formats.motec.channels import Channel
from telemetry.formats.motec.units import Conversion, find_conversion

_TEXTS_OF_CLOCKS: Final = frozenset({"currentTime", "lastTime", "bestTime"})

_SMALLEST: Final = float(np.finfo(np.float32).smallest_normal)
"""Smaller numbers are integers that a program took for a float: they are read as 0."""


class TableColumn(NamedTuple):
    """A column of a table that is a field, or an element of one."""

    name: str
    place: int
    """Among the columns of the table."""
    channel: Channel
    conversion: Conversion
    """From the column's unit to that of the channel."""

    def convert(self, values: Array) -> Array:
        """Numbers of the column as those of the field, float64."""
        factor, shift = self.conversion
        channel = self.channel
        with np.errstate(all="ignore"):  # a file can hold any numbers
            numbers = values.astype(np.float64, copy=False)
            if (factor, shift, channel.factor, channel.shift) != (1.0, 0.0, 1.0, 0.0):
                numbers = (numbers * factor + shift - channel.shift) / channel.factor
            return np.where(np.abs(numbers) < _SMALLEST, 0.0, numbers)


class ChosenColumns(NamedTuple):
    """Which columns of a table are fields."""

    fields: Mapping[str, tuple[TableColumn, ...]]
    """The columns of each field."""
    others: tuple[str, ...]
    """The names of the columns that are none."""


def choose_columns(
    names: Sequence[str], units: Sequence[str], column_map: ColumnMap, *, is_motec: bool = False
) -> ChosenColumns:
    """The columns that are fields; of several for the same number the one that is named best, or the first."""
    found: list[tuple[int, TableColumn]] = []
    others: dict[int, str] = {}
    for place, (name, unit_below) in enumerate(zip(names, units, strict=True)):
        if not name:
            continue
        bare, unit_beside = split_unit(name)
        unit = unit_below or unit_beside
        if name in column_map:
            channel, unit = column_map.find(name, unit)
        else:
            channel = find_channel(bare, unit, is_motec=is_motec)
        conversion = None if channel is None else find_conversion(unit, channel.unit)
        if channel is None or conversion is None:
            others[place] = name
            continue
        rank = 0 if name in column_map else 1 if name in cell_channels() else 2
        rank = 3 if channel.name in _TEXTS_OF_CLOCKS else rank
        found.append((rank, TableColumn(name, place, channel, conversion)))
    fields: dict[str, dict[tuple[int, ...], TableColumn]] = {}
    for _, column in sorted(found, key=lambda one: one[0]):
        element = column.channel.element
        if element == (WHOLE,):
            targets = vector_fields(column.channel)
            is_new = all(name not in fields for name in targets)
        else:
            targets = (column.channel.field,)
            elements = fields.get(targets[0], {})
            is_new = element not in elements and (WHOLE,) not in elements
        if not is_new:
            others[column.place] = column.name
            continue
        for name in targets:
            fields.setdefault(name, {})[element] = column
    return ChosenColumns(
        {name: tuple(columns.values()) for name, columns in fields.items() if _are_enough(FIELDS[name], columns)},
        tuple(name for _, name in sorted(others.items())),
    )


def join_elements(field: Field, length: int, parts: Iterable[tuple[TableColumn, Array]]) -> Array:
    """The column of a field of numbers: NaN for elements of an array that the table lacks.

    Each part is of shape (n,), or, where cells hold lists, of shape (n, numbers in a list).
    """
    found = list(parts)
    if field.shape == ():
        column, values = found[0]
        if column.channel.element == (WHOLE,):
            values = values[:, vector_fields(column.channel).index(field.name)]
        return _as_field(field, column.convert(values))
    joined: Array = np.full((length, *field.shape), np.nan)
    for column, values in found:
        if column.channel.element == (WHOLE,):
            joined[...] = column.convert(values)
        else:
            part = joined
            for number in column.channel.element[:-1]:
                part = part[:, number]
            part[:, column.channel.element[-1]] = column.convert(values)
    return _as_field(field, joined)


def list_length(column: TableColumn) -> int | None:
    """How many numbers the lists in the cells of a column have; None where a cell is one number."""
    if column.channel.element != (WHOLE,):
        return None
    names = vector_fields(column.channel)
    return len(names) if len(names) > 1 else FIELDS[names[0]].shape[0]


def _are_enough(field: Field, elements: Collection[tuple[int, ...]]) -> bool:
    """Whether these elements tell a field: of whole numbers and texts there is no half one."""
    return field.shape == () or field.dtype == "number" or len(elements) == int(np.prod(field.shape))


def _as_field(field: Field, values: Array) -> Array:
    if field.dtype != "integer":
        return values
    limits = np.iinfo(np.int32)
    with np.errstate(all="ignore"):
        whole: Array = np.clip(np.nan_to_num(np.rint(values), nan=0.0), limits.min, limits.max).astype(np.int32)
    return whole
