"""Consecutive samples by field, as the vector forms of observations, actions and rewards read them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from telemetry.fields.blocks import Array, TextColumn
from telemetry.fields.columns import Columns
from telemetry.fields.derived import Sample

_FIELDS: Final = {field.name: field for field in Sample.FIELDS}


class SampleColumns:
    """``n`` consecutive samples: ``samples("speed_kmh")`` is an array of shape (n,), ``samples("wheel_load")`` (n, 4).

    A slice of them is again such samples. Only the fields that were asked for when they were read are held; KeyError
    for others.
    """

    def __init__(
        self, columns: Mapping[str, Array | TextColumn], parts: Sequence[Columns] = (), begin: int = 0
    ) -> None:
        """``parts`` hold all fields of these samples, where they are kept, from ``begin`` on."""
        self._columns = columns
        self._parts = parts
        self._begin = begin

    @classmethod
    def join(cls, parts: Sequence["SampleColumns"]) -> "SampleColumns":
        """Samples one after the other; at least one part."""
        first = parts[0]
        if len(parts) == 1:
            return first
        columns = {name: _join([part.column(name) for part in parts]) for name in first.fields}
        return cls(columns, [kept for part in parts for kept in part.all_fields()])

    @classmethod
    def of(cls, columns: Columns, fields: Collection[str], *, keep_all: bool = False) -> "SampleColumns":
        """These fields of samples; with ``keep_all`` every field can be had from :meth:`all_fields`."""
        return cls({name: _take(columns, name) for name in fields}, (columns,) if keep_all else ())

    @classmethod
    def of_sample(cls, sample: Sample, fields: Collection[str]) -> "SampleColumns":
        """These fields of one sample."""
        return cls({name: _column_of(name, sample[Sample.INDEX[name]]) for name in fields})

    def add(self, columns: Mapping[str, Array]) -> "SampleColumns":
        """The same samples with more columns of numbers, of names that no field has."""
        return SampleColumns({**self._columns, **columns}, self._parts, self._begin)

    def __len__(self) -> int:
        column = next(iter(self._columns.values()))
        return len(column.codes if isinstance(column, TextColumn) else column)

    def __getitem__(self, rows: slice) -> "SampleColumns":
        """Some of the samples; the step of the slice must be 1."""
        begin, end, _ = rows.indices(len(self))
        columns = {
            name: column._replace(codes=column.codes[begin:end])
            if isinstance(column, TextColumn)
            else column[begin:end]
            for name, column in self._columns.items()
        }
        return SampleColumns(columns, self._parts, self._begin + begin)

    def select(self, rows: Array) -> "SampleColumns":
        """Some of the samples, by their numbers."""
        columns = {
            name: column._replace(codes=column.codes[rows]) if isinstance(column, TextColumn) else column[rows]
            for name, column in self._columns.items()
        }
        return SampleColumns(columns)

    def __call__(self, *names: str) -> Array:
        """Numbers of these fields as float64, NaN for None: of several fields they are the second axis."""
        if len(names) > 1:
            return np.stack([self(name) for name in names], axis=1)
        column: Array = self._array(names[0]).astype(np.float64)
        return column

    def integers(self, name: str) -> Array:
        """A field of integers or flags as int64."""
        column: Array = self._array(name).astype(np.int64)
        return column

    def flags(self, name: str) -> Array:
        """Where a field is not 0."""
        flags: Array = self._array(name) != 0
        return flags

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are held."""
        return tuple(self._columns)

    def column(self, name: str) -> Array | TextColumn:
        """A field as it is held: doubles, integers, flags or texts."""
        return self._columns[name]

    def texts(self, name: str) -> TextColumn:
        """A text."""
        column = self._columns[name]
        assert isinstance(column, TextColumn), name
        return column

    def value(self, name: str, index: int) -> Any:
        """The value of one sample, as a :class:`Sample` has it but for lists in place of tuples and NaN for None."""
        column = self._columns[name]
        if isinstance(column, TextColumn):
            return column.texts[column.codes[index]]
        return column[index].tolist()

    def all_fields(self) -> Iterator[Columns]:
        """The same samples with all their fields, block by block, if these were kept."""
        begin, end = self._begin, self._begin + len(self)
        at = 0
        for part in self._parts:
            first, last = max(begin - at, 0), min(end - at, len(part))
            at += len(part)
            if first == 0 and last == len(part):
                yield part
            elif first < last:
                yield part.select(np.arange(first, last))

    def _array(self, name: str) -> Array:
        column = self._columns[name]
        assert not isinstance(column, TextColumn), name
        return column


def _take(columns: Columns, name: str) -> Array | TextColumn:
    dtype = _FIELDS[name].dtype
    if dtype == "text":
        return columns.texts(name)
    return columns.decimals(name) if dtype == "number" else columns[name]


def _column_of(name: str, value: Any) -> Array | TextColumn:
    dtype = _FIELDS[name].dtype
    if dtype == "text":
        return TextColumn(np.zeros(1, dtype=np.intp), (value,))
    return np.array([value], dtype=np.float64 if dtype == "number" else np.int64)  # None becomes NaN


def _join(columns: Iterable[Any]) -> Array | TextColumn:
    columns = list(columns)
    if isinstance(columns[0], TextColumn):
        return TextColumn.join(columns)
    if any(isinstance(column, np.ma.MaskedArray) for column in columns):
        masks = [np.ma.getmaskarray(column) for column in columns]
        return np.ma.MaskedArray(np.concatenate(list(map(np.asarray, columns))), mask=np.concatenate(masks))
    return np.concatenate(columns)
