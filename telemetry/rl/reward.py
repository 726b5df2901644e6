"""The reward of a step: named terms with weights, from the samples before and after it; a pure function of them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from telemetry.fields.derived import Sample
from telemetry.fields.lap_changes import is_session_start, laps_completed
from telemetry.laps.signals import MAX_SPEED_MS, POSITION_TOLERANCE_M
from telemetry.rl.spec import Reward, Spec
from telemetry.tracks.track import TrackMap

ACGYM_WIDTH: Final = 12.0
"""Metres from the reference line at which assetto_corsa_gym's reward is 0."""

ACGYM_TOP_SPEED: Final = 300.0
"""km/h that it divides by."""

MAX_SLIP: Final = 10.0
"""``wheel_slip`` that a locked wheel reads; the game's glitches are far beyond."""


@dataclass(frozen=True, slots=True)
class _Step:
    """What a term may look at."""

    before: Sample
    after: Sample
    seconds: float
    action: Sequence[float]
    previous: Sequence[float]
    track: TrackMap | None


def reward(
    spec: Spec,
    before: Sample,
    after: Sample,
    action: Sequence[float] = (),
    previous: Sequence[float] = (),
    track: TrackMap | None = None,
) -> tuple[float, dict[str, float]]:
    """The reward of a step and what each of its terms gave, weights applied: the reward is their sum.

    ``action`` led from the one sample to the other, and ``previous`` is the action before it (none: no change).
    """
    step = _Step(before, after, spec.step_seconds, action, previous, track)
    # A sum with 0, because what is printed as -0.0 looks like a fault.
    terms = {name: weight * term(step) + 0.0 for name, weight, term in _terms(spec.reward)}
    return math.fsum(terms.values()), terms


def progress_metres(before: Sample, after: Sample) -> float:
    """Metres along the lap from one sample to the next, through the line, backwards negative.

    0 where the lap's length is not known, and where the car was put somewhere else.
    """
    share = after.normalized_position - before.normalized_position
    if not math.isfinite(share) or not after.track_spline_length > 0.0 or is_session_start(after, before):
        return 0.0
    metres = math.remainder(share, 1.0) * after.track_spline_length
    reach = POSITION_TOLERANCE_M + MAX_SPEED_MS * max(after.elapsed - before.elapsed, 0.0)
    return metres if abs(metres) <= reach else 0.0


def _lap_time(step: _Step) -> float:
    before, after = step.before.best_time, step.after.best_time
    return (before - after) / 1000.0 if 0 < after < before else 0.0


def _lap_completed(step: _Step) -> float:
    return float(laps_completed(step.after, step.before))


def _tyres_out(step: _Step) -> float:
    return -step.after.number_of_tyres_out * step.seconds


def _wheel_lock(step: _Step) -> float:
    return -sum(step.after.wheel_locked) * step.seconds


def _slip(step: _Step) -> float:
    beyond = [min(slip, MAX_SLIP) - 1.0 for slip in step.after.wheel_slip if slip > 1.0]
    return -math.fsum(beyond) * step.seconds


def _damage(step: _Step) -> float:
    return -max(max(step.after.damage_level) - max(step.before.damage_level), 0.0)


def _wear(step: _Step) -> float:
    worn = [
        max(now - then, 0.0)
        for now, then in zip(step.after.tyre_worn, step.before.tyre_worn, strict=True)
        if now is not None and then is not None
    ]
    return -math.fsum(worn) / len(step.after.tyre_worn)


def _steering_rate(step: _Step) -> float:
    way = abs(step.after.steer_angle - step.before.steer_angle)
    return -way if math.isfinite(way) else 0.0


def _acgym_speed(step: _Step) -> float:
    return step.after.speed_kmh / ACGYM_TOP_SPEED if math.isfinite(step.after.speed_kmh) else 0.0


def _acgym(step: _Step) -> float:
    gap = None if step.track is None else step.track.gap(step.after)
    if gap is None or not math.isfinite(gap):
        return 0.0
    return _acgym_speed(step) * (1.0 - gap / ACGYM_WIDTH)


def _acgym_action_change(step: _Step) -> float:
    if not step.previous:
        return 0.0
    return -math.dist(step.action, step.previous)


_TERMS: Final[dict[str, Callable[[_Step], float]]] = {
    "progress": lambda step: progress_metres(step.before, step.after),
    "lap_time": _lap_time,
    "lap_completed": _lap_completed,
    "tyres_out": _tyres_out,
    "wheel_lock": _wheel_lock,
    "slip": _slip,
    "damage": _damage,
    "wear": _wear,
    "steering_rate": _steering_rate,
    "acgym": _acgym,
    "acgym_speed": _acgym_speed,
    "acgym_action_change": _acgym_action_change,
}


@lru_cache(maxsize=32)
def _terms(weights: Reward) -> tuple[tuple[str, float, Callable[[_Step], float]], ...]:
    """The terms that count, with their weights."""
    return tuple((name, weight, _TERMS[name]) for name, weight in weights.weights.items())
