"""Race control: laps, sectors and times of the demo, shown with the same delays as in the game."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from telemetry.base.units import STEP_MS
from telemetry.demo.track import SECTOR_COUNT

if TYPE_CHECKING:
    from telemetry.demo.frames import Draws

MAX_TYRES_OUT: Final = 2
"""Tyres that may be off the track; more make the lap invalid."""
NO_TIME: Final = "-:--:---"
"""Text of a lap time that does not exist yet."""
MAX_DELAY_FRAMES: Final = 5
"""Frames after the end of a lap by which its time may appear late."""
TRACE_M: Final = 10.0
"""Distance between two stored times of a lap."""


class Board:
    """What the graphics page shows: the values of race control, each with the delay that the game has."""

    __slots__ = ("best_ms", "completed", "current_ms", "last_ms", "sector", "sector_ms", "time_left_ms")

    def __init__(self) -> None:
        self.completed = 0
        self.current_ms = 0
        self.last_ms = 0
        self.best_ms = 0
        self.sector = 0
        self.sector_ms = 0
        self.time_left_ms = 0.0

    def values(self) -> tuple[int, int, int, int, int]:
        """Laps completed, last and best lap in ms, sectors completed in this lap, and the last sector in ms."""
        return self.completed, self.last_ms, self.best_ms, self.sector, self.sector_ms

    @staticmethod
    def text(milliseconds: int) -> str:
        """Return "m:ss:mmm", or dashes for 0."""
        if milliseconds <= 0:
            return NO_TIME
        seconds, rest = divmod(milliseconds, 1000)
        return f"{seconds // 60}:{seconds % 60:02d}:{rest:03d}"

    @staticmethod
    def split_text(milliseconds: int) -> str:
        """Return a sector's seconds with one decimal, or one blank for 0."""
        return f"{milliseconds / 1000:.1f}" if milliseconds else " "


class Timing:
    """Counts laps and sectors from the car's position along the circuit."""

    __slots__ = (
        "_best_ms",
        "_best_trace",
        "_completed",
        "_due",
        "_half_length",
        "_last_s",
        "_length",
        "_sector",
        "_sector_start",
        "_splits",
        "_trace",
        "_turns",
        "board",
        "delta",
        "elapsed",
        "lap_steps",
        "laps_begun",
        "rng",
        "valid",
    )

    def __init__(self, length: float, s: float, rng: Draws) -> None:
        self.board = Board()
        self._length = length
        self._half_length = 0.5 * length
        self.rng = rng
        self._last_s = s
        self._turns = -1 if s > 0.5 * length else 0  # crossings of the line, without the one from the grid
        self.laps_begun = self._turns  # the lap the car is in: -1 on the grid, 0 in the first
        self.elapsed = 0  # steps since the session began
        self.lap_steps = 0
        self.valid = True
        self._sector = 0
        self._sector_start = 0
        self._splits = 0
        self._completed = 0
        self._best_ms = 0
        self._trace: list[int] = []
        self._best_trace: list[int] = []
        self._due: list[list[int]] = []  # [frames to wait, kind of value, value] still to appear on the board
        self.delta = 0.0  # s to the best lap

    def advance(self, s: float, tyres_out: int) -> None:
        """Account for one step that ended at `s`."""
        self.elapsed += 1
        self.lap_steps += 1
        moved = s - self._last_s
        self._last_s = s
        if tyres_out > MAX_TYRES_OUT:
            self.valid = False
        if moved < -self._half_length:
            self._turns += 1
            if self._turns > self.laps_begun:
                self.laps_begun = self._turns
                if self._turns > 0:
                    self._finish_lap()
        elif moved > self._half_length:
            self._turns -= 1
        if self._turns != self.laps_begun or self._turns < 0:
            return
        sector = self._sector
        if sector < SECTOR_COUNT - 1 and 0.0 <= s - (sector + 1) * self._length / SECTOR_COUNT < 100.0:
            self._split()
        trace = self._trace
        if s >= len(trace) * TRACE_M:
            trace.append(self.lap_steps)
            best = self._best_trace
            if len(trace) <= len(best):
                self.delta = (self.lap_steps - best[len(trace) - 1]) * STEP_MS * 0.001

    def skip(self, steps: int, s: float) -> None:
        """Account for several steps, the last one of which ended at `s`, with no line, sector or cut between them."""
        self.elapsed += steps
        self.lap_steps += steps
        self._last_s = s

    @property
    def next_split(self) -> float:
        """Metres after the line at which the next sector begins; infinite where none does before the line."""
        if self._turns != self.laps_begun or self._turns < 0 or self._sector >= SECTOR_COUNT - 1:
            return inf
        return (self._sector + 1) * self._length / SECTOR_COUNT

    @property
    def is_due(self) -> bool:
        """Whether values are still to appear on the board."""
        return bool(self._due)

    def _split(self) -> None:
        self._sector += 1
        sector_ms = (self.lap_steps - self._sector_start) * STEP_MS
        self._sector_start = self.lap_steps
        self.board.sector = self._sector
        self.board.sector_ms = sector_ms

    def _finish_lap(self) -> None:
        lap_ms = self.lap_steps * STEP_MS
        board = self.board
        complete = self._sector == SECTOR_COUNT - 1
        board.sector_ms = (self.lap_steps - self._sector_start) * STEP_MS
        board.sector = self._sector = 0
        self._sector_start = 0
        self._completed += 1
        # The lap count appears one or two frames after the line; the times appear before, with or well after it.
        rng = self.rng
        self._due.append([1 + int(2 * rng.random()), 0, self._completed])
        late = int((MAX_DELAY_FRAMES + 2) * rng.random())
        self._due.append([late, 1, lap_ms])
        if self.valid and complete and (self._best_ms == 0 or lap_ms < self._best_ms):
            self._best_ms = lap_ms
            self._best_trace = self._trace
            self._due.append([late, 2, lap_ms])
        self.lap_steps = 0
        self.valid = True
        self._trace = []

    def jump(self, s: float) -> None:
        """Record that the car was moved to `s`: its lap starts again and is not valid."""
        self._last_s = s
        self.lap_steps = 0
        self._sector = self._sector_start = 0
        self.board.sector = 0
        self._trace = []
        self.valid = False
        if self._turns < 0:
            self._turns = self.laps_begun = 0
        self._turns = self.laps_begun

    def draw(self) -> None:
        """Update the board for one frame."""
        board = self.board
        board.current_ms = self.lap_steps * STEP_MS
        board.time_left_ms = -float(self.elapsed * STEP_MS)
        if self._due:
            for entry in self._due:
                if entry[0] > 0:
                    entry[0] -= 1
                elif entry[0] == 0:
                    entry[0] = -1
                    if entry[1] == 0:
                        board.completed = entry[2]
                    elif entry[1] == 1:
                        board.last_ms = entry[2]
                    else:
                        board.best_ms = entry[2]
            self._due = [entry for entry in self._due if entry[0] >= 0]
