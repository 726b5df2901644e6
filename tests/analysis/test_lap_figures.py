from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telemetry.analysis.comparison import DrivenLap
from telemetry.analysis.figures import Figure
from telemetry.analysis.lap_clock import Array, Floats
from telemetry.analysis.lap_figures import delta_figure, gear_figure, lap_names, pedals_figure, speed_figure
from telemetry.analysis.place_figures import gain_per_100m, gg_figure, map_figure
from telemetry.analysis.stint_figures import dampers_figure, stint_figure, tyres_figure
from telemetry.base.errors import UsageError
from tests.analysis.laps_by_hand import LENGTH_M, Place, lap_of, steady, trace_of


def constant(value: float, *shape: int) -> Any:
    return lambda place: np.full((len(place), *shape), value)


def driven(place: Place, time_ms: int, number: int = 1, path: str = "a.mcap", **options: Any) -> DrivenLap:
    trace = trace_of(place, time_ms, lap={"number": number}, **options)
    return DrivenLap(Path(path), trace.lap, trace, {})


def only(figure: Figure) -> tuple[Floats, Floats]:
    ((series,),) = (panel.series for panel in figure.panels)
    return series.x, series.y


def test_the_delta_is_that_of_the_official_times_at_the_line() -> None:
    slow, fast = driven(steady(61_000), 61_000), driven(steady(60_000), 60_000, 2)
    x, y = only(delta_figure([slow, fast], None))
    assert (x[0], y[0]) == pytest.approx((0.0, 0.0))
    assert (x[-1], y[-1]) == pytest.approx((LENGTH_M, 1.0))
    assert y == pytest.approx(x / LENGTH_M, abs=1e-3)
    with pytest.raises(UsageError, match="second lap"):
        delta_figure([slow], None)


def test_every_sample_of_a_lap_is_in_its_figure() -> None:
    lap = driven(steady(60_000), 60_000, speed_kmh=lambda place: 100.0 + place)
    x, y = only(speed_figure([lap], None))
    assert x.tolist() == lap.trace.metres.tolist()
    assert y.tolist() == lap.trace["speed_kmh"].tolist()


def test_a_line_is_broken_where_a_lap_is_not_covered() -> None:
    def speed(place: Floats) -> Array:
        return np.where((place > 0.4) & (place < 0.5), np.nan, 100.0)

    lap = driven(steady(60_000), 60_000, speed_kmh=speed)
    x, y = only(speed_figure([lap], None))
    assert np.isnan(y[(x > 0.41 * LENGTH_M) & (x < 0.49 * LENGTH_M)]).all()
    assert np.isfinite(y[x < 0.39 * LENGTH_M]).all()


def test_places_are_in_percent_where_the_length_of_the_track_is_unknown() -> None:
    lap = driven(steady(60_000), 60_000, length_m=0.0, gas=constant(0.5), brake=constant(0.0))
    throttle, brake = pedals_figure([lap], None).panels
    assert throttle.x.title == "place on the lap in %"
    assert throttle.series[0].x[-1] == pytest.approx(100.0)
    assert throttle.series[0].y == pytest.approx(50.0)
    assert brake.series[0].y == pytest.approx(0.0)


def test_gears_have_their_names_on_the_axis() -> None:
    lap = driven(steady(60_000), 60_000, gear=lambda place: np.where(place < 0.5, 0.0, 3.0))
    (panel,) = gear_figure([lap], None).panels
    assert panel.y.ticks == ((0.0, "R"), (1.0, "N"), (2.0, "1"), (3.0, "2"))
    assert panel.series[0].kind == "step"


def test_laps_of_several_files_are_told_with_their_files() -> None:
    laps = [driven(steady(60_000), 60_000, 3), driven(steady(61_000), 61_000, 4)]
    assert lap_names(laps) == ["lap 3, 1:00.000", "lap 4, 1:01.000"]
    elsewhere = driven(steady(61_000), 61_000, 4, "other/b.mcap")
    assert lap_names([laps[0], elsewhere]) == ["lap 3 of a.mcap, 1:00.000", "lap 4 of b.mcap, 1:01.000"]


def test_more_laps_than_can_be_told_apart_are_refused() -> None:
    laps = [driven(steady(60_000), 60_000, number, speed_kmh=constant(100.0)) for number in range(1, 8)]
    with pytest.raises(UsageError, match="7 laps cannot be told apart in one figure: name 6 at most"):
        speed_figure(laps, None)


def test_the_gain_is_told_per_100_m() -> None:
    slow, fast = driven(steady(63_000), 63_000), driven(steady(60_000), 60_000, 2)
    gain = gain_per_100m(slow.trace, fast.trace)
    assert gain[100:-100] == pytest.approx(0.1, abs=0.03)  # 3 s over 3000 m; a frame of 15 ms over 50 m
    panel = map_figure([slow, fast], None, "gain").panels[0]
    assert panel.scale is not None
    assert panel.scale.low == -panel.scale.high


def test_a_lap_without_positions_in_the_world_has_no_map() -> None:
    lap = driven(steady(60_000), 60_000, speed_kmh=constant(100.0))
    lap.trace["world_position_x"][:] = np.nan
    with pytest.raises(UsageError, match="holds no positions in the world"):
        map_figure([lap], None)


def test_accelerations_are_drawn_as_the_driver_feels_the_road_turn() -> None:
    lap = driven(
        steady(60_000), 60_000, speed_kmh=constant(120.0), acc_g_x=constant(1.5), acc_g_z=constant(-0.5)
    )  # + is to the left in the game
    (panel,) = gg_figure([lap]).panels
    points = panel.series[0]
    assert (points.x[0], points.y[0]) == (-1.5, -0.5)
    assert panel.x.low == -(panel.x.high or 0.0)


def test_dampers_are_told_by_wheel_with_rebound_to_the_left() -> None:
    def travel(place: Floats) -> Array:
        return np.repeat((place * 60.0 * 0.03)[:, None], 4, axis=1)  # always bump, at 30 mm/s

    figure = dampers_figure([driven(steady(60_000), 60_000, suspension_travel=travel)])
    assert [panel.title for panel in figure.panels] == ["front left", "front right", "rear left", "rear right"]
    shares = figure.panels[0].series[0].y
    assert shares[:9] == pytest.approx(0.0, abs=0.01)
    assert shares[9 + 3] == pytest.approx(100.0, abs=0.1)


def test_dampers_at_a_low_rate_are_refused_with_both_rates() -> None:
    lap = driven(steady(60_000), 60_000, hertz=25.0, suspension_travel=constant(0.0, 4))
    with pytest.raises(UsageError, match=r"lap 1 of a.mcap holds 25.6 samples a second, and 150 are needed"):
        dampers_figure([lap])


def test_tyres_are_told_lap_by_lap_with_a_gap_between_stints() -> None:
    channels = {
        "speed_kmh": constant(100.0),
        "acc_g_x": constant(0.0),
        "wheel_pressure": constant(26.5, 4),
        **{f"tyre_temp_{part}": constant(80.0, 4) for part in ("inner", "middle", "outer")},
        "tyre_core_temp": constant(85.0, 4),
    }
    laps = []
    for number, stint in ((1, 1), (2, 1), (3, 2)):
        trace = trace_of(steady(60_000), 60_000, lap={"number": number, "stint": stint}, hertz=20.0, **channels)
        laps.append(DrivenLap(Path("a.mcap"), trace.lap, trace, {}))
    pressure, core, spread, worn = tyres_figure(laps).panels
    assert pressure.series[0].x.tolist() == [1.0, 2.0, 3.5, 4.0]
    assert pressure.series[0].y.tolist() == pytest.approx([26.5, 26.5, np.nan, 26.5], nan_ok=True)
    assert pressure.x.ticks == ((1.0, "1"), (2.0, "2"), (4.0, "3"))
    assert [band.label for band in pressure.bands] == ["stint 1", "stint 2"]
    assert (core.series[3].y[0], spread.series[3].y[0], worn.series[3].y[0]) == pytest.approx((85.0, 0.0, 10.0))


def test_a_stint_is_told_by_its_clean_laps_and_their_trend() -> None:
    laps = [lap_of(time, number) for number, time in enumerate((60_000, 60_100, 60_200, 75_000), start=1)]
    figure = stint_figure(laps)
    times, fuel = figure.panels
    clean, other, trend = times.series
    assert clean.x.tolist() == [1.0, 2.0, 3.0]
    assert other.y.tolist() == [75.0]
    assert trend.name == "trend +0.100 s per lap (+0.100 to +0.100)"
    assert trend.y == pytest.approx([60.0, 60.1, 60.2])
    assert fuel.series[0].y.tolist() == [2.0, 2.0, 2.0, 2.0]
    assert figure.notes == ("Beyond the scale of lap times: lap 4.",)
    with pytest.raises(UsageError, match="No complete lap has a time"):
        stint_figure([])
