"""The progress of laps over one step of many cars: what ``follow_lap`` gives for each of them.

Between two samples that matter to laps nearly all is the same, and is calculated for all cars at once. At the samples
that matter, the scalar form decides, as in :mod:`telemetry.fields.metrics.lap_progress_columns`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np

from telemetry.base.units import STEP_MS
from telemetry.fields.blocks import Array
from telemetry.fields.lap_changes import DISTANCE_TOLERANCE_M, REPLAY, TIME_STOPPED_STATUSES, WAIT_MS
from telemetry.fields.metrics.lap_progress import MAX_OVERSHOOT, follow_lap
from telemetry.fields.metrics.lap_progress_columns import LapProgressColumns
from telemetry.fields.thresholds import DEFAULTS, Thresholds

if TYPE_CHECKING:
    from telemetry.fields.derived import Sample

COMPARED: Final = (
    *("packet_id", "graphics_packet_id", "status", "session", "completed_laps", "current_time", "distance_traveled"),
    *("is_in_pit", "is_in_pit_lane", "normalized_position", "track_spline_length", "number_of_tyres_out", "elapsed"),
    *("speed_kmh", "world_position_x", "world_position_y", "world_position_z"),
    *("car_model", "track", "track_configuration"),
)
"""The raw fields that are looked at, of the samples before and after a step."""

PROGRESS: Final = LapProgressColumns._fields
"""The derived fields of the samples before that are looked at."""

Column = Callable[[str], Array]
"""The numbers of a field of all samples, (n,), NaN for None."""


def has_time_stopped(status: Array) -> Array:
    """Where game time stands still, of values of ``status``."""
    stopped: Array = np.logical_or.reduce([status == value for value in TIME_STOPPED_STATUSES])
    return stopped


def follow_lap_steps(
    before: Column, now: Column, sample_of: "Callable[[int], tuple[Sample, Sample]]", thresholds: Thresholds = DEFAULTS
) -> LapProgressColumns:
    """What is known of the laps after one step of ``n`` cars, none of which changes its session, car or track.

    ``sample_of`` gives the samples of one row after and before the step, with the fields of :data:`COMPARED`; that
    before also with those of :data:`PROGRESS`.
    """
    clock, laps, position, length_m = map(
        now, ("current_time", "completed_laps", "normalized_position", "track_spline_length")
    )
    clock_before, time_before, lap_before = map(before, ("current_time", "lap_time", "lap"))
    steps = now("packet_id") - before("packet_id")
    distance_before = before("lap_distance")
    is_event = (laps != before("completed_laps")) | (clock < clock_before) | (steps <= 0)
    is_event |= now("distance_traveled") < before("distance_traveled") - DISTANCE_TOLERANCE_M
    is_event |= (now("is_in_pit") != 0) & (before("is_in_pit") == 0)
    is_event |= has_time_stopped(now("status")) | (before("status") == REPLAY)
    is_event |= np.isnan(distance_before) | (position == 0.0)

    time = time_before + steps * STEP_MS
    has_outrun = np.abs(clock_before - time_before) > WAIT_MS
    stands = (clock == clock_before) & (now("graphics_packet_id") != before("graphics_packet_id"))
    is_carried = has_outrun | ((clock < time) & (time <= clock + WAIT_MS) & ~stands)
    lap = laps + 1
    lap = np.where((lap_before > lap) & (clock < WAIT_MS), lap_before, lap)
    on_track = now("number_of_tyres_out") < thresholds.tyres_out
    line = before("line_position")
    fraction = (position - np.where(np.isnan(line), 0.0, line)) % 1.0
    turns = distance_before / length_m - fraction
    fraction = np.where((turns < -0.5) & (fraction > 0.5), fraction - 1.0, fraction)
    fraction = np.where((turns > 0.5) & (fraction < MAX_OVERSHOOT), fraction + 1.0, fraction)
    progress = LapProgressColumns(
        before("run").astype(np.int64),
        lap.astype(np.int64),
        np.where(is_carried, time, clock).astype(np.int64),
        on_track & ((before("is_lap_valid") != 0) | (lap < lap_before)),
        line.copy(),
        fraction * length_m,
    )
    for row in np.flatnonzero(is_event).tolist():
        for column, value in zip(progress, follow_lap(*sample_of(row), thresholds), strict=True):
            column[row] = np.nan if value is None else value
    return progress
