"""The demo's scenarios on circuits whose timing line is not where the spline begins: the laps stay the same."""

import re
from functools import cache
from typing import Any

import pytest

from ac_native_memory import Pages
from telemetry.fields.derived import Sample, derive
from telemetry.fields.snapshot import decode
from telemetry.laps.delta import DeltaTracker, LapDelta
from telemetry.laps.detector import LapState, advance, laps
from telemetry.laps.model import Lap
from tests.drives import LINES, long_drive, with_line
from tests.laps.test_detector import SCENARIOS, recorded, thinned


@pytest.mark.parametrize(("hertz", "line"), [(60, 0.8), *((5, line) for line in LINES)])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_laps_times_and_verdicts_are_the_same_wherever_the_line_lies(scenario: str, hertz: int, line: float) -> None:
    step = max(SCENARIOS[scenario][1] // hertz, 1)
    usual, found = (list(laps(thinned(recorded(scenario, place), step))) for place in (0.0, line))
    assert [without_place(lap) for lap in found] == [without_place(lap) for lap in usual]
    assert {lap.layout for lap in found} == {f"line_{line}"}


def without_place(lap: Lap) -> dict[str, Any]:
    """All of a lap but its layout, and the place of its cut to a metre, which is how exactly the line is learnt."""
    reasons = [re.sub(r" at [\d,]+ m$", "", reason) for reason in lap.invalid_because]
    metres = None if lap.first_cut_m is None else pytest.approx(lap.first_cut_m, abs=1.0)
    place = None if lap.first_cut_position is None else pytest.approx(lap.first_cut_position, abs=3e-4)
    values = {"invalid_because": reasons, "layout": "", "first_cut_m": metres, "first_cut_position": place}
    return {**lap.to_dict(), **values}


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


@cache
def deltas_of_third_lap(line: float) -> list[tuple[int, LapDelta]]:
    """Lap clock and delta at each frame of the third lap, when the second is the best one."""
    tracker, state, before = DeltaTracker(), LapState(), None
    found = []
    for drawn in long_drive().frames(260)[::3]:
        frame = with_line(drawn, line) if line else drawn
        pages = Pages(frame.physics_bytes, frame.graphics_bytes, frame.static_bytes, frame.seconds)
        before = derive(decode(pages, elapsed=frame.seconds), before)
        state, completed = advance(state, before)
        for lap in completed:
            tracker.complete_lap(lap)
        tracker.update(before)
        if before.completed_laps == 2 and 1500 < before.current_time < 70_000:
            found.append((before.current_time, tracker.delta()))
    return found


@pytest.mark.parametrize("line", LINES[1::2])
def test_the_delta_to_the_best_lap_is_the_same_wherever_the_line_lies(line: float) -> None:
    usual, moved = deltas_of_third_lap(0.0), deltas_of_third_lap(line)
    assert len(usual) > 1000
    for (time_ms, expected), (time_there_ms, found) in zip(usual, moved, strict=True):
        assert time_there_ms == time_ms
        assert found.reference_ms == expected.reference_ms
        assert found.delta_s == pytest.approx(expected.delta_s, abs=0.002)
        assert found.reference_position is not None
        assert expected.reference_position is not None
        apart = found.reference_position - line - expected.reference_position
        assert (apart + 0.5) % 1.0 - 0.5 == pytest.approx(0.0, abs=3e-5)
