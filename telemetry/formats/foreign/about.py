"""What the rows in front of a table say of its drive: of i2's export (and AiM's, which is alike), and of comments."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from telemetry.fields.metrics.enums import SESSION_NAMES

_TEXTS: Final = {
    "player_name": ("driver", "racer", "user", "player"),
    "car_model": ("vehicle", "car"),
    "track": ("venue", "track"),
    "track_configuration": ("layout", "track configuration"),
    "tyre_compound": ("tyre compound", "tyres"),
}
"""Fields that are texts, and their keys in lower case."""

_COMPOUND: Final = re.compile(r"Tires: (.+)", re.DOTALL)
_DATE: Final = re.compile(r"(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})")
_TIME: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:[.,]\d+)?\s*([AaPp])?\.?[Mm]?\.?")
_COMMENT: Final = re.compile(r"#+\s*([^:=]{1,60}?)\s*[:=]\s*(.*\S)", re.DOTALL)
_MAX_RATE_HZ: Final = 100_000.0
_MAX_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a table besides its columns."""

    texts: Mapping[str, str] = field(default_factory=dict)
    """Fields that have the same text in all samples."""
    comment: str = ""
    start: float | None = None
    """When it began, in Unix seconds, its date and time taken as local; None where it does not say."""
    session: int | None = None
    """The game's number of the session."""
    rate_hz: float | None = None
    beacons_s: tuple[float, ...] = ()
    """Ends of laps on the clock of the table, rising."""


def read_rows(rows: Sequence[Sequence[str]], *, decimal_comma: bool) -> About:
    """What the first rows of an export of i2 say: pairs of a key and a value, two in a row."""
    values: dict[str, str] = {}
    beacons: list[str] = []
    for row in rows:
        for at in (0, 4):
            if len(row) > at + 1 and row[at] and row[at + 1]:
                values.setdefault(row[at].strip().casefold(), row[at + 1].strip()[:_MAX_TEXT])
        if row and row[0].strip().casefold() == "beacon markers":
            beacons = [cell for cell in row[1:] if cell]
    rate = _read_number(values.get("sample rate", ""), decimal_comma=decimal_comma)
    return About(
        texts=_read_texts(values),
        comment=values.get("comment", ""),
        start=_read_start(
            values.get("log date", "") or values.get("date", ""), values.get("log time", "") or values.get("time", "")
        ),
        session=_read_session(values.get("session", "")),
        rate_hz=rate if rate is not None and 0.0 < rate <= _MAX_RATE_HZ else None,
        beacons_s=_read_beacons(beacons, decimal_comma=decimal_comma),
    )


def read_comments(lines: Sequence[str]) -> About:
    """What lines like ``# Car: ferrari_458`` in front of a table say."""
    matches = (_COMMENT.fullmatch(line.strip()) for line in lines)
    values = {match[1].casefold(): match[2][:_MAX_TEXT] for match in matches if match}
    return About(texts=_read_texts(values), session=_read_session(values.get("session", "")))


def _read_texts(values: Mapping[str, str]) -> dict[str, str]:
    texts = {
        name: text
        for name, keys in _TEXTS.items()
        if (text := next((values[key] for key in keys if key in values), ""))
    }
    if match := _COMPOUND.fullmatch(values.get("comment", "")):
        texts.setdefault("tyre_compound", match[1])
    return texts


def _read_session(name: str) -> int | None:
    numbers = {known: number for number, known in SESSION_NAMES.items()}
    return numbers.get(name.casefold().replace(" ", "_"))


def _read_number(text: str, *, decimal_comma: bool) -> float | None:
    try:
        return float(text.replace(",", ".") if decimal_comma else text)
    except ValueError:
        return None


def _read_beacons(cells: Sequence[str], *, decimal_comma: bool) -> tuple[float, ...]:
    """The times in cells like ``83.5``, ``83.5 170.25`` and, where that is no decimal comma, ``83.5, 170.25``."""
    text = " ".join(cells).replace(";", " ")
    texts = (text if decimal_comma else text.replace(",", " ")).split()
    numbers = [_read_number(one, decimal_comma=decimal_comma) for one in texts]
    return tuple(sorted({number for number in numbers if number is not None and 0.0 < number < 1e7}))


def _read_start(date: str, time: str) -> float | None:
    """Days come before months, as in most of the world, unless the second number cannot be a month."""
    day_match, time_match = _DATE.search(date), _TIME.fullmatch(time.strip())
    if day_match is None or time_match is None:
        return None
    first, second, third = map(int, day_match.groups())
    year, month, day = (first, second, third) if len(day_match[1]) == 4 else (third, second, first)
    if month > 12:
        month, day = day, month
    hour = int(time_match[1])
    if time_match[4]:
        hour = hour % 12 + (12 if time_match[4] in "Pp" else 0)
    moment = (year + (2000 if year < 100 else 0), month, day, hour, int(time_match[2]), int(time_match[3] or 0))
    try:
        return datetime(*moment).timestamp()  # noqa: DTZ001 - such files know no time zone
    except (ValueError, OverflowError, OSError):
        return None
