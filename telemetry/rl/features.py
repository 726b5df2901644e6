"""Features of an observation: the fields of a sample and some computed ones, with their default scales and bounds.

Computed features are what only a driver needs: the course of the road, and the position of the car on it.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from telemetry.fields.derived import Sample


@dataclass(frozen=True, slots=True)
class Feature:
    """One field of an observation, clipped to ``low`` .. ``high`` and, in a flat box, divided by ``scale``.

    All three are in the unit of the field. They are constants, never running statistics, so that a policy can move
    between the demo, recordings and the game.
    """

    name: str
    scale: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class FeatureInfo:
    """Unit and meaning of a field."""

    unit: str
    meaning: str
    size: int = 1
    """How many numbers it has; 0: as many as the specification asks for."""


COMPUTED_FEATURES: Final = MappingProxyType(
    {
        "speed": FeatureInfo("m/s", "speed, never negative"),
        "lap_phase": FeatureInfo(
            "", "position on the track's spline as sine and cosine, which do not jump; missing without a spline", 2
        ),
        "track_offset": FeatureInfo("m", "distance from the centre line, + left; missing on an unknown track"),
        "track_heading": FeatureInfo(
            "rad", "direction of the car relative to the road, + turned left; missing on an unknown track"
        ),
        "curvature_ahead": FeatureInfo(
            "1/m", "curvature of the road at equal distances ahead, + left; missing on an unknown track", 0
        ),
    }
)
"""Features that are computed from a sample and a map of the track."""

SAMPLE_FIELDS: Final = MappingProxyType(
    {
        field.name: field
        for field in Sample.FIELDS
        if field.dtype != "text" and len(field.shape) < 2 and field.name not in ("timestamp", "elapsed", "sequence")
    }
)
"""The fields of a sample that can be observed: numbers and flags, but no wall clock."""


def _in_valid_range(name: str, scale: float) -> Feature:
    """The feature of a field whose bounds are those that it declares."""
    valid_range = SAMPLE_FIELDS[name].valid_range
    if valid_range is None:
        raise TypeError(f"{name} declares no valid range")
    return Feature(name, scale, *map(float, valid_range))


FEATURES: Final = MappingProxyType(
    {
        feature.name: feature
        for feature in (
            Feature("speed", 50.0, 0.0, 125.0),
            Feature("local_velocity_x", 10.0, -50.0, 50.0),
            Feature("local_velocity_y", 5.0, -25.0, 25.0),
            Feature("local_velocity_z", 50.0, -125.0, 125.0),
            Feature("angular_velocity_x", 1.0, -10.0, 10.0),
            Feature("angular_velocity_y", 1.0, -10.0, 10.0),
            Feature("angular_velocity_z", 1.0, -10.0, 10.0),
            Feature("acc_g_x", 2.0, -10.0, 10.0),
            Feature("acc_g_y", 2.0, -10.0, 10.0),
            Feature("acc_g_z", 2.0, -10.0, 10.0),
            Feature("rpm", 10_000.0, -1_000.0, 20_000.0),
            _in_valid_range("gear", 8.0),
            _in_valid_range("gas", 1.0),
            _in_valid_range("brake", 1.0),
            _in_valid_range("clutch", 1.0),
            _in_valid_range("steer_angle", 1.0),
            Feature("wheel_slip", 2.0, 0.0, 10.0),
            _in_valid_range("slip_ratio", 1.0),
            Feature("longitudinal_slip", 1.0, -2.0, 30.0),
            Feature("wheel_load", 5_000.0, 0.0, 25_000.0),
            Feature("wheel_angular_speed", 150.0, -450.0, 450.0),
            Feature("wheel_pressure", 30.0, 0.0, 60.0),
            Feature("suspension_travel", 0.1, -0.5, 0.5),
            Feature("ride_height", 0.1, -0.5, 0.5),
            Feature("lap_phase", 1.0, -1.0, 1.0),
            _in_valid_range("normalized_position", 1.0),
            Feature("track_offset", 10.0, -50.0, 50.0),
            Feature("track_heading", 1.0, -3.2, 3.2),
            Feature("curvature_ahead", 0.02, -0.2, 0.2),
            _in_valid_range("tyre_worn", 1.0),
            Feature("tyre_core_temp", 100.0, -50.0, 300.0),
            Feature("tyre_temp_inner", 100.0, -50.0, 300.0),
            Feature("tyre_temp_middle", 100.0, -50.0, 300.0),
            Feature("tyre_temp_outer", 100.0, -50.0, 300.0),
            Feature("tyre_dirty_level", 5.0, 0.0, 5.0),
            Feature("brake_temp", 500.0, -50.0, 1_500.0),
            _in_valid_range("number_of_tyres_out", 4.0),
            _in_valid_range("damage_level", 1.0),
            Feature("is_lap_valid", 1.0, 0.0, 1.0),
            Feature("wheel_lock_detected", 1.0, 0.0, 1.0),
            Feature("wheel_locked", 1.0, 0.0, 1.0),
            Feature("fuel", 100.0, 0.0, 300.0),
            Feature("pitch", 0.2, -1.6, 1.6),
            Feature("roll", 0.2, -3.2, 3.2),
            Feature("final_ff", 1.0, -6.0, 6.0),
            Feature("surface_grip", 1.0, 0.0, 1.0),
            Feature("air_temp", 50.0, -50.0, 60.0),
            Feature("road_temp", 50.0, -50.0, 100.0),
        )
    }
)
"""Features that need only a name. Bounds are wider than the values of a race car; glitches are clipped."""

DEFAULT_FIELDS: Final = (
    "speed",
    "local_velocity_x",
    "angular_velocity_y",
    "acc_g_x",
    "acc_g_z",
    "rpm",
    "gear",
    "gas",
    "brake",
    "steer_angle",
    "wheel_slip",
    "number_of_tyres_out",
    "tyre_worn",
    "tyre_core_temp",
    "lap_phase",
    "track_offset",
    "track_heading",
    "curvature_ahead",
)
"""The fields of the default specification."""


def feature_info(name: str) -> FeatureInfo | None:
    """Unit, meaning and size of the field of this name; None if no such field can be observed."""
    if name in COMPUTED_FEATURES:
        return COMPUTED_FEATURES[name]
    field = SAMPLE_FIELDS.get(name)
    return None if field is None else FeatureInfo(field.unit, field.meaning, field.shape[0] if field.shape else 1)
