"""The demo's circuit and its racing line, read from the file that is shipped beside this module.

Computing both takes more than 100 ms, which would be most of the time until the demo's first step. ``circuit.bin``
holds the result: a line of JSON with the name and the length of each series, then the series one after the other as
little-endian doubles. ``scripts/make_circuit.py`` writes it, and a test compares it with what is computed, value for
value.
"""

import json
import sys
from array import array
from dataclasses import fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from telemetry.demo.racing_line import Line, compute_racing_line
from telemetry.demo.random_circuit import make_circuit
from telemetry.demo.track import Track

OWN_NAME: Final = "demo_ring"
"""The name of the demo's own circuit on the pages."""
_NUMBERED: Final = "demo_circuit_"
"""How the names of further circuits begin; their numbers follow."""
MAX_CIRCUIT: Final = 1_000_000
"""The greatest number of a circuit."""

CIRCUIT_FILE: Final = Path(__file__).with_name("circuit.bin")

_LINE_LAYOUT: Final = "line_"
"""How the name of a layout begins whose timing line lies elsewhere than where the spline begins."""


def encode_circuit(track: Track, line: Line) -> bytes:
    """The content of the file for a circuit and its racing line."""
    values = _series_of("track", track) | _series_of("line", line)
    header = json.dumps({name: len(series) for name, series in values.items()})
    series = array("d", [value for series in values.values() for value in series])
    if sys.byteorder == "big":
        series.byteswap()
    return header.encode() + b"\n" + series.tobytes()


def demo_track() -> Track:
    """The demo circuit; read once in a process."""
    return _read_circuit()[0]


def racing_line() -> Line:
    """The racing line of the demo circuit; read once in a process."""
    return _read_circuit()[1]


class Circuit(NamedTuple):
    """A circuit of the demo: its number, its road, its racing line, and where its timing line lies, 0..1."""

    number: int
    track: Track
    racing_line: Line
    timing_line: float

    @property
    def name(self) -> str:
        """The name of the track on the pages."""
        return f"{_NUMBERED}{self.number}" if self.number else OWN_NAME


@lru_cache(maxsize=64)
def find_circuit(number: int) -> Circuit:
    """The demo's own circuit, which has the number 0, or one that is made from its number; made once."""
    if not number:
        return Circuit(0, demo_track(), racing_line(), 0.0)
    track, line = make_circuit(number)
    return Circuit(number, track, compute_racing_line(track), line)


def circuit_of_name(name: str) -> int | None:
    """The number of the circuit that has this name on the pages; None for any other track."""
    if name == OWN_NAME:
        return 0
    number = name.removeprefix(_NUMBERED)
    is_number = number != name and number.isascii() and number.isdigit() and not number.startswith("0")
    return int(number) if is_number and len(number) <= len(str(MAX_CIRCUIT)) and int(number) <= MAX_CIRCUIT else None


def layout_name(line: float) -> str:
    """The layout of the circuit whose timing line lies at this ``normalized_position``: empty where it is 0.

    The name tells every reader of the pages where the line is, as :func:`line_of_layout` does.
    """
    return f"{_LINE_LAYOUT}{line!r}" if line else ""


def line_of_layout(layout: str) -> float | None:
    """The ``normalized_position`` of the timing line of a layout of this circuit; None for any other layout."""
    if not layout:
        return 0.0
    if not layout.startswith(_LINE_LAYOUT):
        return None
    try:
        line = float(layout.removeprefix(_LINE_LAYOUT))
    except ValueError:
        return None
    return line if 0.0 <= line <= 1.0 else None


@cache
def _read_circuit() -> tuple[Track, Line]:
    header, _, data = CIRCUIT_FILE.read_bytes().partition(b"\n")
    series = array("d", data)
    if sys.byteorder == "big":
        series.byteswap()
    values: dict[str, Any] = {}
    start = 0
    for name, count in json.loads(header).items():
        values[name] = tuple(series[start : start + count])
        start += count
    (values["track.length"],), (values["track.spacing"],) = values["track.length"], values["track.spacing"]
    values["track.kerb"] = tuple(map(bool, values["track.kerb"]))
    return (
        Track(**{field.name: values[f"track.{field.name}"] for field in fields(Track)}),
        Line(**{field.name: values[f"line.{field.name}"] for field in fields(Line)}),
    )


def _series_of(name: str, row: Track | Line) -> dict[str, tuple[float, ...]]:
    """Each field as a series of numbers; a single number is a series of one."""
    values = {f"{name}.{field.name}": getattr(row, field.name) for field in fields(row)}
    return {name: value if isinstance(value, tuple) else (value,) for name, value in values.items()}
