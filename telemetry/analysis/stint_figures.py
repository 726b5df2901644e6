"""Figures of what laps show as a whole: damper speeds, tyres from lap to lap, lap times with their trend."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

import numpy as np

from telemetry.analysis.comparison import DrivenLap
from telemetry.analysis.dampers import EDGES_MM_S, MIN_RATE_HZ, DamperHistogram, measure_dampers
from telemetry.analysis.figures import WHEEL_TONES, Axis, Band, Figure, Panel, Series, Tone
from telemetry.analysis.lap_clock import Floats
from telemetry.analysis.lap_figures import lap_names, lap_tones
from telemetry.analysis.stint import Stint, find_stints, lap_seconds
from telemetry.analysis.tyres import TyreMeasure, measure_tyres
from telemetry.base.errors import UsageError
from telemetry.laps.model import Lap

_NEW_STINT_GAP: Final = 1
"""Laps between two stints on the axis, so that no line joins them."""


def dampers_figure(laps: Sequence[DrivenLap]) -> Figure:
    """Shares of time by damper speed, a panel for each wheel.

    Raises :class:`telemetry.UsageError` where no lap was recorded at a rate that can show a damper.
    """
    histograms = [measure_dampers([one.trace]) for one in laps]
    if not any(histograms):
        raise UsageError(f"Damper speeds cannot be told: {_why_no_dampers(laps[0])}.")
    known = [
        (name, tone, histogram)
        for name, tone, histogram in zip(lap_names(laps), lap_tones(laps), histograms, strict=True)
        if histogram is not None
    ]
    return Figure("dampers", "Dampers", damper_panels(known), columns=2)


def damper_panels(histograms: Sequence[tuple[str, Tone, DamperHistogram]]) -> tuple[Panel, ...]:
    """A panel for each wheel with these histograms, of which each has a name and a tone."""
    count = len(EDGES_MM_S)
    edges = [*(f"{edge:.0f}" for edge in EDGES_MM_S[:0:-1]), "0", *(f"{edge:.0f}" for edge in EDGES_MM_S[1:])]
    ticks = tuple((float(at + 1 - count), text) for at, text in enumerate(edges))
    x = Axis("damper speed", "mm/s", "rebound left, bump right", -float(count), float(count), ticks)
    places = np.arange(2 * count, dtype=np.float64) - count + 0.5
    panels = []
    for wheel, title in enumerate(WHEEL_TONES):
        series = tuple(
            Series(name, places, _shares(histogram, wheel) * 100.0, tone, "bars")
            for name, tone, histogram in histograms
        )
        panels.append(Panel(x, Axis("share of time", "%", low=0.0), series, title))
    return tuple(panels)


def _why_no_dampers(lap: DrivenLap) -> str:
    if lap.trace.rate_hz < MIN_RATE_HZ:
        return (
            f"{lap.name} holds {lap.trace.rate_hz:.3g} samples a second, and {MIN_RATE_HZ:.0f} are needed ('record' "
            "keeps every physics step)"
        )
    return f"{lap.name} holds no suspension travel that moves"


def _shares(histogram: DamperHistogram, wheel: int) -> Floats:
    return np.concatenate([histogram.rebound[wheel, ::-1], histogram.bump[wheel]])


class _Places(NamedTuple):
    """Where laps stand on an axis of laps."""

    axis: Axis
    at: tuple[float, ...]
    """The place of each lap."""
    stints: tuple[Band, ...]
    """Empty where there is one only."""


def tyres_figure(laps: Sequence[DrivenLap]) -> Figure:
    """Pressure, temperature, spread over the tread and wear of each tyre over laps in driving order.

    The laps hold :data:`~telemetry.analysis.tyres.TYRE_FIELDS`.
    """
    measures = [measure_tyres([one.trace]) for one in laps]
    return Figure("tyres", "Tyres", tyre_panels([one.lap for one in laps], measures), columns=2)


def tyre_panels(laps: Sequence[Lap], measures: Sequence[TyreMeasure]) -> tuple[Panel, ...]:
    """The panels of these laps, each with what was measured of its tyres."""
    places = _place_laps(laps)
    worn = [[np.nan if share is None else share * 100.0 for share in lap.tyre_worn] for lap in laps]
    return (
        _tyre_panel(places, measures, Axis("pressure", "psi"), lambda one: one.pressure_psi),
        _tyre_panel(places, measures, Axis("core temperature", "°C"), lambda one: one.core_c),
        _tyre_panel(places, measures, Axis("tread", "°C", "inner - outer"), lambda one: one.spread_c, has_zero=True),
        _panel_of_wheels(places, np.array(worn, dtype=np.float64), Axis("wear", "%", low=0.0)),
    )


def _tyre_panel(
    places: _Places,
    measures: Sequence[TyreMeasure],
    axis: Axis,
    value: Callable[[TyreMeasure], Floats],
    *,
    has_zero: bool = False,
) -> Panel:
    return _panel_of_wheels(places, np.stack([value(one) for one in measures]), axis, has_zero=has_zero)


def _panel_of_wheels(places: _Places, values: Floats, axis: Axis, *, has_zero: bool = False) -> Panel:
    series = []
    for wheel, tone in enumerate(WHEEL_TONES):
        x, y = _broken(places, values[:, wheel])
        series.append(Series(tone, x, y, tone))
    return Panel(places.axis, axis, tuple(series), bands=places.stints, has_zero=has_zero)


def _broken(places: _Places, values: Floats) -> tuple[Floats, Floats]:
    """Places and values with a NaN between two stints."""
    x = np.array(places.at)
    breaks = np.flatnonzero(np.diff(x) > 1.0) + 1
    return np.insert(x, breaks, x[breaks] - 0.5), np.insert(np.asarray(values, dtype=np.float64), breaks, np.nan)


def _place_laps(laps: Sequence[Lap]) -> _Places:
    """The laps one after the other, with a gap where a stint ends."""
    at: list[float] = []
    bands: list[Band] = []
    ticks: list[tuple[float, str]] = []
    for _, group in groupby(enumerate(laps), key=lambda one: (one[1].start_index, one[1].stint)):
        begin = at[-1] + 1.0 + _NEW_STINT_GAP if at else 1.0
        own = [lap for _, lap in group]
        places = [begin + number for number in range(len(own))]
        at += places
        ticks += [(place, str(lap.number)) for place, lap in zip(places, own, strict=True)]
        number = len(bands) + 1
        bands.append(Band(begin - 0.5, (begin + places[-1]) / 2.0, places[-1] + 0.5, f"stint {number}", f"S{number}"))
    axis = Axis("lap", low=0.5, high=at[-1] + 0.5 if at else 1.5, ticks=tuple(ticks))
    return _Places(axis, tuple(at), tuple(bands) if len(bands) > 1 else ())


def stint_figure(laps: Sequence[Lap]) -> Figure:
    """Lap times with the trend of each stint, and fuel burnt, over laps of one car and track in driving order.

    Raises :class:`telemetry.UsageError` where no lap has a time.
    """
    timed = [lap for lap in laps if lap_seconds(lap) is not None]
    if not timed:
        raise UsageError("No complete lap has a time, so no stint can be shown.")
    places = _place_laps(timed)
    x = np.array(places.at)
    seconds = np.array([lap_seconds(lap) for lap in timed], dtype=np.float64)
    fuel = np.array([np.nan if lap.fuel_used_l is None else lap.fuel_used_l for lap in timed], dtype=np.float64)
    stints = find_stints(timed)
    clean = {id(lap) for stint in stints for lap in stint.laps}
    is_clean = np.array([id(lap) in clean for lap in timed])
    shown = seconds[is_clean] if is_clean.any() else seconds
    margin = max(float(np.ptp(shown)) * 0.3, 0.1)
    low, high = float(shown.min()) - margin, float(shown.max()) + margin
    place_of = {id(lap): place for lap, place in zip(timed, places.at, strict=True)}
    series = [
        Series("clean lap", x[is_clean], seconds[is_clean], "lap", "points"),
        Series("other lap", x[~is_clean], seconds[~is_clean], "plain", "points"),
        *_trends(stints, place_of),
    ]
    panels = (
        Panel(
            places.axis,
            Axis("lap time", "s", low=low, high=high, is_time=True),
            tuple(one for one in series if len(one.x)),
            bands=places.stints,
        ),
        Panel(
            places.axis, Axis("fuel burnt", "l", low=0.0), (Series("", x, fuel, "lap", "points"),), bands=places.stints
        ),
    )
    slower = [str(lap.number) for lap, time in zip(timed, seconds.tolist(), strict=True) if not low <= time <= high]
    notes = (f"Beyond the scale of lap times: lap {', '.join(slower)}.",) if slower else ()
    return Figure("stint", "Stint", panels, notes=notes)


def _trends(stints: Sequence[Stint], place_of: Mapping[int, float]) -> Iterator[Series]:
    for number, stint in enumerate(stints, start=1):
        trend = stint.trend
        if trend is None:
            continue
        x = np.array([place_of[id(lap)] for lap in stint.laps])
        seconds = np.array([lap_seconds(lap) for lap in stint.laps], dtype=np.float64)
        around = x - x.mean()
        ends = np.stack([seconds.mean() + around * slope for slope in (trend.low, trend.high)])
        name = f"{trend.slope:+.3f} s per lap ({trend.low:+.3f} to {trend.high:+.3f})"
        name = f"stint {number}: {name}" if len(stints) > 1 else f"trend {name}"
        y = seconds.mean() + around * trend.slope
        yield Series(name, x, y, "reference", low=ends.min(axis=0), high=ends.max(axis=0))
