"""The reward of a step: terms and their weights, a pure function of the samples before and after the step.

A new term is one entry of :data:`TERMS` and one field of :class:`Reward`, which sets its weight.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np

from telemetry.base.errors import UsageError
from telemetry.fields.blocks import Array
from telemetry.fields.derived import Sample
from telemetry.fields.lap_changes import frame_age_ms, is_driven, is_session_start, laps_completed
from telemetry.rl.checks import is_number
from telemetry.rl.sample_columns import SampleColumns
from telemetry.rl.step_columns import StepColumns
from telemetry.tracks.track import TrackMap

if TYPE_CHECKING:
    from telemetry.rl.spec import Spec

ACGYM_WIDTH_M: Final = 12.0
"""Metres from the reference line at which assetto_corsa_gym's reward is 0."""

ACGYM_TOP_SPEED_KMH: Final = 300.0
"""The speed by which assetto_corsa_gym divides."""

MAX_SLIP: Final = 10.0
"""The ``wheel_slip`` of a locked wheel; glitches of the game are far above it."""


class Transition(NamedTuple):
    """One control step: all that a term can use."""

    before: Sample
    after: Sample
    seconds: float
    """Duration of the step."""
    action: Sequence[float]
    """The action that led from ``before`` to ``after``."""
    previous: Sequence[float]
    """The action before it; empty at the first step."""
    track: TrackMap | None
    laps: int
    """How many laps were completed."""
    progress: float
    """:func:`progress_metres` of the samples."""


@dataclass(frozen=True, slots=True)
class Transitions:
    """``n`` control steps, of one episode or of one each: what the column form of a term gets."""

    before: SampleColumns
    after: SampleColumns
    steps: StepColumns
    """The steps from the samples before to those after."""
    seconds: float
    """Duration of each step."""
    actions: Array
    """The action of each step: (n, k)."""
    previous: Array
    """The action before it: (n, k); NaN at the first step of an episode."""
    tracks: Sequence[TrackMap | None]
    """The map on which each step was driven: n of them."""
    laps: Array
    """How many laps were completed in each step: (n,)."""

    @classmethod
    def of(cls, samples: SampleColumns, seconds: float, actions: Array, track: TrackMap | None, laps: Array) -> Self:
        """The first steps of an episode: of ``n + 1`` consecutive samples."""
        previous = np.concatenate([np.full((1, actions.shape[1]), np.nan), actions[:-1]])
        before, after = samples[:-1], samples[1:]
        tracks = [track] * len(actions)
        return cls(before, after, StepColumns(before, after), seconds, actions, previous, tracks, laps)

    def change(self, name: str) -> Array:
        """By how much a field has changed in each step."""
        with np.errstate(invalid="ignore"):
            change: Array = self.after(name) - self.before(name)
        return change


class RewardTerm(NamedTuple):
    """One term of the reward: its value is multiplied by its weight."""

    function: Callable[[Transition], float]
    """The value of a step. Terms that penalize are 0 or negative, so that no weight is negative."""
    columns: Callable[[Transitions], Array]
    """The same of many steps, value for value: (n,)."""
    default_weight: float
    unit: str
    """Unit of the value; the weight is the reward per such unit."""
    meaning: str
    reads: tuple[str, ...] = ()
    """The fields of a sample that it is made of."""


def progress_metres(before: Sample, after: Sample) -> float:
    """Metres along the spline from one sample to the next, also across its origin; negative for driving backwards.

    0 when the lap's length or the position is not known, and when the car was moved by the game: positions are compared
    over the time since the last drawn frame.
    """
    laps = after.normalized_position - before.normalized_position
    if not math.isfinite(laps) or not after.track_spline_length > 0.0 or is_session_start(after, before):
        return 0.0
    if not is_driven(after, before, frame_age_ms(before)):
        return 0.0
    return math.remainder(laps, 1.0) * after.track_spline_length


def driven_metres(before: Sample, after: Sample, progress: float) -> float:
    """What end rules look at: ``progress``, see :func:`progress_metres`, or the distance driven without any spline.

    Without a line for the game's AI the position is 0 for ever, and whether the car drives backwards is not known.
    """
    if before.normalized_position != 0.0 or after.normalized_position != 0.0:
        return progress
    metres = after.distance_traveled - before.distance_traveled
    return metres if metres > 0.0 and is_driven(after, before, frame_age_ms(before)) else 0.0


def _progress(step: Transition) -> float:
    return step.progress


def _progress_columns(steps: Transitions) -> Array:
    return steps.steps.progress_metres


def _lap_time(step: Transition) -> float:
    before, after = step.before.best_time, step.after.best_time
    return (before - after) / 1000.0 if 0 < after < before else 0.0


def _lap_time_columns(steps: Transitions) -> Array:
    before, after = steps.before.integers("best_time"), steps.after.integers("best_time")
    return np.where((after > 0) & (after < before), (before - after) / 1000.0, 0.0)


def _lap_completed(step: Transition) -> float:
    return float(step.laps)


def _lap_completed_columns(steps: Transitions) -> Array:
    return steps.laps.astype(np.float64)


def _tyres_out(step: Transition) -> float:
    return -step.after.number_of_tyres_out * step.seconds


def _tyres_out_columns(steps: Transitions) -> Array:
    return -steps.after("number_of_tyres_out") * steps.seconds


def _wheel_lock(step: Transition) -> float:
    return -sum(step.after.wheel_locked) * step.seconds


def _wheel_lock_columns(steps: Transitions) -> Array:
    locked: Array = steps.after("wheel_locked").sum(axis=1)
    return -locked * steps.seconds


def _slip(step: Transition) -> float:
    excess = [min(slip, MAX_SLIP) - 1.0 for slip in step.after.wheel_slip if slip > 1.0]
    return -math.fsum(excess) * step.seconds


def _slip_columns(steps: Transitions) -> Array:
    slip = steps.after("wheel_slip")
    excess = np.where(slip > 1.0, np.where(slip > MAX_SLIP, MAX_SLIP, slip) - 1.0, 0.0)
    return -_sum_exactly(excess) * steps.seconds


def _damage(step: Transition) -> float:
    return -max(max(step.after.damage_level) - max(step.before.damage_level), 0.0)


def _damage_columns(steps: Transitions) -> Array:
    change = _worst(steps.after("damage_level")) - _worst(steps.before("damage_level"))
    return np.where(change < 0.0, -0.0, -change)


def _worst(level: Array) -> Array:
    """The greatest number of each row, as ``max()`` of Python has it."""
    return np.where(np.isnan(level[:, 0]), np.nan, np.fmax.reduce(level, axis=1))


def _wear(step: Transition) -> float:
    worn = [
        max(after - before, 0.0)
        for after, before in zip(step.after.tyre_worn, step.before.tyre_worn, strict=True)
        if after is not None and before is not None
    ]
    return -math.fsum(worn) / len(step.after.tyre_worn)


def _wear_columns(steps: Transitions) -> Array:
    worn = steps.change("tyre_worn")
    mean: Array = _sum_exactly(np.where(worn > 0.0, worn, 0.0)) / worn.shape[1]
    return -mean


def _steering_rate(step: Transition) -> float:
    change = abs(step.after.steer_angle - step.before.steer_angle)
    return -change if math.isfinite(change) else 0.0


def _steering_rate_columns(steps: Transitions) -> Array:
    change = np.abs(steps.change("steer_angle"))
    return np.where(np.isfinite(change), -change, 0.0)


def _acgym_speed(step: Transition) -> float:
    return step.after.speed_kmh / ACGYM_TOP_SPEED_KMH if math.isfinite(step.after.speed_kmh) else 0.0


def _acgym_speed_columns(steps: Transitions) -> Array:
    speed = steps.after("speed_kmh")
    return np.where(np.isfinite(speed), speed / ACGYM_TOP_SPEED_KMH, 0.0)


def _acgym(step: Transition) -> float:
    gap = None if step.track is None else step.track.gap(step.after)
    if gap is None or not math.isfinite(gap):
        return 0.0
    return _acgym_speed(step) * (1.0 - gap / ACGYM_WIDTH_M)


def _acgym_columns(steps: Transitions) -> Array:
    places = steps.after("normalized_position", "world_position_x", "world_position_z").tolist()
    pairs = zip(steps.tracks, places, strict=True)
    gaps = [None if track is None else track.gap_at(*place) for track, place in pairs]
    gap = np.array(gaps, dtype=np.float64)  # None becomes NaN
    return np.where(np.isfinite(gap), _acgym_speed_columns(steps) * (1.0 - gap / ACGYM_WIDTH_M), 0.0)


def _acgym_action_change(step: Transition) -> float:
    if not step.previous:
        return 0.0
    return -math.dist(step.action, step.previous)


def _acgym_action_change_columns(steps: Transitions) -> Array:
    # Not by numpy, whose square root of a sum is not always rounded alike.
    change = np.array(list(map(math.dist, steps.actions.tolist(), steps.previous.tolist())))
    return -np.where(np.isnan(change), 0.0, change)


def _sum_exactly(rows: Array) -> Array:
    """The sum of each row, rounded once, as that of two numbers always is."""
    with np.errstate(invalid="ignore"):
        sums: Array = rows.sum(axis=1) + 0.0
    (others,) = (((rows != 0.0).sum(axis=1) > 2) | ~np.isfinite(sums)).nonzero()
    if len(others):
        sums[others] = list(map(math.fsum, rows[others].tolist()))
    return sums


PLACE_ON_TRACK: Final = ("track", "track_configuration", "world_position_x", "world_position_z")
"""The fields that say where the car is on the map of its track."""

TERMS: Final[dict[str, RewardTerm]] = {
    "progress": RewardTerm(
        _progress,
        _progress_columns,
        0.02,
        "m",
        "distance along the lap, also across the line; backwards is negative, jumps count nothing",
        reads=("normalized_position", "track_spline_length"),
    ),
    "lap_time": RewardTerm(
        _lap_time,
        _lap_time_columns,
        1.0,
        "s",
        "improvement of the best lap time that the game reports",
        reads=("best_time",),
    ),
    "lap_completed": RewardTerm(
        _lap_completed, _lap_completed_columns, 0.0, "lap", "laps that the game counts", reads=("completed_laps",)
    ),
    "tyres_out": RewardTerm(
        _tyres_out,
        _tyres_out_columns,
        0.5,
        "tyre s",
        "time off the valid surface, of each tyre",
        reads=("number_of_tyres_out",),
    ),
    "wheel_lock": RewardTerm(
        _wheel_lock,
        _wheel_lock_columns,
        0.25,
        "wheel s",
        "time locked under braking, of each wheel",
        reads=("wheel_locked",),
    ),
    "slip": RewardTerm(
        _slip,
        _slip_columns,
        0.1,
        "wheel s",
        "`wheel_slip` above the peak of grip (1), up to 10, times the duration",
        reads=("wheel_slip",),
    ),
    "damage": RewardTerm(
        _damage,
        _damage_columns,
        10.0,
        "",
        "increase of the worst `damage_level`; 1 is full damage",
        reads=("damage_level",),
    ),
    "wear": RewardTerm(
        _wear,
        _wear_columns,
        10.0,
        "",
        "increase of `tyre_worn`, mean of the tyres; 1 is a set of tyres",
        reads=("tyre_worn",),
    ),
    "steering_rate": RewardTerm(
        _steering_rate,
        _steering_rate_columns,
        0.02,
        "lock",
        "movement of the steering; 1 is from straight to full",
        reads=("steer_angle",),
    ),
    "acgym": RewardTerm(
        _acgym,
        _acgym_columns,
        0.0,
        "step",
        "assetto_corsa_gym's reward: km/h x (1 - gap / 12 m) / 300; needs a map with a reference line",
        reads=("speed_kmh", *PLACE_ON_TRACK),
    ),
    "acgym_speed": RewardTerm(
        _acgym_speed,
        _acgym_speed_columns,
        0.0,
        "step",
        "the same without the line (its `use_reference_line_in_reward` off): km/h / 300",
        reads=("speed_kmh",),
    ),
    "acgym_action_change": RewardTerm(
        _acgym_action_change,
        _acgym_action_change_columns,
        0.0,
        "step",
        "Euclidean norm of the change of the action (its `penalize_actions_diff` has the weight 0.1)",
        reads=("steer_angle", "gas", "brake"),
    ),
}
"""All terms of the reward."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """The weights of the reward's terms, see :data:`TERMS`; 0 switches a term off.

    Weights are not negative, because terms that penalize are negative themselves. Raises UsageError, with the key.
    """

    progress: float = TERMS["progress"].default_weight
    lap_time: float = TERMS["lap_time"].default_weight
    lap_completed: float = TERMS["lap_completed"].default_weight
    tyres_out: float = TERMS["tyres_out"].default_weight
    wheel_lock: float = TERMS["wheel_lock"].default_weight
    slip: float = TERMS["slip"].default_weight
    damage: float = TERMS["damage"].default_weight
    wear: float = TERMS["wear"].default_weight
    steering_rate: float = TERMS["steering_rate"].default_weight
    acgym: float = TERMS["acgym"].default_weight
    acgym_speed: float = TERMS["acgym_speed"].default_weight
    acgym_action_change: float = TERMS["acgym_action_change"].default_weight

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if not is_number(value) or value < 0.0:
                raise UsageError(
                    f"reward.{entry.name} must be a number from 0 on, got {value!r}. Penalties are subtracted "
                    "automatically."
                )

    @classmethod
    def preset(cls, name: str) -> Self:
        """The weights of this name: ``default``, or ``acgym``, which is assetto_corsa_gym's reward alone.

        Raises UsageError for any other name.
        """
        if name == "default":
            return cls()
        if name == "acgym":
            return cls(**{entry.name: 1.0 if entry.name == "acgym" else 0.0 for entry in fields(cls)})
        raise UsageError(f"reward: unknown preset {name!r}; there are acgym, default.")

    @property
    def weights(self) -> dict[str, float]:
        """The weights that are not 0, by term."""
        return {entry.name: weight for entry in fields(self) if (weight := getattr(self, entry.name))}


def reward(
    spec: "Spec",
    before: Sample,
    after: Sample,
    action: Sequence[float] = (),
    previous: Sequence[float] = (),
    track: TrackMap | None = None,
    *,
    laps: int | None = None,
) -> tuple[float, dict[str, float]]:
    """The reward of a step, and the weighted value of each term; the reward is their sum.

    ``action`` led from one sample to the other; ``previous`` is the action before it, empty for no change. ``laps`` is
    how many laps the step completed; by default all that the game counted in it.
    """
    if laps is None:
        laps = laps_completed(after, before)
    progress = progress_metres(before, after)
    step = Transition(before, after, spec.step_seconds, action, previous, track, laps, progress)
    return sum_terms(weighted_terms(spec.reward), step)


WeightedTerms = tuple[tuple[str, float, Callable[[Transition], float]], ...]
"""Name, weight and function of the terms whose weight is not 0."""


@lru_cache(maxsize=32)
def weighted_terms(weights: Reward) -> WeightedTerms:
    """The terms that a step is rewarded by."""
    return tuple((name, weight, TERMS[name].function) for name, weight in weights.weights.items())


def sum_terms(terms: WeightedTerms, step: Transition) -> tuple[float, dict[str, float]]:
    """The reward of a step, and the weighted value of each term."""
    # Adding 0 turns -0.0 into 0.0, which looks like a mistake when it is printed.
    values = {name: weight * function(step) + 0.0 for name, weight, function in terms}
    return math.fsum(values.values()), values


def reward_columns(spec: "Spec", steps: Transitions) -> tuple[Array, dict[str, Array]]:
    """:func:`reward` of consecutive steps: the rewards, and the weighted values of each term, (n,) each."""
    values = {name: weight * TERMS[name].columns(steps) + 0.0 for name, weight in spec.reward.weights.items()}
    if not values:
        return np.zeros(len(steps.laps)), values
    return _sum_exactly(np.stack(list(values.values()), axis=1)), values


def terms_table() -> str:
    """The terms as a Markdown table, for the documentation."""
    rows = [f"| `{name}` | {term.default_weight:g} | {term.unit} | {term.meaning} |\n" for name, term in TERMS.items()]
    return "".join(["| term | default weight | per | value |\n", "|---|--:|---|---|\n", *rows])
