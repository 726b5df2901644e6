"""The demo's scenarios: named courses of events, such as a cut corner, a crash or a pit stop.

A scenario only gives orders: to the driver another path, a pressed brake or a pit stop, to the session a pause or a
restart. What then happens to the car follows from the simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from telemetry.base.errors import UsageError
from telemetry.base.units import STEP_S
from telemetry.demo.driver import Detour, Driver
from telemetry.demo.pages import LIVE, PAUSE, REPLAY
from telemetry.demo.physics.car import Car, Setup

if TYPE_CHECKING:
    from telemetry.demo.timing import Timing

CUT_RANGE_M: Final = (770.0, 985.0)
"""Where turn 2 is cut, metres after the line."""
CUT_OFFSET_M: Final = 10.5
"""Metres left of the centre line: all four wheels are on the grass."""
STAMP_RANGES_M: Final = ((470.0, 500.0), (1565.0, 1595.0))
"""Where the brake is stamped on: just before the braking zones of turns 1 and 5."""
STAMP_STEPS: Final = 330
"""Physics steps on the pedal: about a second."""
CRASH_RANGE_M: Final = (640.0, 790.0)
"""Where the car goes straight on in turn 1."""
CRASH_OFFSET_M: Final = 30.0
"""Metres left of the centre line: behind the barrier."""


class ScenarioGame(Protocol):
    """What a scenario sees of the game and may change; :class:`telemetry.demo.DemoGame` has it."""

    car: Car
    driver: Driver
    timing: Timing
    steps: int
    """Steps of wall time so far, pauses included."""
    status: int
    """The status that the game shows: live, pause or replay."""
    escape: bool
    """Whether the escape menu is shown."""
    marks: dict[str, int]
    """What a scenario remembers between two frames."""

    def restart(self) -> None:
        """Restart the session."""


def _is_in_second_half(game: ScenarioGame) -> bool:
    """Return whether the car is in the second half of a lap, early enough to prepare a pit stop after it."""
    return game.car.s > 0.5 * game.car.track.length and game.timing.laps_begun >= 0


def _laps(_game: ScenarioGame) -> None:
    """Leave everything to the driver."""


def _offtrack(game: ScenarioGame) -> None:
    """Cut turn 2 in the laps 1, 3, 5, …; the others stay clean, so that there is a best lap."""
    driver = game.driver
    if game.timing.laps_begun % 2 == 0:
        if driver.detour is None:
            driver.detour = Detour(*CUT_RANGE_M, CUT_OFFSET_M, pace=0.93, ramp=75.0)
    else:
        driver.detour = None


def _lockup(game: ScenarioGame) -> None:
    """Stamp on the brake in two braking zones of every second lap, so that the tyres cool in between."""
    driver = game.driver
    zone = any(begin < game.car.s < end for begin, end in STAMP_RANGES_M)
    if zone and game.timing.laps_begun % 2 == 0 and not game.marks.get("stamped"):
        driver.stamp_steps = STAMP_STEPS
    game.marks["stamped"] = zone


def _crash(game: ScenarioGame) -> None:
    """Go straight on in turn 1 of every third lap, drive on with the damage, and have it repaired after that lap."""
    driver, lap = game.driver, game.timing.laps_begun
    if max(game.car.damage) > 0.0:
        driver.detour = None
        if _is_in_second_half(game):
            driver.pitting = True
    elif lap % 3 == 0:
        if driver.detour is None:
            driver.detour = Detour(*CRASH_RANGE_M, CRASH_OFFSET_M, pace=1.12, ramp=60.0)
    else:
        driver.detour = None


def _pit(game: ScenarioGame) -> None:
    """Make a pit stop at once and after every second lap."""
    lap = game.timing.laps_begun
    if lap < 0 or (lap % 2 == 1 and _is_in_second_half(game)):
        game.driver.pitting = True


def _pause(game: ScenarioGame) -> None:
    """Show the pause menu, the escape menu and a replay in turn, and drive in between."""
    seconds = game.steps * STEP_S % 60.0
    game.status = PAUSE if 12.0 <= seconds < 16.0 else REPLAY if 34.0 <= seconds < 39.0 else LIVE
    game.escape = 22.0 <= seconds < 26.0


def _refused(game: ScenarioGame) -> None:
    """Let the game refuse the laps 1, 3, 5, … for a reason that no page shows; the others become the best lap."""
    if game.timing.laps_begun % 2 == 0:
        game.timing.valid = False


def _restart(game: ScenarioGame) -> None:
    """Restart 22 s after the first start, later some seconds into every second lap."""
    first = "restarted" not in game.marks and game.timing.elapsed * STEP_S > 22.0
    if first or (game.timing.laps_begun >= 1 and game.timing.lap_steps * STEP_S > 6.0):
        game.marks["restarted"] = 1
        game.restart()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A course of events: its description for users, what it does at each frame, and the car's setup."""

    description: str
    think: Callable[[ScenarioGame], None]
    setup: Setup = field(default_factory=Setup)
    is_session_plain: bool = True
    """Whether its session runs without a pause, a restart or a lap that is refused."""


_SCENARIOS: Final[dict[str, Scenario]] = {
    "laps": Scenario("Clean laps on tyres that scrub in, with a pit stop when fuel or tyres run out.", _laps),
    "offtrack": Scenario("All four wheels cut the second turn in every second lap, which is then invalid.", _offtrack),
    "lockup": Scenario(
        "The front wheels lock in the heaviest braking zones of every second lap; the car has no ABS and no TC.",
        _lockup,
        Setup(tc=0.0, abs=0.0, brake_bias=0.78),
    ),
    "crash": Scenario(
        "The car hits the barrier in the first turn, drives on damaged and is repaired after the lap.", _crash
    ),
    "pit": Scenario(
        "The car drives into the pit lane, gets tyres, fuel and repairs at its box and drives out again.", _pit
    ),
    "pause": Scenario(
        "The session is paused, shows the escape menu and a replay, and goes on, once a minute.",
        _pause,
        is_session_plain=False,
    ),
    "refused": Scenario(
        "The game refuses every second lap, which never becomes the best time, though no tyre leaves the track.",
        _refused,
        is_session_plain=False,
    ),
    "restart": Scenario(
        "The session is restarted from the menu while the car is on its way.", _restart, is_session_plain=False
    ),
    "worn": Scenario(
        "Tyres wear twenty times as fast and lose grip until they are finished and changed.",
        _laps,
        Setup(tyre_rate=20.0),
    ),
}

SCENARIOS: Final[Mapping[str, str]] = MappingProxyType({name: s.description for name, s in sorted(_SCENARIOS.items())})
"""The names that DemoGame takes, each with one sentence on what happens."""


def find_scenario(name: str) -> Scenario:
    """Return the scenario of that name; UsageError, which is a ValueError, names the known ones."""
    try:
        return _SCENARIOS[name]
    except KeyError:
        known = ", ".join(SCENARIOS)
        raise UsageError(f"There is no demo scenario {name!r}; there are {known}.") from None
