"""What follows ``demo:`` in a source's name: a scenario, and where the circuit's line and grid box lie."""

import pytest

from telemetry.base.errors import UsageError
from telemetry.demo.circuit import layout_name, line_of_layout
from telemetry.demo.settings import DemoSettings
from telemetry.sources import open_source


@pytest.mark.parametrize(
    ("text", "settings", "name"),
    [
        ("", DemoSettings(), "demo:laps"),
        ("pit", DemoSettings(scenario="pit"), "demo:pit"),
        ("line=0.8", DemoSettings(line=0.8), "demo:laps,line=0.8"),
        ("offtrack,line=0.80", DemoSettings(scenario="offtrack", line=0.8), "demo:offtrack,line=0.8"),
        (
            "grid=.05,refused,line=3e-4",
            DemoSettings(scenario="refused", line=0.0003, grid_m=0.05),
            "demo:refused,line=0.0003,grid=0.05",
        ),
    ],
)
def test_a_source_is_named_by_scenario_and_options_in_any_order(text: str, settings: DemoSettings, name: str) -> None:
    assert DemoSettings.parse(text) == settings
    assert str(settings) == name
    assert DemoSettings.parse(name.removeprefix("demo:")) == settings
    assert open_source(f"demo:{text}").name == name


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rain", "There is no demo scenario 'rain'; there are crash, laps, "),
        ("line=1.5", "The position of the demo's line must be from 0 to 1, got 1.5."),
        ("line=-0.1", "The position of the demo's line must be from 0 to 1, got -0.1."),
        ("line=nan", "demo:line=nan: line must be a number, got 'nan'."),
        ("line=", "demo:line=: line must be a number, got ''."),
        ("pit,line=0,8", "demo:pit,line=0,8: name one scenario, not 'pit' and '8'."),
        ("pit,place=0.8", "demo:pit,place=0.8: there is no option 'place'; there are line, grid, circuit."),
        ("line=0.1,line=0.2", "demo:line=0.1,line=0.2: line is given twice."),
        ("grid=0", "The demo's grid box must lie more than 0 and up to 100 m before the line, got 0.0."),
        ("grid=101", "The demo's grid box must lie more than 0 and up to 100 m before the line, got 101.0."),
    ],
)
def test_other_text_is_refused_with_what_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_source(f"demo:{text}")
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("line", [0.0, 0.03, 0.8, 1e-5, 0.1 + 0.2])
def test_the_layout_says_where_the_line_is(line: float) -> None:
    assert line_of_layout(layout_name(line)) == line
    assert len(layout_name(line)) <= 32  # what the page holds


@pytest.mark.parametrize("layout", ["short", "line_", "line_x", "line_nan", "line_2", "line_-0.1"])
def test_other_layouts_are_none_of_the_demos(layout: str) -> None:
    assert line_of_layout(layout) is None


def test_a_further_circuit_is_named_by_its_number() -> None:
    settings = DemoSettings.parse("circuit=7,line=0.25")
    assert (settings.circuit, settings.line, str(settings)) == (7, 0.25, "demo:laps,line=0.25,circuit=7")
    with pytest.raises(UsageError, match=r"^demo:circuit=1\.5: circuit must be an integer, got 1\.5\.$"):
        DemoSettings.parse("circuit=1.5")
    with pytest.raises(UsageError, match=r"^The demo's circuit must be an integer from 0 to 1000000, got -1\.$"):
        DemoSettings(circuit=-1)
