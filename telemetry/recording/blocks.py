"""Blocks of arrays of any recording, whether its format has a quick way to them or not."""

import math
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Final

import numpy as np

from telemetry.base.clock import Clock
from telemetry.fields.blocks import Array, Block, RowBlock
from telemetry.recording.game_state import GameStatus
from telemetry.recording.interfaces import Reading, Source

BLOCK_ROWS: Final = 1 << 12
"""Moments in a block that is made of readings; their snapshots are in memory with it."""


def read_blocks(source: Source, rate: float | None = None, fields: Collection[str] | None = None) -> Iterator[Block]:
    """The moments of a recording, at most ``rate`` a second, in blocks of arrays, as fast as they can be read.

    ``fields`` names the raw fields that will be asked for, None for all (:meth:`Source.blocks`). Raises
    :class:`telemetry.SourceError` where the file is corrupt, behind what is intact.
    """
    blocks = source.blocks(rate, fields)
    return _collect(source.readings(Clock(speed=math.inf), rate)) if blocks is None else blocks


class NewSteps:
    """Where game time has advanced in the blocks of a recording: ``Reading.is_new_step`` of the same moments.

    It remembers the moment before a block, so the blocks of one recording are to be given in order.
    """

    def __init__(self) -> None:
        self._packet_id: int | None = None

    def find(self, block: Block) -> Array:
        """Whether each moment of this block is new: true while live, and in a menu if physics has moved; shape (n,)."""
        status, packet = block.array("status"), block.array("packet_id")
        if not len(packet):
            return np.zeros(0, dtype=np.bool_)
        first = packet[0] if self._packet_id is None else self._packet_id
        moved = packet != np.append(first, packet[:-1])
        self._packet_id = int(packet[-1])
        stands = np.isin(status, (GameStatus.REPLAY, GameStatus.PAUSE))
        is_new: Array = ~stands & ((block.array("is_esc_menu_visible") == 0) | moved)
        return is_new


def _collect(readings: Iterable[Reading]) -> Iterator[Block]:
    number = 0
    snapshots = (reading.snapshot for reading in readings if reading.snapshot is not None)
    while rows := list(islice(snapshots, BLOCK_ROWS)):
        yield RowBlock([row.replace(sequence=sequence) for sequence, row in enumerate(rows, start=number)])
        number += len(rows)
