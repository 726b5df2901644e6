import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from telemetry.analysis.balance import (
    body_slip_deg,
    front_load_transfer,
    measure_balance,
    steered_rad,
    understeer_deg,
    wheelbase_m,
)
from telemetry.analysis.corner_measures import Window
from telemetry.analysis.driving import count_reversals, measure_phases, measure_smoothness
from telemetry.analysis.lap_clock import Array, Floats
from telemetry.analysis.traces import Trace, make_trace
from telemetry.tracks.corners import Corner
from tests.analysis.laps_by_hand import columns_of, lap_of, steady, stopping, trace_of

LAP_MS = 60_000
WHEELBASE_M = 2.6
SPEED_MS = 30.0
YAW_RATE = 0.5


def turning(*, left: bool, extra_deg: float) -> dict[str, Callable[[Floats], Array]]:
    """A car that turns for a whole lap, its front wheels at this much more than the wheelbase asks for."""
    way = 1.0 if left else -1.0
    steered = way * (WHEELBASE_M * YAW_RATE / SPEED_MS + math.radians(extra_deg))

    def heading(place: Floats) -> Array:
        return -way * 2.0 * math.pi * place * 5.0  # + is to the right

    def pointing(place: Floats) -> Array:
        front = heading(place) - steered
        backwards = [
            np.stack([np.sin(angle), 0.0 * angle, -np.cos(angle)], axis=1) for angle in (front, heading(place))
        ]
        return np.stack([backwards[0], backwards[0], backwards[1], backwards[1]], axis=1)

    corners = [(0.8, WHEELBASE_M), (-0.8, WHEELBASE_M), (0.8, 0.0), (-0.8, 0.0)]

    def standing(place: Floats) -> Array:
        sine, cosine = np.sin(heading(place)), np.cos(heading(place))
        wheels = [
            np.stack([left * cosine - along * sine, 0.0 * sine, left * sine + along * cosine], axis=1)
            for left, along in corners
        ]
        return np.stack(wheels, axis=1)

    def constant(value: float) -> Callable[[Floats], Array]:
        return lambda place: np.full(len(place), value)

    return {
        "speed_kmh": constant(SPEED_MS * 3.6),
        "gas": lambda place: np.where(place < 0.5, 0.0, 1.0),
        "brake": lambda place: np.where(place < 0.25, 0.5, 0.0),
        "acc_g_x": constant(way * SPEED_MS * YAW_RATE / 9.80665),
        "heading": heading,
        "angular_velocity_y": constant(way * YAW_RATE),
        "local_velocity_x": constant(-way * SPEED_MS * math.tan(math.radians(3.0))),
        "local_velocity_z": constant(SPEED_MS),
        "tyre_contact_point": standing,
        "tyre_contact_heading": pointing,
    }


def turned(**changes: Any) -> Trace:
    return trace_of(steady(LAP_MS), LAP_MS, hertz=66.7, **changes)


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("extra_deg", [1.5, 0.0, -2.0])
def test_what_the_front_wheels_turn_more_than_they_must_is_understeer(extra_deg: float, *, left: bool) -> None:
    trace = turned(**turning(left=left, extra_deg=extra_deg))
    assert wheelbase_m(trace["tyre_contact_point"]) == pytest.approx(WHEELBASE_M, abs=1e-6)
    assert understeer_deg(trace) == pytest.approx(np.full(len(trace), extra_deg), abs=1e-6)
    found = measure_balance([trace])
    for mean in (found.understeer_deg, found.braking_deg, found.neutral_deg, found.throttle_deg):
        assert mean == pytest.approx(extra_deg, abs=1e-6)
    assert found.max_slip_deg == pytest.approx(3.0, abs=1e-6)
    assert body_slip_deg(trace) == pytest.approx(np.full(len(trace), -3.0 if left else 3.0), abs=1e-6)


def test_balance_is_told_by_pedals() -> None:
    channels = turning(left=True, extra_deg=0.0)
    usual = channels["tyre_contact_heading"]
    on_brake = turning(left=True, extra_deg=2.0)["tyre_contact_heading"]
    channels["tyre_contact_heading"] = lambda at: np.where((at < 0.25)[:, None, None], on_brake(at), usual(at))
    found = measure_balance([turned(**channels)])
    assert found.braking_deg == pytest.approx(2.0, abs=0.01)
    assert found.neutral_deg == pytest.approx(0.0, abs=0.01)
    assert found.throttle_deg == pytest.approx(0.0, abs=0.01)
    assert found.understeer_deg == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("value", [np.nan, 0.0])
@pytest.mark.parametrize("name", ["tyre_contact_heading", "tyre_contact_point"])
def test_without_the_wheels_of_the_pages_there_is_no_balance(name: str, value: float) -> None:
    channels = turning(left=True, extra_deg=1.0)
    channels[name] = lambda place: np.full((len(place), 4, 3), value)
    found = measure_balance([turned(**channels)])
    assert (found.understeer_deg, found.braking_deg, found.throttle_deg) == (None, None, None)


def test_straight_on_and_slowly_there_is_no_balance() -> None:
    channels = turning(left=True, extra_deg=1.0)
    straight = turned(**channels | {"acc_g_x": lambda place: np.full(len(place), 0.1)})
    assert measure_balance([straight]).understeer_deg is None
    slow = turned(**channels | {"speed_kmh": lambda place: np.full(len(place), 10.0)})
    assert measure_balance([slow]).understeer_deg is None
    assert np.isnan(body_slip_deg(slow)).all()
    assert measure_balance([]).understeer_deg is None
    without_slip = {name: channel for name, channel in channels.items() if name != "local_velocity_x"}
    assert measure_balance([turned(**without_slip)]).max_slip_deg is None


def test_toe_does_not_steer() -> None:
    heading = np.zeros(2)
    toe = np.radians([-1.0, 1.0, -2.0, 2.0])
    wheels = np.repeat(np.stack([np.sin(toe), 0.0 * toe, -np.cos(toe)], axis=1)[None], 2, axis=0)
    assert steered_rad(heading, wheels) == pytest.approx([0.0, 0.0], abs=1e-12)


def loads(front: float, rear: float, static: float = 0.0) -> Callable[[Floats], Array]:
    """Loads of a car that moves so much of it from wheel to wheel per g, and is heavier on the left by ``static``."""

    def channel(place: Floats) -> Array:
        g = np.sin(2.0 * math.pi * 7.0 * place)
        return np.stack(
            [3000.0 + static - front * g, 3000.0 + front * g, 4000.0 + static - rear * g, 4000.0 + rear * g], axis=1
        )

    return channel


def test_the_front_share_of_load_transfer_leaves_out_what_is_heavier_at_rest() -> None:
    channels = {
        "speed_kmh": lambda place: np.full(len(place), 150.0),
        "acc_g_x": lambda place: np.sin(2.0 * math.pi * 7.0 * place),
    }
    for static in (0.0, 200.0):
        trace = turned(**channels, wheel_load=loads(600.0, 400.0, static))
        assert front_load_transfer([trace]) == pytest.approx(0.6, abs=1e-6)
    straight = channels | {"acc_g_x": lambda place: np.full(len(place), 0.02)}
    assert front_load_transfer([turned(**straight, wheel_load=loads(600.0, 400.0))]) is None
    for unknown in (np.nan, 0.0):
        no_loads = turned(**channels, wheel_load=lambda place, value=unknown: np.full((len(place), 4), value))
        assert front_load_transfer([no_loads]) is None
    assert front_load_transfer([]) is None


def window(begin: float, apex: float, end: float) -> Window:
    corner = Corner(number=1, direction="left", begin=begin, apex=apex, end=end)
    return Window(corner, 0.0, begin, apex, end)


def test_the_phases_of_a_lap_add_up_to_it() -> None:
    windows = [window(0.2, 0.3, 0.4), window(0.6, 0.7, 0.8)]
    trace = trace_of(
        stopping(LAP_MS, 0.35, 2000.0),
        62_000,
        brake=lambda place: np.where((place > 0.1) & (place <= 0.25), 1.0, 0.0),
    )
    found = measure_phases(trace, windows)
    assert found is not None
    assert found.braking_s == pytest.approx(9.0, abs=0.02)
    assert found.to_apex_s == pytest.approx(3.0 + 6.0, abs=0.02)
    assert found.from_apex_s == pytest.approx(12.0 + 2.0, abs=0.03)
    assert found.straight_s == pytest.approx(62.0 - 9.0 - 9.0 - 14.0, abs=0.05)
    total = found.braking_s + found.to_apex_s + found.from_apex_s + found.straight_s
    assert total == pytest.approx(62.0, abs=1e-9)


def test_a_lap_with_a_gap_or_without_pedals_has_no_phases() -> None:
    assert measure_phases(turned(brake=lambda place: np.full(len(place), np.nan)), []) is None
    columns = columns_of(steady(LAP_MS), LAP_MS, brake=lambda place: 0.0 * place)
    kept = ~((columns["current_time"] > 20_000) & (columns["current_time"] < 25_000))

    gap = make_trace({name: column[kept] for name, column in columns.items()}, lap_of(LAP_MS), ("brake",), 0.0)
    assert measure_phases(gap, []) is None


def weaving(per_lap: float, size: float) -> Callable[[Floats], Array]:
    return lambda place: size * np.sin(2.0 * math.pi * per_lap * place)


@pytest.mark.parametrize("hertz", [333.0, 111.0, 55.0])
def test_smoothness_is_the_same_at_every_rate(hertz: float) -> None:
    found = measure_smoothness(trace_of(steady(LAP_MS), LAP_MS, hertz=hertz, steer_angle=weaving(30.0, 0.1)))
    assert found is not None
    omega = 2.0 * math.pi * 0.5
    assert found.rms_per_s == pytest.approx(0.1 * omega / math.sqrt(2.0), rel=0.02)
    assert found.reversals_per_s == pytest.approx(1.0, abs=0.05)


def test_at_a_low_rate_and_without_steering_there_is_no_smoothness() -> None:
    assert measure_smoothness(trace_of(steady(LAP_MS), LAP_MS, hertz=25.0, steer_angle=weaving(30.0, 0.1))) is None
    assert measure_smoothness(turned(steer_angle=lambda place: np.full(len(place), np.nan))) is None


def test_steering_reverses_where_it_turns_back_far_enough() -> None:
    assert count_reversals(np.array([0.0, 0.1, 0.096, 0.2, 0.1, 0.104, 0.0, 0.05]), 0.005) == 2
    assert count_reversals(np.zeros(5), 0.005) == 0
    assert count_reversals(np.zeros(0), 0.005) == 0
