"""What goes over a wire and into a line: a sample as JSON, and the snapshot that such a line holds."""

import math
import operator
from collections.abc import Callable, Sequence
from itertools import chain, pairwise
from typing import Any, Final

import orjson

from telemetry.fields.derived import Sample
from telemetry.fields.schema import Field
from telemetry.fields.selection import ALL_COLUMNS, Column, every_key
from telemetry.fields.snapshot import Snapshot


class LineEncoder:
    """A sample to one JSON line with its newline; floats in their shortest decimals, NaN and infinities as null.

    The parts of a full line that seldom change, those of the graphics and static pages, are encoded when they do.
    """

    def __init__(self, columns: Sequence[Column] = ALL_COLUMNS) -> None:
        self._picks = {column.key: column.pick for column in columns}
        self._full = tuple(columns) == ALL_COLUMNS
        groups = [field.group for field in Sample.FIELDS]
        edges = [0, *(groups.index(group) for group in ("graphics", "static", "derived")), len(groups)]
        self._parts = [_Part(slice(begin, end)) for begin, end in pairwise(edges)]

    def encode(self, sample: Sample) -> bytes:
        """The line of this sample."""
        if not self._full:
            return orjson.dumps({key: pick(sample) for key, pick in self._picks.items()}, option=_NEWLINE)
        physics, graphics, static, derived = self._parts
        return b"{%b,%b,%b,%b}\n" % (
            physics.encode(sample),
            graphics.encode_if_new(sample),
            static.encode_if_new(sample),
            derived.encode(sample),
        )


class _Part:
    """A run of neighbouring fields as JSON, without the braces."""

    def __init__(self, places: slice) -> None:
        self._places = places
        self._names = Sample.NAMES[places]
        self._object: dict[str, Any] = {}  # filled anew each time, which is quicker than making one
        self._remembered: tuple[tuple[Any, ...], bytes] = ((), b"")

    def encode(self, sample: Sample) -> bytes:
        self._object.update(zip(self._names, sample[self._places], strict=True))
        return orjson.dumps(self._object)[1:-1]

    def encode_if_new(self, sample: Sample) -> bytes:
        values = sample[self._places]
        remembered, text = self._remembered
        if values != remembered:
            text = self.encode(sample)
            self._remembered = (values, text)
        return text


_NEWLINE: Final = orjson.OPT_APPEND_NEWLINE


def snapshot_of(line: bytes | str) -> Snapshot:
    """The snapshot of a line; ValueError says what is wrong with it."""
    try:
        values = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError("this is not JSON") from error
    if not isinstance(values, dict) or not (values.keys() & _READERS.keys()):
        raise ValueError("this is not a sample of telemetry")
    if (full := _full_row(values)) is not None:
        return Snapshot.of(full)
    row: list[Any] = list(_BLANK)
    for key, value in values.items():
        if reader := _READERS.get(key):
            reader(row, value)
    return Snapshot.of(row)


def _full_row(values: dict[str, Any]) -> list[Any] | None:
    """The row of a line that has every field in its order, and numbers wherever they are due; None for other lines.

    That is most of them, at a tenth of the work.
    """
    if tuple(values)[: len(_BLANK)] != Snapshot.NAMES:
        return None
    row = list(values.values())[: len(_BLANK)]
    if list(map(type, row)) != _TYPES:
        return None
    arrays, matrices = _ARRAYS(row), _MATRICES(row)
    rows_of_matrices = list(chain.from_iterable(matrices))
    if (*map(len, arrays), *map(len, matrices)) != _LENGTHS or set(map(type, rows_of_matrices)) != {list}:
        return None
    if set(map(len, rows_of_matrices)) != {_COMPONENTS}:
        return None
    if set(map(type, chain(chain.from_iterable(arrays), chain.from_iterable(rows_of_matrices)))) != {float}:
        return None
    for place in _ARRAY_PLACES:
        row[place] = tuple(row[place])
    for place in _MATRIX_PLACES:
        row[place] = tuple(map(tuple, row[place]))
    return row


def _reader_of(key: str, fields: tuple[Field, ...]) -> Callable[[list[Any], Any], None]:
    """Puts the value of a key into the places of its fields; ValueError for a value of the wrong type."""
    places = [Snapshot.NAMES.index(field.name) for field in fields]
    convert = _CONVERTERS[fields[0].dtype]
    shape = fields[0].shape if len(fields) == 1 else (len(fields),)

    def array(value: Any, lengths: tuple[int, ...]) -> Any:
        if not lengths:
            return convert(value)
        if not isinstance(value, list) or len(value) != lengths[0]:
            raise ValueError
        return tuple([array(element, lengths[1:]) for element in value])

    def read(row: list[Any], value: Any) -> None:
        try:
            values = array(value, shape)
        except ValueError:
            raise ValueError(f"the value of {key} is not what it should be") from None
        if len(places) == 1:
            row[places[0]] = values
        else:
            for place, element in zip(places, values, strict=True):
                row[place] = element

    return read


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise ValueError
    return value


def _float(value: Any) -> float:
    if value is None:
        return math.nan
    if type(value) is not float and type(value) is not int:
        raise ValueError
    return float(value)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError
    return value


def _blank(field: Field) -> Any:
    value: Any = {"integer": 0, "number": math.nan, "text": ""}[field.dtype]
    for length in reversed(field.shape):
        value = (value,) * length
    return value


_CONVERTERS: Final[dict[str, Callable[[Any], Any]]] = {"integer": _integer, "number": _float, "text": _text}
_BLANK: Final = Snapshot.of(_blank(field) for field in Snapshot.FIELDS)
_READERS: Final = {key: _reader_of(key, fields) for key, fields in every_key().items() if fields[0].group != "derived"}
_TYPES: Final = [
    list if field.shape else {"integer": int, "number": float, "text": str}[field.dtype] for field in Snapshot.FIELDS
]
_ARRAY_PLACES: Final = [place for place, field in enumerate(Snapshot.FIELDS) if len(field.shape) == 1]
_MATRIX_PLACES: Final = [place for place, field in enumerate(Snapshot.FIELDS) if len(field.shape) == 2]
_ARRAYS: Final = operator.itemgetter(*_ARRAY_PLACES)
_MATRICES: Final = operator.itemgetter(*_MATRIX_PLACES)
_LENGTHS: Final = tuple(Snapshot.FIELDS[place].shape[0] for place in [*_ARRAY_PLACES, *_MATRIX_PLACES])
_COMPONENTS: Final = 3
"""Numbers in each row of a matrix: all are vectors per wheel."""
