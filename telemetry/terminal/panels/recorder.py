"""The recorder panel, the charts of the last samples, and the plain line that replaces the view without a terminal."""

import math
from collections.abc import Mapping
from typing import Final

from rich.segment import Segment

from telemetry.base.text import format_duration, format_lap_time, format_number, format_percent, format_size
from telemetry.fields.derived import Sample
from telemetry.laps.reference_delta import ReferenceFollower
from telemetry.recording.stats import LoopStats
from telemetry.terminal.draw import (
    BAD,
    COOL,
    GOOD,
    LABEL,
    PLAIN,
    VALUE,
    WARN,
    Line,
    chart,
    justify,
    line_width,
    to_cells,
)
from telemetry.terminal.panels.car import gear_text
from telemetry.terminal.panels.lap import delta_texts
from telemetry.terminal.panels.status import flags
from telemetry.terminal.panels.view_state import History, ViewState

_SHORT_NAMES: Final = {"duplicates": "dup"}
"""Names of faults where the panel is narrow."""

_FAULT_STYLES: Final = {"duplicates": PLAIN, "dup": PLAIN, "dropped": BAD}
"""Styles of faults that happened; all other faults are warnings."""


def chart_title(history: History, width: int) -> str:
    """The title of the charts: how many seconds they span."""
    times = list(history.elapsed)[-max(width - 12, 1) :]
    seconds = times[-1] - times[0] if len(times) > 1 else 0.0
    return f"last {format_number(seconds, 0, 6)} s"


def chart_lines(history: History, width: int, height: int) -> list[Line]:
    """Speed, throttle and brake of the last samples as charts, together ``height`` >= 3 lines."""
    pedal_height = max(height // 5, 1)
    room = width - 8
    speeds, gases, brakes = (list(values) for values in (history.speed, history.gas, history.brake))
    top = max((speed for speed in speeds[-room:] if math.isfinite(speed)), default=0.0)
    full_scale = max(math.ceil(top / 50.0) * 50.0, 50.0)
    scale = format_number(full_scale, 0, 6)
    return [
        *_labelled(chart(speeds, full_scale, room, height - 2 * pedal_height, COOL), "km/h", scale),
        *_labelled(chart(gases, 1.0, room, pedal_height, GOOD), "gas", ""),
        *_labelled(chart(brakes, 1.0, room, pedal_height, BAD), "brake", ""),
    ]


def _labelled(rows: list[Line], name: str, scale: str) -> list[Line]:
    """A chart with its name at the bottom and its scale, where there is one, at the top."""
    labels = [""] * len(rows)
    labels[0] = scale
    labels[-1] = name
    return [[Segment(f"{label:<8}", LABEL), *row] for label, row in zip(labels, rows, strict=True)]


def recorder_lines(view: ViewState, width: int) -> list[Line]:
    """The file and its size, the rate, the faults, the markers and the jitter in two lines."""
    stats = view.stats
    rate_hz = view.history.rate() or stats.rate
    wanted = "" if stats.rate_asked is None else f" of {stats.rate_asked:g}"
    if view.output is None:
        file = [Segment("not recording", LABEL)]
    else:
        file = [
            Segment("● ", BAD),
            Segment(to_cells(view.output), VALUE),
            Segment(f"  {format_size(stats.size)}", PLAIN),
        ]
    progress = [
        Segment(f"  {format_number(rate_hz, 1, 7)}{wanted}", VALUE),
        Segment(" Hz   ", LABEL),
        Segment(f"{stats.count:,}", VALUE),
        Segment(f" {stats.count_name}   ", LABEL),
        Segment(format_duration(stats.seconds) or "0:00:00", VALUE),
        *_share(stats),
    ]
    jitter = _jitter(stats)
    if stats.markers:
        gap = [Segment("  ", PLAIN)] if jitter else []
        jitter = [Segment("marker ", LABEL), Segment(f"{stats.markers:,}", GOOD), *gap, *jitter]
    faults = _faults(stats.faults)
    if line_width(faults) + line_width(jitter) > width:
        faults = _faults({_SHORT_NAMES.get(name, name): count for name, count in stats.faults.items()})
    return [justify(file, progress, width), justify(faults, jitter, width)]


def _share(stats: LoopStats) -> Line:
    """How much of a recording with a limit is done, and how long the rest takes."""
    if stats.share is None:
        return []
    share = Segment(f"   {format_percent(stats.share)} %", VALUE)
    left = None if stats.seconds_left is None else format_duration(stats.seconds_left)
    return [share, Segment(f"  {left}", VALUE), Segment(" left", LABEL)] if left else [share]


def _faults(counts: Mapping[str, int]) -> Line:
    faults: Line = []
    for name, count in counts.items():
        style = _FAULT_STYLES.get(name, WARN) if count else PLAIN
        faults += [Segment(f"{name} ", LABEL), Segment(f"{count:,}  ", style)]
    return faults


def _jitter(stats: LoopStats) -> Line:
    try:
        median, p99 = stats.jitter.quantile(0.5), stats.jitter.quantile(0.99)
    except RuntimeError:  # the sampling loop added one at the same time
        median = p99 = None
    if median is None or p99 is None:
        return []
    text = f"{format_number(median, 2, 5)} / {format_number(p99, 2, 5)}"
    return [Segment("jitter ", LABEL), Segment(text, PLAIN), Segment(" ms", LABEL)]


def plain_line(sample: Sample, stats: LoopStats, follower: ReferenceFollower | None = None) -> str:
    """The sample and the counters as one line of text, with the delta where there is a reference."""
    flag_texts = [flag.lit.lower() for flag in flags(sample) if flag.lit]
    return "  ".join(
        [
            f"{format_number(sample.elapsed, 1, 8):>8} s",
            f"{stats.state:<7}",
            f"lap {sample.completed_laps + 1}",
            f"S{sample.current_sector_index + 1}",
            f"{format_lap_time(sample.current_time):>9}",
            f"{format_number(sample.speed_kmh, 0, 4):>4} km/h",
            gear_text(sample),
            f"{format_number(sample.rpm, 0, 6):>5} rpm",
            f"gas {format_percent(sample.gas):>3}",
            f"brake {format_percent(sample.brake):>3}",
            *([] if follower is None or follower.reference is None else delta_texts(follower)),
            f"{stats.count} {stats.count_name}",
            *flag_texts,
        ]
    )
