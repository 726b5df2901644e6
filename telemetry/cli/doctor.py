"""``doctor``: whether recording would work, and what to do if not."""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from telemetry.base.errors import UsageError
from telemetry.base.sanitize import sanitize_terminal
from telemetry.cli._shared.messages import print_json
from telemetry.cli._shared.tables import table_console
from telemetry.game.doctor import DoctorReport, DoctorStatus, examine

_STYLES: Final = {DoctorStatus.OK: "green", DoctorStatus.WARN: "yellow", DoctorStatus.FAIL: "bold red"}


def doctor(
    source: Annotated[
        str,
        typer.Option(
            metavar="SOURCE", help="[bold]live[/]: the running game; or a [bold]DIRECTORY[/] with page files."
        ),
    ] = "live",
    output_dir: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder of the recordings to check; a file is written there and removed."),
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check whether recording would work, and what to do if not.

    The exit code is 0 if it would, else 1.
    """
    directory = None if source == "live" else Path(source)
    if directory is not None and not directory.is_dir():
        raise UsageError(f"doctor can only check a live game or a directory with page files, not {source}.")
    report = examine(directory, output_dir)
    if as_json:
        print_json(report.as_dict())
    else:
        _print(report)
    raise typer.Exit(0 if report.ready else 1)


def _print(report: DoctorReport) -> None:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # the console may not have every character of a name
    console = table_console()
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for finding in report.findings:
        text = Text(sanitize_terminal(finding.message))
        if finding.advice:
            text.append(f"\n-> {sanitize_terminal(finding.advice)}", style="italic")
        table.add_row(Text(finding.status, style=_STYLES[finding.status]), finding.topic, text)
    console.print(table)
    if report.ready:
        end = Text("Recording would work: uv run main.py read --json-output session.jsonl", style="green")
    else:
        end = Text("Recording would not work now; the arrows say what to do.", style="red")
    console.print(Padding(end, (1, 0, 0, 0)))
