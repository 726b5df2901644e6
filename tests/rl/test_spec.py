import dataclasses
import json
import math
import pickle
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.base.errors import UsageError
from telemetry.fields.derived import Sample
from telemetry.rl import (
    Action,
    End,
    Feature,
    Observation,
    Reward,
    Spec,
    advance,
    advance_recorded,
    begin,
    known_track,
    layout,
    load_spec,
    observe,
    reward,
)
from telemetry.rl.action import RELEASED, Command, recorded_action, to_command
from telemetry.rl.features import FEATURES, feature_info
from telemetry.rl.reward import TERMS, progress_metres, terms_table
from telemetry.tracks.track import TrackMap
from tests.conftest import REPOSITORY, sample_of

FLAT = {"bodywork_critical": False, "tyre_critical": False, "tyres_out": 0, "backwards_metres": 0.0}
NO_END = End(**FLAT, no_progress_seconds=0.0, seconds=0.0)  # type: ignore[arg-type]


def spec_of(*names: str, **observation: Any) -> Spec:
    fields = tuple(FEATURES[name] for name in names)
    return Spec(
        observation=Observation(fields=fields, action_history=observation.pop("action_history", 0), **observation)
    )


def flat(spec: Spec, sample: Sample, **more: Any) -> list[float]:
    value = observe(spec, sample, **more)
    assert isinstance(value, np.ndarray)
    assert value.dtype == np.float32
    numbers: list[float] = value.tolist()
    return numbers


def drive(*samples: Sample, spec: Spec | None = None, action: tuple[float, ...] = (0.0, 0.0)) -> str:
    """Why the episode of these samples ended, at the first that ends it."""
    spec = spec or Spec()
    memory, _ = begin(spec, samples[0])
    for sample in samples[1:]:
        memory, outcome = advance(spec, memory, sample, action)
        if outcome.ending.reason:
            assert outcome.ending.terminated != outcome.ending.truncated
            return ("terminated " if outcome.ending.terminated else "truncated ") + outcome.ending.reason
    return ""


# --- the file


def test_a_specification_survives_json_and_pickle() -> None:
    spec = Spec(
        control_hz=50.0,
        observation=Observation(shape="dict", fields=(Feature("heading", 3.0, -4.0, 4.0),), mask=True),
        action=Action(pedals="steer_throttle_brake", delta=True),
        reward=Reward.preset("acgym"),
        end=End(laps=3),
    )
    assert Spec.from_json(spec.to_json()) == spec
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert hash(Spec.from_json(spec.to_json())) == hash(spec)


def test_a_specification_is_a_small_file(tmp_path: Path) -> None:
    toml = tmp_path / "spec.toml"
    toml.write_text(
        'control_hz = 20\nreward = "acgym"\n[observation]\nmask = true\n'
        'fields = ["speed", {name = "rpm", scale = 8000.0}, {name = "heading", scale = 3.0, low = -4, high = 4}]\n'
        '[action]\npedals = "steer_throttle_brake"\n[end]\nlap_seconds = 120\n',
        newline="\n",
    )
    spec = load_spec(toml)
    assert spec == Spec(
        control_hz=20,
        observation=Observation(
            mask=True,
            fields=(
                Feature("speed", 50.0, 0.0, 125.0),
                Feature("rpm", 8000.0, -1000.0, 20_000.0),
                Feature("heading", 3.0, -4, 4),
            ),
        ),
        action=Action(pedals="steer_throttle_brake"),
        reward=Reward.preset("acgym"),
        end=End(lap_seconds=120),
    )
    as_json = tmp_path / "spec.json"
    as_json.write_text(json.dumps(spec.to_dict()))
    assert load_spec(as_json) == spec
    for path in (toml, as_json):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
        assert load_spec(path) == spec


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"hz": 25}, "hz: unknown key; there are control_hz, observation, action, reward, end, randomisation."),
        ({"rewards": {}}, "rewards: unknown key; did you mean reward?"),
        ({"control_hz": 0}, "control_hz must be greater than 0 and at most 333, got 0."),
        ({"control_hz": "25"}, "control_hz must be greater than 0 and at most 333, got '25'."),
        ({"end": 5}, "end must be a table, got 5."),
        ({"end": {"tyres_out": 5}}, "end.tyres_out must be an integer from 0 to 4, got 5."),
        ({"end": {"seconds": -1}}, "end.seconds must be a number from 0 on, got -1; 0 switches the rule off."),
        ({"end": {"tyre_critical": 1}}, "end.tyre_critical must be true or false, got 1."),
        (
            {"action": {"pedals": "three"}},
            "action.pedals must be one of steer_pedal, steer_throttle_brake, got 'three'.",
        ),
        ({"action": {"steer_range": 1.5}}, "action.steer_range must be at most 1, the full lock, got 1.5."),
        ({"action": {"steer_rate": 0}}, "action.steer_rate must be greater than 0, got 0."),
        ({"reward": "fast"}, "reward: unknown preset 'fast'; there are acgym, default."),
        (
            {"reward": {"slip": -1.0}},
            "reward.slip must be a number from 0 on, got -1.0. Penalties are subtracted automatically.",
        ),
        ({"reward": {"progres": 1.0}}, "reward.progres: unknown key; did you mean progress?"),
        ({"observation": {"shape": "round"}}, "observation.shape must be one of flat, dict, got 'round'."),
        ({"observation": {"fields": "speed"}}, "observation.fields must be a list, got 'speed'."),
        (
            {"observation": {"fields": ["speed", "brake_tmp"]}},
            "observation.fields[1]: unknown field 'brake_tmp'; did you mean brake_temp?",
        ),
        (
            {"observation": {"fields": ["timestamp"]}},
            "observation.fields[0]: unknown field 'timestamp'; the command 'fields' lists all fields.",
        ),
        ({"observation": {"fields": ["rpm", "rpm"]}}, "observation.fields[1]: duplicate field rpm."),
        (
            {"observation": {"fields": ["heading"]}},
            "observation.fields[0]: heading has no default scale and bounds; add scale, low, high.",
        ),
        (
            {"observation": {"fields": [{"name": "rpm", "low": 100}]}},
            ("observation.fields[0]: the bounds must include 0, the value used for missing data, got 100 .. 20000.0."),
        ),
        (
            {"observation": {"fields": [{"name": "rpm", "scale": 0}]}},
            "observation.fields[0].scale must be greater than 0, got 0.",
        ),
        (
            {"observation": {"fields": [{"name": "rpm", "high": math.inf}]}},
            "observation.fields[0].high must be a finite number, got inf.",
        ),
        (
            {"observation": {"fields": [], "action_history": 0}},
            "observation.fields: the observation is empty; name a field, or set action_history.",
        ),
    ],
)
def test_a_mistake_is_a_sentence_with_its_key(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        Spec.from_dict(values)
    assert str(caught.value) == sentence


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    with pytest.raises(
        UsageError, match=r"^The specification .*spec\.toml cannot be read: No such file or directory\.$"
    ):
        load_spec(path)
    path.write_text("control_hz = 20", encoding="utf-16")
    with pytest.raises(UsageError, match=r"spec\.toml, line 1: it is text in UTF-16, .*Convert it, "):
        load_spec(path)
    path.write_text("control_hz = ")
    with pytest.raises(UsageError, match=r"spec\.toml, line 1: invalid TOML: Invalid value\.$"):
        load_spec(path)
    path.write_text("end = 5")
    with pytest.raises(UsageError, match=r"spec\.toml: end must be a table, got 5\.$"):
        load_spec(path)


def test_every_feature_known_by_name_is_a_field_with_bounds() -> None:
    for name, feature in FEATURES.items():
        assert (name, feature_info(name) is not None) == (feature.name, True)
    assert Spec(observation=Observation(fields=tuple(FEATURES.values()))).observation.fields


def test_the_documentation_has_valid_specifications_and_the_table_of_terms() -> None:
    text = (REPOSITORY / "docs" / "rl.md").read_text(encoding="utf-8")
    examples = [Spec.from_dict(tomllib.loads(one)) for one in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    assert len(examples[0].observation.fields) == 5
    assert [example.randomisation.changes_car for example in examples] == [False, True]
    assert terms_table() in text


def test_every_reward_term_has_a_weight_of_its_name() -> None:
    assert {name: term.default_weight for name, term in TERMS.items()} == dataclasses.asdict(Reward())


# --- observations


def test_the_default_observation_has_45_numbers_with_finite_bounds() -> None:
    plan = layout(Spec())
    assert plan.size == 45
    assert plan.names[:4] == ("speed", "local_velocity_x", "angular_velocity_y", "acc_g_x")
    assert plan.names[10:14] == ("wheel_slip_fl", "wheel_slip_fr", "wheel_slip_rl", "wheel_slip_rr")
    assert plan.names[-8:-4] == ("curvature_ahead_11", "curvature_ahead_12", "steer_1_ago", "pedal_1_ago")
    assert np.isfinite(plan.low / plan.scale).all()
    assert np.isfinite(plan.high / plan.scale).all()


def test_numbers_are_scaled_cut_and_in_order() -> None:
    spec = spec_of("speed", "rpm", "gear", "wheel_slip")
    sample = sample_of(speed_kmh=180.0, rpm=25_000, gear=4, wheel_slip=(1.0, 0.5, 1e6, 0.0))
    assert flat(spec, sample) == [1.0, 2.0, 0.5, 0.5, 0.25, 5.0, 0.0]


def test_a_trucks_gears_are_not_cut() -> None:
    spec = spec_of("gear")
    assert [flat(spec, sample_of(gear=gear)) for gear in (0, 1, 17)] == [[0.0], [0.125], [2.125]]


def test_a_dictionary_holds_the_fields_own_units() -> None:
    spec = spec_of("speed", "wheel_slip", shape="dict", mask=True, action_history=2)
    value = observe(spec, sample_of(speed_kmh=180.0, wheel_slip=(1.0, math.nan, 1e6, 0.0)), ((0.5, -1.0),))
    assert isinstance(value, dict)
    assert {name: part.tolist() for name, part in value.items()} == {
        "speed": [50.0],
        "wheel_slip": [1.0, 0.0, 10.0, 0.0],
        "actions": [0.5, -1.0, 0.0, 0.0],
        "mask": [1.0, 1.0, 0.0, 1.0, 1.0],
    }


def test_what_the_game_does_not_say_is_0_and_0_in_the_mask() -> None:
    spec = spec_of("speed", "slip_ratio", "track_offset", "curvature_ahead", mask=True, curvature_points=2)
    sample = sample_of(speed_kmh=math.inf, tyre_radius=(0.0, 0.33, 0.33, 0.33), local_velocity_z=30.0, track="monza")
    assert flat(spec, sample) == [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]


def test_the_lap_is_a_circle() -> None:
    spec = spec_of("lap_phase")
    assert flat(spec, sample_of(normalized_position=0.25)) == pytest.approx([1.0, 0.0], abs=1e-6)
    before, after = (flat(spec, sample_of(normalized_position=place)) for place in (0.9999, 0.0001))
    assert math.dist(before, after) < 0.002


def test_a_track_without_a_spline_has_no_place_on_the_lap() -> None:
    spec = spec_of("lap_phase", mask=True)
    assert flat(spec, sample_of(normalized_position=0.0)) == [0.0, 0.0, 0.0, 0.0]
    assert flat(spec, sample_of(sample_of(normalized_position=0.9999), normalized_position=0.0))[2:] == [1.0, 1.0]


def test_the_demos_road_is_known_and_others_are_not() -> None:
    assert known_track(sample_of(track="monza")) is None
    road = known_track(sample_of(track="demo_ring"))
    assert road is not None
    node = 100
    left = (road.x[node] + 3.0 * road.tangent_z[node], road.z[node] - 3.0 * road.tangent_x[node])
    along = math.atan2(-road.tangent_x[node], road.tangent_z[node])
    sample = sample_of(
        normalized_position=node / len(road.x), world_position_x=left[0], world_position_z=left[1], heading=along - 0.1
    )
    assert road.place(sample) == pytest.approx((3.0, 0.1))  # to the left, and turned to the left


@pytest.mark.parametrize("line", [0.03, 0.5, 0.8])
def test_the_demos_road_is_the_same_where_its_timing_line_lies_elsewhere(line: float) -> None:
    usual, moved = known_track(sample_of(track="demo_ring")), known_track(sample_of(**on_line(0.0, line)))
    assert usual is not None
    assert moved is not None
    for share in (0.0, 0.1999, 0.4321, 0.97, 0.9999):
        place = usual.node(share, math.nan, math.nan)
        car: dict[str, Any] = {
            "world_position_x": usual.x[place] + 1.0,
            "world_position_z": usual.z[place] - 1.0,
            "heading": 1.0,
        }
        expected = sample_of(track="demo_ring", normalized_position=share, **car)
        sample = sample_of(**on_line(share, line), **car)
        assert moved.place(sample) == usual.place(expected)
        assert moved.gap(sample) == usual.gap(expected)
        far, expected_far = (
            one.curvature_ahead(at, 12, 300.0)
            for one, at in ((moved, sample.normalized_position), (usual, expected.normalized_position))
        )
        assert far == pytest.approx(expected_far, abs=1e-3)  # of a point or of the next one, 2 m on


def on_line(share: float, line: float) -> dict[str, Any]:
    """A place on the demo's lap in the layout with that timing line."""
    layout = f"line_{line}"
    return {"track": "demo_ring", "track_configuration": layout, "normalized_position": (share + line) % 1.0}


@pytest.mark.parametrize("layout", ["short", "line_x", "line_2"])
def test_a_layout_that_the_demo_does_not_have_is_not_known(layout: str) -> None:
    assert known_track(sample_of(track="demo_ring", track_configuration=layout)) is None


def test_curvature_ahead_is_that_of_the_road_ahead_through_the_line() -> None:
    circle = [
        (100.0 * math.cos(turn), 100.0 * math.sin(turn)) for turn in np.linspace(0.0, math.tau, 314, endpoint=False)
    ]
    road = TrackMap.of_points(circle, 200.0 * math.pi, circle)
    ahead = road.curvature_ahead(0.95, 4, 200.0)
    assert [abs(bend) for bend in ahead] == pytest.approx([0.01] * 4, rel=1e-3)
    assert road.gap(sample_of(world_position_x=103.0, world_position_z=0.0)) == pytest.approx(3.0, abs=0.01)
    # From +x towards +z: a car that faces +z has +x on its left, and the middle of this circle on its right.
    assert ahead[0] < 0.0


@given(st.lists(st.floats(width=32), min_size=8, max_size=8), st.integers(-(2**31), 2**31 - 1))
def test_any_numbers_are_observed_within_their_bounds(numbers: list[float], count: int) -> None:
    spec = Spec(observation=Observation(mask=True))
    sample = sample_of(
        speed_kmh=numbers[0],
        wheel_slip=tuple(numbers[1:5]),
        normalized_position=numbers[5],
        heading=numbers[6],
        world_position_x=numbers[7],
        rpm=count,
        track="demo_ring",
    )
    plan = layout(spec)
    value = np.array(flat(spec, sample, track=known_track(sample)), dtype=np.float32)
    assert (value >= (plan.low / plan.scale).astype(np.float32)).all()
    assert (value <= (plan.high / plan.scale).astype(np.float32)).all()


# --- actions


def test_a_pedal_is_throttle_or_brake() -> None:
    spec = Spec()
    assert to_command(spec, (0.5, 0.25)) == Command(0.5, 0.25, 0.0)
    assert to_command(spec, (-2.0, -0.25)) == Command(-1.0, 0.0, 0.25)
    assert to_command(spec, (math.nan, math.nan)) == RELEASED


def test_three_axes_have_released_pedals_at_minus_1() -> None:
    spec = Spec(action=Action(pedals="steer_throttle_brake"))
    assert to_command(spec, (0.0, -1.0, 1.0)) == Command(0.0, 0.0, 1.0)
    assert to_command(spec, (0.0, 0.0, -0.5)) == Command(0.0, 0.5, 0.25)


def test_a_delta_moves_the_controls_by_their_rates() -> None:
    spec = Spec(action=Action(pedals="steer_throttle_brake", delta=True))
    once = to_command(spec, (1.0, 1.0, -1.0), Command(0.0, 0.0, 1.0))
    assert once == pytest.approx((0.08, 0.24, 0.76))
    assert to_command(spec, (1.0, 1.0, 1.0), Command(0.99, 0.99, 0.99)) == Command(1.0, 1.0, 1.0)


def test_1_steers_the_share_of_the_lock_that_is_its_range() -> None:
    spec = Spec(action=Action(steer_range=0.25))
    assert to_command(spec, (1.0, 0.5)) == Command(0.25, 0.5, 0.0)
    assert recorded_action(spec, sample_of(), sample_of(steer_angle=-0.125, gas=0.5)) == (-0.5, 0.5)
    assert recorded_action(spec, sample_of(), sample_of(steer_angle=0.9)) == (1.0, 0.0)
    by_change = Spec(action=Action(steer_range=0.25, delta=True))
    assert to_command(by_change, (0.5, 0.0)) == pytest.approx((0.04, 0.0, 0.0))  # half of 2 locks a second


@given(
    st.sampled_from(["steer_pedal", "steer_throttle_brake"]),
    st.floats(-1, 1),
    st.floats(-1, 1),
    st.sampled_from([0, 1]),
    st.sampled_from([1.0, 0.5]),
)
def test_a_recorded_action_asks_for_what_was_done(
    pedals: Any, steer: float, pedal: float, delta: int, steer_range: float
) -> None:
    steer *= steer_range
    action_spec = Action(pedals=pedals, delta=bool(delta), steer_rate=50.0, pedal_rate=50.0, steer_range=steer_range)
    spec = Spec(action=action_spec)
    before = sample_of(steer_angle=0.25, gas=0.5, brake=0.0)
    after = sample_of(steer_angle=steer, gas=max(pedal, 0.0), brake=max(-pedal, 0.0))
    action = recorded_action(spec, before, after)
    assert all(-1.0 <= axis <= 1.0 for axis in action)
    done = to_command(spec, action, Command(0.25, 0.5, 0.0))
    assert done == pytest.approx((steer, max(pedal, 0.0), max(-pedal, 0.0)), abs=1e-9)


# --- rewards


def terms_of(before: Sample, after: Sample, **weights: float) -> dict[str, float]:
    nothing = dict.fromkeys(Reward().weights, 0.0)
    total, terms = reward(Spec(reward=Reward(**{**nothing, **weights})), before, after, (0.0, 0.0), (0.3, -0.4))
    assert total == math.fsum(terms.values())
    return terms


def test_progress_goes_through_the_line_in_both_directions() -> None:
    before, after = sample_of(normalized_position=0.999), sample_of(normalized_position=0.002, completed_laps=1)
    assert progress_metres(before, after) == pytest.approx(9.0)  # of 3,000 m
    assert progress_metres(after, before) == pytest.approx(-9.0)


def test_being_put_somewhere_else_is_no_progress() -> None:
    before = sample_of(normalized_position=0.1, elapsed=1.0)
    assert progress_metres(before, sample_of(normalized_position=0.3, elapsed=1.04)) == 0.0
    assert progress_metres(before, sample_of(normalized_position=0.11, packet_id=1)) == 0.0  # a restart
    assert progress_metres(before, sample_of(normalized_position=math.nan)) == 0.0
    assert progress_metres(before, sample_of(normalized_position=0.11, track_spline_length=0.0)) == 0.0


def test_each_term_counts_what_it_says() -> None:
    before = sample_of(best_time=90_000, completed_laps=3, tyre_wear=(100.0,) * 4, local_velocity_z=50.0)
    after = sample_of(
        before,
        best_time=88_500,
        completed_laps=4,
        number_of_tyres_out=3,
        wheel_slip=(0.5, 1.5, 1e6, 1.0),
        steer_angle=-0.5,
        brake=1.0,
        local_velocity_z=50.0,
        wheel_angular_speed=(0.0, 150.0, 150.0, 150.0),
        wheel_load=(3_000.0,) * 4,
        car_damage=(20.0, 0.0, 0.0, 0.0, 20.0),
        tyre_wear=(97.0, 100.0, 100.0, 100.0),
        speed_kmh=150.0,
    )
    weights = {
        "lap_time": 1.0, "lap_completed": 5.0, "tyres_out": 0.5, "wheel_lock": 1.0, "slip": 1.0, "damage": 10.0,
        "wear": 4.0, "steering_rate": 2.0, "acgym_speed": 1.0, "acgym_action_change": 0.1,
    }  # fmt: skip
    assert terms_of(before, after, **weights) == pytest.approx(
        {
            "lap_time": 1.5,
            "lap_completed": 5.0,
            "tyres_out": -0.06,
            "wheel_lock": -0.04,
            "slip": -0.38,
            "damage": -2.0,
            "wear": -0.25,
            "steering_rate": -1.0,
            "acgym_speed": 0.5,
            "acgym_action_change": -0.05,
        }
    )


def test_repair_and_new_tyres_are_no_reward() -> None:
    before = sample_of(car_damage=(20.0, 0.0, 0.0, 0.0, 20.0), tyre_wear=(97.0,) * 4)
    assert terms_of(before, sample_of(before), damage=1.0, wear=1.0) == {"damage": 0.0, "wear": 0.0}


def test_acgym_is_assetto_corsa_gyms_formula() -> None:
    spec = Spec(reward=Reward.preset("acgym"))
    road = known_track(sample_of(track="demo_ring"))
    assert road is not None
    x, z = road.line[200]
    ahead = road.line[201]
    along = math.dist((x, z), ahead)
    # 3 m to the left of the line
    place = (x + 3.0 * (ahead[1] - z) / along, z - 3.0 * (ahead[0] - x) / along)
    after = sample_of(
        normalized_position=200 / len(road.x), world_position_x=place[0], world_position_z=place[1], speed_kmh=108.0
    )
    gap = 3.0
    expected = 3.6 * 30.0 * (1.0 - abs(gap) / 12.0) / 300.0
    total, terms = reward(spec, sample_of(), after, track=road)
    assert total == terms["acgym"] == pytest.approx(expected, abs=1e-3)


def test_acgym_without_a_reference_line_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        begin(Spec(reward=Reward.preset("acgym")), sample_of(track="monza"))
    assert str(caught.value) == (
        "reward.acgym needs a reference line, and the track 'monza' has none; use acgym_speed, or pass a map with a "
        "line as track."
    )


# --- the end of an episode


def test_damage_worn_tyres_and_tyres_out_terminate() -> None:
    first = sample_of()
    assert drive(first, sample_of(first, number_of_tyres_out=3)) == ""
    assert drive(first, sample_of(first, number_of_tyres_out=4)) == "terminated tyres_out"
    assert drive(first, sample_of(first, car_damage=(51.0,) * 5)) == "terminated bodywork_critical"
    assert drive(first, sample_of(first, tyre_wear=(88.1,) * 4)) == "terminated tyre_critical"
    worst = sample_of(first, tyre_wear=(88.1,) * 4, car_damage=(51.0,) * 5, number_of_tyres_out=4)
    assert drive(first, worst) == "terminated bodywork_critical"
    assert drive(first, worst, spec=Spec(end=NO_END)) == ""


def test_going_backwards_terminates_20_m_behind_the_furthest_place() -> None:
    places = [0.5, 0.51, 0.507, 0.5034, 0.503]
    assert drive(*[sample_of(normalized_position=place) for place in places[:4]]) == ""
    assert drive(*[sample_of(normalized_position=place) for place in places]) == "terminated backwards"


def test_no_progress_terminates_after_its_time() -> None:
    spec = Spec(control_hz=1.0, end=End(no_progress_seconds=3.0))
    creeping = [sample_of(normalized_position=0.5 + 0.001 * step) for step in range(5)]  # 3 m a step
    assert drive(*creeping[:3], spec=spec) == ""
    assert drive(*creeping, spec=spec) == "terminated no_progress"
    brisk = [sample_of(normalized_position=0.5 + 0.002 * step) for step in range(12)]
    assert drive(*brisk, spec=spec) == ""


def test_time_laps_and_a_slow_lap_truncate() -> None:
    samples = [sample_of(completed_laps=laps, current_time=30_000) for laps in (0, 0, 1, 2)]
    assert drive(*samples, spec=Spec(end=End(seconds=0.12))) == "truncated time"
    assert drive(*samples, spec=Spec(end=End(laps=2))) == "truncated laps"
    assert drive(*samples, spec=Spec(end=End(lap_seconds=29.0))) == "truncated lap_time"
    assert drive(*samples) == ""


def test_a_pause_and_a_restart_truncate_whatever_the_car_is_like() -> None:
    first = sample_of()
    assert drive(first, sample_of(first, status=3, number_of_tyres_out=4)) == "truncated paused"
    assert drive(first, sample_of(first, packet_id=1, number_of_tyres_out=4)) == "truncated restarted"
    assert drive(first, sample_of(first, status=0, number_of_tyres_out=4)) == "truncated source_lost"


def test_a_lost_source_and_the_end_of_a_recording_truncate() -> None:
    spec = Spec()
    memory, _ = begin(spec, sample_of())
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"lost": True}, "source_lost"),
        ({"paused": True}, "paused"),
        ({"last": True}, "recording_ended"),
    )
    for how, reason in cases:
        _, outcome = advance(spec, memory, sample_of(), (0.0, 0.0), **how)
        assert outcome.ending == (False, True, reason)


def test_history_lives_in_the_memory_alone() -> None:
    spec = spec_of("gas", action_history=2)
    start, first = begin(spec, sample_of())
    assert isinstance(first, np.ndarray)
    assert first.tolist() == [0.0, 0.0, 0.0, 0.0, 0.0]
    memory = start
    for action in ((0.125, 0.25), (0.5, -0.25), (-1.0, 1.0)):
        memory, outcome = advance(spec, memory, sample_of(gas=0.5), action)
    assert isinstance(outcome.observation, np.ndarray)
    assert outcome.observation.tolist() == [0.5, -1.0, 1.0, 0.5, -0.25]
    assert memory.steps == 3
    again, _ = advance(spec, start, sample_of(gas=0.5), (0.125, 0.25))
    assert again.actions == ((0.125, 0.25),)


def test_recorded_steps_have_the_recorded_actions() -> None:
    spec = Spec()
    memory, _ = begin(spec, sample_of())
    memory, outcome = advance_recorded(spec, memory, sample_of(gas=0.75, steer_angle=0.5), last=True)
    assert memory.actions == ((0.5, 0.75),)
    assert memory.command == Command(0.5, 0.75, 0.0)
    assert outcome.ending.reason == "recording_ended"
