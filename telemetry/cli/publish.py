"""``publish``: a source put into real shared memory, as if the game ran."""

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
from telemetry.cli._shared import options
from telemetry.cli._shared.stopping import stop_on_signal
from telemetry.demo.source import DemoSource
from telemetry.game import Publisher
from telemetry.recording.interfaces import Source
from telemetry.sources import open_source

STAND_SECONDS: Final = 1.5e-3
"""How long a page stands at least, half a physics step: those that are late catch up without hiding one another."""


def publish(
    source: Annotated[
        str,
        typer.Option(
            metavar="SOURCE", help="demo or demo:SCENARIO, at the physics' 333 Hz, or a recording, at its own pace."
        ),
    ] = "demo",
    pages: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write page files into this directory. Default: the game's own, named shared memory on Windows and "
            f"{PAGE_FILE_DIRECTORY} elsewhere.",
        ),
    ] = None,
    duration: options.Duration = None,
    speed: options.Speed = "1",
    begin: options.From = None,
    end: options.To = None,
    loop: options.Loop = False,
    seed: options.Seed = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing.")] = False,
) -> None:
    """Put the demo or a recording into shared memory, where this tool and every other reader find "the game"."""
    clock = options.make_clock(speed, source)
    if source == "live" or Path(source).is_dir():
        raise UsageError("Only the demo and recordings can be published.")
    if math.isinf(clock.speed):
        raise UsageError("Shared memory shows one moment at a time; --speed max would show none. Name a number.")
    with ExitStack() as stack:
        stack.enter_context(stop_on_signal(clock))
        first, last = options.parse_time_range(source, begin, end)
        origin = open_source(source, loop=loop, seed=seed, begin=first, end=last)
        stack.callback(origin.close)
        publisher = Publisher(pages)
        stack.callback(publisher.close)
        if not quiet:
            where = pages or (PAGE_FILE_DIRECTORY if sys.platform != "win32" else "named shared memory")
            print(f"Publishing {origin.name} in {where}; Ctrl-C ends.", file=sys.stderr, flush=True)
        count = 0
        written_at = -math.inf
        for page in _pages_of(origin, clock):
            if duration is not None and clock.now() >= duration:
                break
            clock.sleep_until(written_at + STAND_SECONDS)
            publisher.write(page)
            written_at = clock.now()
            count += 1
    if not quiet:
        print(f"Published {count:,} physics pages in {clock.now():.1f} s.", file=sys.stderr)


def _pages_of(source: Source, clock: Clock) -> Iterator[Pages]:
    if isinstance(source, DemoSource):
        return source.pages(clock)
    return (_publishable(step.pages, source.name) for step in source.steps(clock) if step.pages)


def _publishable(pages: Pages, name: str) -> Pages:
    if not check_game(pages.static):
        raise SourceError(f"{name} cannot be published: it lacks the static fields, by which readers know the game.")
    return pages
