"""Which lap a sample belongs to, how long that lap has lasted, and how far the car is from its line."""

import math
from typing import TYPE_CHECKING, Final

from telemetry.base.units import STEP_MS
from telemetry.fields.lap_changes import REPLAY, WAIT_MS, LapChange, find_lap_change
from telemetry.fields.metrics.metric import Intermediate, Metric
from telemetry.fields.snapshot import Snapshot

if TYPE_CHECKING:
    from telemetry.fields.derived import Sample

HARDLY_DRIVEN_M: Final = 100.0
"""Distance since load up to which a restart is still the same start: count, clock and session jump frames apart."""

MAX_LEARNT_MS: Final = 2000
"""Lap time up to which the place of the line is told from speed and time since the line."""

SAME_LINE_M: Final = 25.0
"""Distance from the known place of the line within which another crossing does not move it."""

MAX_OVERSHOOT: Final = 0.1
"""Fraction of the lap by which ``lap_distance`` goes on behind the line while the game begins no new lap."""


def run(change: LapChange, before: "Sample | None") -> int:
    """1-based count of starts, restarts and sessions among the samples."""
    if before is None:
        return 1
    is_new = change is LapChange.START and not (before.lap == 1 and before.distance_traveled < HARDLY_DRIVEN_M)
    return before.run + is_new


def lap(change: LapChange, completed_laps: int, current_time: int, before: "Sample | None") -> int:
    """The number of the lap in progress: between the restart of the lap clock and the count it is ahead of the count.

    Where the count does not follow within :data:`~telemetry.fields.lap_changes.WAIT_MS`, the game does not count the
    lap that ended, and the number falls back.
    """
    if change is LapChange.NONE or before is None:
        is_ahead = before is not None and before.lap == completed_laps + 2 and current_time < WAIT_MS
        return completed_laps + 2 if is_ahead else completed_laps + 1
    if change is LapChange.STOPPED:
        return before.lap
    return completed_laps + 2 if change is LapChange.CLOCK else completed_laps + 1


def lap_time(change: LapChange, now: Snapshot, before: "Sample | None") -> int:
    """Milliseconds since the lap began: the lap clock, carried on by the physics steps between two drawn frames."""
    current_time = now.current_time
    if before is None:
        return current_time
    if change is LapChange.STOPPED:
        return before.lap_time
    if change is LapChange.COUNT and before.lap != now.completed_laps + 1:
        return 0
    if change is not LapChange.NONE and change is not LapChange.COUNT:
        return current_time
    steps = now.packet_id - before.packet_id
    carried_on = before.lap_time + steps * STEP_MS
    behind = before.current_time - before.lap_time
    if behind > WAIT_MS or -behind > WAIT_MS:  # counted, and the lap clock has not restarted yet, or never will
        return carried_on if steps else before.lap_time + current_time - before.current_time
    if carried_on - current_time > WAIT_MS or carried_on <= current_time:
        return current_time
    if current_time == before.current_time and now.graphics_packet_id != before.graphics_packet_id:
        return current_time  # the clock stands: after the finish of an A-to-B drive
    return carried_on


def line_position(change: LapChange, now: Snapshot, before: "Sample | None") -> float | None:
    """``normalized_position`` of the timing line, where the lap clock restarted last; None before the first line."""
    if before is None:
        return None
    known = before.line_position
    if not change.is_at_line:
        is_elsewhere = change is LapChange.START and _TRACK(now) != _TRACK(before)
        return None if is_elsewhere else known
    position, length_m = now.normalized_position, now.track_spline_length
    if not (0 <= now.current_time <= MAX_LEARNT_MS and 0.0 < position < 1.0 and length_m > 0.0):
        return known
    learnt = (position - now.speed_kmh / 3.6 * now.current_time / 1e3 / length_m) % 1.0
    if not math.isfinite(learnt):
        return known
    if known is not None and abs((learnt - known + 0.5) % 1.0 - 0.5) * length_m < SAME_LINE_M:
        return known
    return learnt


_TRACK: Final = Snapshot.getter("track", "track_configuration")


def lap_distance(
    change: LapChange, now: Snapshot, line_position: float | None, before: "Sample | None"
) -> float | None:
    """Metres along the lap since its line; negative in front of the line, on the grid or in the pits.

    The line is taken to be at the beginning of the spline until it was seen. None where the game does not say how long
    the lap is, and where the track has no line for the AI: its position is then 0 for ever.
    """
    length_m, position = now.track_spline_length, now.normalized_position
    if not length_m > 0.0 or (position == 0.0 and (before is None or before.normalized_position == 0.0)):
        return None
    fraction = (position - (line_position or 0.0)) % 1.0
    if before is None or change is LapChange.START or change is LapChange.MOVED or before.status == REPLAY:
        fraction -= _is_in_front_of_line(now, fraction)
    elif change.is_at_line or change is LapChange.COUNT:
        fraction -= fraction > 0.5
    elif now.status != REPLAY and before.lap_distance is not None:
        fraction = _carry_on(before.lap_distance / length_m, fraction)
    return fraction * length_m


def _carry_on(fraction_before: float, fraction: float) -> float:
    """The fraction of the lap without a jump of a whole lap, where the car crosses the line within the same lap."""
    turns = fraction_before - fraction
    if turns < -0.5 and fraction > 0.5:
        return fraction - 1.0
    if turns > 0.5 and fraction < MAX_OVERSHOOT:
        return fraction + 1.0
    return fraction


def _is_in_front_of_line(now: Snapshot, fraction: float) -> bool:
    """Whether a car that was just put somewhere stands in front of the line, rather than most of a lap behind it."""
    is_on_grid = now.completed_laps == 0 and now.distance_traveled < 0.5 * now.track_spline_length
    return fraction > 0.5 and bool(is_on_grid or now.is_in_pit or now.is_in_pit_lane)


def lap_valid(_before: "Sample | None") -> bool | None:
    """None: a verdict on the whole lap is known when it has ended, which :mod:`telemetry.laps.assign` waits for."""
    return None


LAP_CHANGE: Final = Intermediate(name="lap_change", inputs=("now", "before"), scalar=find_lap_change)

RUN: Final = Metric(
    name="run",
    value_type=int,
    unit="count",
    meaning="1-based count of starts, restarts and sessions; with lap it names a lap",
    inputs=(LAP_CHANGE, "before"),
    scalar=run,
)

LAP: Final = Metric(
    name="lap",
    value_type=int,
    unit="count",
    meaning="number of the lap in progress; it changes at the line, before completed_laps does",
    inputs=(LAP_CHANGE, "completed_laps", "current_time", "before"),
    scalar=lap,
)

LAP_TIME: Final = Metric(
    name="lap_time",
    value_type=int,
    unit="ms",
    meaning="time since this lap's line, to the physics step; current_time changes with each drawn frame",
    inputs=(LAP_CHANGE, "now", "before"),
    scalar=lap_time,
)

LAP_VALID: Final = Metric(
    name="lap_valid",
    value_type=bool | None,
    unit="",
    meaning="the verdict on the whole lap, as laps gives it; null in live data, where the lap has not ended",
    inputs=("before",),
    scalar=lap_valid,
)

LINE_POSITION: Final = Metric(
    name="line_position",
    value_type=float | None,
    unit="0..1",
    meaning="normalized_position of the timing line, learnt where the lap clock restarted; null before the first line",
    valid_range=(0.0, 1.0),
    inputs=(LAP_CHANGE, "now", "before"),
    scalar=line_position,
)

LAP_DISTANCE: Final = Metric(
    name="lap_distance",
    value_type=float | None,
    unit="m",
    meaning="distance since the line (until one was seen, since the spline's beginning), < 0 in front of it",
    inputs=(LAP_CHANGE, "now", LINE_POSITION, "before"),
    scalar=lap_distance,
)
