"""What a lap is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from telemetry.fields.schema import NullableWheels

LapStart = Literal["line", "grid", "pits", "joined", "unseen"]
"""Where the lap's first sample stands: at the line, on the grid after a start or restart, in the pits, in the middle of
a lap that ran already, or nowhere, when no sample of the lap was seen."""

LapEnd = Literal["line", "restart", "pits", "session", "uncounted", "recording"]
"""What ended the lap: the line; a restart; the jump into the pits; another session, car or track; a line that the game
did not count, like that before the first timed lap; the end of the samples."""


class SampleRef(NamedTuple):
    """Which sample: ``sequence`` in its recording, physics ``packet_id``, ``elapsed`` in s, Unix ``timestamp`` in s."""

    sequence: int
    packet_id: int
    elapsed: float
    timestamp: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """One lap, or the part of one that was driven and seen."""

    number: int
    """1-based, as the game counts; a restart begins again at 1."""
    run: int
    """1-based count of the starts, restarts and sessions among the samples: tells laps of one number apart."""
    start: LapStart
    end: LapEnd
    first: SampleRef | None
    """The lap's first sample; None where none was seen. Intervals from first to last never overlap."""
    last: SampleRef | None
    """The lap's last sample, the one before the line; None where none was seen."""
    time_ms: int | None
    """The official time, as the game gave it; None where it gave none."""
    measured_ms: int | None
    """Own measurement, from the lap's clock and physics steps, to about a frame; of an unfinished lap, its length so
    far; None where laps were missed."""
    sectors_ms: tuple[int | None, ...]
    """The sectors as the game gave them; None where one was not finished or its split not seen."""
    invalid_because: tuple[str, ...]
    """Why the lap is no comparison for others; empty for a valid one."""
    first_cut_m: float | None
    """Metres along the lap where it was first seen spoilt; None for a lap that was not, or no length of the track."""
    first_cut_position: float | None
    """The same place as 0..1 along the lap."""
    out_lap: bool
    """The car left the pit lane in this lap."""
    in_lap: bool
    """The car entered the pit lane in this lap."""
    in_pits: bool
    """The car was in the pit lane or on its box in this lap."""
    paused_s: float
    """Seconds in which the game stood still: pause, replay, stall."""
    top_speed_kmh: float | None
    fuel_used_l: float | None
    """Litres burnt; what is filled in does not count."""
    tyre_compound: str
    """The tyres at the end of the lap, by the game's name."""
    tyre_worn: NullableWheels
    """0 new .. 1 worn out at the end of the lap, as in the sample."""
    session: str
    """practice, qualify, race, ..."""
    car: str
    track: str
    layout: str
    """The track's configuration, empty if it has but one."""

    @property
    def complete(self) -> bool:
        """Whether the game counted the lap; it may still have been joined late."""
        return self.end == "line"

    @property
    def valid(self) -> bool:
        """Whether the lap is complete, seen as a whole, without a cut and without the pits."""
        return not self.invalid_because

    @property
    def kind(self) -> Literal["flying", "grid", "out", "in", "pit"]:
        """The sport's word: flying from line to line, from the grid, out of the pits, into them, or both."""
        if self.in_pits and self.in_lap == self.out_lap:
            return "pit"
        return "in" if self.in_lap else "out" if self.out_lap else "grid" if self.start == "grid" else "flying"


def best_lap(candidates: Iterable[Lap]) -> Lap | None:
    """The valid lap with the lowest official time, the earlier of equals; None when there is none."""
    timed = [(lap.time_ms, lap) for lap in candidates if lap.valid and lap.time_ms is not None]
    return min(timed, key=lambda entry: entry[0])[1] if timed else None
