"""The declaration of every raw field, and the conversion from page bytes to a snapshot and back.

This is the only place that names the game's fields. The field table, the JSON schema, columns, typed attributes,
interpolation and valid ranges are read off it; offsets and types are read off the structures in ``ac_native_memory``.
"""

import math
from functools import cache
from itertools import chain
from typing import Annotated, Any, NamedTuple

from ac_native_memory import Pages
from telemetry.fields.codec import PageCodec
from telemetry.fields.schema import DamageZones, Row, Wheels, WheelVectors, graphics, physics, sample, static


class Snapshot(Row):
    """The decoded pages at one time, every value as the game wrote it (float32 values as their shortest decimal).

    Wheels are front left, front right, rear left, rear right. Car-local axes are x left, y up, z forward; the world's y
    points up.
    """

    __slots__ = ()

    timestamp: Annotated[float, sample("s", "Unix time of the copy, by the computer's clock", interpolation="time")]
    elapsed: Annotated[
        float,
        sample("s", "time since the source was opened, by a clock that nobody sets", interpolation="time"),
    ]
    sequence: Annotated[int, sample("count", "0-based count of the samples of this run")]

    packet_id: Annotated[
        int, physics("packetId", "count", "physics step: 0 at session load, +1 per 3 ms, frozen in pause and replay")
    ]
    gas: Annotated[float, physics("gas", "0..1", "throttle pedal after the game's filters", valid_range=(0.0, 1.0))]
    brake: Annotated[float, physics("brake", "0..1", "brake pedal, not pressure", valid_range=(0.0, 1.0))]
    fuel: Annotated[float, physics("fuel", "l", "fuel left in the tank", valid_range=(0.0, 10_000.0))]
    gear: Annotated[
        int,
        physics(  # the game takes as many gears as a car's data name: trucks have up to 18
            "gear", "enum", "0 reverse, 1 neutral, 2 first, ...; neutral while a shift lasts", valid_range=(0, 32)
        ),
    ]
    rpm: Annotated[int, physics("rpms", "rpm", "engine speed; can be briefly negative", valid_range=(-10_000, 100_000))]
    steer_angle: Annotated[
        float,
        physics(
            "steerAngle",
            "-1..1",
            "steering as a fraction of the car's full lock, + right; not degrees",
            valid_range=(-1.0, 1.0),
        ),
    ]
    speed_kmh: Annotated[
        float, physics("speedKmh", "km/h", "speed, never negative, also in reverse", valid_range=(0.0, 2000.0))
    ]
    velocity_x: Annotated[float, physics("velocity", "m/s", "velocity along the world's x", component=0)]
    velocity_y: Annotated[float, physics("velocity", "m/s", "velocity along the world's y, upwards", component=1)]
    velocity_z: Annotated[float, physics("velocity", "m/s", "velocity along the world's z", component=2)]
    acc_g_x: Annotated[
        float,
        physics("accG", "g", "lateral acceleration, + left; no gravity", component=0, valid_range=(-1e4, 1e4)),
    ]
    acc_g_y: Annotated[
        float, physics("accG", "g", "vertical acceleration, + up; 0 at rest", component=1, valid_range=(-1e4, 1e4))
    ]
    acc_g_z: Annotated[
        float,
        physics(
            "accG",
            "g",
            "longitudinal acceleration, + forward; braking is negative",
            component=2,
            valid_range=(-1e4, 1e4),
        ),
    ]
    wheel_slip: Annotated[
        Wheels, physics("wheelSlip", "1 = peak", "combined slip over that at peak grip; locked about 10, in the air 0")
    ]
    wheel_load: Annotated[Wheels, physics("wheelLoad", "N", "vertical tyre load")]
    wheel_pressure: Annotated[Wheels, physics("wheelsPressure", "psi", "tyre pressure now, hot")]
    wheel_angular_speed: Annotated[
        Wheels, physics("wheelAngularSpeed", "rad/s", "wheel speed, negative in reverse, 0 locked")
    ]
    tyre_wear: Annotated[
        Wheels, physics("tyreWear", "%", "grip multiplier: 100 is best; a whole life takes 2 to 20 units off")
    ]
    tyre_dirty_level: Annotated[Wheels, physics("tyreDirtyLevel", "0..5", "dirt picked up beside the track; 0 clean")]
    tyre_core_temp: Annotated[Wheels, physics("tyreCoreTemperature", "°C", "tyre core temperature")]
    camber_rad: Annotated[Wheels, physics("camberRAD", "rad", "camber; left and right have opposite signs")]
    suspension_travel: Annotated[
        Wheels, physics("suspensionTravel", "m", "travel, on double wishbones from the bump stop; may pass the maximum")
    ]
    drs: Annotated[float, physics("drs", "0/1", "1: the wing is open", interpolation="held")]
    tc: Annotated[
        float,
        physics(
            "tc",
            "slip ratio",
            "slip limit of the chosen traction control level, 0 off; not its activity",
            interpolation="held",
        ),
    ]
    heading: Annotated[
        float,
        physics(
            "heading",
            "rad",
            "-pi..pi, 0 facing the world's +z, + turned right",
            interpolation="angle_rad",
            valid_range=(-3.1416, 3.1416),
        ),
    ]
    pitch: Annotated[
        float, physics("pitch", "rad", "+ nose up", interpolation="angle_rad", valid_range=(-1.5709, 1.5709))
    ]
    roll: Annotated[
        float, physics("roll", "rad", "+ left side down", interpolation="angle_rad", valid_range=(-3.1416, 3.1416))
    ]
    cg_height: Annotated[float, physics("cgHeight", "m", "height of the centre of gravity above the ground")]
    car_damage: Annotated[
        DamageZones,
        physics(
            "carDamage",
            "km/h",
            "worst hit x damage rate: front, rear, left, right, overall maximum; 100 is full",
            interpolation="held",
        ),
    ]
    number_of_tyres_out: Annotated[
        int,
        physics(
            "numberOfTyresOut",
            "count",
            "tyres off the valid surface now; forced to 0 for 5 s after a hit",
            valid_range=(0, 4),
        ),
    ]
    pit_limiter_on: Annotated[
        int, physics("pitLimiterOn", "0/1", "1 only while the limiter cuts, not while its button is on")
    ]
    abs_setting: Annotated[
        float,
        physics(
            "abs", "slip ratio", "slip limit of the chosen ABS level, 0 off; not its activity", interpolation="held"
        ),
    ]
    kers_charge: Annotated[float, physics("kersCharge", "0..1", "charge of the battery")]
    kers_input: Annotated[float, physics("kersInput", "0..1", "deployment asked for")]
    auto_shifter_on: Annotated[int, physics("autoShifterOn", "0/1", "the automatic gearbox aid is on")]
    ride_height: Annotated[tuple[float, float], physics("rideHeight", "m", "front, rear; updated once per frame")]
    turbo_boost: Annotated[float, physics("turboBoost", "bar", "boost now")]
    ballast: Annotated[float, physics("ballast", "kg", "ballast carried", interpolation="held")]
    air_density: Annotated[float, physics("airDensity", "kg/m³", "density of the air")]
    air_temp: Annotated[float, physics("airTemp", "°C", "temperature of the air", valid_range=(-60.0, 80.0))]
    road_temp: Annotated[float, physics("roadTemp", "°C", "temperature of the road", valid_range=(-60.0, 120.0))]
    angular_velocity_x: Annotated[
        float, physics("localAngularVel", "rad/s", "pitch rate, about the car's left axis", component=0)
    ]
    angular_velocity_y: Annotated[
        float, physics("localAngularVel", "rad/s", "yaw rate, + turning left: minus d(heading)/dt", component=1)
    ]
    angular_velocity_z: Annotated[
        float, physics("localAngularVel", "rad/s", "roll rate, about the car's forward axis", component=2)
    ]
    final_ff: Annotated[float, physics("finalFF", "fraction", "force feedback after filters; can pass -1 and 1")]
    performance_meter: Annotated[
        float, physics("performanceMeter", "s", "live difference to the best lap", interpolation="linear_per_lap")
    ]
    engine_brake: Annotated[int, physics("engineBrake", "level", "engine brake setting")]
    ers_recovery_level: Annotated[int, physics("ersRecoveryLevel", "level", "energy recovery setting")]
    ers_power_level: Annotated[int, physics("ersPowerLevel", "level", "energy deployment setting")]
    ers_heat_charging: Annotated[int, physics("ersHeatCharging", "0/1", "heat recovery feeds 0 motor, 1 battery")]
    ers_is_charging: Annotated[int, physics("ersIsCharging", "0/1", "the battery is charging")]
    kers_current_kj: Annotated[
        float, physics("kersCurrentKJ", "kJ", "energy deployed in this lap", interpolation="linear_per_lap")
    ]
    drs_available: Annotated[int, physics("drsAvailable", "0/1", "the wing may be opened here")]
    drs_enabled: Annotated[int, physics("drsEnabled", "0/1", "the wing is enabled")]
    brake_temp: Annotated[
        Wheels, physics("brakeTemp", "°C", "brake disc; the air's temperature on cars without a brake model")
    ]
    clutch: Annotated[
        float,
        physics(
            "clutch",
            "0..1",
            "1 engaged (pedal up), 0 pedal down; 0 in shifts and at rest with auto-clutch",
            valid_range=(0.0, 1.0),
        ),
    ]
    tyre_temp_inner: Annotated[Wheels, physics("tyreTempI", "°C", "tread, inner third")]
    tyre_temp_middle: Annotated[Wheels, physics("tyreTempM", "°C", "tread, middle third")]
    tyre_temp_outer: Annotated[Wheels, physics("tyreTempO", "°C", "tread, outer third")]
    is_ai_controlled: Annotated[int, physics("isAIControlled", "0/1", "the autopilot drives")]
    tyre_contact_point: Annotated[
        WheelVectors, physics("tyreContactPoint", "m", "where each tyre meets the road, world x y z")
    ]
    tyre_contact_normal: Annotated[
        WheelVectors, physics("tyreContactNormal", "unit vector", "the road's normal under each tyre, world x y z")
    ]
    tyre_contact_heading: Annotated[
        WheelVectors,
        physics("tyreContactHeading", "unit vector", "each tyre's direction, world x y z; points BACKWARDS"),
    ]
    brake_bias: Annotated[
        float,
        physics("brakeBias", "0..1", "front share of the brake force", interpolation="held", valid_range=(0.0, 1.0)),
    ]
    local_velocity_x: Annotated[float, physics("localVelocity", "m/s", "velocity to the car's left", component=0)]
    local_velocity_y: Annotated[float, physics("localVelocity", "m/s", "velocity to the car's up", component=1)]
    local_velocity_z: Annotated[float, physics("localVelocity", "m/s", "velocity forward", component=2)]
    p2p_activations: Annotated[int, physics("P2PActivations", "count", "push-to-pass activations left")]
    p2p_status: Annotated[
        int, physics("P2PStatus", "enum", "push-to-pass: 1 not available, 2 available, 3 active; 0 or 1 without (open)")
    ]
    current_max_rpm: Annotated[int, physics("currentMaxRpm", "rpm", "where the limiter is now; updated per frame")]

    graphics_packet_id: Annotated[
        int, graphics("packetId", "count", "+2 per drawn frame; starts again with the game; unlike the physics one")
    ]
    status: Annotated[
        int,
        graphics(
            "status", "enum", "0 off, 1 replay, 2 live, 3 pause; a crash of the game leaves 2", valid_range=(0, 3)
        ),
    ]
    session: Annotated[
        int,
        graphics(
            "session",
            "enum",
            "-1 unknown, 0 practice, 1 qualify, 2 race, 3 hotlap, 4 time attack, 5 drift, 6 drag",
            valid_range=(-1, 6),
        ),
    ]
    current_time_text: Annotated[str, graphics("currentTime", "m:ss:mmm", "time of this lap")]
    last_time_text: Annotated[str, graphics("lastTime", "m:ss:mmm", "time of the last lap, -:--:--- if none")]
    best_time_text: Annotated[str, graphics("bestTime", "m:ss:mmm", "best valid lap, -:--:--- if none")]
    split_text: Annotated[str, graphics("split", "text", "last split with one decimal, one blank if none")]
    completed_laps: Annotated[
        int,
        graphics(
            "completedLaps",
            "count",
            "laps completed, invalid ones too; 0 again after a restart",
            valid_range=(0, 100_000),
        ),
    ]
    position: Annotated[int, graphics("position", "rank", "1-based; -1 when unknown")]
    current_time: Annotated[
        int, graphics("iCurrentTime", "ms", "time of this lap, in 3 ms steps", valid_range=(0, 2**31 - 1))
    ]
    last_time: Annotated[
        int, graphics("iLastTime", "ms", "last lap, 0 if none; may come frames after the lap count changed")
    ]
    best_time: Annotated[int, graphics("iBestTime", "ms", "best valid lap, 0 if none")]
    session_time_left: Annotated[
        float,
        graphics(
            "sessionTimeLeft",
            "ms",
            "countdown; negative (minus elapsed) without a duration; -1 in replay",
            valid_range=(-math.inf, math.inf),
        ),
    ]
    distance_traveled: Annotated[
        float, graphics("distanceTraveled", "m", "distance since load, teleports included; not per lap")
    ]
    is_in_pit: Annotated[int, graphics("isInPit", "0/1", "stands at its own pit box")]
    current_sector_index: Annotated[int, graphics("currentSectorIndex", "index", "splits done in this lap")]
    last_sector_time: Annotated[int, graphics("lastSectorTime", "ms", "time of the last sector, 0 if none")]
    number_of_laps: Annotated[int, graphics("numberOfLaps", "count", "length of the race in laps, else 0")]
    tyre_compound: Annotated[str, graphics("tyreCompound", "text", "long name with the short one in brackets")]
    replay_time_multiplier: Annotated[
        float, graphics("replayTimeMultiplier", "x", "speed of the replay, 1 live", interpolation="held")
    ]
    normalized_position: Annotated[
        float,
        graphics(
            "normalizedCarPosition",
            "0..1",
            "position along the track's spline; wraps at the line",
            interpolation="lap_fraction",
            valid_range=(0.0, 1.0),
        ),
    ]
    world_position_x: Annotated[
        float, graphics("carCoordinates", "m", "centre of mass, world x", component=0, valid_range=(-1e5, 1e5))
    ]
    world_position_y: Annotated[
        float, graphics("carCoordinates", "m", "centre of mass, world y, up", component=1, valid_range=(-1e5, 1e5))
    ]
    world_position_z: Annotated[
        float, graphics("carCoordinates", "m", "centre of mass, world z", component=2, valid_range=(-1e5, 1e5))
    ]
    penalty_time: Annotated[float, graphics("penaltyTime", "s", "penalty to be served", interpolation="held")]
    flag: Annotated[
        int,
        graphics(
            "flag", "enum", "0 none, 1 blue, 2 yellow, 3 black, 4 white, 5 chequered, 6 penalty", valid_range=(0, 6)
        ),
    ]
    ideal_line_on: Annotated[int, graphics("idealLineOn", "0/1", "the ideal line is shown")]
    is_in_pit_lane: Annotated[int, graphics("isInPitLane", "0/1", "is in the pit lane")]
    surface_grip: Annotated[
        float, graphics("surfaceGrip", "0..1", "grip of the track's surface", valid_range=(0.0, 1.5))
    ]
    mandatory_pit_done: Annotated[int, graphics("mandatoryPitDone", "0/1", "the mandatory pit stop is done")]
    wind_speed: Annotated[float, graphics("windSpeed", "km/h", "speed of the wind")]
    wind_direction: Annotated[float, graphics("windDirection", "deg", "0..359", interpolation="angle_deg")]
    time_limit_session_left: Annotated[
        int, graphics("timeLimitSessionLeft", "ms?", "-1 normally; its unit is not known", in_sdk=False)
    ]
    is_esc_menu_visible: Annotated[
        int, graphics("isEscMenuVisible", "0/1", "the escape menu is up; status stays 2", in_sdk=False)
    ]

    sm_version: Annotated[str, static("smVersion", "text", "version of the pages, 1.7 in every late build")]
    ac_version: Annotated[str, static("acVersion", "text", "version of the game, 1.16.4 or what a mod wrote")]
    number_of_sessions: Annotated[int, static("numberOfSessions", "count", "sessions of this event")]
    num_cars: Annotated[int, static("numCars", "count", "car slots, the player's included")]
    car_model: Annotated[str, static("carModel", "text", "folder name of the car")]
    track: Annotated[str, static("track", "text", "folder name of the track")]
    player_name: Annotated[str, static("playerName", "text", "the player; all three name fields hold the same")]
    player_surname: Annotated[str, static("playerSurname", "text", "the same as player_name")]
    player_nick: Annotated[str, static("playerNick", "text", "the same as player_name")]
    sector_count: Annotated[int, static("sectorCount", "count", "sectors of the track")]
    max_torque: Annotated[float, static("maxTorque", "Nm", "0 on many mods")]
    max_power: Annotated[float, static("maxPower", "W", "watts, not horsepower")]
    max_rpm: Annotated[int, static("maxRpm", "rpm", "where the limiter is at load")]
    max_fuel: Annotated[float, static("maxFuel", "l", "size of the tank")]
    suspension_max_travel: Annotated[
        Wheels, static("suspensionMaxTravel", "m", "0 on axles that are no double wishbone")
    ]
    tyre_radius: Annotated[Wheels, static("tyreRadius", "m", "radius of the tyres")]
    max_turbo_boost: Annotated[float, static("maxTurboBoost", "bar", "highest boost")]
    penalties_enabled: Annotated[int, static("penaltiesEnabled", "0/1", "penalties are on")]
    aid_fuel_rate: Annotated[float, static("aidFuelRate", "x", "fuel use: 1 normal, 0 off")]
    aid_tire_rate: Annotated[float, static("aidTireRate", "x", "tyre wear: 1 normal, 0 never changes")]
    aid_mechanical_damage: Annotated[float, static("aidMechanicalDamage", "x", "damage rate; 0: car_damage stays 0")]
    aid_allow_tyre_blankets: Annotated[int, static("aidAllowTyreBlankets", "0/1", "tyres start warm")]
    aid_stability: Annotated[float, static("aidStability", "0..1", "stability help")]
    aid_auto_clutch: Annotated[int, static("aidAutoClutch", "0/1", "automatic clutch")]
    aid_auto_blip: Annotated[int, static("aidAutoBlip", "0/1", "automatic throttle blip")]
    has_drs: Annotated[int, static("hasDRS", "0/1", "the car has DRS")]
    has_ers: Annotated[int, static("hasERS", "0/1", "the car has ERS")]
    has_kers: Annotated[int, static("hasKERS", "0/1", "the car has KERS")]
    kers_max_j: Annotated[float, static("kersMaxJ", "J", "KERS energy per lap")]
    engine_brake_settings_count: Annotated[int, static("engineBrakeSettingsCount", "count", "engine brake settings")]
    ers_power_controller_count: Annotated[int, static("ersPowerControllerCount", "count", "ERS deployment settings")]
    track_spline_length: Annotated[float, static("trackSPlineLength", "m", "length of the lap along the spline")]
    track_configuration: Annotated[str, static("trackConfiguration", "text", "folder of the layout, empty if none")]
    ers_max_j: Annotated[float, static("ersMaxJ", "J", "ERS energy per lap")]
    is_timed_race: Annotated[int, static("isTimedRace", "0/1", "the race runs on time; filled online only")]
    has_extra_lap: Annotated[int, static("hasExtraLap", "0/1", "one lap after the time; filled online only")]
    car_skin: Annotated[str, static("carSkin", "text", "folder of the skin")]
    reversed_grid_positions: Annotated[
        int, static("reversedGridPositions", "count", "reversed grid of race two; filled online only")
    ]
    pit_window_start: Annotated[int, static("pitWindowStart", "lap or min", "filled online only, else 0")]
    pit_window_end: Annotated[int, static("pitWindowEnd", "lap or min", "filled online only, else 0")]


class PageDecoder:
    """Decodes the pages of one source, and remembers the last page of each kind with its values.

    The static page seldom changes and the graphics page only with each drawn frame: a page that is the same as before
    costs one comparison. Every loop that decodes has a decoder of its own.
    """

    def __init__(self) -> None:
        self._codecs = _page_codecs()
        self._physics = self._graphics = self._static = b""
        self._physics_values: tuple[Any, ...] = ()
        self._graphics_values: tuple[Any, ...] = ()
        self._static_values: tuple[Any, ...] = ()

    def decode(self, pages: Pages, *, elapsed: float = 0.0, sequence: int = 0) -> Snapshot:
        """The same as :func:`decode`, and faster for pages that follow each other."""
        codecs = self._codecs
        if pages.physics != self._physics:
            self._physics_values = codecs.physics.decode(pages.physics)
            self._physics = pages.physics
        if pages.graphics != self._graphics:
            self._graphics_values = codecs.graphics.decode(pages.graphics)
            self._graphics = pages.graphics
        if pages.static != self._static:
            self._static_values = codecs.static.decode(pages.static)
            self._static = pages.static
        return tuple.__new__(  # tuples are added: quicker than unpacking them into one
            Snapshot,
            (pages.timestamp, elapsed, sequence)  # noqa: RUF005 - see above
            + self._physics_values
            + self._graphics_values
            + self._static_values,
        )


class _PageCodecs(NamedTuple):
    physics: PageCodec
    graphics: PageCodec
    static: PageCodec


@cache
def _page_codecs() -> _PageCodecs:
    """The precompiled layouts of the pages, which never change; what was decoded is not kept in them."""
    return _PageCodecs(*(PageCodec(group, Snapshot.FIELDS) for group in _PageCodecs._fields))


def warm_up() -> None:
    """Import and compile what decoding at full speed needs, about 0.1 s, so that no later sample is late.

    Without it, the first pages are decoded slowly and numpy is imported after them.
    """
    for codec in _page_codecs():
        codec.load_numpy()


def decode(pages: Pages, *, elapsed: float = 0.0, sequence: int = 0) -> Snapshot:
    """The snapshot that these pages hold; a pure function of its arguments, for any bytes of the right sizes.

    A text ends at its first NUL, and units that are not valid UTF-16 become U+FFFD; NaN and infinities stay. Raises
    ValueError for pages of another size. A loop over many pages uses :class:`PageDecoder`.
    """
    return PageDecoder().decode(pages, elapsed=elapsed, sequence=sequence)


def decode_plain(pages: Pages, *, elapsed: float = 0.0, sequence: int = 0) -> Snapshot:
    """The same as :func:`decode`, one field after the other: slow and simple, for tests and readers."""
    decoded = (codec.decode_plain(page) for codec, page in zip(_page_codecs(), pages[:3], strict=True))
    return Snapshot.of((pages.timestamp, elapsed, sequence, *chain.from_iterable(decoded)))


def encode(snapshot: Snapshot) -> Pages:
    """The pages that hold this snapshot: the inverse of :func:`decode` except for padding and bytes after a NUL."""
    physics_page, graphics_page, static_page = (codec.encode(snapshot) for codec in _page_codecs())
    return Pages(physics_page, graphics_page, static_page, snapshot.timestamp)
