"""Figures in braille: what differs must differ without colours, too."""

import numpy as np
import pytest

from telemetry.analysis.figures import TONES, WHEEL_TONES, Axis, Figure, Kind, Panel, Series, Tone
from telemetry.cli._shared.figure_lines import print_figures

X = np.arange(200.0)


def drawn(capsys: pytest.CaptureFixture[str], *series: tuple[str, float, Tone], kind: Kind = "line") -> list[str]:
    """The heading and the lines of a panel with these series, each of one value."""
    x = X if kind == "line" else X[::40]
    made = tuple(Series(name, x, np.full(len(x), value), tone, kind) for name, value, tone in series)
    panel = Panel(Axis("distance", "m"), Axis("speed", "km/h", low=0.0, high=100.0), made)
    print_figures("laps", [Figure("speed", "Speed", (panel,))])
    return [line[9:] if at else line for at, line in enumerate(capsys.readouterr().out.splitlines()[2:-1])]


def test_each_lap_and_each_wheel_has_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    for tones in (TONES, WHEEL_TONES):
        shapes = set()
        for tone in tones:
            heading, *lines = drawn(capsys, ("lap 1", 50.0, tone))
            (line,) = (line for line in lines if line.strip("\u2800"))
            mark = heading.split()[-3]
            shapes.add((mark, line))
        assert len({mark for mark, _ in shapes}) == len({line for _, line in shapes}) == len(tones)


def test_the_lap_is_solid_and_the_reference_is_dashed(capsys: pytest.CaptureFixture[str]) -> None:
    heading, *lines = drawn(capsys, ("lap 3", 100.0, "lap"), ("lap 2", 0.0, "reference"))
    assert heading == "speed in km/h  ━━ lap 3  ╍╍ lap 2"
    solid, dashed = lines[0].strip("\u2800"), lines[-1].strip("\u2800")
    assert "\u2800" not in solid
    assert 0.15 * len(dashed) < dashed.count("\u2800") < 0.5 * len(dashed)


def test_points_and_bars_differ_by_their_shape(capsys: pytest.CaptureFixture[str]) -> None:
    heading, *lines = drawn(capsys, ("clean", 80.0, "lap"), ("other", 20.0, "plain"), kind="points")
    assert heading == "speed in km/h  ■ clean  x other"
    assert len({"".join(line.split("\u2800")) for line in lines if line.strip("\u2800")}) >= 2
    heading, *lines = drawn(capsys, ("a", 80.0, "lap"), ("b", 40.0, "reference"), kind="bars")
    assert heading == "speed in km/h  ▆ a  ▔ b"
    heading, *lines = drawn(capsys, ("b", 40.0, "reference"), kind="bars")
    assert sum(bool(line.strip("\u2800")) for line in lines) == 1  # the upper edge alone
