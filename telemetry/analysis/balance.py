"""How a car moves through corners: the slip angle of its body, understeer, and how load moves across each axle.

Angles follow the car's axes: + = to the left. Where the front wheels point is taken from the contact patches of the
pages, so no steering lock has to be known.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemetry.analysis.lap_clock import Array, Floats
from telemetry.analysis.traces import Trace

SLIP_FIELDS: Final = ("speed_kmh", "local_velocity_x", "local_velocity_z")
"""The channels that the slip angle of the body is made of."""

BALANCE_FIELDS: Final = (
    "speed_kmh",
    "gas",
    "brake",
    "acc_g_x",
    "heading",
    "angular_velocity_y",
    "local_velocity_z",
    "tyre_contact_point",
    "tyre_contact_heading",
)
"""The channels that understeer is measured by."""

LOAD_FIELDS: Final = ("speed_kmh", "acc_g_x", "wheel_load")
"""The channels that the load transfer is measured by."""

MIN_KMH: Final = 40.0
"""Speed below which a small movement to the side is a large angle."""

CORNER_G: Final = 0.3
"""Lateral acceleration from which on a car is in a corner."""

MIN_SPREAD_G: Final = 0.1
"""Standard deviation of the lateral acceleration below which no load is moved that could be measured."""

MIN_BRAKE: Final = 0.05
MIN_GAS: Final = 0.5
"""Pedals from which on a corner is driven on the brake, and on the throttle."""


def body_slip_deg(trace: Trace) -> Floats:
    """The angle between where a lap with :data:`SLIP_FIELDS` points and where it moves, in degrees, shape (n,).

    + = moves to the left of its nose. NaN below :data:`MIN_KMH`.
    """
    left, forward = trace["local_velocity_x"], trace["local_velocity_z"]
    return np.where(trace["speed_kmh"] >= MIN_KMH, np.degrees(np.arctan2(left, forward)), np.nan)


def wheelbase_m(contact_points: Array) -> float | None:
    """Metres between the axles, by the median of contact points of shape (n, 4, 3); None where they are unknown."""
    middles = (contact_points[:, 0::2] + contact_points[:, 1::2]) / 2.0
    lengths = np.linalg.norm(middles[:, 0] - middles[:, 1], axis=1)
    known = lengths[np.isfinite(lengths) & (lengths > 0.0)]
    return float(np.median(known)) if len(known) else None


def steered_rad(heading: Array, contact_headings: Array) -> Floats:
    """The angle of the front wheels less that of the rear wheels in rad, + = to the left, shape (n,).

    ``heading`` of the car has the shape (n,), that of the contact patches, which point backwards, (n, 4, 3). The mean
    of both wheels of an axle leaves its toe out. NaN where it is unknown.
    """
    east, north = -contact_headings[:, :, 0], -contact_headings[:, :, 2]
    sine, cosine = np.sin(heading)[:, None], np.cos(heading)[:, None]
    left, forward = east * cosine + north * sine, north * cosine - east * sine
    with np.errstate(invalid="ignore"):
        angle = np.where((left == 0.0) & (forward == 0.0), np.nan, np.arctan2(left, forward))
    steered: Floats = (angle[:, 0] + angle[:, 1] - angle[:, 2] - angle[:, 3]) / 2.0
    return steered


def understeer_deg(trace: Trace) -> Floats:
    """By how much more the front of a lap with :data:`BALANCE_FIELDS` slides than its rear, in degrees, shape (n,).

    It is the angle of the front wheels less that which the wheelbase asks for (wheelbase x yaw rate / speed), which is
    the slip angle of the front axle less that of the rear one: + = understeer, - = oversteer, whichever way the car
    turns. NaN below :data:`MIN_KMH`, outside corners, and where it is unknown.
    """
    wheelbase = wheelbase_m(trace["tyre_contact_point"])
    forward, yaw_rate = trace["local_velocity_z"], trace["angular_velocity_y"]
    is_cornering = (
        (trace["speed_kmh"] >= MIN_KMH) & (np.abs(trace["acc_g_x"]) >= CORNER_G) & (np.abs(forward) > MIN_KMH / 7.2)
    )
    if wheelbase is None or not is_cornering.any():
        return np.full(len(trace), np.nan)
    needed = wheelbase * yaw_rate / np.where(is_cornering, forward, np.nan)
    angle = np.sign(trace["acc_g_x"]) * (steered_rad(trace["heading"], trace["tyre_contact_heading"]) - needed)
    return np.asarray(np.degrees(angle), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Balance:
    """Mean understeer in corners by time, in degrees: + = understeer. None where laps do not show it."""

    understeer_deg: float | None
    braking_deg: float | None
    """On the brake."""
    neutral_deg: float | None
    """On neither pedal, or with little throttle."""
    throttle_deg: float | None
    """On the throttle."""
    max_slip_deg: float | None
    """The slip angle of the body that is exceeded in 1 % of the time in corners; None without :data:`SLIP_FIELDS`."""


def measure_balance(traces: Iterable[Trace]) -> Balance:
    """The balance of laps with :data:`BALANCE_FIELDS`, and with :data:`SLIP_FIELDS` for the slip of the body."""
    every = list(traces)
    if not every:
        return Balance(None, None, None, None, None)
    angle = np.concatenate([understeer_deg(trace) for trace in every])
    duration_ms = np.concatenate([trace.duration_ms for trace in every])
    brake = np.concatenate([trace["brake"] for trace in every]) > MIN_BRAKE
    gas = np.concatenate([trace["gas"] for trace in every]) >= MIN_GAS

    def mean(chosen: NDArray[np.bool_]) -> float | None:
        known = chosen & np.isfinite(angle)
        total_ms = float(duration_ms[known].sum())
        return float((angle[known] * duration_ms[known]).sum() / total_ms) if total_ms > 0.0 else None

    in_all = mean(np.ones_like(brake))
    return Balance(in_all, mean(brake), mean(~brake & ~gas), mean(gas & ~brake), _max_slip_deg(every))


def _max_slip_deg(traces: list[Trace]) -> float | None:
    if any(name not in trace.channels for trace in traces for name in SLIP_FIELDS):
        return None
    slips = np.concatenate([np.abs(body_slip_deg(one))[np.abs(one["acc_g_x"]) >= CORNER_G] for one in traces])
    known = slips[np.isfinite(slips)]
    return float(np.percentile(known, 99.0)) if len(known) else None


def front_load_transfer(traces: Iterable[Trace]) -> float | None:
    """The front axle's share of the lateral load transfer, 0..1, in laps with :data:`LOAD_FIELDS`.

    It is by how much the load of the outer less that of the inner wheel grows with lateral acceleration, front over
    both axles (least squares, by time, above :data:`MIN_KMH`): what is heavier on one side at rest does not count.
    None where the laps hold no loads or no corners.
    """
    every = list(traces)
    if not every:
        return None
    speed, lateral, load = (np.concatenate([trace[name] for trace in every]) for name in LOAD_FIELDS)
    weights = np.concatenate([trace.duration_ms for trace in every])
    across = load[:, 1::2] - load[:, 0::2]  # right less left: turning left, + g, the load is on the right
    known = np.isfinite(across).all(axis=1) & np.isfinite(lateral) & (speed >= MIN_KMH)
    across, lateral, weights = across[known], lateral[known], weights[known]
    if not weights.sum() > 0.0:
        return None
    centred = lateral - np.average(lateral, weights=weights)
    if np.sqrt(np.average(np.square(centred), weights=weights)) < MIN_SPREAD_G:
        return None
    front, rear = ((across * (centred * weights)[:, None]).sum(axis=0)).tolist()
    return front / (front + rear) if front + rear > 0.0 else None
