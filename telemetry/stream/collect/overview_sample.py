"""What the overview takes from a sample of a rig."""

from typing import Any, Final, NamedTuple

from telemetry.stream.collect.standing import Progress
from telemetry.stream.upstream import parse_sample

OVERVIEW_RATE_HZ: Final = 2.0
"""Samples per second that the overview asks a rig for."""

OVERVIEW_FIELDS: Final = (
    "timestamp", "elapsed", "sequence", "status", "is_esc_menu_visible",
    "player_name", "player_nick", "car_model", "track", "track_configuration", "session",
    "completed_laps", "number_of_laps", "position", "num_cars", "current_time", "last_time", "best_time",
    "normalized_position", "speed_kmh", "is_in_pit", "is_in_pit_lane",
    "line_position", "session_name", "is_lap_valid",
)  # fmt: skip
"""The fields that it asks for."""

MAX_TEXT_LENGTH: Final = 100
"""Characters of a name; the game's own have up to 33."""


class OverviewSample(NamedTuple):
    """Who drives what, and how far. Texts are empty, and the rest None, where the rig does not say."""

    sequence: int
    elapsed: float
    driver: str
    car: str
    speed_kmh: float
    lap_valid: bool | None
    in_pits: bool
    current_ms: int | None
    last_ms: int | None
    number_of_laps: int | None
    """Of the race; None where it ends by time, or never."""
    progress: Progress


def parse_overview_sample(text: bytes, values: dict[str, Any], name: str) -> OverviewSample:
    """The sample in a message of the rig of this name; raises :class:`telemetry.SourceError` where it is none.

    ``values`` is the object in ``text``. Fields of another type than they should have are an error where the game gives
    them, and unknown where they are derived.
    """
    sample = parse_sample(text, name)
    line, valid, session = (values.get(key) for key in ("line_position", "is_lap_valid", "session_name"))
    line_position = float(line) if isinstance(line, (int, float)) else 0.0
    fraction = (sample.normalized_position - line_position) % 1.0
    progress = Progress(
        track=sample.track[:MAX_TEXT_LENGTH],
        layout=sample.track_configuration[:MAX_TEXT_LENGTH],
        session=session[:MAX_TEXT_LENGTH] if isinstance(session, str) else "",
        position=sample.position,
        cars=sample.num_cars,
        laps=sample.completed_laps,
        lap_fraction=fraction if fraction == fraction else 0.0,  # noqa: PLR0124 - NaN is not equal to itself
        best_ms=_time_or_none(sample.best_time),
    )
    return OverviewSample(
        sequence=sample.sequence,
        elapsed=sample.elapsed,
        driver=(sample.player_nick or sample.player_name)[:MAX_TEXT_LENGTH],
        car=sample.car_model[:MAX_TEXT_LENGTH],
        speed_kmh=sample.speed_kmh,
        lap_valid=valid if isinstance(valid, bool) else None,
        in_pits=bool(sample.is_in_pit or sample.is_in_pit_lane),
        current_ms=_time_or_none(sample.current_time),
        last_ms=_time_or_none(sample.last_time),
        number_of_laps=sample.number_of_laps if sample.number_of_laps > 0 else None,
        progress=progress,
    )


def _time_or_none(time_ms: int) -> int | None:
    return time_ms if time_ms > 0 else None
