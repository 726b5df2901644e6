"""Whether the lap still counts, by the rule of tyres out."""

from typing import TYPE_CHECKING, Final

from telemetry.fields.lap_changes import LapChange
from telemetry.fields.metrics.lap_progress import LAP, LAP_CHANGE
from telemetry.fields.metrics.metric import Metric
from telemetry.fields.thresholds import DEFAULTS, Thresholds

if TYPE_CHECKING:
    from telemetry.fields.derived import Sample


def is_lap_valid(
    change: LapChange, lap: int, tyres_out: int, before: "Sample | None", thresholds: Thresholds = DEFAULTS
) -> bool:
    """False from the moment too many tyres are out until a new lap, a new session or a restart.

    At the line the verdict is about the lap that ends until the game counts it. While the game shows a replay or is
    paused the lap stands still, and so does the verdict. The verdict uses only the samples it is given: at a few
    samples per second a short cut can fall between two of them.
    """
    on_track = tyres_out < thresholds.tyres_out
    if before is None:
        return on_track
    if change is LapChange.NONE:
        return on_track and (before.is_lap_valid or lap < before.lap)  # the game did not count the lap before
    if change is LapChange.STOPPED:
        return before.is_lap_valid
    return on_track and (before.is_lap_valid or change not in _SAME_VERDICT)


_SAME_VERDICT: Final = (LapChange.CLOCK, LapChange.LATE_CLOCK)
"""After these the verdict so far is still in force: on the lap that is not counted yet, or on the one that began."""

IS_LAP_VALID: Final = Metric(
    name="is_lap_valid",
    value_type=bool,
    unit="",
    meaning="false from the moment 3 or more tyres are out until the lap, session or run ends",
    inputs=(LAP_CHANGE, LAP, "number_of_tyres_out", "before", "thresholds"),
    scalar=is_lap_valid,
)
