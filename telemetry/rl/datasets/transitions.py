"""Episodes as a specification sees them: observations, actions, rewards and their end, checked before they go out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telemetry.base.errors import SourceError
from telemetry.fields.derived import Sample
from telemetry.rl.datasets.episodes import Episode, SkipCounts
from telemetry.rl.episode import EpisodeState, advance_recorded, begin, check_end, info
from telemetry.rl.observation import layout
from telemetry.rl.spec import Spec
from telemetry.tracks.geometry import Floats

Observations = Any
"""float32 (n, k), or for a specification in the shape of a dictionary such arrays by name."""

INFO_KEYS: Final[dict[str, Any]] = {
    "time": np.float64,
    "packet_id": np.int64,
    "lap": np.int64,
    "lap_time_ms": np.int64,
    "last_time_ms": np.int64,
    "best_time_ms": np.int64,
    "position": np.float64,
    "world_x": np.float64,
    "world_y": np.float64,
    "world_z": np.float64,
    "tyres_out": np.int64,
    "lap_valid": np.bool_,
}
"""What is told of every sample beside its observation, as what type."""

MIN_EPISODE_STEPS: Final = 2
"""Fewer steps are no trajectory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """T steps from one sample to the next, and the T + 1 observations around them."""

    episode: Episode
    samples: tuple[Sample, ...]
    """T + 1."""
    observations: Observations
    """T + 1."""
    actions: NDArray[np.float32]
    """(T, k): what was in force from one sample to the next, as the latter recorded it."""
    rewards: Floats
    """(T,)"""
    terms: dict[str, Floats]
    """The terms of the rewards, weights applied: (T,) each."""
    infos: dict[str, Any]
    """:data:`INFO_KEYS` of the samples: (T + 1,) each."""
    terminated: bool
    """Whether the last step ends the task; else it was cut off there."""
    reason: str
    """What ended it: a rule of the specification, or what ended its lap (``line``, ``pits``, ``gap``, ...)."""

    @property
    def steps(self) -> int:
        """T."""
        return len(self.rewards)

    @property
    def terminations(self) -> NDArray[np.bool_]:
        """True at the last step where the task ended: (T,)."""
        return self._at_end(self.terminated)

    @property
    def truncations(self) -> NDArray[np.bool_]:
        """True at the last step where the task would have gone on: (T,)."""
        return self._at_end(not self.terminated)

    def _at_end(self, value: bool) -> NDArray[np.bool_]:  # noqa: FBT001
        flags = np.zeros(self.steps, dtype=np.bool_)
        flags[-1] = value
        return flags


def trajectories(spec: Spec, episode: Episode, skipped: SkipCounts) -> Iterator[Trajectory]:
    """The trajectories of an episode: one, unless a rule of the specification ends it before.

    After one that terminated the next begins as soon as what ended it is over; after one that was truncated, at its
    last sample. Samples that are in none are counted in ``skipped``.
    """
    samples = episode.samples
    first = 0
    while first < len(samples) - 1:
        state, observation = begin(spec, samples[first])
        if check_end(spec, state).reason:
            first += 1
            skipped.samples += 1
            continue
        fold = _Fold(observation)
        last = first
        for last in range(first + 1, len(samples)):
            state, outcome = advance_recorded(spec, state, samples[last])
            fold.take(outcome, state)
            if outcome.ending.reason:
                break
        if last - first >= MIN_EPISODE_STEPS:
            yield fold.finish(spec, episode, samples[first : last + 1])
        else:
            skipped.short += 1
            skipped.samples += last - first
        first = last + 1 if fold.terminated else last
        if not fold.reason:
            return


class _Fold:
    """A trajectory under way."""

    def __init__(self, observation: Any) -> None:
        self.observations = [observation]
        self.actions: list[tuple[float, ...]] = []
        self.rewards: list[float] = []
        self.terms: list[dict[str, float]] = []
        self.terminated = False
        self.reason = ""

    def take(self, outcome: Any, state: EpisodeState) -> None:
        self.observations.append(outcome.observation)
        self.actions.append(state.actions[0])
        self.rewards.append(outcome.reward)
        self.terms.append(outcome.terms)
        self.terminated, self.reason = outcome.ending.terminated, outcome.ending.reason

    def finish(self, spec: Spec, episode: Episode, samples: tuple[Sample, ...]) -> Trajectory:
        rows = self.observations
        stacked: Observations = (
            np.stack(rows)
            if spec.observation.shape == "flat"
            else {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        )
        told = [info(sample) for sample in samples]
        found = Trajectory(
            episode=episode,
            samples=samples,
            observations=stacked,
            actions=np.array(self.actions, dtype=np.float32),
            rewards=np.array(self.rewards, dtype=np.float64),
            terms={name: np.array([terms[name] for terms in self.terms]) for name in self.terms[0]},
            infos={name: np.array([fact[name] for fact in told], dtype=kind) for name, kind in INFO_KEYS.items()},
            terminated=self.terminated,
            reason=self.reason or episode.end,
        )
        check(spec, found)
        return found


def check(spec: Spec, one: Trajectory) -> None:
    """Refuse what must not be written, with SourceError: wrong lengths or types, no numbers, or outside the space."""
    plan = layout(spec)
    steps = one.steps
    parts = {name: (plan.low[part], plan.high[part]) for name, part in plan.parts}
    arrays = one.observations
    if spec.observation.shape == "flat":
        arrays, parts = {"observation": arrays}, {"observation": (plan.low / plan.scale, plan.high / plan.scale)}
    wrong = ""
    for name, (low, high) in parts.items():
        values = arrays[name]
        if values.shape != (steps + 1, len(low)) or values.dtype != np.float32:
            wrong = f"{name} is {values.dtype} {values.shape}, and should be float32 {(steps + 1, len(low))}"
        elif not ((values >= low.astype(np.float32)) & (values <= high.astype(np.float32))).all():  # nor is NaN
            wrong = f"{name} is outside of its space"
    actions = one.actions
    if actions.shape != (steps, spec.action.size) or actions.dtype != np.float32:
        wrong = f"the actions are {actions.dtype} {actions.shape}"
    elif not (np.abs(actions) <= 1.0).all():
        wrong = "an action is outside of -1..1"
    if not np.isfinite(one.rewards).all():
        wrong = "a reward is no number"
    if any(len(values) != steps + 1 for values in one.infos.values()) or len(one.samples) != steps + 1:
        wrong = "the infos are not as many as the observations"
    if wrong:
        raise SourceError(f"{one.episode.recording}: {wrong}; nothing of it was written.")
