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
    end = spec.end
    paused = paused or sample.status in TIME_STOPPED_STATUSES
    absent = lost or sample.status == GameStatus.OFF
    terminated: tuple[tuple[bool, Reason], ...] = (
        (end.bodywork_critical and sample.bodywork_critical, "bodywork_critical"),
        (end.tyre_critical and sample.tyre_critical, "tyre_critical"),
        (0 < end.tyres_out <= sample.number_of_tyres_out, "tyres_out"),
        (0.0 < end.backwards_metres <= progress.furthest - progress.metres, "backwards"),
        (0.0 < end.no_progress_seconds <= (progress.steps - progress.mark_step) / spec.control_hz, "no_progress"),
    )
    truncated: tuple[tuple[bool, Reason], ...] = (
        (absent, "source_lost"),
        (paused, "paused"),
        (progress.restarted, "restarted"),
        (last, "recording_ended"),
        (0 < end.laps <= progress.laps, "laps"),
        (0.0 < end.lap_seconds * 1000.0 < sample.current_time, "lap_time"),
        (0.0 < end.seconds <= progress.steps / spec.control_hz, "time"),
    )
    # While time stands still, and right after a restart, the state of the car is not a result of its driving.
    reason = "" if progress.restarted or paused or absent else _first_reason(terminated)
    if reason:
        return Ending(terminated=True, reason=reason)
    reason = _first_reason(truncated)
    return Ending(truncated=bool(reason), reason=reason)


def _first_reason(rules: tuple[tuple[bool, Reason], ...]) -> Reason:
    return next((reason for applies, reason in rules if applies), "")
