"""How the recording goes, the charts of its last moments, and the line that stands for it all without a terminal."""

import math
from collections.abc import Mapping
from typing import Final

from rich.segment import Segment

from telemetry.base.text import format_duration, format_lap_time, format_number, format_size, percent, sanitize
from telemetry.fields.derived import Sample
from telemetry.recording.stats import LoopStats
from telemetry.terminal.draw import BAD, COOL, GOOD, LABEL, PLAIN, VALUE, WARN, Line, chart, justify
from telemetry.terminal.panels.car import gear_text
from telemetry.terminal.panels.status import flags
from telemetry.terminal.panels.view_state import History, ViewState


def trace_title(history: History, width: int) -> str:
    """How much time the charts of a view of that width span."""
    times = list(history.elapsed)[-max(width - 12, 1) :]
    seconds = times[-1] - times[0] if len(times) > 1 else 0.0
    return f"last {format_number(seconds, 0, 6)} s"


def trace_lines(history: History, width: int, height: int) -> list[Line]:
    """Speed, throttle and brake of the last moments as charts, ``height`` >= 3 lines in all."""
    pedal = max(height // 5, 1)
    room = width - 8
    speeds, gases, brakes = (list(values) for values in (history.speed, history.gas, history.brake))
    top = max((speed for speed in speeds[-room:] if math.isfinite(speed)), default=0.0)
    full = max(math.ceil(top / 50.0) * 50.0, 50.0)
    scale = format_number(full, 0, 6)
    return [
        *_labelled(chart(speeds, full, room, height - 2 * pedal, COOL), "km/h", scale),
        *_labelled(chart(gases, 1.0, room, pedal, GOOD), "gas", ""),
        *_labelled(chart(brakes, 1.0, room, pedal, BAD), "brake", ""),
    ]


def _labelled(rows: list[Line], name: str, scale: str) -> list[Line]:
    """A chart with its name at the foot and its scale, where there is one, at the top."""
    labels = [""] * len(rows)
    labels[0] = scale
    labels[-1] = name
    return [[Segment(f"{label:<8}", LABEL), *row] for label, row in zip(labels, rows, strict=True)]


def recorder_lines(scene: ViewState, width: int) -> list[Line]:
    """The file and its size, the rate, and whatever went wrong, in two lines."""
    stats = scene.stats
    measured = scene.history.rate() or stats.rate
    asked = "" if stats.rate_asked is None else f" of {stats.rate_asked:g}"
    if scene.output is None:
        file = [Segment("not recording", LABEL)]
    else:
        file = [
            Segment("● ", BAD),
            Segment(sanitize(scene.output), VALUE),
            Segment(f"  {format_size(stats.size)}", PLAIN),
        ]
    figures = [
        Segment(f"  {format_number(measured, 1, 7)}{asked}", VALUE),
        Segment(" Hz   ", LABEL),
        Segment(f"{stats.count:,}", VALUE),
        Segment(f" {stats.count_name}   ", LABEL),
        Segment(format_duration(stats.seconds) or "0:00:00", VALUE),
    ]
    jitter = _jitter(stats)
    faults = _faults(stats.faults)
    if _cells(faults) + _cells(jitter) > width:
        faults = _faults({_SHORT.get(name, name): count for name, count in stats.faults.items()})
    return [justify(file, figures, width), justify(faults, jitter, width)]


def _cells(line: Line) -> int:
    return sum(segment.cell_length for segment in line)


_SHORT: Final = {"duplicates": "dup"}
_STYLES: Final = {"duplicates": PLAIN, "dup": PLAIN, "dropped": BAD}


def _faults(counts: Mapping[str, int]) -> Line:
    faults: Line = []
    for name, count in counts.items():
        style = _STYLES.get(name, WARN) if count else PLAIN
        faults += [Segment(f"{name} ", LABEL), Segment(f"{count:,}  ", style)]
    return faults


def _jitter(stats: LoopStats) -> Line:
    try:
        middle, most = stats.jitter.quantile(0.5), stats.jitter.quantile(0.99)
    except RuntimeError:  # the sampling loop counted one at that very moment
        middle = most = None
    if middle is None or most is None:
        return []
    text = f"{format_number(middle, 2, 5)} / {format_number(most, 2, 5)}"
    return [Segment("jitter ", LABEL), Segment(text, PLAIN), Segment(" ms", LABEL)]


def plain_line(sample: Sample, stats: LoopStats) -> str:
    """The moment as one line of text."""
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
            f"gas {percent(sample.gas):>3}",
            f"brake {percent(sample.brake):>3}",
            f"{stats.count} {stats.count_name}",
            *flag_texts,
        ]
    )
