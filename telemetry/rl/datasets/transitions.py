"""Episodes as trajectories of a specification: observations, actions, rewards and the end, checked before writing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from telemetry.base.errors import SourceError
from telemetry.rl.action import recorded_action_columns
from telemetry.rl.datasets.episodes import Episode, SkipCounts
from telemetry.rl.datasets.exporter import EpisodeEntry, episode_entry
from telemetry.rl.ending import Ending, Progress, StepFacts, find_ending
from telemetry.rl.episode import check_track, info_columns
from telemetry.rl.observation import layout, observer
from telemetry.rl.reward import Transitions, reward_columns
from telemetry.rl.sample_columns import SampleColumns
from telemetry.rl.spec import Spec
from telemetry.rl.step_columns import StepColumns
from telemetry.sources.known_tracks import find_track_map
from telemetry.tracks.geometry import Floats
from telemetry.tracks.track import TrackMap
from telemetry.tracks.track_folder import TrackFolder

Observations = Any
"""float32 (n, k), or such arrays by name if the specification has the shape ``dict``."""

MIN_EPISODE_STEPS: Final = 2
"""Shorter trajectories are omitted, unless they go on where another one was truncated: no step is lost there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """T steps from one sample to the next, and the T + 1 observations before and after them."""

    episode: Episode
    samples: SampleColumns
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
    """The entries of :func:`telemetry.rl.episode.info` of the samples: (T + 1,) each."""
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


def trajectories(
    spec: Spec, episode: Episode, skipped: SkipCounts, tracks: TrackFolder | None = None
) -> Iterator[Trajectory]:
    """The trajectories of an episode: a single one, unless rules of the specification end it earlier.

    After a terminated trajectory the next one begins with the first sample that violates no end rule; after a truncated
    one, with its last sample. Samples that are in no trajectory are counted in ``skipped``. The road is that of
    ``tracks``, or else the known one. Raises SourceError for a trajectory that must not be written.
    """
    rows = _Rows(episode.samples)
    first, is_continued = 0, True  # what belongs to the lap before is in the episode before
    while first < len(rows) - 1:
        track = rows.find_track(spec, first, tracks)
        ended = rows.follow(spec, first, is_continued=is_continued)
        if ended is None:
            first += 1
            skipped.samples += 1
            is_continued = False
            continue
        last = first + len(ended.laps)
        is_rest = is_continued and first > 0
        if last - first >= MIN_EPISODE_STEPS or is_rest:
            yield _make_trajectory(spec, episode, episode.samples[first : last + 1], track, ended)
        else:
            skipped.short += 1
            skipped.samples += last - first
        terminated, _, reason = ended.ending
        first = last + 1 if terminated else last
        is_continued = not terminated
        if not reason:
            return


class _Condition(NamedTuple):
    """What the end rules look at in a sample: a :class:`telemetry.rl.ending.Condition`."""

    status: int
    current_time: int
    number_of_tyres_out: int
    bodywork_critical: bool
    tyre_critical: bool


class _Ended(NamedTuple):
    """The end of a trajectory."""

    laps: list[int]
    """How many laps were completed in each of its steps."""
    ending: Ending
    """Without a reason where it ends with the episode."""


class _Rows:
    """What the end rules look at, sample by sample."""

    def __init__(self, samples: SampleColumns) -> None:
        steps = StepColumns.of(samples)
        elapsed = samples("elapsed").tolist()
        columns = [samples.integers(name).tolist() for name in _Condition._fields]
        self._samples = samples
        self._elapsed = elapsed
        self._conditions = list(map(_Condition._make, zip(*columns, strict=True)))
        self._steps = list(
            map(
                StepFacts,
                elapsed[1:],
                steps.driven_metres.tolist(),
                steps.laps_completed.tolist(),
                steps.is_lap_clock_reset.tolist(),
                steps.is_session_start.tolist(),
            )
        )

    def __len__(self) -> int:
        return len(self._conditions)

    def find_track(self, spec: Spec, row: int, tracks: TrackFolder | None) -> TrackMap | None:
        """The map of the track at this sample; raises UsageError if the reward needs one that is not known."""
        name, layout = self._samples.value("track", row), self._samples.value("track_configuration", row)
        track = tracks.find_map(name, layout) if tracks else None
        track = track or find_track_map(name, layout)
        check_track(spec, name, track)
        return track

    def follow(self, spec: Spec, first: int, *, is_continued: bool) -> _Ended | None:
        """The end of the trajectory that begins with this sample; None if the sample violates an end rule itself."""
        progress = Progress.begin(self._elapsed[first], self._conditions[first].current_time, continued=is_continued)
        if find_ending(spec, self._conditions[first], progress).reason:
            return None
        laps: list[int] = []
        ending = Ending()
        for step, condition in zip(self._steps[first:], self._conditions[first + 1 :], strict=True):
            before, progress = progress, progress.add(spec.end, step)
            laps.append(progress.laps - before.laps)
            ending = find_ending(spec, condition, progress)
            if ending.reason:
                break
        return _Ended(laps, ending)


def _make_trajectory(
    spec: Spec, episode: Episode, samples: SampleColumns, track: TrackMap | None, ended: _Ended
) -> Trajectory:
    """The trajectory of these samples, checked."""
    actions = recorded_action_columns(spec, samples)
    steps = Transitions.of(samples, spec.step_seconds, actions, track, np.array(ended.laps))
    rewards, terms = reward_columns(spec, steps)
    trajectory = Trajectory(
        episode=episode,
        samples=samples,
        observations=observer(spec).columns(samples, actions, track),
        actions=actions.astype(np.float32),
        rewards=rewards,
        terms=terms,
        infos=info_columns(samples),
        terminated=ended.ending.terminated,
        reason=ended.ending.reason or episode.end,
    )
    check(spec, trajectory)
    return trajectory


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
        end=trajectory.reason,
        terminated=trajectory.terminated,
    )
