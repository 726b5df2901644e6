"""Many games at once: the cars of :mod:`telemetry.demo.fleet.cars`, and for each the frames and times of its own game.

What happens seldom (a line, a sector, a time that appears on the board) is left to the :class:`Timing` of the car's own
game, which is told of the steps one after the other; everything else is counted in arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from telemetry.base.units import STEP_MS
from telemetry.demo.fleet.cars import Cars, Controls, Trail, in_lane
from telemetry.demo.fleet.follower import Follower
from telemetry.demo.frames import frame_time
from telemetry.demo.game import BOX_RADIUS_M
from telemetry.demo.pages import shown_position
from telemetry.demo.physics.car import STATIC_RIDE_HEIGHT, DriverInputs
from telemetry.demo.timing import MAX_TYRES_OUT
from telemetry.demo.track import PIT_BOX_N, PIT_BOX_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from telemetry.demo.frames import Draws
    from telemetry.demo.game import DemoGame
    from telemetry.demo.track import Track
    from telemetry.fields.blocks import Array
    from telemetry.fields.snapshot import Snapshot

BOARD: Final = ("completed_laps", "last_time", "best_time", "current_sector_index", "last_sector_time")
"""What the board of race control has, and a drawn frame shows."""
_SHOWN_WHOLE: Final = (*BOARD, "current_time", "graphics_packet_id", "is_in_pit", "is_in_pit_lane")
_SHOWN_NUMBERS: Final = (
    *("session_time_left", "distance_traveled", "normalized_position"),
    *("world_position_x", "world_position_y", "world_position_z"),
)
SHOWN: Final = (*_SHOWN_WHOLE, *_SHOWN_NUMBERS)
"""The fields of the graphics page that change while a car drives."""

NUMPY, NUMBA = "numpy", "numba"
PHYSICS: Final = (NUMPY, NUMBA)
"""How the steps are computed, with the same bits: in arrays, or by the single car's own methods, compiled."""

_CHUNK: Final = 16
"""Physics steps after which frames and times are accounted for."""
_AHEAD: Final = 64
"""Random numbers that are drawn ahead for each car; some eight of them are used in a chunk at most."""


class _Numbers:
    """The random numbers of one car's frames, drawn ahead: those that the generator of its game gives."""

    def __init__(self, fleet: Fleet, index: int) -> None:
        self._fleet = fleet
        self._index = index

    def random(self) -> float:
        fleet, index = self._fleet, self._index
        number: float = fleet.numbers[index, fleet.used[index]].item()
        fleet.used[index] += 1
        return number


class Fleet:
    """``count`` games that are stepped together; each begins with :meth:`take`."""

    def __init__(self, tracks: Sequence[Track], count: int, physics: str = NUMPY) -> None:
        """``tracks`` are all on which any of the cars will drive; ``physics`` is one of :data:`PHYSICS`."""
        self.cars = cars_type(physics)(tracks, count)
        self.count = count
        self._line = np.zeros(count)
        self.games: list[DemoGame | None] = [None] * count
        self.steps = np.zeros(count, np.int64)
        self.packet = np.zeros(count, np.int64)
        self.ride = np.zeros((2, count))
        self.shown: dict[str, Array] = {name: np.zeros(count, np.int64) for name in _SHOWN_WHOLE}
        self.shown |= {name: np.zeros(count) for name in _SHOWN_NUMBERS}
        self.numbers = np.zeros((count, _AHEAD))
        self.used = np.zeros(count, np.int64)
        self._generators: list[Draws | None] = [None] * count
        self._drawn = np.zeros(count, np.int64)
        self._next_frame = np.zeros(count, np.int64)
        self._page_offset = np.zeros(count, np.int64)  # from twice the frames drawn to the number of the page
        self._elapsed, self._lap_steps = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self._untold = np.zeros(count, np.int64)  # steps that the timing of the car's game was not told of
        self._split = np.full(count, np.inf)
        self._is_due, self._is_valid = np.zeros(count, bool), np.zeros(count, bool)
        self._board = np.zeros((len(BOARD), count), np.int64)
        self._followers: dict[int, Follower] = {}

    def take(
        self, index: int, game: DemoGame, snapshot: Snapshot, listener: Callable[[DemoGame], None] | None = None
    ) -> None:
        """Let a game go on as one of the fleet; ``snapshot`` is that of its pages. The game itself is used up.

        A ``listener`` is called before the first physics step of this car and after each, with a game that shows it in
        all its pages.
        """
        self.unfollow(index)
        if listener is not None:
            self._followers[index] = Follower(game, self.cars, index, listener)
        self.cars.take(index, game.car)
        self.games[index] = game
        self._line[index] = game.line
        self.steps[index], self.packet[index] = game.steps, game.packet
        self.ride[:, index] = game.ride
        for name, column in self.shown.items():
            column[index] = getattr(snapshot, name)
        self._drawn[index], self._next_frame[index] = game.frames.drawn, game.frames.next_step
        self._page_offset[index] = game.frames.packet_id - 2 * game.frames.drawn
        self._generators[index] = game.frames.rng
        self.used[index] = _AHEAD
        game.timing.rng = _Numbers(self, index)
        self._hear(index, game)

    def unfollow(self, index: int) -> None:
        """Call the listener of this car no more, if it has one."""
        self._followers.pop(index, None)

    def run(self, steps: Array, steer: Array, gas: Array, brake: Array) -> None:
        """Advance each car by its number of physics steps, with the same controls in all of them; (cars,) each."""
        controls = Controls(
            np.maximum(-1.0, np.minimum(1.0, steer)),
            np.maximum(0.0, np.minimum(1.0, gas)),
            np.maximum(0.0, np.minimum(1.0, brake)),
            self.cars.setup["brake_bias"],
        )
        done, most = 0, int(steps.max())
        with np.errstate(all="ignore"):  # both branches are computed where one counts
            while done < most:
                self._run(np.minimum(np.maximum(steps - done, 0), _CHUNK), controls)
                done += _CHUNK
        for index, follower in self._followers.items():
            inputs = DriverInputs(steer[index].item(), gas[index].item(), brake[index].item())
            follower.run(steps[index].item(), inputs)

    def _run(self, steps: Array, controls: Controls) -> None:
        self._draw_ahead()
        self._account(steps, self.cars.run(steps, controls, self.packet))
        self.steps = self.steps + steps
        self.packet = self.packet + steps

    def _draw_ahead(self) -> None:
        for index in np.flatnonzero(self.used > _AHEAD - _CHUNK).tolist():
            generator, used = self._generators[index], int(self.used[index])
            if generator is None:
                continue
            row = self.numbers[index]
            row[: _AHEAD - used] = row[used:].copy()
            row[_AHEAD - used :] = [generator.random() for _ in range(used)]
            self.used[index] = 0

    # --- frames and times

    def _account(self, steps: Array, trail: Trail) -> None:
        """Draw the frames and count the time of the steps along the trail."""
        s, tyres_out = trail.s, trail.tyres_out
        ahead = s[1:] - self._split
        told = (np.abs(np.diff(s, axis=0)) > 0.5 * self.cars.length).any(axis=0)
        told |= ((ahead >= 0.0) & (ahead < 100.0)).any(axis=0) | self._is_due
        told |= self._is_valid & (tyres_out > MAX_TYRES_OUT).any(axis=0)
        drawn_at = np.full(self.count, -1)
        for index in np.flatnonzero(told).tolist():
            drawn_at[index] = self._tell(index, s[: steps[index] + 1, index], tyres_out[:, index].tolist())
        end = np.where(told, -1, self.steps + steps)
        while len(due := np.flatnonzero(self._next_frame <= end)):
            drawn_at[due] = self._next_frame[due] - self.steps[due] - 1
            self._drawn[due] += 1
            number = self.numbers[due, self.used[due]]
            self.used[due] += 1
            self._next_frame[due] = frame_time(self._drawn[due], number).astype(np.int64)
        quiet = ~told
        frames = np.flatnonzero(quiet & (drawn_at >= 0))
        before = drawn_at[frames]
        self.shown["current_time"][frames] = (self._lap_steps[frames] + before) * STEP_MS
        self.shown["session_time_left"][frames] = -((self._elapsed[frames] + before) * STEP_MS).astype(np.float64)
        for name, row in zip(BOARD, self._board, strict=True):
            self.shown[name][frames] = row[frames]
        counted = np.where(quiet, steps, 0)
        self._elapsed, self._lap_steps = self._elapsed + counted, self._lap_steps + counted
        self._untold = self._untold + counted
        self._show(np.flatnonzero(drawn_at >= 0), drawn_at, trail)

    def _tell(self, index: int, s: Array, tyres_out: Sequence[int]) -> int:
        """Tell the timing of one car of its steps, from each `s` to the next; return the step of the last frame."""
        game = self.games[index]
        assert game is not None, "a car that drives has a game"
        timing, places, first = game.timing, s.tolist(), int(self.steps[index])
        timing.skip(int(self._untold[index]), places[0])
        drawn_at = -1
        for step, (place, out) in enumerate(zip(places[1:], tyres_out, strict=False)):
            if first + step + 1 >= self._next_frame[index]:
                self._drawn[index] += 1
                number = self.numbers[index, self.used[index]].item()
                self.used[index] += 1
                self._next_frame[index] = int(frame_time(int(self._drawn[index]), number))
                timing.draw()
                drawn_at, board = step, timing.board
                self.shown["current_time"][index] = board.current_ms
                self.shown["session_time_left"][index] = board.time_left_ms
                for name, value in zip(BOARD, board.values(), strict=True):
                    self.shown[name][index] = value
            timing.advance(place, out)
        self._hear(index, game)
        return drawn_at

    def _hear(self, index: int, game: DemoGame) -> None:
        """Take over what the timing of a game knows."""
        timing = game.timing
        self._untold[index] = 0
        self._elapsed[index], self._lap_steps[index] = timing.elapsed, timing.lap_steps
        self._split[index] = timing.next_split
        self._is_due[index], self._is_valid[index] = timing.is_due, timing.valid
        self._board[:, index] = timing.board.values()

    def _show(self, cars: Array, drawn_at: Array, trail: Trail) -> None:
        """Let the frames drawn last show the states before their steps."""
        at = drawn_at[cars]
        s, n = trail.s[at, cars], trail.n[at, cars]
        inside = in_lane(s, n)
        box_s, box_n = s - PIT_BOX_S, n - PIT_BOX_N
        values = {
            "distance_traveled": trail.distance[at, cars],
            "normalized_position": shown_position(s, self.cars.length[cars], self._line[cars]),
            "world_position_x": trail.x[at, cars],
            "world_position_y": trail.y[at, cars],
            "world_position_z": trail.z[at, cars],
            "is_in_pit_lane": inside,
            "is_in_pit": inside & (np.sqrt(box_s * box_s + box_n * box_n) < BOX_RADIUS_M),
            "graphics_packet_id": 2 * self._drawn[cars] + self._page_offset[cars],
        }
        for name, column in values.items():
            self.shown[name][cars] = column
        compression = trail.compression[at, :, cars]
        self.ride[0, cars] = STATIC_RIDE_HEIGHT[0] - 0.5 * (compression[:, 0] + compression[:, 1])
        self.ride[1, cars] = STATIC_RIDE_HEIGHT[1] - 0.5 * (compression[:, 2] + compression[:, 3])


def cars_type(physics: str) -> type[Cars]:
    """The class of cars that are computed in one of the ways of :data:`PHYSICS`."""
    if physics == NUMPY:
        return Cars
    from telemetry.demo.fleet.compiled_cars import CompiledCars  # noqa: PLC0415 - needs numba

    return CompiledCars
