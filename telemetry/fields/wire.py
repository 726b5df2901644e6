"""JSON lines: a sample to one line, and a line back to its snapshot."""

import math
import operator
from collections.abc import Callable, Sequence
from itertools import chain, pairwise
from typing import Any, Final

import orjson

from telemetry.fields.derived import Sample
from telemetry.fields.schema import Field
from telemetry.fields.selection import ALL_COLUMNS, Column, all_keys
from telemetry.fields.snapshot import Snapshot


class LineEncoder:
    """Encodes samples as JSON lines, newline included; floats in their shortest decimals, NaN and infinity as null.

    The parts of a full line that seldom change, those of the graphics and static pages, are encoded only when they do.
    An encoder belongs to one stream of samples: two streams would make each other's parts look changed.
    """

    def __init__(self, columns: Sequence[Column] = ALL_COLUMNS) -> None:
        self._getters = {column.key: column.pick for column in columns}
        self._is_full = tuple(columns) == ALL_COLUMNS
        groups = [field.group for field in Sample.FIELDS]
        edges = [0, *(groups.index(group) for group in ("graphics", "static", "derived")), len(groups)]
        self._parts = [_LinePart(slice(begin, end)) for begin, end in pairwise(edges)]

    def encode(self, sample: Sample) -> bytes:
        """The line of this sample."""
        if not self._is_full:
            values = {key: get(sample) for key, get in self._getters.items()}
            return orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)
        physics, graphics, static, derived = self._parts
        return b"{%b,%b,%b,%b}\n" % (
            physics.encode(sample),
            graphics.encode_if_changed(sample),
            static.encode_if_changed(sample),
            derived.encode(sample),
        )


class _LinePart:
    """Neighbouring fields as JSON, without the braces."""

    def __init__(self, indices: slice) -> None:
        self._indices = indices
        self._names = Sample.NAMES[indices]
        self._object: dict[str, Any] = {}  # filled again each time, which is quicker than a new one
        self._last_values: tuple[Any, ...] = ()
        self._last_text = b""

    def encode(self, sample: Sample) -> bytes:
        self._object.update(zip(self._names, sample[self._indices], strict=True))
        return orjson.dumps(self._object)[1:-1]

    def encode_if_changed(self, sample: Sample) -> bytes:
        values = sample[self._indices]
        if values != self._last_values:
            self._last_text = self.encode(sample)
            self._last_values = values
        return self._last_text


def parse_snapshot(line: bytes | str) -> Snapshot:
    """The snapshot in a JSON line; raw fields that the line does not have are 0, NaN or empty.

    A missing gear or session is -1, which is named ``unknown``. Whole numbers may have a fraction of zero, like 3.0.
    Raises ValueError, which says what is wrong, for a line that is not a sample or holds a value of another type.
    """
    values = _parse_object(line)
    full = _take_full_row(values)
    return _read_row(values) if full is None else Snapshot.of(full)


def parse_snapshot_plain(line: bytes | str) -> Snapshot:
    """The same as :func:`parse_snapshot`, always key by key: some ten times slower, for tests and readers."""
    return _read_row(_parse_object(line))


def _parse_object(line: bytes | str) -> dict[str, Any]:
    try:
        values = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError("this is not JSON") from error
    if not isinstance(values, dict) or _KEYS.isdisjoint(values):
        raise ValueError("this is not a sample of telemetry")
    return values


def _read_row(values: dict[str, Any]) -> Snapshot:
    row: list[Any] = list(BLANK)
    for key, value in values.items():
        if reader := _READERS.get(key):
            reader(row, value)
    return Snapshot.of(row)


def _take_full_row(values: dict[str, Any]) -> list[Any] | None:
    """The row of a line that has every raw field once, first, in order and of the right type; None for other lines.

    Nearly all lines are such: what this package writes, but for NaN. All values of one kind are checked at once: the
    set of the types and lengths that occur must hold nothing but the one that is right.
    """
    keys = tuple(values)
    if keys[: len(BLANK)] != Snapshot.NAMES or not _KEYS.isdisjoint(keys[len(BLANK) :]):
        return None
    row = list(values.values())[: len(BLANK)]
    if list(map(type, row)) != _TYPES:
        return None
    integers = _take_integers(row)
    if min(integers) < _INT32.start or max(integers) >= _INT32.stop:
        return None
    arrays, matrices = _take_arrays(row), _take_matrices(row)
    vectors = list(chain.from_iterable(matrices))
    if (*map(len, arrays), *map(len, matrices)) != _LENGTHS or set(map(type, vectors)) != {list}:
        return None
    if set(map(len, vectors)) != {_VECTOR_LENGTH}:
        return None
    if set(map(type, chain(chain.from_iterable(arrays), chain.from_iterable(vectors)))) != {float}:
        return None
    for index in _ARRAY_INDICES:
        row[index] = tuple(row[index])
    for index in _MATRIX_INDICES:
        row[index] = tuple(map(tuple, row[index]))
    return row


def _make_reader(key: str, fields: tuple[Field, ...]) -> Callable[[list[Any], Any], None]:
    """Puts the value of a key into the fields it stands for; ValueError for a value of the wrong type."""
    indices = [Snapshot.INDEX[field.name] for field in fields]
    is_integer = fields[0].dtype == "integer"
    convert = _CONVERTERS[fields[0].dtype]
    bounds = _INT64 if fields[0].group == "sample" else _INT32
    shape = fields[0].shape if len(fields) == 1 else (len(fields),)

    def convert_array(value: Any, lengths: tuple[int, ...]) -> Any:
        if not lengths:
            return convert(value)
        if not isinstance(value, list) or len(value) != lengths[0]:
            raise ValueError
        return tuple([convert_array(element, lengths[1:]) for element in value])

    def read(row: list[Any], value: Any) -> None:
        try:
            values = convert_array(value, shape)
        except ValueError:
            wanted = _describe_wanted(fields[0].dtype, shape)
            raise ValueError(f"{key} is {_describe_found(value)}, but it must be {wanted}") from None
        if is_integer and values not in bounds:  # where integers are single: the pages hold no arrays of them
            raise ValueError(f"{key} is {value}, which is too large for it")
        if len(indices) == 1:
            row[indices[0]] = values
        else:
            for index, element in zip(indices, values, strict=True):
                row[index] = element

    return read


def _describe_found(value: Any) -> str:
    """A value as it stands in the line, shortened."""
    text = orjson.dumps(value).decode()
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _describe_wanted(dtype: str, shape: tuple[int, ...]) -> str:
    """What a value must be, like ``a list of 4 numbers``."""
    one, several = _WANTED[dtype]
    if not shape:
        return one
    for length in reversed(shape[1:]):
        several = f"lists of {length} {several}"
    return f"a list of {shape[0]} {several}"


def _to_integer(value: Any) -> int:
    if type(value) is float and value.is_integer() and abs(value) <= _LARGEST_EXACT:
        return int(value)  # tools that keep every number as a float write 3.0
    if type(value) is not int:
        raise ValueError
    return value


def _to_float(value: Any) -> float:
    if value is None:
        return math.nan
    if type(value) is not float and type(value) is not int:
        raise ValueError
    return float(value)


def _to_text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError
    return value


def _blank_value(field: Field) -> Any:
    value: Any = _UNKNOWN.get(field.name, {"integer": 0, "number": math.nan, "text": ""}[field.dtype])
    for length in reversed(field.shape):
        value = (value,) * length
    return value


_UNKNOWN: Final = {"gear": -1, "session": -1}
"""What fields read as that a line does not have, where 0 is the name of something: reverse, practice."""

_MAX_SHOWN: Final = 60
"""Characters of a wrong value that a message shows."""

_LARGEST_EXACT: Final = 2.0**53
"""The largest whole number up to which a float holds each of them."""

_INT32: Final = range(-(2**31), 2**31)
"""What an integer of a page can be."""
_INT64: Final = range(-(2**63), 2**63)

_WANTED: Final = {
    "integer": ("a whole number", "whole numbers"),
    "number": ("a number or null", "numbers or nulls"),
    "text": ("a text", "texts"),
}
"""What a value of a type must be, in the singular and in the plural."""

_CONVERTERS: Final[dict[str, Callable[[Any], Any]]] = {"integer": _to_integer, "number": _to_float, "text": _to_text}
BLANK: Final = Snapshot.of(_blank_value(field) for field in Snapshot.FIELDS)
"""What the fields read as that a line does not have."""
_READERS: Final = {key: _make_reader(key, fields) for key, fields in all_keys().items() if fields[0].group != "derived"}
_KEYS: Final = frozenset(_READERS)
_TYPES: Final = [
    list if field.shape else {"integer": int, "number": float, "text": str}[field.dtype] for field in Snapshot.FIELDS
]
_INTEGER_INDICES: Final = [index for index, field in enumerate(Snapshot.FIELDS) if field.dtype == "integer"]
_ARRAY_INDICES: Final = [index for index, field in enumerate(Snapshot.FIELDS) if len(field.shape) == 1]
_MATRIX_INDICES: Final = [index for index, field in enumerate(Snapshot.FIELDS) if len(field.shape) == 2]
_take_integers: Final = operator.itemgetter(*_INTEGER_INDICES)
_take_arrays: Final = operator.itemgetter(*_ARRAY_INDICES)
_take_matrices: Final = operator.itemgetter(*_MATRIX_INDICES)
_LENGTHS: Final = tuple(Snapshot.FIELDS[index].shape[0] for index in [*_ARRAY_INDICES, *_MATRIX_INDICES])
_VECTOR_LENGTH: Final = 3
"""Numbers in each row of a matrix: all matrices are vectors per wheel."""
