"""The types of columns as other programs take them, so that they need not guess: a recording can begin with nulls."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from telemetry.fields.schema import DataType
from telemetry.fields.selection import Column


class ColumnType(NamedTuple):
    """A column, the type of its numbers or texts, and how many lists are around each: 0 for a single value."""

    name: str
    dtype: DataType
    dimensions: int


def line_types(columns: Sequence[Column]) -> list[ColumnType]:
    """The types of these columns in JSON lines."""
    return [
        ColumnType(
            column.key,
            column.fields[0].dtype,
            len(column.fields[0].shape) if len(column.fields) == 1 else 1,
        )
        for column in columns
    ]


def duckdb_types(columns: Sequence[ColumnType]) -> str:
    """What DuckDB takes as ``columns`` of ``read_json``, and as ``types`` of ``read_csv``, in one line."""
    return "{" + ", ".join(f"'{column.name}': '{_nest(_DUCKDB, '{}[]', column)}'" for column in columns) + "}"


def polars_types(columns: Sequence[ColumnType]) -> str:
    """A Python module whose ``SCHEMA`` is what Polars takes as ``schema``."""
    entries = "".join(f'    "{column.name}": {_nest(_POLARS, "pl.List({})", column)},\n' for column in columns)
    return f"import polars as pl\n\nSCHEMA = {{\n{entries}}}"


def arrow_types(columns: Sequence[ColumnType]) -> str:
    """A Python module whose ``SCHEMA`` is the schema that pyarrow takes, and ``datasets`` turns into its features."""
    entries = "".join(f'        ("{column.name}", {_nest(_ARROW, "pa.list_({})", column)}),\n' for column in columns)
    return f"import pyarrow as pa\n\nSCHEMA = pa.schema(\n    [\n{entries}    ]\n)"


PROGRAMS: Final[Mapping[str, Callable[[Sequence[ColumnType]], str]]] = {
    "duckdb": duckdb_types,
    "polars": polars_types,
    "arrow": arrow_types,
}
"""What each program takes, by its name."""

# 64 bits throughout: then every number is exactly what the text says.
_DUCKDB: Final = {"integer": "BIGINT", "number": "DOUBLE", "text": "VARCHAR", "bool": "BOOLEAN"}
_POLARS: Final = {"integer": "pl.Int64", "number": "pl.Float64", "text": "pl.String", "bool": "pl.Boolean"}
_ARROW: Final = {"integer": "pa.int64()", "number": "pa.float64()", "text": "pa.string()", "bool": "pa.bool_()"}


def _nest(types: Mapping[str, str], list_of: str, column: ColumnType) -> str:
    text = types[column.dtype]
    for _ in range(column.dimensions):
        text = list_of.format(text)
    return text
