"""``bridge``: the game's pages as files for Linux programs, run inside the game's Wine prefix."""

import math
from pathlib import Path
from typing import Annotated

import typer

from telemetry.base.clock import Clock
from telemetry.cli._shared.messages import print_message
from telemetry.cli._shared.stopping import stop_on_signal
from telemetry.game.bridge import DIRECTORY, PAGE_FILES, Bridge


def bridge(
    directory: Annotated[
        Path, typer.Option("--pages", metavar="DIR", help="Folder of the page files, as Wine names it.")
    ] = DIRECTORY,
    csp: Annotated[
        bool,
        typer.Option(
            "--csp",
            help="Share the controls that Custom Shaders Patch reads instead, for the actuator csp (docs/rl.md).",
        ),
    ] = False,
    prefix: Annotated[str, typer.Option(help="Prefix of each mapping's name.", hidden=True)] = "",
) -> None:
    """Share the game's pages with Linux programs, from inside Wine.

    Run it in the game's Wine or Proton prefix, before the game. ac-telemetry itself needs no bridge on Linux.
    """
    clock = Clock()
    with stop_on_signal(clock), _controls(directory, prefix) if csp else _pages(directory, prefix) as files:
        then = "Now a program on Linux can drive" if csp else "Now start the game"
        print_message(f"Bridge running in {directory}. {then}; Ctrl-C ends.")
        clock.sleep_until(math.inf)
    if files.left:
        holder = "The game still reads" if csp else "The game still writes"
        print_message(f"{holder} {', '.join(map(str, files.left))}: they disappear when it ends.")


def _pages(directory: Path, prefix: str) -> Bridge:
    return Bridge(directory, {prefix + name: size for name, size in PAGE_FILES.items()})


def _controls(directory: Path, prefix: str) -> Bridge:
    from telemetry.rl.actuators.csp import MAPPING, SIZE

    return Bridge(
        directory,
        {prefix + MAPPING.format(car=0): SIZE},
        exists="The mapping {} exists already: another program drives the car, or another bridge runs. End it first.",
    )
