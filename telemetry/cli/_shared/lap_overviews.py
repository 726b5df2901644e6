"""What laps show together, as text."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console

from telemetry.analysis.lap_overview import LapOverview, StintOfFile
from telemetry.base.text import format_count, format_lap_time, format_sector_time, join_names
from telemetry.cli._shared.tables import label_table, to_markup
from telemetry.laps.model import Lap

_WHEELS: Final = ("front left", "front right", "rear left", "rear right")

_MAX_STINTS: Final = 12
"""Stints that are shown one by one: all of a day, and not all of a season."""


def print_lap_overview(console: Console, overview: LapOverview, *, has_title: bool, is_first: bool = False) -> None:
    """What laps show together, a line each; nothing where they show nothing."""
    rows = list(_rows(overview))
    if not rows:
        return
    if not is_first:
        console.print()
    if has_title:
        console.print(f"[bold]{to_markup(place_title(overview))}[/]", highlight=False, soft_wrap=True)
    table = label_table()
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    for label, text in rows:
        table.add_row(label, to_markup(text))
    console.print(table, highlight=False)


def print_only_overviews(console: Console, overviews: Sequence[LapOverview]) -> None:
    """The same of all cars and tracks, and a sentence for those whose laps show nothing together."""
    for number, overview in enumerate(overviews):
        if list(_rows(overview)):
            print_lap_overview(console, overview, has_title=True, is_first=number == 0)
        else:
            text = f"{place_title(overview)}: nothing to tell, because no valid lap goes from line to line."
            console.print(f"{chr(10) * bool(number)}{to_markup(text)}", highlight=False, soft_wrap=True)
    if not overviews:
        console.print("No lap.")


def place_title(overview: LapOverview) -> str:
    """Car and track for a person."""
    place = overview.car_and_track
    return f"{place.car or 'unknown car'}, {place.track_name}"


def _rows(overview: LapOverview) -> Iterator[tuple[str, str]]:
    yield from _theoretical(overview)
    yield from _consistency(overview)
    for one in overview.stints[:_MAX_STINTS]:
        if one.stint.trend is not None:
            yield _stint_label(overview, one), _trend_text(one)
    hidden = len(overview.stints) - _MAX_STINTS
    if hidden > 0:
        yield "", f"{format_count(hidden, 'stint')} more: --json has them"
    yield from _fuel(overview)
    yield from _tyres(overview)


def _theoretical(overview: LapOverview) -> Iterator[tuple[str, str]]:
    theoretical, gain_ms = overview.theoretical, overview.possible_gain_ms
    if theoretical is None or gain_ms == 0:  # the best lap has all of its sectors
        return
    sectors = [
        f"S{number} {format_sector_time(sector.time_ms)} ({_lap_name(overview, sector.lap)})"
        for number, sector in enumerate(theoretical.sectors, start=1)
    ]
    less = "" if gain_ms is None else f", {gain_ms / 1e3:.3f} s below the best lap"
    yield "theoretical best", f"{format_lap_time(theoretical.time_ms)}{less}: {', '.join(sectors)}"


def _consistency(overview: LapOverview) -> Iterator[tuple[str, str]]:
    one = overview.consistency
    if one.deviation_s is None or one.median_s is None or one.deviation_share is None:
        return
    median = format_lap_time(round(one.median_s * 1e3))
    laps = format_count(one.laps, "clean lap")
    yield "consistency", f"±{one.deviation_s:.3f} s over {laps}, {one.deviation_share:.2%} of the median {median}"


def _trend_text(one: StintOfFile) -> str:
    stint, trend = one.stint, one.stint.trend
    assert trend is not None
    numbers = f"laps {stint.laps[0].number} to {stint.laps[-1].number}"
    is_told = trend.low > 0.0 or trend.high < 0.0
    verdict = "" if is_told else ", no clear trend"
    return f"{trend.slope:+.3f} s a lap over {numbers} (95%: {trend.low:+.3f} to {trend.high:+.3f}){verdict}"


def _stint_label(overview: LapOverview, one: StintOfFile) -> str:
    name = f"stint {one.stint.number}"
    return name if len(overview.files) == 1 else f"{name} of {one.path.name}"


def _fuel(overview: LapOverview) -> Iterator[tuple[str, str]]:
    fuel = overview.fuel
    if fuel.per_lap_l:
        left = "" if fuel.laps_left is None else f"; {fuel.left_l:.1f} l are left, for {fuel.laps_left:.1f} laps"
        yield "fuel", f"{fuel.per_lap_l:.2f} l a lap{left}"


def _tyres(overview: LapOverview) -> Iterator[tuple[str, str]]:
    tyres, worst = overview.tyres, overview.tyres.worst
    if worst:
        yield "tyres", f"{worst:.1%} of their life a lap, {_WHEELS[tyres.per_lap.index(worst)]}"


def _lap_name(overview: LapOverview, lap: Lap) -> str:
    runs = {one.start_index for _, laps in overview.files for one in laps}
    name = f"lap {lap.number}" + (f" of run {lap.start_index}" if len(runs) > 1 else "")
    return name if len(overview.files) == 1 else f"{name} of {join_names([overview.path_of(lap).name], 1)}"
