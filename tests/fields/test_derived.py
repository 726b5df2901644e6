import math
from typing import Any

import pytest
from hypothesis import given

import ac_native_memory as ac
from telemetry.fields.derived import Sample, derive
from telemetry.fields.metrics.conversions import steer_degrees
from telemetry.fields.metrics.damage import damage_level
from telemetry.fields.metrics.enums import gear_name
from telemetry.fields.metrics.tyres import tyre_floor, tyre_worn
from telemetry.fields.snapshot import decode
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from tests.conftest import sample_of, snapshot_of
from tests.fields.test_snapshot import any_pages

NO_SLIP = (None, None, None, None)


def follow(*changes: dict[str, Any], thresholds: Thresholds = DEFAULTS) -> list[Sample]:
    """Samples one after the other, each a car at rest but for the changes."""
    samples: list[Sample] = []
    for change in changes:
        samples.append(derive(snapshot_of(**change), samples[-1] if samples else None, thresholds))
    return samples


def valid(*changes: dict[str, Any]) -> list[bool]:
    return [sample.is_lap_valid for sample in follow(*changes)]


def test_two_tyres_out_are_allowed_and_three_spoil_the_lap_to_its_end() -> None:
    assert valid(
        {"number_of_tyres_out": 2},
        {"number_of_tyres_out": 3},
        {"number_of_tyres_out": 0},
        {"number_of_tyres_out": 0, "completed_laps": 1},
    ) == [True, False, False, True]


def test_a_lap_that_begins_beside_the_track_is_invalid_from_its_start() -> None:
    assert valid({}, {"completed_laps": 1, "number_of_tyres_out": 4}) == [True, False]


def test_the_limit_of_tyres_out_can_be_set() -> None:
    strict = Thresholds(tyres_out=2)
    assert not sample_of(thresholds=strict, number_of_tyres_out=2).is_lap_valid


@pytest.mark.parametrize(
    ("spoiled", "after"),
    [
        ({}, {"session": 2}),
        ({"completed_laps": 3}, {"completed_laps": 0}),
        ({"current_time": 40_000}, {"current_time": 12}),
        ({}, {"packet_id": 4}),
        ({}, {"track": "another_ring"}),
    ],
    ids=["new session", "in-game restart", "restart in the first lap", "new run", "another track"],
)
def test_a_new_session_or_a_restart_begins_with_a_valid_lap(spoiled: dict[str, Any], after: dict[str, Any]) -> None:
    assert valid({"number_of_tyres_out": 4, **spoiled}, spoiled, {**spoiled, **after}) == [False, False, True]


def test_at_the_line_the_old_lap_counts_until_the_new_one_is_counted() -> None:
    assert valid(
        {"number_of_tyres_out": 4, "current_time": 90_000, "normalized_position": 0.99},
        {"current_time": 3, "normalized_position": 0.999},
        {"current_time": 15, "normalized_position": 0.001, "completed_laps": 1},
    ) == [False, False, True]


def test_a_restart_out_of_the_pause_begins_with_a_valid_lap() -> None:
    assert valid(
        {"number_of_tyres_out": 4, "packet_id": 5000},
        {"status": 3, "packet_id": 5000},
        {"status": 3, "packet_id": 12},
        {"packet_id": 40},
    ) == [False, False, True, True]


def test_a_replay_of_other_laps_does_not_forgive_this_one() -> None:
    assert valid(
        {"number_of_tyres_out": 4, "completed_laps": 3, "current_time": 50_000},
        {"status": 1, "completed_laps": 1, "current_time": 20_000},
        {"completed_laps": 3, "current_time": 50_100},
    ) == [False, False, False]


def test_a_recording_without_a_status_has_verdicts() -> None:
    assert valid({"status": 0}, {"status": 0, "number_of_tyres_out": 4}) == [True, False]


@pytest.mark.parametrize("status", [1, 3])
def test_a_pause_or_replay_changes_nothing_about_the_lap(status: int) -> None:
    before = {"number_of_tyres_out": 4, "current_time": 50_000}
    assert valid(before, {"status": status, "current_time": 100}, {"current_time": 50_100}) == [False, False, False]
    assert valid({}, {"status": status, "number_of_tyres_out": 4}) == [True, True]


def test_damage_is_a_hundredth_clamped() -> None:
    assert damage_level((5.0, 0.0, -1.0, 150.0, math.nan)) == (0.05, 0.0, 0.0, 1.0, 0.0)


def test_bodywork_flags_are_off_on_a_new_car_and_fire_above_their_thresholds() -> None:
    def flags(overall: float) -> tuple[bool, bool]:
        sample = sample_of(car_damage=(0.0, 0.0, 0.0, 0.0, overall))
        return sample.bodywork_damaged, sample.bodywork_critical

    assert flags(0.0) == (False, False)
    assert flags(5.0) == (False, False)
    assert flags(5.1) == (True, False)
    assert flags(50.0) == (True, False)
    assert flags(50.1) == (True, True)
    assert flags(1e9) == (True, True)


def test_a_single_damaged_zone_is_enough() -> None:
    assert sample_of(car_damage=(0.0, 0.0, 12.0, 0.0, 0.0)).bodywork_damaged


def test_a_new_tyre_is_not_worn() -> None:
    sample = sample_of(tyre_wear=(99.5, 99.6, 100.0, 99.9))
    assert sample.tyre_worn == (0.0, 0.0, 0.0, 0.0)
    assert (sample.tyre_damaged, sample.tyre_critical) == (False, False)


def test_wear_counts_from_the_best_seen_after_scrubbing_in() -> None:
    *_, scrubbed, worn = follow(
        {"tyre_wear": (99.5,) * 4}, {"tyre_wear": (100.0,) * 4}, {"tyre_wear": (94.0, 100.0, 100.0, 100.0)}
    )
    assert scrubbed.tyre_worn == (0.0,) * 4
    assert worn.tyre_worn == (0.5, 0.0, 0.0, 0.0)
    assert worn.tyre_wear_best == (100.0,) * 4


def test_tyre_flags_fire_above_four_fifths_and_nineteen_twentieths_of_a_life() -> None:
    def flags(wear: float) -> tuple[bool, bool]:
        sample = follow({}, {"tyre_wear": (100.0, 100.0, wear, 100.0)})[-1]
        return sample.tyre_damaged, sample.tyre_critical

    assert flags(90.5) == (False, False)
    assert flags(90.3) == (True, False)
    assert flags(88.7) == (True, False)
    assert flags(88.5) == (True, True)
    assert flags(60.0) == (True, True)


def test_a_new_set_in_the_pits_starts_again() -> None:
    worn, is_new_step = follow({}, {"tyre_wear": (89.0,) * 4}, {"tyre_wear": (99.5,) * 4})[1:]
    assert worn.tyre_damaged
    assert is_new_step.tyre_worn == (0.0,) * 4
    assert is_new_step.tyre_wear_best == (99.5,) * 4


def test_one_new_tyre_starts_again_alone() -> None:
    sample = follow({}, {"tyre_wear": (94.0,) * 4}, {"tyre_wear": (99.5, 94.0, 94.0, 94.0)})[-1]
    assert sample.tyre_worn == (0.0, 0.5, 0.5, 0.5)


def test_another_compound_starts_again() -> None:
    sample = follow(
        {"tyre_compound": "Slicks Medium (M)"}, {"tyre_compound": "Slicks Hard (H)", "tyre_wear": (95.0,) * 4}
    )
    assert sample[-1].tyre_worn == (0.0,) * 4


def test_wear_is_absent_where_the_game_publishes_none() -> None:
    sample = sample_of(tyre_wear=(0.0,) * 4)
    assert sample.tyre_worn == NO_SLIP
    assert (sample.tyre_damaged, sample.tyre_critical) == (False, False)
    assert sample_of(tyre_wear=(math.nan,) * 4).tyre_worn == NO_SLIP
    assert tyre_worn((math.nan, 94.0, 94.0, 94.0), (100.0,) * 4, 88.0) == (None, 0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("compound", "floor"),
    [
        ("Slicks Medium (M)", 88.0),
        ("Semislicks (SM)", 70.0),
        ("Street (ST)", 80.0),
        ("Street90S (ST90)", 88.0),
        ("Street 90s (S9)", 88.0),
        ("Semi-Slicks (SM)", 70.0),
        ("GP70 Hard (H)", 95.0),
        ("Cinturato (C)", 96.0),
        ("", 88.0),
    ],
)
def test_the_floor_depends_on_the_compound(compound: str, floor: float) -> None:
    assert tyre_floor(compound) == floor
    assert tyre_floor(compound, Thresholds(tyre_floor=95.0)) == 95.0


def test_a_tyre_first_seen_below_its_floor_is_gone() -> None:
    assert sample_of(tyre_wear=(80.0,) * 4).tyre_critical


def test_lap_distance_is_the_position_times_the_length_where_the_line_is_not_known() -> None:
    assert sample_of(normalized_position=0.25, track_spline_length=3000.0).lap_distance == 750.0
    assert sample_of(normalized_position=0.25, track_spline_length=0.0).lap_distance is None
    assert sample_of(normalized_position=0.25, track_spline_length=math.nan).lap_distance is None


@pytest.mark.parametrize("unknown", [{"normalized_position": math.nan}, {"track_spline_length": math.inf}])
def test_lap_distance_is_null_where_the_place_is_no_number(unknown: dict[str, Any]) -> None:
    place = {"normalized_position": 0.25, "track_spline_length": 4000.0}
    samples = follow(place, place | unknown, place)
    assert [sample.lap_distance for sample in samples] == [1000.0, None, 1000.0]


def test_steering_has_degrees_only_with_a_stated_lock() -> None:
    assert steer_degrees(-0.5) is None
    assert steer_degrees(-0.5, Thresholds(steer_lock=450.0)) == -225.0


def test_gears_have_the_names_of_a_dashboard() -> None:
    assert [gear_name(gear) for gear in (-1, 0, 1, 2, 7)] == ["unknown", "R", "N", "1", "6"]


def test_enums_have_names_and_unknown_values_say_so() -> None:
    sample = sample_of(status=2, session=-1, flag=5)
    assert (sample.status_name, sample.session_name, sample.flag_name) == ("live", "unknown", "chequered")
    sample = sample_of(status=9, session=4, flag=-7)
    assert (sample.status_name, sample.session_name, sample.flag_name) == ("unknown", "time_attack", "unknown")


def test_physics_steps_are_counted_between_samples() -> None:
    steps = [sample.physics_steps for sample in follow({}, {"packet_id": 1033}, {"packet_id": 1033}, {"packet_id": 2})]
    assert steps == [None, 33, 0, None]


def test_deriving_again_from_the_same_gives_the_same() -> None:
    before = sample_of(number_of_tyres_out=3)
    now = snapshot_of(packet_id=1010)
    assert derive(now, before) == derive(now, before)


@given(any_pages, any_pages)
def test_derive_is_total(first: ac.Pages, second: ac.Pages) -> None:
    before = derive(decode(first))
    sample = derive(decode(second), before)
    assert len(sample) == len(Sample.FIELDS)
    assert all(slip is None or 0.0 <= slip <= 1.0 for slip in sample.slip_ratio)
    assert all(0.0 <= level <= 1.0 for level in sample.damage_level)
    assert all(worn is None or 0.0 <= worn <= 1.0 for worn in sample.tyre_worn)
