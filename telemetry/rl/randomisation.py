"""What is drawn anew for each episode of the demo, so that a policy does not learn one car on one road by heart."""

from dataclasses import dataclass, fields, replace
from typing import Any, Final, NamedTuple

import numpy as np

from telemetry.base.errors import UsageError
from telemetry.demo.physics.car import Setup
from telemetry.rl.checks import check_flag, check_whole, is_number

Range = tuple[float, float]
"""The lowest and the highest value, between which every value is as likely."""

MAX_CIRCUITS: Final = 64
"""So many circuits are kept in memory."""

_LIMITS: Final[dict[str, Range]] = {
    "grip": (0.3, 1.5),
    "wind_kmh": (0.0, 150.0),
    "ballast_kg": (0.0, 500.0),
    "fuel_l": (0.0, 110.0),
    "tyre_used": (0.0, 1.0),
    "tyre_temp": (0.0, 200.0),
}


class Conditions(NamedTuple):
    """What was drawn for one episode."""

    setup: Setup
    tyre_used: float | None
    tyre_temp: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Randomisation:
    """The ranges from which each episode of the demo draws its conditions; what is not given stays as it is.

    Live sources and recordings are as they are: there it says only in what a policy was trained. Raises UsageError,
    with the key.
    """

    grip: Range | None = None
    """Grip of the road, as ``surface_grip`` (0.98 unless drawn)."""
    wind_kmh: Range | None = None
    """Speed of the wind; its direction is any."""
    ballast_kg: Range | None = None
    """Mass that the car carries in addition."""
    fuel_l: Range | None = None
    """Fuel at the beginning (60 unless drawn)."""
    tyre_used: Range | None = None
    """Fraction of their life that the tyres have behind them: 0 is new."""
    tyre_temp: Range | None = None
    """Temperature of the tyres at the beginning, °C."""
    without_abs: float = 0.0
    """Probability that the car has no ABS."""
    without_tc: float = 0.0
    """Probability that the car has no traction control."""
    anywhere: bool = False
    """Whether the car starts anywhere on the racing line, whatever the option ``start`` says."""
    circuits: int = 0
    """Number of circuits, made from the numbers 1 to this one, each with a timing line of its own; 0: the demo's."""

    def __post_init__(self) -> None:
        for name, limits in _LIMITS.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _check_range(f"randomisation.{name}", value, limits))
        for name in ("without_abs", "without_tc"):
            value = getattr(self, name)
            if not is_number(value) or not 0.0 <= value <= 1.0:
                raise UsageError(f"randomisation.{name} must be a number from 0 to 1, got {value!r}.")
        check_flag("randomisation.anywhere", self.anywhere)
        check_whole("randomisation.circuits", self.circuits, 0, MAX_CIRCUITS)

    @property
    def changes_car(self) -> bool:
        """Whether anything but the place of the start is drawn."""
        usual = Randomisation(anywhere=self.anywhere, circuits=self.circuits)
        return self != usual

    def draw_circuit(self, rng: np.random.Generator) -> int | None:
        """The number of a circuit; None where no circuit is drawn."""
        return 1 + int(rng.integers(self.circuits)) if self.circuits else None

    def draw(self, rng: np.random.Generator, setup: Setup) -> Conditions:
        """The conditions of an episode; only what has a range is drawn, in the order of the fields."""
        changes: dict[str, Any] = {}
        if self.grip is not None:
            changes["surface_grip"] = float(rng.uniform(*self.grip))
        if self.wind_kmh is not None:
            changes["wind_kmh"] = float(rng.uniform(*self.wind_kmh))
            changes["wind_degrees"] = float(rng.uniform(0.0, 360.0))
        if self.ballast_kg is not None:
            changes["ballast"] = float(rng.uniform(*self.ballast_kg))
        if self.fuel_l is not None:
            changes["fuel"] = float(rng.uniform(*self.fuel_l))
        used = None if self.tyre_used is None else float(rng.uniform(*self.tyre_used))
        temp = None if self.tyre_temp is None else float(rng.uniform(*self.tyre_temp))
        for name, probability in (("abs", self.without_abs), ("tc", self.without_tc)):
            if probability and rng.random() < probability:
                changes[name] = 0.0
        return Conditions(replace(setup, **changes), used, temp)


NOTHING_DRAWN: Final = Randomisation()
"""Every episode has the same conditions."""


def _check_range(key: str, value: Any, limits: Range) -> Range:
    """A range of two numbers; UsageError for anything else, and for one that is not within the limits."""
    low, high = limits
    if not isinstance(value, tuple | list) or len(value) != 2 or not all(map(is_number, value)):
        raise UsageError(f"{key} must be two numbers, the lowest and the highest, got {value!r}.")
    if not low <= value[0] <= value[1] <= high:
        raise UsageError(f"{key} must rise, within {low:g} .. {high:g}, got {list(value)!r}.")
    return float(value[0]), float(value[1])


def as_values(randomisation: Randomisation) -> dict[str, Any]:
    """What differs from no randomisation, as values of JSON."""
    values = {entry.name: getattr(randomisation, entry.name) for entry in fields(randomisation)}
    usual = {entry.name: entry.default for entry in fields(randomisation)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value != usual[name]
    }
