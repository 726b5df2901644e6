"""What two neighbouring samples say about a line: pure functions of the pair.

The game reports a line in two ways: the lap clock falls, and the lap count rises. The two can be frames apart in either
order. :func:`classify` says which of them lies between two samples.
"""

import math
from enum import Enum, auto
from typing import Final, NamedTuple

from telemetry.base.units import STEP_MS
from telemetry.fields.derived import Sample
from telemetry.fields.lap_changes import TIME_STOPPED_STATUSES, is_lap_clock_reset, is_lap_count_reset
from telemetry.laps.model import LapEnd

GAP_S: Final = 15.0
"""Game time without a sample after which a part of the lap counts as not seen: slower than any useful sampling."""

MAX_SPEED_MS: Final = 150.0
"""m/s that no car exceeds; together with :data:`POSITION_TOLERANCE_M` it distinguishes driving from a teleport."""

POSITION_TOLERANCE_M: Final = 100.0
"""How far the position may be off in addition: the pages are not written at the same moment."""

NOMINAL_LENGTH_M: Final = 5000.0
"""Length of a lap where the game does not give one."""

MAX_INTERVAL_S: Final = 1e6
"""Time between two samples from which on it is taken for garbage."""

CLOCK_LAG_MS: Final = 5000
"""How far the lap clock must fall behind the physics between two samples to have restarted unseen in between."""

DISTANCE_TOLERANCE_M: Final = 1.0
"""How far the distance since load may fall by rounding; a restart sets it to 0."""


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


def classify(pair: SamplePair) -> Signal:
    """Which sign of a line lies between the samples."""
    if pair.counted == 0:
        return Signal.CLOCK if is_lap_clock_reset(pair.now, pair.before) else Signal.NONE
    if pair.counted > 1:
        return Signal.SEVERAL
    return Signal.BOTH if has_clock_restarted(pair.before, pair.now) else Signal.COUNT


def is_without_driving(now: Sample) -> bool:
    """Whether a sample says nothing about laps: of a pause, a replay, or a game that is starting or has ended.

    A recording without a status has more than zeros.
    """
    if now.status in TIME_STOPPED_STATUSES or now.completed_laps < 0:
        return True
    return now.status == 0 and not (now.current_time or now.completed_laps or now.distance_traveled)


def find_discontinuity(before: Sample, now: Sample) -> LapEnd | None:
    """What other than a line ended the lap between the samples; None where nothing did."""
    if (
        now.session != before.session
        or _has_changed(before.car_model, now.car_model)
        or _has_changed(before.track, now.track)
        or _has_changed(before.track_configuration, now.track_configuration)
    ):
        return "session"
    if is_lap_count_reset(now, before) or now.distance_traveled < before.distance_traveled - DISTANCE_TOLERANCE_M:
        return "restart"
    if now.completed_laps != before.completed_laps:
        return None
    into_box = bool(now.is_in_pit) and not (before.is_in_pit or before.is_in_pit_lane)
    if is_lap_clock_reset(now, before):
        if into_box:
            return "pits"
        return None if _is_near_line(before, now) else "pits" if is_in_pits(now) else "restart"
    return "pits" if into_box and abs(_progress_m(before, now)) > _max_distance_m(before, now) else None


def _has_changed(before: str, now: str) -> bool:
    """Whether a name changed; an empty one does not count, because the static page may be read before it is filled."""
    return now != before and bool(now) and bool(before)


def _is_near_line(before: Sample, now: Sample) -> bool:
    """Whether the car can have crossed the line by driving; the position may wrap a frame before or after the clock."""
    if math.isnan(now.normalized_position) or math.isnan(before.normalized_position):
        return True  # the recording has no positions; the lap count will tell
    max_distance_m = _max_distance_m(before, now)
    to_line_m = min(now.normalized_position, 1.0 - now.normalized_position) * _lap_length_m(now)
    return to_line_m <= max_distance_m and -POSITION_TOLERANCE_M < _progress_m(before, now) <= max_distance_m


def _progress_m(before: Sample, now: Sample) -> float:
    """Metres along the lap from one sample to the next, the shorter way round."""
    return ((now.normalized_position - before.normalized_position + 0.5) % 1.0 - 0.5) * _lap_length_m(now)


def _lap_length_m(now: Sample) -> float:
    return now.track_spline_length if now.track_spline_length > 0.0 else NOMINAL_LENGTH_M


def _max_distance_m(before: Sample, now: Sample) -> float:
    """Metres that a car can have driven between the samples."""
    return MAX_SPEED_MS * (elapsed_game_ms(before, now) / 1e3) + POSITION_TOLERANCE_M


def has_clock_restarted(before: Sample, now: Sample) -> bool:
    """Whether the lap clock restarted between the samples of a counted lap, whether it was seen to fall or not."""
    advanced_ms = now.current_time - before.current_time
    return advanced_ms < 0 or now.current_time <= 0 or elapsed_game_ms(before, now) - advanced_ms > CLOCK_LAG_MS


def elapsed_game_ms(before: Sample, now: Sample) -> int:
    """Milliseconds of game time between the samples: by the physics, or by the computer's clock without any step."""
    steps = now.packet_id - before.packet_id
    if steps > 0:
        return steps * STEP_MS
    elapsed_s = now.elapsed - before.elapsed
    return int(elapsed_s * 1e3) if 0.0 < elapsed_s < MAX_INTERVAL_S else 0


def advanced_game_s(before: Sample, now: Sample) -> float:
    """Seconds by which the game's own clocks advanced between the samples; 0 where the game stood still."""
    steps = max(now.packet_id - before.packet_id, 0)
    return max(steps * STEP_MS, now.current_time - before.current_time) / 1e3


def measure_lap_ms(before: Sample, now: Sample) -> int:
    """The time of the lap that ended between the samples, in ms, measured from lap clock and physics."""
    if now.current_time > before.current_time and not has_clock_restarted(before, now):
        return now.current_time  # counted before its clock restarted
    elapsed_ms = elapsed_game_ms(before, now)
    return max(before.current_time + elapsed_ms - now.current_time, 0) if elapsed_ms else before.current_time


def is_in_pits(now: Sample) -> bool:
    """Whether the car is in the pit lane or in its box."""
    return bool(now.is_in_pit_lane or now.is_in_pit)


def is_lap_invalidated(before: Sample | None, now: Sample) -> bool:
    """Whether the lap was found invalid here. Between clock and count the verdict is still about the lap before."""
    return not now.is_lap_valid and (
        before is None or before.is_lap_valid or now.completed_laps != before.completed_laps
    )
