"""``laps``: the laps of recordings, as a table and for programs."""

import math
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.base.text import format_lap_time, format_sector_time, sanitize
from telemetry.cli._shared import options
from telemetry.cli._shared.stopping import stop_on_signal
from telemetry.fields.derived import DEFAULTS, Thresholds
from telemetry.laps.detector import laps as laps_of
from telemetry.laps.model import Lap, SampleRef, best_lap
from telemetry.recording.api import samples
from telemetry.sources import open_source

_WIDE: Final = 140
"""Columns of what is written into a pipe or a file."""

_ROOMY: Final = 119
"""Columns of a terminal from which on tyres have their full name."""

_NARROW: Final = 92
"""Columns of a terminal below which the kind of a lap has no column of its own."""

_NONE: Final = "\N{EN DASH}"


def laps(
    files: options.Files,
    as_json: Annotated[
        bool, typer.Option("--json", help="One array for programs, with all that is known of each lap.")
    ] = False,
    tyres_out: Annotated[
        int, typer.Option(min=1, max=4, help="Tyres off the track that spoil a lap.")
    ] = DEFAULTS.tyres_out,
) -> None:
    """Show the laps of recordings: times, sectors, whether they count, top speed, fuel and tyres."""
    thresholds = Thresholds(tyres_out=tyres_out)
    for path in files:
        if not path.is_file():
            raise UsageError(f"There is no recording {path}.")
    clock = Clock(math.inf)
    with stop_on_signal(clock):
        if as_json:
            found = [lap for path in files for lap in _described(path, _read(path, clock, thresholds))]
            sys.stdout.buffer.write(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
            return
        console = Console()
        if not console.is_terminal:
            console = Console(width=_WIDE)  # nobody looks at a pipe through a window
        for number, path in enumerate(files):
            found_laps = _read(path, clock, thresholds)
            if number:
                console.print()
            _print_laps(console, path, found_laps)


def _read(path: Path, clock: Clock, thresholds: Thresholds) -> list[Lap]:
    with open_source(path) as source:
        return list(laps_of(samples(source, include_paused=True, thresholds=thresholds, clock=clock)))


def _described(path: Path, found: list[Lap]) -> Iterator[dict[str, Any]]:
    best = best_lap(found)
    for lap in found:
        values = {field.name: getattr(lap, field.name) for field in fields(lap)}
        moments = {name: value._asdict() for name, value in values.items() if isinstance(value, SampleRef)}
        verdict = {"kind": lap.kind, "complete": lap.complete, "valid": lap.valid, "best": lap is best}
        yield {"file": str(path), **values, **moments, **verdict}


def _print_laps(console: Console, path: Path, found: list[Lap]) -> None:
    best = best_lap(found)
    console.print(f"[bold]{_text(str(path))}[/]{_title(found)}", highlight=False, soft_wrap=True)
    if not found:
        return
    roomy, narrow = console.width >= _ROOMY, console.width < _NARROW
    sectors = max(len(lap.sectors_ms) for lap in found)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("lap", justify="right", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    for sector in range(sectors if sectors > 1 else 0):
        table.add_column(f"S{sector + 1}", justify="right", no_wrap=True)
    table.add_column("km/h", justify="right", no_wrap=True)
    table.add_column("fuel", justify="right", no_wrap=True)
    table.add_column("tyres", no_wrap=True)
    if not narrow:
        table.add_column("kind", no_wrap=True)
    table.add_column("valid", min_width=12)
    for number, lap in enumerate(found):
        if number and lap.run != found[number - 1].run:
            table.add_section()
        times = [_sector(time) for time in lap.sectors_ms]
        times += [_NONE] * (sectors - len(times))
        table.add_row(
            str(lap.number),
            _time(lap),
            *(times if sectors > 1 else ()),
            _NONE if lap.top_speed_kmh is None else f"{lap.top_speed_kmh:.0f}",
            _NONE if lap.fuel_used_l is None else f"{lap.fuel_used_l:.2f} l",
            _tyres(lap, roomy=roomy),
            *(() if narrow else (lap.kind,)),
            _verdict(lap, best=lap is best),
            style="" if lap.complete else "dim",
        )
    console.print(table)
    if any(lap.complete and lap.time_ms is None for lap in found):
        console.print("[dim]~ is measured: the recording does not hold the official time.[/]", highlight=False)


def _title(found: list[Lap]) -> str:
    if not found:
        return "  no lap"
    counted = sum(lap.complete for lap in found)
    cars = dict.fromkeys(f"{lap.car or 'unknown car'}, {_place(lap)}" for lap in found)
    sessions = dict.fromkeys(lap.session.replace("_", " ") for lap in found)
    laps_text = "1 complete lap" if counted == 1 else f"{counted} complete laps"
    return f"  {_text('; '.join(cars))}, {', '.join(sessions)}: {laps_text}"


def _place(lap: Lap) -> str:
    track = lap.track or "unknown track"
    return f"{track} ({lap.layout})" if lap.layout else track


def _time(lap: Lap) -> str:
    if lap.time_ms is not None:
        return format_lap_time(lap.time_ms)
    if lap.complete and lap.measured_ms is not None:
        return f"~{format_lap_time(lap.measured_ms)}"
    return _NONE


def _sector(time_ms: int | None) -> str:
    return _NONE if time_ms is None else format_sector_time(time_ms)


def _tyres(lap: Lap, *, roomy: bool) -> str:
    """The compound and how worn the worst tyre is; where room is scarce, its short name in the game's brackets."""
    short = re.search(r"\((\w+)\)\s*$", lap.tyre_compound)
    name = lap.tyre_compound if roomy or short is None else short[1]
    worn = max((tyre for tyre in lap.tyre_worn if tyre is not None), default=None)
    parts = [_text(name)] if name else []
    if worn is not None:
        parts.append(f"{worn:.0%}")
    return " ".join(parts) or _NONE


def _verdict(lap: Lap, *, best: bool) -> str:
    """What the last column says: best, yes, or why not."""
    if lap.valid:
        return "[bold green]best[/]" if best else "yes"
    reasons = _text(", ".join(lap.invalid_because))
    return f"[red]{reasons}[/]" if lap.complete else reasons


def _text(text: str) -> str:
    return escape(sanitize(text))
