"""From the columns of a Parquet file to those of samples: whatever program wrote it, the same types or a refusal."""

from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from telemetry.fields.blocks import Array, TextColumn
from telemetry.fields.column_block import AnyColumn
from telemetry.fields.schema import Field
from telemetry.fields.selection import all_keys

_WANTED: Final = {"integer": "whole numbers", "number": "numbers", "text": "texts"}
_IS_TEXT: Final = (pa.types.is_string, pa.types.is_large_string, pa.types.is_null)
_IS_NUMBER: Final = (pa.types.is_integer, pa.types.is_floating, pa.types.is_null)
_IS_LIST: Final = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
_LARGEST_EXACT: Final = 2**53 - 1
_LARGEST_INTEGER: Final = 2**31 - 1


class ReadColumn(NamedTuple):
    """Where a raw field stands in a file: the column, and the place in its lists for a vector of the SDK."""

    name: str
    field: Field
    lengths: tuple[int, ...]
    """Of the lists of the column, from the outside in."""
    component: int | None


class WrongColumn(Exception):
    """A value that is none of its field; ``row`` counts from 0 in the batch."""

    def __init__(self, row: int, text: str) -> None:
        super().__init__(text)
        self.row = row


def find_columns(schema: Any) -> dict[str, ReadColumn]:
    """The columns of the raw fields that a file has.

    ValueError, which says what is wrong, for one of another type and for two of the same name.
    """
    found: dict[str, ReadColumn] = {}
    keys = all_keys()
    for name in schema.names:
        fields = keys.get(name, ())
        if not fields or fields[0].group == "derived":
            continue
        if schema.names.count(name) > 1:
            raise ValueError(f"it has two columns {name}")
        lengths = fields[0].shape if len(fields) == 1 else (len(fields),)
        _check_type(name, schema.field(name).type, fields[0].dtype, lengths)
        for component, field in enumerate(fields):
            found[field.name] = ReadColumn(name, field, lengths, component if len(fields) > 1 else None)
    return found


def read_column(column: ReadColumn, values: Any) -> AnyColumn:
    """The values of a batch as those of the field; :class:`WrongColumn` for one that the field cannot have."""
    count = len(values)
    if column.field.dtype == "text":
        return _read_texts(column, values)
    for length in column.lengths:
        values = _flatten(column, values, length, count)
    numbers = _read_integers(column, values, count) if column.field.dtype == "integer" else _read_numbers(values)
    shaped = numbers.reshape(count, *column.lengths)
    return shaped if column.component is None else shaped[:, column.component]


def _check_type(name: str, found: Any, dtype: str, lengths: tuple[int, ...]) -> None:
    inner = found
    depth = 0
    while any(is_list(inner) for is_list in _IS_LIST):
        inner, depth = inner.value_type, depth + 1
    if dtype == "text" and pa.types.is_dictionary(inner):
        inner = inner.value_type
    if depth != len(lengths) or not any(is_one(inner) for is_one in (_IS_TEXT if dtype == "text" else _IS_NUMBER)):
        lists = "".join(f"lists of {length} " for length in lengths)
        raise ValueError(f"its column {name} is of the type {found}, but it must hold {lists}{_WANTED[dtype]}")


def _read_texts(column: ReadColumn, values: Any) -> TextColumn:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    _check_no_nulls(column, values, 1)
    coded = values.cast(pa.large_string()).dictionary_encode()
    return TextColumn(coded.indices.to_numpy(zero_copy_only=False).astype(np.intp), tuple(coded.dictionary.to_pylist()))


def _flatten(column: ReadColumn, values: Any, length: int, count: int) -> Any:
    """The elements of lists, each of which must have this length."""
    each = max(len(values) // max(count, 1), 1)
    _check_no_nulls(column, values, each)
    lengths = pc.list_value_length(values).to_numpy(zero_copy_only=False)
    if (lengths != length).any():
        at = int((lengths != length).argmax())
        raise WrongColumn(at // each, f"{column.name} has a list of {lengths[at]}, but it must have {length} values")
    return values.flatten()


def _read_numbers(values: Any) -> Array:
    """Null becomes NaN."""
    if not pa.types.is_floating(values.type):
        values = values.cast(pa.float64())
    numbers: Array = values.to_numpy(zero_copy_only=False)
    return numbers if numbers.dtype in (np.float32, np.float64) else numbers.astype(np.float32)


def _read_integers(column: ReadColumn, values: Any, count: int) -> Array:
    _check_no_nulls(column, values, max(len(values) // max(count, 1), 1))
    numbers: Array = values.to_numpy(zero_copy_only=False)
    is_sample = column.field.group == "sample"
    limit = _LARGEST_INTEGER
    if is_sample:
        limit = 2**63 - 1 if numbers.dtype.kind in "iu" else _LARGEST_EXACT
    is_right = (numbers >= -limit - 1) & (numbers <= limit)
    if numbers.dtype.kind == "f":
        is_right &= np.rint(numbers) == numbers
    if not is_right.all():
        at = int((~is_right).argmax())
        raise WrongColumn(at, f"{column.name} is {numbers[at]}, but it must be a whole number that fits the field")
    return numbers.astype(np.int64 if is_sample else np.int32)


def _check_no_nulls(column: ReadColumn, values: Any, each: int) -> None:
    """No value is missing, where ``each`` row has so many."""
    if values.null_count:
        at = int(values.is_null().to_numpy(zero_copy_only=False).argmax())
        raise WrongColumn(at // each, f"{column.name} is missing")
