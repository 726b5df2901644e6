"""The limits of the derived fields."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The limits of the derived fields; each default is followed by its source."""

    tyres_out: int = 3
    """Tyres off the valid surface that invalidate a lap: the game's own default rule penalises more than two."""
    lock_brake: float = 0.5
    """Brake pedal above which lock-up is looked for: hard braking, as opposed to trail braking or a resting foot."""
    lock_slip: float = 0.5
    """Mean slip ratio that is lock-up: peak grip lies near 0.1, both wheels of one axle locked give at least 0.5."""
    brake_on: float = 0.05
    """Brake pedal that counts as used: above the noise of pedals at rest."""
    locked_wheel: float = 0.1
    """Fraction of its rolling speed below which a wheel has (almost) stopped; threshold braking stays above 0.8."""
    min_speed: float = 2.0
    """m/s of forward speed below which slip ratios mean nothing: they divide by it."""
    damaged: float = 0.05
    """``damage_level`` above which bodywork is damaged: a touch at more than 5 km/h."""
    critical: float = 0.50
    """``damage_level`` above which bodywork is critical: half of what the game calls full."""
    tyre_floor: float | None = None
    """``tyre_wear`` of a worn-out tyre; None: by its compound where that is known, else :attr:`default_tyre_floor`."""
    default_tyre_floor: float = 88.0
    """``tyre_wear`` of a worn-out tyre of unknown compound: slicks and most GT tyres."""
    tyre_damaged: float = 0.80
    """``tyre_worn`` above which a tyre is damaged."""
    tyre_critical: float = 0.95
    """``tyre_worn`` above which a tyre is at its end."""
    steer_lock: float | None = None
    """Degrees of the steering wheel at full lock, which the pages do not hold; None: unknown."""


DEFAULTS: Final = Thresholds()
