"""The wheel panel: a line for each wheel."""

import math
from collections.abc import Mapping
from typing import Final

from rich.segment import Segment
from rich.style import Style

from telemetry.base.text import format_number, percent, sanitize, share_of
from telemetry.fields.derived import DEFAULTS, Sample
from telemetry.fields.display_limits import DISPLAY_LIMITS, TemperatureBand
from telemetry.terminal.draw import BAD, COLD, COOL, GOOD, LABEL, LIT, PLAIN, TITLE, WARN, Line, bar

_BAND_STYLES: Final[Mapping[TemperatureBand, Style]] = {"cold": COLD, "cool": COOL, "good": GOOD, "hot": WARN}

WHEEL_NAMES: Final = ("FL", "FR", "RL", "RR")


def wheels_title(sample: Sample) -> str:
    """The panel's title, with the compound of the tyres where it is known."""
    compound = sanitize(sample.tyre_compound)
    return f"wheels · {compound}" if compound else "wheels"


def wheel_lines(sample: Sample, width: int) -> list[Line]:
    """A line per wheel below one of headings; the wider, the more columns and the longer the bars."""
    tread = width >= 96
    full = width >= 76
    spare = width - 76 - (20 if tread else 0)
    load = spare // 3 if spare >= 15 else 0
    worn = 6 + (spare - load) // 3 if full else 0
    slip = 15 + spare - load - (worn - 6) if full else max(width - 46, 3)
    titles = [
        Segment(f"   {'slip':<{slip}}1=peak", LABEL),
        Segment(f"{'ratio':>6}", LABEL),
        Segment(f"{'load N':>{load + 7}}", LABEL),
        Segment(f"{'psi':>6}", LABEL),
        Segment(f"{'core':>6} ", LABEL),
        Segment("  inner  mid  outer " if tread else "", LABEL),
        Segment(f"{'brake':>6} " if full else "", LABEL),
        Segment("  worn", LABEL),
    ]
    return [titles, *(_wheel_line(sample, wheel, slip, load, worn, tread=tread) for wheel in range(4))]


def _wheel_line(sample: Sample, wheel: int, slip_width: int, load_width: int, worn_width: int, *, tread: bool) -> Line:
    slip, load, core = sample.wheel_slip[wheel], sample.wheel_load[wheel], sample.tyre_core_temp[wheel]
    ratio, worn = sample.slip_ratio[wheel], sample.tyre_worn[wheel]
    line = [
        Segment(f"{WHEEL_NAMES[wheel]} ", TITLE),
        *slip_bar(slip, slip_width),
        Segment(f"{format_number(slip, 2, 5):>6}", BAD if slip > DISPLAY_LIMITS.peak_slip else PLAIN),
        Segment(f"{format_number(ratio, 2, 5):>6}", LABEL if ratio is None else PLAIN),
    ]
    if load_width:
        # The scale follows the heaviest wheel, so that light and heavy cars both show how they lean.
        heaviest = max((value for value in sample.wheel_load if math.isfinite(value)), default=0.0)
        line += [Segment("  ", PLAIN), *bar(share_of(load, max(heaviest, 1.0)), load_width - 2, PLAIN)]
    line += [
        Segment(f"{format_number(load, 0, 6):>7}", PLAIN),
        Segment(f"{format_number(sample.wheel_pressure[wheel], 1, 5):>6}", PLAIN),
        _temperature(core, 6),
    ]
    if tread:
        line += [
            _temperature(sample.tyre_temp_inner[wheel], 6),
            _temperature(sample.tyre_temp_middle[wheel], 4),
            _temperature(sample.tyre_temp_outer[wheel], 6),
            Segment(" ", PLAIN),
        ]
    worn_style = worn_style_of(worn)
    line += [
        Segment(f"{format_number(sample.brake_temp[wheel], 0, 5):>6}°  " if worn_width else "", PLAIN),
        *bar(share_of(worn), worn_width, worn_style),
        Segment(f"{percent(worn):>4} % ", worn_style),
    ]
    if sample.wheel_locked[wheel]:
        line.append(Segment("LOCK", LIT["red"]))
    return line


def _temperature(celsius: float, width: int) -> Segment:
    return Segment(f"{format_number(celsius, 0, width - 1):>{width}}°", temperature_style(celsius))


def slip_bar(slip: float, width: int) -> Line:
    """Slip of 0..2 as a bar with the peak of the grip curve marked in its middle; what lies beyond is lit."""
    middle = width // 2
    filled = round(share_of(slip, DISPLAY_LIMITS.full_slip) * width)
    under, over = min(filled, middle), max(filled - middle - 1, 0)
    peak = Segment("┃", BAD if slip > DISPLAY_LIMITS.peak_slip else LABEL)
    return [
        Segment("━" * under, BAD if slip > DISPLAY_LIMITS.peak_slip else GOOD),
        Segment("─" * (middle - under), LABEL),
        peak,
        Segment("━" * over, BAD),
        Segment("─" * (width - middle - 1 - over), LABEL),
    ]


def temperature_style(celsius: float) -> Style:
    """The colour of a tyre's temperature."""
    if math.isnan(celsius):
        return LABEL
    for end, band in DISPLAY_LIMITS.tyre_temperature_bands:
        if celsius < end:
            return _BAND_STYLES[band]
    return BAD


def worn_style_of(worn: float | None) -> Style:
    """The colour of a tyre's wear, changing where the flags fire."""
    if worn is None:
        return LABEL
    return BAD if worn > DEFAULTS.tyre_critical else WARN if worn > DEFAULTS.tyre_damaged else GOOD
