import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import telemetry
from telemetry.fields.resample import GAP_SECONDS, MAX_FRAME_S, frame_age_s, interpolate, is_jump, resample
from telemetry.fields.snapshot import Snapshot
from telemetry.laps.detector import laps
from tests.conftest import snapshot_of
from tests.recorded import derived, recorded_lap


def pair(earlier: dict[str, Any], later: dict[str, Any], seconds: float = 1.0) -> tuple[Snapshot, Snapshot]:
    """Two snapshots of a car that drives on, ``seconds`` apart."""
    first = snapshot_of(elapsed=5.0, sequence=10, packet_id=1000, current_time=30_000).replace(**earlier)
    moved = {
        "elapsed": 5.0 + seconds,
        "timestamp": first.timestamp + seconds,
        "sequence": 11,
        "packet_id": 1000 + round(seconds / 0.003),
        "current_time": 30_000 + round(seconds * 1000),
    }
    return first, first.replace(**{**moved, **later})


def test_these_numbers_of_the_pages_are_held_and_so_is_everything_that_is_not_a_number() -> None:
    numbers = [field for field in Snapshot.FIELDS if field.dtype == "number" and field.group != "static"]
    assert {field.name for field in numbers if field.interpolation == "held"} == {
        "drs",
        "tc",
        "abs_setting",
        "car_damage",
        "ballast",
        "brake_bias",
        "replay_time_multiplier",
        "penalty_time",
    }
    others = [field for field in Snapshot.FIELDS if field.dtype != "number" or field.group == "static"]
    assert {field.interpolation for field in others} == {"held"}


def test_every_other_number_goes_in_a_straight_line_but_these() -> None:
    kinds = {field.name: field.interpolation for field in Snapshot.FIELDS}
    assert {name: kind for name, kind in kinds.items() if kind not in ("held", "linear")} == {
        "timestamp": "time",
        "elapsed": "time",
        "heading": "angle_rad",
        "pitch": "angle_rad",
        "roll": "angle_rad",
        "wind_direction": "angle_deg",
        "normalized_position": "lap_fraction",
        "performance_meter": "linear_per_lap",
        "kers_current_kj": "linear_per_lap",
    }


@pytest.mark.parametrize("rate", [3.0, 7.3, 10.0, 25.0])
def test_moments_lie_exactly_on_the_grid(rate: float) -> None:
    lap = recorded_lap()[:200]
    found = list(resample(lap, rate))
    start, offset = lap[0].elapsed, lap[0].timestamp - lap[0].elapsed
    assert [one.elapsed for one in found] == [start + k / rate for k in range(len(found))]
    assert len(found) == math.floor((lap[-1].elapsed - start) * rate + 1e-6) + 1
    assert [one.timestamp for one in found] == pytest.approx([one.elapsed + offset for one in found], abs=1e-6)


def test_at_the_recorded_rate_the_recorded_snapshots_come_back() -> None:
    lap = recorded_lap()
    assert [one[2:] for one in resample(lap, 10.0)] == [one[2:] for one in lap]


@pytest.mark.parametrize("step", [8 * 3600.0, -3600.0, 1.0])
def test_a_step_of_the_time_of_day_is_neither_spread_nor_does_it_move_a_tick(step: float) -> None:
    lap = [one.replace(timestamp=one.timestamp + step) if one.sequence >= 100 else one for one in recorded_lap()[:200]]
    found = list(resample(lap, 25.0))
    start, offset = lap[0].elapsed, lap[0].timestamp - lap[0].elapsed
    assert [one.elapsed for one in found] == [start + k / 25.0 for k in range(len(found))]
    ahead = [round(one.timestamp - one.elapsed - offset, 3) for one in found]
    before = math.ceil((lap[100].elapsed - start) * 25.0 - 1e-6)
    assert ahead == [0.0] * before + [step] * (len(found) - before)


def test_numbers_go_in_a_straight_line_and_all_else_is_held() -> None:
    before, after = pair(
        {"speed_kmh": 100.0, "gear": 4, "rpm": 6000, "tyre_core_temp": (80.0, 81.0, 82.0, 83.0), "tc": 0.1,
         "tyre_contact_point": ((0.0, 1.0, 2.0),) * 4, "session_time_left": 9000.0, "last_time_text": "-:--:---"},
        {"speed_kmh": 104.0, "gear": 5, "rpm": 5000, "tyre_core_temp": (84.0, 81.0, 82.0, 79.0), "tc": 0.2,
         "tyre_contact_point": ((4.0, 1.0, 0.0),) * 4, "session_time_left": 8000.0, "last_time_text": "1:20:000"},
    )  # fmt: skip
    now = interpolate(before, after, 5.25)
    assert (now.elapsed, now.timestamp, now.speed_kmh) == (5.25, before.timestamp + 0.25, 101.0)
    assert (now.sequence, now.packet_id, now.current_time, now.gear, now.rpm) == (10, 1000, 30_000, 4, 6000)
    assert (now.tc, now.last_time_text, now.session_time_left) == (0.1, "-:--:---", 8750.0)
    assert now.tyre_core_temp == (81.0, 81.0, 82.0, 82.0)
    assert now.tyre_contact_point == ((1.0, 1.0, 1.5),) * 4


@pytest.mark.parametrize(
    ("name", "earlier", "later", "middle"),
    [
        ("heading", 3.0, -3.0, -math.pi),
        ("heading", -3.0, 3.0, -math.pi),
        ("heading", 3.1, -2.9, -3.0415926),
        ("heading", -0.5, 0.5, 0.0),
        ("roll", 3.0, -3.1, 3.0915928),
        ("wind_direction", 350.0, 20.0, 5.0),
        ("wind_direction", 10.0, 340.0, 355.0),
        ("normalized_position", 0.98, 0.04, 0.01),
        ("normalized_position", 0.98, 0.0, 0.99),
        ("normalized_position", 0.2, 0.3, 0.25),
    ],
)
def test_what_goes_round_goes_the_shorter_way(name: str, earlier: float, later: float, middle: float) -> None:
    now = interpolate(*pair({name: earlier}, {name: later}), 5.5)
    assert getattr(now, name) == pytest.approx(middle, abs=1e-6)


def test_at_the_line_the_position_waits_for_the_counters_and_what_the_lap_resets_is_held() -> None:
    before, after = pair(
        {"normalized_position": 0.99, "kers_current_kj": 400.0, "performance_meter": -1.5, "current_time": 80_000},
        {"normalized_position": 0.03, "kers_current_kj": 0.0, "performance_meter": 0.0, "current_time": 700},
    )
    found = [interpolate(before, after, 5.0 + share) for share in (0.0, 0.2, 0.5, 0.9)]
    assert [one.normalized_position for one in found] == [0.99, 0.998, 0.99999994, 0.99999994]
    assert {one.current_time for one in found} == {80_000}
    assert {(one.kers_current_kj, one.performance_meter) for one in found} == {(400.0, -1.5)}
    assert all(one.is_lap_valid for one in derived([*found, after]))


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({"packet_id": 9000}, {"packet_id": 5}),
        ({"session": 0}, {"session": 2}),
        ({"car_model": "demo_gt3"}, {"car_model": "demo_gt4"}),
        ({"status": 2}, {"status": 3}),
        ({"status": 1}, {"status": 1}),
        ({"completed_laps": 3}, {"completed_laps": 0}),
        ({"normalized_position": 0.5}, {"normalized_position": 0.01, "current_time": 0}),
        ({"world_position_x": 0.0}, {"world_position_x": 400.0}),
        ({}, {"packet_id": 1010}),
    ],
)
def test_across_a_jump_everything_is_held(earlier: dict[str, Any], later: dict[str, Any]) -> None:
    before, after = pair({"fuel": 10.0, **earlier}, {"fuel": 20.0, **later})
    assert is_jump(before, after)
    middle = interpolate(before, after, 5.5)
    assert middle[2:] == before[2:]
    assert middle.elapsed == 5.5
    assert [one.fuel for one in resample([before, after], 4.0)] == [10.0, 10.0, 10.0, 10.0, 20.0]


def test_driving_on_is_no_jump_at_any_speed() -> None:
    lap = recorded_lap()
    assert not any(is_jump(before, after) for before, after in pairwise(lap))


def test_after_a_hitch_of_drawing_the_position_is_compared_over_the_time_since_the_last_frame() -> None:
    """At 280 km/h the car comes 16 m further within one physics step, and drove it in the 0.2 s before."""
    before, after = pair({"speed_kmh": 280.0}, {"world_position_x": 16.0, "graphics_packet_id": 400}, seconds=0.003)
    assert is_jump(before, after)
    frame_s = 0.0
    shown = [before.replace(elapsed=before.elapsed - 0.2 + 0.05 * step) for step in range(5)]
    for earlier, later in pairwise(shown):
        frame_s = frame_age_s(earlier, later, frame_s)
    assert frame_s == pytest.approx(0.2)
    assert not is_jump(before, after, frame_s)
    assert frame_age_s(before, after, frame_s) == pytest.approx(0.003)
    assert frame_age_s(before, before.replace(elapsed=9.0), 4.0) == MAX_FRAME_S


def test_of_a_long_gap_nothing_is_told_and_the_grid_goes_on_behind_it() -> None:
    lap = recorded_lap()
    kept = [one for one in lap[:100] if not 3.0 < one.elapsed < 3.1 + GAP_SECONDS]
    times = [round(one.elapsed, 9) for one in resample(kept, 20.0)]
    assert [time for time in times if 2.9 < time < 5.0] == [2.95, 3.0, 4.6, 4.65, 4.7, 4.75, 4.8, 4.85, 4.9, 4.95]


def test_what_is_no_number_is_held_and_spoils_nothing_else() -> None:
    before, after = pair(
        {"session_time_left": math.inf, "fuel": math.nan, "gas": 0.0, "wheel_load": (1.0, math.nan, 3.0, 4.0)},
        {"session_time_left": 5.0, "fuel": 3.0, "gas": 1.0, "wheel_load": (2.0, 2.0, 4.0, math.inf)},
    )
    now = interpolate(before, after, 5.5)
    assert (now.session_time_left, now.gas) == (math.inf, 0.5)
    assert math.isnan(now.fuel)
    assert str(now.wheel_load) == "(1.5, nan, 3.5, 4.0)"


def test_interpolated_numbers_are_as_short_as_the_games_own() -> None:
    found = list(resample(recorded_lap()[300:310], 60.0))
    for name in ("speed_kmh", "heading", "normalized_position", "world_position_x"):
        values = [getattr(one, name) for one in found]
        assert values == [float(str(np.float32(value))) for value in values]


@pytest.mark.parametrize("rate", [1.0, 6.0, 60.0])
def test_a_lap_keeps_its_time_and_its_verdict(rate: float) -> None:
    (whole, *_) = laps(derived(list(resample(recorded_lap(), rate))))
    assert (whole.time_ms, whole.valid, whole.sectors_ms) == (83_811, True, (31_011, 26_241, 26_559))


def test_it_takes_no_more_than_it_needs_and_bears_nothing_and_times_that_go_back() -> None:
    lap = recorded_lap()
    source = iter(lap)
    assert next(resample(source, 10.0)).elapsed == lap[0].elapsed
    assert next(source) == lap[2]
    assert list(resample([], 10.0)) == []
    assert [one.elapsed for one in resample([lap[0]], 10.0)] == [lap[0].elapsed]
    assert [one[2:] for one in resample([lap[5], lap[6], lap[3], lap[7]], 10.0)] == [one[2:] for one in lap[5:8]]


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
def test_a_rate_that_is_not_positive_and_finite_is_refused_at_once(rate: float) -> None:
    with pytest.raises(telemetry.UsageError, match=f"^rate must be (greater than 0|finite), got {rate:g}.$"):
        resample([], rate)


@pytest.mark.parametrize(
    "changes", [{"tyre_wear": (99.0,) * 4}, {"fuel": 19.0}, {"fuel": 60.0}], ids=["tyres", "less fuel", "more fuel"]
)
def test_tyres_and_fuel_come_in_one_step_while_the_car_stands_in_its_box(changes: dict[str, Any]) -> None:
    stand = {"is_in_pit": 1, "is_in_pit_lane": 1, "speed_kmh": 0.0, "tyre_wear": (98.95,) * 4, "fuel": 20.0}
    first, second = pair(stand, changes, seconds=0.1)
    found = [(snapshot.tyre_wear, snapshot.fuel) for snapshot in resample([first, second], 100.0)]
    assert found == [(first.tyre_wear, first.fuel)] * 10 + [(second.tyre_wear, second.fuel)]


def test_fuel_that_idling_burns_goes_in_a_straight_line() -> None:
    first, second = pair({"is_in_pit": 1, "speed_kmh": 0.0, "fuel": 20.0}, {"fuel": 19.96875}, seconds=0.5)
    assert interpolate(first, second, 5.25).fuel == 19.984375
