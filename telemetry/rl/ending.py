"""When an episode ends: rules over its progress, counted step by step.

The environment counts the steps of live samples, and a dataset those that its columns hold: both by this code.
"""

import math
from typing import Final, Literal, NamedTuple, Protocol

from telemetry.fields.lap_changes import TIME_STOPPED_STATUSES
from telemetry.recording.game_state import GameStatus
from telemetry.rl.spec import End, Spec

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


class Condition(Protocol):
    """What the rules look at in a sample."""

    @property
    def status(self) -> int:
        """``status`` of the game."""
        ...

    @property
    def current_time(self) -> int:
        """The lap clock in ms."""
        ...

    @property
    def number_of_tyres_out(self) -> int:
        """Tyres off the valid surface."""
        ...

    @property
    def bodywork_critical(self) -> bool:
        """Whether the bodywork is badly damaged."""
        ...

    @property
    def tyre_critical(self) -> bool:
        """Whether a tyre is worn out."""
        ...


class StepFacts(NamedTuple):
    """What one step adds to the progress of an episode."""

    elapsed: float
    """Time of the sample after it."""
    metres: float
    """:func:`telemetry.rl.reward.driven_metres` of its samples."""
    completed: int
    """Laps that the game counted in it."""
    clock_fell: bool
    """Whether the lap clock fell."""
    restarted: bool
    """Whether the session was restarted."""


class Progress(NamedTuple):
    """The progress of an episode since it began."""

    steps: int = 0
    metres: float = 0.0
    """Distance along the track."""
    furthest: float = 0.0
    """The maximum of :attr:`metres` so far."""
    mark_metres: float = 0.0
    """:attr:`metres` when progress was last detected."""
    mark_step: int = 0
    """:attr:`steps` when progress was last detected."""
    laps: int = 0
    """Laps completed."""
    foreign_until: float = -math.inf
    """Time up to which a lap that the game counts is that of the drive before the episode: its line was crossed
    before."""
    restarted: bool = False
    """Whether the session was restarted in the latest step."""

    @classmethod
    def begin(cls, elapsed: float, clock_ms: int, *, continued: bool) -> "Progress":
        """That of an episode whose first sample has this time and lap clock.

        With ``continued`` the sample is the last one of another episode. Otherwise, where it lies between the restart
        of the lap clock and the change of the lap count, the lap that is counted then is not one of this episode.
        """
        wait_s = COUNT_DELAY_S - clock_ms / 1000.0
        is_after_line = not continued and 0.0 < wait_s <= COUNT_DELAY_S
        return cls(foreign_until=elapsed + wait_s if is_after_line else -math.inf)

    def add(self, end: End, step: StepFacts) -> "Progress":
        """The progress after one more step."""
        metres, steps = self.metres + step.metres, self.steps + 1
        gained = metres - self.mark_metres >= end.no_progress_metres
        completed = step.completed
        crosses_line = completed != 0 or step.clock_fell
        if completed and step.elapsed <= self.foreign_until and not step.clock_fell:
            completed -= 1
        return Progress(
            steps=steps,
            metres=metres,
            furthest=max(self.furthest, metres),
            mark_metres=metres if gained else self.mark_metres,
            mark_step=steps if gained else self.mark_step,
            laps=self.laps + completed,
            foreign_until=-math.inf if crosses_line else self.foreign_until,
            restarted=step.restarted,
        )


def find_ending(
    spec: Spec,
    sample: Condition,
    progress: Progress,
    *,
    lost: bool = False,
    paused: bool = False,
    last: bool = False,
) -> Ending:
    """Whether an episode has ended with this sample; of several reasons the first, terminating ones before others."""
    status = sample.status
    paused = paused or status in TIME_STOPPED_STATUSES
    absent = lost or status == _OFF
    # While time stands still, and right after a restart, the state of the car is not a result of its driving.
    if not (progress.restarted or paused or absent) and (reason := _find_termination(spec, sample, progress)):
        return Ending(terminated=True, reason=reason)
    reason = "source_lost" if absent else "paused" if paused else _find_truncation(spec, sample, progress, last=last)
    return Ending(truncated=True, reason=reason) if reason else _GOES_ON


_OFF: Final = int(GameStatus.OFF)
_GOES_ON: Final = Ending()


def _find_termination(spec: Spec, sample: Condition, progress: Progress) -> Reason:
    end = spec.end
    if end.bodywork_critical and sample.bodywork_critical:
        return "bodywork_critical"
    if end.tyre_critical and sample.tyre_critical:
        return "tyre_critical"
    if 0 < end.tyres_out <= sample.number_of_tyres_out:
        return "tyres_out"
    if 0.0 < end.backwards_metres <= progress.furthest - progress.metres:
        return "backwards"
    if 0.0 < end.no_progress_seconds <= (progress.steps - progress.mark_step) / spec.control_hz:
        return "no_progress"
    return ""


def _find_truncation(spec: Spec, sample: Condition, progress: Progress, *, last: bool) -> Reason:
    end = spec.end
    if progress.restarted:
        return "restarted"
    if last:
        return "recording_ended"
    if 0 < end.laps <= progress.laps:
        return "laps"
    if 0.0 < end.lap_seconds * 1000.0 < sample.current_time:
        return "lap_time"
    if 0.0 < end.seconds <= progress.steps / spec.control_hz:
        return "time"
    return ""
