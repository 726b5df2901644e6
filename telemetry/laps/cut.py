"""Where a lap was cut: the place of its first sample with too many tyres out."""

import math
from typing import NamedTuple

from telemetry.fields.derived import Sample


class CutPlace(NamedTuple):
    """Where a lap first became invalid by a track-limits cut."""

    metres: float | None
    """Metres since the line; None where the length of the track is not known."""
    fraction: float | None
    """The same place as 0..1 of the lap; NaN where it is not known."""
    text: str
    """What happened and where, for a person."""


def locate_cut(cut: Sample, line_position: float | None) -> CutPlace:
    """The place of a cut in a lap whose line lies here; None where it was not seen.

    In a first lap the line is seen only when the lap ends: the cut itself does not know yet how far it is from it.
    """
    metres, fraction = cut.lap_distance, cut.normalized_position
    if metres is None and fraction == 0.0:
        fraction = math.nan  # without a line for the AI the position is 0 for ever
    if line_position is not None and math.isfinite(fraction):
        fraction = (fraction - line_position) % 1.0
        if cut.line_position is None and metres is not None:
            metres = fraction * cut.track_spline_length
    tyres = f"{cut.number_of_tyres_out} tyres out" if cut.number_of_tyres_out > 0 else "tyres out"
    if metres is not None and math.isfinite(metres):
        return CutPlace(metres, fraction, f"{tyres} at {metres:,.0f} m")
    return CutPlace(metres, fraction, f"{tyres} at {fraction:.1%} of the lap" if math.isfinite(fraction) else tyres)
