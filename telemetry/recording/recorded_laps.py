"""The laps of a recording, read as fast as its format allows."""

from collections.abc import Callable, Iterable, Iterator

from telemetry.fields.columns import Columns, derive_columns
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.laps.columns import DERIVED, laps_of_columns
from telemetry.laps.model import Lap
from telemetry.recording.blocks import read_blocks
from telemetry.recording.interfaces import Source


def find_recorded_laps(
    source: Source,
    *,
    thresholds: Thresholds = DEFAULTS,
    watch: Callable[[Iterable[Columns]], Iterable[Columns]] = iter,
) -> Iterator[Lap]:
    """The laps of all that a recording holds, pauses and replays included, in order.

    ``watch`` is given the blocks in which they are found and passes them on, or ends early. Raises
    :class:`telemetry.SourceError` where the recording is corrupt.
    """
    blocks = derive_columns(read_blocks(source), DERIVED, thresholds)
    return laps_of_columns(watch(blocks), missing=source.missing_fields)
