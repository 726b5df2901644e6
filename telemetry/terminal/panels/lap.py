"""The lap panel: times, sector, the gap to the best lap and the place on the track."""

from typing import Final

from rich.segment import Segment

from telemetry.base.text import format_delta, format_lap_time, format_number, percent, share_of
from telemetry.fields.derived import Sample
from telemetry.fields.display_limits import DISPLAY_LIMITS
from telemetry.terminal.draw import (
    BAD,
    COOL,
    GOOD,
    LABEL,
    PLAIN,
    VALUE,
    Line,
    bar,
    big_digits,
    centred_bar,
    justify,
    pad_or_crop,
)

FULL_DELTA: Final = DISPLAY_LIMITS.full_delta_s
"""Seconds ahead or behind that fill the bar of the gap."""


def lap_lines(sample: Sample, width: int) -> list[Line]:
    """Times, sector, gap to the best lap and the place on the track in five lines."""
    style = VALUE if sample.is_lap_valid else BAD
    now = [Segment(format_lap_time(sample.current_time), style)]
    return [
        justify(now, _lap_and_position(sample), width),
        justify(_time("last", sample.last_time), _time("best", sample.best_time), width),
        justify(_sector(sample), _time("last sector", sample.last_sector_time), width),
        *_gap_lines(sample, width),
    ]


def big_lap_lines(sample: Sample, width: int) -> list[Line]:
    """The same in nine lines, with the time of this lap large."""
    style = VALUE if sample.is_lap_valid else BAD
    text = format_lap_time(sample.current_time)
    while len(text) > 1 and len(big_digits(text)[0]) > width:  # fewer digits rather than half of one
        text = text[:-1]
    return [
        *([Segment(row, style)] for row in big_digits(text.rstrip(".:"))),
        justify(_sector(sample), _lap_and_position(sample), width),
        justify(
            [*_time("last", sample.last_time), Segment("   ", PLAIN), *_time("best", sample.best_time)],
            _time("last sector", sample.last_sector_time),
            width,
        ),
        *_gap_lines(sample, width),
    ]


def _time(name: str, milliseconds: int) -> Line:
    return [Segment(f"{name} ", LABEL), Segment(format_lap_time(milliseconds), VALUE if milliseconds > 0 else LABEL)]


def _of(count: int) -> str:
    return f"/{count}" if count > 0 else ""


def _lap_and_position(sample: Sample) -> Line:
    line = [
        Segment("lap ", LABEL),
        Segment(f"{sample.completed_laps + 1}{_of(sample.number_of_laps)}", VALUE),
    ]
    if sample.position > 0:
        line += [Segment("   P", LABEL), Segment(f"{sample.position}{_of(sample.num_cars)}", VALUE)]
    return line


def _sector(sample: Sample) -> Line:
    return [Segment("sector ", LABEL), Segment(f"{sample.current_sector_index + 1}{_of(sample.sector_count)}", VALUE)]


def _gap_lines(sample: Sample, width: int) -> list[Line]:
    delta = sample.performance_meter
    style = GOOD if delta < 0.0 else BAD if delta > 0.0 else LABEL
    room = width - 15
    arm = room if room % 2 else room - 1
    distance = sample.lap_distance
    place = f"{percent(sample.normalized_position)} %" if distance is None else f"{format_number(distance, 0, 6)} m"
    return [
        [
            Segment("delta ", LABEL),
            *pad_or_crop(centred_bar(delta / FULL_DELTA, arm, style), room),
            Segment(f"{format_delta(delta):>9}", style),
        ],
        [
            Segment("track ", LABEL),
            *bar(share_of(sample.normalized_position), room, COOL),
            Segment(f"{place:>9}", VALUE),
        ],
    ]
