"""Columns of samples as arrays of Arrow, without copying numbers that lie in a row."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from telemetry.fields.blocks import Array, TextColumn
from telemetry.fields.columns import Columns
from telemetry.fields.schema import Field
from telemetry.fields.selection import Column

if TYPE_CHECKING:
    import pyarrow as pa


class ArrowColumns:
    """Converts chosen columns of samples to record batches.

    Numbers are float32 as in the game, derived ones too; times are float64. NaN, infinite and absent values become
    null. Arrays are lists of a fixed size. The metadata of each column hold its unit, meaning and group.
    """

    def __init__(self, pyarrow: Any, columns: Sequence[Column]) -> None:
        self._pa = pyarrow
        self._columns = columns
        self.schema: pa.Schema = pyarrow.schema([self._make_field(column) for column in columns])
        """The schema of the batches."""

    def convert(self, samples: Columns) -> "pa.RecordBatch":
        """The record batch of these samples; pyarrow's ArrowException for an integer that does not fit."""
        arrays = [self._make_array(column, samples) for column in self._columns]
        return self._pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _make_field(self, column: Column) -> "pa.Field":
        first = column.fields[0]
        arrow_type = self._pa.type_for_alias(_type_name(first))
        for length in reversed(shape_of(column)):
            arrow_type = self._pa.list_(arrow_type, length)
        meaning = "; ".join(field.meaning for field in column.fields)
        metadata = {"unit": first.unit, "meaning": meaning, "group": first.group}
        if first.sdk_name:
            metadata["sdk_name"] = first.sdk_name
        return self._pa.field(column.key, arrow_type, metadata=metadata)

    def _make_array(self, column: Column, samples: Columns) -> "pa.Array":
        first = column.fields[0]
        if first.dtype == "text":
            return self._make_texts(samples.texts(first.name))
        parts = [samples[field.name] for field in column.fields]
        array = self._make_values(first, parts[0] if len(parts) == 1 else np.stack(parts, axis=1))
        for length in reversed(shape_of(column)):
            array = self._pa.FixedSizeListArray.from_arrays(array, length)
        return array

    def _make_values(self, field: Field, values: Array) -> "pa.Array":
        """All elements, one after the other."""
        arrow_type = self._pa.type_for_alias(_type_name(field))
        flat = np.ma.getdata(values).ravel()
        if field.dtype == "number":
            with np.errstate(over="ignore"):
                flat = flat.astype(arrow_type.to_pandas_dtype(), copy=False)
            return self._from_buffer(arrow_type, flat, np.isfinite(flat))
        is_known = ~np.ma.getmaskarray(values).ravel() if np.ma.isMaskedArray(values) else None
        if field.dtype == "bool":
            return self._from_buffer(arrow_type, np.packbits(flat, bitorder="little"), is_known, len(flat))
        # An array of the width that it has, so that Arrow finds what does not fit.
        return self._from_buffer(self._pa.type_for_alias(flat.dtype.name), flat, is_known).cast(arrow_type)

    def _make_texts(self, column: TextColumn) -> "pa.Array":
        encoded = [text.encode() for text in column.texts]
        ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
        buffers = [None, self._pa.py_buffer(ends), self._pa.py_buffer(b"".join(encoded))]
        texts = self._pa.Array.from_buffers(self._pa.string(), len(encoded), buffers)
        return texts.take(self._from_buffer(self._pa.int64(), column.codes.astype(np.int64, copy=False)))

    def _from_buffer(
        self, arrow_type: "pa.DataType", values: Array, is_known: Array | None = None, length: int | None = None
    ) -> "pa.Array":
        # Not by `pyarrow.array`, which imports pandas where that is installed: more than a second.
        bits = None if is_known is None or is_known.all() else np.packbits(is_known, bitorder="little")
        buffers = [None if bits is None else self._pa.py_buffer(bits), self._pa.py_buffer(values)]
        return self._pa.Array.from_buffers(arrow_type, len(values) if length is None else length, buffers)


def shape_of(column: Column) -> tuple[int, ...]:
    """The lengths of the lists around each value."""
    return column.fields[0].shape if len(column.fields) == 1 else (len(column.fields),)


def _type_name(field: Field) -> str:
    if field.group == "sample":
        return "double" if field.dtype == "number" else "int64"
    return {"integer": "int32", "number": "float", "text": "string", "bool": "bool"}[field.dtype]
