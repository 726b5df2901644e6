"""How the commands of the catalog give a table: for people, as JSON, CSV or Parquet, or as a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from telemetry.base.errors import UsageError
from telemetry.cli._shared.messages import print_json, print_warning

if TYPE_CHECKING:
    from telemetry.catalog.state import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """Where a table goes, and as what."""

    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False
    as_parquet: Annotated[bool, typer.Option("--parquet", help="Write Parquet into a pipe.")] = False
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            show_default=False,
            help="Write a table: .parquet, .csv or .json by its suffix.",
        ),
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False

    def check(self) -> None:
        """Raise UsageError where more than one output is asked for."""
        asked = (self.as_json, self.as_csv, self.as_parquet, self.out is not None)
        if sum(asked) > 1:
            raise UsageError("Say one of --json, --csv, --parquet and --out.")

    def give_table(self, table: Any) -> None:
        """Give a table of pyarrow."""
        from telemetry.cli._shared.catalog_tables import print_csv, print_parquet, print_rows, write_table

        if self.out is not None:
            write_table(table, self.out, overwrite=self.overwrite)
        elif self.as_csv:
            print_csv(table)
        elif self.as_parquet:
            print_parquet(table)
        elif self.as_json:
            print_json(table.to_pylist())
        else:
            print_rows(table.column_names, table.to_pylist())

    def give_laps(self, rows: "list[Row]") -> None:
        """Give laps; without pyarrow where they are printed as JSON or for people."""
        if self.as_json:
            print_json(rows)
        elif self.as_csv or self.as_parquet or self.out is not None:
            from telemetry.base.extras import require
            from telemetry.catalog.store import PURPOSE
            from telemetry.catalog.tables import LAP_COLUMNS, make_table

            pyarrow = require("pyarrow", extra="catalog", purpose=PURPOSE)
            self.give_table(make_table(pyarrow, rows, LAP_COLUMNS))
        else:
            from telemetry.cli._shared.catalog_tables import print_laps

            print_laps(rows)
            if not rows:
                print_warning("No lap of the catalog fits.")
