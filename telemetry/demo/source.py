"""The built-in car as a source in real time."""

import math
from collections.abc import Iterator

from ac_native_memory import Pages
from telemetry.base.clock import Clock
from telemetry.base.typing import override
from telemetry.base.units import STEP_S
from telemetry.demo import DemoGame
from telemetry.demo.settings import GRID_M
from telemetry.fields.snapshot import PageDecoder
from telemetry.recording.game_state import GameStateDetector, State
from telemetry.recording.interfaces import Reading, Source, Step
from telemetry.recording.sample_recorder import DEFAULT_RATE


class DemoSource(Source):
    """The demo car, driven in real time; :meth:`pages` yields the pages to publish in shared memory.

    The arguments are those of :class:`telemetry.demo.DemoGame`. Raises :class:`telemetry.UsageError` for others.
    """

    def __init__(self, scenario: str = "laps", *, seed: int = 0, line: float = 0.0, grid_m: float = GRID_M) -> None:
        self._game = DemoGame(seed, scenario, line=line, grid_m=grid_m)
        self.name = str(self._game.settings)
        self._detector = GameStateDetector()

    @override
    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        """Readings of the car, ``rate`` times per second; its decoder runs only for these."""
        decoder = PageDecoder()
        for missed in clock.ticks(rate or DEFAULT_RATE):
            now = clock.now()
            self._advance(now)
            pages = self._pages(clock.epoch() + now)
            state, is_new_step = self._detector.update(pages, now)
            known = state not in (State.LOADING, State.WAITING, State.GONE)
            yield Reading(state, decoder.decode(pages, elapsed=now) if known else None, is_new_step, missed)

    @override
    def steps(self, clock: Clock) -> Iterator[Step]:
        """Every physics step, at the game's 333 Hz; late steps follow at once."""
        for pages in self._all(clock, 0.0):
            now = self._game.steps * STEP_S
            state, _ = self._detector.update(pages, now)
            if state in (State.LOADING, State.WAITING, State.GONE):
                yield Step(state, None, now, timestamp=pages.timestamp)
            else:
                yield Step(state, pages, now)

    def pages(self, clock: Clock) -> Iterator[Pages]:
        """The pages after every physics step, at the game's 333 Hz; late steps follow half a period apart or more.

        The pause gives readers of shared memory time to read each step.
        """
        return self._all(clock, STEP_S / 2.0)

    def _all(self, clock: Clock, pause: float) -> Iterator[Pages]:
        """The pages after every step, each at its time and at least ``pause`` seconds after the request for it."""
        game = self._game
        due = 0.0
        while clock.sleep_until(max(due, (game.steps + 1) * STEP_S)):
            game.step()
            # The time of the step and not of the clock: late steps follow at once.
            yield self._pages(clock.epoch() + game.steps * STEP_S)
            due = clock.now() + pause

    def _advance(self, now: float) -> None:
        for _ in range(math.floor(now / STEP_S) - self._game.steps):
            self._game.step()

    def _pages(self, timestamp: float) -> Pages:
        game = self._game
        return Pages(game.physics_page(), game.graphics_page(), game.static_page(), timestamp)
