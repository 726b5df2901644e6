"""From JSON lines to columns: many lines at a time, and of each only the fields that are asked for."""

import math
import operator
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, Final, Literal, NamedTuple

import msgspec
import numpy as np
import orjson

from telemetry.fields.blocks import Array, TextColumn
from telemetry.fields.column_block import AnyColumn
from telemetry.fields.schema import Field
from telemetry.fields.selection import all_keys
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.wire import parse_snapshot

_RAW_KEYS: Final = {key: fields for key, fields in all_keys().items() if fields[0].group != "derived"}
_NEVER: Final = "\0"
"""The only value of a key that a line should not have; a line that has even that is read like one without the key."""
_LARGEST_EXACT: Final = 2**53 - 1
"""Up to here a float holds every integer."""
_LARGEST_INTEGER: Final = 2**31 - 1
"""Of the game's pages."""


class _Key(NamedTuple):
    """A key of the lines, and the raw fields that it stands for: several for a vector of the SDK."""

    name: str
    fields: tuple[Field, ...]

    @property
    def dtype(self) -> str:
        return self.fields[0].dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self.fields[0].shape if len(self.fields) == 1 else (len(self.fields),)

    def take(self, snapshot: Snapshot) -> Any:
        """The value of the key, as a line of this snapshot has it."""
        values = tuple([snapshot[Snapshot.INDEX[field.name]] for field in self.fields])
        return values[0] if len(values) == 1 else values


class LineColumns(NamedTuple):
    """What was read of some lines: an array for each group of keys, and a tuple of texts for each key of text."""

    arrays: list[Array]
    texts: list[Sequence[str]]
    length: int


class _Group(NamedTuple):
    """Keys whose values have the same type and shape, which go into one array, and where they stand in a row."""

    keys: list[_Key]
    places: list[int]
    dtype: str


_WRONG: Final = (ValueError, TypeError, RecursionError, msgspec.MsgspecError)
"""What a line can be refused with; the errors of msgspec are ValueErrors since 0.20."""


class LineParser:
    """Reads the wanted raw fields of lines with the keys of the first line of their file.

    Whatever is unusual, as a value of another type or a key that the first line does not have, is read by
    :func:`telemetry.fields.wire.parse_snapshot`, line by line: it says what the values are, and what is wrong.
    """

    def __init__(self, first_line: bytes, wanted: Collection[str]) -> None:
        names = _keys_of(first_line)
        known = [_Key(name, _RAW_KEYS[name]) for name in names if name in _RAW_KEYS]
        needed = [key for key in known if not {field.name for field in key.fields}.isdisjoint(wanted)]
        self._keys = needed or known[:1]  # one at least: a line without any is no sample
        self._groups = _groups_of(self._keys)
        self._texts = [place for place, key in enumerate(self._keys) if key.dtype == "text"]
        self.reads_all = len(self._keys) == len(known)
        """Whether there is nothing else in the lines that could be wanted."""
        self._decode = _make_decoder(names, self._keys, wanted, reads_all=self.reads_all)

    @property
    def fields(self) -> frozenset[str]:
        """The raw fields that are read."""
        return frozenset(field.name for key in self._keys for field in key.fields)

    def parse(self, lines: Sequence[bytes]) -> tuple[LineColumns, ValueError | None]:
        """The columns of some lines, up to the first that is no sample, and what is wrong with that."""
        if self._decode is not None:
            with suppress(*_WRONG):  # what is wrong is told line by line
                _check_utf8(lines)
                decode = self._decode
                return self._gather([msgspec.structs.astuple(decode(line)) for line in lines], np.float64), None
        rows: list[tuple[Any, ...]] = []
        error: ValueError | None = None
        for line in lines:
            try:
                snapshot = parse_snapshot(line)
            except ValueError as invalid:
                error = invalid
                break
            rows.append(tuple([key.take(snapshot) for key in self._keys]))
        return self._gather(rows), error

    def join(self, parts: Sequence[LineColumns]) -> dict[str, AnyColumn]:
        """The columns of the raw fields that were read, of all these lines."""
        columns: dict[str, AnyColumn] = {}
        for number, group in enumerate(self._groups):
            array = np.concatenate([part.arrays[number] for part in parts])
            for index, key in enumerate(group.keys):
                columns.update(_split(key, array[:, index]))
        for number, place in enumerate(self._texts):
            codes: dict[str, int] = {}
            each = [codes.setdefault(text, len(codes)) for part in parts for text in part.texts[number]]
            columns[self._keys[place].fields[0].name] = TextColumn(np.array(each, dtype=np.intp), tuple(codes))
        return columns

    def _gather(self, rows: Sequence[tuple[Any, ...]], integer: type = np.int64) -> LineColumns:
        """The columns of these rows; ValueError for an integer that has a fraction or is too large.

        ``integer`` is the type of integers in the rows.
        """
        arrays = [_array_of(rows, group, integer if group.dtype == "integer" else np.float64) for group in self._groups]
        return LineColumns(arrays, [list(map(operator.itemgetter(place), rows)) for place in self._texts], len(rows))


def _array_of(rows: Sequence[tuple[Any, ...]], group: _Group, dtype: type) -> Array:
    """The values of a group of keys, of shape (rows, keys, ...)."""
    first = group.keys[0]
    shape = (len(rows), len(group.keys), *first.shape)
    depth = len(first.shape) + (len(group.places) > 1)
    array: Array
    try:
        array = np.fromiter(_flat(rows, group.places, depth), dtype, math.prod(shape))
    except TypeError:  # None, which becomes NaN
        array = np.array(list(_flat(rows, group.places, depth)), dtype)
    if group.dtype == "integer":
        limit = _LARGEST_EXACT if first.fields[0].group == "sample" else _LARGEST_INTEGER
        if dtype != np.int64 and not ((array == np.rint(array)) & (array >= -limit - 1) & (array <= limit)).all():
            raise ValueError
        array = array.astype(np.int64 if first.fields[0].group == "sample" else np.int32)
    return array.reshape(shape)


def _flat(rows: Sequence[tuple[Any, ...]], places: Sequence[int], depth: int) -> Iterable[Any]:
    """What stands in these places of the rows, out of so many tuples around it."""
    values: Iterable[Any] = map(operator.itemgetter(*places), rows)
    for _ in range(depth):
        values = chain.from_iterable(values)
    return values


def _split(key: _Key, column: Array) -> dict[str, AnyColumn]:
    """The columns of the fields that a key stands for."""
    if len(key.fields) == 1:
        return {key.fields[0].name: column}
    return {field.name: column[:, at] for at, field in enumerate(key.fields)}


def _check_utf8(lines: Iterable[bytes]) -> None:
    """ValueError for a line that is no text: msgspec looks only at what it decodes."""
    for line in lines:
        if not line.isascii():
            line.decode()


def _keys_of(line: bytes) -> list[str]:
    try:
        values = orjson.loads(line)
    except orjson.JSONDecodeError:
        return []
    return list(values) if isinstance(values, dict) else []


def _groups_of(keys: Sequence[_Key]) -> list[_Group]:
    groups: dict[tuple[Any, ...], _Group] = {}
    for place, key in enumerate(keys):
        if key.dtype != "text":
            about = (key.dtype, key.shape, key.fields[0].group == "sample")
            group = groups.setdefault(about, _Group([], [], key.dtype))
            group.keys.append(key)
            group.places.append(place)
    return list(groups.values())


def _make_decoder(
    names: Sequence[str], keys: Sequence[_Key], wanted: Collection[str], *, reads_all: bool
) -> Callable[[bytes], Any] | None:
    """Decodes a line to a structure of these keys; None where two of them stand for the same field.

    It raises ValueError for a line that lacks one of them, or has another key that stands for a wanted field. Where
    all is read, the values of other keys are checked to be JSON, and keys that the first line does not have are
    refused.
    """
    found = [field.name for key in keys for field in key.fields]
    if not found or len(found) > len(set(found)):
        return None
    types = {key.name: _type_of(key) for key in keys}
    if reads_all:
        types |= {name: msgspec.Raw for name in names if name not in types}
    fields: list[Any] = [(f"field{number}", one) for number, one in enumerate(types.values())]
    rename = {f"field{number}": name for number, name in enumerate(types)}
    others = (
        []
        if reads_all
        else [
            name
            for name, fields_of_name in _RAW_KEYS.items()
            if name not in types and not {field.name for field in fields_of_name}.isdisjoint({*wanted, *found})
        ]
    )
    for number, name in enumerate(others):
        fields.append((f"other{number}", Literal[_NEVER], _NEVER))
        rename[f"other{number}"] = name
    structure = msgspec.defstruct("Line", fields, rename=rename, gc=False, forbid_unknown_fields=reads_all)
    return msgspec.json.Decoder(structure).decode


def _type_of(key: _Key) -> Any:
    """What msgspec is to expect: of an integer a number, which is checked afterwards, as some programs write 3.0."""
    wanted: Any = {"integer": float, "number": float | None, "text": str}[key.dtype]
    for length in reversed(key.shape):
        wanted = tuple.__class_getitem__((wanted,) * length)
    return wanted
