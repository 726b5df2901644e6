"""The demo as a world: in lock-step, seeded, as fast as it can be computed."""

import math
import time
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from ac_native_memory import Pages
from telemetry.base.errors import UsageError
from telemetry.base.units import STEP_S
from telemetry.demo import SCENARIOS, Controls, DemoGame
from telemetry.demo.circuit import racing_line
from telemetry.fields.derived import Sample, derive
from telemetry.fields.snapshot import PageDecoder
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import PageSink, Step
from telemetry.rl.action import Command
from telemetry.rl.backends.base import Backend, Ready, StepResult

LOADED_STEPS: Final = 500
"""Physics steps after which the demo's own driver may go: the pages are filled and the car has settled."""

SETTLED_STEPS: Final = 33
"""Physics steps in which a car that was put somewhere comes to rest, and some frames are drawn."""

SILENT_STEPS: Final = 300
"""Physics steps after a load in which the game writes nothing."""

STARTS: Final = ("grid", "anywhere")

_HOLD: Final = Controls(brake=1.0)


class DemoBackend(Backend):
    """A new game for each episode; the car stands on its grid box, or with ``start`` anywhere on the racing line.

    Samples are those that a reader of the game's pages would have at the end of each control step: pages are made and
    decoded at these moments only, which changes nothing in them. With a ``sink`` every physics step is recorded.
    """

    accepts_actions = True

    def __init__(self, scenario: str, control_hz: float, start: str, sink: PageSink | None = None) -> None:
        if scenario not in SCENARIOS:
            raise UsageError(f"There is no demo scenario {scenario!r}; there are {', '.join(SCENARIOS)}.")
        self._start = _checked(start)
        self.name = f"demo:{scenario}"
        self._scenario = scenario
        self._hz = control_hz
        self._sink = sink
        self._game = DemoGame(0, scenario)
        self._decoder = PageDecoder()
        self._sample: Sample | None = None
        self._ticks = 0
        self._began = 0
        self._recorded = 0.0
        self._epoch = time.time()

    def reset(self, seed: int | None, rng: np.random.Generator, options: Mapping[str, Any], ready: Ready) -> Sample:  # noqa: ARG002 - chance comes from rng alone, and a new game is always ready
        """A new game; ``options`` may hold a ``start`` for this episode, or a ``position``, 0..1 along the lap."""
        start, position = _checked(options.get("start", self._start)), options.get("position")
        if position is not None and not (isinstance(position, int | float) and 0.0 <= position <= 1.0):
            raise UsageError(f"options: {position!r} is no position; that is a number from 0 to 1.")
        game = self._game = DemoGame(int(rng.integers(2**31)), self._scenario)
        self._run(LOADED_STEPS, _HOLD)
        if start == "anywhere" and position is None:
            position = float(rng.random())
        if position is not None:
            track, line = game.car.track, racing_line()
            metres = position * track.length
            game.car.put(metres, line.offset[track.node(metres)])
            game.timing.jump(game.car.s)
            self._run(SETTLED_STEPS, _HOLD)
        self._ticks, self._began = 0, game.steps
        self._sample = None
        return self._look()

    def advance(self, command: Command) -> StepResult:
        """One control step of physics."""
        self._ticks += 1
        # A hair more, so that 3 ms are one step and not, by a rounding error, none.
        due = self._began + math.floor(self._ticks / self._hz / STEP_S + 1e-6)
        self._run(due - self._game.steps, Controls(command.steer, command.throttle, command.brake))
        return StepResult(self._look())

    def close(self) -> None:
        """Finish the recording."""
        if self._sink is not None:
            self._sink.close()
            self._sink = None

    def _run(self, steps: int, controls: Controls) -> None:
        step = self._game.step
        if self._sink is None:
            for _ in range(steps):
                step(controls)
            return
        for _ in range(steps):
            step(controls)
            self._recorded += STEP_S
            if self._game.packet >= SILENT_STEPS:
                self._sink.write(Step(State.LIVE, self._pages(self._epoch + self._recorded), self._recorded))

    def _pages(self, timestamp: float) -> Pages:
        game = self._game
        return Pages(game.physics_page(), game.graphics_page(), game.static_page(), timestamp)

    def _look(self) -> Sample:
        elapsed = self._ticks / self._hz
        # Time is that of the episode, so that it is the same in every run.
        snapshot = self._decoder.decode(self._pages(elapsed), elapsed=elapsed, sequence=self._ticks)
        self._sample = derive(snapshot, self._sample)
        return self._sample


def _checked(start: object) -> str:
    if start not in STARTS:
        raise UsageError(f"start: {start!r} is none of {', '.join(STARTS)}.")
    return str(start)
