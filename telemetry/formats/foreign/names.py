"""What other programs call the fields: the table of common names, and which field a column is.

A column is a :class:`~telemetry.formats.motec.channels.Channel`, which says how its value follows from the field's.
Names are compared without regard to case, blanks, underscores and the like.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import chain
from typing import Final

from telemetry.fields.schema import Field
from telemetry.fields.selection import all_keys
from telemetry.fields.snapshot import Snapshot
from telemetry.formats.motec.channels import Channel, find_meanings
from telemetry.formats.motec.units import find_conversion

FIELDS: Final = {field.name: field for field in Snapshot.FIELDS}

WHOLE: Final = -1
"""The element of a channel whose cells hold all numbers of a field, like ``[1.5, 0.0, 20.25]``."""

_NAME_AND_UNIT: Final = re.compile(r"(.*\S)\s*[\[(]\s*([^\[\]()]+?)\s*[\])]", re.DOTALL)
_SEPARATORS: Final = re.compile(r"[\W_]+")

_WHEELS: Final = (
    ("fl", "lf", "frontleft", "leftfront"),
    ("fr", "rf", "frontright", "rightfront"),
    ("rl", "lr", "rearleft", "leftrear", "bl", "backleft"),
    ("rr", "rearright", "rightrear", "br", "backright"),
)
_ENDINGS: Final[Mapping[int, tuple[tuple[str, ...], ...]]] = {
    2: (("0", "front", "f"), ("1", "rear", "r")),
    3: (("0", "x"), ("1", "y"), ("2", "z")),
    4: tuple((str(number), *names) for number, names in enumerate(_WHEELS)),
    5: (("0", "front"), ("1", "rear"), ("2", "left"), ("3", "right"), ("4", "overall")),
}
"""What other programs call the elements of an array, by its length."""

_FIELD_UNITS: Final = {"0..1": "ratio", "fraction": "ratio", "slip ratio": "ratio", "°C": "C", "kg/m³": "kg/m3"}
"""The units of our fields that have another name in the table of units."""

_COMMON: Final = (
    ("elapsed", "s", 1.0, "time elapsed elapsed_time seconds session_time t time_s"),
    ("timestamp", "s", 1.0, "timestamp unix_time wall_time datetime date_time timestamp_s"),
    ("timestamp", "s", 1e3, "timestamp_ms unix_time_ms"),
    ("speed_kmh", "km/h", 1.0, "speed speed_kph car_speed ground_speed velocity_kmh"),
    ("speed_kmh", "km/h", 1 / 3.6, "speed_ms speed_mps"),
    ("speed_kmh", "km/h", 1 / 1.609344, "speed_mph"),
    ("gas", "ratio", 1.0, "throttle throttle_input accelerator gas_pedal"),
    ("gas", "ratio", 100.0, "throttle_pct throttle_percent"),
    ("brake", "ratio", 1.0, "brake_input brake_pedal"),
    ("brake", "ratio", 100.0, "brake_pct brake_percent"),
    ("clutch", "ratio", 1.0, "clutch_input clutch_pedal"),
    ("steer_angle", "ratio", 1.0, "steer steering steering_input steer_input"),
    ("rpm", "rpm", 1.0, "rpms engine_rpm engine_speed"),
    ("fuel", "l", 1.0, "fuel_level fuel_remaining fuel_l"),
    ("completed_laps", "", 1.0, "laps_completed lap_count laps"),
    ("current_time", "ms", 1.0, "current_time_str current_time_ms current_lap_time_ms lap_time_ms current_time_text"),
    ("current_time", "s", 1e-3, "lap_time current_lap_time laptime lap_clock"),
    ("last_time", "ms", 1.0, "last_time_str last_time_ms last_lap_time_ms last_time_text last_time"),
    ("last_time", "s", 1e-3, "last_lap_time last_lap"),
    ("best_time", "ms", 1.0, "best_time_str best_time_ms best_lap_time_ms best_time_text best_time"),
    ("best_time", "s", 1e-3, "best_lap_time best_lap"),
    ("normalized_position", "", 1.0, "normalised_position normalised_car_position track_position spline_position"),
    ("normalized_position", "", 1.0, "lap_dist_pct lap_fraction position_on_track"),
    ("distance_traveled", "m", 1.0, "distance_travelled"),
    ("world_position_x", "m", 1.0, "x pos_x position_x car_x world_x coord_x car_coord_x"),
    ("world_position_y", "m", 1.0, "y pos_y position_y car_y world_y coord_y car_coord_y"),
    ("world_position_z", "m", 1.0, "z pos_z position_z car_z world_z coord_z car_coord_z"),
    # Measured in a log of such names: x is forward (r 0.98 with the speed's change), y to the side, z up.
    ("acc_g_z", "G", 1.0, "g_force_x g_long g_longitudinal longitudinal_g g_force_long g_force_longitudinal"),
    ("acc_g_x", "G", 1.0, "g_force_y g_lat g_lateral lateral_g g_force_lat g_force_lateral"),
    ("acc_g_y", "G", 1.0, "g_force_z g_vert g_vertical vertical_g g_force_vert g_force_vertical"),
    ("angular_velocity_y", "rad/s", 1.0, "yaw_rate"),
    ("number_of_tyres_out", "", 1.0, "tyres_out tires_out num_tyres_off_track num_tires_off_track"),
    ("is_in_pit_lane", "", 1.0, "in_pit_lane pit_lane in_pits"),
    ("is_in_pit", "", 1.0, "in_pit"),
    ("air_temp", "C", 1.0, "air_temperature ambient_temp ambient_temperature"),
    ("road_temp", "C", 1.0, "road_temperature track_temp track_temperature"),
    ("car_model", "", 1.0, "car vehicle car_name"),
    ("track", "", 1.0, "track_name circuit venue"),
    ("track_configuration", "", 1.0, "layout track_config track_layout"),
    ("player_name", "", 1.0, "driver player driver_name"),
    ("tyre_compound", "", 1.0, "compound tire_compound"),
    ("tyre_core_temp", "C", 1.0, "tyre_temp tire_temp tyre_temperature tire_temperature tyre_core_temperature"),
    ("tyre_temp_inner", "C", 1.0, "tyre_temp_i tire_temp_inner"),
    ("tyre_temp_middle", "C", 1.0, "tyre_temp_m tire_temp_middle"),
    ("tyre_temp_outer", "C", 1.0, "tyre_temp_o tire_temp_outer"),
    ("wheel_pressure", "psi", 1.0, "pressure tyre_pressure tire_pressure wheels_pressure tyre_press tire_press"),
    ("brake_temp", "C", 1.0, "brake_temperature"),
    ("wheel_slip", "", 1.0, "tyre_slip tire_slip"),
    ("wheel_load", "N", 1.0, "tyre_load tire_load"),
    ("tyre_wear", "", 1.0, "tire_wear"),
    ("tyre_dirty_level", "", 1.0, "tyre_dirt tire_dirt"),
    ("suspension_travel", "m", 1.0, "sus_travel"),
)  # fmt: skip
"""A field, the unit of a column without one, its value / the field's, and the names; of arrays, without the element."""

_COUNTED_FROM_1: Final = ("lap", "lap_number", "current_lap", "lap_no")

_MOVES: Final = frozenset({"speed_kmh", "normalized_position", "world_position_x", "local_velocity_z"})
_TELL_TIME: Final = frozenset({"elapsed", "timestamp", "current_time", "packet_id"})
_MIN_FIELDS: Final = 5


def split_unit(name: str) -> tuple[str, str]:
    """The name of a column and its unit: ``Speed [km/h]`` and ``Speed (km/h)``; empty for none."""
    match = _NAME_AND_UNIT.fullmatch(name)
    if match is None or match[2].isdigit():  # wheelSlip[0]
        return name, ""
    return match[1], match[2]


def find_channel(name: str, unit: str, *, is_motec: bool = False) -> Channel | None:
    """The channel that a column of this name and unit is, or None.

    In an export of i2 its names are those of a log; elsewhere our own and the game's names go before the common ones,
    and MoTeC's come last, so that ``gear`` is the page's number.
    """
    meanings = find_meanings(name, is_ours=False)
    common = _common_channels().get(_folded(name))
    found = (*meanings, *filter(None, [common])) if is_motec else (*filter(None, [common]), *meanings)
    for channel in found:
        is_in_doubt = channel.is_unit_needed and not unit
        if not is_in_doubt and find_conversion(unit, channel.unit) is not None:
            return channel
    return None


def is_log(fields: Iterable[str]) -> bool:
    """Whether a table with these fields is the log of a drive, and no other table that names some of them."""
    known = frozenset(fields)
    return len(known) >= _MIN_FIELDS and not known.isdisjoint(_MOVES) and not known.isdisjoint(_TELL_TIME)


def cell_channels() -> Mapping[str, Channel]:
    """The channel of every name that a cell of a raw field has in our own tables."""
    return _own_cells()


def _folded(name: str) -> str:
    return _SEPARATORS.sub("", name.casefold())


@cache
def _common_channels() -> Mapping[str, Channel]:
    """The channels of raw fields by their names without case and separators."""
    found: dict[str, Channel] = {}
    for name, channel in chain(_own_cells().items(), _own_arrays()):
        found.setdefault(_folded(name), channel)
    # The text of the lap clock is the clock, where no number is.
    for name, field in (("currentTime", "current_time"), ("lastTime", "last_time"), ("bestTime", "best_time")):
        found[_folded(name)] = Channel(name, "ms", field)
    for field, unit, factor, names in _COMMON:
        for name in names.split():
            for ending, element in _elements(FIELDS[field]):
                channel = Channel(name + ending, unit, field, element, factor)
                found[_folded(name + ending)] = channel
    for name in _COUNTED_FROM_1:
        found[_folded(name)] = Channel(name, "", "completed_laps", shift=1.0)
    return found


@cache
def _own_cells() -> Mapping[str, Channel]:
    """Our names, and the game's, of every number of the raw fields."""
    found: dict[str, Channel] = {}
    for key, fields in all_keys().items():
        if fields[0].group == "derived":
            continue
        if len(fields) == 1:
            for ending, element in _elements(fields[0]):
                found[f"{key}_{ending}" if ending else key] = _own(key, fields[0], element)
        else:
            for field, endings in zip(fields, _ENDINGS[len(fields)], strict=True):
                found |= {f"{key}_{ending}": _own(key, field, ()) for ending in endings}
    return found


def _own_arrays() -> Iterator[tuple[str, Channel]]:
    """The names of whole arrays, whose cells hold lists, under the first of their fields."""
    for key, fields in all_keys().items():
        if fields[0].group != "derived" and (len(fields) > 1 or len(fields[0].shape) == 1):
            yield key, _own(key, fields[0], (WHOLE,))


def _own(name: str, field: Field, element: tuple[int, ...]) -> Channel:
    return Channel(name, _FIELD_UNITS.get(field.unit, field.unit), field.name, element)


def _elements(field: Field) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The endings of a name for each number of a field, and its place."""
    endings: list[tuple[str, tuple[int, ...]]] = [("", ())]
    for length in field.shape:
        endings = [
            (f"{ending}_{name}" if ending else name, (*element, number))
            for ending, element in endings
            for number, names in enumerate(_ENDINGS[length])
            for name in names
        ]
    yield from endings


def vector_fields(channel: Channel) -> tuple[str, ...]:
    """The fields that the lists in the cells of such a channel hold, one each; or the one that is an array."""
    fields = all_keys()[channel.name]
    return tuple(field.name for field in fields)
