"""The tables of tyres, grip and stints."""

import numpy as np

from telemetry.analysis.figures import WHEEL_TONES
from telemetry.analysis.lap_clock import Floats
from telemetry.analysis.report.markup import Column, Html, escape, number, spread, table
from telemetry.analysis.report.sections import lap_time
from telemetry.analysis.report.stint_report import StintReport
from telemetry.analysis.report.values import label_of
from telemetry.base.text import DASH, format_lap_time


def tyres_table(report: StintReport) -> Html:
    """The tyres over the laps, one row for each wheel."""
    measures = [one.tyres for one in report.shown if one.tyres is not None]
    if not measures:
        return Html("")
    columns = [
        Column("tyre", is_text=True),
        Column("pressure psi", "pressure"),
        Column("core °C", "core"),
        Column("inner °C", "tread"),
        Column("middle °C", "tread"),
        Column("outer °C", "tread"),
        Column("inner less outer", "spread"),
        Column("in left bends", "spread"),
        Column("in right bends", "spread"),
        Column("wear % per lap", "wear"),
    ]
    names = ("pressure_psi", "core_c", "inner_c", "middle_c", "outer_c", "spread_c", "spread_left_c", "spread_right_c")
    rows = []
    for wheel, tone in enumerate(WHEEL_TONES):
        values = [np.array([getattr(one, name)[wheel] for one in measures]) for name in names]
        worn = None if report.overview is None else report.overview.tyres.per_lap[wheel]
        cells = [_mean(value, sign=name.startswith("spread")) for name, value in zip(names, values, strict=True)]
        rows.append([tone, *cells, number(None if worn is None else 100.0 * worn, 2)])
    return table(columns, rows, name="Tyres")


def _mean(values: Floats, *, sign: bool) -> Html:
    known = values[np.isfinite(values)]
    if not len(known):
        return escape(DASH)
    return spread(float(known.mean()), float(known.std(ddof=1)) if len(known) > 1 else None, 1, sign=sign)


def use_table(report: StintReport) -> Html:
    """How much of the car's own envelope each lap uses."""
    columns = [Column("lap"), Column("time", "time"), Column("use %", "use"), Column("above 90 % s", "use")]
    rows = [
        [one.label, lap_time(one), number(100.0 * use.mean, 1), number(use.above_s, 1)]
        for one in report.shown
        if (use := report.use.get(one.label)) is not None
    ]
    return table(columns, rows, name="Use of the envelope")


def stints_table(report: StintReport) -> Html:
    """The stints with their consistency and trend."""
    columns = [
        Column("stint"),
        Column("laps"),
        Column("clean laps"),
        Column("median", "consistency"),
        Column("± s", "consistency"),
        Column("trend s/lap", "trend"),
        Column("from", "trend"),
        Column("to", "trend"),
    ]
    rows = []
    stints = () if report.overview is None else report.overview.stints
    for at, one in enumerate(stints, start=1):
        even, trend = one.stint.consistency, one.stint.trend
        slopes = (None, None, None) if trend is None else (trend.slope, trend.low, trend.high)
        middle = DASH if even.median_s is None else format_lap_time(round(even.median_s * 1e3))
        rows.append(
            [
                str(at),
                f"{label_of(one.stint.laps[0], report)} to {label_of(one.stint.laps[-1], report)}",
                str(even.laps),
                middle,
                number(even.deviation_s, 3),
                *(number(slope, 3, sign=True) for slope in slopes),
            ]
        )
    return table(columns, rows, name="Stints") if rows else Html("")
