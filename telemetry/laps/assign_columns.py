"""The lap of each sample in columns: :func:`telemetry.laps.assign.assign_laps` for many samples at a time."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from telemetry.base.units import STEP_MS
from telemetry.fields.blocks import Array
from telemetry.fields.columns import Columns
from telemetry.laps.assign import verdict_of
from telemetry.laps.model import Lap, in_recorded_order

_UNKNOWN: Final = -(1 << 62)
"""Stands for a time that is not known."""


class LapAssigner:
    """Tells the columns of a recording what :func:`telemetry.laps.assign.assign_laps` tells its samples."""

    def __init__(self, laps: Iterable[Lap]) -> None:
        """``laps`` are those of the recording."""
        recorded = in_recorded_order(laps)
        verdicts = [verdict_of(lap) for lap in recorded]
        measured = [lap.measured_ms if lap.complete else None for lap in recorded]
        self._firsts = np.array([lap.first_sequence for lap in recorded], dtype=np.int64)
        self._lasts = np.array([lap.last_sequence for lap in recorded], dtype=np.int64)
        self._numbers = np.array([lap.number for lap in recorded], dtype=np.int64)
        self._runs = np.array([lap.start_index for lap in recorded], dtype=np.int64)
        self._first_packets = np.array([lap.first.packet_id if lap.first else 0 for lap in recorded], dtype=np.int64)
        self._first_ms = _times([lap.first_time_ms for lap in recorded])
        self._measured_ms = _times(measured)
        self._is_judged = np.array([verdict is not None for verdict in verdicts], dtype=np.bool_)
        self._is_valid = np.array([bool(verdict) for verdict in verdicts], dtype=np.bool_)

    def assign(self, columns: Columns) -> Columns:
        """The same samples with ``run``, ``lap``, ``lap_time`` and ``lap_valid`` as the laps tell them.

        ``sequence`` must be the number that the samples had when the laps were found in them, or of the sample in front
        of an interpolated one. A sample in no lap keeps what it has.
        """
        if not len(self._firsts):
            return columns
        sequence = columns["sequence"]
        index = np.searchsorted(self._firsts, sequence, side="right") - 1
        is_behind = (index >= 0) & (sequence > self._lasts[index])
        is_inside = (index >= 0) & ~is_behind
        run, lap, time_ms = (columns[name].astype(np.int64) for name in ("run", "lap", "lap_time"))
        number, measured_ms, first_ms = self._numbers[index], self._measured_ms[index], self._first_ms[index]
        is_other = lap != number
        # Behind the last line, in the frame that was drawn in front of it.
        is_next = is_behind & ~is_other & (measured_ms != _UNKNOWN) & (time_ms >= measured_ms)
        steps = np.maximum(columns["packet_id"].astype(np.int64) - self._first_packets[index], 0)
        is_late = is_inside & is_other & (first_ms != _UNKNOWN)
        time_ms[is_late] = first_ms[is_late] + steps[is_late] * STEP_MS
        time_ms[is_next] -= measured_ms[is_next]
        run[is_inside | is_next] = self._runs[index][is_inside | is_next]
        lap[is_inside] = number[is_inside]
        lap[is_next] = number[is_next] + 1
        is_judged = is_inside & self._is_judged[index]
        valid = np.ma.MaskedArray(self._is_valid[index], mask=~is_judged)
        return columns.replace(run=run, lap=lap, lap_time=time_ms, lap_valid=valid)


def _times(times: Iterable[int | None]) -> Array:
    return np.array([_UNKNOWN if time is None else time for time in times], dtype=np.int64)
