"""The one rule for "did a lap end between these two samples", for counters, rewards, validity, distances and laps.

The game reports its timing line by the lap clock, which restarts, and by the lap count, which rises up to some frames
later. Where the line lies on the spline is nowhere on the pages, and it need not be at position 0. What distinguishes a
line from a restart and from a jump into the pits is therefore that the car was *driven*: its movement is continuous.

Complete laps with their times come from :mod:`telemetry.laps`, which waits for the official time. Code that only counts
laps, or has to know at once, asks here.
"""

import math
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from telemetry.base.units import STEP_MS
from telemetry.fields.snapshot import Snapshot

if TYPE_CHECKING:
    from telemetry.fields.derived import Sample

REPLAY: Final = 1
"""Value of ``status`` in a replay, whose pages show the laps of an earlier drive."""

TIME_STOPPED_STATUSES: Final = (REPLAY, 3)
"""Values of ``status`` in which game time stands still: replay and pause."""

MAX_MISSED_LAPS: Final = 100
"""Largest increase of the lap count between two samples; more means another session."""

WAIT_MS: Final = 1000
"""Lap time in which the count follows the clock, if the game counts the lap at all."""

MAX_SPEED_MS: Final = 150.0
"""m/s that no car exceeds; with :data:`TOLERANCE_M` it distinguishes driving from being moved by the game."""

TOLERANCE_M: Final = 20.0
"""Metres by which the position in the world may be off in addition."""

SPLINE_TOLERANCE: Final = 0.02
"""Fraction of the lap by which the position on the spline may be off in addition, but not above
:data:`MAX_SPLINE_TOLERANCE_M`: the nearest point of the spline jumps where the track doubles back, or in the pits."""

MAX_SPLINE_TOLERANCE_M: Final = 50.0

NOMINAL_LENGTH_M: Final = 5000.0
"""Length of a lap where the game does not give one."""

MAX_INTERVAL_S: Final = 1e6
"""Time between two samples from which on it is taken for garbage."""

MAX_FRAME_MS: Final = 5000
"""Longest time for which a drawn frame is believed to have stood."""

DISTANCE_TOLERANCE_M: Final = 1.0
"""How far the distance since load may fall by rounding; a restart sets it to 0."""

CLOCK_LAG_MS: Final = 5000
"""How far the lap clock must fall behind the physics between two samples to have restarted unseen in between."""

STANDING_KMH: Final = 3.6
"""Speed below which a car counts as standing."""

STANDING_M: Final = 0.2
"""Metres between two samples that a standing car can have moved."""

MAX_START_MS2: Final = 15.0
"""m/s² with which no car moves off."""

MAX_BRAKING_MS2: Final = 40.0
"""m/s² with which no car brakes into its box."""


class LapChange(Enum):
    """What lies between two samples that matters to laps."""

    NONE = auto()
    """The lap goes on."""
    STOPPED = auto()
    """Game time stands still; the pages of a replay show another drive."""
    START = auto()
    """A restart, or another session, car or track."""
    MOVED = auto()
    """The game put the car into its pit box, or restarted the clock of a standing car: the lap begins again."""
    CLOCK = auto()
    """The lap clock restarted at a line; the count is to follow."""
    COUNT = auto()
    """The lap count rose. The clock restarted shortly before, or is to follow."""
    LATE_CLOCK = auto()
    """The lap clock restarted shortly after the count rose."""
    BOTH = auto()
    """The lap clock restarted and the lap count rose."""

    @property
    def is_at_line(self) -> bool:
        """Whether the lap clock restarted at the line between the samples."""
        return self in _AT_LINE


_AT_LINE: Final = (LapChange.CLOCK, LapChange.BOTH, LapChange.LATE_CLOCK)


def find_lap_change(now: Snapshot, before: "Sample | None") -> LapChange:
    """What lies between two samples that matters to laps; START before the first one."""
    if before is None:
        return LapChange.START
    status, packet_id, completed_laps, current_time, distance, in_pit = _COMPARED(now)
    status_before, packet_before, completed_before, time_before, distance_before, in_pit_before = _COMPARED(before)
    if packet_id < packet_before or (_NAMES(now) != _NAMES(before) and is_other_session(now, before)):
        return LapChange.START
    if status in TIME_STOPPED_STATUSES:
        return LapChange.STOPPED
    if status_before == REPLAY:
        return _find_change_after_replay(now, before)
    if distance < distance_before - DISTANCE_TOLERANCE_M:
        return LapChange.START
    if completed_laps != completed_before:
        return _find_counted_change(now, before)
    if current_time < time_before:
        return _find_clock_change(now, before)
    if in_pit and not in_pit_before and is_put_into_box(now, before):
        return LapChange.MOVED
    return LapChange.NONE


_COMPARED: Final = Snapshot.getter(
    "status", "packet_id", "completed_laps", "current_time", "distance_traveled", "is_in_pit"
)
_NAMES: Final = Snapshot.getter("session", "car_model", "track", "track_configuration")


def _find_counted_change(now: Snapshot, before: "Sample") -> LapChange:
    """What a change of the lap count means."""
    if is_lap_count_reset(now, before):
        return LapChange.START
    if before.lap == now.completed_laps + 1:  # the clock restarted before the count rose
        return LapChange.COUNT
    return LapChange.BOTH if has_clock_restarted(now, before) else LapChange.COUNT


def _find_clock_change(now: Snapshot, before: "Sample") -> LapChange:
    """What a lap clock that fell means, where the count stayed."""
    if jump := find_clock_jump(now, before):
        return jump
    if before.lap_time < min(WAIT_MS, before.current_time - WAIT_MS // 2):
        return LapChange.LATE_CLOCK
    return LapChange.MOVED if _is_standing(now, before) else LapChange.CLOCK


def find_clock_jump(now: Snapshot, before: "Sample") -> LapChange | None:
    """What restarted the lap clock other than a line: MOVED into the pits, or START; None where the car was driven."""
    if now.is_in_pit and not is_in_pits(before):
        return LapChange.MOVED
    if now.packet_id < before.packet_id:
        return LapChange.START
    return None if is_driven(now, before, frame_age_ms(before)) else _find_new_start(now)


def _find_new_start(now: Snapshot) -> LapChange:
    """Where the game put a car whose lap begins again."""
    return LapChange.MOVED if is_in_pits(now) else LapChange.START


def _find_change_after_replay(now: Snapshot, before: "Sample") -> LapChange:
    """What lies between the last live sample and the first one after a replay: of the former only the lap is known."""
    if not 0 <= now.completed_laps + 2 - before.lap <= MAX_MISSED_LAPS:
        return LapChange.START
    if now.completed_laps + 1 > before.lap:
        return LapChange.BOTH
    if now.current_time < before.lap_time - WAIT_MS // 2:
        return _find_new_start(now)
    return LapChange.NONE


def laps_completed(now: Snapshot, before: Snapshot) -> int:
    """How many laps the game counted since the sample before, also where there were several.

    0 across a restart or another session, and for samples of a pause or a replay.
    """
    counted = now.completed_laps - before.completed_laps
    if counted == 0 or is_lap_count_reset(now, before) or now.session != before.session:
        return 0
    return 0 if now.status in TIME_STOPPED_STATUSES or before.status in TIME_STOPPED_STATUSES else counted


def is_lap_count_reset(now: Snapshot, before: Snapshot) -> bool:
    """Whether the lap count fell, or rose by more than can be driven: a restart or another session."""
    return not 0 <= now.completed_laps - before.completed_laps <= MAX_MISSED_LAPS


def is_lap_clock_reset(now: Snapshot, before: Snapshot) -> bool:
    """Whether the lap clock fell: at the line, at a restart, or in the pits."""
    return now.current_time < before.current_time


def is_distance_reset(now: Snapshot, before: Snapshot) -> bool:
    """Whether the distance since load fell: a restart."""
    return now.distance_traveled < before.distance_traveled - DISTANCE_TOLERANCE_M


def is_in_pits(now: Snapshot) -> bool:
    """Whether the car is in the pit lane or in its box."""
    return bool(now.is_in_pit_lane or now.is_in_pit)


def has_clock_restarted(now: Snapshot, before: Snapshot) -> bool:
    """Whether the lap clock restarted between the samples of a counted lap, whether it was seen to fall or not."""
    advanced_ms = now.current_time - before.current_time
    return advanced_ms < 0 or now.current_time <= 0 or elapsed_game_ms(now, before) - advanced_ms > CLOCK_LAG_MS


def is_count_or_clock_changed(now: Snapshot, before: Snapshot) -> bool:
    """Whether the lap count changed or the lap clock fell, for whatever reason."""
    return now.completed_laps != before.completed_laps or is_lap_clock_reset(now, before)


_SESSION: Final = Snapshot.getter("session", "track", "car_model")


def is_session_start(now: Snapshot, before: Snapshot) -> bool:
    """Whether the session was started again, or another one was started, since the snapshot before."""
    return now.packet_id < before.packet_id or _SESSION(now) != _SESSION(before)


def is_other_session(now: Snapshot, before: Snapshot) -> bool:
    """Whether session, car, track or layout changed.

    An empty name does not count, because the static page may be read before it is filled.
    """
    return (
        now.session != before.session
        or _has_changed(now.car_model, before.car_model)
        or _has_changed(now.track, before.track)
        or _has_changed(now.track_configuration, before.track_configuration)
    )


def _has_changed(name: str, name_before: str) -> bool:
    return name != name_before and bool(name) and bool(name_before)


# Whether the car was driven


def is_driven(now: Snapshot, before: Snapshot, frame_ms: int = 0) -> bool:
    """Whether the car can have been driven from one sample to the next, rather than moved by the game.

    ``frame_ms`` is the age of the drawn frame that the sample before shows: positions are compared over the time since
    then. What a recording does not hold (NaN, or 0 in both) says nothing.
    """
    seconds = (elapsed_game_ms(now, before) + frame_ms) / 1e3
    driven_m = MAX_SPEED_MS * seconds
    if now.distance_traveled - before.distance_traveled > driven_m + TOLERANCE_M:
        return False  # the game adds up jumps, too
    here, there = _WORLD_POSITION(now), _WORLD_POSITION(before)
    if any(here) and any(there) and math.dist(here, there) > driven_m + TOLERANCE_M:
        return False
    length_m = lap_length_m(now)
    tolerance_m = spline_tolerance_m(length_m)
    progress_m = progress(now, before) * length_m
    return not (progress_m < -tolerance_m or progress_m > driven_m + tolerance_m)


def is_put_into_box(now: Snapshot, before: "Sample") -> bool:
    """Whether the game put the car into its pit box: it was not in the pit lane before, and cannot have got there."""
    if not now.is_in_pit or is_in_pits(before):
        return False
    braked_ms = MAX_BRAKING_MS2 * elapsed_game_ms(now, before) / 1e3
    has_stopped_at_once = before.speed_kmh / 3.6 > braked_ms and now.speed_kmh < STANDING_KMH
    return has_stopped_at_once or not is_driven(now, before, frame_age_ms(before))


def frame_age_ms(sample: "Sample") -> int:
    """How long ago the frame was drawn that a sample shows: by how much its lap time has outrun the drawn lap clock."""
    age_ms = sample.lap_time - sample.current_time
    return age_ms if 0 < age_ms < MAX_FRAME_MS else 0


_WORLD_POSITION: Final = Snapshot.getter("world_position_x", "world_position_y", "world_position_z")


def _is_standing(now: Snapshot, before: Snapshot) -> bool:
    """Whether the car stood when its clock restarted: on the grid, at the start of a race. Since then it may move."""
    seconds = now.current_time / 1e3
    max_m = STANDING_M + MAX_START_MS2 / 2.0 * seconds**2
    return (
        before.speed_kmh < STANDING_KMH
        and now.speed_kmh < STANDING_KMH + MAX_START_MS2 * seconds * 3.6
        and now.distance_traveled - before.distance_traveled < max_m
        and abs(progress(now, before)) * lap_length_m(now) < max_m
    )


def progress(now: Snapshot, before: Snapshot) -> float:
    """Fraction of the lap from one sample to the next along the spline, the shorter way round: -0.5 .. 0.5."""
    return (now.normalized_position - before.normalized_position + 0.5) % 1.0 - 0.5


def lap_length_m(now: Snapshot) -> float:
    """The length of a lap; a nominal one where the game gives none."""
    return now.track_spline_length if now.track_spline_length > 0.0 else NOMINAL_LENGTH_M


def spline_tolerance_m(length_m: float) -> float:
    """Metres by which the position on the spline of a lap of this length may be off."""
    return min(SPLINE_TOLERANCE * length_m, MAX_SPLINE_TOLERANCE_M)


def elapsed_game_ms(now: Snapshot, before: Snapshot) -> int:
    """Milliseconds of game time between the samples: by the physics, or by the computer's clock without any step."""
    steps = now.packet_id - before.packet_id
    if steps > 0:
        return steps * STEP_MS
    elapsed_s = now.elapsed - before.elapsed
    return int(elapsed_s * 1e3) if 0.0 < elapsed_s < MAX_INTERVAL_S else 0
