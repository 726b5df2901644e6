"""Which lap a sample belongs to, how long that lap has lasted, and how far the car is from its line."""

import math
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from telemetry.base.units import STEP_MS
from telemetry.fields.lap_changes import REPLAY, WAIT_MS, LapChange, find_lap_change, is_in_pits
from telemetry.fields.metrics.metric import Intermediate, Metric
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.thresholds import DEFAULTS, Thresholds

if TYPE_CHECKING:
    from telemetry.fields.blocks import Array
    from telemetry.fields.columns import DerivedBlock
    from telemetry.fields.derived import Sample
    from telemetry.fields.metrics.lap_progress_columns import LapProgressColumns

HARDLY_DRIVEN_M: Final = 100.0
"""Distance since load up to which a restart is still the same start: count, clock and session jump frames apart."""

MAX_LEARNT_MS: Final = 2000
"""Lap time up to which the place of the line is told from speed and time since the line."""

SAME_LINE_M: Final = 25.0
"""Distance from the known place of the line within which another crossing does not move it."""

MAX_OVERSHOOT: Final = 0.1
"""Fraction of the lap by which ``lap_distance`` goes on behind the line while the game begins no new lap."""


LapProgress = tuple[int, int, int, bool, float | None, float | None]
"""Run, lap, lap time in ms, whether the lap counts so far, place of the line 0..1, and distance in m since the line."""


def follow_lap(now: Snapshot, before: "Sample | None", thresholds: Thresholds = DEFAULTS) -> LapProgress:
    """What is known of the lap at this sample; calculated in one go, because nearly every sample carries on a lap."""
    on_track = now.number_of_tyres_out < thresholds.tyres_out
    change = find_lap_change(now, before)
    if before is None or change is not LapChange.NONE:
        line = find_line_position(change, now, before)
        return (
            count_runs(change, before),
            count_lap(change, now, before),
            restart_lap_time(change, now, before),
            judge_lap(change, before, on_track=on_track),
            line,
            restart_lap_distance(change, now, line, before),
        )
    lap, lap_before, line = now.completed_laps + 1, before.lap, before.line_position
    if lap_before > lap and now.current_time < WAIT_MS:
        lap = lap_before  # the clock has restarted, and the count is to follow
    return (
        before.run,
        lap,
        carry_on_lap_time(now, before),
        # The game did not count a lap whose number falls back; another one has begun.
        on_track and (before.is_lap_valid or lap < lap_before),
        line,
        carry_on_lap_distance(now, line, before),
    )


def count_runs(change: LapChange, before: "Sample | None") -> int:
    """1-based count of starts, restarts and sessions among the samples."""
    if before is None:
        return 1
    is_new = change is LapChange.START and not (before.lap == 1 and before.distance_traveled < HARDLY_DRIVEN_M)
    return before.run + is_new


def count_lap(change: LapChange, now: Snapshot, before: "Sample | None") -> int:
    """The number of the lap in progress: between the restart of the lap clock and the count it is ahead of the count.

    Where the count does not follow within :data:`~telemetry.fields.lap_changes.WAIT_MS`, the game does not count the
    lap that ended, and the number falls back.
    """
    if change is LapChange.STOPPED and before is not None:
        return before.lap
    return now.completed_laps + 2 if change is LapChange.CLOCK else now.completed_laps + 1


def judge_lap(change: LapChange, before: "Sample | None", *, on_track: bool) -> bool:
    """False from the moment too many tyres are out until a new lap, a new session or a restart.

    At the line the verdict is about the lap that ends until the game counts it. While the game shows a replay or is
    paused the lap stands still, and so does the verdict. Behind a line that the game turns out not to count the verdict
    begins afresh, without the second in between, which :mod:`telemetry.laps` remembers. The verdict uses only the
    samples it is given: at a few samples per second a short cut can fall between two of them.
    """
    if before is None:
        return on_track
    if change is LapChange.STOPPED:
        return before.is_lap_valid
    return on_track and (before.is_lap_valid or change not in _SAME_VERDICT)


_SAME_VERDICT: Final = (LapChange.CLOCK, LapChange.LATE_CLOCK)
"""After these the verdict so far is still in force: on the lap that is not counted yet, or on the one that began."""


def restart_lap_time(change: LapChange, now: Snapshot, before: "Sample | None") -> int:
    """Milliseconds since the lap began, where something lies between the samples that matters to laps."""
    if before is None:
        return now.current_time
    if change is LapChange.STOPPED:
        return before.lap_time
    if change is not LapChange.COUNT:
        return now.current_time
    is_clock_running = before.lap != now.completed_laps + 1
    return 0 if is_clock_running else carry_on_lap_time(now, before)


def carry_on_lap_time(now: Snapshot, before: "Sample") -> int:
    """Milliseconds since the lap began: the lap clock, carried on by the physics steps between two drawn frames."""
    current_time, clock_before, time_before = now.current_time, before.current_time, before.lap_time
    steps = now.packet_id - before.packet_id
    time_ms = time_before + steps * STEP_MS
    if not -WAIT_MS <= clock_before - time_before <= WAIT_MS:
        if before.status == REPLAY:
            return current_time  # the clock before was that of the replay
        # Counted, and the lap clock has not restarted yet, or never will.
        return time_ms if steps else time_before + current_time - clock_before
    if not current_time < time_ms <= current_time + WAIT_MS:
        return current_time
    if current_time == clock_before and now.graphics_packet_id != before.graphics_packet_id:
        return current_time  # the clock stands: after the finish of an A-to-B drive
    return time_ms


def find_line_position(change: LapChange, now: Snapshot, before: "Sample | None") -> float | None:
    """``normalized_position`` of the timing line, where the lap clock restarted last; None before the first line."""
    if before is None:
        return None
    known = before.line_position
    if not change.is_at_line:
        is_elsewhere = change is LapChange.START and _TRACK(now) != _TRACK(before)
        return None if is_elsewhere else known
    position, length_m = now.normalized_position, now.track_spline_length
    is_shown = 0.0 <= position <= 1.0 and (position or before.normalized_position)
    if not (0 <= now.current_time <= MAX_LEARNT_MS and is_shown and length_m > 0.0):
        return known
    learnt = (position - now.speed_kmh / 3.6 * now.current_time / 1e3 / length_m) % 1.0
    if not math.isfinite(learnt):
        return known
    if known is not None and abs(math.remainder(learnt - known, 1.0)) * length_m < SAME_LINE_M:
        return known
    return learnt


_TRACK: Final = Snapshot.getter("track", "track_configuration")


def restart_lap_distance(
    change: LapChange, now: Snapshot, line_position: float | None, before: "Sample | None"
) -> float | None:
    """Metres since the line, where something lies between the samples that matters to laps."""
    if change is LapChange.STOPPED and before is not None and now.status != REPLAY:
        return carry_on_lap_distance(now, line_position, before)
    length_m, position = now.track_spline_length, now.normalized_position
    if not (0.0 < length_m < math.inf and -math.inf < position < math.inf):
        return None
    if position == 0.0 and (before is None or before.normalized_position == 0.0):
        return None
    fraction = (position - (line_position or 0.0)) % 1.0
    if change is LapChange.STOPPED:
        return fraction * length_m
    if before is None or change is LapChange.START or change is LapChange.MOVED:
        return (fraction - _is_in_front_of_line(now, fraction)) * length_m
    return (fraction - (fraction > 0.5)) * length_m


def carry_on_lap_distance(now: Snapshot, line_position: float | None, before: "Sample") -> float | None:
    """Metres along the lap since its line; negative in front of the line, on the grid or in the pits.

    The line is taken to be at the beginning of the spline until it was seen. None where the game does not say how long
    the lap is, and where the track has no line for the AI: its position is then 0 for ever.
    """
    length_m, position = now.track_spline_length, now.normalized_position
    if not (0.0 < length_m < math.inf and -math.inf < position < math.inf):
        return None
    if position == 0.0 and before.normalized_position == 0.0:
        return None
    fraction = (position - line_position) % 1.0 if line_position else position % 1.0
    distance_before = before.lap_distance
    if distance_before is None or before.status == REPLAY:
        return (fraction - _is_in_front_of_line(now, fraction)) * length_m
    return unwrap_distance(fraction, distance_before, length_m)


def unwrap_distance(fraction: float, distance_before: float, length_m: float) -> float:
    """Metres since the line, without a jump of a whole lap where the car crosses the line within the same lap."""
    turns = distance_before / length_m - fraction
    if turns < -0.5 and fraction > 0.5:
        fraction -= 1.0
    elif turns > 0.5 and fraction < MAX_OVERSHOOT:
        fraction += 1.0
    return fraction * length_m


def _is_in_front_of_line(now: Snapshot, fraction: float) -> bool:
    """Whether a car that was just put somewhere stands in front of the line, rather than most of a lap behind it."""
    is_on_grid = now.completed_laps == 0 and now.distance_traveled < 0.5 * now.track_spline_length
    return fraction > 0.5 and (is_on_grid or is_in_pits(now))


def lap_valid(_now: Snapshot) -> bool | None:
    """None: the verdict on the whole lap is known when it has ended, which :mod:`telemetry.laps.assign` waits for."""
    return None


def follow_laps(
    now: "DerivedBlock", before: "Sample | None", thresholds: Thresholds = DEFAULTS
) -> "LapProgressColumns":
    """The column form of :func:`follow_lap`."""
    from telemetry.fields.metrics.lap_progress_columns import follow_laps

    return follow_laps(now, before, thresholds)


def no_verdicts(now: "DerivedBlock") -> "Array":
    """The column form of :func:`lap_valid`, shape (n,)."""
    import numpy as np

    return np.ma.MaskedArray(np.zeros(len(now), np.bool_), mask=True)


LAP_PROGRESS: Final = Intermediate(
    name="lap_progress", inputs=("now", "before", "thresholds"), scalar=follow_lap, columns=follow_laps
)

RUN: Final = Metric(
    name="run",
    value_type=int,
    unit="count",
    meaning="1-based count of starts, restarts and sessions; with lap it names a lap",
    inputs=(LAP_PROGRESS,),
    scalar=itemgetter(0),
    columns=itemgetter(0),
    reads=("packet_id", "completed_laps"),
)

LAP: Final = Metric(
    name="lap",
    value_type=int,
    unit="count",
    meaning="number of the lap in progress; it changes at the line, before completed_laps does",
    inputs=(LAP_PROGRESS,),
    scalar=itemgetter(1),
    columns=itemgetter(1),
    reads=("completed_laps", "current_time"),
)

LAP_TIME: Final = Metric(
    name="lap_time",
    value_type=int,
    unit="ms",
    meaning="time since this lap's line, to the physics step; current_time changes with each drawn frame",
    inputs=(LAP_PROGRESS,),
    scalar=itemgetter(2),
    columns=itemgetter(2),
    reads=("completed_laps", "current_time"),
)

IS_LAP_VALID: Final = Metric(
    name="is_lap_valid",
    value_type=bool,
    unit="",
    meaning="false from the moment 3 or more tyres are out until the lap, session or run ends",
    inputs=(LAP_PROGRESS,),
    scalar=itemgetter(3),
    columns=itemgetter(3),
    reads=("number_of_tyres_out", "completed_laps", "current_time"),
)

LAP_VALID: Final = Metric(
    name="lap_valid",
    value_type=bool | None,
    unit="",
    meaning="the verdict on the whole lap, as laps gives it; null in live data, where the lap has not ended",
    inputs=("now",),
    scalar=lap_valid,
    columns=no_verdicts,
    reads=("number_of_tyres_out", "completed_laps", "current_time"),
)

LINE_POSITION: Final = Metric(
    name="line_position",
    value_type=float | None,
    unit="0..1",
    meaning="normalized_position of the timing line, learnt where the lap clock restarted; null before the first line",
    valid_range=(0.0, 1.0),
    inputs=(LAP_PROGRESS,),
    scalar=itemgetter(4),
    columns=itemgetter(4),
    reads=("completed_laps", "current_time", "normalized_position", "track_spline_length"),
)

LAP_DISTANCE: Final = Metric(
    name="lap_distance",
    value_type=float | None,
    unit="m",
    meaning="distance since the line (until one was seen, since the spline's beginning), < 0 in front of it",
    inputs=(LAP_PROGRESS,),
    scalar=itemgetter(5),
    columns=itemgetter(5),
    reads=("completed_laps", "current_time", "normalized_position", "track_spline_length"),
)
