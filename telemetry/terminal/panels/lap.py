"""The lap panel: times, sector, delta to the best lap, and position on the track."""

from rich.segment import Segment
from rich.style import Style

from telemetry.base.text import DASH, format_delta, format_lap_time, format_number, format_percent, fraction_of
from telemetry.fields.derived import Sample
from telemetry.fields.display_limits import DISPLAY_LIMITS
from telemetry.laps.reference_delta import ReferenceFollower, SegmentGain
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
    line_width,
    pad_or_crop,
    to_cells,
)


def lap_title(follower: ReferenceFollower | None, width: int) -> str:
    """The title of the panel: what the delta is to, where that is a lap out of a file."""
    if follower is None:
        return "lap"
    reference = follower.reference
    if reference is None:
        return "lap, no reference"
    text = f"lap, delta to {format_lap_time(reference.time_ms)}"
    named = f"{text}, {to_cells(reference.name)}"
    return named if line_width([Segment(named)]) <= width - 6 else text


def delta_texts(follower: ReferenceFollower) -> list[str]:
    """The delta, and what the segment that was done last brought, each as text."""
    delta_s, gain = follower.delta.delta_s, follower.gain
    return [
        f"delta {DASH if delta_s is None else format_delta(delta_s)}",
        *([] if gain is None else [_gain_text(gain)]),
    ]


def _gain_text(gain: SegmentGain) -> str:
    return f"{gain.label if gain.corner is None else f'T{gain.corner}'} {gain.lost_s:+.2f}"


def lap_lines(sample: Sample, width: int, follower: ReferenceFollower | None = None) -> list[Line]:
    """Times, sector, delta to the best lap and position on the track in five lines."""
    style = VALUE if sample.is_lap_valid else BAD
    now = [Segment(format_lap_time(sample.current_time), style)]
    return [
        justify(now, _lap_and_position(sample), width),
        justify(_labelled_time("last", sample.last_time), _labelled_time("best", sample.best_time), width),
        justify(_sector(sample), _labelled_time("last sector", sample.last_sector_time), width),
        *_delta_lines(sample, width, follower),
    ]


def big_lap_lines(sample: Sample, width: int, follower: ReferenceFollower | None = None) -> list[Line]:
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
        *_delta_lines(sample, width, follower),
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


def _delta_lines(sample: Sample, width: int, follower: ReferenceFollower | None) -> list[Line]:
    """The delta to the reference, or else as the game has it, and the place on the track."""
    delta = sample.performance_meter if follower is None or follower.reference is None else follower.delta.delta_s
    room = width - 15
    odd_room = room if room % 2 else room - 1
    distance = sample.lap_distance
    if distance is None:
        fraction, position = fraction_of(sample.normalized_position), f"{format_percent(sample.normalized_position)} %"
    else:
        fraction, position = fraction_of(distance, sample.track_spline_length), f"{format_number(distance, 0, 6)} m"
    gain = None if follower is None else follower.gain
    done: Line = [] if gain is None else [Segment(f" {_gain_text(gain)}", _delta_style(round(gain.lost_s, 2)))]
    return [
        [
            Segment("delta ", LABEL),
            *pad_or_crop(
                centred_bar((delta or 0.0) / DISPLAY_LIMITS.full_delta_s, odd_room, _delta_style(delta)), room
            ),
            Segment(f"{DASH if delta is None else format_delta(delta):>9}", _delta_style(delta)),
        ],
        [
            Segment("track ", LABEL),
            *bar(fraction, room - line_width(done), COOL),
            *done,
            Segment(f"{position:>9}", VALUE),
        ],
    ]


def _delta_style(delta_s: float | None) -> Style:
    return LABEL if delta_s is None else GOOD if delta_s < 0.0 else BAD if delta_s > 0.0 else LABEL
