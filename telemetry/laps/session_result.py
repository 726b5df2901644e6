"""The result of a session as the game (``race_out.json``) and its server write it: laps with the game's own verdict."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from telemetry.base.documents import DocumentError, read_json
from telemetry.base.errors import SourceError

MAX_BYTES: Final = 1 << 23
"""Of a result: a race of 24 hours with 40 cars has a quarter of it."""

_SESSIONS: Final = {1: "practice", 2: "qualify", 3: "race", 4: "hotlap", 5: "time attack", 6: "drift", 7: "drag"}
_MAX_MS: Final = 24 * 3600 * 1000
"""A time that is longer is none: the server writes 999999999 where there is none."""


@dataclass(frozen=True, slots=True)
class ResultLap:
    """A lap as the game judged it."""

    number: int
    """1-based, of this car in this session."""
    time_ms: int | None
    """None where it does not count: the game's own file then has -1."""
    sectors_ms: tuple[int, ...]
    """Empty where they were not kept. The first one of a lap out of the pits holds the time in them."""
    cuts: int | None
    """How often the track was left; None where the file does not say."""
    tyre: str
    """The short name of the tyres, or nothing."""

    @property
    def is_cut(self) -> bool:
        """Whether the game refused it."""
        return self.time_ms is None or bool(self.cuts)

    @property
    def driven_ms(self) -> int | None:
        """How long it took, counted or not."""
        return self.time_ms if self.time_ms is not None else sum(self.sectors_ms) or None


@dataclass(frozen=True, slots=True)
class ResultDrive:
    """The laps of one car in one session, in order."""

    session: str
    """practice, qualify, race, ..."""
    driver: str
    car: str
    laps: tuple[ResultLap, ...]


@dataclass(frozen=True, slots=True)
class SessionResult:
    """What a file says."""

    track: str
    """The folder of the track, with that of its layout behind a hyphen where it has one."""
    drives: tuple[ResultDrive, ...]
    """Of all cars that drove a lap, session by session."""


def read_session_result(path: Path) -> SessionResult:
    """The result in a file of the game or of its server.

    What is missing or of another type than it should be is left out. Raises :class:`telemetry.SourceError` for a file
    that cannot be read, or that is none of both.
    """
    try:
        document = read_json(path, max_bytes=MAX_BYTES)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}.") from error
    except DocumentError as error:
        raise SourceError(error.sentence(path)) from error
    if isinstance(document, dict):
        if isinstance(document.get("sessions"), list) and isinstance(document.get("players"), list):
            return _read_game_result(document)
        if isinstance(document.get("Laps"), list | None) and "TrackName" in document:
            return _read_server_result(document)
    raise SourceError(f"{path} is no result of a session: neither the game's race_out.json nor a result of its server.")


def _read_game_result(document: dict[str, Any]) -> SessionResult:
    players = document["players"]
    drives = []
    for session in _tables(document["sessions"]):
        name = _SESSIONS.get(_whole(session.get("type")) or 0) or _text(session.get("name")).lower()
        laps_by_car: dict[int, list[ResultLap]] = defaultdict(list)
        for row in _tables(session.get("laps")):
            car = _whole(row.get("car"))
            if car is None or not 0 <= car < len(players) or not isinstance(players[car], dict):
                continue
            laps = laps_by_car[car]
            number = _whole(row.get("lap"))
            laps.append(
                ResultLap(
                    len(laps) + 1 if number is None or number < 0 else number + 1,
                    _time(row.get("time")),
                    _sectors(row.get("sectors")),
                    _whole(row.get("cuts")),
                    _text(row.get("tyre")),
                )
            )
        for car, laps in sorted(laps_by_car.items()):
            player = players[car]
            drives.append(ResultDrive(name, _text(player.get("name")), _text(player.get("car")), tuple(laps)))
    return SessionResult(_text(document.get("track")), tuple(drives))


def _read_server_result(document: dict[str, Any]) -> SessionResult:
    laps_by_car: dict[tuple[str, str, int], list[ResultLap]] = defaultdict(list)
    for row in _tables(document.get("Laps")):
        key = (_text(row.get("DriverName")), _text(row.get("CarModel")), _whole(row.get("CarId")) or 0)
        cuts = _whole(row.get("Cuts"))
        laps = laps_by_car[key]
        time = _time(row.get("LapTime"))
        laps.append(ResultLap(len(laps) + 1, time, _sectors(row.get("Sectors")), cuts, _text(row.get("Tyre"))))
    session = _text(document.get("Type")).lower()
    track, layout = _text(document.get("TrackName")), _text(document.get("TrackConfig"))
    drives = (ResultDrive(session, driver, car, tuple(laps)) for (driver, car, _), laps in laps_by_car.items())
    return SessionResult(f"{track}-{layout}" if layout else track, tuple(drives))


def _tables(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if abs(value) < 2**53 else None  # compared as it is: an int of 400 digits is no float


def _time(value: Any) -> int | None:
    number = _whole(value)
    return number if number is not None and 0 < number < _MAX_MS else None


def _sectors(value: Any) -> tuple[int, ...]:
    """The times of all sectors; nothing where one of them is no time."""
    found = [_time(one) for one in value[:100]] if isinstance(value, list) else []
    known = tuple(one for one in found if one is not None)
    return known if len(known) == len(found) else ()
