"""The car panel: gear, speed, engine, pedals and steering."""

import math
from typing import Final

from rich.segment import Segment

from telemetry.base.text import format_number, format_percent, fraction_of
from telemetry.fields.derived import Sample
from telemetry.fields.display_limits import DISPLAY_LIMITS
from telemetry.terminal.draw import (
    BAD,
    COOL,
    GOOD,
    LABEL,
    LIT,
    PLAIN,
    TITLE,
    VALUE,
    Line,
    big_digits,
    centred_bar,
    justify,
    pad_or_crop,
    thick_bar,
)
from telemetry.terminal.panels.view_state import History, ViewState

_MAX_GEAR_LENGTH: Final = 2


def rpm_limit(sample: Sample, history: History) -> tuple[int, bool]:
    """The engine speed that fills the bar, and whether the car states it; if not, it is the highest one so far."""
    stated = sample.current_max_rpm if sample.current_max_rpm > 0 else sample.max_rpm
    return (stated, True) if stated > 0 else (max(history.highest_rpm, sample.rpm), False)


def is_time_to_shift(sample: Sample, history: History) -> bool:
    """Whether the engine speed is in the shift zone; a car that does not state its limit has no such zone."""
    limit, stated = rpm_limit(sample, history)
    return stated and sample.rpm >= DISPLAY_LIMITS.shift_rpm_fraction * limit


def rpm_bar(sample: Sample, history: History, width: int) -> Line:
    """Engine speed as a bar with the shift zone marked at its end."""
    limit, stated = rpm_limit(sample, history)
    filled = round(fraction_of(sample.rpm, limit) * max(width, 0))
    zone = math.floor(DISPLAY_LIMITS.shift_rpm_fraction * width) if stated else width
    style = BAD if is_time_to_shift(sample, history) else GOOD
    below, within = min(filled, zone), max(filled - zone, 0)
    return [
        Segment("▇" * below, style),
        Segment("─" * (zone - below), LABEL),
        Segment("▇" * within, BAD),
        Segment("━" * (width - zone - within), BAD),
    ]


def _rpm_line(view: ViewState, sample: Sample, width: int) -> Line:
    shift = is_time_to_shift(sample, view.history)
    return [
        Segment("SHIFT" if shift else "rpm  ", LIT["red"] if shift else LABEL),
        Segment(" ", PLAIN),
        *rpm_bar(sample, view.history, width - 12),
        Segment(f"{format_number(sample.rpm, 0, 5):>6}", VALUE),
    ]


def _pedal_lines(sample: Sample, width: int) -> list[Line]:
    room = width - 12
    odd_room = room if room % 2 else room - 1
    steer = sample.steer_angle
    steering = (
        f"{format_number(sample.steer_degrees, 0, 5, sign=True)}°"
        if sample.steer_degrees is not None
        else format_number(steer, 2, 6, sign=True)
    )
    return [
        [
            Segment("gas   ", LABEL),
            *thick_bar(fraction_of(sample.gas), room, GOOD),
            Segment(f"{format_percent(sample.gas):>6}", VALUE),
        ],
        [
            Segment("brake ", LABEL),
            *thick_bar(fraction_of(sample.brake), room, BAD),
            Segment(f"{format_percent(sample.brake):>6}", VALUE),
        ],
        [
            Segment("steer ", LABEL),
            *pad_or_crop(centred_bar(steer, odd_room, COOL), room),
            Segment(f"{steering:>6}", VALUE),
        ],
    ]


def gear_text(sample: Sample) -> str:
    """The gear as one character, from tenth on as two; a question mark for a value that is no gear."""
    return sample.gear_name if len(sample.gear_name) <= _MAX_GEAR_LENGTH else "?"


def _acceleration(sample: Sample) -> tuple[str, str]:
    return format_number(sample.acc_g_x, 2, 6, sign=True), format_number(sample.acc_g_z, 2, 6, sign=True)


def car_lines(view: ViewState, sample: Sample, width: int) -> list[Line]:
    """Gear, speed, acceleration, engine speed, pedals and steering in five lines."""
    lateral, longitudinal = _acceleration(sample)
    first = justify(
        [
            Segment(f" {gear_text(sample)} ", LIT["white"]),
            Segment(f" {format_number(sample.speed_kmh, 0, 4):>4}", VALUE),
            Segment(" km/h", LABEL),
        ],
        [
            Segment("lat ", LABEL),
            Segment(f"{lateral:>5}", PLAIN),
            Segment(" lon ", LABEL),
            Segment(f"{longitudinal:>5}", PLAIN),
            Segment(" g", LABEL),
        ],
        width,
    )
    return [first, _rpm_line(view, sample, width), *_pedal_lines(sample, width)]


def big_car_lines(view: ViewState, sample: Sample, width: int) -> list[Line]:
    """The same in nine lines, with gear and speed in big digits."""
    lateral, longitudinal = _acceleration(sample)
    speed = format_number(sample.speed_kmh, 0, 3)
    values = (
        ("", "", ""),
        ("lat", f"{lateral:>6}", "g"),
        ("lon", f"{longitudinal:>6}", "g"),
        ("clutch", f"{format_percent(sample.clutch):>4}", "%"),
        ("boost", f"{format_number(sample.turbo_boost, 2, 4):>5}", " "),
    )
    gear_style = BAD if is_time_to_shift(sample, view.history) else TITLE
    lines: list[Line] = []
    for row, (gear, digits) in enumerate(zip(big_digits(gear_text(sample)), big_digits(f"{speed:>3}"), strict=True)):
        left = [
            Segment(f"{gear}   ", gear_style),
            Segment(digits, VALUE),
            Segment("" if row else " km/h", LABEL),
        ]
        name, value, unit = values[row]
        right = [Segment(name, LABEL), Segment(value, VALUE), Segment(f" {unit}", LABEL)]
        lines.append(justify(left, right, width))
    return [*lines, _rpm_line(view, sample, width), *_pedal_lines(sample, width)]
