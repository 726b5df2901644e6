"""``publish``: a source in real shared memory, as if the game ran."""

import math
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer

from ac_native_memory import PAGE_FILE_DIRECTORY, Pages, check_game
from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError, UsageError
from telemetry.base.storage.output_file import make_folder
from telemetry.cli._shared import options
from telemetry.cli._shared.messages import print_message
from telemetry.cli._shared.stopping import stop_on_signal
from telemetry.cli._shared.time_range import parse_time_range
from telemetry.demo.source import DemoSource
from telemetry.game import Publisher
from telemetry.recording.interfaces import Source
from telemetry.sources import open_source

MIN_PAGE_SECONDS: Final = 1.5e-3
"""How long each page stays at least, half a physics step: late pages catch up, and readers still see each."""


def publish(
    source: Annotated[
        str,
        typer.Option(
            metavar="SOURCE",
            help="demo, demo:SCENARIO or demo:line=POSITION, at 333 Hz, or a recording, at the rate it was recorded.",
        ),
    ] = "demo",
    pages: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help=f"Write page files into this folder. Default: {PAGE_FILE_DIRECTORY}; on Windows named shared memory.",
        ),
    ] = None,
    duration: options.Duration = None,
    speed: options.Speed = "1",
    begin: options.From = None,
    end: options.To = None,
    loop: options.Loop = False,
    seed: options.Seed = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing.")] = False,
) -> None:
    """Write the demo or a recording into the game's shared memory."""
    clock = options.make_clock(speed, source)
    if source == "live" or Path(source).is_dir():
        raise UsageError("Only the demo and recordings can be published.")
    if math.isinf(clock.speed):
        raise UsageError(
            "Shared memory holds one step at a time, so --speed max would show none. Use a number, like --speed 20."
        )
    with ExitStack() as stack:
        stack.enter_context(stop_on_signal(clock))
        first, last = parse_time_range(source, begin, end)
        origin = open_source(source, loop=loop, seed=seed, begin=first, end=last)
        stack.callback(origin.close)
        if pages is not None:
            make_folder(pages)
        publisher = Publisher(pages)
        stack.callback(publisher.close)
        if not quiet:
            where = pages or (PAGE_FILE_DIRECTORY if sys.platform != "win32" else "named shared memory")
            print_message(f"Publishing {origin.name} in {where}; Ctrl-C ends.")
        count = 0
        written_at = -math.inf
        for page in _read_pages(origin, clock):
            if duration is not None and clock.now() >= duration:
                break
            clock.sleep_until(written_at + MIN_PAGE_SECONDS)
            publisher.write(page)
            written_at = clock.now()
            count += 1
    if not quiet:
        print_message(f"Published {count:,} physics pages in {clock.now():.1f} s.")


def _read_pages(source: Source, clock: Clock) -> Iterator[Pages]:
    if isinstance(source, DemoSource):
        return source.pages(clock)
    return (_check_static(step.pages, source.name) for step in source.steps(clock) if step.pages)


def _check_static(pages: Pages, name: str) -> Pages:
    if not check_game(pages.static):
        raise SourceError(f"{name} cannot be published: it lacks the static fields, which identify the game.")
    return pages
