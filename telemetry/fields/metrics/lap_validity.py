"""Whether the lap still counts, and the two questions that this takes: is it another session, is it another lap."""

from typing import TYPE_CHECKING, Final

from telemetry.fields.metrics.metric import Metric
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.thresholds import DEFAULTS, Thresholds

if TYPE_CHECKING:
    from telemetry.fields.derived import Sample

TIME_STOPPED_STATUSES: Final = (1, 3)
"""The values of ``status`` in which game time stands still: replay and pause. A replay shows the laps of its own."""

LINE_POSITION: Final = 0.9
"""``normalized_position`` from which on a lap clock that goes back means the line and not a restart."""


_SESSION: Final = Snapshot.getter("session", "track", "car_model")


def is_session_start(now: Snapshot, before: Snapshot) -> bool:
    """Whether the session was started again, or another one was started, since the snapshot before."""
    return now.packet_id < before.packet_id or _SESSION(now) != _SESSION(before)


def is_lap_start(now: Snapshot, before: Snapshot) -> bool:
    """Whether another lap of the same session has started since the snapshot before.

    At the line the clock goes back some frames before the lap is counted; until then the old lap counts. Elsewhere a
    clock that goes back is a restart.
    """
    if now.completed_laps != before.completed_laps:
        return True
    return now.current_time < before.current_time and before.normalized_position < LINE_POSITION


def is_lap_valid(now: Snapshot, before: "Sample | None", thresholds: Thresholds = DEFAULTS) -> bool:
    """False from the moment too many tyres are out until a new lap, a new session or a restart.

    While the game shows a replay or is paused the lap stands still, and so does the verdict. The verdict uses only the
    samples it is given: at a few samples per second a short cut can fall between two of them.
    """
    on_track = now.number_of_tyres_out < thresholds.tyres_out
    if before is None or is_session_start(now, before):
        return on_track
    if now.status in TIME_STOPPED_STATUSES:
        return before.is_lap_valid
    return on_track and (
        before.is_lap_valid or (before.status not in TIME_STOPPED_STATUSES and is_lap_start(now, before))
    )


IS_LAP_VALID: Final = Metric(
    name="is_lap_valid",
    value_type=bool,
    unit="",
    meaning="false from the moment 3 or more tyres are out until the lap, session or run ends",
    inputs=("now", "before", "thresholds"),
    scalar=is_lap_valid,
)
