"""The names of numbers that stand for something."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from telemetry.fields.metrics.metric import Metric

if TYPE_CHECKING:
    from telemetry.fields.blocks import Array, TextColumn

STATUS_NAMES: Final = {0: "off", 1: "replay", 2: "live", 3: "pause"}
SESSION_NAMES: Final = {
    -1: "unknown",
    0: "practice",
    1: "qualify",
    2: "race",
    3: "hotlap",
    4: "time_attack",
    5: "drift",
    6: "drag",
}
FLAG_NAMES: Final = {0: "none", 1: "blue", 2: "yellow", 3: "black", 4: "white", 5: "chequered", 6: "penalty"}


def status_name(status: int) -> str:
    """The name of the game's status."""
    return STATUS_NAMES.get(status, "unknown")


def session_name(session: int) -> str:
    """The name of the kind of session."""
    return SESSION_NAMES.get(session, "unknown")


def flag_name(flag: int) -> str:
    """The name of the flag that is shown."""
    return FLAG_NAMES.get(flag, "unknown")


def gear_name(gear: int) -> str:
    """The gear as the dashboard shows it: R, N, 1, 2, ..."""
    return str(gear - 1) if gear > 1 else "N" if gear == 1 else "R" if gear == 0 else "unknown"


def _name_columns(name_of: Callable[[int], str]) -> "Callable[[Array], TextColumn]":
    """The column form of one of these."""

    def names(numbers: "Array") -> "TextColumn":
        import numpy as np

        from telemetry.fields.blocks import TextColumn

        distinct, codes = np.unique(numbers, return_inverse=True)
        return TextColumn(codes, tuple(map(name_of, distinct.tolist())))

    return names


STATUS_NAME: Final = Metric(
    name="status_name",
    value_type=str,
    unit="text",
    meaning="off, replay, live, pause",
    inputs=("status",),
    scalar=status_name,
    columns=_name_columns(status_name),
)

SESSION_NAME: Final = Metric(
    name="session_name",
    value_type=str,
    unit="text",
    meaning="unknown, practice, qualify, race, hotlap, time_attack, drift, drag",
    inputs=("session",),
    scalar=session_name,
    columns=_name_columns(session_name),
)

FLAG_NAME: Final = Metric(
    name="flag_name",
    value_type=str,
    unit="text",
    meaning="none, blue, yellow, black, white, chequered, penalty",
    inputs=("flag",),
    scalar=flag_name,
    columns=_name_columns(flag_name),
)

GEAR_NAME: Final = Metric(
    name="gear_name",
    value_type=str,
    unit="text",
    meaning="R, N, 1, 2, ...",
    inputs=("gear",),
    scalar=gear_name,
    columns=_name_columns(gear_name),
)
