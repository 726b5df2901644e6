"""What two neighbouring samples say about a line: pure functions of the pair.

The game reports a line in two ways: the lap clock falls, and the lap count rises. The two can be frames apart in either
order. :func:`classify` says which of them lies between two samples.
"""

from enum import Enum, auto
from typing import Final, NamedTuple

from telemetry.base.units import STEP_MS
from telemetry.fields.derived import Sample
from telemetry.fields.lap_changes import (
    TIME_STOPPED_STATUSES,
    LapChange,
    elapsed_game_ms,
    find_clock_jump,
    frame_age_ms,
    has_clock_restarted,
    is_distance_reset,
    is_lap_clock_reset,
    is_lap_count_reset,
    is_other_session,
    is_put_into_box,
)
from telemetry.laps.model import LapEnd

GAP_S: Final = 15.0
"""Game time without a sample after which a part of the lap counts as not seen: slower than any useful sampling."""


MAX_FRAME_SAMPLES: Final = 128
"""Samples of one drawn frame that are remembered: about 0.4 s of physics steps, longer than usual hitches."""


class Signal(Enum):
    """Which sign of a line lies between two samples."""

    NONE = auto()
    """No sign: the same lap goes on."""
    CLOCK = auto()
    """The lap clock fell; the lap is not counted yet, or never will be."""
    COUNT = auto()
    """One more lap is counted; the lap clock runs on."""
    BOTH = auto()
    """One more lap is counted, and the lap clock restarted."""
    SEVERAL = auto()
    """More than one lap is counted: there are no samples of the laps in between."""


class SamplePair(NamedTuple):
    """Two neighbouring live samples of the same session."""

    before: Sample
    now: Sample
    clock_s: float
    """Game time of `now`."""
    counted: int
    """How many laps the game counted in between that are still to be accounted for, 0 or more."""
    frame: tuple[Sample, ...] = ()
    """The samples that show the same drawn frame as `before`, up to it, and the one before them."""
    keep_short: bool = False
    """Whether unfinished laps count that are too short to be reported."""

    def find_line(self) -> tuple[Sample, Sample]:
        """The last sample in front of the line and the first one behind it, told by the physics steps.

        They are `before` and `now`, unless samples behind the line still show the frame that was drawn in front of it.
        """
        if (
            not self.frame
            or self.now.packet_id <= self.frame[0].packet_id
            or not is_lap_clock_reset(self.now, self.before)
        ):
            return self.before, self.now
        step_of_line = self.now.packet_id - self.now.current_time // STEP_MS
        behind = next((n for n, sample in enumerate(self.frame) if n and sample.packet_id >= step_of_line), None)
        return (self.before, self.now) if behind is None else (self.frame[behind - 1], self.frame[behind])


def extend_frame(frame: tuple[Sample, ...], now: Sample) -> tuple[Sample, ...]:
    """The samples that show the same drawn frame as `now`, up to it, and the one before them."""
    if not frame:
        return (now,)
    shown = frame[-1]
    is_same = now.graphics_packet_id == shown.graphics_packet_id and now.current_time == shown.current_time
    return (*frame, now) if is_same and len(frame) < MAX_FRAME_SAMPLES else (shown, now)


def classify(pair: SamplePair) -> Signal:
    """Which sign of a line lies between the samples."""
    if pair.counted == 0:
        return Signal.CLOCK if is_lap_clock_reset(pair.now, pair.before) else Signal.NONE
    if pair.counted > 1:
        return Signal.SEVERAL
    return Signal.BOTH if has_clock_restarted(pair.now, pair.before) else Signal.COUNT


def is_without_driving(now: Sample, missing: frozenset[str] = frozenset()) -> bool:
    """Whether a sample says nothing about laps: of a pause, a replay, or a game that is starting or has ended.

    Of samples without a status (``missing`` names the raw fields that they do not hold) all are of driving.
    """
    if now.status in TIME_STOPPED_STATUSES or now.completed_laps < 0:
        return True
    if now.status != 0 or "status" in missing:
        return False
    return not (now.current_time or now.completed_laps or now.distance_traveled)


def find_discontinuity(before: Sample, now: Sample) -> LapEnd | None:
    """What other than a line ended the lap between the samples; None where nothing did."""
    if is_other_session(now, before):
        return "session"
    if is_lap_count_reset(now, before) or is_distance_reset(now, before):
        return "restart"
    if now.completed_laps != before.completed_laps:
        return None
    if is_lap_clock_reset(now, before):
        jump = find_clock_jump(now, before)
        return None if jump is None else "pits" if jump is LapChange.MOVED else "restart"
    return "pits" if is_put_into_box(now, before) else None


def advanced_game_s(before: Sample, now: Sample) -> float:
    """Seconds by which the game's own clocks advanced between the samples; 0 where the game stood still."""
    steps = max(now.packet_id - before.packet_id, 0)
    return max(steps * STEP_MS, now.current_time - before.current_time) / 1e3


def measure_lap_ms(before: Sample, now: Sample) -> int:
    """The time of the lap that ended between the samples, in ms, measured from lap clock and physics."""
    if now.current_time > before.current_time and not has_clock_restarted(now, before):
        return now.current_time  # counted before its clock restarted
    elapsed_ms = elapsed_game_ms(now, before)
    return max(_lap_clock_ms(before) + elapsed_ms - now.current_time, 0) if elapsed_ms else _lap_clock_ms(before)


def measure_stopped_ms(before: Sample, now: Sample) -> int | None:
    """The time of the lap that ended between the samples, if its clock stopped there; None where it has restarted.

    At the finish of an A-to-B drive the clock stops and holds 0, where a clock that restarts shows 0 for 3 ms at most.
    """
    return _lap_clock_ms(before) if now.current_time == 0 < before.current_time else None


def _lap_clock_ms(sample: Sample) -> int:
    return sample.current_time + frame_age_ms(sample)


def is_lap_invalidated(before: Sample | None, now: Sample) -> bool:
    """Whether the lap was found invalid here. Between clock and count the verdict is still about the lap before."""
    return not now.is_lap_valid and (
        before is None or before.is_lap_valid or now.completed_laps != before.completed_laps
    )
