"""The table of channels: the names of ACTI, of MoTeC and of others for our fields, with their signs and units.

It is read in both directions: a sink writes channels by it, and the reader of a log finds fields by it. ACTI's signs
were measured against the game's pages (``docs/motec.md``) unless the table says otherwise.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, get_args

from telemetry.fields.derived import Sample
from telemetry.fields.schema import Field
from telemetry.fields.snapshot import Snapshot

Names = Literal["acti", "motec", "ours"]
"""Whose names the channels of a log have: those of ACTI, those that MoTeC's own loggers use, or our field names."""

NAMES: Final[tuple[Names, ...]] = get_args(Names)

_FIELDS: Final = {field.name: field for field in Sample.FIELDS}

WHEELS: Final = ("FL", "FR", "RL", "RR")
MAX_NAME_LENGTH: Final = 32
MAX_UNIT_LENGTH: Final = 12

_DEGREES: Final = 180.0 / math.pi
_METRES_PER_DEGREE: Final = 111_320.0
"""Of latitude, and of longitude at the equator."""

_ELEMENT_NAMES: Final = {
    2: ("front", "rear"),
    3: ("x", "y", "z"),
    4: ("fl", "fr", "rl", "rr"),
    5: ("front", "rear", "left", "right", "overall"),
}
"""The names of the elements of an array, by its length, as in CSV."""

_UNITS: Final = frozenset({
    "s", "ms", "m", "mm", "km/h", "m/s", "g", "N", "psi", "rad/s", "%", "C", "rad", "deg", "bar", "kg", "kg/m3", "kJ",
    "J", "l", "rpm", "Nm", "W",
})  # fmt: skip
"""The units of ours that are units to MoTeC; others, like 0..1 and enum, say what a number means."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel and the field that it shows: ``channel = field * factor + shift``."""

    name: str
    unit: str
    """In ASCII; empty for a number without one."""
    field: str
    element: tuple[int, ...] = ()
    """The place in a field that is an array."""
    factor: float = 1.0
    shift: float = 0.0
    is_read: bool = True
    """Whether the field is taken from a log with this channel; false where the channel may mean something else there,
    and for derived fields, which are computed again."""
    is_unit_needed: bool = False
    """Whether a channel without a unit is not this one."""
    is_measured: bool = True
    """Whether name, sign and unit are known from logs or from readers; else by MoTeC's habits."""

    @property
    def formula(self) -> str:
        """How its value follows from that of the field, like ``-field x 57.2958``."""
        sign = "-" if self.factor < 0.0 else ""
        factor = "" if abs(self.factor) == 1.0 else f" x {abs(self.factor):.6g}"
        shift = f" {self.shift:+g}" if self.shift else ""
        return f"{sign}field{factor}{shift}"

    @property
    def origin(self) -> str:
        """How sign and unit are known, for a person."""
        return "measured" if self.is_measured else "by its name"


def _each_wheel(name: str, unit: str, field: str, factor: float = 1.0, *, is_measured: bool = True) -> list[Channel]:
    return [
        Channel(f"{name} {wheel}", unit, field, (number,), factor, is_measured=is_measured)
        for number, wheel in enumerate(WHEELS)
    ]


_ACTI: Final = (
    Channel("Ground Speed", "km/h", "speed_kmh"),
    Channel("Engine RPM", "rpm", "rpm"),
    Channel("Throttle Pos", "%", "gas", factor=100.0),
    Channel("Brake Pos", "%", "brake", factor=100.0),
    Channel("Clutch Pos", "%", "clutch", factor=100.0),
    Channel("Gear", "", "gear", shift=-1.0),
    Channel("Steering Angle", "deg", "steer_degrees"),
    Channel("Steering Angle", "%", "steer_angle", factor=100.0, is_unit_needed=True),  # where the lock is not known
    Channel("Car Coord X", "m", "world_position_x", factor=-1.0),
    Channel("Car Coord Y", "m", "world_position_z"),
    Channel("Car Coord Z", "m", "world_position_y"),
    Channel("Car Pos Norm", "", "normalized_position"),
    Channel("Lap Time", "s", "current_time", factor=1e-3),
    Channel("Last Lap Time", "s", "last_time", factor=1e-3),
    Channel("Best Lap Time", "s", "best_time", factor=1e-3),
    Channel("Best Lap Delta", "s", "performance_meter", is_measured=False),
    Channel("Last Sector Time", "s", "last_sector_time", factor=1e-3),
    Channel("Session Lap Count", "", "completed_laps"),
    Channel("Session Time Left", "s", "session_time_left", factor=1e-3),
    Channel("Lap Invalidated", "", "is_lap_valid", factor=-1.0, shift=1.0),
    Channel("Num Tires Off Track", "", "number_of_tyres_out"),
    Channel("In Pit", "", "is_in_pit", is_measured=False),
    Channel("Position", "", "position", is_measured=False),
    Channel("Flags", "", "flag", is_measured=False),
    Channel("CG Accel Lateral", "G", "acc_g_x"),
    Channel("CG Accel Vertical", "G", "acc_g_y"),
    Channel("CG Accel Longitudinal", "G", "acc_g_z"),
    Channel("Chassis Velocity X", "m/s", "local_velocity_z"),
    Channel("Chassis Velocity Y", "m/s", "local_velocity_x", factor=-1.0),
    Channel("Chassis Velocity Z", "m/s", "local_velocity_y", is_measured=False),
    Channel("Chassis Yaw Rate", "deg/s", "angular_velocity_y", factor=-_DEGREES),
    Channel("Chassis Pitch Rate", "deg/s", "angular_velocity_x", factor=-_DEGREES, is_measured=False),
    Channel("Chassis Roll Rate", "deg/s", "angular_velocity_z", factor=_DEGREES, is_measured=False),
    Channel("Chassis Pitch Angle", "deg", "pitch", factor=_DEGREES),
    Channel("Chassis Roll Angle", "deg", "roll", factor=-_DEGREES),
    Channel("CG Height", "mm", "cg_height", factor=1e3),
    Channel("Fuel Level", "l", "fuel"),
    Channel("Max Fuel", "l", "max_fuel", is_measured=False),
    Channel("Brake Bias", "%", "brake_bias", factor=100.0, is_measured=False),
    Channel("Turbo Boost", "bar", "turbo_boost", is_measured=False),
    Channel("Air Temp", "C", "air_temp", is_measured=False),
    Channel("Road Temp", "C", "road_temp", is_measured=False),
    Channel("Air Density", "kg/m3", "air_density", is_measured=False),
    Channel("Wind Speed", "km/h", "wind_speed", is_measured=False),
    Channel("Wind Direction", "deg", "wind_direction", is_measured=False),
    Channel("Surface Grip", "%", "surface_grip", factor=100.0, is_measured=False),
    Channel("DRS Active", "", "drs", is_measured=False),
    Channel("DRS Available", "", "drs_available", is_measured=False),
    Channel("KERS Charge", "%", "kers_charge", factor=100.0, is_measured=False),
    Channel("KERS Input", "%", "kers_input", factor=100.0, is_measured=False),
    Channel("Force Feedback", "%", "final_ff", factor=100.0, is_measured=False),
    # Not the damage setting: assetto_corsa_gym's laps have the force feedback in this channel.
    Channel("AID Mech Damage", "%", "final_ff", factor=100.0, is_read=False),
    *_each_wheel("Tire Pressure", "psi", "wheel_pressure"),
    *_each_wheel("Tire Temp Core", "C", "tyre_core_temp"),
    *_each_wheel("Tire Temp Inner", "C", "tyre_temp_inner"),
    *_each_wheel("Tire Temp Middle", "C", "tyre_temp_middle"),
    *_each_wheel("Tire Temp Outer", "C", "tyre_temp_outer"),
    *_each_wheel("Tire Load", "N", "wheel_load"),
    *_each_wheel("Tire Slip Ratio", "%", "slip_ratio", 100.0),
    *_each_wheel("Tire Rubber Grip", "%", "tyre_wear"),
    *_each_wheel("Tire Dirt Level", "", "tyre_dirty_level", is_measured=False),
    *_each_wheel("Tire Radius", "mm", "tyre_radius", 1e3, is_measured=False),
    *_each_wheel("Wheel Angular Speed", "rad/s", "wheel_angular_speed"),
    *_each_wheel("Suspension Travel", "mm", "suspension_travel", 1e3, is_measured=False),
    *_each_wheel("Max Sus Travel", "mm", "suspension_max_travel", 1e3, is_measured=False),
    *_each_wheel("Camber", "deg", "camber_rad", _DEGREES, is_measured=False),
    *_each_wheel("Brake Temp", "C", "brake_temp", is_measured=False),
    *(
        Channel(f"Ride Height {wheel}", "mm", "ride_height", (number // 2,), 1e3, is_measured=False)
        for number, wheel in enumerate(WHEELS)
    ),
)

SLIP_ANGLES: Final = tuple(
    Channel(f"Tire Slip Angle {wheel}", "deg", "tire_slip_angle", (number,), is_read=False)
    for number, wheel in enumerate(WHEELS)
)
"""What is no field of ours, and computed for a log with ACTI's names (:mod:`telemetry.formats.motec.slip_angle`)."""

_MOTEC: Final = (
    Channel("G Force Lat", "G", "acc_g_x", is_measured=False),
    Channel("G Force Vert", "G", "acc_g_y", is_measured=False),
    Channel("G Force Long", "G", "acc_g_z", is_measured=False),
    Channel("Lap Distance", "m", "lap_distance", is_measured=False),
)
"""Names by which i2's own maths and track maps go, in the place of ACTI's."""

_GPS: Final = (
    # A plane around 0 degrees north, 0 east, where 32 bits show a tenth of a millimetre; the world's +z is north.
    Channel(
        "GPS Latitude", "deg", "world_position_z", factor=1.0 / _METRES_PER_DEGREE, is_read=False, is_measured=False
    ),
    Channel(
        "GPS Longitude", "deg", "world_position_x", factor=-1.0 / _METRES_PER_DEGREE, is_read=False, is_measured=False
    ),
)
"""The position once more, as i2's track map takes it; a log of another place is not read by it."""

_OTHERS: Final = (
    Channel("SPEED", "km/h", "speed_kmh"),
    Channel("THROTTLE", "%", "gas", factor=100.0),
    Channel("BRAKE", "%", "brake", factor=100.0),
    Channel("CLUTCH", "%", "clutch", factor=100.0, is_measured=False),
    Channel("GEAR", "", "gear", shift=-1.0, is_measured=False),
    Channel("RPMS", "rpm", "rpm"),
    Channel("G_LAT", "G", "acc_g_x", is_measured=False),
    Channel("G_LON", "G", "acc_g_z", is_measured=False),
    *(
        Channel(f"{name}_{wheel}", unit, field, (number,), factor, is_measured=False)
        for name, unit, field, factor in (
            ("SUS_TRAVEL", "mm", "suspension_travel", 1e3),
            ("BRAKE_TEMP", "C", "brake_temp", 1.0),
            ("TYRE_PRESS", "psi", "wheel_pressure", 1.0),
        )
        for number, wheel in enumerate(("LF", "RF", "LR", "RR"))
    ),
    Channel("Engine Speed", "rpm", "rpm"),
    Channel("Throttle Position", "%", "gas", factor=100.0),
)
"""What Assetto Corsa Competizione and MoTeC's loggers call them; read and never written."""

_LEFT_OUT: Final = frozenset({
    "packet_id", "graphics_packet_id", "physics_steps", "run",
    "tyre_contact_point", "tyre_contact_normal", "tyre_contact_heading", "velocity_x", "velocity_y", "velocity_z",
})  # fmt: skip
"""Fields that a log has only if they are asked for: counters, and vectors in the world, a third of all numbers."""

_STATIC: Final = frozenset({"max_fuel", "max_rpm", "tyre_radius", "suspension_max_travel", "sector_count"})
"""Fields that never change and are in a log all the same, because ACTI has them or laps are told by them."""


def default_fields() -> tuple[str, ...]:
    """The fields that a log holds where none are asked for."""
    return tuple(
        field.name
        for field in Sample.FIELDS
        if _has_channel(field) and field.name not in _LEFT_OUT and (field.group != "static" or field.name in _STATIC)
    )


def channels_for(fields: Iterable[str], names: Names) -> list[Channel]:
    """The channels that show these fields, under names of this kind; texts have none.

    A field that has no name of the kind has ours, so that nothing is lost. Two channels can have the same name: then
    the second one is for a log in which the first one holds nothing.
    """
    table = _by_field(names)
    return [channel for name in dict.fromkeys(fields) for channel in table.get(name, ())]


@cache
def _by_field(names: Names) -> Mapping[str, tuple[Channel, ...]]:
    """The channels of every field."""
    replaced = {channel.field for channel in _MOTEC}
    preferred = {
        "acti": _ACTI,
        "motec": (*_MOTEC, *_GPS, *(channel for channel in _ACTI if channel.field not in replaced)),
        "ours": (),
    }[names]
    found: dict[str, list[Channel]] = {}
    for channel in preferred:
        found.setdefault(channel.field, []).append(channel)
    for field in Sample.FIELDS:
        if _has_channel(field):
            found.setdefault(field.name, own_channels(field))
    return {name: tuple(channels) for name, channels in found.items()}


def _has_channel(field: Field) -> bool:
    """Whether a field can be a channel: no text, and no time or number of a sample, which follow from its place."""
    return field.dtype != "text" and field.group != "sample"


def own_channels(field: Field) -> list[Channel]:
    """The channels of a field under our names, like ``tyre_wear_fl``, with its numbers as they are."""
    elements: list[tuple[tuple[int, ...], str]] = [((), field.name)]
    for length in field.shape:
        names = _ELEMENT_NAMES[length]
        elements = [
            ((*element, number), f"{name}_{names[number]}") for element, name in elements for number in range(length)
        ]
    unit = _ascii_unit(field.unit)
    return [Channel(name, unit, field.name, element) for element, name in elements]


def _ascii_unit(unit: str) -> str:
    """A unit of ours as a log has it: readers of logs lose letters beyond ASCII, and not all of ours are units."""
    unit = unit.replace("°C", "C").replace("m³", "m3")
    return unit if unit in _UNITS else ""


def describe_channels(fields: Iterable[str]) -> list[tuple[str, str, str, str, str, str]]:
    """A row of the table for each channel of these fields that has another name than ours.

    Name, unit, field, how its value follows from the field's, whose name it is, and how that is known.
    """
    wanted = dict.fromkeys(fields)
    tables = (("acti", _ACTI), ("motec", (*_MOTEC, *_GPS)), ("read only", _OTHERS))
    return [
        (channel.name, channel.unit, _element_name(channel), channel.formula, names, channel.origin)
        for names, table in tables
        for channel in table
        if channel.field in wanted
    ]


def _element_name(channel: Channel) -> str:
    own = {one.element: one.name for one in own_channels(_FIELDS[channel.field])}
    return own[channel.element]


def find_meanings(name: str, *, is_ours: bool) -> tuple[Channel, ...]:
    """The channels that one of this name can be; ``is_ours`` says that we have written the log.

    Others' names are found without regard to case. Ours are looked for in our logs alone: others too have a channel
    ``gear``, and in ours 1 is neutral.
    """
    own = _own_channels().get(name, ()) if is_ours else ()
    return own or _foreign_channels().get(name.casefold(), ())


def shows_derived_field(name: str) -> bool:
    """Whether a channel of this name shows what is computed from others again."""
    return name in _derived_names()


@cache
def _own_channels() -> Mapping[str, tuple[Channel, ...]]:
    fields = (field for field in Snapshot.FIELDS if _has_channel(field))
    return {channel.name: (channel,) for field in fields for channel in own_channels(field)}


@cache
def _foreign_channels() -> Mapping[str, tuple[Channel, ...]]:
    """The channels of raw fields under the names of others, in lower case."""
    found: dict[str, list[Channel]] = {}
    for channel in (*_ACTI, *_MOTEC, *_OTHERS):
        if channel.is_read and channel.field in Snapshot.INDEX:
            found.setdefault(channel.name.casefold(), []).append(channel)
    return {name: tuple(channels) for name, channels in found.items()}


@cache
def _derived_names() -> frozenset[str]:
    derived = (field for field in Sample.FIELDS if field.group == "derived" and field.dtype != "text")
    own = (channel for field in derived for channel in own_channels(field))
    named = (channel for channel in (*_ACTI, *SLIP_ANGLES, *_MOTEC) if channel.field not in Snapshot.INDEX)
    return frozenset(channel.name for channel in (*own, *named)) - {
        channel.name for channel in _ACTI if channel.is_unit_needed
    }
