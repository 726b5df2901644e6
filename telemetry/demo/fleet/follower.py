"""A car of a fleet as a game of its own, for those who want its pages after every physics step."""

from __future__ import annotations

from copy import copy, deepcopy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetry.demo.fleet.cars import Cars
    from telemetry.demo.game import DemoGame
    from telemetry.demo.physics.car import DriverInputs


class Follower:
    """A game that goes on from another one, as one of many cars does.

    It computes the steps once more, one by one, with the same bits and the same random numbers.
    """

    def __init__(self, game: DemoGame, cars: Cars, index: int, listener: Callable[[DemoGame], None]) -> None:
        """``listener`` is called with the game before its first physics step and after each of them."""
        self._has_begun = False
        self._game = copy(game)
        self._game.car = game.car.copy()
        self._game.frames, self._game.timing = deepcopy((game.frames, game.timing))
        self._cars = cars
        self._index = index
        self._listener = listener

    def run(self, steps: int, controls: DriverInputs) -> None:
        """Do the physics steps that the car has just done."""
        game, listener = self._game, self._listener
        if not self._has_begun:
            self._has_begun = True
            listener(game)
        for _ in range(steps):
            game.step(controls)
            listener(game)
        self._cars.give(self._index, game.car)  # what is recorded can never be another drive
