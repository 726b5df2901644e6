"""Whether the lap still counts."""

from typing import TYPE_CHECKING, Final

from telemetry.fields.lap_changes import TIME_STOPPED_STATUSES, is_lap_start, is_session_start
from telemetry.fields.metrics.metric import Metric
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.thresholds import DEFAULTS, Thresholds

if TYPE_CHECKING:
    from telemetry.fields.derived import Sample


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
