"""The demo as a backend: in lock-step, seeded, as fast as it can be computed."""

import math
import time
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, Final

import numpy as np

from ac_native_memory import Pages
from telemetry.base.errors import UsageError
from telemetry.base.typing import override
from telemetry.base.units import STEP_S
from telemetry.demo import DemoGame, DriverInputs
from telemetry.demo.game import FORGIVING_STEPS, START_STEPS
from telemetry.demo.physics.car import Car
from telemetry.demo.scenarios import find_scenario
from telemetry.demo.settings import DemoSettings
from telemetry.fields.derived import Sample, derive
from telemetry.fields.snapshot import PageDecoder
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import PageSink, Step
from telemetry.rl.action import Command
from telemetry.rl.backends.base import Backend, Ready, StepResult
from telemetry.rl.randomisation import NOTHING_DRAWN, Randomisation

SETTLED_STEPS: Final = 33
"""Physics steps in which a repositioned car comes to rest, and some frames are drawn."""

STARTS: Final = ("grid", "anywhere", "flying")
"""Where and how an episode can begin."""

PYTHON, NUMBA = "python", "numba"
"""How the car is computed: by plain Python, or by the same methods compiled."""

_BETWEEN_EPISODES_S: Final = 2.0
"""At least so long before an episode nothing is recorded: readers see it as one of its own, however it begins."""

FLYING_SHARE: Final = 0.9
"""The most of the racing line's speed at which a flying episode begins."""

_HOLD: Final = DriverInputs(brake=1.0)


class DemoBackend(Backend):
    """A new game for each episode; the car starts on the ``grid``, at rest ``anywhere`` on the racing line, or flying.

    A ``flying`` car is anywhere on the racing line too, at any speed up to :data:`FLYING_SHARE` of what the line plans.

    Samples equal those that a reader of the game's pages would get at the end of each control step; pages are made and
    decoded only then. With a ``sink`` every physics step of an episode is recorded, from its first observation on.
    With the ``physics`` of numba the car's methods are compiled, at the first step. Raises UsageError for an unknown
    start or physics.
    """

    accepts_actions = True

    def __init__(
        self,
        demo: DemoSettings,
        control_hz: float,
        start: str,
        sink: PageSink | None = None,
        randomisation: Randomisation = NOTHING_DRAWN,
        physics: str = PYTHON,
    ) -> None:
        self._start = _check_start(start)
        self.name = str(demo)
        self._demo = demo
        self._randomisation = randomisation
        self._compile_car = _car_compiler(physics)
        self._interpreted: Car | None = None  # as it was compiled
        self._hz = control_hz
        self._sink = sink
        self._game = self._new_game(0)
        self._decoder = PageDecoder()
        self._sample: Sample | None = None
        self._ticks = 0  # control steps of this episode
        self._first_step = 0  # physics step of the game at which the episode began
        self._began_s = 0.0  # of the recording: when the episode began
        self._recorded_s: float | None = None  # and its latest step
        self._started_at = time.time()

    @override
    def reset(self, seed: int | None, rng: np.random.Generator, options: Mapping[str, Any], ready: Ready) -> Sample:
        """Start a new game; ``options`` may hold ``start`` for this episode, or a ``position``, 0..1 along the spline.

        Raises UsageError for options out of range.
        """
        start, position = _check_start(options.get("start", self._start)), _check_position(options.get("position"))
        seed_of_game = int(rng.integers(2**31))
        drawn = self._randomisation
        if drawn.anywhere and "start" not in options:
            start = "anywhere"
        game = self._game = self._new_game(seed_of_game, drawn.draw_circuit(rng))
        # Tyres that leave the road count at once for a car that drives from the first step on.
        standing = FORGIVING_STEPS if start == "flying" else START_STEPS
        if find_scenario(self._demo.scenario).is_session_plain:
            game.stand(standing)
        else:
            _run(game, standing, _HOLD)
        # A start anywhere is drawn from the timing line on, so that it is the same place wherever the line lies.
        share = None if position is None else (position - game.line) % 1.0
        if start != "grid" and position is None:
            share = float(rng.random())
        if drawn.changes_car:
            conditions = drawn.draw(rng, game.car.setup)
            game.car.adapt(*conditions)
        if share is not None:
            track, line = game.car.track, game.circuit.racing_line
            metres = share * track.length
            node = track.node(metres)
            game.car.put(metres, line.offset[node])
            game.timing.jump(game.car.s)
            if start == "flying":
                speed = float(rng.uniform(0.0, FLYING_SHARE)) * line.speed[node]
                game.car.set_rolling(speed, line.slope(node, track.spacing), line.curvature[node])
        if share is not None or drawn.changes_car:
            _run(game, SETTLED_STEPS, None if start == "flying" else _HOLD)
        self._ticks, self._first_step = 0, game.steps
        if self._recorded_s is not None:
            self._began_s = self._recorded_s + math.ceil(_BETWEEN_EPISODES_S * self._hz) / self._hz
        self._sample = None
        return self._read()

    @override
    def advance(self, command: Command) -> StepResult:
        self._ticks += 1
        due = self._first_step + math.floor(physics_steps(self._ticks, self._hz))
        if self._compile_car is not None and isinstance(self._game.car, Car):
            self._interpreted = self._game.car
            self._game.car = self._compile_car(self._interpreted)
        controls = DriverInputs(command.steer, command.throttle, command.brake)
        if self._sink is None:
            _run(self._game, due - self._game.steps, controls)
        else:
            if self._ticks == 1:  # what was observed first, and nothing of an episode in which nobody drives
                self.record(self._game)
            for _ in range(due - self._game.steps):
                self._game.step(controls)
                self.record(self._game)
        return StepResult(self._read())

    def __getstate__(self) -> dict[str, Any]:
        """What a copy begins with: a compiled car cannot be copied, and is compiled anew."""
        state = dict(vars(self))
        if self._interpreted is not None and not isinstance(self._game.car, Car):
            from telemetry.demo.fleet.compiled_car import interpret_car  # noqa: PLC0415 - needs numba

            state["_game"] = game = copy(self._game)
            game.car = interpret_car(game.car, self._interpreted)
        return state

    def record_to(self, sink: PageSink) -> None:
        """Record every physics step from the next episode on, and close the sink at the end."""
        self._sink = sink

    @property
    def game(self) -> DemoGame:
        """The game of this episode."""
        return self._game

    def record(self, game: DemoGame) -> None:
        """Record the pages of a game at its present step, if there is a sink. Raises SinkError.

        The 13 or 14 steps of a control step at 25 Hz are recorded as 40 ms, so that its last one, which is observed,
        is where readers at the control rate look for it.
        """
        if self._sink is None:
            return
        self._recorded_s = self._began_s + _control_seconds(game.steps - self._first_step, self._hz)
        pages = _pages(game, self._started_at + self._recorded_s)
        self._sink.write(Step(State.LIVE, pages, self._recorded_s))

    @override
    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()
            self._sink = None

    def _new_game(self, seed: int, circuit: int | None = None) -> DemoGame:
        demo = self._demo
        number = demo.circuit if circuit is None else circuit
        return DemoGame(seed, demo.scenario, line=demo.line, grid_m=demo.grid_m, circuit=number)

    def _read(self) -> Sample:
        """The sample of the current pages."""
        elapsed = self._ticks / self._hz
        # Also the wall clock is the time of the episode, so that it is the same in every run.
        snapshot = self._decoder.decode(_pages(self._game, elapsed), elapsed=elapsed, sequence=self._ticks)
        self._sample = derive(snapshot, self._sample)
        return self._sample


def _run(game: DemoGame, steps: int, controls: DriverInputs | None) -> None:
    """Compute physics steps; without controls the demo's driver drives."""
    for _ in range(steps):
        game.step(controls)


def _pages(game: DemoGame, timestamp: float) -> Pages:
    return Pages(game.physics_page(), game.graphics_page(), game.static_page(), timestamp)


def physics_steps(ticks: Any, control_hz: float) -> Any:
    """How many physics steps so many control steps take, not rounded down yet; numbers, or arrays of them."""
    return ticks / control_hz / STEP_S + 1e-6  # rounding errors must not turn 3 ms into no step at all


def _control_seconds(steps: int, control_hz: float) -> float:
    """The time of an episode after so many physics steps, if those of a control step share its time evenly."""
    ticks = math.floor(steps * STEP_S * control_hz)
    while (end := math.floor(physics_steps(ticks, control_hz))) < steps:
        ticks += 1
    begin = math.floor(physics_steps(ticks - 1, control_hz))
    return (ticks - (end - steps) / (end - begin)) / control_hz if steps else 0.0


def _check_position(position: object) -> float | None:
    if position is None:
        return None
    if (
        isinstance(position, bool)
        or not isinstance(position, int | float | np.integer | np.floating)
        or not 0.0 <= position <= 1.0
    ):
        raise UsageError(f"options: position must be a number from 0 to 1, got {position!r}.")
    return float(position)


def _car_compiler(physics: str) -> Callable[[Car], Car] | None:
    if physics == PYTHON:
        return None
    if physics != NUMBA:
        raise UsageError(f"physics must be {PYTHON} or {NUMBA}, got {physics!r}.")
    from telemetry.demo.fleet.compiled_car import compile_car, compile_physics  # noqa: PLC0415 - needs numba

    compile_physics()
    return compile_car


def _check_start(start: object) -> str:
    if start not in STARTS:
        raise UsageError(f"start must be one of {', '.join(STARTS)}, got {start!r}.")
    return str(start)
