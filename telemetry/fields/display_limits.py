"""Where displayed values change their colour or fill their bar: one place for the terminal's view and the dashboard.

The limits of derived fields are not here; they are :class:`telemetry.fields.derived.Thresholds`.
"""

from dataclasses import dataclass
from typing import Final, Literal

TemperatureBand = Literal["cold", "cool", "good", "hot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayLimits:
    """The limits that every display shares. The stream's ``hello`` sends them under these names."""

    shift_rpm_fraction: float = 0.92
    """Fraction of the highest engine speed from which on it is time to shift."""
    first_light_rpm_fraction: float = 0.7
    """Fraction of the highest engine speed at which the first shift light comes on."""
    tyre_temperature_bands: tuple[tuple[float, TemperatureBand], ...] = (
        (50.0, "cold"),
        (70.0, "cool"),
        (100.0, "good"),
        (115.0, "hot"),
    )
    """Upper ends in °C of a tyre's temperature bands; a rule of thumb, for compounds differ. Above them: too hot."""
    peak_slip: float = 1.0
    """``wheel_slip`` at the peak of the grip curve."""
    full_slip: float = 2.0
    """``wheel_slip`` that fills the bar."""
    full_delta_s: float = 2.0
    """Seconds ahead or behind that fill the bar of the delta."""


DISPLAY_LIMITS: Final = DisplayLimits()
