"""Values as short text for people: lap times, durations, sizes, numbers."""

import math
import re
from collections.abc import Sequence
from typing import Any, Final

DASH: Final = "\N{EN DASH}"
NO_TIME: Final = "-:--.---"

_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def to_unicode(text: str) -> str:
    """The text with a replacement mark for what no encoding takes: a name that is not UTF-8 has such on Linux."""
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)


def to_unicode_values(value: Any) -> Any:
    """The same for all texts in nested dictionaries, lists and tuples, as JSON has them."""
    match value:
        case str():
            return to_unicode(value)
        case dict():
            return {to_unicode_values(key): to_unicode_values(element) for key, element in value.items()}
        case list() | tuple():
            return [to_unicode_values(element) for element in value]
        case _:
            return value


def format_lap_time(milliseconds: int) -> str:
    """A lap time as m:ss.mmm (from 100 minutes on h:mm:ss); ``-:--.---`` for 0 and less."""
    if milliseconds <= 0:
        return NO_TIME
    seconds, millis = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    if minutes >= 100:
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}.{millis:03}"


def format_sector_time(milliseconds: int) -> str:
    """A sector time as s.mmm, or like a lap time where it takes a minute."""
    return f"{milliseconds / 1e3:.3f}" if milliseconds < 60_000 else format_lap_time(milliseconds)


def format_measured_lap_time(official_ms: int | None, measured_ms: int | None) -> str | None:
    """The official lap time, else the measured one marked with ``~``; None without either."""
    if official_ms:
        return format_lap_time(official_ms)
    return f"~{format_lap_time(measured_ms)}" if measured_ms else None


def format_count(count: int, noun: str) -> str:
    """A number of things: 1 lap, 2 laps, 1,000 laps; the plural takes an s."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def join_names(names: Sequence[str], limit: int) -> str:
    """The names with commas, those after the first ``limit`` as ``and 3 more``."""
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + rest


def format_duration(seconds: float) -> str:
    """A positive duration as h:mm:ss; empty for any other number, such as the infinity of a session without an end."""
    if not 0.0 < seconds < 360_000.0:  # also for NaN
        return ""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def format_size(size: int) -> str:
    """A number of bytes in units of a thousand, as file managers show it."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.95 or unit == "GB":
            break
        amount /= 1000.0
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def format_number(value: float | None, decimals: int = 0, width: int = 6, *, sign: bool = False) -> str:
    """A figure of at most ``width`` characters: fewer decimals where it is long, a bound where nothing else helps."""
    if value is None or math.isnan(value):
        return DASH
    plus = "+" if sign else ""
    if math.isfinite(value):
        for places in range(decimals, -1, -1):
            text = f"{value:{plus}.{places}f}"
            if len(text) <= width:
                # A zero has a sign only by accident of rounding.
                return text.replace("-", " ", 1) if text.startswith("-") and not float(text) else text
    bound = f">1e{width - 1}" if value > 0.0 else f"<-1e{width - 2}"
    if len(bound) <= width:
        return bound
    return "9" * (width - 1) + "+" if value > 0.0 else "-" + "9" * (width - 1)


def format_delta(seconds: float) -> str:
    """A gap in seconds with its sign, as -0.123."""
    return format_number(seconds, 3, 7, sign=True)


def fraction_of(value: float | None, full: float = 1.0) -> float:
    """``value`` as a fraction of ``full``, clamped to 0..1; None, NaN and infinity of infinity count as 0."""
    fraction = 0.0 if value is None or not full > 0.0 else value / full
    return 0.0 if math.isnan(fraction) else min(max(fraction, 0.0), 1.0)


def format_percent(value: float | None) -> str:
    """A share of 1 in percent, at most four characters."""
    return DASH if value is None or math.isnan(value) else f"{100.0 * min(max(value, -9.0), 9.99):.0f}"
