"""``laps``: the laps of recordings, as a table and for programs."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import chain, groupby, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from telemetry.analysis.lap_overview import LapsOfFile, summarize_laps
from telemetry.analysis.same_drive import DriveFingerprint, FingerprintBuilder, describe_copy, find_copies
from telemetry.base.clock import Clock
from telemetry.base.text import format_count, format_measured_lap_time, format_number, format_sector_time
from telemetry.cli._shared import options
from telemetry.cli._shared.input_files import FileFailure, FileFailures, process_files
from telemetry.cli._shared.lap_overviews import print_lap_overview, print_only_overviews
from telemetry.cli._shared.messages import print_json, print_warning
from telemetry.cli._shared.progress import ReadingProgress
from telemetry.cli._shared.quality_reports import recall_analysis_of
from telemetry.cli._shared.read_files import read_files
from telemetry.cli._shared.session_results import (
    SUFFIX,
    ResultOption,
    hold_against,
    official_dict,
    print_judgement,
    print_result,
    read_result,
    result_dicts,
)
from telemetry.cli._shared.stopping import Interrupted, stop_on_signal
from telemetry.cli._shared.tables import table_console, to_markup
from telemetry.cli._shared.thresholds import TyresOut
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.laps.car_and_track import CarAndTrack
from telemetry.laps.missing import describe_missing_lap_fields
from telemetry.laps.model import Lap, best_laps
from telemetry.laps.session_result import SessionResult, read_session_result
from telemetry.sources import open_source

if TYPE_CHECKING:
    from telemetry.fields.columns import Columns

_COLUMNS_FOR_TYRE_NAMES: Final = 119
"""Columns of a terminal that is wide enough for the full names of tyres."""

_COLUMNS_FOR_KIND: Final = 92
"""Columns of a terminal that is wide enough for the kind of a lap."""

_COLUMNS_FOR_GAP: Final = 100
"""Columns of a terminal that is wide enough for the gap of a lap to the best one."""

_NONE: Final = "\N{EN DASH}"


def laps(
    files: options.Files,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON array, with all that is known of each lap.")
    ] = False,
    column_map: options.NamedColumns = None,
    include_ai: options.IncludeAi = False,
    no_summary: options.NoSummary = False,
    jobs: options.Jobs = None,
    tyres_out: TyresOut = DEFAULTS.tyres_out,
    overall: Annotated[
        bool,
        typer.Option(
            "--overall", help="Print only what the laps show together: theoretical best, consistency, stints, fuel."
        ),
    ] = False,
    session_result: ResultOption = None,
) -> None:
    """Show the laps of recordings: times, sectors, speed, validity, and what they show together.

    Of a result of the game, [bold]race_out.json[/], it shows the laps as the game judged them.
    """
    official = read_result(session_result)
    console = table_console()
    failures = FileFailures(len(files), None if as_json else console)
    entries: list[dict[str, Any]] = []
    for shown in process_files((path for path in files if path.suffix.lower() == SUFFIX), _read_session_file):
        if isinstance(shown, FileFailure):
            failures.add(shown)
            entries.append(shown.to_dict())
        elif as_json:
            entries += result_dicts(shown.path, shown.result)
        else:
            print_result(console, shown.path, shown.result)
    files = [path for path in files if path.suffix.lower() != SUFFIX]
    thresholds = Thresholds(tyres_out=tyres_out)
    clock = Clock(math.inf)

    def recall(path: Path) -> _RecordedLaps | None:
        stored = None if no_summary else recall_analysis_of(path, thresholds, include_ai=include_ai)
        if stored is None:
            return None
        not_recorded = describe_missing_lap_fields(frozenset(stored.report.missing_fields))
        return _RecordedLaps(path, list(stored.laps), stored.fingerprint, not_recorded)

    with stop_on_signal(clock):
        read_one = partial(_read_laps, thresholds=thresholds, include_ai=include_ai, column_map=column_map)
        read = list(read_files(files, read_one, clock, jobs, recall))
    results = _without_copies(read)
    recorded = [LapsOfFile(result.path, result.laps) for result in results if isinstance(result, _RecordedLaps)]
    best = best_laps(chain.from_iterable(file.laps for file in recorded))
    overviews = summarize_laps(recorded)
    all_differences: list[str] = []
    for number, result in enumerate(results):
        if number and not as_json and not overall:
            console.print()
        if isinstance(result, FileFailure):
            failures.add(result)
            entries.append(result.to_dict())
        elif as_json:
            entries += () if overall else _lap_dicts(result.path, result.laps, best, official)
            if result.not_recorded:
                print_warning(f"{result.path} does not hold {result.not_recorded}.")
        elif not overall:
            _print_laps(console, result.path, result.laps, best)
            if result.not_recorded:
                console.print(f"[yellow]not recorded: {result.not_recorded}[/]", highlight=False)
        if official is not None and isinstance(result, _RecordedLaps):
            judged, differences = hold_against(result.laps, official)
            all_differences += differences
            if not as_json:
                print_judgement(console, result.laps, judged, differences)
    if overall:
        entries += [overview.to_dict() for overview in overviews]
    if overall and not as_json:
        print_only_overviews(console, overviews)
    elif not as_json:
        for overview in overviews:
            print_lap_overview(console, overview, has_title=len(overviews) > 1 or len(results) > 1)
    if as_json:
        print_json(entries)
        for text in all_differences:
            print_warning(text)
    failures.check()
    if all_differences:
        raise typer.Exit(1)


class _SessionFile(NamedTuple):
    path: Path
    result: SessionResult


def _read_session_file(path: Path) -> _SessionFile:
    return _SessionFile(path, read_session_result(path))


class _RecordedLaps(NamedTuple):
    """The laps of one file, and what it holds."""

    path: Path
    laps: list[Lap]
    fingerprint: DriveFingerprint
    not_recorded: str
    """The fields that it lacks and that matter to laps, for a person."""


def _read_laps(
    path: Path,
    clock: Clock,
    progress: ReadingProgress,
    *,
    thresholds: Thresholds,
    include_ai: bool,
    column_map: Path | None,
) -> _RecordedLaps:
    from telemetry.recording.recorded_laps import find_recorded_laps

    with open_source(path, column_map=column_map) as source:
        progress.start(f"Reading {path.name}", source)
        fingerprint = FingerprintBuilder(source)

        def watch(blocks: "Iterable[Columns]") -> "Iterator[Columns]":
            return takewhile(lambda _: not clock.stopped, progress.watch(fingerprint.watch(blocks)))

        found = list(find_recorded_laps(source, thresholds=thresholds, watch=watch))
        if clock.stopped:
            raise Interrupted(f"Stopped before {path} was read.")
        not_recorded = describe_missing_lap_fields(source.missing_fields)
    if include_ai:
        found = [lap.allow_ai() for lap in found]
    return _RecordedLaps(path, found, fingerprint.finish(), not_recorded)


def _without_copies(results: list[_RecordedLaps | FileFailure]) -> list[_RecordedLaps | FileFailure]:
    """The results without files that hold the same drive as another one, which are named in a warning."""
    read = [result for result in results if isinstance(result, _RecordedLaps)]
    copies = find_copies([file.fingerprint for file in read])
    for copy, original in sorted(copies.items()):
        print_warning(describe_copy(read[copy].path, read[original].path))
    left_out = [read[copy] for copy in copies]
    return [result for result in results if not any(result is copy for copy in left_out)]


def _lap_dicts(
    path: Path, recorded_laps: list[Lap], best: Mapping[CarAndTrack, Lap], official: SessionResult | None
) -> Iterator[dict[str, Any]]:
    judged = {} if official is None else {id(one.lap): one for one in hold_against(recorded_laps, official)[0]}
    for lap in recorded_laps:
        own_best = best.get(lap.car_and_track)
        entry = {"file": str(path), **lap.to_dict(), "best": lap is own_best, "gap_ms": _gap_ms(lap, own_best)}
        if official is not None:
            one = judged.get(id(lap))
            entry["result"] = one and {**official_dict(one.official), "differences": list(one.differences)}
        yield entry


def _print_laps(console: Console, path: Path, recorded_laps: list[Lap], best: Mapping[CarAndTrack, Lap]) -> None:
    console.print(f"[bold]{to_markup(str(path))}[/]{_title(recorded_laps)}", highlight=False, soft_wrap=True)
    has_several = len({lap.car_and_track for lap in recorded_laps}) > 1
    for car_and_track, drive in groupby(recorded_laps, key=lambda lap: lap.car_and_track):
        if has_several:
            console.print(f"\n{_place_text(car_and_track)}", highlight=False, soft_wrap=True)
        console.print(_lap_table(list(drive), best.get(car_and_track), console.width))
    if any(lap.complete and lap.time_ms is None for lap in recorded_laps):
        console.print("[dim]~ measured: the recording has no official time.[/]", highlight=False)


def _lap_table(shown: list[Lap], best: Lap | None, width: int) -> Table:
    """The laps of one car on one track as a table for a console of this width."""
    has_tyre_names, has_kind, has_gap = (
        width >= least for least in (_COLUMNS_FOR_TYRE_NAMES, _COLUMNS_FOR_KIND, _COLUMNS_FOR_GAP)
    )
    sectors = max(len(lap.sectors_ms) for lap in shown)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("lap", justify="right", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    if has_gap:
        table.add_column("gap", justify="right", no_wrap=True)
    for sector in range(sectors if sectors > 1 else 0):
        table.add_column(f"S{sector + 1}", justify="right", no_wrap=True)
    table.add_column("km/h", justify="right", no_wrap=True)
    table.add_column("fuel", justify="right", no_wrap=True)
    table.add_column("tyres", no_wrap=True)
    if has_kind:
        table.add_column("kind", no_wrap=True)
    table.add_column("valid", min_width=12)
    for number, lap in enumerate(shown):
        if number and lap.start_index != shown[number - 1].start_index:
            table.add_section()
        times = [_sector_text(time) for time in lap.sectors_ms]
        times += [_NONE] * (sectors - len(times))
        table.add_row(
            str(lap.number),
            _time_text(lap),
            *((_gap_text(lap, best),) if has_gap else ()),
            *(times if sectors > 1 else ()),
            _NONE if lap.top_speed_kmh is None else f"{lap.top_speed_kmh:.0f}",
            _NONE if lap.fuel_used_l is None else f"{lap.fuel_used_l:.2f} l",
            _tyres_text(lap, full_name=has_tyre_names),
            *((lap.kind,) if has_kind else ()),
            _validity_text(lap, best=lap is best),
            style="" if lap.complete else "dim",
        )
    return table


def _title(recorded_laps: list[Lap]) -> str:
    if not recorded_laps:
        return "  no lap"
    counted = sum(lap.complete for lap in recorded_laps)
    places = dict.fromkeys(_place_text(lap.car_and_track) for lap in recorded_laps)
    names = (lap.session.replace("_", " ") for lap in recorded_laps)
    sessions = dict.fromkeys("unknown session" if name == "unknown" else name for name in names)
    return f"  {'; '.join(places)}, {', '.join(sessions)}: {format_count(counted, 'complete lap')}"


def _place_text(car_and_track: CarAndTrack) -> str:
    return to_markup(f"{car_and_track.car or 'unknown car'}, {car_and_track.track_name}")


def _time_text(lap: Lap) -> str:
    return format_measured_lap_time(lap.time_ms, lap.measured_ms if lap.complete else None) or _NONE


def _gap_ms(lap: Lap, best: Lap | None) -> int | None:
    """By how much a complete lap is slower than the best valid one; negative for one that does not count."""
    return lap.time_ms - best.time_ms if lap.complete and lap.time_ms and best and best.time_ms else None


def _gap_text(lap: Lap, best: Lap | None) -> str:
    gap_ms = _gap_ms(lap, best)
    return _NONE if gap_ms is None or lap is best else format_number(gap_ms / 1e3, 3, 7, sign=True)


def _sector_text(time_ms: int | None) -> str:
    return _NONE if time_ms is None else format_sector_time(time_ms)


def _tyres_text(lap: Lap, *, full_name: bool) -> str:
    """The compound and the wear of the most worn tyre; the short name of a compound stands in brackets in its name."""
    short = re.search(r"\((\w+)\)\s*$", lap.tyre_compound)
    name = lap.tyre_compound if full_name or short is None else short[1]
    worn = max((tyre for tyre in lap.tyre_worn if tyre is not None), default=None)
    parts = [to_markup(name)] if name else []
    if worn is not None:
        parts.append(f"{worn:.0%}")
    return " ".join(parts) or _NONE


def _validity_text(lap: Lap, *, best: bool) -> str:
    """The column ``valid``: best, yes, or the reasons why not."""
    if lap.valid:
        return "[bold green]best[/]" if best else "yes"
    reasons = to_markup(", ".join(lap.invalid_because))
    return f"[red]{reasons}[/]" if lap.complete else reasons
