"""Units of channels, and how values in one become values in another."""

import math
from typing import Final, NamedTuple


class _Unit(NamedTuple):
    """A unit: what it measures, and ``base = value * factor + shift``."""

    quantity: str
    factor: float
    shift: float = 0.0


class Conversion(NamedTuple):
    """``other = value * factor + shift``."""

    factor: float = 1.0
    shift: float = 0.0


_UNITS: Final = {
    "m/s": _Unit("speed", 1.0),
    "km/h": _Unit("speed", 1 / 3.6),
    "kph": _Unit("speed", 1 / 3.6),
    "kmh": _Unit("speed", 1 / 3.6),
    "mph": _Unit("speed", 0.44704),
    "ft/s": _Unit("speed", 0.3048),
    "rad": _Unit("angle", 1.0),
    "deg": _Unit("angle", math.pi / 180),
    "rad/s": _Unit("rotation", 1.0),
    "deg/s": _Unit("rotation", math.pi / 180),
    "m/s2": _Unit("acceleration", 1.0),
    "m/s/s": _Unit("acceleration", 1.0),
    "m/s^2": _Unit("acceleration", 1.0),
    "g": _Unit("acceleration", 9.80665),
    "ratio": _Unit("ratio", 1.0),
    "%": _Unit("ratio", 0.01),
    "k": _Unit("temperature", 1.0),
    "c": _Unit("temperature", 1.0, 273.15),
    "f": _Unit("temperature", 5 / 9, 273.15 - 32 * 5 / 9),
    "psi": _Unit("pressure", 6894.757293168),
    "kpa": _Unit("pressure", 1e3),
    "bar": _Unit("pressure", 1e5),
    "m": _Unit("length", 1.0),
    "mm": _Unit("length", 1e-3),
    "cm": _Unit("length", 1e-2),
    "km": _Unit("length", 1e3),
    "ft": _Unit("length", 0.3048),
    "in": _Unit("length", 0.0254),
    "s": _Unit("time", 1.0),
    "sec": _Unit("time", 1.0),
    "ms": _Unit("time", 1e-3),
    "rpm": _Unit("revolutions", 1.0),
    "1/min": _Unit("revolutions", 1.0),
    "l": _Unit("volume", 1.0),
    "n": _Unit("force", 1.0),
    "kn": _Unit("force", 1e3),
}


def find_conversion(unit: str, wanted: str) -> Conversion | None:
    """How values in a unit become values in the wanted one; None where that is not known.

    A channel without a unit has the wanted one: some writers give none.
    """
    unit, wanted = (name.replace("°", "").replace("²", "2").casefold() for name in (unit, wanted))
    if not unit or unit == wanted:
        return Conversion()
    known, other = _UNITS.get(unit), _UNITS.get(wanted)
    if known is None or other is None or known.quantity != other.quantity:
        return None
    return Conversion(known.factor / other.factor, (known.shift - other.shift) / other.factor)


def is_unit(name: str) -> bool:
    """Whether this is the name of a unit that is known here."""
    return name.replace("°", "").replace("²", "2").casefold() in _UNITS
