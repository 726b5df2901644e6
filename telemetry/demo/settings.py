"""What can be chosen of the demo besides its seed, and how a source's name says it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from telemetry.base.errors import UsageError
from telemetry.demo.circuit import MAX_CIRCUIT
from telemetry.demo.scenarios import find_scenario
from telemetry.demo.track import GRID_BOX_S

GRID_M: Final = -GRID_BOX_S
"""Metres from the grid box to the timing line, unless another distance is chosen."""
MAX_GRID_M: Final = 100.0
"""The grid box lies on the straight before the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """A scenario, and a circuit whose timing line need not lie where the spline begins.

    Raises :class:`telemetry.UsageError` for a scenario that there is not, and for numbers out of range.
    """

    scenario: str = "laps"
    """One of :data:`telemetry.demo.SCENARIOS`."""
    line: float = 0.0
    """``normalized_position`` of the timing line, 0..1; 1 is the same as 0."""
    grid_m: float = GRID_M
    """Metres from the grid box to the timing line, more than 0, up to 100."""
    circuit: int = 0
    """0 is the demo's own circuit; any other number makes one, with a timing line of its own."""

    def __post_init__(self) -> None:
        find_scenario(self.scenario)
        if not 0.0 <= self.line <= 1.0:
            raise UsageError(f"The position of the demo's line must be from 0 to 1, got {self.line!r}.")
        if not 0.0 < self.grid_m <= MAX_GRID_M:
            raise UsageError(
                f"The demo's grid box must lie more than 0 and up to {MAX_GRID_M:g} m before the line, "
                f"got {self.grid_m!r}."
            )
        if type(self.circuit) is not int or not 0 <= self.circuit <= MAX_CIRCUIT:
            raise UsageError(f"The demo's circuit must be an integer from 0 to {MAX_CIRCUIT}, got {self.circuit!r}.")

    @classmethod
    def parse(cls, text: str) -> DemoSettings:
        """The settings in what follows ``demo:``, such as ``offtrack,line=0.8``, in any order; nothing means all usual.

        Raises :class:`telemetry.UsageError` for any other text.
        """
        scenarios: list[str] = []
        numbers: dict[str, float] = {}
        for word in text.split(",") if text else ():
            name, is_option, value = word.partition("=")
            if not is_option:
                scenarios.append(name)
            elif name not in _OPTIONS:
                raise UsageError(f"demo:{text}: there is no option {name!r}; there are {', '.join(_OPTIONS)}.")
            elif name in numbers:
                raise UsageError(f"demo:{text}: {name} is given twice.")
            else:
                numbers[name] = _parse_number(text, name, value)
        if len(scenarios) > 1:
            raise UsageError(f"demo:{text}: name one scenario, not {' and '.join(map(repr, scenarios))}.")
        usual = cls()
        return cls(
            scenario=scenarios[0] if scenarios else usual.scenario,
            line=numbers.get("line", usual.line),
            grid_m=numbers.get("grid", usual.grid_m),
            circuit=_parse_whole(text, numbers.get("circuit", 0.0)),
        )

    def __str__(self) -> str:
        """The name of the source that these settings make, such as ``demo:offtrack,line=0.8``."""
        usual = DemoSettings()
        line = f",line={self.line!r}" if self.line != usual.line else ""
        grid = f",grid={self.grid_m!r}" if self.grid_m != usual.grid_m else ""
        circuit = f",circuit={self.circuit}" if self.circuit else ""
        return f"demo:{self.scenario}{line}{grid}{circuit}"


_OPTIONS: Final = ("line", "grid", "circuit")


def _parse_whole(text: str, number: float) -> int:
    """A number without a fraction; UsageError for another."""
    if not number.is_integer():
        raise UsageError(f"demo:{text}: circuit must be an integer, got {number!r}.")
    return int(number)


def _parse_number(text: str, name: str, value: str) -> float:
    """The value of an option; UsageError where it is no finite number."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"demo:{text}: {name} must be a number, got {value!r}.")
    return number
