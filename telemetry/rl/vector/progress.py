"""When the episodes of many cars end: :mod:`telemetry.rl.ending` in arrays, one row for each car."""

from dataclasses import dataclass, fields
from typing import Final, NamedTuple, Self

import numpy as np

from telemetry.fields.blocks import Array
from telemetry.fields.metrics.lap_steps import has_time_stopped
from telemetry.recording.game_state import GameStatus
from telemetry.rl.ending import Progress, Reason
from telemetry.rl.sample_columns import SampleColumns
from telemetry.rl.spec import End, Spec
from telemetry.rl.step_columns import StepColumns


@dataclass(slots=True)
class ProgressColumns:
    """:class:`telemetry.rl.ending.Progress` of each car; every attribute has the shape (n,)."""

    steps: Array
    metres: Array
    furthest: Array
    mark_metres: Array
    mark_step: Array
    laps: Array
    foreign_until: Array
    restarted: Array

    @classmethod
    def empty(cls, count: int) -> Self:
        """That of cars whose episodes have not begun."""
        usual = Progress()
        return cls(*(np.full(count, getattr(usual, entry.name)) for entry in fields(cls)))

    def take(self, index: int, progress: Progress) -> None:
        """Set the progress of one car."""
        for name, value in zip(Progress._fields, progress, strict=True):
            getattr(self, name)[index] = value

    def add(self, end: End, elapsed: Array, step: StepColumns) -> "ProgressColumns":
        """The progress after one more step, after which the time is ``elapsed``."""
        metres, steps = self.metres + step.driven_metres, self.steps + 1
        gained = metres - self.mark_metres >= end.no_progress_metres
        completed, clock_fell = step.laps_completed, step.is_lap_clock_reset
        crosses_line = (completed != 0) | clock_fell
        is_foreign = (completed != 0) & (elapsed <= self.foreign_until) & ~clock_fell
        return ProgressColumns(
            steps=steps,
            metres=metres,
            furthest=np.maximum(self.furthest, metres),
            mark_metres=np.where(gained, metres, self.mark_metres),
            mark_step=np.where(gained, steps, self.mark_step),
            laps=self.laps + completed - is_foreign,
            foreign_until=np.where(crosses_line, -np.inf, self.foreign_until),
            restarted=step.is_session_start,
        )


class EndingColumns(NamedTuple):
    """:class:`telemetry.rl.ending.Ending` of each car."""

    terminated: Array
    truncated: Array
    reason: Array
    """Of :data:`~telemetry.rl.ending.Reason`, as objects."""


def find_endings(spec: Spec, samples: SampleColumns, progress: ProgressColumns) -> EndingColumns:
    """:func:`telemetry.rl.ending.find_ending` of each car."""
    end, count = spec.end, len(progress.steps)
    status = samples.integers("status")
    paused, absent = has_time_stopped(status), status == GameStatus.OFF
    terminated: list[tuple[bool, Array, Reason]] = [
        (end.bodywork_critical, samples.flags("bodywork_critical"), "bodywork_critical"),
        (end.tyre_critical, samples.flags("tyre_critical"), "tyre_critical"),
        (end.tyres_out > 0, samples.integers("number_of_tyres_out") >= end.tyres_out, "tyres_out"),
        (end.backwards_metres > 0.0, progress.furthest - progress.metres >= end.backwards_metres, "backwards"),
        (
            end.no_progress_seconds > 0.0,
            (progress.steps - progress.mark_step) / spec.control_hz >= end.no_progress_seconds,
            "no_progress",
        ),
    ]
    truncated: list[tuple[bool, Array, Reason]] = [
        (True, absent, "source_lost"),
        (True, paused, "paused"),
        (True, progress.restarted, "restarted"),
        (end.laps > 0, progress.laps >= end.laps, "laps"),
        (end.lap_seconds > 0.0, samples.integers("current_time") > end.lap_seconds * 1000.0, "lap_time"),
        (end.seconds > 0.0, progress.steps / spec.control_hz >= end.seconds, "time"),
    ]
    lives = ~(progress.restarted | paused | absent)
    codes = np.zeros(count, np.intp)
    # From the last reason to the first, which counts.
    for code, (is_on, applies, _) in reversed(list(enumerate(terminated + truncated, start=1))):
        if is_on:
            codes[applies & lives if code <= len(terminated) else applies] = code
    reasons = np.array(["", *(reason for _, _, reason in terminated + truncated)], dtype=object)[codes]
    return EndingColumns((codes > 0) & (codes <= len(terminated)), codes > len(terminated), reasons)


__all__: Final = ["EndingColumns", "ProgressColumns", "find_endings"]
