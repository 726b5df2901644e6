"""The car panel: gear, speed, engine, pedals and steering."""

import math
from typing import Final

from rich.segment import Segment

from telemetry.base.text import format_number, percent, share_of
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

SHIFT_ZONE: Final = DISPLAY_LIMITS.shift_rpm_fraction
"""Share of the highest engine speed from which on it is time to shift."""


def rpm_limit(sample: Sample, history: History) -> tuple[int, bool]:
    """The engine speed that fills the bar, and whether the car states it; else it is the highest one seen."""
    stated = sample.current_max_rpm if sample.current_max_rpm > 0 else sample.max_rpm
    return (stated, True) if stated > 0 else (max(history.highest_rpm, sample.rpm), False)


def time_to_shift(sample: Sample, history: History) -> bool:
    """Whether the engine turns in the shift zone, which only a car that states its limit has."""
    limit, stated = rpm_limit(sample, history)
    return stated and sample.rpm >= SHIFT_ZONE * limit


def rpm_bar(sample: Sample, history: History, width: int) -> Line:
    """Engine speed as a bar, the shift zone marked at its end."""
    limit, stated = rpm_limit(sample, history)
    filled = round(share_of(sample.rpm, limit) * max(width, 0))
    zone = math.floor(SHIFT_ZONE * width) if stated else width
    style = BAD if time_to_shift(sample, history) else GOOD
    low, high = min(filled, zone), max(filled - zone, 0)
    return [
        Segment("▇" * low, style),
        Segment("─" * (zone - low), LABEL),
        Segment("▇" * high, BAD),
        Segment("━" * (width - zone - high), BAD),
    ]


def _rpm_line(scene: ViewState, sample: Sample, width: int) -> Line:
    shift = time_to_shift(sample, scene.history)
    return [
        Segment("SHIFT" if shift else "rpm  ", LIT["red"] if shift else LABEL),
        Segment(" ", PLAIN),
        *rpm_bar(sample, scene.history, width - 12),
        Segment(f"{format_number(sample.rpm, 0, 5):>6}", VALUE),
    ]


def _pedal_lines(sample: Sample, width: int) -> list[Line]:
    room = width - 12
    arm = room if room % 2 else room - 1
    steer = sample.steer_angle
    steering = (
        f"{format_number(sample.steer_degrees, 0, 5, sign=True)}°"
        if sample.steer_degrees is not None
        else format_number(steer, 2, 6, sign=True)
    )
    return [
        [
            Segment("gas   ", LABEL),
            *thick_bar(share_of(sample.gas), room, GOOD),
            Segment(f"{percent(sample.gas):>6}", VALUE),
        ],
        [
            Segment("brake ", LABEL),
            *thick_bar(share_of(sample.brake), room, BAD),
            Segment(f"{percent(sample.brake):>6}", VALUE),
        ],
        [Segment("steer ", LABEL), *pad_or_crop(centred_bar(steer, arm, COOL), room), Segment(f"{steering:>6}", VALUE)],
    ]


def gear_text(sample: Sample) -> str:
    """The gear as one character."""
    return sample.gear_name if len(sample.gear_name) == 1 else "?"


def _acceleration(sample: Sample) -> tuple[str, str]:
    return format_number(sample.acc_g_x, 2, 6, sign=True), format_number(sample.acc_g_z, 2, 6, sign=True)


def car_lines(scene: ViewState, sample: Sample, width: int) -> list[Line]:
    """Gear, speed, forces, engine speed, pedals and steering in five lines."""
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
    return [first, _rpm_line(scene, sample, width), *_pedal_lines(sample, width)]


def big_car_lines(scene: ViewState, sample: Sample, width: int) -> list[Line]:
    """The same in nine lines, with gear and speed large."""
    lateral, longitudinal = _acceleration(sample)
    speed = format_number(sample.speed_kmh, 0, 3)
    figures = (
        ("", "", ""),
        ("lat", f"{lateral:>6}", "g"),
        ("lon", f"{longitudinal:>6}", "g"),
        ("clutch", f"{percent(sample.clutch):>4}", "%"),
        ("boost", f"{format_number(sample.turbo_boost, 2, 4):>5}", " "),
    )
    gear_style = BAD if time_to_shift(sample, scene.history) else TITLE
    lines: list[Line] = []
    for row, (gear, digits) in enumerate(zip(big_digits(gear_text(sample)), big_digits(f"{speed:>3}"), strict=True)):
        left = [
            Segment(f"{gear}   ", gear_style),
            Segment(digits, VALUE),
            Segment("" if row else " km/h", LABEL),
        ]
        name, figure, unit = figures[row]
        right = [Segment(name, LABEL), Segment(figure, VALUE), Segment(f" {unit}", LABEL)]
        lines.append(justify(left, right, width))
    return [*lines, _rpm_line(scene, sample, width), *_pedal_lines(sample, width)]
