"""Blocks of arrays of any recording, whether its format has a quick way to them or not."""

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from telemetry.base.clock import Clock
from telemetry.fields.blocks import Block, RowBlock
from telemetry.recording.interfaces import Reading, Source

BLOCK_ROWS: Final = 1 << 12
"""Moments in a block that is made of readings; their snapshots are in memory with it."""


def read_blocks(source: Source, rate: float | None = None) -> Iterator[Block]:
    """The moments of a recording, at most ``rate`` a second, in blocks of arrays, as fast as they can be read.

    Raises :class:`telemetry.SourceError` where the file is corrupt, behind what is intact.
    """
    blocks = source.blocks(rate)
    return _collect(source.readings(Clock(speed=math.inf), rate)) if blocks is None else blocks


def _collect(readings: Iterable[Reading]) -> Iterator[Block]:
    number = 0
    snapshots = (reading.snapshot for reading in readings if reading.snapshot is not None)
    while rows := list(islice(snapshots, BLOCK_ROWS)):
        yield RowBlock([row.replace(sequence=sequence) for sequence, row in enumerate(rows, start=number)])
        number += len(rows)
