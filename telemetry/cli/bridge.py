"""``bridge``: the game's pages as files for Linux programs, from inside its Wine prefix."""

import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from telemetry.cli import app
from telemetry.cli.stopping import stopping
from telemetry.clock import Clock
from telemetry.io.bridge import DIRECTORY, Bridge


@app.command()
def bridge(
    directory: Annotated[
        Path, typer.Option("--pages", metavar="DIR", help="Where the page files are made, as Wine names it.")
    ] = DIRECTORY,
    prefix: Annotated[str, typer.Option(help="Stands before each page's name.", hidden=True)] = "",
) -> None:
    """Show the game's pages in /dev/shm: to be run in the game's Wine or Proton prefix, before the game.

    This program itself needs no bridge; on Linux, the command says what to type where another program does.
    """
    clock = Clock()
    with stopping(clock), Bridge(directory, prefix=prefix) as pages:
        print(f"The bridge stands: {directory}. Now start the game; Ctrl-C ends.", file=sys.stderr, flush=True)
        clock.sleep_until(math.inf)
    if pages.left:
        print(f"The game still writes {', '.join(map(str, pages.left))}: they go when it ends.", file=sys.stderr)
