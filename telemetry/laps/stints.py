"""The one rule for where a stint begins: where the car leaves the pits after a stop, and not after a drive-through.

A stop is that the car stands in its own pit box, or that it gets other tyres, which a sparse recording may show without
the standing. A drive-through penalty, and a lap through an empty pit lane, are none.
"""

from typing import NamedTuple

from telemetry.fields.derived import Sample
from telemetry.fields.lap_changes import STANDING_KMH, is_in_pits
from telemetry.fields.metrics.tyres import tyre_floor
from telemetry.fields.tyre_changes import are_tyres_changed, is_other_compound


class StintState(NamedTuple):
    """What is remembered of the stints between two samples."""

    number: int = 1
    """1-based number of the stint among the samples."""
    has_stopped: bool = False
    """Whether the car has stopped in the pits, and has not left them since."""


def begin_stints(first: Sample) -> StintState:
    """The state at the first sample."""
    return StintState(has_stopped=_is_standing_in_box(first))


def follow_stints(state: StintState, before: Sample, now: Sample) -> StintState:
    """The state after one more sample, to which the car was driven."""
    has_stopped = state.has_stopped or _is_standing_in_box(now) or _has_other_tyres(before, now)
    if is_in_pits(now):
        return state if has_stopped == state.has_stopped else StintState(state.number, has_stopped)
    return StintState(state.number + 1) if has_stopped else state


def restart_stints(state: StintState, now: Sample, *, is_same_start: bool) -> StintState:
    """The state after one more sample, in which the game put the car somewhere else."""
    return StintState(state.number if is_same_start else state.number + 1, _is_standing_in_box(now))


def _is_standing_in_box(now: Sample) -> bool:
    return bool(now.is_in_pit) and now.speed_kmh < STANDING_KMH


def _has_other_tyres(before: Sample, now: Sample) -> bool:
    """Whether other tyres were fitted."""
    if now.tyre_compound != before.tyre_compound:
        return is_other_compound(now, before)
    if now.tyre_wear == before.tyre_wear or now.packet_id < before.packet_id:
        return False
    return are_tyres_changed(now, before, tyre_floor(now.tyre_compound))
