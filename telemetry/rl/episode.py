"""An episode as a pure fold: a state, a sample and an action give the next state and the outcome of the step.

The environment folds live samples and the exporters fold recorded ones; both get the same results.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from telemetry.base.errors import UsageError
from telemetry.fields.blocks import Array
from telemetry.fields.derived import Sample
from telemetry.fields.lap_changes import is_lap_clock_reset, is_session_start, laps_completed
from telemetry.rl.action import RELEASED, Command, recorded_action, recorded_command, to_command
from telemetry.rl.ending import Ending, Progress, StepFacts, find_ending
from telemetry.rl.observation import Actions, ObservationValue, Observer, observer
from telemetry.rl.reward import Transition, WeightedTerms, driven_metres, progress_metres, sum_terms, weighted_terms
from telemetry.rl.sample_columns import SampleColumns
from telemetry.rl.spec import Spec
from telemetry.sources.known_tracks import known_track
from telemetry.tracks.track import TrackMap


class Outcome(NamedTuple):
    """The result of a step; ``terms`` are the weighted terms of the reward."""

    observation: ObservationValue
    reward: float
    terms: dict[str, float]
    ending: Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeState:
    """The complete state of an episode, made by :func:`begin` and :func:`advance`."""

    sample: Sample
    """The latest sample."""
    track: TrackMap | None
    observer: Observer
    terms: WeightedTerms
    """What a step is rewarded by."""
    command: Command
    """The current driver inputs."""
    actions: Actions = ()
    """The latest actions, the newest first: as many as are observed, but at least one."""
    progress: Progress
    """What the end rules have counted since the episode began."""

    @property
    def steps(self) -> int:
        """Steps since the episode began."""
        return self.progress.steps

    @property
    def laps(self) -> int:
        """Laps completed since the episode began."""
        return self.progress.laps


def begin(
    spec: Spec, sample: Sample, track: TrackMap | None = None, *, continued: bool = False
) -> tuple[EpisodeState, ObservationValue]:
    """The state at the first sample of an episode, and the first observation; ``track`` defaults to the known map.

    With ``continued`` the sample is the last one of another episode. Otherwise, where it lies between the restart of
    the lap clock and the change of the lap count, the lap that is counted then is not one of this episode. Raises
    UsageError if the reward needs a reference line and the track has none.
    """
    track = track or known_track(sample)
    check_track(spec, sample.track, track)
    state = EpisodeState(
        sample=sample,
        track=track,
        observer=observer(spec),
        terms=weighted_terms(spec.reward),
        command=RELEASED if not spec.action.delta else recorded_command(sample),
        progress=Progress.begin(sample.elapsed, sample.current_time, continued=continued),
    )
    return state, state.observer(sample, (), track)


def check_track(spec: Spec, name: str, track: TrackMap | None) -> None:
    """Raise UsageError if the reward needs a reference line, and the map of the track of this name has none."""
    if spec.reward.acgym and (track is None or not track.line):
        raise UsageError(
            f"reward.acgym needs a reference line, and the track {name!r} has none; use acgym_speed, or pass a map "
            "with a line as track."
        )


def advance(
    spec: Spec,
    state: EpisodeState,
    sample: Sample,
    action: Sequence[float],
    *,
    command: Command | None = None,
    lost: bool = False,
    paused: bool = False,
    last: bool = False,
) -> tuple[EpisodeState, Outcome]:
    """The state and the outcome of one more step: ``action`` was in force, and ``sample`` was the result.

    ``command`` is that of the action, where it is known already. With ``lost`` or ``paused`` the source gave no new
    sample, and ``sample`` is the previous one again. With ``last`` no sample follows.
    """
    before, track = state.sample, state.track
    taken = tuple(map(float, action))
    previous = state.actions[0] if state.actions else ()
    moved = progress_metres(before, sample)
    facts = StepFacts(
        elapsed=sample.elapsed,
        metres=driven_metres(before, sample, moved),
        completed=laps_completed(sample, before),
        clock_fell=is_lap_clock_reset(sample, before),
        restarted=is_session_start(sample, before),
    )
    progress = state.progress.add(spec.end, facts)
    after = EpisodeState(
        sample=sample,
        track=track,
        observer=state.observer,
        terms=state.terms,
        command=to_command(spec, taken, state.command) if command is None else command,
        actions=(taken, *state.actions)[: max(spec.observation.action_history, 1)],
        progress=progress,
    )
    laps = progress.laps - state.progress.laps
    step = Transition(before, sample, spec.step_seconds, taken, previous, track, laps, moved)
    total, terms = sum_terms(state.terms, step)
    observation = state.observer(sample, after.actions, track)
    return after, Outcome(observation, total, terms, check_end(spec, after, lost=lost, paused=paused, last=last))


def advance_recorded(
    spec: Spec, state: EpisodeState, sample: Sample, *, last: bool = False
) -> tuple[EpisodeState, Outcome]:
    """The state and the outcome of one more recorded sample; the action is the one that its controls show."""
    action = recorded_action(spec, state.sample, sample)
    after, outcome = advance(spec, state, sample, action, last=last)
    return replace(after, command=recorded_command(sample)), outcome


def check_end(
    spec: Spec, state: EpisodeState, *, lost: bool = False, paused: bool = False, last: bool = False
) -> Ending:
    """Whether an episode has ended, and why; of several reasons the first, terminating ones before truncating ones."""
    return find_ending(spec, state.sample, state.progress, lost=lost, paused=paused, last=last)


def info(sample: Sample) -> dict[str, Any]:
    """Facts about a sample beside its observation: plain numbers, with the same keys for every source.

    ``time`` is in seconds of the source's clock, ``position`` is 0..1 on the track's spline, ``world_*`` are in metres.
    """
    packet_id, laps, lap_time, last, best, tyres_out, lap_valid = _WHOLE(sample)
    time, position, x, y, z = map(float, _NUMBERS(sample))
    return {
        "time": time,
        "packet_id": packet_id,
        "lap": laps + 1,
        "lap_time_ms": lap_time,
        "last_time_ms": last,
        "best_time_ms": best,
        "position": position,
        "world_x": x,
        "world_y": y,
        "world_z": z,
        "tyres_out": tyres_out,
        "lap_valid": lap_valid,
    }


_WHOLE: Final = Sample.getter(
    *("packet_id", "completed_laps", "current_time", "last_time", "best_time", "number_of_tyres_out", "is_lap_valid")
)
_NUMBERS: Final = Sample.getter(
    "elapsed", "normalized_position", "world_position_x", "world_position_y", "world_position_z"
)


def info_columns(samples: SampleColumns) -> dict[str, Array]:
    """:func:`info` of many samples: a column for each entry."""
    return {
        "time": samples("elapsed"),
        "packet_id": samples.integers("packet_id"),
        "lap": samples.integers("completed_laps") + 1,
        "lap_time_ms": samples.integers("current_time"),
        "last_time_ms": samples.integers("last_time"),
        "best_time_ms": samples.integers("best_time"),
        "position": samples("normalized_position"),
        "world_x": samples("world_position_x"),
        "world_y": samples("world_position_y"),
        "world_z": samples("world_position_z"),
        "tyres_out": samples.integers("number_of_tyres_out"),
        "lap_valid": samples.flags("is_lap_valid"),
    }
