"""Blocks of consecutive samples as named arrays: the stored walk of the data, where :func:`derive` is the live one."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from telemetry.base.typing import override
from telemetry.fields.blocks import Array, Block, RowBlock, TextColumn
from telemetry.fields.derived import METRICS, Sample
from telemetry.fields.held import unknown_fields
from telemetry.fields.metrics.metric import Intermediate, Metric, needs_before
from telemetry.fields.schema import Field
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.thresholds import DEFAULTS, Thresholds

_METRICS: Final = {metric.name: metric for metric in METRICS}
_FIELDS: Final = {field.name: field for field in Sample.FIELDS}
_CARRIED: Final = tuple(metric.name for metric in METRICS if needs_before(metric))
"""The derived fields that the next sample looks back at are among these."""


class DerivedBlock:
    """A block of moments and what is derived from them, each column calculated when it is asked for.

    This is what the column form of a metric gets as ``now``.
    """

    def __init__(
        self, block: Block, before: Sample | None, thresholds: Thresholds, known: Mapping[str, Any] | None = None
    ) -> None:
        """``before`` is the sample before the block; ``known`` has columns that were calculated otherwise."""
        self.block = block
        self._arguments = {"before": before, "thresholds": thresholds}  # without itself, so that it is freed at once
        self._calculated: dict[str, Any] = dict(known or {})

    def __len__(self) -> int:
        return len(self.block)

    def input(self, name: str) -> Any:
        """A raw field as the scalar metrics have it.

        Numbers are the doubles with the shortest decimals, integers are int64 so that nothing overflows, and a text is
        a :class:`~telemetry.fields.blocks.TextColumn`.
        """
        field = _FIELDS[name]
        if field.dtype == "text":
            return self.block.texts(name)
        return self.block.decimals(name) if field.dtype == "number" else self.block.array(name).astype(np.int64)

    def derived(self, name: str) -> Any:
        """A derived field: an array, or a :class:`~telemetry.fields.blocks.TextColumn`."""
        return self._calculate(_METRICS[name])

    def snapshot(self, index: int) -> Snapshot:
        """The raw fields of one moment."""
        return self.block.snapshot(index)

    def sample(self, index: int, fields: Iterable[str] = _METRICS) -> Sample:
        """One moment as :func:`derive` gives it, but for derived fields that are not among these: they are None."""
        derived = {name: _scalar(_FIELDS[name], self.derived(name), index) for name in fields}
        return self.sample_with(index, derived)

    def sample_with(self, index: int, derived: Mapping[str, Any]) -> Sample:
        """One moment with these derived fields and None in all others, for scalar forms that look back."""
        return Sample.of((*self.snapshot(index), *map(derived.get, _METRICS)))

    def _calculate(self, step: Metric | Intermediate) -> Any:
        if step.name not in self._calculated:
            inputs = [self._input(needed) for needed in step.inputs]
            with np.errstate(all="ignore"):  # pages can hold NaN and infinities
                self._calculated[step.name] = step.columns(*inputs)
        return self._calculated[step.name]

    def _input(self, needed: str | Metric | Intermediate) -> Any:
        if not isinstance(needed, str):
            return self._calculate(needed)
        if needed == "now":
            return self
        return self._arguments[needed] if needed in self._arguments else self.input(needed)


class _GivenSamples(DerivedBlock):
    """Samples that there are already."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        super().__init__(RowBlock(samples), None, DEFAULTS)
        self._samples = samples

    @override
    def derived(self, name: str) -> Any:
        if name not in self._calculated:
            field, place = _FIELDS[name], Sample.INDEX[name]
            self._calculated[name] = _column(field, [sample[place] for sample in self._samples])
        return self._calculated[name]

    @override
    def sample(self, index: int, fields: Iterable[str] = _METRICS) -> Sample:
        return self._samples[index]


class Columns:
    """``n`` consecutive samples: ``columns["speed_kmh"]`` is an array of shape (n,), ``columns["tyre_wear"]`` (n, 4).

    A field is read or calculated when it is asked for, and then kept. Every value is that of :func:`derive` on the same
    moments, one after the other.

    Raw numbers are float32 and raw integers int32, as the game writes them; times and derived numbers are float64;
    texts are object arrays. What is absent is NaN in a number and masked (:class:`numpy.ma.MaskedArray`) in everything
    else, never 0: a derived field that can be null, and any field that a recording does not hold.
    """

    def __init__(
        self,
        block: DerivedBlock,
        missing: frozenset[str] = frozenset(),
        rows: Array | None = None,
        replaced: Mapping[str, Array] | None = None,
        names: frozenset[str] | None = None,
    ) -> None:
        """``missing`` names the raw fields that the recording lacks; ``rows`` chooses samples of the block.

        ``replaced`` holds columns of these samples that stand in the place of those of the block. ``names`` are those
        of the fields that there are; None for all.
        """
        self._block = block
        self._missing = missing
        self._unknown = unknown_fields(missing) if missing else frozenset[str]()
        self._rows = rows
        self._replaced = replaced or {}
        self._names = names

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> "Columns":
        """The columns of samples that there are one by one."""
        return cls(_GivenSamples(samples))

    def __len__(self) -> int:
        return len(self._block) if self._rows is None else len(self._rows)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The declarations of the fields that there are, with unit and meaning, in the order of a sample."""
        return tuple(field for field in Sample.FIELDS if self._names is None or field.name in self._names)

    @property
    def holds_float32(self) -> bool:
        """Whether raw numbers are all that there is, and :meth:`decimals` are only their shortest decimals."""
        return self._block.block.holds_float32

    def __getitem__(self, name: str) -> Array:
        """The column of this field; KeyError for a name that is not a field, or not one of :attr:`fields`."""
        field = self._field(name)
        if name in self._unknown:
            return _absent(field, len(self))
        if field.dtype == "text":
            return self.texts(name).values()
        if name in self._replaced:
            return self._replaced[name]
        column: Array = self._block.derived(name) if name in _METRICS else self._block.block.array(name)
        return column if self._rows is None else column[self._rows]

    def texts(self, name: str) -> TextColumn:
        """A text with each different value once; KeyError for a field that is no text."""
        if self._field(name).dtype != "text":
            raise KeyError(name)
        column: TextColumn = self._block.derived(name) if name in _METRICS else self._block.block.texts(name)
        return column if self._rows is None else column._replace(codes=column.codes[self._rows])

    def decimals(self, name: str) -> Array:
        """A number as a :class:`Sample` has it: the doubles with the shortest decimals of its float32 values."""
        column: Array = self._block.derived(name) if name in _METRICS else self._block.block.decimals(name)
        return column if self._rows is None else column[self._rows]

    def select(self, rows: Array) -> "Columns":
        """Some of the samples, by their numbers or by a mask; they stay derived as among all samples."""
        rows = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        replaced = {name: column[rows] for name, column in self._replaced.items()}
        rows = rows if self._rows is None else self._rows[rows]
        return Columns(self._block, self._missing, rows, replaced, self._names)

    def replace(self, **columns: Array) -> "Columns":
        """The same samples with other columns of integers or booleans; what is derived from them stays as it is."""
        return Columns(self._block, self._missing, self._rows, {**self._replaced, **columns}, self._names)

    def limit(self, names: frozenset[str], missing: frozenset[str] = frozenset()) -> "Columns":
        """The same samples with no other fields than these, of a recording that lacks these raw fields."""
        return Columns(self._block, self._missing | missing, self._rows, self._replaced, names)

    def snapshot(self, index: int) -> Snapshot:
        """The raw fields of one sample; what the recording does not hold reads as in the pages."""
        snapshot = self._block.snapshot(self._row(index))
        return snapshot.replace(**self._replaced_values(index, Snapshot.INDEX)) if self._replaced else snapshot

    def sample(self, index: int, fields: Iterable[str] = _METRICS) -> Sample:
        """One sample; what the recording does not hold reads as in the pages, and derived fields not named are None.

        The first one asked for calculates the columns of these fields for the whole block.
        """
        sample = self._block.sample(self._row(index), fields)
        return sample.replace(**self._replaced_values(index, Sample.INDEX)) if self._replaced else sample

    def _field(self, name: str) -> Field:
        if self._names is not None and name not in self._names:
            raise KeyError(name)
        return _FIELDS[name]

    def _replaced_values(self, index: int, names: Mapping[str, int]) -> dict[str, Any]:
        columns = self._replaced.items()
        return {name: _scalar(_FIELDS[name], column, index) for name, column in columns if name in names}

    def _row(self, index: int) -> int:
        return index if self._rows is None else int(self._rows[index])


def derive_columns(
    blocks: Iterable[Block],
    fields: Collection[str],
    thresholds: Thresholds = DEFAULTS,
    missing: frozenset[str] = frozenset(),
) -> Iterator[Columns]:
    """The columns of consecutive blocks; ``fields`` names those that will be asked for.

    What a derived field has to know of the samples before is carried from block to block, if any of these needs it.
    """
    is_carried = look_back(fields)
    before: Sample | None = None
    for block in blocks:
        derived = DerivedBlock(block, before, thresholds)
        yield Columns(derived, missing)
        if is_carried and len(block):
            before = derived.sample(len(block) - 1, _CARRIED)


def look_back(fields: Iterable[str]) -> bool:
    """Whether any of these fields cannot be told without the samples before."""
    return any(name in _METRICS and needs_before(_METRICS[name]) for name in fields)


def _absent(field: Field, length: int) -> Array:
    shape = (length, *field.shape)
    if field.dtype == "number":
        return np.full(shape, np.nan, dtype=np.float64)
    dtype = {"integer": np.int64, "bool": np.bool_, "text": object}[field.dtype]
    return np.ma.MaskedArray(np.zeros(shape, dtype), mask=True)


def _column(field: Field, values: Sequence[Any]) -> Array | TextColumn:
    """Values as samples hold them as a column."""
    if field.dtype == "text":
        return TextColumn.of(values)
    if field.dtype == "number":
        return np.array(values, dtype=np.float64).reshape(len(values), *field.shape)  # None becomes NaN
    dtype = {"integer": np.int64, "bool": np.bool_}[field.dtype]
    if not field.nullable:
        return np.array(values, dtype=dtype).reshape(len(values), *field.shape)
    known = [0 if value is None else value for value in values]
    return np.ma.MaskedArray(np.array(known, dtype=dtype), mask=[value is None for value in values])


def _scalar(field: Field, column: Array | TextColumn, index: int) -> Any:
    """One value of a column as a sample holds it."""
    if isinstance(column, TextColumn):
        return column.texts[column.codes[index]]
    value = column[index]
    if field.shape:
        return tuple([_null_for_nan(field, element) for element in value.tolist()])
    return None if value is np.ma.masked else _null_for_nan(field, value.item())


def _null_for_nan(field: Field, value: Any) -> Any:
    return None if field.nullable and value != value else value  # noqa: PLR0124 - only NaN differs from itself
