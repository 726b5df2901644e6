"""Episodes as trajectories of a specification: observations, actions, rewards and the end, checked before writing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telemetry.base.errors import SourceError
from telemetry.fields.derived import Sample
from telemetry.rl.datasets.episodes import Episode, SkipCounts
from telemetry.rl.datasets.exporter import EpisodeEntry, episode_entry
from telemetry.rl.episode import EpisodeState, Outcome, advance_recorded, begin, check_end, info
from telemetry.rl.observation import ObservationValue, layout
from telemetry.rl.spec import Spec
from telemetry.tracks.geometry import Floats

Observations = Any
"""float32 (n, k), or such arrays by name if the specification has the shape ``dict``."""

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
"""The type of each entry of the ``info`` of a sample."""

MIN_EPISODE_STEPS: Final = 2
"""Shorter trajectories are omitted, unless they go on where another one was truncated: no step is lost there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """T steps from one sample to the next, and the T + 1 observations before and after them."""

    episode: Episode
    samples: tuple[Sample, ...]
    """T + 1."""
    observations: Observations
    """T + 1."""
    actions: NDArray[np.float32]
    """(T, k): the action from one sample to the next, as the second one recorded it."""
    rewards: Floats
    """(T,)"""
    terms: dict[str, Floats]
    """The weighted terms of the rewards: (T,) each."""
    infos: dict[str, Any]
    """:data:`INFO_KEYS` of the samples: (T + 1,) each."""
    terminated: bool
    """Whether the last step ends the task; otherwise it is truncated there."""
    reason: str
    """What ended it: a rule of the specification, or what ended the lap (``line``, ``pits``, ``hole``, ...)."""

    @property
    def steps(self) -> int:
        """T."""
        return len(self.rewards)

    @property
    def terminations(self) -> NDArray[np.bool_]:
        """True at the last step if it ends the task: (T,)."""
        return self._flag_last_step(value=self.terminated)

    @property
    def truncations(self) -> NDArray[np.bool_]:
        """True at the last step if the task would have gone on: (T,)."""
        return self._flag_last_step(value=not self.terminated)

    def _flag_last_step(self, *, value: bool) -> NDArray[np.bool_]:
        flags = np.zeros(self.steps, dtype=np.bool_)
        flags[-1] = value
        return flags


def trajectories(spec: Spec, episode: Episode, skipped: SkipCounts) -> Iterator[Trajectory]:
    """The trajectories of an episode: a single one, unless rules of the specification end it earlier.

    After a terminated trajectory the next one begins with the first sample that violates no end rule; after a truncated
    one, with its last sample. Samples that are in no trajectory are counted in ``skipped``. Raises SourceError for a
    trajectory that must not be written.
    """
    samples = episode.samples
    first, is_continued = 0, True  # what belongs to the lap before is in the episode before
    while first < len(samples) - 1:
        state, observation = begin(spec, samples[first], continued=is_continued)
        if check_end(spec, state).reason:
            first += 1
            skipped.samples += 1
            is_continued = False
            continue
        builder = _TrajectoryBuilder(observation)
        last = first
        for last in range(first + 1, len(samples)):
            state, outcome = advance_recorded(spec, state, samples[last])
            builder.add(outcome, state)
            if outcome.ending.reason:
                break
        is_rest = is_continued and first > 0
        if last - first >= MIN_EPISODE_STEPS or is_rest:
            yield builder.finish(spec, episode, samples[first : last + 1])
        else:
            skipped.short += 1
            skipped.samples += last - first
        first = last + 1 if builder.terminated else last
        is_continued = not builder.terminated
        if not builder.reason:
            return


class _TrajectoryBuilder:
    """Collects the steps of a trajectory."""

    def __init__(self, observation: ObservationValue) -> None:
        self.observations = [observation]
        self.actions: list[tuple[float, ...]] = []
        self.rewards: list[float] = []
        self.terms: list[dict[str, float]] = []
        self.terminated = False
        self.reason = ""

    def add(self, outcome: Outcome, state: EpisodeState) -> None:
        self.observations.append(outcome.observation)
        self.actions.append(state.actions[0])
        self.rewards.append(outcome.reward)
        self.terms.append(outcome.terms)
        self.terminated, self.reason = outcome.ending.terminated, outcome.ending.reason

    def finish(self, spec: Spec, episode: Episode, samples: tuple[Sample, ...]) -> Trajectory:
        infos = [info(sample) for sample in samples]
        trajectory = Trajectory(
            episode=episode,
            samples=samples,
            observations=_stack(self.observations),
            actions=np.array(self.actions, dtype=np.float32),
            rewards=np.array(self.rewards, dtype=np.float64),
            terms={name: np.array([terms[name] for terms in self.terms]) for name in self.terms[0]},
            infos={name: np.array([entry[name] for entry in infos], dtype=kind) for name, kind in INFO_KEYS.items()},
            terminated=self.terminated,
            reason=self.reason or episode.end,
        )
        check(spec, trajectory)
        return trajectory


def _stack(observations: Sequence[Any]) -> Observations:
    if isinstance(observations[0], dict):
        return {name: np.stack([row[name] for row in observations]) for name in observations[0]}
    return np.stack(observations)


def check(spec: Spec, trajectory: Trajectory) -> None:
    """Raise SourceError for wrong lengths or types, NaN, and values outside of their spaces."""
    plan = layout(spec)
    steps = trajectory.steps
    bounds = {name: (plan.low[numbers], plan.high[numbers]) for name, numbers in plan.parts}
    arrays = trajectory.observations
    if spec.observation.shape == "flat":
        arrays, bounds = {"observation": arrays}, {"observation": (plan.low / plan.scale, plan.high / plan.scale)}
    problem = ""
    for name, (low, high) in bounds.items():
        values = arrays[name]
        if values.shape != (steps + 1, len(low)) or values.dtype != np.float32:
            problem = f"{name} is {values.dtype} {values.shape}, expected float32 {(steps + 1, len(low))}"
        elif not ((values >= low.astype(np.float32)) & (values <= high.astype(np.float32))).all():  # also false for NaN
            problem = f"{name} is outside of its space"
    actions = trajectory.actions
    if actions.shape != (steps, spec.action.size) or actions.dtype != np.float32:
        problem = f"actions are {actions.dtype} {actions.shape}, expected float32 {(steps, spec.action.size)}"
    elif not (np.abs(actions) <= 1.0).all():
        problem = "an action is outside of -1..1"
    if not np.isfinite(trajectory.rewards).all():
        problem = "a reward is not a finite number"
    if any(len(values) != steps + 1 for values in trajectory.infos.values()) or len(trajectory.samples) != steps + 1:
        problem = "the infos do not have the length of the observations"
    if problem:
        raise SourceError(f"{trajectory.episode.recording}: {problem}; nothing of it was written.")


def trajectory_entry(trajectory: Trajectory, file: str) -> EpisodeEntry:
    """The description of a trajectory, which the dataset counts as an episode."""
    return episode_entry(
        trajectory.episode,
        file,
        samples=trajectory.samples,
        steps=trajectory.steps,
        end=trajectory.reason,
        terminated=trajectory.terminated,
    )
