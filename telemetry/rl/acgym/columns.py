"""The columns of assetto_corsa_gym's states, computed from samples: its names, order, units and signs.

Its plane has x = the game's z and y = the game's x; yaw is positive to the left; velocities of the car are forward,
left, up. Its plugin reads some values from the game's Python interface that are not in shared memory: they are derived,
or NaN if that is not possible (lateral friction ``Dy_*``, aligning torque ``Mz``, and the loaded radius).
"""

import math
from typing import Any, Final

import numpy as np

from telemetry.rl.acgym.files import CarMap, full_name
from telemetry.rl.datasets.episodes import Episode
from telemetry.rl.sample_columns import SampleColumns
from telemetry.tracks.geometry import Floats, Geometry

REQUIRED: Final = (
    "world_position_x", "world_position_y", "yaw", "speed", "local_velocity_x", "local_velocity_y",
    "angular_velocity_y", "accelX", "accelY", "accStatus", "brakeStatus", "actualGear", "RPM", "steerAngle", "LastFF",
    "SlipAngle_fl", "SlipAngle_fr", "SlipAngle_rl", "SlipAngle_rr", "LapDist", "gap", "out_of_track",
    "out_of_track_calc", "sensors", "dist_to_border",
)  # fmt: skip
"""Columns that its loader needs."""

NEEDED_FIELDS: Final = (
    "packet_id", "graphics_packet_id", "status", "car_model", "track", "track_configuration", "track_spline_length",
    "world_position_x", "world_position_y", "world_position_z", "heading", "pitch", "roll", "speed_kmh",
    "velocity_x", "velocity_y", "velocity_z", "local_velocity_x", "local_velocity_y", "local_velocity_z",
    "angular_velocity_x", "angular_velocity_y", "angular_velocity_z", "acc_g_x", "acc_g_z", "cg_height",
    "steer_angle", "gas", "brake", "gear", "rpm", "final_ff", "number_of_tyres_out", "is_in_pit", "is_in_pit_lane",
    "completed_laps", "current_time", "last_time", "best_time", "normalized_position", "penalty_time",
    "wheel_slip", "wheel_load", "wheel_pressure", "wheel_angular_speed", "suspension_travel", "camber_rad",
    "tyre_core_temp", "tyre_radius", "tyre_contact_point", "tyre_contact_heading",
    "wind_speed", "wind_direction", "penalties_enabled", "auto_shifter_on",
)  # fmt: skip
"""The raw fields of a sample that its columns and its static info are made of."""

SAMPLE_FIELDS: Final = frozenset((*NEEDED_FIELDS, "elapsed", "is_lap_valid"))
"""The fields of a sample that its columns and its static info are made of, derived ones too."""

WHEELS: Final = ("fl", "fr", "rl", "rr")

_STATIC_FIELDS: Final = (
    "track", "track_configuration", "track_spline_length", "car_model", "wind_speed", "wind_direction",
    "penalties_enabled", "auto_shifter_on", "is_in_pit", "is_in_pit_lane", "tyre_radius", "tyre_contact_point",
    "world_position_x", "world_position_y", "world_position_z",
)  # fmt: skip

STEER_STEP: Final = 36.0 / 449.3
"""Largest movement of its steering axis in a step of 40 ms: 900 degrees per second."""

PEDAL_STEP: Final = 0.48
"""Largest movement of its pedal and brake axes in a step of 40 ms."""

MAX_GAP_M: Final = 12.0
"""Metres from the reference line at which its reward is 0."""

MIN_WHEEL_SPEED_MS: Final = 0.5
"""Below this speed in m/s a wheel has neither slip angle nor slip ratio, which divide by it."""

_MAX_TYRES_OUT: Final = 2
"""With more tyres off the track the car counts as off the track."""


def episode_columns(episode: Episode, geometry: Geometry, car: CarMap, rate: float) -> dict[str, Any]:
    """The columns of an episode: arrays (n,) of int64, float64 or bool, and (n, k) for lists."""
    take = episode.samples
    count = len(take)
    position = take("world_position_z", "world_position_x")
    yaw = -take("heading")
    speed = take("speed_kmh") / 3.6
    rays = geometry.rays(position, yaw)
    gap, line_point = geometry.gaps(position)
    off = geometry.off_track(position)
    border = rays.min(axis=1)
    if off.any():  # then the track can be right behind the car
        border[off] = np.minimum(border[off], geometry.rays(position[off], yaw[off] + np.pi).min(axis=1))
    out = (take("number_of_tyres_out") > _MAX_TYRES_OUT).astype(np.float64)
    steer, gas, brake = take("steer_angle"), take("gas"), take("brake")
    absolute = np.stack([steer, 2.0 * gas - 1.0, car.brake_axis_at(brake)], axis=1)
    steps = np.diff(absolute, axis=0, prepend=absolute[:1])
    relative = np.clip(steps / np.array([STEER_STEP, PEDAL_STEP, PEDAL_STEP]), -1.0, 1.0)
    wheels = wheel_positions(take, position, yaw)
    slips = wheel_slips(take, yaw, _find_arms(wheels, np.hypot(*take("velocity_z", "velocity_x").T)))
    zeros = np.zeros(count)
    length = take("track_spline_length")
    if geometry.length is not None:
        length = np.where(length > 0.0, length, geometry.length)
    time = take("elapsed")
    last = np.arange(count) == count - 1
    return {
        "steps": 1 + np.rint((time - time[0]) * rate).astype(np.int64),
        "timestamp_ac": time,
        "timestamp_env": time,
        "total_errors_out_of_sync": np.zeros(count, dtype=np.int64),
        "packetId": take.integers("graphics_packet_id"),
        "currentTime": take("current_time") / 1e3 + episode.held_s,
        **plugin_columns(take, position, yaw, slips, car.steer_lock),
        "done": np.zeros(count, dtype=np.int64),
        "LapDist": length * take("normalized_position"),
        "rl_point": line_point,
        "gap": gap,
        "out_of_track_calc": off.astype(np.float64),
        "out_of_track_ac": out,
        "out_of_track": out,
        "sensors": rays,
        "dist_to_border": border,
        "going_backwards": zeros,
        "terminated": np.zeros(count, dtype=np.bool_),
        "TimeLimit.truncated": last,
        **{f"current_action_abs_{axis}": absolute[:, axis] for axis in range(3)},
        **{f"actions_{axis}": relative[:, axis] for axis in range(3)},
        "reward": 3.6 * speed * (1.0 - np.abs(gap) / MAX_GAP_M) / 300.0,
    }


def plugin_columns(
    take: SampleColumns, position: Floats, yaw: Floats, slips: tuple[Floats, Floats], steer_lock: float
) -> dict[str, Any]:
    """The columns of the car that its plugin sends, without counters and clocks; unknown values are NaN."""
    load, pressure, travel = take("wheel_load"), take("wheel_pressure"), take("suspension_travel")
    heading = take("tyre_contact_heading")
    return {
        "world_position_x": position[:, 0],
        "world_position_y": position[:, 1],
        "world_position_z": take("world_position_y"),
        "speed": take("speed_kmh") / 3.6,
        "local_velocity_x": take("local_velocity_z"),
        "local_velocity_y": take("local_velocity_x"),
        "local_velocity_z": take("local_velocity_y"),
        "accelX": take("acc_g_x"),
        "accelY": take("acc_g_z"),
        "accStatus": take("gas"),
        "brakeStatus": take("brake"),
        "actualGear": take.integers("gear"),
        "RPM": np.maximum(take("rpm"), 0.0),
        "steerAngle": take("steer_angle") * steer_lock,
        "yaw": yaw,
        "pitch": take("pitch"),
        "roll": take("roll"),
        "LastFF": take("final_ff"),
        "LapInvalidated": 1 - take.integers("is_lap_valid"),
        "NormalizedSplinePosition": take("normalized_position"),
        "LapCount": take.integers("completed_laps"),
        "BestLap": take.integers("best_time"),
        "iLastTime": take.integers("last_time"),
        "completedLaps": take.integers("completed_laps"),
        "numberOfTyresOut": take.integers("number_of_tyres_out"),
        "isInPit": take.integers("is_in_pit"),
        "penaltyTime": take("penalty_time"),
        "angular_velocity_x": take("angular_velocity_x"),
        "angular_velocity_y": take("angular_velocity_y"),
        "angular_velocity_z": take("angular_velocity_z"),
        "velocity_x": take("velocity_x"),
        "velocity_y": take("velocity_y"),
        "velocity_z": take("velocity_z"),
        "cgHeight": take("cg_height"),
        **_by_wheel("SlipAngle_{}", slips[0]),
        **{
            f"tyreContactHeading_{wheel.upper()}_{axis}": heading[:, number, component]
            for number, wheel in enumerate(WHEELS)
            for component, axis in enumerate("xyz")
        },
        **_by_wheel("tyre_slip_ratio_{}", slips[1]),
        "Mz": np.full((len(yaw), 4), np.nan),
        **{f"Dy_{wheel}": np.full(len(yaw), np.nan) for wheel in WHEELS},
        "dynamic_pressure": pressure,
        "tyre_loaded_radius": np.full((len(yaw), 4), np.nan),
        "tyres_load": load,
        "NdSlip": take("wheel_slip"),
        "SuspensionTravel": travel,
        "CamberRad": take("camber_rad") * np.array([1.0, -1.0, 1.0, -1.0]),
        **_by_wheel("wheel_speed_{}", take("wheel_angular_speed")),
        **_by_wheel("{}_tire_temperature_core", take("tyre_core_temp")),
        **_by_wheel("{}_damper_linear_potentiometer", travel),
        **_by_wheel("{}_wheel_load", load),
        **_by_wheel("{}_tire_pressure", pressure),
    }


def static_info(samples: SampleColumns, length: float | None) -> dict[str, Any]:
    """The static info at the first sample; ``length`` is that of a lap in m, used if the game does not report it."""
    first = {name: samples.value(name, 0) for name in _STATIC_FIELDS}
    points = first["tyre_contact_point"]
    return {
        "TrackName": first["track"],
        "TrackConfiguration": first["track_configuration"],
        "TrackFullName": full_name(first["track"], first["track_configuration"]),
        "TrackLength": first["track_spline_length"] or length,
        "CarName": first["car_model"],
        "WindSpeed": first["wind_speed"],
        "WindDirection": first["wind_direction"],
        "penaltiesEnabled": first["penalties_enabled"],
        "autoShifterOn": first["auto_shifter_on"],
        "isCarInPit": first["is_in_pit"],
        "isCarInPitlane": first["is_in_pit_lane"],
        "LastSplits": [],
        "CAR_WHEEL_R": first["tyre_radius"],
        "CAR_TRACK": math.dist(points[3], points[2]),
        "CAR_WHEELBASE": math.dist(points[0], points[2]),
        **{f"TyreContactPoint_{wheel.upper()}": points[number] for number, wheel in enumerate(WHEELS)},
        "WorldPosition": [first[f"world_position_{axis}"] for axis in "xyz"],
    }


def wheel_slips(take: SampleColumns, yaw: Floats, arms: Floats) -> tuple[Floats, Floats]:
    """Slip angles in degrees, + in a left turn, and slip ratios, + under power, of the wheels: (n, 4) each.

    ``arms`` (4, 2) are the positions of the wheels relative to the centre of mass, ahead and left in m. The slips are
    those of the contact points, in the plane, without the relaxation of the tyre that the game's own values have. The
    radius is that of the unloaded tyre, so that a rolling wheel has one or two percent of slip.
    """
    velocity = take("velocity_z", "velocity_x")
    rate = take("angular_velocity_y")
    backwards = take("tyre_contact_heading")[:, :, [2, 0]]
    arm = _rotate(arms, yaw)
    at_wheel = velocity[:, None, :] + rate[:, None, None] * np.stack([-arm[..., 1], arm[..., 0]], axis=-1)
    ahead = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)[:, None, :]
    norm = np.linalg.norm(backwards, axis=-1, keepdims=True)
    known = norm > 0.1
    direction = np.where(known, -backwards / np.where(known, norm, 1.0), ahead)
    forward = (at_wheel * direction).sum(axis=-1)
    left = direction[..., 0] * at_wheel[..., 1] - direction[..., 1] * at_wheel[..., 0]
    moves = np.abs(forward) > MIN_WHEEL_SPEED_MS
    divisor = np.where(moves, np.abs(forward), 1.0)
    radius = take("tyre_radius")
    ratio = np.where(moves & (radius > 0.0), (take("wheel_angular_speed") * radius - forward) / divisor, 0.0)
    return np.where(moves, -np.degrees(np.arctan2(left, divisor)), 0.0), ratio


def wheel_positions(take: SampleColumns, position: Floats, yaw: Floats) -> Floats:
    """The contact points relative to the position of the car at each sample, ahead and left in m: (n, 4, 2)."""
    return _rotate(take("tyre_contact_point")[:, :, [2, 0]] - position[:, None, :], -yaw)


def _find_arms(local: Floats, speed: Floats) -> Floats:
    """The arms (4, 2) for :func:`wheel_slips`, from the wheel positions (n, 4, 2) and the speeds (n,) in m/s.

    The game does not write the position and the contact points at the same time, so that at speed the position lags
    behind. The part that grows with the speed is removed by a linear fit.
    """
    if np.ptp(speed) < 10.0:
        return np.median(local, axis=0)
    speed_deviation, ahead_deviation = speed - speed.mean(), local[..., 0] - local[..., 0].mean(axis=0)
    slope = (speed_deviation[:, None] * ahead_deviation).sum(axis=0) / np.square(speed_deviation).sum()
    ahead = local[..., 0].mean(axis=0) - slope * speed.mean()
    return np.stack([ahead, np.median(local[..., 1], axis=0)], axis=1)


def _rotate(vectors: Floats, angle: Floats) -> Floats:
    """Vectors (4, 2) or (n, 4, 2), rotated to the left by angles (n,)."""
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y = vectors[..., 0], vectors[..., 1]
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)


def _by_wheel(name: str, values: Floats) -> dict[str, Floats]:
    """A column for each wheel of values (n, 4)."""
    return {name.format(wheel): values[:, number] for number, wheel in enumerate(WHEELS)}
