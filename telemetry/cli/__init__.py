"""The command line: a user of the library like any other, with one place where errors become sentences."""

import sys

import typer

from telemetry.errors import TelemetryError

app = typer.Typer(
    name="ac-telemetry",
    help="Telemetry of the racing simulator Assetto Corsa: read it, watch it, record it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line; an error of ours ends in its sentence on standard error and its exit code."""
    from telemetry.cli import fields, publish, read  # noqa: F401, PLC0415 - each registers its commands

    try:
        app()
    except TelemetryError as error:
        print(f"ac-telemetry: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
