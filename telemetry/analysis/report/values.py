"""A report as JSON values: every number of its page, and those that it leaves out, like laps without traces."""

from dataclasses import asdict
from typing import Any

import numpy as np

from telemetry.analysis.dampers import EDGES_MM_S, DamperHistogram
from telemetry.analysis.figures import WHEEL_TONES
from telemetry.analysis.grip import Envelope
from telemetry.analysis.quality import list_findings
from telemetry.analysis.report.stint_report import ReportedLap, StintReport
from telemetry.analysis.report.trace_data import TraceData
from telemetry.analysis.tyres import TyreMeasure


def to_values(report: StintReport, data: TraceData | None) -> dict[str, Any]:
    """All of a report; what is not known is null."""
    best = report.best
    first = report.laps[0].lap if report.laps else None
    return {
        "car": None if first is None else first.car,
        "track": None if first is None else first.track,
        "layout": None if first is None else first.layout,
        "reference": None if best is None else best.label,
        "laps": [_lap(one, report) for one in report.laps],
        "comparison": None if report.comparison is None else report.comparison.to_dict(),
        "corners": [one.to_dict() for one in report.corners],
        "overview": None if report.overview is None else report.overview.to_dict(),
        "dampers": None if report.dampers is None else _dampers(report.dampers),
        "envelope": None if report.envelope is None else _envelope(report.envelope),
        "envelope_use": {label: asdict(use) for label, use in report.use.items()},
        "possible_lap_s": None if report.possible is None else report.possible.time_s,
        "traces": None if data is None else _traces(data),
        "recordings": [
            {**one.quality.to_dict(), "findings": [asdict(finding) for finding in list_findings(one.quality)]}
            for one in report.recordings
        ],
        "missing": dict(report.missing),
    }


def gap_s(one: ReportedLap, report: StintReport) -> float | None:
    """The time of a lap less that of the best one."""
    best = report.best
    if best is None or best.seconds is None or one.seconds is None:
        return None
    return one.seconds - best.seconds


def label_of(lap: object, report: StintReport) -> str:
    """The label of a lap of the report."""
    return next(one.label for one in report.laps if one.lap is lap)


def tyre_values(measure: TyreMeasure) -> dict[str, Any]:
    """The tyres of a lap; NaN as None."""
    return {name: _numbers(value) if isinstance(value, np.ndarray) else value for name, value in vars(measure).items()}


def _lap(one: ReportedLap, report: StintReport) -> dict[str, Any]:
    return {
        "label": one.label,
        "file": str(one.path),
        **one.lap.to_dict(),
        "gap_s": gap_s(one, report),
        "best": one is report.best,
        "conditions": None if one.driven is None else dict(one.driven.conditions),
        "measures": None if one.measure is None else asdict(one.measure),
        "tyres": None if one.tyres is None else tyre_values(one.tyres),
    }


def _dampers(histogram: DamperHistogram) -> dict[str, Any]:
    wheels = {
        wheel: {"bump": _numbers(bump), "rebound": _numbers(rebound)}
        for wheel, bump, rebound in zip(WHEEL_TONES, histogram.bump, histogram.rebound, strict=True)
    }
    return {"edges_mm_s": list(EDGES_MM_S), "wheels": wheels, "seconds": histogram.seconds}


def _envelope(limits: Envelope) -> dict[str, Any]:
    return {"speeds_kmh": limits.speeds_kmh.tolist(), "limit_g": [_numbers(row) for row in limits.limit_g]}


def _traces(data: TraceData) -> dict[str, Any]:
    return {
        "unit": data.unit,
        "places": (data.fraction * data.length).tolist(),
        "x": _numbers(data.course[0]),
        "z": _numbers(data.course[1]),
        "laps": [
            {"label": one.label, **{name: _numbers(column) for name, column in channels.items()}}
            for one, channels in zip(data.laps, data.channels, strict=True)
        ],
    }


def _numbers(column: Any) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in np.asarray(column, dtype=np.float64).tolist()]
