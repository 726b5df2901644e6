"""``doctor``: what is there to record, and what stands in the way."""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from telemetry.base.errors import UsageError
from telemetry.game.doctor import Report, Status, examine

_STYLES: Final = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "bold red"}
_WIDE: Final = 100
"""Columns of what nobody looks at through a window."""


def doctor(
    source: Annotated[
        str,
        typer.Option(
            metavar="SOURCE", help="[bold]live[/], the running game, or a [bold]DIRECTORY[/] with page files."
        ),
    ] = "live",
    output_dir: Annotated[
        Path, typer.Option(metavar="DIR", help="Where recordings will go; a file is written there, and removed.")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="The same for programs.")] = False,
) -> None:
    """Say what is there to record, what stands in the way, and what to do; exit code 0 when recording would work."""
    directory = None if source == "live" else Path(source)
    if directory is not None and not directory.is_dir():
        raise UsageError(f"--source {source} is neither live nor a directory with page files; nothing else can be ill.")
    report = examine(directory, output_dir)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(report.as_dict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        _print(report)
    raise typer.Exit(0 if report.ready else 1)


def _print(report: Report) -> None:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a name that the console cannot show is no reason to fall silent
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for finding in report.findings:
        text = Text(finding.message)
        if finding.advice:
            text.append(f"\n-> {finding.advice}", style="italic")
        table.add_row(Text(finding.status, style=_STYLES[finding.status]), finding.topic, text)
    console.print(table)
    if report.ready:
        end = Text("Recording would work: uv run main.py read --json-output session.jsonl", style="green")
    else:
        end = Text("Recording would not work now; the arrows say what to do.", style="red")
    console.print(Padding(end, (1, 0, 0, 0)))
