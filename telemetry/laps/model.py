"""What a lap is."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal, NamedTuple

from telemetry.fields.schema import NullableWheels
from telemetry.laps.car_and_track import CarAndTrack

LapStart = Literal["line", "grid", "pits", "joined", "unseen"]
"""Where the lap's first sample is: ``line``: at the line. ``grid``: on the grid after a start or restart. ``pits``: in
the pits. ``joined``: in the middle of a lap that was already running. ``unseen``: nowhere, there is no sample of the
lap."""

LapEnd = Literal["line", "restart", "pits", "session", "uncounted", "recording"]
"""What ended the lap. ``line``: the game counted it. ``restart``: a restart. ``pits``: a jump into the pits.
``session``: another session, car or track. ``uncounted``: a line that the game did not count, like the one before the
first timed lap. ``recording``: there are no more samples."""

GameVerdict = Literal["accepted", "refused", "undecided"]
"""What the game made of a lap. ``accepted``: it became the best lap. ``refused``: it was faster than the best lap, or
the first one, and did not become the best. ``undecided``: the samples show no best time so far."""

LapKind = Literal["flying", "grid", "out", "in", "pit"]
"""The word of the sport: ``flying`` from line to line, from the ``grid``, ``out`` of the pits, ``in`` to the pits, or
``pit`` for both."""


JOINED_LATE: Final = "joined late"
"""Why a lap is invalid whose beginning is not among the samples."""

DRIVEN_BY_AI: Final = "driven by the AI"
"""Why a lap that the game's AI drove is invalid."""


class SampleRef(NamedTuple):
    """A reference to a sample."""

    sequence: int
    """Its number in its recording."""
    packet_id: int
    """Its physics step; where the recording does not hold it, one by the time."""
    elapsed: float
    """Seconds since the start of the recording."""
    timestamp: float
    """Unix time in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """One lap, or the part of one that was driven and recorded."""

    number: int
    """1-based, as the game counts; a restart begins again at 1."""
    start_index: int
    """1-based count of starts, restarts and sessions among the samples: distinguishes laps of the same number."""
    start: LapStart
    end: LapEnd
    first: SampleRef | None
    """The lap's first sample; None without samples. Intervals from first to last never overlap."""
    last: SampleRef | None
    """The lap's last sample, the one before the line; None without samples."""
    time_ms: int | None
    """The official time, from the game; None where it gave none."""
    measured_ms: int | None
    """The time measured from lap clock and physics steps, accurate to about a frame. Of an unfinished lap: its length
    so far. None where laps were missed."""
    sectors_ms: tuple[int | None, ...]
    """The sector times from the game; None where a sector was not finished or its split was not recorded."""
    invalid_because: tuple[str, ...]
    """Why the lap cannot be compared with others; empty for a valid lap."""
    game_verdict: GameVerdict | None = None
    """The game's own verdict; None where it gives none, because the lap is slower than the best one. The pages never
    say whether a lap is valid, but only laps that the game accepts become its best time."""
    first_cut_m: float | None
    """Metres along the lap where it first became invalid by a track-limits cut; None without a cut, and where the
    length of the track is unknown."""
    first_cut_position: float | None
    """The same position as 0..1 along the lap, since the line where that was seen; NaN where it is not known."""
    out_lap: bool
    """The car left the pit lane in this lap."""
    in_lap: bool
    """The car entered the pit lane in this lap."""
    in_pits: bool
    """The car was in the pit lane or in its box in this lap."""
    first_time_ms: int | None = None
    """The lap time of the first sample, which may come some steps after the line; None without samples."""
    ai_driven: bool = False
    """The game's AI drove some of this lap."""
    stint: int = 1
    """1-based number of the stint at the end of the lap: the lap in which the car leaves the pits after a stop is the
    first of the next stint."""
    paused_s: float
    """Seconds in which the game stood still: pause, replay, stall."""
    top_speed_kmh: float | None
    fuel_used_l: float | None
    """Litres burnt; fuel that was put in or taken out does not count."""
    fuel_left_l: float | None = None
    """Litres in the tank at the end of the lap; None where they were not recorded."""
    tyre_compound: str
    """The tyres at the end of the lap, by the game's name."""
    tyre_worn: NullableWheels
    """0 new .. 1 worn out at the end of the lap, as in the sample."""
    session: str
    """practice, qualify, race, ..."""
    car: str
    track: str
    layout: str
    """The track's configuration, empty if it has only one."""

    @property
    def car_and_track(self) -> CarAndTrack:
        """What must be the same in a lap that is compared with this one."""
        return CarAndTrack(self.car, self.track, self.layout)

    @property
    def first_sequence(self) -> int:
        """The number of its first sample; -1 without samples."""
        return self.first.sequence if self.first else -1

    @property
    def last_sequence(self) -> int:
        """The number of its last sample; -1 without samples."""
        return self.last.sequence if self.last else -1

    @property
    def complete(self) -> bool:
        """Whether the game counted the lap; it may still have been joined late."""
        return self.end == "line"

    @property
    def valid(self) -> bool:
        """Whether the lap is complete, recorded from line to line, not refused, without a cut, the pits and the AI."""
        return not self.invalid_because

    @property
    def kind(self) -> LapKind:
        """The word of the sport for this lap."""
        if self.in_pits and self.in_lap == self.out_lap:
            return "pit"
        return "in" if self.in_lap else "out" if self.out_lap else "grid" if self.start == "grid" else "flying"

    def allow_ai(self) -> "Lap":
        """The same lap, which is valid although the AI drove it, unless something else is wrong with it."""
        if DRIVEN_BY_AI not in self.invalid_because:
            return self
        return replace(self, invalid_because=tuple(why for why in self.invalid_because if why != DRIVEN_BY_AI))

    def to_dict(self) -> dict[str, Any]:
        """The lap as JSON values, under the names of the wire: ``start_index`` is ``run`` there."""
        values = {_WIRE_NAMES.get(field.name, field.name): getattr(self, field.name) for field in fields(self)}
        references = {name: value._asdict() for name, value in values.items() if isinstance(value, SampleRef)}
        return {**values, **references, "kind": self.kind, "complete": self.complete, "valid": self.valid}


_WIRE_NAMES = {"start_index": "run"}


def best_laps(candidates: Iterable[Lap]) -> dict[CarAndTrack, Lap]:
    """For each car, track and layout the valid lap with the lowest official time, the earlier one of equals.

    They are in the order in which the cars and tracks first have a valid lap.
    """
    best: dict[CarAndTrack, Lap] = {}
    for lap in candidates:
        if not lap.valid or lap.time_ms is None:
            continue
        before = best.get(lap.car_and_track)
        if before is None or before.time_ms is None or lap.time_ms < before.time_ms:
            best[lap.car_and_track] = lap
    return best


def in_recorded_order(laps: Iterable[Lap]) -> list[Lap]:
    """The laps that have samples, in the order of these."""
    return sorted((lap for lap in laps if lap.first and lap.last), key=lambda lap: lap.first_sequence)
