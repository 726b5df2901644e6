"""``report``: a page on the laps of recordings that needs nothing but a browser."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from telemetry.analysis.recorded_laps import LapRecording
from telemetry.analysis.same_drive import describe_copy, find_copies
from telemetry.base.errors import UsageError
from telemetry.base.text import format_count, format_size
from telemetry.cli._shared import options
from telemetry.cli._shared.catalog_folder import DEFAULT_CATALOG, CatalogFolder
from telemetry.cli._shared.input_files import FileFailure, FileFailures
from telemetry.cli._shared.lap_choice import (
    FilesAndLaps,
    LapTarget,
    Library,
    RecordedLap,
    main_drive,
    parse_files_and_laps,
    valid_laps,
)
from telemetry.cli._shared.messages import print_json, print_message, print_warning
from telemetry.cli._shared.quality_reports import read_reports
from telemetry.cli._shared.thresholds import TyresOut
from telemetry.cli._shared.track_choice import AcRoot, choose_track
from telemetry.fields.thresholds import DEFAULTS, Thresholds

if TYPE_CHECKING:
    from telemetry.analysis.known_tracks import FoundTrack
    from telemetry.analysis.quality import RecordingAnalysis
    from telemetry.analysis.report.stint_report import ReadRecording
    from telemetry.catalog.lap_recordings import StoredLaps


def report(
    files: FilesAndLaps,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", show_default=False, help="The page, like [bold]report.html[/]."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a page that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print every number of the page as one JSON object.")] = False,
    ac_root: AcRoot = None,
    catalog: CatalogFolder = DEFAULT_CATALOG,
    column_map: options.NamedColumns = None,
    include_ai: options.IncludeAi = False,
    no_summary: options.NoSummary = False,
    jobs: options.Jobs = None,
    tyres_out: TyresOut = DEFAULTS.tyres_out,
) -> None:
    """Write a page on laps: corners, traces, tyres, fuel, trend."""
    if output is None and not as_json:
        raise UsageError("Say where the page goes, like -o report.html, or --json for its numbers.")
    thresholds = Thresholds(tyres_out=tyres_out)
    named = Library(thresholds, include_ai=include_ai, column_map=column_map, catalog=catalog)
    chosen = _choose(named, parse_files_and_laps(files))
    if output is not None:
        for path in chosen.paths:
            options.check_is_not_source(str(path), str(output))
    failures = FileFailures(len(chosen.paths), None)
    reports = read_reports(
        chosen.paths, tyres_out, jobs, include_ai=include_ai, read_all=no_summary, column_map=column_map
    )
    recordings = [*_choose_recordings(reports, chosen, failures, column_map), *map(_read_stored, chosen.stored)]
    if not recordings:
        failures.check()
    library = Library(thresholds, include_ai=include_ai, column_map=column_map)
    for one in recordings:
        library.add(one.recording)
    laps = _laps_of_one_drive(library)
    found = _find_track(library, laps, ac_root)

    from telemetry.analysis.report.page import write_page
    from telemetry.analysis.report.stint_report import make_stint_report
    from telemetry.analysis.report.trace_data import make_trace_data
    from telemetry.analysis.report.values import to_values

    made = make_stint_report(recordings, [(one.recording.path, one.lap) for one in laps], found)
    data = make_trace_data(made)
    if found is not None and found.problem:
        print_warning(f"The track could not be kept: {found.problem}")
    if output is not None:
        write_page(made, data, output, overwrite=overwrite)
        print_message(f"{output}: {format_count(len(laps), 'lap')}, {format_size(output.stat().st_size)}.")
    if as_json:
        print_json(to_values(made, data))
    failures.check()


class _Chosen(NamedTuple):
    """The recordings of a report, and the laps of the catalog that are wanted of them."""

    paths: list[Path]
    laps: dict[Path, set[int]]
    """The first samples of those laps; nothing for a recording of which all laps are wanted."""
    stored: "list[StoredLaps]"
    """Recordings that have gone, with these laps."""


def _choose(library: Library, targets: Sequence[LapTarget]) -> _Chosen:
    whole = [target.path for target in targets if target.selection is None]
    selected = [target for target in targets if target.selection is not None]
    if not selected:
        return _Chosen(whole, {}, [])
    from telemetry.catalog.lap_recordings import StoredLaps

    by_path: dict[Path, list[RecordedLap]] = {}
    for one in library.laps_of(selected):
        by_path.setdefault(one.recording.path, []).append(one)
    laps: dict[Path, set[int]] = {}
    stored = []
    for path, same in by_path.items():
        recording = same[0].recording
        if isinstance(recording, StoredLaps):
            stored.append(replace(recording, laps=tuple(one.lap for one in same)))
        elif path not in whole:
            laps[path] = {one.lap.first_sequence for one in same}
    return _Chosen([*whole, *laps], laps, stored)


def _choose_recordings(
    reports: "Iterable[RecordingAnalysis | FileFailure]",
    chosen: _Chosen,
    failures: FileFailures,
    column_map: Path | None,
) -> "list[ReadRecording]":
    """The recordings that can be read, without those that hold the same drive as another one."""
    from telemetry.analysis.report.stint_report import ReadRecording

    read: list[RecordingAnalysis] = []
    for result in reports:
        if isinstance(result, FileFailure):
            failures.add(result)
        else:
            read.append(result)
    copies = find_copies([analysis.fingerprint for analysis in read])
    for copy, original in sorted(copies.items()):
        print_warning(describe_copy(read[copy].report.file, read[original].report.file))
    found = []
    for at, one in enumerate(read):
        if at in copies:
            continue
        path, missing = Path(one.report.file), frozenset(one.report.missing_fields)
        wanted = chosen.laps.get(path)
        laps = tuple(lap for lap in one.laps if wanted is None or lap.first_sequence in wanted)
        found.append(ReadRecording(LapRecording(path, laps, missing, column_map), one.report))
    return found


def _read_stored(stored: "StoredLaps") -> "ReadRecording":
    """Laps of the catalog whose recording has gone, and the quality of the samples that are left of it."""
    from telemetry.analysis.quality import analyze_recording
    from telemetry.analysis.report.stint_report import ReadRecording
    from telemetry.catalog.lap_samples import LapSamples

    with LapSamples(stored.store, stored.rows, stored.path) as source:
        return ReadRecording(stored, analyze_recording(source, stored.path, size=0).report)


def _laps_of_one_drive(library: Library) -> list[RecordedLap]:
    """The laps of the car and track that most valid laps are of, or most laps where none is valid."""
    every = library.known_laps()
    drive = main_drive(every)
    counts = Counter(one.lap.car_and_track for one in drive)
    if not counts:
        return []
    ((most, _),) = counts.most_common(1)
    laps = [one for one in drive if one.lap.car_and_track == most]
    if len(laps) < len(every):
        rest = format_count(len(every) - len(laps), "lap")
        print_warning(
            f"The report is on {most.car or 'an unknown car'}, {most.track_name}: {rest} of others are left out."
        )
    return laps


def _find_track(library: Library, laps: Sequence[RecordedLap], ac_root: Path | None) -> "FoundTrack | None":
    """The track of these laps; None where none of them tells it."""
    from telemetry.analysis.known_tracks import load_track

    candidates = valid_laps(laps) or [one for one in laps if one.lap.complete] or list(laps)
    if not candidates:
        return None
    known = load_track(candidates[0].lap)
    if known is not None:
        return known
    try:
        return choose_track(library, candidates[0], ac_root)
    except UsageError:  # that no lap can be put on a track; the report says so
        return None
