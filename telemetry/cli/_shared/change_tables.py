"""Whether two groups of laps differ: their laps measured, tested, and told to a person or a program."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich import box
from rich.table import Table

from telemetry.analysis.change import LEVEL, MeasureChange, did_it_change
from telemetry.analysis.comparison import require_same_track
from telemetry.analysis.corner_measures import measure_corners
from telemetry.analysis.lap_measures import LapMeasure, measure_lap
from telemetry.base.text import DASH, format_count
from telemetry.cli._shared.lap_choice import Library, RecordedLap, read_driven, valid_laps
from telemetry.cli._shared.messages import print_json
from telemetry.cli._shared.tables import table_console, to_markup
from telemetry.cli._shared.track_choice import choose_track
from telemetry.tracks.definition import Track

NAMES: Final = {
    "lap_time_s": ("lap time", "s", 3),
    "corner_min_kmh": ("slowest in corners", "km/h", 1),
    "braking_m": ("braking before apex", "m", 1),
    "peak_brake": ("peak brake", "", 2),
    "throttle_s": ("apex to half throttle", "s", 2),
    "coasting_s": ("coasting", "s", 2),
    "full_throttle_s": ("full throttle", "s", 2),
    "top_kmh": ("top speed", "km/h", 1),
}
"""Each measure for a person: its name, its unit, and its decimals."""

_METHODS: Final = {"holm": "Holm", "westfall-young": "Westfall and Young"}


def compare_runs(
    library: Library, runs: Sequence[Path], against: Sequence[Path], ac_root: Path | None, *, as_json: bool
) -> None:
    """Print what changed from the laps of ``against`` to those of ``runs``.

    Raises :class:`telemetry.UsageError` for laps of different tracks, and for fewer than two valid laps on a side.
    """
    after, before = valid_laps(library.laps(runs)), valid_laps(library.laps(against))
    both = [*after, *before]
    for one in both:
        require_same_track(one.lap, both[0].lap)
    found = choose_track(library, both[0], ac_root) if both else None
    track = None if found is None else found.track
    changes = did_it_change(_measure(before, track), _measure(after, track))
    cars = [list(dict.fromkeys(one.lap.car for one in side)) for side in (before, after)]
    warnings = [] if cars[0] == cars[1] else ["The groups were driven with different cars."]
    if as_json:
        print_json(
            {
                "level": LEVEL,
                "laps": len(after),
                "laps_against": len(before),
                "changed": any(change.changed for change in changes),
                "measures": [{"unit": NAMES[one.measure][1], **asdict(one)} for one in changes],
                "warnings": warnings,
            }
        )
        return
    console = table_console()
    console.print(_table(changes))
    for text in (_verdict(changes, len(after), len(before)), *[f"[yellow]{to_markup(text)}[/]" for text in warnings]):
        console.print(text, highlight=False)


def _measure(laps: Sequence[RecordedLap], track: Track | None) -> list[LapMeasure]:
    traces = [driven.trace for driven in read_driven(laps, track)]
    return [measure_lap(trace, [] if track is None else measure_corners(track, trace)) for trace in traces]


def _table(changes: Sequence[MeasureChange]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("measure", no_wrap=True)
    for name in ("against", "runs", "change", "effect", "p", "needs"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("changed?", no_wrap=True)
    for change in changes:
        name, unit, decimals = NAMES[change.measure]
        table.add_row(
            f"{name} [dim]{unit}[/]" if unit else name,
            _number(change.mean_a, decimals),
            _number(change.mean_b, decimals),
            _number(change.change, decimals, sign=True),
            _number(change.effect, 1, sign=True),
            _number(change.p_corrected, 3),
            DASH if change.laps_needed is None else f"{change.laps_needed:,} laps",
            "[bold]yes[/]" if change.changed else "no" if change.changed is not None else "not known",
        )
    return table


def _verdict(changes: Sequence[MeasureChange], after: int, before: int) -> str:
    changed = [NAMES[change.measure][0] for change in changes if change.changed]
    groups = f"{format_count(after, 'lap')} against {format_count(before, 'lap')}"
    text = f"Changed: [bold]{', '.join(changed)}[/]" if changed else "Nothing changed that these laps could show"
    method = _METHODS[changes[0].method]
    return (
        f"\n{text} ({groups}).\n[dim]Level {LEVEL:.0%} for all eight measures together ({method}). Effect: in units of "
        "the spread from lap to lap. Needs: laps on either side with which a change of that size is found.[/]"
    )


def _number(value: float | None, decimals: int, *, sign: bool = False) -> str:
    return DASH if value is None else f"{value:{'+' if sign else ''}.{decimals}f}"
