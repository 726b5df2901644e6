"""Options that several commands share, and what they become."""

import gc
import math
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from telemetry.base.amounts import DURATION_FORMS, parse_positive_duration
from telemetry.base.checks import require_positive
from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.base.units import STEPS_PER_SECOND
from telemetry.cli._shared.input_files import find_recordings

if TYPE_CHECKING:  # and imported where they are used: a command that reads no recording starts in half the time
    from telemetry.recording.interfaces import Source

SOURCE_HELP: Final = (
    "[bold]live[/]: the running game. [bold]demo[/]: the built-in car, or [bold]demo:SCENARIO[/] (laps, offtrack, "
    "lockup, crash, pit, pause, restart, refused, worn), or [bold]demo:SCENARIO,line=0.8[/] with the timing line at "
    "position 0.8 of the track. [bold]DIRECTORY[/]: page files acpmf_physics, acpmf_graphics and acpmf_static. "
    "[bold]FILE[/]: a recording (.mcap, .jsonl, .jsonl.gz, .jsonl.zst). "
    "[bold]ws://HOST:PORT[/]: the stream of another machine's serve."
)

MIN_RATE_HZ: Final = 0.1
"""The lowest rate of every command; the highest is that of the game's physics."""


def rate_option(what: str, default: str) -> Any:
    """The option ``--rate`` of a command, in Hz: what it counts, like ``Samples``, and its default, in words."""
    text = f"{what} per second, from {MIN_RATE_HZ:g} to {STEPS_PER_SECOND}, like 60. Default: {default}."
    return typer.Option(min=MIN_RATE_HZ, max=float(STEPS_PER_SECOND), metavar="HZ", show_default=False, help=text)


STOP_PANEL: Final = "When to end"

FIELDS_HELP: Final = (
    "Fields to write: names, SDK names, globs and groups, like [bold]timestamp,speed_kmh,tyre_*,derived[/]."
)

DURABLE_HELP: Final = "Have each quarter of a second on the disk at once: a power cut costs no more than a kill."


def tune_for_low_latency() -> None:
    """Keep the sampling loop from waiting 5 ms for another thread, or for a collection of all imported modules."""
    sys.setswitchinterval(0.0005)
    gc.collect()
    gc.freeze()


Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...",
        help="Recordings, like [bold]drive.mcap[/] or *.mcap; a folder means all recordings in and below it.",
        callback=find_recordings,
    ),
]


def check_column_map(path: Path | None) -> Path | None:
    """The file that names columns, once it is known that it does."""
    if path is not None:
        from telemetry.formats.foreign.column_map import ColumnMap

        ColumnMap.read(path)
    return path


NamedColumns = Annotated[
    Path | None,
    typer.Option(
        "--map",
        metavar="FILE",
        show_default=False,
        help="A TOML file that says which columns of another program's CSV or Parquet are which fields.",
        callback=check_column_map,
    ),
]
IncludeAi = Annotated[
    bool, typer.Option("--include-ai", help="Laps that the game's AI drove can be valid, and the best, too.")
]
NoSummary = Annotated[
    bool, typer.Option("--no-summary", help="Read every sample, although a recording holds a summary of them.")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        metavar="N",
        help="Recordings read at the same time. Default: the number of cores, or 1 below 128 MB in all.",
    ),
]


class EngineKind(StrEnum):
    """Where work on many recordings is done."""

    LOCAL = "local"
    RAY = "ray"


Engine = Annotated[
    EngineKind, typer.Option(help="Processes of this machine, or Ray, on one machine or many that share a store.")
]
RayAddress = Annotated[
    str | None,
    typer.Option("--address", metavar="HOST:PORT", help="A running Ray, or [bold]auto[/]. Default: start one here."),
]
Seed = Annotated[int, typer.Option(metavar="N", help="Seed of the demo: the same seed gives the same drive.")]
Loop = Annotated[bool, typer.Option("--loop", help="Start a recording again when it ends.")]
Speed = Annotated[
    str,
    typer.Option(
        metavar="X", help="Playback speed of the demo or a recording: 0.5, 1, 20, or max for as fast as possible."
    ),
]
Duration = Annotated[
    float | None,
    typer.Option(
        parser=parse_positive_duration,
        metavar="TIME",
        help=f"End so long after the first sample: {DURATION_FORMS}.",
    ),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="TIME",
        help="Start a recording there: 90, 20m or 1:30 after its start, or the start of [bold]lap:3[/].",
    ),
]
To = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="TIME", help="End a recording there: 90, 20m or 1:30 after its start, or the end of lap:5."
    ),
]
Durable = Annotated[bool, typer.Option("--durable", help=DURABLE_HELP)]
NoWait = Annotated[bool, typer.Option("--no-wait", help="End with exit code 3 when no game is running.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """The source to read, and how fast it plays."""

    source: Annotated[str, typer.Option(metavar="SOURCE", help=SOURCE_HELP)] = "live"
    speed: Speed = "1"
    seed: Seed = 0

    def make_clock(self) -> Clock:
        """The clock of this playback speed; UsageError where the source cannot follow it."""
        return make_clock(self.speed, self.source)

    def open(self, *, loop: bool = False) -> "Source":
        """Open the source; raises what :func:`telemetry.open_source` does."""
        from telemetry.sources import open_source

        return open_source(self.source, loop=loop, seed=self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePartOptions(SourceOptions):
    """The source to read, and which part of a recording."""

    begin: From = None
    end: To = None

    def open(self, *, loop: bool = False) -> "Source":
        """Open the source; raises what :func:`telemetry.open_source` does, and UsageError for a wrong time range."""
        return self._open(loop=loop, wait=True)

    def _open(self, *, loop: bool, wait: bool) -> "Source":
        from telemetry.cli._shared.time_range import parse_time_range
        from telemetry.sources import open_source

        begin, end = parse_time_range(self.source, self.begin, self.end)
        return open_source(self.source, wait=wait, loop=loop, seed=self.seed, begin=begin, end=end)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRangeOptions(SourcePartOptions):
    """The source to read, whether to wait for a game, and which part of a recording."""

    no_wait: NoWait = False

    def open(self, *, loop: bool = False) -> "Source":
        """Open the source; raises what :func:`telemetry.open_source` does, and UsageError for a wrong time range."""
        return self._open(loop=loop, wait=not self.no_wait)


def parse_lap_numbers(text: str) -> list[tuple[int, int]]:
    """The lap numbers of ``3,5,7-9`` as ranges, both ends included; UsageError for any other text."""
    ranges: list[tuple[int, int]] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?", part)
        if match is None:
            raise UsageError(f"--laps {text}: {part.strip()!r} is no lap; say 3, or 3-7, or 3,5,7-9.")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last:
            raise UsageError(f"--laps {text}: there is nothing from {first} to {last}; laps count from 1.")
        ranges.append((first, last))
    return ranges


def is_stream(source: str) -> bool:
    """Whether a source is the stream of another ``serve``."""
    return source.startswith(("ws://", "wss://"))


def has_every_step(source: str) -> bool:
    """Whether a source yields every physics step: streams and most files hold samples."""
    from telemetry.formats import find_format

    known = find_format(source)
    return not is_stream(source) and (known is None or known.keeps_pages)


def check_is_not_source(source: str, output: str) -> None:
    """Raise UsageError if the output is the recording that is being read."""
    with suppress(OSError):
        if output != "-" and Path(output).samefile(source):
            raise UsageError(f"{output} is the source itself; write to another file.")


def make_clock(speed: str, source: str) -> Clock:
    """The clock of a ``--speed``; UsageError where the source cannot follow it."""
    try:
        factor = math.inf if speed == "max" else float(speed)
    except ValueError:
        raise UsageError(f"--speed must be a number or max, got {speed}.") from None
    require_positive("--speed", factor, allow_infinity=True)
    if factor != 1.0 and (source == "live" or is_stream(source) or Path(source).is_dir()):
        raise UsageError("--speed is for the demo and for recordings: the game sets its own pace.")
    return Clock(factor)
