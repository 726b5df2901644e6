"""The delta to the best lap: as the dashboard once computed it by itself, and for any input."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.fields.derived import Sample
from telemetry.laps.delta import POSITION_COUNT, DeltaTracker, LapDelta, ReferenceLap
from telemetry.laps.detector import LapState, advance
from telemetry.laps.model import Lap
from tests.conftest import sample_of
from tests.constructed import drive, samples_of

STEP_MS: Final = 50
BLANK: Final = sample_of()


def a_sample(number: int, time_ms: int, position: float, **values: Any) -> Sample:
    """A sample of lap ``number``, ``time_ms`` after its start."""
    return BLANK.replace(
        current_time=time_ms, normalized_position=position, completed_laps=number - 1, track="ring", **values
    )


def driven(number: int, seconds: float, until: float = 1.0, **values: Any) -> Iterator[Sample]:
    """A lap, faster in its second half, up to a fraction of its time; the car is on its way at the first sample."""
    for time_ms in range(20, int(1000 * seconds * until), STEP_MS):
        part = time_ms / (1000 * seconds)
        yield a_sample(number, time_ms, part * (0.8 + 0.2 * part), **values)


def a_lap(number: int, seconds: float, *, valid: bool = True, car: str = "demo_gt3") -> Lap:
    """What the lap counter says of that lap."""
    time_ms = round(1000 * seconds)
    return Lap(
        number=number, start_index=1, start="line", end="line", first=None, last=None, time_ms=time_ms,
        measured_ms=time_ms,
        sectors_ms=(), invalid_because=() if valid else ("cut",), first_cut_m=None, first_cut_position=None,
        out_lap=False, in_lap=False, in_pits=False, paused_s=0.0, top_speed_kmh=None, fuel_used_l=None,
        tyre_compound="", tyre_worn=(None,) * 4, session="practice", car=car, track="ring", layout="",
    )  # fmt: skip


def eventful_drive() -> Iterator[Sample | Lap]:
    """A first lap, a restart, a faster lap, an invalid one, a jump into the pits, a late joining, and another car."""
    yield from driven(1, 90)
    yield from driven(2, 84, 0.02)
    yield a_lap(1, 90)
    yield from driven(2, 84, 0.02)  # a restart
    yield from driven(2, 84)
    yield a_sample(3, 10, 0.999)  # the clock is over the line, the position is not yet
    yield from driven(3, 60, 0.05)
    yield a_lap(2, 84.017)
    yield from list(driven(3, 60))[10:]
    yield from driven(4, 88, 0.03)
    yield a_lap(3, 60, valid=False)
    yield from list(driven(4, 88, 0.4))[50:]
    yield from (a_sample(4, 36_000 + 20 * step, 0.002) for step in range(20))  # in the box
    yield from (a_sample(5, 20 * step, 0.6) for step in range(100))  # on a grid in the middle of the lap
    yield from driven(5, 81)
    yield from driven(6, 95, 0.05)
    yield a_lap(5, 81)
    yield from list(driven(6, 95))[95:]
    yield from driven(7, 85, 0.1, car_model="other")


def test_the_delta_is_that_which_the_dashboard_computed_when_it_did_so_itself() -> None:
    tracker, found = DeltaTracker(), []
    for item in eventful_drive():
        if isinstance(item, Lap):
            tracker.complete_lap(item)
        else:
            tracker.update(item)
        found.append(tracker.delta())
    recorded = json.loads(Path(__file__).with_name("recorded_delta.json").read_text("utf-8"))
    assert len(recorded) == len(found[::20])
    for now, (delta_s, reference_ms, position) in zip(found[::20], recorded, strict=True):
        assert now.reference_ms == reference_ms
        assert now.delta_s == (None if delta_s is None else pytest.approx(delta_s, abs=0.002))
        assert now.reference_position == (None if position is None else pytest.approx(position, abs=1e-4))


def test_a_lap_against_itself_has_no_delta() -> None:
    tracker = DeltaTracker()
    for sample in driven(1, 80):
        tracker.update(sample)
    tracker.update(a_sample(2, 20, 0.0002))
    tracker.complete_lap(a_lap(1, 80))
    for sample in driven(2, 80):
        tracker.update(sample)
        assert tracker.delta().delta_s == pytest.approx(0.0, abs=0.02)
        assert tracker.delta().reference_position == pytest.approx(sample.normalized_position, abs=0.001)


def test_each_car_is_compared_with_its_own_best_lap_also_when_it_comes_back() -> None:
    tracker = DeltaTracker()
    for car, seconds in (("formula", 60), ("road_car", 95)):
        for sample in driven(1, seconds, car_model=car):
            tracker.update(sample)
        assert tracker.delta() == LapDelta()
        tracker.update(a_sample(2, 20, 0.0002, car_model=car))
        tracker.complete_lap(a_lap(1, seconds, car=car))
        assert tracker.delta().reference_ms == seconds * 1000
    tracker.update(a_sample(1, 5000, 0.1, car_model="formula"))
    tracker.complete_lap(a_lap(1, 50, car="road_car"))  # known only after the change of cars, and not seen to its end
    assert tracker.delta().reference_ms == 60_000


def test_a_slower_lap_or_one_seen_in_part_is_no_reference() -> None:
    tracker = DeltaTracker()
    for sample in list(driven(1, 80))[100:]:
        tracker.update(sample)
    tracker.update(a_sample(2, 20, 0.0002))
    tracker.complete_lap(a_lap(1, 80))
    assert tracker.delta() == LapDelta()
    for number, seconds in ((2, 90), (3, 95)):
        for sample in driven(number, seconds):
            tracker.update(sample)
        tracker.update(a_sample(number + 1, 20, 0.0002))
        tracker.complete_lap(a_lap(number, seconds))
        assert tracker.delta().reference_ms == 90_000


@pytest.mark.parametrize("line", [0.0, 0.03, 0.5, 0.8])
def test_the_delta_is_the_same_wherever_the_line_lies(line: float) -> None:
    tracker, state = DeltaTracker(), LapState()
    deltas = []
    for sample in samples_of(drive([40.0, 41.0, 44.0], line=line, rate=20.0)):
        state, settled = advance(state, sample)
        tracker.update(sample)
        for lap in settled:
            tracker.complete_lap(lap)
        deltas.append((sample, tracker.delta()))
    third = [(sample, delta) for sample, delta in deltas if sample.lap == 3 and 5_000 < sample.lap_time < 39_900]
    assert {delta.reference_ms for _, delta in third} == ({40_000} if line == 0.0 else {41_000})
    best_s = 40.0 if line == 0.0 else 41.0
    for sample, delta in third:
        assert delta.delta_s == pytest.approx(sample.lap_time / 1e3 * (1.0 - best_s / 44.0), abs=0.05)
        assert delta.reference_position is not None
        apart = delta.reference_position - (line + sample.lap_time / 1e3 / best_s)
        assert math.remainder(apart, 1.0) == pytest.approx(0.0, abs=0.002)


@pytest.mark.parametrize(("length_m", "hitch"), [(400.0, 40), (3000.0, 40), (8000.0, 100)])
def test_a_hitch_of_drawing_spoils_no_reference(length_m: float, hitch: int) -> None:
    """Of a lap of 80 s two or five seconds are not drawn: a fortieth or a sixteenth of its length."""
    tracker = DeltaTracker()
    samples = list(driven(1, 80, track_spline_length=length_m))
    for sample in [*samples[:800], *[samples[800]] * hitch, *samples[800 + hitch :]]:
        tracker.update(sample)
    tracker.update(a_sample(2, 20, 0.0002))
    tracker.complete_lap(a_lap(1, 80))
    assert tracker.delta().reference_ms == 80_000


@pytest.mark.parametrize(("length_m", "jump"), [(400.0, 0.04), (3000.0, 0.03), (8000.0, 0.01)])
def test_a_lap_with_a_jump_is_no_reference_on_a_track_of_any_length(length_m: float, jump: float) -> None:
    """The car is put 16 m to 90 m further on within 50 ms."""
    tracker = DeltaTracker()
    for number, sample in enumerate(driven(1, 80, track_spline_length=length_m)):
        position = sample.normalized_position + (jump if number >= 800 else 0.0)
        tracker.update(sample.replace(normalized_position=min(position, 0.9999)))
    tracker.update(a_sample(2, 20, 0.0002))
    tracker.complete_lap(a_lap(1, 80))
    assert tracker.delta().reference_ms is None


def test_a_time_is_found_at_its_position_and_back() -> None:
    lap = ReferenceLap(100_000, [50.0 * index for index in range(POSITION_COUNT + 1)])
    assert (lap.time_at(0.0), lap.time_at(0.25), lap.time_at(1.0)) == (0.0, 25_000.0, 100_000.0)
    assert (lap.time_at(-1.0), lap.time_at(2.0)) == (0.0, 100_000.0)
    assert (lap.position_at(0.0), lap.position_at(25_010.0), lap.position_at(200_000.0)) == (0.0, 0.2501, 1.0)


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**31), 2**31 - 1), st.floats(width=32), st.integers(-(2**31), 2**31 - 1), st.booleans()
        ),
        max_size=40,
    )
)
def test_whatever_the_game_writes_the_tracker_goes_on(rows: list[tuple[int, float, int, bool]]) -> None:
    tracker = DeltaTracker()
    for time_ms, position, completed, ends in rows:
        tracker.update(a_sample(completed + 1, time_ms, position))
        if ends:
            tracker.complete_lap(a_lap(completed, 90))
        delta = tracker.delta()
        assert delta.delta_s is None or math.isfinite(delta.delta_s)
        assert delta.reference_position is None or 0.0 <= delta.reference_position <= 1.0
