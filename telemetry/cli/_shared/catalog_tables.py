"""Tables of a catalog for people and as files."""

import csv
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TextIO

from telemetry.base.errors import UsageError
from telemetry.base.sanitize import sanitize_csv
from telemetry.base.storage.atomic import atomic_write
from telemetry.base.text import DASH, format_count, format_measured_lap_time
from telemetry.cli._shared.messages import print_json, print_message

_MAX_ROWS: Final = 1000
"""Rows that are shown to a person."""


def print_laps(rows: Sequence[dict[str, Any]]) -> None:
    """Laps as a table."""
    from telemetry.catalog.filters import track_name

    names = ("id", "date", "track", "car", "driver", "session", "lap", "time", "valid")
    shown = [
        {
            "id": row["lap_id"],
            "date": _date(row["recorded_at"]),
            "track": track_name(row),
            "car": row["car"],
            "driver": row["driver"],
            "session": row["session"],
            "lap": row["number"],
            "time": format_measured_lap_time(row["time_ms"], row["measured_ms"] if row["complete"] else None) or DASH,
            "valid": "yes" if row["valid"] else "; ".join(row["invalid_because"]),
        }
        for row in rows[:_MAX_ROWS]
    ]
    if rows:
        print_rows(names, shown, total=len(rows))


def print_rows(names: Sequence[str], rows: Sequence[dict[str, Any]], total: int | None = None) -> None:
    """Rows as a table; the first thousand of them."""
    # Not above: rich takes longer to import than the laps of a catalog to find, and JSON needs none of it.
    from rich import box
    from rich.table import Table

    from telemetry.cli._shared.tables import table_console, to_markup

    total = len(rows) if total is None else total
    table = Table(box=box.SIMPLE_HEAD)
    for name in names:
        table.add_column(to_markup(name))
    for row in rows[:_MAX_ROWS]:
        table.add_row(*(to_markup(DASH if row[name] is None else _text(row[name])) for name in names))
    table_console().print(table, highlight=False)
    if total > _MAX_ROWS:
        print_message(f"The first {_MAX_ROWS} of {format_count(total, 'row')}; --out FILE writes all.")


def write_table(table: Any, path: Path, *, overwrite: bool) -> None:
    """Write a table of pyarrow into a file by its suffix; raises :class:`telemetry.SinkError`, and UsageError."""
    if path.suffix not in (".parquet", ".csv", ".json"):
        raise UsageError(f"--out {path}: name a .parquet, .csv or .json file.")
    with atomic_write(path, overwrite=overwrite) as unfinished:
        if path.suffix == ".parquet":
            from telemetry.catalog.tables import write_parquet

            write_parquet(table, unfinished)
        elif path.suffix == ".json":
            with unfinished.open("x", encoding="utf-8", newline="\n") as file:
                print_json(table.to_pylist(), file)
        else:
            with unfinished.open("x", encoding="utf-8", newline="") as file:
                _write_csv(table, file)
    print_message(f"{path}: {format_count(len(table), 'row')}.")


def print_csv(table: Any) -> None:
    """Print a table of pyarrow as CSV."""
    _write_csv(table, sys.stdout)


def print_parquet(table: Any) -> None:
    """Write a table of pyarrow to standard output as Parquet; UsageError where that is a terminal."""
    from telemetry.catalog.tables import write_parquet

    if sys.stdout.isatty():
        raise UsageError("Parquet is no text: say where it goes, like --out laps.parquet or > laps.parquet.")
    sys.stdout.flush()
    write_parquet(table, sys.stdout.buffer)


def _write_csv(table: Any, file: TextIO) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows([_cell(value) for value in row.values()] for row in table.to_pylist())


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return sanitize_csv("; ".join("" if one is None else str(one) for one in value))
    return sanitize_csv(value) if isinstance(value, str) else value


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)


def _date(timestamp: float | None) -> str:
    try:
        return DASH if timestamp is None else datetime.fromtimestamp(timestamp).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):  # no date that this system knows
        return DASH
