"""At which values displays change a colour or fill a bar, for the terminal and the dashboard.

The limits of derived fields are in :class:`telemetry.fields.thresholds.Thresholds`.
"""

from dataclasses import dataclass
from typing import Final, Literal

TemperatureBand = Literal["cold", "cool", "good", "hot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayLimits:
    """The limits that all displays share. The stream's ``hello`` message sends them under these names."""

    shift_rpm_fraction: float = 0.92
    """Fraction of the highest engine speed at which to shift up."""
    first_light_rpm_fraction: float = 0.7
    """Fraction of the highest engine speed at which the first shift light comes on."""
    tyre_temperature_bands: tuple[tuple[float, TemperatureBand], ...] = (
        (50.0, "cold"),
        (70.0, "cool"),
        (100.0, "good"),
        (115.0, "hot"),
    )
    """Upper limits in °C of the temperature bands of a tyre; above the last one it is too hot.

    These are rules of thumb: compounds differ.
    """
    peak_slip: float = 1.0
    """``wheel_slip`` at the peak of the grip curve."""
    full_slip: float = 2.0
    """``wheel_slip`` that fills the bar."""
    full_delta_s: float = 2.0
    """Seconds ahead or behind that fill the bar of the lap delta."""


DISPLAY_LIMITS: Final = DisplayLimits()
