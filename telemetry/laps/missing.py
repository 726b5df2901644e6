"""What cannot be said of a lap whose samples lack fields: such a lap is not valid, and says why.

The rest of the lap detector works with what the samples hold, or with what stands in for a missing clock or count
(:mod:`telemetry.recording.stand_ins`).
"""

from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from telemetry.laps.model import JOINED_LATE, Lap

TYRES_OUT_NOT_RECORDED: Final = "tyres out not recorded"
"""Why a lap is not valid whose samples do not say whether it was cut."""

COUNT_NOT_RECORDED: Final = "lap count not recorded"
"""Why a lap is not valid of which nothing says whether the game counted it."""

SEEN_FROM_START_MS: Final = 1500
"""How much shorter than its official time what was recorded of a lap may be, if it was recorded from its start."""

_PURPOSES: Final = {
    "number_of_tyres_out": "whether a lap is valid",
    "completed_laps": "which laps the game counted",
    "current_time": "when a lap began",
    "last_time": "official times",
    "best_time": "which laps the game refused",
    "is_in_pit_lane": "whether a lap leads through the pits",
    "is_ai_controlled": "who drove",
    "car_model": "the car",
    "track": "the track",
}
"""What each of the fields is needed for that laps are told by."""


def describe_missing_lap_fields(missing: AbstractSet[str]) -> str:
    """The missing fields that matter to laps and what they would tell, as the rest of a sentence; empty for none."""
    return ", ".join(f"{name} ({purpose})" for name, purpose in _PURPOSES.items() if name in missing)


def judge_without(lap: Lap, missing: AbstractSet[str]) -> Lap:
    """The lap with what samples that lack these raw fields do not tell."""
    if not missing:
        return lap
    reasons = list(lap.invalid_because)
    start = lap.start
    if start == "joined" and "current_time" in missing and _is_seen_from_start(lap):
        start = "line"
        reasons.remove(JOINED_LATE)
    if lap.complete and "number_of_tyres_out" in missing:
        reasons.append(TYRES_OUT_NOT_RECORDED)
    if lap.complete and {"completed_laps", "last_time"} <= missing:
        reasons.append(COUNT_NOT_RECORDED)
    return replace(lap, start=start, invalid_because=tuple(reasons))


def _is_seen_from_start(lap: Lap) -> bool:
    """Whether what was recorded of a lap is as long as its official time."""
    if lap.time_ms is None or lap.measured_ms is None:
        return False
    return lap.measured_ms >= lap.time_ms - SEEN_FROM_START_MS
