"""``fields``: all fields as a table, as JSON, as a JSON Schema, and as the types that other programs take."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from telemetry.base.errors import UsageError
from telemetry.cli._shared.messages import print_json
from telemetry.cli._shared.tables import table_console
from telemetry.fields.column_types import PROGRAMS, ColumnType, line_types
from telemetry.fields.selection import ALIASES, ALL_COLUMNS, Column, json_schema, select
from telemetry.formats.csv.sink import header_of

_COLUMNS_FOR_ALL: Final = 140
"""Columns of a terminal that is wide enough for pages, offsets, types and SDK names."""


def fields(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATTERN]...",
            help="Names, SDK names, globs like 'tyre_*', and groups: sample, physics, graphics, static, derived.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
    as_schema: Annotated[
        bool, typer.Option("--json-schema", help="Print the JSON Schema of lines with these fields.")
    ] = False,
    for_duckdb: Annotated[
        bool, typer.Option("--duckdb", help="Print the types of these fields in JSON lines for DuckDB.")
    ] = False,
    for_polars: Annotated[bool, typer.Option("--polars", help="The same for Polars, as a Python module.")] = False,
    for_arrow: Annotated[
        bool, typer.Option("--arrow", help="The same for pyarrow, pandas and datasets, as a Python module.")
    ] = False,
    for_motec: Annotated[
        bool,
        typer.Option("--motec", help="Show the channels of MoTeC logs that are these fields, by their names there."),
    ] = False,
    csv: Annotated[
        bool, typer.Option("--csv", help="With one of these three: the types of the columns in CSV.")
    ] = False,
) -> None:
    """Show every field: its name, its unit and its meaning."""
    outputs = {
        "json": as_json,
        "json-schema": as_schema,
        "duckdb": for_duckdb,
        "polars": for_polars,
        "arrow": for_arrow,
        "motec": for_motec,
    }
    chosen = [name for name, is_chosen in outputs.items() if is_chosen]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(f'--{name}' for name in chosen)} contradict each other.")
    if csv and not PROGRAMS.keys() & chosen:
        raise UsageError(f"--csv goes with one of {', '.join(f'--{name}' for name in PROGRAMS)}.")
    columns = select(pattern for text in patterns for pattern in text.split(",")) if patterns else ALL_COLUMNS
    if as_schema:
        print_json(json_schema(columns))
    elif as_json:
        print_json([column_dict(column) for column in columns])
    elif for_motec:
        _print_channels(columns)
    elif chosen:
        print(PROGRAMS[chosen[0]](cell_types(columns) if csv else line_types(columns)))
    else:
        _print_table(columns)


def cell_types(columns: Sequence[Column]) -> list[ColumnType]:
    """The types of these columns in CSV, which has one for each element of an array."""
    return [ColumnType(name, column.fields[0].dtype, 0) for column in columns for name in header_of(column)]


def column_dict(column: Column) -> dict[str, Any]:
    """All that is known of a column, as JSON knows it."""
    field = column.fields[0]
    return {
        "name": column.key,
        "group": field.group,
        "page": field.page,
        "offset": field.offset,
        "layout": field.c_layout,
        "sdk_name": field.sdk_name,
        "aliases": [alias for alias, name in ALIASES.items() if name == field.name],
        "type": field.dtype,
        "shape": field.shape if len(column.fields) == 1 else (len(column.fields),),
        "nullable": field.nullable or field.dtype == "number",
        "unit": field.unit,
        "meaning": "; ".join(field.meaning for field in column.fields),
        "documented": field.in_sdk,
    }


def _print_table(columns: tuple[Column, ...]) -> None:
    console = table_console()
    wide = console.width >= _COLUMNS_FOR_ALL
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("name", style="bold", no_wrap=True)
    if wide:
        table.add_column("page", style="cyan", no_wrap=True)
        table.add_column("offset", justify="right")
        table.add_column("type", no_wrap=True)
        table.add_column("SDK name", style="dim", no_wrap=True)
    table.add_column("unit", style="green", no_wrap=True)
    table.add_column("meaning", min_width=24)
    group = columns[0].fields[0].group
    for column in columns:
        field = column.fields[0]
        if field.group != group:
            table.add_section()
            group = field.group
        offset = "" if field.offset is None else str(field.offset)
        sdk_name = field.sdk_name or ""
        if field.component is not None and len(column.fields) == 1:
            sdk_name += f"[{field.component}]"
        meaning = "; ".join(field.meaning for field in column.fields)
        if not field.in_sdk:
            meaning += " (not in the SDK)"
        origin = (field.group, offset, field.type_text, sdk_name) if wide else ()
        table.add_row(column.key, *map(escape, origin), escape(field.unit), escape(meaning))
    console.print(table)
    if not wide:
        console.print(
            f"[dim]A terminal of {_COLUMNS_FOR_ALL} columns shows pages, offsets and types too, and so does --json.[/]"
        )


def _print_channels(columns: tuple[Column, ...]) -> None:
    """The table of channels in MoTeC logs, both those that are written and those that are only read."""
    from telemetry.formats.motec.channels import describe_channels

    console = table_console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("channel", "unit", "field", "channel =", "names", "known by"):
        table.add_column(name, no_wrap=name != "known by", style="bold" if name == "channel" else "")
    for row in describe_channels([field.name for column in columns for field in column.fields]):
        table.add_row(*map(escape, row))
    console.print(table)
