"""The limits of the derived fields."""

from dataclasses import dataclass
from typing import Final, Literal

LockRule = Literal["greatest", "mean"]
"""Which slip means that wheels lock up: that of the most locked wheel on the road, or the mean of all four."""

LOCK_SLIPS: Final[dict[LockRule, float]] = {"greatest": 0.7, "mean": 0.5}
"""Slip ratio above which wheels lock up, by rule.

Measured on 588 samples with wheels locked (372 both front wheels, 216 one wheel) and 363 of clean hard braking:
``greatest`` finds 588, without a false alarm. ``mean`` finds 370: two locked and two rolling wheels have a mean of
0.497 to 0.509, one locked wheel has 0.25.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The limits of the derived fields; each default is followed by its source."""

    tyres_out: int = 3
    """Tyres off the valid surface that invalidate a lap: the game's own default rule penalises more than two."""
    lock_brake: float = 0.5
    """Brake pedal above which lock-up is looked for: hard braking, as opposed to trail braking or a resting foot."""
    lock_rule: LockRule = "greatest"
    """What is compared with :attr:`lock_slip`: the most locked wheel on the road, or the mean of the slip ratios."""
    lock_slip: float | None = None
    """Slip ratio above which wheels lock up; None: that of the rule in :data:`LOCK_SLIPS`."""
    min_load: float = 50.0
    """N of ``wheel_load`` below which a wheel is in the air: a brake stops it there, which is no lock-up."""
    brake_on: float = 0.05
    """Brake pedal that counts as used: above the noise of pedals at rest."""
    locked_wheel: float = 0.1
    """Fraction of its rolling speed below which a wheel has (almost) stopped; threshold braking stays above 0.8."""
    min_speed_kmh: float = 7.2
    """km/h of forward speed below which slip ratios mean nothing: they divide by it."""
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
