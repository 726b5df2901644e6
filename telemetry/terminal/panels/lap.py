"""The lap panel: times, sector, delta to the best lap, and position on the track."""

from rich.segment import Segment

from telemetry.base.text import format_delta, format_lap_time, format_number, format_percent, fraction_of
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


def lap_lines(sample: Sample, width: int) -> list[Line]:
    """Times, sector, delta to the best lap and position on the track in five lines."""
    style = VALUE if sample.is_lap_valid else BAD
    now = [Segment(format_lap_time(sample.current_time), style)]
    return [
        justify(now, _lap_and_position(sample), width),
        justify(_labelled_time("last", sample.last_time), _labelled_time("best", sample.best_time), width),
        justify(_sector(sample), _labelled_time("last sector", sample.last_sector_time), width),
        *_delta_lines(sample, width),
    ]


def big_lap_lines(sample: Sample, width: int) -> list[Line]:
    """The same in nine lines, with the time of this lap in big digits."""
    style = VALUE if sample.is_lap_valid else BAD
    text = format_lap_time(sample.current_time)
    while len(text) > 1 and len(big_digits(text)[0]) > width:  # rather fewer digits than half a digit
        text = text[:-1]
    return [
        *([Segment(row, style)] for row in big_digits(text.rstrip(".:"))),
        justify(_sector(sample), _lap_and_position(sample), width),
        justify(
            [
                *_labelled_time("last", sample.last_time),
                Segment("   ", PLAIN),
                *_labelled_time("best", sample.best_time),
            ],
            _labelled_time("last sector", sample.last_sector_time),
            width,
        ),
        *_delta_lines(sample, width),
    ]


def _labelled_time(name: str, milliseconds: int) -> Line:
    return [Segment(f"{name} ", LABEL), Segment(format_lap_time(milliseconds), VALUE if milliseconds > 0 else LABEL)]


def _out_of(count: int) -> str:
    return f"/{count}" if count > 0 else ""


def _lap_and_position(sample: Sample) -> Line:
    line = [
        Segment("lap ", LABEL),
        Segment(f"{sample.completed_laps + 1}{_out_of(sample.number_of_laps)}", VALUE),
    ]
    if sample.position > 0:
        line += [Segment("   P", LABEL), Segment(f"{sample.position}{_out_of(sample.num_cars)}", VALUE)]
    return line


def _sector(sample: Sample) -> Line:
    return [
        Segment("sector ", LABEL),
        Segment(f"{sample.current_sector_index + 1}{_out_of(sample.sector_count)}", VALUE),
    ]


def _delta_lines(sample: Sample, width: int) -> list[Line]:
    delta = sample.performance_meter
    style = GOOD if delta < 0.0 else BAD if delta > 0.0 else LABEL
    room = width - 15
    odd_room = room if room % 2 else room - 1
    distance = sample.lap_distance
    if distance is None:
        fraction, position = fraction_of(sample.normalized_position), f"{format_percent(sample.normalized_position)} %"
    else:
        fraction, position = fraction_of(distance, sample.track_spline_length), f"{format_number(distance, 0, 6)} m"
    return [
        [
            Segment("delta ", LABEL),
            *pad_or_crop(centred_bar(delta / DISPLAY_LIMITS.full_delta_s, odd_room, style), room),
            Segment(f"{format_delta(delta):>9}", style),
        ],
        [
            Segment("track ", LABEL),
            *bar(fraction, room, COOL),
            Segment(f"{position:>9}", VALUE),
        ],
    ]
