"""Columns of samples as tables of pyarrow, and these as data frames."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, TypeAlias

from telemetry.base.extras import require
from telemetry.fields.columns import Columns
from telemetry.fields.held import held_columns
from telemetry.fields.selection import Column
from telemetry.formats.csv.sink import header_of
from telemetry.formats.parquet.arrow import ArrowColumns, shape_of

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    ArrowTable: TypeAlias = pa.Table


def to_table(blocks: Iterable[Columns], columns: Sequence[Column], missing: AbstractSet[str]) -> "ArrowTable":
    """The table of these samples; a column is null that needs the missing raw fields."""
    pyarrow = require("pyarrow", extra="parquet", purpose="A table of Arrow")
    held = held_columns(columns, missing)
    schema = ArrowColumns(pyarrow, columns).schema
    converter = ArrowColumns(pyarrow, held)
    batches = [_with_nulls(pyarrow, schema, converter.convert(block), len(block)) for block in blocks]
    return pyarrow.Table.from_batches(batches, schema=schema)


def _with_nulls(pyarrow: Any, schema: Any, batch: Any, length: int) -> Any:
    """The batch with all columns of the schema, of which some may not be in it."""
    if batch.schema.equals(schema):
        return batch
    known = dict(zip(batch.schema.names, batch.columns, strict=True))
    arrays = [known[field.name] if field.name in known else pyarrow.nulls(length, field.type) for field in schema]
    return pyarrow.RecordBatch.from_arrays(arrays, schema=schema)


def to_pandas(table: "ArrowTable", columns: Sequence[Column]) -> "pd.DataFrame":
    """The data frame of a table of these columns: one for each number of an array, under its name in CSV.

    Null is NaN in a number, and ``pandas.NA`` in an integer or a bool, whose columns have a type of pandas that can
    hold it where they hold one.
    """
    pandas = require("pandas", extra="pandas", purpose="A data frame of pandas")
    pyarrow = require("pyarrow", extra="pandas", purpose="A data frame of pandas")
    nullable = {
        pyarrow.int32(): pandas.Int32Dtype(),
        pyarrow.int64(): pandas.Int64Dtype(),
        pyarrow.bool_(): pandas.BooleanDtype(),
    }
    data: dict[str, Any] = {}
    for column in columns:
        values = table.column(column.key).combine_chunks()
        names = header_of(column)
        if len(names) == 1:
            data[names[0]] = values.to_pandas(types_mapper=nullable.get if values.null_count else None)
            continue
        for _ in shape_of(column):
            values = values.values  # noqa: PD011 - the elements of lists of Arrow, nulls among them
        matrix = values.to_numpy(zero_copy_only=False).reshape(-1, len(names))
        data |= {name: matrix[:, index] for index, name in enumerate(names)}
    return pandas.DataFrame(data, copy=False)


def to_polars(table: "ArrowTable") -> "pl.DataFrame":
    """The data frame of a table."""
    polars = require("polars", extra="polars", purpose="A data frame of polars")
    frame: pl.DataFrame = polars.from_arrow(table)
    return frame
