"""Options that several commands share, and what they become."""

import math
from pathlib import Path
from typing import Annotated, Final

import typer

from telemetry.clock import Clock
from telemetry.errors import UsageError

SOURCE_HELP: Final = (
    "[bold]live[/]: the running game. [bold]demo[/]: the built-in car, or [bold]demo:SCENARIO[/] (laps, offtrack, "
    "lockup, crash, pit, pause, restart, worn). [bold]DIRECTORY[/]: page files acpmf_physics, acpmf_graphics and "
    "acpmf_static. [bold]FILE[/]: a recording (.jsonl, .jsonl.gz, .jsonl.zst)."
)

Source = Annotated[str, typer.Option(metavar="SOURCE", help=SOURCE_HELP)]
Seed = Annotated[int, typer.Option(help="What the demo's driver and car are made of: the same seed, the same drive.")]
Loop = Annotated[bool, typer.Option("--loop", help="Start a recording again when it ends.")]
Speed = Annotated[
    str,
    typer.Option(
        metavar="X",
        help="How fast the demo or a recording plays: 1, 0.5, 20, or max for as fast as the machine can.",
    ),
]
Duration = Annotated[
    float | None, typer.Option(min=0.0, metavar="S", help="End this many seconds after the first sample.")
]


def make_clock(speed: str, source: str) -> Clock:
    """The clock that the option asks for; UsageError where the source cannot follow it."""
    try:
        factor = math.inf if speed == "max" else float(speed)
    except ValueError:
        raise UsageError(f"--speed {speed} is neither a number nor max.") from None
    if not factor > 0.0:
        raise UsageError(f"--speed {speed} makes no sense; it must be more than 0.")
    if factor != 1.0 and (source == "live" or Path(source).is_dir()):
        raise UsageError("--speed is for the demo and for recordings: the game sets its own pace.")
    return Clock(factor)
