"""A block of columns as a file of samples holds them."""

import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

import numpy as np

from telemetry.base.typing import override
from telemetry.fields.blocks import Array, Block, TextColumn, shortest_decimals
from telemetry.fields.schema import Field
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.wire import BLANK

AnyColumn = Array | TextColumn
Load = Callable[[Collection[str]], Mapping[str, AnyColumn]]
"""Reads these raw fields of a block, and perhaps others; those that the file does not hold are left out."""

_FIELDS: Final = {field.name: field for field in Snapshot.FIELDS}
_NUMBERS: Final = [field for field in Snapshot.FIELDS if field.dtype == "number"]
_INTEGERS: Final = [field for field in Snapshot.FIELDS if field.dtype == "integer"]
_TEXTS: Final = [field for field in Snapshot.FIELDS if field.dtype == "text"]


class ColumnBlock(Block):
    """Raw fields that were read column by column; one that is not there yet is loaded when it is asked for.

    Integers are int32, or int64 of the sample itself. Numbers are float32, or the doubles that a file of text holds.
    A field that the file does not hold reads as in :data:`telemetry.fields.wire.BLANK`.
    """

    def __init__(
        self,
        length: int,
        columns: Mapping[str, AnyColumn],
        load: Load = lambda _names: {},
        row: Callable[[int], Snapshot] | None = None,
    ) -> None:
        """``row`` reads one moment, where that is quicker than loading all columns for it."""
        self._length = length
        self._columns = dict(columns)
        self._load = load
        self._row = row

    @override
    def __len__(self) -> int:
        return self._length

    @override
    def array(self, name: str) -> Array:
        column = self._numbers(name)
        if column.dtype != np.float64 or _FIELDS[name].group == "sample":
            return column
        with np.errstate(over="ignore", invalid="ignore"):
            return column.astype(np.float32)

    @override
    def decimals(self, name: str) -> Array:
        column = self._numbers(name)
        return shortest_decimals(column) if column.dtype == np.float32 else column.astype(np.float64, copy=False)

    @override
    def texts(self, name: str) -> TextColumn:
        column = self._column(name)
        assert isinstance(column, TextColumn)
        return column

    @override
    def snapshot(self, index: int) -> Snapshot:
        if self._row is None:
            return next(self.select(slice(index, index + 1)).snapshots())
        known = {name: _value(column, index) for name, column in self._columns.items()}
        return self._row(index).replace(**known)

    def snapshots(self) -> Iterator[Snapshot]:
        """All moments, one after the other."""
        if not self._length:
            return
        self.load(Snapshot.NAMES)
        numbers = self._all_numbers().tolist()
        integers = np.stack([self._numbers(field.name) for field in _INTEGERS], axis=1).tolist()
        texts = zip(*(self.texts(field.name).values().tolist() for field in _TEXTS), strict=True)
        for parts in zip(numbers, integers, texts, strict=True):
            yield Snapshot.of(_take_fields(parts))

    def load(self, names: Collection[str]) -> None:
        """Have these fields loaded now, all at once."""
        wanted = [name for name in names if name not in self._columns]
        if not wanted:
            return
        self._columns = {**self._load(wanted), **self._columns}
        for name in wanted:
            self._columns.setdefault(name, _blank_column(_FIELDS[name], self._length))

    def select(self, rows: slice | Array) -> "ColumnBlock":
        """Some of the moments; what is not loaded yet stays so."""

        def load(names: Collection[str]) -> Mapping[str, AnyColumn]:
            self.load(names)
            return {name: _rows_of(self._columns[name], rows) for name in names}

        numbers, whole_row = np.arange(self._length)[rows], self._row
        row = None if whole_row is None else lambda index: whole_row(int(numbers[index]))
        columns = {name: _rows_of(column, rows) for name, column in self._columns.items()}
        return ColumnBlock(len(numbers), columns, load, row)

    def replace(self, columns: Mapping[str, AnyColumn]) -> "ColumnBlock":
        """The same moments with these columns."""
        return ColumnBlock(self._length, {**self._columns, **columns}, self._load, self._row)

    def _column(self, name: str) -> AnyColumn:
        self.load((name,))
        return self._columns[name]

    def _numbers(self, name: str) -> Array:
        column = self._column(name)
        assert isinstance(column, np.ndarray)
        return column

    def _all_numbers(self) -> Array:
        """Every number of every moment as a snapshot has it: float64 of shape (n, all elements of all fields)."""
        columns = [self._numbers(field.name).reshape(self._length, -1) for field in _NUMBERS]
        is_short = [column.dtype == np.float32 for column in columns]
        if any(is_short):  # all at once: the calls cost more than the numbers of a few moments
            short = [column for column, one in zip(columns, is_short, strict=True) if one]
            ends = np.cumsum([column.shape[1] for column in short])[:-1]
            decimals = iter(np.split(shortest_decimals(np.concatenate(short, axis=1)), ends, axis=1))
            columns = [next(decimals) if one else column for column, one in zip(columns, is_short, strict=True)]
        return np.concatenate(columns, axis=1)


def _make_taker() -> Callable[[tuple[list[Any], list[Any], tuple[str, ...]]], tuple[Any, ...]]:
    """Takes the fields of a snapshot out of its numbers, its integers and its texts."""
    places: dict[str, int | slice] = {}
    matrices: list[tuple[str, slice]] = []
    end = 0
    for field in _NUMBERS:
        begin, end = end, end + int(np.prod(field.shape))
        if len(field.shape) == 2:
            matrices.append((field.name, slice(begin, end)))
        else:
            places[field.name] = slice(begin, end) if field.shape else begin
    for field in (*_INTEGERS, *_TEXTS):
        places[field.name] = end
        end += 1
    for name, _ in matrices:
        places[name] = end
        end += 1
    vectors = [[slice(begin, begin + 3) for begin in range(place.start, place.stop, 3)] for _, place in matrices]
    take = operator.itemgetter(*(places[name] for name in Snapshot.NAMES))

    def take_fields(parts: tuple[list[Any], list[Any], tuple[str, ...]]) -> tuple[Any, ...]:
        numbers, integers, texts = parts
        row = (*numbers, *integers, *texts)
        fields: tuple[Any, ...] = take((*row, *[tuple([row[place] for place in places]) for places in vectors]))
        return fields

    return take_fields


_take_fields: Final = _make_taker()


def _value(column: AnyColumn, index: int) -> Any:
    """One value as a snapshot holds it."""
    if isinstance(column, TextColumn):
        return column.texts[column.codes[index]]
    value = column[index : index + 1]
    return _as_tuples((shortest_decimals(value) if value.dtype == np.float32 else value).tolist()[0])


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


def _rows_of(column: AnyColumn, rows: slice | Array) -> AnyColumn:
    return column._replace(codes=column.codes[rows]) if isinstance(column, TextColumn) else column[rows]


def _blank_column(field: Field, length: int) -> AnyColumn:
    blank = BLANK[Snapshot.INDEX[field.name]]
    if field.dtype == "text":
        return TextColumn(np.zeros(length, dtype=np.intp), (blank,))
    bits = 8 if field.group == "sample" else 4
    return np.full((length, *field.shape), blank, dtype=f"{'i' if field.dtype == 'integer' else 'f'}{bits}")
