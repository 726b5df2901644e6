"""What follows from a snapshot: one small pure function per metric, and :func:`derive`, which applies them all.

A metric that must remember finds what it needs in the sample before; there is no hidden state. Every threshold is a
field of :class:`Thresholds`, with its source beside it.
"""

import math
import operator
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Final

from telemetry.fields.schema import Wheels, derived
from telemetry.fields.snapshot import Snapshot

NullableWheels = tuple[float | None, float | None, float | None, float | None]
WheelFlags = tuple[bool, bool, bool, bool]
DamageZones = tuple[float, float, float, float, float]
"""Front, rear, left, right, overall maximum."""

TIME_STOPPED_STATUSES: Final = (1, 3)
"""The values of ``status`` in which the car stands still in time: replay and pause. A replay shows its own laps."""

LINE_POSITION: Final = 0.9
"""``normalized_position`` from which on a clock that goes back means the line and not a restart."""

STATUS_NAMES: Final = {0: "off", 1: "replay", 2: "live", 3: "pause"}
SESSION_NAMES: Final = {
    -1: "unknown",
    0: "practice",
    1: "qualify",
    2: "race",
    3: "hotlap",
    4: "time_attack",
    5: "drift",
    6: "drag",
}
FLAG_NAMES: Final = {0: "none", 1: "blue", 2: "yellow", 3: "black", 4: "white", 5: "chequered", 6: "penalty"}

FULL_DAMAGE: Final = 100.0
"""``car_damage`` that counts as full; the game divides by it and clamps to 1."""

BEST_WEAR: Final = 100.0
"""``tyre_wear`` of the best grip a tyre can have."""

NEW_TYRE_STEP: Final = 0.5
"""A rise of ``tyre_wear`` between two samples that only a change of tyres makes; scrubbing in is slower."""

COMPOUND_FLOORS: Final = (
    ("semislick", 70.0),
    ("cinturato", 96.0),
    ("street90", 88.0),
    ("vintage", 88.0),
    ("street", 80.0),
    ("gp70soft", 90.0),
    ("gp70hard", 95.0),
    ("gp60", 98.0),
    ("60sgp", 98.0),
)
"""``tyre_wear`` of a worn-out tyre by what its compound's name holds, spaces and hyphens left out; the first counts."""

NOMINAL_RADIUS: Final = 0.33
"""Metres; tells a stopped wheel from a turning one where the game gives no tyre radius."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The limits of the derived fields; each default is followed by its source."""

    tyres_out: int = 3
    """Tyres off the valid surface that spoil a lap: the game's own default rule penalises more than two."""
    lock_brake: float = 0.5
    """Brake pedal above which lock-up is looked for: hard braking, as opposed to trailing or resting."""
    lock_slip: float = 0.5
    """Mean slip ratio that is lock-up: peak grip lies near 0.1, both wheels of one axle locked give at least 0.5."""
    brake_on: float = 0.05
    """Brake pedal that counts as used: above the rest noise of pedals."""
    locked_wheel: float = 0.1
    """Share of its rolling speed below which a wheel has (almost) stopped; threshold braking stays above 0.8."""
    min_speed: float = 2.0
    """m/s of forward speed below which slip ratios say nothing: they divide by it."""
    damaged: float = 0.05
    """``damage_level`` above which bodywork is damaged: a touch at more than 5 km/h."""
    critical: float = 0.50
    """``damage_level`` above which bodywork is critical: half of what the game calls full."""
    tyre_floor: float | None = None
    """``tyre_wear`` of a worn-out tyre; None: by its compound where that is known, else :attr:`default_tyre_floor`."""
    default_tyre_floor: float = 88.0
    """``tyre_wear`` of a worn-out tyre of unknown compound: slicks and most GT tyres."""
    tyre_damaged: float = 0.80
    """``tyre_worn`` above which a tyre is damaged."""
    tyre_critical: float = 0.95
    """``tyre_worn`` above which a tyre is at its end."""
    steer_lock: float | None = None
    """Degrees of the steering wheel at full lock, which the pages do not hold; None: unknown."""


DEFAULTS: Final = Thresholds()


class Sample(Snapshot):
    """A snapshot and all that follows from it: what every sink writes."""

    __slots__ = ()

    is_lap_valid: Annotated[
        bool, derived("", "false from the moment 3 or more tyres are out until the lap, session or run ends")
    ]
    wheel_lock_detected: Annotated[
        bool | None, derived("", "hard braking and a mean slip ratio above 0.5; null without slip ratios")
    ]
    wheel_locked: Annotated[WheelFlags, derived("", "the wheel has (almost) stopped while the car moves and brakes")]
    slip_ratio: Annotated[
        NullableWheels, derived("ratio", "0 rolling .. 1 locked or spinning; null at low speed or without a radius")
    ]
    damage_level: Annotated[
        DamageZones, derived("0..1", "car_damage / 100, clamped: front, rear, left, right, overall")
    ]
    bodywork_damaged: Annotated[bool, derived("", "any damage_level above 0.05")]
    bodywork_critical: Annotated[bool, derived("", "any damage_level above 0.50")]
    tyre_worn: Annotated[NullableWheels, derived("0..1", "0 new .. 1 worn out; null where the game publishes no wear")]
    tyre_wear_best: Annotated[
        Wheels, derived("%", "highest tyre_wear seen on this tyre, where tyre_worn counts from; 0 if none")
    ]
    tyre_damaged: Annotated[bool, derived("", "any tyre_worn above 0.80")]
    tyre_critical: Annotated[bool, derived("", "any tyre_worn above 0.95")]
    lap_distance: Annotated[
        float | None, derived("m", "normalized_position x track_spline_length; null without a length")
    ]
    steer_degrees: Annotated[float | None, derived("deg", "steer_angle x the stated steering lock; null without one")]
    status_name: Annotated[str, derived("text", "off, replay, live, pause")]
    session_name: Annotated[str, derived("text", "unknown, practice, qualify, race, hotlap, time_attack, drift, drag")]
    flag_name: Annotated[str, derived("text", "none, blue, yellow, black, white, chequered, penalty")]
    gear_name: Annotated[str, derived("text", "R, N, 1, 2, ...")]
    physics_steps: Annotated[
        int | None, derived("count", "physics steps since the sample before; null on the first and after a restart")
    ]


_INPUTS: Final = operator.itemgetter(
    *(
        Snapshot.NAMES.index(name)
        for name in (
            "brake",
            "gear",
            "steer_angle",
            "wheel_angular_speed",
            "tyre_wear",
            "car_damage",
            "local_velocity_z",
            "status",
            "session",
            "tyre_compound",
            "normalized_position",
            "flag",
            "tyre_radius",
            "track_spline_length",
        )
    )
)
"""Takes what the metrics need out of a snapshot in one go; attributes one by one would take twice as long."""


def derive(now: Snapshot, before: Sample | None = None, thresholds: Thresholds = DEFAULTS) -> Sample:
    """The sample of this snapshot; a pure function of it, the sample before (None on the first) and the thresholds."""
    (
        brake,
        gear,
        steer_angle,
        angular_speed,
        wear,
        car_damage,
        forward_speed,
        status,
        session,
        compound,
        position,
        flag,
        radius,
        track_length,
    ) = _INPUTS(now)
    slip = slip_ratio(forward_speed, angular_speed, radius, thresholds)
    damage = damage_level(car_damage)
    worst_damage = max(damage)
    best = tyre_wear_best(now, before)
    worn = tyre_worn(wear, best, tyre_floor(compound, thresholds))
    worst_worn = max([tyre for tyre in worn if tyre is not None], default=0.0)
    return Sample.of(
        now  # noqa: RUF005 - quicker than unpacking
        + (
            is_lap_valid(now, before, thresholds),
            wheel_lock_detected(brake, slip, thresholds),
            wheel_locked(brake, forward_speed, angular_speed, radius, thresholds),
            slip,
            damage,
            worst_damage > thresholds.damaged,
            worst_damage > thresholds.critical,
            worn,
            best,
            worst_worn > thresholds.tyre_damaged,
            worst_worn > thresholds.tyre_critical,
            lap_distance(position, track_length),
            steer_degrees(steer_angle, thresholds),
            STATUS_NAMES.get(status, "unknown"),
            SESSION_NAMES.get(session, "unknown"),
            FLAG_NAMES.get(flag, "unknown"),
            gear_name(gear),
            physics_steps(now, before),
        )
    )


def is_lap_valid(now: Snapshot, before: Sample | None, thresholds: Thresholds = DEFAULTS) -> bool:
    """False from the moment too many tyres are out until a new lap, a new session or a restart.

    While the game shows a replay or is paused the lap stands still, and so does the verdict. It follows from the
    samples there are: at a few samples a second a short cut can fall between two of them.
    """
    on_track = now.number_of_tyres_out < thresholds.tyres_out
    if before is None or is_new_run(now, before):
        return on_track
    if now.status in TIME_STOPPED_STATUSES:
        return before.is_lap_valid
    return on_track and (
        before.is_lap_valid or (before.status not in TIME_STOPPED_STATUSES and is_new_lap(now, before))
    )


def is_new_run(now: Snapshot, before: Snapshot) -> bool:
    """Whether the session began again, or another one did, since the sample before."""
    return (
        now.packet_id < before.packet_id
        or now.session != before.session
        or now.track != before.track
        or now.car_model != before.car_model
    )


def is_new_lap(now: Snapshot, before: Snapshot) -> bool:
    """Whether another lap of the same run began since the sample before.

    At the line the clock goes back some frames before the lap is counted; until then it is the old lap that counts.
    Elsewhere a clock that goes back is a restart.
    """
    if now.completed_laps != before.completed_laps:
        return True
    return now.current_time < before.current_time and before.normalized_position < LINE_POSITION


def slip_ratio(
    forward_speed: float, angular_speed: Wheels, radius: Wheels, thresholds: Thresholds = DEFAULTS
) -> NullableWheels:
    """Per wheel 0 rolling .. 1 locked or spinning: the difference of tyre and road speed over the greater one."""
    if not abs(forward_speed) >= thresholds.min_speed:  # also for NaN
        return (None, None, None, None)
    return (
        _slip_of_wheel(forward_speed, angular_speed[0], radius[0]),
        _slip_of_wheel(forward_speed, angular_speed[1], radius[1]),
        _slip_of_wheel(forward_speed, angular_speed[2], radius[2]),
        _slip_of_wheel(forward_speed, angular_speed[3], radius[3]),
    )


def _slip_of_wheel(road: float, angular_speed: float, radius: float) -> float | None:
    if not radius > 0.0:
        return None
    tyre = angular_speed * radius
    slip = abs(tyre - road) / max(abs(tyre), abs(road))
    if slip <= 1.0:
        return slip
    # A wheel that turns against the road passes 1; a speed that is no number, or endless, gives none.
    return 1.0 if slip > 1.0 else None


def wheel_lock_detected(brake: float, slip: NullableWheels, thresholds: Thresholds = DEFAULTS) -> bool | None:
    """Whether the car brakes hard with its wheels, on the mean, more sliding than rolling; None without slip ratios."""
    fl, fr, rl, rr = slip
    if fl is None or fr is None or rl is None or rr is None:
        return None
    return brake > thresholds.lock_brake and (fl + fr + rl + rr) / 4 > thresholds.lock_slip


def wheel_locked(
    brake: float, forward_speed: float, angular_speed: Wheels, radius: Wheels, thresholds: Thresholds = DEFAULTS
) -> WheelFlags:
    """Per wheel, whether it has (almost) stopped turning while the car moves and the brake is on."""
    road = abs(forward_speed)
    if not (brake > thresholds.brake_on and road >= thresholds.min_speed):
        return (False, False, False, False)
    limit = thresholds.locked_wheel * road
    fl, fr, rl, rr = [
        abs(speed) * (size if size > 0.0 else NOMINAL_RADIUS) < limit
        for speed, size in zip(angular_speed, radius, strict=True)
    ]
    return (fl, fr, rl, rr)


def damage_level(car_damage: DamageZones) -> DamageZones:
    """``car_damage`` as the game itself uses it: a hundredth, clamped to 0..1; undefined damage counts as none."""
    if car_damage == _NO_DAMAGE:
        return _NO_DAMAGE
    front, rear, left, right, overall = [min(value / FULL_DAMAGE, 1.0) if value > 0.0 else 0.0 for value in car_damage]
    return (front, rear, left, right, overall)


_NO_DAMAGE: Final = (0.0, 0.0, 0.0, 0.0, 0.0)


def tyre_wear_best(now: Snapshot, before: Sample | None) -> Wheels:
    """Per tyre the highest ``tyre_wear`` seen on it, at most 100; starts again with a new tyre or another car."""
    wear = now.tyre_wear
    if before is None or now.tyre_compound != before.tyre_compound or now.car_model != before.car_model:
        return (_clamp_wear(wear[0]), _clamp_wear(wear[1]), _clamp_wear(wear[2]), _clamp_wear(wear[3]))
    wear_before, best = before.tyre_wear, before.tyre_wear_best
    if wear == wear_before:
        return best
    return (
        _best_of_tyre(wear[0], wear_before[0], best[0]),
        _best_of_tyre(wear[1], wear_before[1], best[1]),
        _best_of_tyre(wear[2], wear_before[2], best[2]),
        _best_of_tyre(wear[3], wear_before[3], best[3]),
    )


def _best_of_tyre(wear: float, wear_before: float, best: float) -> float:
    if wear > best or wear > wear_before + NEW_TYRE_STEP:
        return _clamp_wear(wear)
    return best


def _clamp_wear(wear: float) -> float:
    return min(wear, BEST_WEAR) if wear > 0.0 else 0.0


def tyre_worn(wear: Wheels, best: Wheels, floor: float) -> NullableWheels:
    """Per tyre 0 new .. 1 worn out: how far ``tyre_wear`` came from its best to the floor of its compound.

    None where the game publishes no wear (0 on all four tyres, or no number).
    """
    if not any(wear):
        return (None, None, None, None)
    return (
        _worn_of_tyre(wear[0], best[0], floor),
        _worn_of_tyre(wear[1], best[1], floor),
        _worn_of_tyre(wear[2], best[2], floor),
        _worn_of_tyre(wear[3], best[3], floor),
    )


def _worn_of_tyre(wear: float, best: float, floor: float) -> float | None:
    if not math.isfinite(wear):
        return None
    if best <= floor:  # first seen when it was gone already
        return 1.0
    return min(max((best - wear) / (best - floor), 0.0), 1.0)


def tyre_floor(compound: str, thresholds: Thresholds = DEFAULTS) -> float:
    """``tyre_wear`` of a worn-out tyre: what the user said, else what is known of the compound, else the default."""
    if thresholds.tyre_floor is not None:
        return thresholds.tyre_floor
    known = _known_floor(compound)
    return thresholds.default_tyre_floor if known is None else known


@lru_cache(maxsize=64)
def _known_floor(compound: str) -> float | None:
    name = "".join(letter for letter in compound.lower() if letter.isalnum())
    return next((floor for part, floor in COMPOUND_FLOORS if part in name), None)


def lap_distance(normalized_position: float, track_spline_length: float) -> float | None:
    """Metres along the lap; None where the game does not say how long the lap is."""
    return normalized_position * track_spline_length if track_spline_length > 0.0 else None


def steer_degrees(steer_angle: float, thresholds: Thresholds = DEFAULTS) -> float | None:
    """Degrees of the steering wheel, + right; None unless the lock was stated."""
    return None if thresholds.steer_lock is None else steer_angle * thresholds.steer_lock


def gear_name(gear: int) -> str:
    """The gear as the dashboard shows it: R, N, 1, 2, ..."""
    return str(gear - 1) if gear > 1 else "N" if gear == 1 else "R" if gear == 0 else "unknown"


def physics_steps(now: Snapshot, before: Snapshot | None) -> int | None:
    """Physics steps since the sample before; None on the first and where the count started again."""
    if before is None:
        return None
    steps = now.packet_id - before.packet_id
    return steps if steps >= 0 else None
