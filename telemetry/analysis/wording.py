"""The difference between two laps in a corner, in the words that a driver uses."""

from typing import Final

from telemetry.analysis.corner_measures import CornerMeasure

MIN_BRAKING_M: Final = 2.0
MIN_SPEED_KMH: Final = 1.0
MIN_THROTTLE_S: Final = 0.1
MIN_OFFSET_M: Final = 0.5
MIN_BRAKE: Final = 0.1
"""The smallest differences that are told."""


def describe_difference(lap: CornerMeasure, reference: CornerMeasure) -> list[str]:
    """What the lap did otherwise than the reference, like ``brakes 9 m earlier``, in the order of a corner."""
    found = [
        _braking(lap, reference),
        _peak_brake(lap, reference),
        _speed(lap.entry_kmh, reference.entry_kmh, "at the entry"),
        _gear(lap, reference),
        _speed(lap.apex_kmh, reference.apex_kmh, "at the apex"),
        _offset(lap),
        _throttle(lap, reference),
        _speed(lap.exit_kmh, reference.exit_kmh, "at the exit"),
    ]
    return [text for text in found if text]


def _braking(lap: CornerMeasure, reference: CornerMeasure) -> str:
    if lap.braking_m is None or reference.braking_m is None:
        if lap.braking_m is not None and reference.gear is not None:
            return "brakes where the reference does not"
        if reference.braking_m is not None and lap.gear is not None:
            return "does not brake where the reference does"
        return ""
    earlier_m = lap.braking_m - reference.braking_m
    if abs(earlier_m) < MIN_BRAKING_M:
        return ""
    return f"brakes {abs(earlier_m):.0f} m {'earlier' if earlier_m > 0.0 else 'later'}"


def _peak_brake(lap: CornerMeasure, reference: CornerMeasure) -> str:
    if lap.peak_brake is None or reference.peak_brake is None:
        return ""
    harder = lap.peak_brake - reference.peak_brake
    if abs(harder) < MIN_BRAKE:
        return ""
    return f"{'more' if harder > 0.0 else 'less'} brake ({lap.peak_brake:.0%} against {reference.peak_brake:.0%})"


def _speed(ours: float | None, theirs: float | None, place: str) -> str:
    if ours is None or theirs is None or abs(ours - theirs) < MIN_SPEED_KMH:
        return ""
    return f"{abs(ours - theirs):.0f} km/h {'faster' if ours > theirs else 'slower'} {place}"


def _gear(lap: CornerMeasure, reference: CornerMeasure) -> str:
    gears = (lap.gear, reference.gear)
    if None in gears or gears[0] == gears[1] or min(gear or 0 for gear in gears) < 2:
        return ""  # neutral is shown during a shift
    return f"in {_ordinal(gears[0])} gear instead of {_ordinal(gears[1])}"


def _ordinal(gear: int | None) -> str:
    """A gear by the game's number, 2 for the first one."""
    number = (gear or 1) - 1
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number if number < 20 else 0, 'th') }"


def _offset(lap: CornerMeasure) -> str:
    if lap.offset_m is None or abs(lap.offset_m) < MIN_OFFSET_M:
        return ""
    return f"{abs(lap.offset_m):.1f} m further {'left' if lap.offset_m > 0.0 else 'right'} at the apex"


def _throttle(lap: CornerMeasure, reference: CornerMeasure) -> str:
    if lap.throttle_s is None or reference.throttle_s is None:
        return ""
    later_s = lap.throttle_s - reference.throttle_s
    if abs(later_s) < MIN_THROTTLE_S:
        return ""
    return f"half throttle {abs(later_s):.1f} s {'later' if later_s > 0.0 else 'earlier'}"
