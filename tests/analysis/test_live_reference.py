"""The delta to a reference while a lap is driven: the same as `telemetry.analysis` says of the two laps afterwards."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.analysis.lap_segments import segment_deltas, segments
from telemetry.analysis.live_reference import reference_of
from telemetry.analysis.traces import Trace
from telemetry.fields.derived import Sample
from telemetry.laps.car_and_track import CarAndTrack
from telemetry.laps.delta import LapDelta
from telemetry.laps.lap_reference import LapReference
from telemetry.laps.reference_delta import ReferenceComparison, ReferenceFollower, SegmentGain
from tests.analysis.laps_by_hand import Place, columns_of, lap_of, spinning, steady, stopping, trace_of
from tests.conftest import sample_of

BLANK = sample_of(track="demo_ring", car_model="demo_gt3", track_spline_length=3000.0)
CLOCK = ("current_time", "normalized_position", "packet_id")


def driven(place: Place, end_ms: int, number: int = 1, *, hertz: float = 60.0, line: float = 0.0) -> Iterator[Sample]:
    """The samples of a lap; the clock of its first one has just begun."""
    columns = columns_of(place, end_ms, hertz=hertz, line=line)
    for row in zip(*(columns[name].tolist() for name in CLOCK), strict=True):
        yield BLANK.replace(**dict(zip(CLOCK, row, strict=True)), completed_laps=number - 1)


def reference(time_ms: int = 60_000, place: Place | None = None, **options: Any) -> tuple[LapReference, Trace]:
    driven_lap = trace_of(place or steady(time_ms), time_ms, **options)
    return reference_of(driven_lap, "lap 1 of a.mcap"), driven_lap


def follow(comparison: ReferenceComparison, samples: Iterator[Sample]) -> tuple[list[SegmentGain], list[LapDelta]]:
    gains: list[SegmentGain] = []
    deltas = []
    for sample in samples:
        gains += comparison.update(sample)
        deltas.append(comparison.delta())
    return gains, deltas


def gains_afterwards(ours: Trace, theirs: Trace) -> list[float]:
    return [round(one.lost_s, 3) for one in segment_deltas(ours, theirs, segments(None)) if one.lost_s is not None]


LAPS: dict[str, Place] = {
    "steady": steady(61_234),
    "a stop of a second": stopping(60_000, 0.312, 1000.0),
    "a spin that rolls back": spinning(60_000, 0.512, 0.01, 2500.0),
}
TIMES_MS = {"steady": 61_234, "a stop of a second": 61_000, "a spin that rolls back": 62_500}


@pytest.mark.parametrize("line", [0.0, 0.8])
@pytest.mark.parametrize("name", LAPS)
def test_every_segments_gain_is_that_which_analysis_finds_afterwards(name: str, line: float) -> None:
    place, time_ms = LAPS[name], TIMES_MS[name]
    known, theirs = reference(line=line, line_position=line)
    ours = trace_of(place, time_ms, line=line, line_position=line)
    comparison = ReferenceComparison(known)
    gains, deltas = follow(comparison, driven(place, time_ms, line=line))
    assert [gain.label for gain in gains] == [str(number) for number in range(1, 20)]
    comparison.update(BLANK.replace(normalized_position=(line + 1e-4) % 1.0, current_time=6, completed_laps=1))
    gains += comparison.complete_lap(lap_of(time_ms))
    assert [gain.lost_s for gain in gains] == pytest.approx(gains_afterwards(ours, theirs), abs=0.0021)
    assert gains[-1].total_s == (time_ms - 60_000) / 1e3  # the difference of the official times exactly
    assert {gain.lap for gain in gains} == {1}
    assert sum(gain.lost_s for gain in gains) == pytest.approx(gains[-1].total_s, abs=0.02)
    assert deltas[-1].delta_s == pytest.approx((time_ms - 60_000) / 1e3, abs=0.02)
    assert comparison.delta().delta_s == pytest.approx(0.0, abs=0.001)
    assert comparison.delta().reference_position == pytest.approx(line + 1e-4, abs=1e-4)


def test_the_delta_is_exact_at_every_frame() -> None:
    known, _ = reference(60_000)
    comparison = ReferenceComparison(known)
    for sample in driven(steady(66_000), 66_000):
        comparison.update(sample)
        expected = sample.current_time / 1e3 - 60.0 * sample.normalized_position
        assert comparison.delta().delta_s == pytest.approx(expected, abs=0.0011)
        assert comparison.delta().reference_ms == 60_000
        if sample.current_time < 60_000:
            position = comparison.delta().reference_position
            assert position == pytest.approx(sample.current_time / 60_000, abs=1e-4)


def test_while_a_car_stands_or_rolls_back_the_time_is_lost_where_it_did() -> None:
    known, _ = reference(60_000)
    comparison = ReferenceComparison(known)
    deltas = [
        (sample.current_time, comparison.delta().delta_s)
        for sample in driven(spinning(60_000, 0.5, 0.05, 4000.0), 64_000)
        if comparison.update(sample) is not None
    ]
    at = dict(deltas)
    assert at[29_985] == pytest.approx(0.0, abs=0.002)
    assert at[32_010] == pytest.approx(2.0, abs=0.02)  # and not what the place that it rolled back to would say
    assert at[36_000] == pytest.approx(4.0, abs=0.02)


def test_a_lap_that_is_joined_on_the_way_has_a_delta_and_no_gain_of_what_was_not_seen() -> None:
    known, _ = reference(60_000)
    samples = [sample for sample in driven(steady(63_000), 63_000) if sample.current_time > 7000]
    gains, deltas = follow(ReferenceComparison(known), iter(samples))
    assert gains[0].label == "4"
    assert deltas[0].delta_s == pytest.approx(0.336, abs=0.01)
    assert all(gain.lost_s == pytest.approx(0.15, abs=0.002) for gain in gains)


def test_frames_that_are_missing_leave_the_segment_around_them_out() -> None:
    known, _ = reference(60_000)
    samples = [sample for sample in driven(steady(60_000), 60_000) if not 8_500 < sample.current_time < 10_000]
    gains, deltas = follow(ReferenceComparison(known), iter(samples))
    assert [gain.label for gain in gains][:4] == ["1", "2", "5", "6"]
    assert all(abs(delta.delta_s or 0.0) < 0.002 for delta in deltas)


def test_what_the_reference_does_not_cover_is_not_compared() -> None:
    known, _ = reference(60_000, begin_ms=10_000.0, lap={"start": "joined"})
    _, deltas = follow(ReferenceComparison(known), driven(steady(60_000), 60_000))
    assert deltas[20] == LapDelta(None, 60_000, None)
    assert deltas[-1].delta_s == pytest.approx(0.0, abs=0.002)


def test_on_the_grid_the_clock_runs_before_the_line() -> None:
    known, _ = reference(60_000)
    place: Place = lambda at: np.maximum(at - 3000.0, 0.0) / 60_000.0 - 0.005  # noqa: E731 - as short as it is
    gains, _ = follow(ReferenceComparison(known), driven(place, 60_000))
    assert gains[0][:3] == (1, "1", None)
    assert gains[0][3:] == pytest.approx((0.0, 3.3), abs=0.002)


def test_a_jump_into_the_box_and_a_clock_that_is_of_no_lap_have_no_delta() -> None:
    known, _ = reference(60_000)
    comparison = ReferenceComparison(known)
    follow(comparison, driven(steady(60_000), 30_000))
    comparison.update(BLANK.replace(normalized_position=0.96, current_time=30_500, is_in_pit=1))
    assert comparison.delta() == LapDelta(None, 60_000, None)
    comparison.update(BLANK.replace(normalized_position=0.4, current_time=0))
    comparison.update(BLANK.replace(normalized_position=0.41, current_time=2000))
    assert comparison.delta() == LapDelta(None, 60_000, None)


def test_past_a_line_where_the_clock_goes_on_there_is_no_delta() -> None:
    known, _ = reference(60_000)
    comparison = ReferenceComparison(known)
    gains, deltas = follow(comparison, driven(lambda at: at / 60_000.0, 66_000))
    assert deltas[-1].delta_s is None
    assert [gain.label for gain in gains] == [str(number) for number in range(1, 20)]


def test_of_a_lap_that_was_broken_off_the_last_segment_is_unknown() -> None:
    known, _ = reference(60_000)
    comparison = ReferenceComparison(known)
    follow(comparison, driven(steady(60_000), 30_000))
    comparison.update(BLANK.replace(current_time=3))
    assert comparison.complete_lap(lap_of(None, end="restart", measured_ms=30_000)) == []


def test_a_display_follows_the_car_and_track_that_are_driven() -> None:
    known, _ = reference(60_000)
    asked: list[CarAndTrack] = []

    def find(car_and_track: CarAndTrack) -> LapReference | None:
        asked.append(car_and_track)
        return known if car_and_track.car == "demo_gt3" else None

    follower = ReferenceFollower(find)
    samples = list(driven(steady(62_000), 62_000))
    for sample in samples:
        follower.add(sample)
    assert follower.reference is known
    assert follower.gain is not None
    assert follower.gain[:3] == (1, "19", None)
    assert follower.gain[3:] == pytest.approx((0.1, 1.9), abs=0.002)
    follower.add(samples[-1].replace(car_model="other"))
    shown = [follower.reference, follower.gain, follower.delta]
    assert shown == [None, None, LapDelta()]
    assert asked == [CarAndTrack("demo_gt3", "demo_ring", ""), CarAndTrack("other", "demo_ring", "")]


def test_the_path_of_a_reference_is_where_it_drove() -> None:
    known, theirs = reference(60_000)
    assert 1000 <= len(known.path) <= 4000
    first = known.path[0]
    assert math.hypot(first.x, first.z) == pytest.approx(3000.0 / math.tau, rel=1e-3)
    assert known.to_dict() == {
        "name": "lap 1 of a.mcap", "car": "demo_gt3", "track": "demo_ring", "layout": "", "time_ms": 60_000,
    }  # fmt: skip
    columns = columns_of(steady(60_000), 60_000)
    assert theirs.lap.number == 1
    assert columns["world_position_x"].any()


@given(
    st.lists(
        st.tuples(st.integers(-(2**31), 2**31 - 1), st.floats(width=32), st.integers(-(2**31), 2**31 - 1)), max_size=40
    )
)
def test_whatever_the_game_writes_the_comparison_goes_on(rows: Sequence[tuple[int, float, int]]) -> None:
    comparison = ReferenceComparison(KNOWN)
    for time_ms, position, completed in rows:
        comparison.update(BLANK.replace(current_time=time_ms, normalized_position=position, completed_laps=completed))
        comparison.complete_lap(lap_of(60_000, completed + 1))
        delta = comparison.delta()
        assert delta.delta_s is None or math.isfinite(delta.delta_s)
        assert delta.reference_position is None or 0.0 <= delta.reference_position <= 1.0


KNOWN = reference(60_000)[0]
