"""The complete demo: car, driver, race control and scenario, simulated in steps of 3 ms, and the three pages."""

from __future__ import annotations

from math import sqrt
from random import Random
from typing import Final

from telemetry.demo.circuit import find_circuit, layout_name
from telemetry.demo.driver import PIT_SPEED, Driver
from telemetry.demo.frames import Frames
from telemetry.demo.pages import (
    GRAPHICS_SIZE,
    LIVE,
    PHYSICS_SIZE,
    Drawn,
    graphics_page,
    physics_page,
    ride_heights,
    static_page,
)
from telemetry.demo.physics.car import Car, DriverInputs
from telemetry.demo.scenarios import find_scenario
from telemetry.demo.settings import GRID_M, DemoSettings
from telemetry.demo.timing import Timing
from telemetry.demo.track import (
    GRID_BOX_N,
    PIT_BOX_N,
    PIT_BOX_S,
    PIT_EXIT,
    PIT_LANE_EDGES,
    PIT_LIMIT_BEGIN,
    PIT_LIMIT_END,
)

SILENT_STEPS: Final = 300
"""Steps after a load during which nothing is written."""
STATIC_STEPS: Final = 150
"""Steps until the static page is filled."""
START_STEPS: Final = 500
"""Steps of a session until the driver may start."""
FORGIVING_STEPS: Final = 1667
"""Steps after a load (5 s) during which no tyre counts as out."""
SERVICE_STEPS: Final = 3300
"""Duration of the service at the pit box: 10 s."""
BOX_RADIUS_M: Final = 1.5
"""A car that is nearer to the middle of the box counts as in it."""
LOW_FUEL_L: Final = 4.0
"""Litres of fuel below which the driver makes a pit stop."""
LOW_TYRE_WEAR: Final = 88.35
"""``tyre_wear`` (100 is new) below which the driver makes a pit stop."""


class DemoGame:
    """A simulated game; the same seed, scenario and controls give the same pages at every step.

    Where the timing line lies on the spline changes the graphics page's position and the static page's layout, and
    nothing else: laps and times are the same.
    """

    def __init__(
        self,
        seed: int = 0,
        scenario: str = "laps",
        *,
        line: float = 0.0,
        grid_m: float = GRID_M,
        circuit: int = 0,
    ) -> None:
        """`seed` varies driver and timing; the others are those of DemoSettings, and checked as there.

        `line` is the position of the timing line on the spline, `grid_m` how many metres before it the car starts.
        A further `circuit` has its own timing line, which `line` moves on.
        """
        self.settings = DemoSettings(scenario=scenario, line=line, grid_m=grid_m, circuit=circuit)
        self.circuit = find_circuit(circuit)
        self.line = (line + self.circuit.timing_line) % 1.0
        self._scenario = find_scenario(scenario)
        self._rng = Random(seed)  # noqa: S311 - a driver, not a secret
        self.frames = Frames(Random(seed + 1))  # noqa: S311 - a game, not a secret
        self.steps = 0  # of wall time, pauses included
        self.status = LIVE
        self.escape = False  # whether the escape menu is shown
        self.marks: dict[str, int] = {}  # the scenario's own state
        self._track = self.circuit.track
        self._physics = bytes(PHYSICS_SIZE)
        self._physics_step = -1  # the packet that `_physics` holds
        self._graphics = bytes(GRAPHICS_SIZE)
        self._drawn: Drawn | None = None  # the last frame, while `_graphics` is that of an earlier one
        self._held = DriverInputs()
        self._within_bounds = (0.0, 0.0, 0.0)  # steering, gas and brake of `_held`, each within its bounds
        self._filled = False  # whether the static page is complete
        self._static = static_page(self._scenario.setup, self._track.length, "", filled=False)
        self._load()

    def _load(self) -> None:
        """Put a new car on the grid and set all clocks to zero."""
        self.packet = 0
        self.car = Car(self._track, self._scenario.setup, -self.settings.grid_m, GRID_BOX_N)
        self.driver = Driver(self.circuit.racing_line, self._rng)
        self.timing = Timing(self._track.length, self.car.s, self.frames.rng)
        self.ride = ride_heights(self.car)
        self._service = 0  # steps of service done at this stop
        self._served = False  # whether this stop's service is done

    def restart(self) -> None:
        """Restart the session as the menu does: the car is back on the grid, and physics pauses as after a load."""
        self.physics_page()  # the old bytes stay until the new session writes
        self._load()

    def stand(self, steps: int = START_STEPS) -> None:
        """Load, and let the car stand on its brake for so many steps, at the beginning of a session.

        The pages are then those after as many calls of :meth:`step`, at a fraction of their cost: what the car does
        in this time is always the same.
        """
        frames, timing, last = self.frames, self.timing, 1
        while frames.next_step <= steps:
            last = max(frames.next_step, 1)
            frames.draw()
            frames.written += last >= SILENT_STEPS
        cars = _standing_cars(self.car, steps)
        timing.skip(last - 1, self.car.s)
        self.steps, self.packet = last, last - 1
        self.car = cars[last - 2 - steps]
        self._draw()
        self.car = cars[-1].copy()
        timing.skip(steps - last + 1, self.car.s)
        self.steps = self.packet = steps

    def step(self, controls: DriverInputs | None = None) -> None:
        """Advance by 3 ms of wall time; without `controls` the demo's own driver drives."""
        self.steps += 1
        if self.steps >= self.frames.next_step:
            self._frame()
        if self.status != LIVE:
            return
        self.packet += 1
        car = self.car
        limit = PIT_SPEED if is_in_lane(car) else 0.0
        if controls is None:
            driver = self.driver
            driver.drive(car, driver.pitting and not self._served)
            car.step(driver.steer, driver.gas, driver.brake, driver.reverse, limit)
            if driver.give_up:
                self._to_pits()
        else:
            if controls is not self._held:
                self._hold(controls)
            steer, gas, brake = self._within_bounds
            car.step(steer, gas, brake, controls.reverse, limit)
        if self.packet < FORGIVING_STEPS:
            car.tyres_out = 0
        self.timing.advance(car.s, car.tyres_out)

    def _hold(self, controls: DriverInputs) -> None:
        """Take other inputs, which mostly stay the same for some steps."""
        self._held = controls
        self._within_bounds = (
            max(-1.0, min(1.0, controls.steer)),
            max(0.0, min(1.0, controls.gas)),
            max(0.0, min(1.0, controls.brake)),
        )

    def _frame(self) -> None:
        """Draw a frame: whatever the game does once a frame instead of once a step."""
        self.frames.draw()
        self.frames.written += self.steps >= SILENT_STEPS
        self._draw()

    def _draw(self) -> None:
        """Show the game as it is in the frame of this step."""
        self._scenario.think(self)
        if self.status == LIVE:
            self._pit_stop()
            self.timing.draw()
            self.driver.hold = self.packet < START_STEPS or self._service > 0
            self.ride = ride_heights(self.car)
        if self.steps < SILENT_STEPS:
            return
        car, board = self.car, self.timing.board
        in_lane = is_in_lane(car)
        in_pit = in_lane and self._box_distance() < BOX_RADIUS_M
        self._drawn = Drawn(
            self.frames.packet_id, self.status, self.escape, in_pit, in_lane,
            board.current_ms, board.time_left_ms, board.values(),
            car.setup, car.distance, car.s, car.x, car.y, car.z,
        )  # fmt: skip

    def _box_distance(self) -> float:
        """Return the car's distance from its own pit box in m."""
        s, n = self.car.s - PIT_BOX_S, self.car.n - PIT_BOX_N
        return sqrt(s * s + n * n)

    def _pit_stop(self) -> None:
        """Serve a car that stands in its box, and send the driver to the pits when fuel or tyres run out."""
        car, driver = self.car, self.driver
        if not driver.pitting:
            needs_service = car.engine.fuel < LOW_FUEL_L or min(wheel.wear for wheel in car.wheels) < LOW_TYRE_WEAR
            driver.pitting = (
                needs_service and 0.2 < car.s / self._track.length < 0.8
            )  # elsewhere the pit entry is too close
            return
        if self._served:
            if car.s > PIT_EXIT and car.s < PIT_EXIT + 200.0:
                driver.pitting = False
                self._served = False
            return
        if PIT_BOX_S + BOX_RADIUS_M < car.s < PIT_EXIT:  # missed the box: drive on, and try again next lap
            self._served = True
        elif car.speed < 0.2 and self._box_distance() < BOX_RADIUS_M:
            if self._service == 0:
                self._service = self.packet
            elif self.packet - self._service > SERVICE_STEPS:
                self._serve()

    def _serve(self) -> None:
        """Give the car new tyres, fuel and repairs."""
        car = self.car
        for wheel in car.wheels:
            wheel.fit(car.setup.air)
        car.engine.fuel = car.setup.fuel
        car.repair()
        self._service = 0
        self._served = True

    def _to_pits(self) -> None:
        """Move a stuck car to its pit box, as a player would do from the menu."""
        self.driver.give_up = False
        self.car.put(PIT_BOX_S, PIT_BOX_N)
        self.timing.jump(self.car.s)
        self.driver.pitting = True
        self._served = False
        self._service = 0

    def physics_page(self) -> bytes:
        """Return the 592 bytes of `acpmf_physics`: zeros for the first 300 steps after a load."""
        if self.packet >= SILENT_STEPS and self._physics_step != self.packet:
            self._physics = physics_page(self.car, self.packet, self.ride, self.timing.delta)
            self._physics_step = self.packet
        return self._physics

    def graphics_page(self) -> bytes:
        """Return the 304 bytes of `acpmf_graphics` as of the last drawn frame: zeros until the session is loaded."""
        if self._drawn is not None:
            self._graphics = graphics_page(self._drawn, self._track.length, self.line)
            self._drawn = None
        return self._graphics

    def static_page(self) -> bytes:
        """Return the 684 bytes of `acpmf_static`: without car and track for the first 150 steps, then never changed."""
        if self.steps >= STATIC_STEPS and not self._filled:
            self._filled = True
            self._static = static_page(
                self._scenario.setup, self._track.length, layout_name(self.line), filled=True, track=self.circuit.name
            )
        return self._static


def is_in_lane(car: Car) -> bool:
    """Whether the car is where the speed limit of the pit lane holds."""
    return car.n < PIT_LANE_EDGES[1] and PIT_LIMIT_BEGIN < car.s < PIT_LIMIT_END


_LAST_FRAMES: Final = 10
"""Steps before the end of standing in one of which the last frame is drawn."""
_standing: Final[dict[tuple[object, ...], tuple[Car, ...]]] = {}
"""The cars that stood, the newest last, by circuit, setup, grid box and steps; the circuits are held by the cars."""
_MAX_STANDING: Final = 32


def _standing_cars(car: Car, steps: int) -> tuple[Car, ...]:
    """A new car as it is in the last of so many steps of standing on its brake, its last state at the end."""
    key = (id(car.track), car.setup, car.s, car.n, steps)
    if key not in _standing:
        moved, states = car.copy(), []
        for step in range(steps):
            if step >= steps - _LAST_FRAMES:
                states.append(moved.copy())
            moved.step(0.0, 0.0, 1.0, False, 0.0)
            moved.tyres_out = 0
        while len(_standing) >= _MAX_STANDING:
            del _standing[next(iter(_standing))]
        _standing[key] = (*states, moved)
    return _standing[key]
