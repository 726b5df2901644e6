"""A comparison of two laps as CSV: their channels and the delta at each place."""

import csv
from pathlib import Path
from typing import Final

import numpy as np

from telemetry.analysis.comparison import Comparison
from telemetry.analysis.traces import align
from telemetry.base.storage.atomic import atomic_write

CHANNELS: Final = ("speed_kmh", "gas", "brake", "gear", "acc_g_x", "world_position_x", "world_position_z")
"""The channels of both laps that are written."""


def write_comparison(comparison: Comparison, path: Path, *, overwrite: bool = False) -> None:
    """Write a line for each place of the grid; a cell is empty where a lap does not cover the place.

    Raises :class:`telemetry.SinkError` where the file cannot be written, or exists.
    """
    laps = align((comparison.lap.trace, comparison.reference.trace), comparison.grid)
    columns = {
        "fraction": comparison.grid,
        "metres": laps[0].metres,
        "delta_s": comparison.delta_s,
        "time_s": laps[0].time_ms / 1e3,
        "reference_time_s": laps[1].time_ms / 1e3,
    }
    for name in CHANNELS:
        columns[name], columns[f"reference_{name}"] = laps[0][name], laps[1][name]
    texts = [_texts(column) for column in columns.values()]
    with (
        atomic_write(path, overwrite=overwrite) as unfinished,
        unfinished.open("w", encoding="utf-8", newline="") as out,
    ):
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*texts, strict=True))


def _texts(column: np.typing.NDArray[np.float64]) -> list[str]:
    return [f"{value:.9g}" if np.isfinite(value) else "" for value in column.tolist()]
