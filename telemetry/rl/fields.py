"""What an observation can be made of: every field with its unit, its shape, and the scale that fits it by nature.

Besides the fields of a sample there are a few that only a driver needs: where the road goes, and where on it the car
is.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from telemetry.derived import Sample
from telemetry.schema import Field


@dataclass(frozen=True, slots=True)
class Channel:
    """One field of an observation: its value is kept in ``low`` .. ``high`` and, in a flat box, divided by ``scale``.

    All three are in the field's own unit and fixed, never running statistics, so that a policy can move between the
    demo, recordings and the game.
    """

    name: str
    scale: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is to be known of a field: its unit, its meaning and how many numbers it has; 0: as many as asked for."""

    unit: str
    meaning: str
    size: int = 1


COMPUTED: Final = MappingProxyType(
    {
        "speed": Quantity("m/s", "speed, never negative"),
        "lap_phase": Quantity("", "position on the lap as sine and cosine, which do not jump at the line", 2),
        "track_offset": Quantity("m", "distance from the centre line, + left; nothing where the track is not known"),
        "track_heading": Quantity(
            "rad", "direction of the car against that of the road, + turned left; nothing where the track is not known"
        ),
        "curvature_ahead": Quantity(
            "1/m", "curvature of the road at even distances ahead, + left; nothing where the track is not known", 0
        ),
    }
)
"""The fields that are in no sample."""

SAMPLE_FIELDS: Final = MappingProxyType(
    {
        field.name: field
        for field in Sample.FIELDS
        if field.kind != "text" and len(field.shape) < 2 and field.name not in ("timestamp", "elapsed", "sequence")
    }
)
"""The fields of a sample that an observation may hold: numbers and flags, and no time of the clock on the wall."""

CHANNELS: Final = MappingProxyType(
    {
        channel.name: channel
        for channel in (
            Channel("speed", 50.0, 0.0, 125.0),
            Channel("local_velocity_x", 10.0, -50.0, 50.0),
            Channel("local_velocity_y", 5.0, -25.0, 25.0),
            Channel("local_velocity_z", 50.0, -125.0, 125.0),
            Channel("angular_velocity_x", 1.0, -10.0, 10.0),
            Channel("angular_velocity_y", 1.0, -10.0, 10.0),
            Channel("angular_velocity_z", 1.0, -10.0, 10.0),
            Channel("acc_g_x", 2.0, -10.0, 10.0),
            Channel("acc_g_y", 2.0, -10.0, 10.0),
            Channel("acc_g_z", 2.0, -10.0, 10.0),
            Channel("rpm", 10_000.0, -1_000.0, 20_000.0),
            Channel("gear", 8.0, 0.0, 10.0),
            Channel("gas", 1.0, 0.0, 1.0),
            Channel("brake", 1.0, 0.0, 1.0),
            Channel("clutch", 1.0, 0.0, 1.0),
            Channel("steer_angle", 1.0, -1.0, 1.0),
            Channel("wheel_slip", 2.0, 0.0, 10.0),
            Channel("slip_ratio", 1.0, 0.0, 1.0),
            Channel("wheel_load", 5_000.0, 0.0, 25_000.0),
            Channel("wheel_angular_speed", 150.0, -450.0, 450.0),
            Channel("wheel_pressure", 30.0, 0.0, 60.0),
            Channel("suspension_travel", 0.1, -0.5, 0.5),
            Channel("ride_height", 0.1, -0.5, 0.5),
            Channel("lap_phase", 1.0, -1.0, 1.0),
            Channel("normalized_position", 1.0, 0.0, 1.0),
            Channel("track_offset", 10.0, -50.0, 50.0),
            Channel("track_heading", 1.0, -3.2, 3.2),
            Channel("curvature_ahead", 0.02, -0.2, 0.2),
            Channel("tyre_worn", 1.0, 0.0, 1.0),
            Channel("tyre_core_temp", 100.0, -50.0, 300.0),
            Channel("tyre_temp_inner", 100.0, -50.0, 300.0),
            Channel("tyre_temp_middle", 100.0, -50.0, 300.0),
            Channel("tyre_temp_outer", 100.0, -50.0, 300.0),
            Channel("tyre_dirty_level", 5.0, 0.0, 5.0),
            Channel("brake_temp", 500.0, -50.0, 1_500.0),
            Channel("number_of_tyres_out", 4.0, 0.0, 4.0),
            Channel("damage_level", 1.0, 0.0, 1.0),
            Channel("is_lap_valid", 1.0, 0.0, 1.0),
            Channel("wheel_lock_detected", 1.0, 0.0, 1.0),
            Channel("wheel_locked", 1.0, 0.0, 1.0),
            Channel("fuel", 100.0, 0.0, 300.0),
            Channel("pitch", 0.2, -1.6, 1.6),
            Channel("roll", 0.2, -3.2, 3.2),
            Channel("final_ff", 1.0, -6.0, 6.0),
            Channel("surface_grip", 1.0, 0.0, 1.0),
            Channel("air_temp", 50.0, -50.0, 60.0),
            Channel("road_temp", 50.0, -50.0, 100.0),
        )
    }
)
"""The channels that may be asked for by name alone. Bounds are wider than what a race car does; glitches are cut."""

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
"""What is observed unless a specification says otherwise."""


def quantity_of(name: str) -> Quantity | None:
    """What is to be known of the field of this name; None where there is none that can be observed."""
    if name in COMPUTED:
        return COMPUTED[name]
    field = SAMPLE_FIELDS.get(name)
    return None if field is None else Quantity(field.unit, field.meaning, _size_of(field))


def _size_of(field: Field) -> int:
    return field.shape[0] if field.shape else 1
