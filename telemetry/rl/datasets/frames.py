"""What the game writes once per drawn frame, at the time of each physics step."""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from telemetry.base.typing import override
from telemetry.fields.blocks import Array, Block, JoinedBlock, TextColumn
from telemetry.fields.snapshot import Snapshot

_AXES: Final = "xyz"


def smooth_frames(blocks: Iterable[Block]) -> Iterator[Block]:
    """The moments of a run with the car's position and lap clock at their own time.

    The game writes both once per frame, so that they are up to a frame old. They are interpolated from one frame to the
    next, which for a car that turns at 2 g is exact to less than a millimetre; after the last frame the position is
    extrapolated with the velocity. Across a frame in which another lap begins the lap clock only runs on.
    """
    frame: Block | None = None  # the moments of the last frame, of which it is not known when the next one was drawn
    for block in blocks:
        joined = block if frame is None else JoinedBlock([frame, block])
        number = joined.array("graphics_packet_id")
        begins = np.flatnonzero(np.append(True, number[1:] != number[:-1]))
        frame = joined if len(begins) == 1 else joined.select(np.arange(begins[-1], len(joined)))
        if len(begins) > 1:
            yield _interpolate_frames(joined, begins)
    if frame is not None:
        yield _extrapolate_frame(frame)


def _extrapolate_frame(frame: Block) -> Block:
    """The moments of the last frame of a run."""
    elapsed = frame.array("elapsed")
    seconds = elapsed - elapsed[0]
    columns = {"current_time": _advance_clock(frame.array("current_time"), seconds)}
    for axis in _AXES:
        name = f"world_position_{axis}"
        columns[name] = frame.decimals(name) + frame.decimals(f"velocity_{axis}") * seconds
    return _SmoothedBlock(frame, columns)


def _interpolate_frames(block: Block, begins: Array) -> Block:
    """The moments of all frames but the last; ``begins`` are the first ones of the frames."""
    rows = np.arange(begins[-1])
    number = np.searchsorted(begins, rows, side="right") - 1
    first, following = begins[number], begins[number + 1]
    is_first = first == rows
    elapsed = block.array("elapsed")
    seconds = elapsed[rows] - elapsed[first]
    fraction = seconds / (elapsed[following] - elapsed[first])
    columns = {"current_time": _advance_clock(block.array("current_time")[first], seconds)}
    with np.errstate(invalid="ignore"):  # pages can hold NaN and infinities
        for axis in _AXES:
            name = f"world_position_{axis}"
            place = block.decimals(name)
            between = place[first] + (place[following] - place[first]) * fraction
            columns[name] = np.where(is_first, place[rows], between)
        name = "normalized_position"
        place = block.decimals(name)
        laps = place[following] - place[first]
        between = (place[first] + (laps - np.rint(laps)) * fraction) % 1.0  # the shorter way round
        columns[name] = np.where(is_first | ~np.isfinite(laps), place[rows], between)
    return _SmoothedBlock(block.select(rows), columns)


def _advance_clock(clock_ms: Array, seconds: Array) -> Array:
    """The lap clock so many seconds later."""
    later: Array = clock_ms + np.rint(seconds * 1e3).astype(np.int64)
    return later


class _SmoothedBlock(Block):
    """A block with other columns in the place of some; their numbers are doubles that are no float32."""

    def __init__(self, block: Block, columns: dict[str, Array]) -> None:
        self._block = block
        self._columns = columns

    @override
    def __len__(self) -> int:
        return len(self._block)

    @override
    def array(self, name: str) -> Array:
        return self._columns[name] if name in self._columns else self._block.array(name)

    @override
    def decimals(self, name: str) -> Array:
        return self._columns[name] if name in self._columns else self._block.decimals(name)

    @override
    def texts(self, name: str) -> TextColumn:
        return self._block.texts(name)

    @override
    def snapshot(self, index: int) -> Snapshot:
        changes = {name: column[index].item() for name, column in self._columns.items()}
        return self._block.snapshot(index).replace(**changes)

    @override
    def select(self, rows: Array) -> Block:
        return _SmoothedBlock(self._block.select(rows), {name: column[rows] for name, column in self._columns.items()})
