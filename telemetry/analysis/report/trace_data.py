"""The laps of a report over one axis: what its page draws with a cursor."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from telemetry.analysis.comparison import DrivenLap
from telemetry.analysis.figures import Panel, corner_bands
from telemetry.analysis.lap_clock import Floats
from telemetry.analysis.lap_figures import (
    delta_figure,
    gear_figure,
    lengths_of,
    pedals_figure,
    speed_figure,
    steer_figure,
)
from telemetry.analysis.report.stint_report import ReportedLap, StintReport
from telemetry.analysis.traces import align, delta
from telemetry.base.text import format_measured_lap_time

CHANNELS: Final = ("delta_s", "speed_kmh", "gas", "brake", "gear", "steer_angle")
"""What is given of each lap at each place."""

_PERCENT: Final = ("gas", "brake", "steer_angle")
"""Channels that are shown in percent."""

MAX_LAPS: Final = 30
"""Laps of a page with traces: the fastest ones; all of them are in its tables."""

MIN_STEP_M: Final = 5.0
"""Metres between two places of the traces, at least."""

MAX_NUMBERS: Final = 94_000
"""Numbers in a page, which are four bytes each and a third more as text: half a megabyte."""

UNKNOWN_LENGTH_PLACES: Final = 800
"""Places on a track whose length the game does not tell."""


@dataclass(frozen=True, eq=False)
class TraceData:
    """Laps at the same places, the reference first, and then from the fastest to the slowest."""

    laps: tuple[ReportedLap, ...]
    fraction: Floats
    """Places as fractions of the lap since the line, shape (k,)."""
    length: float
    """Of a lap on the axis: the track in metres, or 100 where that is unknown."""
    unit: str
    """Of the axis: m or %."""
    channels: tuple[Mapping[str, Floats], ...]
    """For each lap :data:`CHANNELS`, shape (k,) each; NaN where the lap does not cover the place."""
    course: tuple[Floats, Floats]
    """World x and z of the reference at each place."""


def make_trace_data(report: StintReport) -> TraceData | None:
    """The traces of the laps of a report; None where no lap has any."""
    laps = report.shown[:MAX_LAPS]
    driven = [one.driven for one in laps if one.driven is not None]
    if not driven:
        return None
    axis, length = lengths_of(driven)
    end = max(one.trace.clock.end for one in driven)
    most = max(MAX_NUMBERS // (len(driven) * len(CHANNELS)), 2)
    places = min(int(np.ceil(end * length / MIN_STEP_M)) if axis.unit == "m" else UNKNOWN_LENGTH_PLACES, most)
    grid = np.linspace(0.0, end, max(places, 2) + 1)
    aligned = align([one.trace for one in driven], grid)
    channels = tuple(
        {
            "delta_s": delta(one, aligned[0]),
            **{name: one[name] * (100.0 if name in _PERCENT else 1.0) for name in CHANNELS[1:]},
        }
        for one in aligned
    )
    course = (aligned[0]["world_position_x"], aligned[0]["world_position_z"])
    return TraceData(laps, grid, length, axis.unit, channels, course)


def trace_panels(laps: Sequence[DrivenLap], report: StintReport) -> list[tuple[str, Panel]]:
    """The panels of traces of these laps, with the channel that each shows; the reference is the last lap."""
    track = report.track
    found = [("delta_s", delta_figure(laps, track).panels[0])] if len(laps) > 1 else []
    throttle, brake = pedals_figure(laps, track).panels
    return [
        *found,
        ("speed_kmh", speed_figure(laps, track).panels[0]),
        ("gas", throttle),
        ("brake", brake),
        ("gear", gear_figure(laps, track).panels[0]),
        ("steer_angle", steer_figure(laps, track).panels[0]),
    ]


def to_page_values(data: TraceData, report: StintReport) -> dict[str, Any]:
    """What the page's script is given: float32 as base64 in little-endian order."""
    middle = report.middle
    shown = [one.driven for one in (middle, report.best) if one is not None and one.driven is not None]
    return {
        "unit": data.unit,
        "places": _encode(data.fraction * data.length),
        "x": _encode(data.course[0]),
        "z": _encode(data.course[1]),
        "corners": [
            {"begin": band.begin, "apex": band.middle, "end": band.end, "label": band.label, "short": band.short}
            for band in corner_bands(report.track, data.length)
        ],
        "panels": [
            {
                "channel": channel,
                "title": panel.y.title,
                "low": panel.y.low,
                "high": panel.y.high,
                "ticks": [list(tick) for tick in panel.y.ticks],
                "stepped": any(one.kind == "step" for one in panel.series),
                "zero": panel.has_zero,
            }
            for channel, panel in trace_panels(shown, report)
        ],
        "laps": [
            {
                "label": one.label,
                "time": format_measured_lap_time(one.lap.time_ms, one.lap.measured_ms) or "",
                **{name: _encode(channels[name]) for name in CHANNELS},
            }
            for one, channels in zip(data.laps, data.channels, strict=True)
        ],
        "start": _worst_place(report) * data.length,
        "reference": 0,
        "lap": next((at for at, one in enumerate(data.laps) if one is middle), 0),
    }


def _worst_place(report: StintReport) -> float:
    """Where the median lap loses most, as a fraction since the line: an apex, or the middle of a segment."""
    most = [] if report.comparison is None else report.comparison.most(lost=True)
    if not most:
        return 0.0
    segment = most[0].delta.segment
    if segment.corner is None or report.track is None:
        return (segment.begin + segment.end) / 2.0
    return float(report.track.since_line(segment.corner.apex))


def _encode(values: Floats) -> str:
    return base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode("ascii")
