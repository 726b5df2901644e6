"""The one rule for "did a lap end between these two samples", for counters, rewards, validity and laps.

Complete laps with their times come from :mod:`telemetry.laps`, which waits for the official time. Code that only counts
laps, or has to know at once, asks here.
"""

from typing import Final

from telemetry.fields.snapshot import Snapshot

TIME_STOPPED_STATUSES: Final = (1, 3)
"""Values of ``status`` in which game time stands still: replay and pause. A replay shows its own laps."""

LINE_POSITION: Final = 0.9
"""``normalized_position`` from which on a lap clock that falls means the line and not a restart."""

MAX_MISSED_LAPS: Final = 100
"""Largest increase of the lap count between two samples; more means another session."""


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


def is_count_or_clock_changed(now: Snapshot, before: Snapshot) -> bool:
    """Whether the lap count changed or the lap clock fell, for whatever reason."""
    return now.completed_laps != before.completed_laps or is_lap_clock_reset(now, before)


def is_lap_start(now: Snapshot, before: Snapshot) -> bool:
    """Whether another lap of the same session has started since the snapshot before.

    At the line the clock goes back some frames before the lap is counted; until then the old lap counts. Elsewhere a
    clock that goes back is a restart.
    """
    if now.completed_laps != before.completed_laps:
        return True
    # Not by `is_lap_clock_reset`: this runs once per sample.
    return now.current_time < before.current_time and before.normalized_position < LINE_POSITION


_SESSION: Final = Snapshot.getter("session", "track", "car_model")


def is_session_start(now: Snapshot, before: Snapshot) -> bool:
    """Whether the session was started again, or another one was started, since the snapshot before."""
    return now.packet_id < before.packet_id or _SESSION(now) != _SESSION(before)
