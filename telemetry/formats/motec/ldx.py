"""The file beside a MoTeC log (``.ldx``), which holds its laps as beacons and details for people.

It is XML. Entities and a document type are refused, and nothing is fetched.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from telemetry.base.errors import SourceError
from telemetry.base.storage.regular_file import read_within

MAX_BYTES: Final = 1 << 24
"""Of a file that is read: a log of a day with a lap a second has a fifth of it."""

_ROOT: Final = "LDXFile"
_DATE_TIMES: Final = ("Log Date", "Log Time")
"""Details that i2 holds as dates and times, not as texts."""


@dataclass(frozen=True, slots=True)
class LogDetails:
    """What lies beside a log."""

    beacons_s: tuple[float, ...] = ()
    """Ends of laps in seconds since the log began, rising; without that of a lap of no length."""
    details: Mapping[str, str] = field(default_factory=dict)
    """Texts by MoTeC's names, like ``Driver`` and ``Total Laps``; empty ones are left out."""


def ldx_path(path: Path) -> Path:
    """The file that belongs beside a log."""
    return path.with_suffix(".ldx")


def ldx_name(name: str) -> str | None:
    """The name, path or address of the file that belongs beside this one; None where this is no log."""
    return f"{name[:-3]}.ldx" if name.casefold().endswith(".ld") else None


def read_ldx(path: Path) -> LogDetails:
    """The content of such a file; raises :class:`telemetry.SourceError` for one that is none, or that is damaged."""
    try:
        with path.open("rb") as file:
            data = read_within(file, MAX_BYTES)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    if data is None:
        raise SourceError(f"{path} is longer than {MAX_BYTES:,} bytes, which no list of laps is.")
    return _Parser(path).parse(data)


class _Parser:
    """Takes beacons and details out of the elements, wherever they are nested."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._is_root = True
        self._group = ""
        self._times: set[float] = set()
        self._details: dict[str, str] = {}

    def parse(self, data: bytes) -> LogDetails:
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            raise self._error(expat.errors.messages[error.code], error.lineno) from error
        except (ValueError, LookupError) as error:  # an encoding that Python or expat does not have
            raise self._error(str(error), 1) from error
        return LogDetails(tuple(sorted(self._times)), self._details)

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if self._is_root and name != _ROOT:
            raise self._error(f"it begins with <{name}>, and not with <{_ROOT}>")
        self._is_root = False
        if name == "MarkerGroup":
            self._group = attributes.get("Name", "")
        elif name == "Marker" and self._group == "Beacons":
            self._add_beacon(attributes)
        elif name in ("String", "DateTime", "Numeric") and attributes.get("Id") and attributes.get("Value"):
            self._details[attributes["Id"]] = attributes["Value"]

    def _add_beacon(self, attributes: Mapping[str, str]) -> None:
        text = attributes.get("Time", "")
        try:
            seconds = float(text) / 1e6
        except ValueError:
            seconds = math.nan
        if not 0.0 <= seconds < math.inf:
            raise self._error(f"a beacon has the time {text!r}, which is no number of microseconds")
        if seconds > 0.0:
            self._times.add(seconds)

    def _refuse_doctype(self, *_declaration: object) -> None:
        raise self._error("it declares a document type, which such files do not have")

    def _error(self, reason: str, line: int | None = None) -> SourceError:
        line = self._parser.CurrentLineNumber if line is None else line
        return SourceError(
            f"{self._path}, line {line}: {reason}. Move this file away to read the log beside it without it."
        )


def format_ldx(beacons_us: Sequence[int], lap_times_us: Mapping[int, int], details: Mapping[str, str]) -> bytes:
    """The content of a file with these beacons, in microseconds since the log began.

    ``lap_times_us`` holds the times of laps that can be the fastest, by their numbers: lap 0 goes from the log's
    beginning to the first beacon. ``details`` are further texts by MoTeC's names.
    """
    fastest = min(lap_times_us, key=lambda number: (lap_times_us[number], number), default=None)
    lines = ['<?xml version="1.0" encoding="utf-8"?>']
    lines.append(f'<{_ROOT} Locale="English_United Kingdom.1252" DefaultLocale="C" Version="1.6">')
    lines.append(" <Layers>")
    if beacons_us:
        lines += _layer(beacons_us)
    lines.append("  <Details>")
    lines += [_detail(name, text) for name, text in details.items()]
    lines.append(_detail("Total Laps", str(len(beacons_us) + 1)))
    if fastest is not None:
        lines.append(_detail("Fastest Time", _format_time(lap_times_us[fastest])))
        lines.append(_detail("Fastest Lap", str(fastest)))
    lines += ["  </Details>", " </Layers>", f"</{_ROOT}>"]
    return "\n".join([*lines, ""]).encode()


def _layer(beacons_us: Sequence[int]) -> list[str]:
    markers = [
        f'     <Marker Version="100" ClassName="BCN" Name="Manual.{number}" Flags="77" Time="{time_us}.000000"/>'
        for number, time_us in enumerate(beacons_us, start=1)
    ]
    head = ["  <Layer>", "   <MarkerBlock>", '    <MarkerGroup Name="Beacons" Index="3">']
    return [*head, *markers, "    </MarkerGroup>", "   </MarkerBlock>", "   <RangeBlock/>", "  </Layer>"]


def _detail(name: str, text: str) -> str:
    kind = "DateTime" if name in _DATE_TIMES else "String"
    return f"   <{kind} Id={quoteattr(name)} Value={quoteattr(_without_controls(text))}/>"


def _without_controls(text: str) -> str:
    """The text without the characters that XML cannot hold."""
    return "".join(character for character in text if character.isprintable())


def _format_time(time_us: int) -> str:
    """A lap time as i2 has it: m:ss.mmm."""
    minutes, milliseconds = divmod(round(time_us / 1e3), 60_000)
    return f"{minutes}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"
