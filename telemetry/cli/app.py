"""The command line as typer sees it: a table of commands, each loaded when it is called and not before."""

from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from telemetry.base.typing import override
from telemetry.base.version import VERSION


class CommandEntry(NamedTuple):
    """A command that is not loaded: its module, which has a function of the command's name, and its line of help."""

    module: str
    help: str


COMMANDS: Final = {
    "bridge": CommandEntry(
        "telemetry.cli.bridge",
        "Show the game's pages in /dev/shm: to be run in the game's Wine or Proton prefix, before the game.",
    ),
    "convert": CommandEntry(
        "telemetry.cli.convert",
        "Convert a recording: to another format, to another rate, or only some of its laps.",
    ),
    "dataset": CommandEntry(
        "telemetry.cli.dataset",
        "Make a dataset for reinforcement learning out of recordings, with a card and a quality report beside it.",
    ),
    "doctor": CommandEntry(
        "telemetry.cli.doctor",
        "Say what is there to record, what stands in the way, and what to do; exit code 0 when recording would work.",
    ),
    "fields": CommandEntry(
        "telemetry.cli.fields",
        "Show every field: its name, where it comes from, its unit and its meaning.",
    ),
    "info": CommandEntry(
        "telemetry.cli.info",
        "Show what recordings hold: car and track, laps, rate and jitter, gaps, pauses, and odd values.",
    ),
    "validate": CommandEntry(
        "telemetry.cli.info",
        "Say whether recordings will do as a data set; the exit code is 1 when one of them will not.",
    ),
    "laps": CommandEntry(
        "telemetry.cli.laps",
        "Show the laps of recordings: times, sectors, whether they count, top speed, fuel and tyres.",
    ),
    "publish": CommandEntry(
        "telemetry.cli.publish",
        'Put the demo or a recording into shared memory, where this tool and every other reader find "the game".',
    ),
    "read": CommandEntry(
        "telemetry.cli.read",
        "Read the telemetry: show it live, and write it as JSON lines.",
    ),
    "record": CommandEntry(
        "telemetry.cli.record",
        "Record every physics step, whole and lossless, into files that survive anything.",
    ),
    "marker": CommandEntry(
        "telemetry.cli.record",
        "Put a marker into every recording that runs now.",
    ),
    "recover": CommandEntry(
        "telemetry.cli.recover",
        "Finish recordings that were cut, by a crash or a full disk; nothing that can be read is lost.",
    ),
    "serve": CommandEntry(
        "telemetry.cli.serve",
        "Stream the telemetry to any number of WebSocket clients, and to browsers; or drive assetto_corsa_gym.",
    ),
}
"""All commands, as ``--help`` lists them; the first paragraph of each function's docstring says the same."""


def load_command(name: str) -> Any:
    """The command of this name as typer runs it; its module is imported here."""
    function: Callable[..., None] = getattr(import_module(COMMANDS[name].module), name)
    single = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    single.command(name)(function)
    return typer.main.get_command(single)


class LazyGroup(TyperGroup):
    """Lists the commands of the table, and loads the one that is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {
            name: TyperCommand(name, help=entry.help, rich_markup_mode="rich") for name, entry in COMMANDS.items()
        }

    @override
    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed if name is None else load_command(name), rest


app = typer.Typer(
    name="ac-telemetry",
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        print(VERSION)
        raise typer.Exit


@app.callback()
def ac_telemetry(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Telemetry of the racing simulator Assetto Corsa: read it, watch it, record it."""
