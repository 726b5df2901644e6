"""``doctor``: whether recording would work, and what to do if not."""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.base.sanitize import sanitize_terminal
from telemetry.cli._shared.delivery import check_outbox
from telemetry.cli._shared.messages import print_json
from telemetry.cli._shared.tables import table_console
from telemetry.game.doctor import DoctorReport, DoctorStatus, examine

if TYPE_CHECKING:
    from telemetry.rl.actuators import Actuator

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
    actuator: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Move the controls of a standing car a little, and see whether the game follows: [bold]csp[/], "
            "[bold]vjoy[/] or [bold]uinput[/].",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check whether recording would work, and what to do if not.

    The exit code is 0 if it would, else 1.
    """
    directory = None if source == "live" else Path(source)
    if directory is not None and not directory.is_dir():
        raise UsageError(f"doctor can only check a live game or a directory with page files, not {source}.")
    device = None if actuator is None else _make_actuator(actuator)
    report = examine(directory, output_dir)
    if device is not None and report.ready:
        from telemetry.game.source import LiveSource
        from telemetry.rl.actuators.control_check import check_controls

        with LiveSource(directory) as pages:
            report = DoctorReport((*report.findings, *check_controls(pages, device, Clock())))
    report = DoctorReport((*report.findings, *check_outbox(output_dir)))
    if as_json:
        print_json(report.as_dict())
    elif device is None:
        _print(report, "Recording", "uv run main.py read --json-output session.jsonl")
    else:
        _print(report, "Driving", "docs/first-time-live.md says what to do next.")
    raise typer.Exit(0 if report.ready else 1)


def _make_actuator(name: str) -> "Actuator":
    from telemetry.rl.actuators import create_actuator

    device = create_actuator(name)
    if not device.active:
        raise UsageError(f"--actuator {name} moves nothing that could be checked.")
    return device


def _print(report: DoctorReport, purpose: str, following: str) -> None:
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
        end = Text(f"{purpose} would work: {following}", style="green")
    else:
        end = Text(f"{purpose} would not work now; the arrows say what to do.", style="red")
    console.print(Padding(end, (1, 0, 0, 0)))
