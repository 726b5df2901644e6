"""An episode as a pure fold: a state, a sample and an action give the next state and the outcome of the step.

The environment folds live samples and the exporters fold recorded ones; both get the same results.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple

from telemetry.base.errors import UsageError
from telemetry.fields.derived import Sample
from telemetry.fields.lap_changes import TIME_STOPPED_STATUSES, is_session_start, laps_completed
from telemetry.recording.game_state import GameStatus
from telemetry.rl.action import RELEASED, Command, recorded_action, recorded_command, to_command
from telemetry.rl.observation import Actions, ObservationValue, Observer, observer
from telemetry.rl.reward import driven_metres, reward
from telemetry.rl.spec import Spec
from telemetry.sources.known_tracks import known_track
from telemetry.tracks.track import TrackMap

Reason = Literal[
    "",
    "bodywork_critical",
    "tyre_critical",
    "tyres_out",
    "backwards",
    "no_progress",
    "source_lost",
    "paused",
    "restarted",
    "recording_ended",
    "laps",
    "lap_time",
    "time",
]
"""Why an episode ended; empty while it goes on. The first five terminate, the others truncate."""


COUNT_DELAY_S: Final = 1.0
"""Lap time up to which the game may still have to count the lap before: some frames, and more where drawing hangs."""


class Ending(NamedTuple):
    """Whether and why an episode ended."""

    terminated: bool = False
    truncated: bool = False
    reason: Reason = ""


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
    command: Command
    """The current driver inputs."""
    actions: Actions = ()
    """The latest actions, the newest first: as many as are observed, but at least one."""
    steps: int = 0
    metres: float = 0.0
    """Progress along the track since the episode began."""
    furthest: float = 0.0
    """The maximum of :attr:`metres` so far."""
    mark_metres: float = 0.0
    """:attr:`metres` when progress was last detected."""
    mark_step: int = 0
    """:attr:`steps` when progress was last detected."""
    laps: int = 0
    """Laps completed since the episode began."""
    foreign_until: float = -math.inf
    """Time up to which a lap that the game counts is that of the drive before the episode: its line was crossed
    before."""
    restarted: bool = False
    """Whether the session was restarted between the latest sample and the one before."""


def begin(
    spec: Spec, sample: Sample, track: TrackMap | None = None, *, continued: bool = False
) -> tuple[EpisodeState, ObservationValue]:
    """The state at the first sample of an episode, and the first observation; ``track`` defaults to the known map.

    With ``continued`` the sample is the last one of another episode. Otherwise, where it lies between the restart of
    the lap clock and the change of the lap count, the lap that is counted then is not one of this episode. Raises
    UsageError if the reward needs a reference line and the track has none.
    """
    track = track or known_track(sample)
    if spec.reward.acgym and (track is None or not track.line):
        raise UsageError(
            f"reward.acgym needs a reference line, and the track {sample.track!r} has none; use acgym_speed, or pass a "
            "map with a line as track."
        )
    command = RELEASED if not spec.action.delta else recorded_command(sample)
    wait_s = COUNT_DELAY_S - sample.current_time / 1000.0
    is_after_line = not continued and 0.0 < wait_s <= COUNT_DELAY_S
    state = EpisodeState(
        sample=sample,
        track=track,
        observer=observer(spec),
        command=command,
        foreign_until=sample.elapsed + wait_s if is_after_line else -math.inf,
    )
    return state, state.observer(sample, (), track)


def advance(
    spec: Spec,
    state: EpisodeState,
    sample: Sample,
    action: Sequence[float],
    *,
    lost: bool = False,
    paused: bool = False,
    last: bool = False,
) -> tuple[EpisodeState, Outcome]:
    """The state and the outcome of one more step: ``action`` was in force, and ``sample`` was the result.

    With ``lost`` or ``paused`` the source gave no new sample, and ``sample`` is the previous one again. With ``last``
    no sample follows.
    """
    before = state.sample
    taken = tuple(float(value) for value in action)
    previous = state.actions[0] if state.actions else ()
    metres = state.metres + driven_metres(before, sample)
    gained = metres - state.mark_metres >= spec.end.no_progress_metres
    steps = state.steps + 1
    completed = laps_completed(sample, before)
    crosses_line = completed != 0 or sample.current_time < before.current_time
    if completed and sample.elapsed <= state.foreign_until and sample.current_time >= before.current_time:
        completed -= 1
    after = replace(
        state,
        sample=sample,
        command=to_command(spec, taken, state.command),
        actions=(taken, *state.actions)[: max(spec.observation.action_history, 1)],
        steps=steps,
        metres=metres,
        furthest=max(state.furthest, metres),
        mark_metres=metres if gained else state.mark_metres,
        mark_step=steps if gained else state.mark_step,
        laps=state.laps + completed,
        foreign_until=-math.inf if crosses_line else state.foreign_until,
        restarted=is_session_start(sample, before),
    )
    total, terms = reward(spec, before, sample, taken, previous, state.track, laps=completed)
    observation = state.observer(sample, after.actions, state.track)
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
    end, sample = spec.end, state.sample
    paused = paused or sample.status in TIME_STOPPED_STATUSES
    absent = lost or sample.status == GameStatus.OFF
    terminated: tuple[tuple[bool, Reason], ...] = (
        (end.bodywork_critical and sample.bodywork_critical, "bodywork_critical"),
        (end.tyre_critical and sample.tyre_critical, "tyre_critical"),
        (0 < end.tyres_out <= sample.number_of_tyres_out, "tyres_out"),
        (0.0 < end.backwards_metres <= state.furthest - state.metres, "backwards"),
        (0.0 < end.no_progress_seconds <= (state.steps - state.mark_step) / spec.control_hz, "no_progress"),
    )
    truncated: tuple[tuple[bool, Reason], ...] = (
        (absent, "source_lost"),
        (paused, "paused"),
        (state.restarted, "restarted"),
        (last, "recording_ended"),
        (0 < end.laps <= state.laps, "laps"),
        (0.0 < end.lap_seconds * 1000.0 < sample.current_time, "lap_time"),
        (0.0 < end.seconds <= state.steps / spec.control_hz, "time"),
    )
    # While time stands still, and right after a restart, the state of the car is not a result of its driving.
    reason = "" if state.restarted or paused or absent else _first_reason(terminated)
    if reason:
        return Ending(terminated=True, reason=reason)
    reason = _first_reason(truncated)
    return Ending(truncated=bool(reason), reason=reason)


def info(sample: Sample) -> dict[str, Any]:
    """Facts about a sample beside its observation: plain numbers, with the same keys for every source.

    ``time`` is in seconds of the source's clock, ``position`` is 0..1 on the track's spline, ``world_*`` are in metres.
    """
    return {
        "time": float(sample.elapsed),
        "packet_id": sample.packet_id,
        "lap": sample.completed_laps + 1,
        "lap_time_ms": sample.current_time,
        "last_time_ms": sample.last_time,
        "best_time_ms": sample.best_time,
        "position": float(sample.normalized_position),
        "world_x": float(sample.world_position_x),
        "world_y": float(sample.world_position_y),
        "world_z": float(sample.world_position_z),
        "tyres_out": sample.number_of_tyres_out,
        "lap_valid": sample.is_lap_valid,
    }


def _first_reason(rules: tuple[tuple[bool, Reason], ...]) -> Reason:
    return next((reason for applies, reason in rules if applies), "")
