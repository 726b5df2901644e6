"""The demo's scenarios on circuits whose timing line is not where the spline begins: the laps stay the same."""

import re
from typing import Any

import pytest

from telemetry.fields.derived import Sample
from telemetry.laps.detector import laps
from telemetry.laps.model import Lap
from tests.drives import LINES
from tests.laps.test_detector import SCENARIOS, recorded, thinned


@pytest.mark.parametrize(("hertz", "line"), [*((60, line) for line in LINES), (5, 0.8)])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_laps_times_and_verdicts_are_the_same_wherever_the_line_lies(scenario: str, hertz: int, line: float) -> None:
    step = max(SCENARIOS[scenario][1] // hertz, 1)
    usual, found = (list(laps(thinned(recorded(scenario, place), step))) for place in (0.0, line))
    assert [without_place(lap) for lap in found] == [without_place(lap) for lap in usual]
    assert {lap.layout for lap in found} == {f"line_{line}"}


def without_place(lap: Lap) -> dict[str, Any]:
    """All of a lap but its layout and the place of its cut: in a first lap, nobody knows yet where the line is."""
    reasons = [re.sub(r" at [\d,]+ m$", "", reason) for reason in lap.invalid_because]
    return {**lap.to_dict(), "invalid_because": reasons, "layout": "", "first_cut_m": None, "first_cut_position": None}


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_sample_is_the_same_but_for_its_place_on_the_spline(scenario: str, line: float) -> None:
    places = {"normalized_position", "line_position", "lap_distance"}
    names = [name for name in Sample.NAMES if name not in {*places, "track_configuration"}]
    both = list(zip(recorded(scenario), recorded(scenario, line), strict=True))
    for name in names:
        values = Sample.getter(name)
        assert [values(found) for _, found in both] == [values(usual) for usual, _ in both], name
    for usual, found in both:
        assert (usual.line_position is None) == (found.line_position is None)
        if usual.line_position is not None and found.line_position is not None:
            assert found.line_position - line == pytest.approx(usual.line_position, abs=1e-6)
            assert found.lap_distance == pytest.approx(usual.lap_distance, abs=1e-3)
