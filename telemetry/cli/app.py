"""The command line as typer sees it: a table of commands, each loaded when it is called and not before."""

from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from telemetry.base.errors import UsageError
from telemetry.base.nearest import describe_nearest
from telemetry.base.typing import override
from telemetry.base.version import VERSION


class CommandEntry(NamedTuple):
    """A command that is not loaded yet."""

    module: str
    """Has a function, or a typer app of several commands, of the command's name."""
    help: str
    """The first paragraph of the help of the command itself."""


COMMANDS: Final = {
    "read": CommandEntry("telemetry.cli.read", "Read the telemetry: show it live, and write it as JSON lines."),
    "record": CommandEntry("telemetry.cli.record", "Record every physics step into files that survive a crash."),
    "marker": CommandEntry("telemetry.cli.marker", "Set a marker in every recording of yours that runs now."),
    "plan": CommandEntry("telemetry.cli.plan", "Record the runs of a plan (docs/plan.md)."),
    "convert": CommandEntry("telemetry.cli.convert", "Convert recordings: another format or rate, or only some laps."),
    "recover": CommandEntry("telemetry.cli.recover", "Finish recordings that a crash or a full disk truncated."),
    "info": CommandEntry("telemetry.cli.info", "Show what recordings hold: car, laps, rate, gaps, odd values."),
    "validate": CommandEntry("telemetry.cli.validate", "Check whether recordings are good enough for a data set."),
    "laps": CommandEntry(
        "telemetry.cli.laps",
        "Show the laps of recordings: times, sectors, speed, validity, and what they show together.",
    ),
    "compare": CommandEntry("telemetry.cli.compare", "Compare two laps: where the time goes, corner by corner."),
    "corners": CommandEntry("telemetry.cli.corners", "Show what laps did in each corner, sorted by time lost."),
    "report": CommandEntry("telemetry.cli.report", "Write a page on laps: corners, traces, tyres, fuel, trend."),
    "plot": CommandEntry("telemetry.cli.plot", "Draw laps: delta, speed, map, dampers, stint and more."),
    "catalog": CommandEntry("telemetry.cli.catalog", "Keep the laps of many recordings, and ask across them."),
    "deliver": CommandEntry(
        "telemetry.cli.deliver", "Deliver the finished recordings of a folder to a place that many rigs share."
    ),
    "fields": CommandEntry("telemetry.cli.fields", "Show every field: its name, its unit and its meaning."),
    "dataset": CommandEntry("telemetry.cli.dataset", "Make a dataset for reinforcement learning from recordings."),
    "serve": CommandEntry("telemetry.cli.serve", "Stream the telemetry to WebSocket clients and browsers."),
    "serve-acgym": CommandEntry(
        "telemetry.cli.serve_acgym", "Let assetto_corsa_gym drive the demo, a recording or the game."
    ),
    "publish": CommandEntry("telemetry.cli.publish", "Write the demo or a recording into the game's shared memory."),
    "bridge": CommandEntry("telemetry.cli.bridge", "Share the game's pages with Linux programs, from inside Wine."),
    "doctor": CommandEntry("telemetry.cli.doctor", "Check whether recording would work, and what to do if not."),
}
"""All commands, in the order of ``--help``."""


COMPLETION_VARIABLE: Final = "_AC_TELEMETRY_COMPLETE"
"""What a shell sets that asks for completions, or for the script that makes it ask."""


def load_command(name: str) -> Any:
    """The command of this name as typer runs it; its module is imported here."""
    command: Callable[..., None] | typer.Typer = getattr(import_module(COMMANDS[name].module), name.replace("-", "_"))
    if isinstance(command, typer.Typer):
        group = typer.main.get_group(command)
        group.name = name
        return group
    single = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    single.command(name, cls=Command)(command)
    return typer.main.get_command(single)


def _hide_types_of_flags(params: list[Any]) -> list[Any]:
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


def _repeat_options(params: list[Any], args: list[str]) -> list[str]:
    """The arguments with the name of an option of several values before each of its values."""
    several = {name for one in params if (one.metavar or "").endswith("...") for name in one.opts if name[:1] == "-"}
    repeated: list[str] = []
    option: str | None = None
    for word, following in pairwise([*args, "-"]):
        if word.startswith("-"):
            has_values = word in several and not following.startswith("-")
            option = word if has_values else None
            repeated += [] if has_values else [word]
        else:
            repeated += [word] if option is None else [option, word]
    return repeated


class Command(TyperCommand):
    """A command whose help shows no type for a flag, which takes no value.

    An option whose metavar ends in ``...`` takes all words up to the next option, as a shell's pattern gives them.
    """

    @override
    def get_params(self, ctx: Any) -> list[Any]:
        return _hide_types_of_flags(super().get_params(ctx))

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _repeat_options(self.get_params(ctx), args))


class CommandGroup(TyperGroup):
    """Commands by their names; one that does not exist is a sentence of ours, with the nearest one."""

    @override
    def get_params(self, ctx: Any) -> list[Any]:
        return _hide_types_of_flags(super().get_params(ctx))

    @override
    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name = args[0]
        if name not in self.commands and not name.startswith("-") and not ctx.resilient_parsing:
            hint = describe_nearest(name, self.commands)
            raise UsageError(f"There is no command {name!r}.{hint} See '{ctx.command_path} --help'.")
        return super().resolve_command(ctx, args)


class LazyGroup(CommandGroup):
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


def _print_version(wanted: bool) -> None:
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
