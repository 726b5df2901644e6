"""The demo car against the conventions of the pages: axes, signs, units, and what must agree with what."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from math import cos, hypot, isfinite, pi, sin, sqrt
from typing import NamedTuple

import pytest

import ac_native_memory as ac
from telemetry.base.units import STEP_S
from telemetry.demo import DemoGame, DriverInputs
from tests.drives import LAP_SECONDS, LONG_SECONDS, long_drive

G = 9.80665
DRY_MASS = 1330.0  # kg, with driver
FUEL_DENSITY = 0.74  # kg per litre
DOWNFORCE = 1.70 / 1.2  # N per (m/s)² and kg/m³

Physics = ac.SPageFilePhysics
Graphic = ac.SPageFileGraphic
Static = ac.SPageFileStatic


class Run(NamedTuple):
    """A recorded drive: a physics page for each step, and each graphics page with the number of its step."""

    physics: list[ac.SPageFilePhysics]
    graphics: list[tuple[int, ac.SPageFileGraphic]]
    static: ac.SPageFileStatic


@cache
def lap_run() -> Run:
    """110 s of clean laps from the grid: the way to the line, the first lap and a part of the second."""
    driven = long_drive()
    frames = driven.frames(LAP_SECONDS)
    physics = [Physics.from_buffer_copy(page) for page in driven.steps]
    graphics = [(max(frame.step - 300, -1), frame.graphic) for frame in frames]
    return Run(physics, graphics, frames[-1].static)


@cache
def long_run() -> list[ac.SPageFilePhysics]:
    """Five minutes of laps, one physics page every 0.3 s."""
    return [frame.physics for frame in long_drive().frames(LONG_SECONDS)[::18]]


def drive(game: DemoGame, seconds: float, controls: DriverInputs) -> ac.SPageFilePhysics:
    for _ in range(round(seconds / STEP_S)):
        game.step(controls)
    return Physics.from_buffer_copy(game.physics_page())


def axes(page: ac.SPageFilePhysics) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """The world directions of the car's left, up and forward, from heading, pitch and roll alone."""
    h, p, r = page.heading, page.pitch, page.roll
    forward = (-sin(h) * cos(p), sin(p), cos(h) * cos(p))
    flat_left = (cos(h), 0.0, sin(h))
    flat_up = (sin(h) * sin(p), cos(p), -cos(h) * sin(p))
    left = tuple(cos(r) * a - sin(r) * b for a, b in zip(flat_left, flat_up, strict=True))
    up = tuple(cos(r) * b + sin(r) * a for a, b in zip(flat_left, flat_up, strict=True))
    return left, up, forward


def dot(a: object, b: object) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))  # type: ignore[call-overload]


def turned(before: float, after: float) -> float:
    return (after - before + pi) % (2 * pi) - pi


def test_every_published_number_is_finite() -> None:
    for page in lap_run().physics[::50]:
        for name in (field[0] for field in page._fields_):
            value = getattr(page, name)
            rows = value if hasattr(value, "__len__") else [value]
            for row in rows:
                assert all(isfinite(x) for x in (row if hasattr(row, "__len__") else [row])), name


def test_speed_is_the_length_of_the_world_velocity() -> None:
    for page in lap_run().physics[::7]:
        assert page.speedKmh == pytest.approx(3.6 * sqrt(dot(page.velocity, page.velocity)), rel=1e-5, abs=1e-4)


def test_local_velocity_is_the_world_velocity_in_left_up_forward() -> None:
    # 1 mm/s is what single precision of angles leaves at 70 m/s
    for page in lap_run().physics[::7]:
        for axis, local in zip(axes(page), page.localVelocity, strict=True):
            assert local == pytest.approx(dot(axis, page.velocity), abs=1e-3)


def test_acceleration_is_the_change_of_velocity_in_the_cars_axes() -> None:
    # 7.6e-6 m/s of single precision at 70 m/s over 3 ms is 2.5 mm/s² for each of two velocities and three axes
    for before, page in list(pairwise(lap_run().physics))[::7]:
        change = [(b - a) / STEP_S for a, b in zip(before.velocity, page.velocity, strict=True)]
        for axis, g in zip(axes(page), page.accG, strict=True):
            assert g * G == pytest.approx(dot(axis, change), abs=0.02)


def test_heading_turns_against_the_local_yaw_rate() -> None:
    # The yaw rate is about the car's own up axis, which roll and pitch tilt by a few hundredths
    for before, page in list(pairwise(lap_run().physics))[::7]:
        assert turned(before.heading, page.heading) / STEP_S == pytest.approx(-page.localAngularVel[1], abs=0.01)


def test_pitch_and_roll_rates_turn_about_left_and_forward() -> None:
    for before, page in list(pairwise(lap_run().physics))[::7]:
        assert (page.pitch - before.pitch) / STEP_S == pytest.approx(-page.localAngularVel[0], abs=0.02)
        assert (page.roll - before.roll) / STEP_S == pytest.approx(-page.localAngularVel[2], abs=0.02)


def test_coordinates_move_with_the_velocity() -> None:
    run = lap_run()
    for (first, a), (last, b) in pairwise(run.graphics):
        moved = [end - start for start, end in zip(a.carCoordinates, b.carCoordinates, strict=True)]
        for axis in range(3):
            way = sum(page.velocity[axis] for page in run.physics[first:last]) * STEP_S
            assert moved[axis] == pytest.approx(way, abs=0.002)


def test_distance_travelled_is_the_way_since_the_grid() -> None:
    run = lap_run()
    step, page = run.graphics[-1]
    way = sum(p.speedKmh for p in run.physics[:step]) / 3.6 * STEP_S
    assert page.distanceTraveled == pytest.approx(way, rel=1e-4)


def test_a_lap_is_as_long_as_the_static_page_says() -> None:
    # Between two passages of the line; the racing line is a little shorter than the centre line
    run = lap_run()
    wraps = [
        step for (_, a), (step, b) in pairwise(run.graphics) if b.normalizedCarPosition < a.normalizedCarPosition - 0.5
    ]
    assert len(wraps) == 2
    way = sum(p.speedKmh for p in run.physics[wraps[0] : wraps[1]]) / 3.6 * STEP_S
    assert way == pytest.approx(run.static.trackSPlineLength, rel=0.02)
    assert 2000 < run.static.trackSPlineLength < 4000


def test_a_rolling_wheel_turns_with_the_road() -> None:
    run = lap_run()
    rolling = [p for p in run.physics if p.brake == 0 and abs(p.steerAngle) < 0.01 and p.speedKmh > 50]
    assert len(rolling) > 3000
    for page in rolling[::5]:
        for wheel in (0, 1):
            way = page.wheelAngularSpeed[wheel] * run.static.tyreRadius[wheel]
            assert way == pytest.approx(page.localVelocity[2], rel=0.01)


def test_wheel_loads_carry_weight_and_downforce() -> None:
    # Hills and bumps cancel over a lap
    pages = lap_run().physics[3000:]
    loads = sum(sum(p.wheelLoad) for p in pages)
    down = sum(
        (DRY_MASS + FUEL_DENSITY * p.fuel) * G + DOWNFORCE * p.airDensity * (p.speedKmh / 3.6) ** 2 for p in pages
    )
    assert loads == pytest.approx(down, rel=0.005)


def test_vertical_acceleration_has_no_gravity() -> None:
    pages = lap_run().physics
    assert max(abs(g) for g in pages[0].accG) < 0.02
    assert abs(sum(p.accG[1] for p in pages)) / len(pages) < 0.02


def test_a_right_turn_pushes_right_and_rolls_left() -> None:
    game = DemoGame(seed=1)
    drive(game, 1.2, DriverInputs(brake=1.0))
    straight = drive(game, 6.0, DriverInputs(gas=0.6))
    page = drive(game, 0.6, DriverInputs(steer=0.1))
    assert page.steerAngle == pytest.approx(0.1)
    assert turned(straight.heading, page.heading) > 0.02
    assert page.localAngularVel[1] < -0.1
    assert page.accG[0] < -0.3
    assert page.roll > 0.003
    assert page.wheelLoad[0] > page.wheelLoad[1] + 500
    assert page.wheelLoad[2] > page.wheelLoad[3] + 500


def test_braking_points_backwards_and_dives() -> None:
    game = DemoGame(seed=1)
    drive(game, 1.2, DriverInputs(brake=1.0))
    straight = drive(game, 6.0, DriverInputs(gas=0.6))
    page = drive(game, 0.5, DriverInputs(brake=0.4))
    assert straight.accG[2] > 0.1
    assert page.accG[2] < -0.5
    assert page.pitch < straight.pitch
    assert sum(page.wheelLoad[:2]) > sum(straight.wheelLoad[:2])
    assert page.rideHeight[0] < straight.rideHeight[0]


def test_reverse_turns_the_wheels_backwards_at_positive_speed() -> None:
    game = DemoGame(seed=1)
    drive(game, 1.2, DriverInputs(brake=1.0, reverse=True))
    page = drive(game, 4.0, DriverInputs(gas=0.5, reverse=True))
    assert page.gear == 0
    assert page.speedKmh > 5
    assert page.localVelocity[2] < -1
    assert max(page.wheelAngularSpeed) < -3


def test_controls_are_clipped_to_their_range() -> None:
    page = drive(DemoGame(), 1.0, DriverInputs(steer=3.0, gas=-1.0, brake=7.0))
    assert (page.steerAngle, page.gas, page.brake) == (1.0, 0.0, 1.0)


def test_standing_is_stable() -> None:
    game = DemoGame()
    page = drive(game, 30.0, DriverInputs(brake=1.0))
    assert page.speedKmh < 0.01
    assert page.gear == 2
    assert page.clutch == 0.0
    assert page.rpms == pytest.approx(1500, abs=100)
    assert list(page.wheelAngularSpeed) == [0.0] * 4


def test_a_shift_shows_neutral_with_the_clutch_open() -> None:
    pages = lap_run().physics
    shifts = [p for p in pages if p.gear == 1]
    assert shifts
    assert {p.clutch for p in shifts} == {0.0}
    assert {p.gear for p in pages} == {1, 2, 3, 4, 5, 6, 7}
    lengths = []
    length = 0
    for page in pages:
        if page.gear == 1:
            length += 1
        elif length:
            lengths.append(length)
            length = 0
    assert 0.05 < min(lengths) * STEP_S <= max(lengths) * STEP_S < 0.15


def test_a_closed_clutch_ties_engine_and_rear_wheels() -> None:
    ratios: dict[int, set[float]] = {}
    for page in lap_run().physics[2000::11]:
        if page.clutch == 1.0 and page.speedKmh > 50:
            wheel = 0.5 * (page.wheelAngularSpeed[2] + page.wheelAngularSpeed[3])
            ratios.setdefault(page.gear, set()).add(round(page.rpms * 2 * pi / 60 / wheel, 1))
    assert all(max(seen) - min(seen) < 0.4 for seen in ratios.values())
    middle = [sorted(ratios[gear])[len(ratios[gear]) // 2] for gear in sorted(ratios)]
    assert middle == sorted(middle, reverse=True)


def test_contact_points_lie_under_the_wheels_and_headings_point_backwards() -> None:
    for page in lap_run().physics[1000::500]:
        left, _, forward = axes(page)
        front = [dot((p[0], p[2]), (forward[0], forward[2])) for p in page.tyreContactPoint]
        side = [dot((p[0], p[2]), (left[0], left[2])) for p in page.tyreContactPoint]
        assert front[0] - front[2] == pytest.approx(2.65, abs=0.02)
        assert side[0] - side[1] == pytest.approx(1.66, abs=0.02)
        assert side[2] - side[3] == pytest.approx(1.64, abs=0.02)
        for normal, heading in zip(page.tyreContactNormal, page.tyreContactHeading, strict=True):
            assert normal[1] > 0.99
            assert dot(normal, normal) == pytest.approx(1, abs=1e-5)
            assert dot(heading, heading) == pytest.approx(1, abs=1e-5)
            assert dot(normal, heading) == pytest.approx(0, abs=1e-3)
            assert dot(heading, forward) < -0.9


def test_camber_has_opposite_signs_left_and_right() -> None:
    for page in lap_run().physics[::500]:
        assert page.camberRAD[0] < 0 < page.camberRAD[1]
        assert page.camberRAD[2] < 0 < page.camberRAD[3]


def test_aids_are_constant_settings() -> None:
    pages = lap_run().physics
    assert {p.tc for p in pages} == {pages[0].tc}
    assert {p.abs for p in pages} == {pages[0].abs}
    assert pages[0].tc > 0


def test_air_follows_the_games_formula() -> None:
    page = lap_run().physics[0]
    assert page.airDensity == pytest.approx(1.2922 - 0.0041 * page.airTemp)


def test_fields_of_things_the_car_lacks_are_zero() -> None:
    page = lap_run().physics[-1]
    lacking = (
        "drs", "kersCharge", "kersInput", "turboBoost", "ballast", "engineBrake", "ersRecoveryLevel", "ersPowerLevel",
        "ersHeatCharging", "ersIsCharging", "kersCurrentKJ", "drsAvailable", "drsEnabled", "isAIControlled",
        "P2PActivations", "P2PStatus",
    )  # fmt: skip
    assert {name: getattr(page, name) for name in lacking} == dict.fromkeys(lacking, 0)


def test_a_lap_looks_like_a_lap() -> None:
    pages = lap_run().physics[28_000:]  # after the first lap
    assert 60 < min(p.speedKmh for p in pages) < 100
    assert 230 < max(p.speedKmh for p in pages) < 270
    assert 1.3 < max(abs(p.accG[0]) for p in pages) < 2.0
    assert -2.2 < min(p.accG[2] for p in pages) < -1.2
    assert {p.numberOfTyresOut for p in pages} == {0}
    assert max(max(p.wheelSlip) for p in pages) < 3
    assert max(max(p.tyreDirtyLevel) for p in pages) == 0
    assert all(max(p.carDamage) == 0 for p in pages)
    assert max(p.rpms for p in pages) <= pages[0].currentMaxRpm + 50


def test_pedals_and_hands_move_like_a_humans() -> None:
    for before, page in pairwise(lap_run().physics):
        assert abs(page.steerAngle - before.steerAngle) <= 0.01
        assert abs(page.gas - before.gas) <= 0.04
        assert abs(page.brake - before.brake) <= 0.04


def test_tyres_and_brakes_settle_at_plausible_temperatures() -> None:
    settled = long_run()[-280:]  # the last lap
    cores = [core for p in settled for core in p.tyreCoreTemperature]
    assert 70 < min(cores) < max(cores) < 97
    discs = [p.brakeTemp[0] for p in settled]
    assert 200 < min(discs) < max(discs) < 520
    assert max(discs) - min(discs) > 80  # they breathe with every corner
    assert all(24 < psi < 31 for p in settled for psi in p.wheelsPressure)
    for page in settled[::20]:
        for inner, outer in zip(page.tyreTempI, page.tyreTempO, strict=True):
            assert 60 < outer < inner < 130  # negative camber warms the inside


def test_a_new_tyre_scrubs_in_to_100_and_then_falls_slowly() -> None:
    raw = [p.tyreWear[0] for p in long_run()]
    best = raw.index(max(raw))
    assert raw[0] == pytest.approx(99.6, abs=0.01)
    assert 99.9 < raw[best] <= 100
    assert all(a <= b for a, b in pairwise(raw[: best + 1]))
    assert all(a >= b for a, b in pairwise(raw[best:]))
    assert 98.5 < raw[-1] < 99.9


def test_fuel_goes_down_by_some_litres_a_lap() -> None:
    fuel = [p.fuel for p in long_run()]
    assert all(a >= b for a, b in pairwise(fuel))
    per_lap = (fuel[0] - fuel[-1]) / 300 * 76
    assert 1.5 < per_lap < 3


def test_the_delta_to_the_best_lap_is_live_and_ends_as_the_difference() -> None:
    run = lap_run()
    first = next(i for i, p in enumerate(run.physics) if p.performanceMeter != 0)
    crossed = next(step for step, page in run.graphics if page.completedLaps == 1)
    assert first >= crossed - 20
    assert run.physics[-1].performanceMeter < -3  # the first lap began on the grid
    assert hypot(*(b.performanceMeter - a.performanceMeter for a, b in pairwise(run.physics[-2000:]))) < 1
