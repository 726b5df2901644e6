"""The comparison of two laps for a person: both laps, the corners, the words, the curve of the delta."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from telemetry.analysis.comparison import Comparison, Part, describe_lap, has_causes, words_of
from telemetry.base.text import DASH, format_number
from telemetry.cli._shared.tables import label_table, table_console, to_markup
from telemetry.terminal.braille import braille_curve

_CURVE_LINES: Final = 4
_CURVE_CELLS: Final = 100
"""Most cells of a curve; more say nothing more."""

_SCALE_CELLS: Final = 8
"""Cells of the numbers beside a curve."""

_MIN_SCALE_S: Final = 0.05
"""The smallest delta that fills the height of a curve: less is the noise of a lap."""

_COLUMNS_FOR_ALL: Final = 80
"""Columns of a terminal that has room for all columns of the table."""


def print_comparison(comparison: Comparison) -> None:
    """Print all of it on standard output."""
    console = table_console()
    _print_heading(console, comparison)
    console.print(_table(comparison, console.width))
    for title, lost in (("Most is lost", True), ("Most is won", False)):
        _print_words(console, title, comparison.most(lost=lost))
    for line in _curve(comparison, min(console.width, _CURVE_CELLS + _SCALE_CELLS)):
        console.print(line, highlight=False, no_wrap=True, crop=True)
    for warning in comparison.warnings:
        console.print(f"[yellow]{to_markup(warning)}[/]", highlight=False)


def _print_heading(console: Console, comparison: Comparison) -> None:
    table = label_table()
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    table.add_row("lap", to_markup(describe_lap(comparison.lap)))
    table.add_row("reference", to_markup(describe_lap(comparison.reference)))
    found = comparison.found
    place = comparison.lap.lap.car_and_track.track_name
    if found is not None:
        count = len(found.track.corners)
        place += f", {found.track.length_m:,.0f} m, {count} corners" + (" (found now)" if found.is_new else "")
    table.add_row("track", to_markup(place))
    if comparison.differences:
        table.add_row("differs", to_markup("; ".join(comparison.differences)))
    total = comparison.official_s
    if total is not None:
        covered = f"{comparison.covered:.1%} of the lap is covered" if comparison.covered < 1.0 else "all of it covered"
        unaccounted = comparison.unaccounted_s or 0.0
        rest = f", {_seconds(unaccounted)} s unaccounted for" if abs(unaccounted) >= 0.0005 else ""
        table.add_row("difference", f"[bold]{_seconds(total)} s[/] ({_word(total)}); {covered}{rest}")
    console.print(table, highlight=False)


def _word(seconds: float) -> str:
    return "slower" if seconds > 0.0 else "faster" if seconds < 0.0 else "as fast"


def _table(comparison: Comparison, width: int) -> Table:
    has_corners = any(part.lap is not None for part in comparison.parts)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("corner" if has_corners else "segment", no_wrap=True, max_width=20, overflow="ellipsis")
    for name in ("lost", "total"):
        table.add_column(name, justify="right", no_wrap=True)
    if has_corners:
        names = ["brakes m", "entry", "apex", "exit km/h", "throttle", "gear"]
        if width < _COLUMNS_FOR_ALL:
            names = ["brakes m", "apex", "exit km/h"]
        for name in names:
            table.add_column(name, justify="right", no_wrap=True)
    for part in comparison.parts:
        row = [to_markup(part.delta.segment.label), _lost(part.delta.lost_s), _seconds(part.delta.total_s)]
        if has_corners:
            row += _corner_cells(part, all_columns=width >= _COLUMNS_FOR_ALL)
        table.add_row(*row)
    return table


def _corner_cells(part: Part, *, all_columns: bool) -> Iterator[str]:
    """Numbers of the lap, and in dim what they are above the reference."""
    lap, reference = part.lap, part.reference
    if lap is None or reference is None:
        return
    cells = {
        "braking_m": _pair(lap.braking_m, reference.braking_m, 0),
        "entry_kmh": _pair(lap.entry_kmh, reference.entry_kmh, 0),
        "apex_kmh": _pair(lap.apex_kmh, reference.apex_kmh, 0),
        "exit_kmh": _pair(lap.exit_kmh, reference.exit_kmh, 0),
        "throttle_s": _pair(lap.throttle_s, reference.throttle_s, 2),
        "gear": _gear(lap.gear),
    }
    shown = cells if all_columns else {name: cells[name] for name in ("braking_m", "apex_kmh", "exit_kmh")}
    yield from shown.values()


def _pair(ours: float | None, theirs: float | None, decimals: int) -> str:
    if ours is None:
        return DASH
    text = f"{ours:.{decimals}f}"
    if theirs is None:
        return f"{text} [dim]{DASH:>4}[/]"
    difference = f"{ours - theirs:+.{decimals}f}"
    is_zero = not float(difference)
    return f"{text} [dim]{'=' if is_zero else difference:>{4 + (decimals > 0)}}[/]"


def _gear(gear: int | None) -> str:
    return DASH if gear is None else {0: "R", 1: "N"}.get(gear, str(gear - 1))


def _lost(seconds: float | None) -> str:
    if seconds is None:
        return DASH
    text = _seconds(seconds)
    if abs(seconds) < 0.0005:
        return text
    return f"[red]{text}[/]" if seconds > 0.0 else f"[green]{text}[/]"


def _seconds(seconds: float | None) -> str:
    return format_number(seconds, 3, 8, sign=True)


_NO_CAUSE: Final = "no single cause shows in pedals, speeds and line"


def _print_words(console: Console, title: str, parts: Sequence[Part]) -> None:
    if not parts:
        return
    console.print(f"\n[bold]{title}[/]", highlight=False)
    table = label_table()
    for part in parts:
        words = ", ".join(words_of(part)) or (_NO_CAUSE if has_causes(part) else "")
        table.add_row(f"  {to_markup(part.delta.segment.label)}", _lost(part.delta.lost_s), to_markup(words))
    console.print(table, highlight=False)


def _curve(comparison: Comparison, width: int) -> Iterator[str]:
    """The delta over the lap: above the middle slower, below faster; then the corners under it."""
    deltas: list[float] = comparison.delta_s.tolist()
    known = [value for value in deltas if math.isfinite(value)]
    if not known:
        return
    high, low = max(0.0, *known), min(0.0, *known)
    if high - low < _MIN_SCALE_S:
        middle = (high + low) / 2.0
        high, low = middle + _MIN_SCALE_S / 2.0, middle - _MIN_SCALE_S / 2.0
    cells = width - _SCALE_CELLS
    lines = braille_curve(deltas, cells, _CURVE_LINES, low, high)
    yield ""
    yield "[bold]Delta over the lap[/] [dim]in seconds, up is slower[/]"
    labels = {0: _seconds_short(high), _CURVE_LINES - 1: _seconds_short(low)}
    for number, line in enumerate(lines):
        yield f"[dim]{labels.get(number, ''):>{_SCALE_CELLS - 1}}[/] {line}"
    marks = _corner_marks(comparison, cells)
    if marks.strip():
        yield f"[dim]{'':>{_SCALE_CELLS}}{to_markup(marks)}[/]"


def _seconds_short(seconds: float) -> str:
    return format_number(seconds, 2, _SCALE_CELLS - 1, sign=True).strip()


def _corner_marks(comparison: Comparison, cells: int) -> str:
    """The numbers of the corners under their apexes; those that do not fit are left out."""
    found = comparison.found
    if found is None:
        return ""
    marks = [" "] * cells
    end = float(comparison.grid[-1]) or 1.0
    free_from = 0
    for corner in found.track.corners:
        at = math.floor(float(found.track.since_line(corner.apex)) / end * cells)
        text = f"T{corner.number}"
        begin = at - len(text) // 2
        if begin < free_from or begin + len(text) > cells:
            continue
        marks[begin : begin + len(text)] = text
        free_from = begin + len(text) + 1
    return "".join(marks)
