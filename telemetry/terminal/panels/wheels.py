"""The wheel panel: one line for each wheel."""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from rich.segment import Segment
from rich.style import Style

from telemetry.base.text import format_number, format_percent, fraction_of
from telemetry.fields.derived import Sample
from telemetry.fields.display_limits import DISPLAY_LIMITS, TemperatureBand
from telemetry.fields.thresholds import Thresholds
from telemetry.terminal.draw import BAD, COLD, COOL, GOOD, LABEL, LIT, PLAIN, TITLE, WARN, Line, bar, to_cells

_BAND_STYLES: Final[Mapping[TemperatureBand, Style]] = {"cold": COLD, "cool": COOL, "good": GOOD, "hot": WARN}

WHEEL_NAMES: Final = ("FL", "FR", "RL", "RR")


def wheels_title(sample: Sample) -> str:
    """The title of the panel, with the tyre compound where it is known."""
    compound = to_cells(sample.tyre_compound)
    return f"wheels · {compound}" if compound else "wheels"


def wheel_lines(sample: Sample, thresholds: Thresholds, width: int) -> list[Line]:
    """One line per wheel below a line of headings; a wider panel has more columns and longer bars."""
    widths = _column_widths(width)
    titles = [
        Segment(f"   {'slip':<{widths.slip}}1=peak", LABEL),
        Segment(f"{'ratio':>6}", LABEL),
        Segment(f"{'load N':>{widths.load + 7}}", LABEL),
        Segment(f"{'psi':>6}", LABEL),
        Segment(f"{'core':>6} ", LABEL),
        Segment("  inner  mid  outer " if widths.has_tread else "", LABEL),
        Segment(f"{'brake':>6} " if widths.worn else "", LABEL),
        Segment("  worn", LABEL),
    ]
    return [titles, *(_wheel_line(sample, thresholds, wheel, widths) for wheel in range(4))]


class _Widths(NamedTuple):
    """Cells of the bars of a wheel, 0 for none, and whether the temperatures across the tread are shown."""

    slip: int
    load: int
    worn: int
    has_tread: bool


def _column_widths(width: int) -> _Widths:
    has_tread = width >= 96
    has_brakes = width >= 76
    spare = width - 76 - (20 if has_tread else 0)
    load = spare // 3 if spare >= 15 else 0
    worn = 6 + (spare - load) // 3 if has_brakes else 0
    slip = 15 + spare - load - (worn - 6) if has_brakes else max(width - 46, 3)
    return _Widths(slip, load, worn, has_tread)


def _wheel_line(sample: Sample, thresholds: Thresholds, wheel: int, widths: _Widths) -> Line:
    slip, load, core = sample.wheel_slip[wheel], sample.wheel_load[wheel], sample.tyre_core_temp[wheel]
    ratio, worn = sample.slip_ratio[wheel], sample.tyre_worn[wheel]
    line = [
        Segment(f"{WHEEL_NAMES[wheel]} ", TITLE),
        *slip_bar(slip, widths.slip),
        Segment(f"{format_number(slip, 2, 5):>6}", BAD if slip > DISPLAY_LIMITS.peak_slip else PLAIN),
        Segment(f"{format_number(ratio, 2, 5):>6}", LABEL if ratio is None else PLAIN),
    ]
    if widths.load:
        # The largest load fills its bar, so that light and heavy cars both show how the load shifts.
        heaviest = max((value for value in sample.wheel_load if math.isfinite(value)), default=0.0)
        line += [Segment("  ", PLAIN), *bar(fraction_of(load, max(heaviest, 1.0)), widths.load - 2, PLAIN)]
    line += [
        Segment(f"{format_number(load, 0, 6):>7}", PLAIN),
        Segment(f"{format_number(sample.wheel_pressure[wheel], 1, 5):>6}", PLAIN),
        _temperature(core, 6),
    ]
    if widths.has_tread:
        line += [
            _temperature(sample.tyre_temp_inner[wheel], 6),
            _temperature(sample.tyre_temp_middle[wheel], 4),
            _temperature(sample.tyre_temp_outer[wheel], 6),
            Segment(" ", PLAIN),
        ]
    worn_style = wear_style(worn, thresholds)
    line += [
        Segment(f"{format_number(sample.brake_temp[wheel], 0, 5):>6}°  " if widths.worn else "", PLAIN),
        *bar(fraction_of(worn), widths.worn, worn_style),
        Segment(f"{format_percent(worn):>4} % ", worn_style),
    ]
    if sample.wheel_locked[wheel]:
        line.append(Segment("LOCK", LIT["red"]))
    return line


def _temperature(celsius: float, width: int) -> Segment:
    return Segment(f"{format_number(celsius, 0, width - 1):>{width}}°", temperature_style(celsius))


def slip_bar(slip: float, width: int) -> Line:
    """Slip as a bar with the peak of the grip curve marked in its middle; slip beyond the peak is red."""
    middle = width // 2
    filled = round(fraction_of(slip, DISPLAY_LIMITS.full_slip) * width)
    below, beyond = min(filled, middle), max(filled - middle - 1, 0)
    peak = Segment("┃", BAD if slip > DISPLAY_LIMITS.peak_slip else LABEL)
    return [
        Segment("━" * below, BAD if slip > DISPLAY_LIMITS.peak_slip else GOOD),
        Segment("─" * (middle - below), LABEL),
        peak,
        Segment("━" * beyond, BAD),
        Segment("─" * (width - middle - 1 - beyond), LABEL),
    ]


def temperature_style(celsius: float) -> Style:
    """The colour of a tyre's temperature."""
    if math.isnan(celsius):
        return LABEL
    for end, band in DISPLAY_LIMITS.tyre_temperature_bands:
        if celsius < end:
            return _BAND_STYLES[band]
    return BAD


def wear_style(worn: float | None, thresholds: Thresholds) -> Style:
    """The colour of a tyre's wear (0..1); it changes at the thresholds of the flags."""
    if worn is None:
        return LABEL
    return BAD if worn > thresholds.tyre_critical else WARN if worn > thresholds.tyre_damaged else GOOD
