"""How much fuel the engine burnt between two samples: fuel that the driver takes out of the tank is not burnt."""

from typing import Final

from telemetry.fields.derived import Sample

MAX_DRIVING_L_PER_S: Final = 0.5
"""Litres per second that no engine burns at the game's normal fuel rate: a Formula 1 car burns about 0.1."""

MAX_BOX_L_PER_S: Final = 0.1
"""The same for a car that stands in its box, where fuel is taken out of the tank: any engine without load."""

MIN_TAKEN_OUT_L: Final = 0.05
"""Litres that count as burnt however quickly they go: the game may reduce the fuel once in many steps, and a driver
takes out whole litres."""


def burnt_fuel_l(before: Sample, now: Sample, seconds: float) -> float:
    """Litres burnt between two samples that lie ``seconds`` of game time apart; ``elapsed`` is used where that is 0.

    0 where fuel was put in, and where more disappeared than an engine can burn. NaN counts as no fuel burnt.
    """
    gone_l = before.fuel - now.fuel
    if not gone_l > 0.0:
        return 0.0
    if gone_l > MIN_TAKEN_OUT_L:
        is_in_box = before.is_in_pit and now.is_in_pit
        litres_per_s = MAX_BOX_L_PER_S if is_in_box else MAX_DRIVING_L_PER_S
        if now.aid_fuel_rate > 1.0:
            litres_per_s *= now.aid_fuel_rate
        if not gone_l <= MIN_TAKEN_OUT_L + litres_per_s * (seconds or now.elapsed - before.elapsed):
            return 0.0
    return gone_l
