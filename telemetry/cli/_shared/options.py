"""Options that several commands share, and what they become."""

import gc
import glob
import math
import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import chain
from pathlib import Path
from typing import Annotated, Final

import typer

from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError, UsageError
from telemetry.base.units import STEP_MS
from telemetry.laps.detector import laps
from telemetry.recording.api import samples
from telemetry.recording.interfaces import Event
from telemetry.recording.markers import MarkerInbox
from telemetry.recording.step_recorder import StepRecorder
from telemetry.sources import RECORDING_SUFFIXES, open_source

SOURCE_HELP: Final = (
    "[bold]live[/]: the running game. [bold]demo[/]: the built-in car, or [bold]demo:SCENARIO[/] (laps, offtrack, "
    "lockup, crash, pit, pause, restart, worn). [bold]DIRECTORY[/]: page files acpmf_physics, acpmf_graphics and "
    "acpmf_static. [bold]FILE[/]: a recording (.mcap, .jsonl, .jsonl.gz, .jsonl.zst). "
    "[bold]ws://HOST:PORT[/]: what another machine serves."
)


def tune_for_low_latency() -> None:
    """Let the sampling loop wait neither 5 ms for another thread nor for a collection of all that was imported."""
    sys.setswitchinterval(0.0005)
    gc.collect()
    gc.freeze()


def _expand(paths: list[Path]) -> list[Path]:
    """Patterns like ``*.mcap`` as the files they stand for, which no shell of Windows does."""
    found: list[Path] = []
    for path in paths:
        is_pattern = not path.exists() and glob.has_magic(str(path))
        found += sorted(map(Path, glob.glob(str(path)))) or [path] if is_pattern else [path]  # noqa: PTH207 - paths from anywhere
    return found


Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="Recordings, like [bold]drive.mcap[/] or *.mcap.", callback=_expand),
]
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

From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="WHEN",
        help="Begin a recording there: seconds, [bold]1:30[/], or [bold]lap:3[/] at its start.",
    ),
]
To = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="WHEN", help="End it there: seconds since its first sample, or [bold]lap:5[/] at its end."
    ),
]


def parse_time_range(source: str, begin: str | None, end: str | None) -> tuple[float | None, float | None]:
    """What --from and --to say, in seconds since the recording's first sample; UsageError where they say nothing."""
    if begin is None and end is None:
        return None, None
    if not source.endswith(RECORDING_SUFFIXES):
        raise UsageError("--from and --to are about recordings.")
    first, last = _moment("--from", source, begin), _moment("--to", source, end)
    if first is not None and last is not None and last <= first:
        raise UsageError(f"--to {end} is not after --from {begin}.")
    return first, last


def _moment(option: str, source: str, text: str | None) -> float | None:
    if text is None:
        return None
    if text.startswith("lap:"):
        return _moment_of_lap(option, source, text.removeprefix("lap:"))
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    seconds = sum(part * 60.0**power for power, part in enumerate(reversed(parts)))
    if not 0 < len(parts) <= 3 or not 0.0 <= seconds < math.inf:
        raise UsageError(f"{option} {text} is no moment; say seconds, 1:30 or lap:3.")
    return seconds


def _moment_of_lap(option: str, source: str, text: str) -> float:
    """The start of a lap for --from, and its end for --to."""
    if not text.isdecimal():
        raise UsageError(f"{option} lap:{text} names no lap; say lap:3.")
    number = int(text)
    with open_source(source) as recording:
        stream = samples(recording, include_paused=True, clock=Clock(math.inf))
        first = next(stream)
        for lap in laps(chain([first], stream)):
            if lap.number == number and lap.first and lap.last:
                if option == "--from":
                    return lap.first.elapsed - first.elapsed
                return lap.last.elapsed - first.elapsed + STEP_MS / 1e3
    raise UsageError(f"{source} holds no lap {number}; the command 'laps' shows those that it does.")


def is_stream(source: str) -> bool:
    """Whether a source is the stream of another ``serve``."""
    return source.startswith(("ws://", "wss://"))


def marker_inbox(recording: str, capture: StepRecorder) -> AbstractContextManager[object]:
    """Takes markers of other terminals into a capture; where that cannot be, it says so, and recording goes on."""
    try:
        inbox = MarkerInbox(
            recording, lambda name, timestamp: capture.add_event(Event("marker", timestamp, {"name": name}))
        )
    except SinkError as error:
        print(f"ac-telemetry: {error} The recording goes on without them.", file=sys.stderr)
        return nullcontext()
    capture.close_before_writer(inbox)
    return inbox


def refuse_source(source: str, output: str) -> None:
    """Refuse an output that is the very recording that is being read."""
    with suppress(OSError):
        if output != "-" and Path(output).samefile(source):
            raise UsageError(f"{output} is the source itself; write to another file.")


def make_clock(speed: str, source: str) -> Clock:
    """The clock that the option asks for; UsageError where the source cannot follow it."""
    try:
        factor = math.inf if speed == "max" else float(speed)
    except ValueError:
        raise UsageError(f"--speed {speed} is neither a number nor max.") from None
    if not factor > 0.0:
        raise UsageError(f"--speed {speed} makes no sense; it must be more than 0.")
    if factor != 1.0 and (source == "live" or is_stream(source) or Path(source).is_dir()):
        raise UsageError("--speed is for the demo and for recordings: the game sets its own pace.")
    return Clock(factor)
