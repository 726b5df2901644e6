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
from functools import cache
from pathlib import Path
from typing import Any, Final

from telemetry.demo.racing_line import Line
from telemetry.demo.track import Track

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
