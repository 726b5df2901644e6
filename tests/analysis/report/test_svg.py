"""Panels as SVG: lines with breaks and dots, bars, maps, axes; names in them are text."""

import re

import numpy as np

from telemetry.analysis.figures import Axis, Band, ColourScale, Panel, Series
from telemetry.analysis.report.svg import Size, draw_panel

NAN = float("nan")
SIZE = Size(300.0, 200.0)


def panel_of(y: list[float], **options: object) -> Panel:
    x = np.arange(len(y), dtype=np.float64)
    return Panel(Axis("lap"), Axis("fuel", "l"), (Series("", x, np.array(y), "lap", **options),))  # type: ignore[arg-type]


def lines(drawing: str, kind: str) -> list[str]:
    return re.findall(rf'<path class="{kind}[^"]*" d="([^"]*)"', drawing)


def test_a_line_is_broken_where_nothing_is_known_and_a_value_alone_is_a_dot() -> None:
    drawing = draw_panel(panel_of([1.0, 2.0, NAN, 1.5, NAN, 1.0, 1.2]), SIZE)
    (line,) = lines(drawing, "line")
    assert (line.count("M"), line.count("L")) == (3, 2)
    (dot,) = lines(drawing, "points")
    assert dot.count("h0") == 1
    assert "nan" not in drawing


def test_a_gear_is_held() -> None:
    (line,) = lines(draw_panel(panel_of([2.0, 3.0], kind="step"), SIZE), "line")
    assert re.fullmatch(r"M[\d.]+ [\d.]+H[\d.]+V[\d.]+", line)


def test_bars_stand_on_zero() -> None:
    drawing = draw_panel(panel_of([5.0, 10.0], kind="bars"), SIZE)
    found = re.findall(r'<rect class="bar[^>]* y="([\d.]+)"[^>]* height="([\d.]+)"', drawing)
    bars = [(float(top), float(height)) for top, height in found]
    assert len(bars) == 2
    assert bars[0][0] + bars[0][1] == bars[1][0] + bars[1][1]
    assert bars[1][1] == 2.0 * bars[0][1]


def test_a_map_says_where_the_metres_of_the_world_lie_on_it() -> None:
    x, y = np.array([0.0, 400.0, 400.0]), np.array([0.0, 0.0, -200.0])
    series = Series("", x, y, "lap", colours=np.array([0.0, 50.0, 100.0]))
    scale = ColourScale("speed", "km/h", 0.0, 100.0)
    panel = Panel(Axis("x"), Axis("y"), (series,), scale=scale, is_equal=True)
    drawing = draw_panel(panel, Size(452.0, 452.0), has_axes=False)
    dot = re.search(r'<circle class="dot" r="6" data-scale="([\d.]+)" data-x="([\d.]+)" data-y="([\d.]+)"', drawing)
    assert dot is not None
    assert [float(number) for number in dot.groups()] == [1.0, 26.0, 126.0]
    stretches = re.findall(r'<path class="line shade-(\d)" d="M([\d.]+) ([\d.]+)', drawing)
    assert stretches[0] == ("0", "26", "126")
    assert len(stretches) == 3
    assert 'class="rising map"' in drawing


def test_names_of_corners_are_text_and_stand_above_the_axes() -> None:
    panel = Panel(
        Axis("distance", "m"), Axis("speed"), panel_of([1.0, 2.0]).series, bands=(Band(0.2, 0.5, 0.8, "", "<T1>"),)
    )
    drawing = draw_panel(panel, SIZE)
    name = re.search(r'<text class="corner" x="[\d.]+" y="([\d.]+)">([^<]*)</text>', drawing)
    band = re.search(r'<rect class="band[^>]* y="([\d.]+)"', drawing)
    assert name is not None
    assert band is not None
    assert name[2] == "&lt;T1&gt;"
    assert float(name[1]) < float(band[1])


def test_axes_have_round_numbers_a_few_laps_and_lap_times() -> None:
    ticks = tuple((float(lap), str(lap)) for lap in range(1, 61))
    x = np.arange(1.0, 61.0)
    panel = Panel(Axis("lap", ticks=ticks), Axis("time", "s", is_time=True), (Series("", x, 75.0 + x / 60.0, "lap"),))
    drawing = draw_panel(panel, SIZE)
    laps = [int(lap) for lap in re.findall(r'class="tick x"[^>]*>(\d+)<', drawing)]
    assert 5 < len(laps) < 20
    assert len(set(np.diff(laps).tolist())) == 1
    assert re.findall(r'class="tick y"[^>]*>([^<]*)<', drawing)[:2] == ["1:15.0", "1:15.5"]


def test_nothing_known_is_an_empty_drawing() -> None:
    drawing = draw_panel(panel_of([NAN, NAN]), SIZE)
    assert lines(drawing, "line") == [""]
    assert drawing.endswith("</svg>")
