"""Results of sessions, as the game writes them: their laps as a table, and recordings held against them."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from telemetry.analysis.official_result import JudgedLap, describe_judgement, describe_other_track, judge_laps
from telemetry.base.errors import SourceError
from telemetry.base.text import NO_TIME, format_lap_time, format_sector_time
from telemetry.cli._shared.tables import to_markup
from telemetry.laps.model import Lap
from telemetry.laps.session_result import ResultDrive, ResultLap, SessionResult, read_session_result

ResultOption = Annotated[
    Path | None,
    typer.Option(
        "--result",
        metavar="FILE",
        help="The game's result of the session, [bold]race_out.json[/], or its server's: say where the laps differ "
        "from it. The exit code is 1 if they do.",
    ),
]

SUFFIX = ".json"
"""Of the files that results are in."""


def read_result(path: Path | None) -> SessionResult | None:
    """The result in a file, if one is named; raises SourceError."""
    if path is None:
        return None
    result = read_session_result(path)
    if not result.drives:
        raise SourceError(f"{path} holds no lap.")
    return result


def hold_against(laps: Sequence[Lap], result: SessionResult) -> tuple[list[JudgedLap], list[str]]:
    """The laps that the result holds too, and what differs, as sentences; that none is there differs as well."""
    if other := describe_other_track(laps, result):
        return [], [other]
    judged = judge_laps(laps, result)
    if not judged:
        return [], ["The result holds none of these laps: no time is the same."]
    return judged, [text for one in judged for text in one.differences]


def print_judgement(
    console: Console, laps: Iterable[Lap], judged: Sequence[JudgedLap], differences: Sequence[str]
) -> None:
    """Print what was compared and what differs."""
    for text in describe_judgement(laps, judged) if judged else ():
        console.print(to_markup(text), highlight=False)
    for text in differences:
        console.print(f"[red]{to_markup(text)}[/]", highlight=False)
    if not differences:
        console.print("[green]The game's result says the same.[/]", highlight=False)


def print_result(console: Console, path: Path, result: SessionResult) -> None:
    """Print the laps of a result: one table for each car in each session."""
    console.print(f"[bold]{to_markup(str(path))}[/]  {to_markup(result.track or 'unknown track')}", highlight=False)
    if not result.drives:
        console.print("  no lap", highlight=False)
    for session, drives in groupby(result.drives, key=lambda drive: drive.session):
        for drive in drives:
            title = f"{session or 'unknown session'}: {drive.driver or 'unnamed driver'}, {drive.car or 'unknown car'}"
            console.print(f"\n{to_markup(title)}", highlight=False, soft_wrap=True)
            console.print(_table(drive))


def _table(drive: ResultDrive) -> Table:
    sectors = max(len(lap.sectors_ms) for lap in drive.laps)
    counted = [lap for lap in drive.laps if lap.time_ms is not None and not lap.is_cut]
    best = min(counted, key=lambda lap: lap.time_ms or 0, default=None)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for title in ("lap", "time", *(f"S{number + 1}" for number in range(sectors))):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("tyres", no_wrap=True)
    table.add_column("valid")
    for lap in drive.laps:
        times = [format_sector_time(time) for time in lap.sectors_ms]
        verdict = "[red]cut[/]" if lap.is_cut else "[bold green]best[/]" if lap is best else "yes"
        table.add_row(
            str(lap.number),
            NO_TIME if lap.driven_ms is None else format_lap_time(lap.driven_ms),
            *times,
            *[""] * (sectors - len(times)),
            to_markup(lap.tyre),
            verdict,
        )
    return table


def result_dicts(path: Path, result: SessionResult) -> Iterator[dict[str, Any]]:
    """The laps of a result, for programs."""
    for drive in result.drives:
        for lap in drive.laps:
            about = {"session": drive.session, "driver": drive.driver, "car": drive.car, "number": lap.number}
            yield {"file": str(path), "track": result.track, **about, **official_dict(lap), "tyre": lap.tyre}


def official_dict(lap: ResultLap) -> dict[str, Any]:
    """What the game says of a lap, for programs."""
    return {
        "time_ms": lap.time_ms,
        "driven_ms": lap.driven_ms,
        "sectors_ms": list(lap.sectors_ms),
        "cuts": lap.cuts,
        "cut": lap.is_cut,
    }
