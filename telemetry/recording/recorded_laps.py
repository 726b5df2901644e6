"""The laps of a recording: those that were stored in it when it was closed, or else found as fast as it can be read."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import Any

from telemetry.base.typed_values import build
from telemetry.base.version import ANALYSIS_VERSION, VERSION
from telemetry.fields.columns import Columns, derive_columns
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.laps.columns import DERIVED, laps_of_columns
from telemetry.laps.model import Lap
from telemetry.recording.blocks import read_blocks
from telemetry.recording.interfaces import Source

Watch = Callable[[Iterable[Columns]], Iterable[Columns]]
"""Is given the blocks that are read and passes them on, or ends early."""


def laps_of_recording(source: Source, *, thresholds: Thresholds = DEFAULTS, watch: Watch = iter) -> Iterator[Lap]:
    """The laps of all that a recording holds, pauses and replays included, in order.

    ``watch`` is given no blocks where the laps are stored in the recording. Raises :class:`telemetry.SourceError` where
    the recording is corrupt.
    """
    stored = recall_laps(source, thresholds)
    return find_recorded_laps(source, thresholds=thresholds, watch=watch) if stored is None else iter(stored)


def find_recorded_laps(source: Source, *, thresholds: Thresholds = DEFAULTS, watch: Watch = iter) -> Iterator[Lap]:
    """The same laps, found in the samples even where they are stored."""
    blocks = derive_columns(read_blocks(source), DERIVED, thresholds)
    return laps_of_columns(watch(blocks), missing=source.missing_fields)


def recall_laps(source: Source, thresholds: Thresholds = DEFAULTS) -> tuple[Lap, ...] | None:
    """The laps that are stored in a recording; None where there are none, or :func:`recall_summary` gives nothing."""
    values = recall_summary(source, thresholds)
    try:
        return None if values is None else build(tuple[Lap, ...], values["laps"])
    except (ValueError, TypeError, KeyError):
        return None


def recall_summary(source: Source, thresholds: Thresholds = DEFAULTS) -> dict[str, Any] | None:
    """What was stored in a recording about all of it, as JSON has it.

    None where nothing was stored, the file has changed since, or another version or other thresholds would find other
    things in it. Raises :class:`telemetry.SourceError` where the file can no longer be read.
    """
    values = source.stored_summary()
    is_dict = isinstance(values, dict)
    if not is_dict or any(values.get(key) != one for key, one in summary_dependencies(thresholds).items()):
        return None
    found: dict[str, Any] = values
    return found


def summary_dependencies(thresholds: Thresholds) -> dict[str, Any]:
    """What a summary depends on besides the recording, and is stored with it."""
    return {"version": VERSION, "analysis_version": ANALYSIS_VERSION, "thresholds": asdict(thresholds)}
