"""The lap that each sample of a recording belongs to, once its laps are known; :mod:`.assign_columns` is for columns.

While a car drives, ``lap``, ``run`` and ``lap_time`` of a sample are told from the samples before it, and ``lap_valid``
is not known. In a recording the samples after it are known as well: which lap it is of to the physics step, although
the frame that shows the new lap was drawn some steps later, and what became of that lap.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

from telemetry.base.units import STEP_MS
from telemetry.fields.derived import Sample
from telemetry.laps.model import Lap, in_recorded_order

LAP_FIELDS: Final = frozenset({"run", "lap", "lap_time", "lap_valid"})
"""The fields of a sample that :func:`assign_laps` fills in."""


def assign_laps(samples: Iterable[Sample], laps: Iterable[Lap]) -> Iterator[Sample]:
    """The samples of a recording with ``run``, ``lap``, ``lap_time`` and ``lap_valid`` as its ``laps`` tell them.

    ``sequence`` must be the number that the samples had when the laps were found in them, or of the sample in front of
    an interpolated one. A sample in no lap keeps what it has.
    """
    recorded = in_recorded_order(laps)
    firsts = [lap.first_sequence for lap in recorded]
    for sample in samples:
        index = bisect_right(firsts, sample.sequence) - 1
        yield _assign_lap(sample, recorded[index]) if index >= 0 else sample


def _assign_lap(sample: Sample, lap: Lap) -> Sample:
    """The sample in this lap, or after it and in none."""
    if lap.first is None or lap.last is None:
        return sample
    lap_time = sample.lap_time
    if sample.sequence > lap.last.sequence:
        if sample.lap != lap.number or not lap.complete or lap.measured_ms is None or lap_time < lap.measured_ms:
            return sample
        # Behind the last line, in the frame that was drawn in front of it.
        return sample.replace(run=lap.start_index, lap=lap.number + 1, lap_time=lap_time - lap.measured_ms)
    if sample.lap != lap.number and lap.first_time_ms is not None:
        lap_time = lap.first_time_ms + max(sample.packet_id - lap.first.packet_id, 0) * STEP_MS
    return sample.replace(run=lap.start_index, lap=lap.number, lap_time=lap_time, lap_valid=verdict_of(lap))


def verdict_of(lap: Lap) -> bool | None:
    """Whether the lap is valid; None where the recording ended in it, unless it was cut before."""
    is_open = lap.end == "recording" and lap.first_cut_position is None
    return None if is_open else lap.valid
