"""The command line: a user of the library like any other, with one place where errors become sentences."""

import io
import sys
from typing import Annotated

import typer

from telemetry.base.errors import TelemetryError
from telemetry.base.version import tool_version

app = typer.Typer(
    name="ac-telemetry",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        print(tool_version())
        raise typer.Exit


@app.callback()
def ac_telemetry(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Telemetry of the racing simulator Assetto Corsa: read it, watch it, record it."""


def main() -> None:
    """Run the command line; an error of ours ends in its sentence on standard error and its exit code."""
    from telemetry.cli import (  # noqa: PLC0415 - each registers its commands
        bridge,  # noqa: F401
        convert,  # noqa: F401
        dataset,  # noqa: F401
        doctor,  # noqa: F401
        fields,  # noqa: F401
        info,  # noqa: F401
        laps,  # noqa: F401
        publish,  # noqa: F401
        read,  # noqa: F401
        record,  # noqa: F401
        recover,  # noqa: F401
        serve,  # noqa: F401
    )

    _force_utf8_output()
    try:
        app()
    except TelemetryError as error:
        print(f"ac-telemetry: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def _force_utf8_output() -> None:
    """Make pipes and files carry UTF-8 with plain newlines on Windows too, and let no console's code page raise."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            if stream.isatty():
                stream.reconfigure(errors="replace")
            else:
                stream.reconfigure(encoding="utf-8", newline="\n")
