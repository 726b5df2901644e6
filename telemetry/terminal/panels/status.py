"""Damage, flags and conditions."""

from typing import Final, NamedTuple

from rich.segment import Segment

from telemetry.base.text import format_number, format_percent, fraction_of
from telemetry.fields.derived import Sample
from telemetry.fields.thresholds import Thresholds
from telemetry.terminal.draw import BAD, GOOD, LABEL, LIT, PLAIN, VALUE, WARN, Line, bar, justify, line_width

FLAG_COLOURS: Final = {"blue": "blue", "yellow": "yellow", "penalty": "red"}
"""Colours of the marshals' flags; flags that are not listed are white."""


class Flag(NamedTuple):
    """A warning light."""

    name: str
    """The text while it is off."""
    lit: str
    """The text while it is lit; empty: it is off."""
    colour: str
    """The colour while it is lit."""


def damage_lines(sample: Sample, thresholds: Thresholds, width: int) -> list[Line]:
    """The five levels of damage in three lines."""
    front, rear, left, right, overall = sample.damage_level
    half = (width - 2) // 2
    rest = width - 2 - half
    gap = Segment("  ", PLAIN)
    return [
        [*_damage("front", front, thresholds, half), gap, *_damage("rear", rear, thresholds, rest)],
        [*_damage("left", left, thresholds, half), gap, *_damage("right", right, thresholds, rest)],
        _damage("overall", overall, thresholds, width),
    ]


def _damage(name: str, level: float, thresholds: Thresholds, width: int) -> Line:
    style = BAD if level > thresholds.critical else WARN if level > thresholds.damaged else GOOD
    label = f"{name:<6}" if len(name) < 6 else f"{name} "
    return [
        Segment(label, LABEL),
        *bar(fraction_of(level), width - len(label) - 4, style),
        Segment(f"{format_percent(level):>4}", style if level > thresholds.damaged else PLAIN),
    ]


def flags(sample: Sample) -> list[Flag]:
    """The nine warning lights, lit or off."""
    tyres_out = max(sample.number_of_tyres_out, 0)
    out = "" if not tyres_out else f"{tyres_out} TYRE{'S' if tyres_out > 1 else ''} OUT"
    flag = "" if sample.flag_name == "none" else "CHEQUERED" if sample.flag == 5 else f"{sample.flag_name.upper()} FLAG"
    pit = "IN PIT BOX" if sample.is_in_pit else "PIT LANE" if sample.is_in_pit_lane else ""
    drs = "DRS OPEN" if sample.drs_enabled else "DRS READY" if sample.drs_available else ""
    body = "BODY CRIT." if sample.bodywork_critical else "BODY DAMAGE" if sample.bodywork_damaged else ""
    tyre = "TYRES GONE" if sample.tyre_critical else "TYRES WORN" if sample.tyre_damaged else ""
    return [
        Flag("lap", "" if sample.is_lap_valid else "LAP INVALID", "red"),
        Flag("lock", "WHEEL LOCK" if sample.wheel_lock_detected else "", "red"),
        Flag("tyres out", out, "yellow" if sample.is_lap_valid else "red"),
        Flag("bodywork", body, "red" if sample.bodywork_critical else "yellow"),
        Flag("tyres", tyre, "red" if sample.tyre_critical else "yellow"),
        Flag("flag", flag, FLAG_COLOURS.get(sample.flag_name, "white")),
        Flag("pit", pit, "cyan"),
        Flag("limiter", "PIT LIMITER" if sample.pit_limiter_on else "", "cyan"),
        Flag("drs", drs, "green"),
    ]


def flag_lines(sample: Sample, width: int) -> list[Line]:
    """The flags in three lines of three: lit ones reversed and in capitals, the others dim."""
    room = max(width // 3, 1)
    cells: list[Line] = [
        [Segment(f"{lit[: room - 3]:^{room - 1}}", LIT[colour]), Segment(" ", PLAIN)]
        if lit
        else [Segment(f"{name[: room - 3]:^{room - 1}} ", LABEL)]
        for name, lit, colour in flags(sample)
    ]
    return [[segment for cell in cells[start : start + 3] for segment in cell] for start in (0, 3, 6)]


def condition_lines(sample: Sample, width: int) -> list[Line]:
    """Fuel, weather and settings in three lines."""
    parts = _conditions(sample)
    return [justify(parts[row], parts[row + 3], width) for row in range(3)]


def condition_line(sample: Sample, width: int) -> Line:
    """Fuel, weather and settings in one line, spread over the width."""
    parts = _conditions(sample)
    room = width - sum(line_width(part) for part in parts)
    gap = Segment(" " * min(max(room // (len(parts) - 1), 2), 8), PLAIN)
    return [segment for part in parts for segment in (*part, gap)]


def _conditions(sample: Sample) -> list[Line]:
    wind = f"{format_number(sample.wind_speed, 0, 4)} km/h {format_number(sample.wind_direction, 0, 4)}°"
    values = (
        ("fuel", f"{format_number(sample.fuel, 1, 5)} l"),
        ("air", f"{format_number(sample.air_temp, 0, 4)} °C"),
        ("wind", wind),
        ("bias", f"{format_percent(sample.brake_bias)} %"),
        ("road", f"{format_number(sample.road_temp, 0, 4)} °C"),
        ("grip", f"{format_percent(sample.surface_grip)} %"),
    )
    return [[Segment(f"{name} ", LABEL), Segment(text, VALUE)] for name, text in values]
