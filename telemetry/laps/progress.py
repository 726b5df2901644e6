"""The lap in progress: what is collected from its samples, and the :class:`Lap` that becomes of it."""

import math
from dataclasses import replace
from typing import Final, NamedTuple

from telemetry.base.units import STEP_MS
from telemetry.fields.derived import Sample
from telemetry.fields.lap_changes import elapsed_game_ms, is_in_pits
from telemetry.laps.cut import CutPlace, locate_cut
from telemetry.laps.fuel import burnt_fuel_l
from telemetry.laps.model import DRIVEN_BY_AI, JOINED_LATE, Lap, LapEnd, LapStart, SampleRef
from telemetry.laps.signals import (
    GAP_S,
    SamplePair,
    advanced_game_s,
    is_lap_invalidated,
)

LATE_JOIN_MS: Final = 1500
"""Lap clock up to which the very first sample still counts as the start of its lap, also at one sample a second."""

MIN_LAP_DISTANCE_M: Final = 100.0
"""An unfinished lap shorter than this is not reported: what a recording keeps after the last line, a car put on the
grid."""

MAX_BOX_DISTANCE_M: Final = 5.0
"""Distance since load up to which a car has not left its box."""

AT_LINE_S: Final = 0.5
"""Seconds before the end of a lap that can be after the line already: the game counts a lap some frames late."""

MAX_SECTORS: Final = 64
"""Largest number of sectors that is believed."""


class LapInProgress(NamedTuple):
    """A lap that is being driven, and what its samples have shown so far.

    A named tuple, because one is made per sample: a frozen dataclass takes several times as long.
    """

    number: int
    """1-based, as the game counts."""
    start_index: int
    """1-based count of starts, restarts and sessions among the samples."""
    start: LapStart
    began_s: float
    """Game time of its first sample."""
    first: Sample
    last: Sample
    first_time_ms: int
    """The lap time of the first sample."""
    top_speed_kmh: float
    fuel_used_l: float
    paused_s: float
    """Time in which the game stood still."""
    unseen_s: float
    """Game time in gaps of the samples."""
    line_position: float | None
    """The place of the line at which it ended, which may be the first one that was seen."""
    cut: Sample | None
    """The first sample that says the lap is invalid."""
    sectors_ms: tuple[int | None, ...]
    in_sectors: bool
    """Whether the split count is this lap's already: it may fall a frame after the lap began."""
    in_lap: bool
    out_lap: bool
    in_pits: bool
    ai: Sample | None
    """The first sample in which the game's AI drives."""
    stint: int = 1
    """The number of the stint at its last sample."""

    @property
    def metres(self) -> float:
        """Distance from its first to its last sample."""
        return self.last.distance_traveled - self.first.distance_traveled

    @property
    def is_undriven(self) -> bool:
        """Whether the car was put on the grid or in its box and has hardly moved since."""
        return self.start in ("grid", "pits") and self.metres < MIN_LAP_DISTANCE_M


def start_of_first_lap(now: Sample, *, is_clock_known: bool = True) -> LapStart:
    """Where the lap of the very first sample began; without a lap clock only a car in its box shows that."""
    is_in_box = now.distance_traveled < MAX_BOX_DISTANCE_M
    if not is_in_box and (now.current_time > LATE_JOIN_MS or not is_clock_known):
        return "joined"
    return "pits" if is_in_pits(now) else "grid" if is_in_box or now.completed_laps == 0 else "line"


def start_at_line(before: Sample, now: Sample) -> LapStart:
    """Whether the lap that began between the samples is seen from its start."""
    late_ms = min(now.current_time, elapsed_game_ms(now, before))
    return "line" if late_ms <= GAP_S * 1e3 else "joined"


def begin_lap(
    now: Sample, before: Sample | None, number: int, start_index: int, start: LapStart, clock_s: float
) -> LapInProgress:
    """The lap whose first sample is ``now``; ``before`` is the sample on the other side of the line, if there is one.

    The fuel burnt between those two counts for this lap, so that all laps together burn what the car did.
    """
    in_pits = is_in_pits(now)
    in_sectors = start == "joined" or now.current_sector_index == 0
    unknown = (None,) * (now.sector_count if 0 < now.sector_count <= MAX_SECTORS else 0)
    return LapInProgress(
        number=number,
        start_index=start_index,
        start=start,
        began_s=clock_s,
        first=now,
        last=now,
        first_time_ms=now.lap_time,
        top_speed_kmh=now.speed_kmh,
        fuel_used_l=burnt_fuel_l(before, now, advanced_game_s(before, now)) if before and start == "line" else 0.0,
        paused_s=0.0,
        unseen_s=0.0,
        line_position=None,
        cut=now if is_lap_invalidated(before, now) else None,
        sectors_ms=_with_split(unknown, now) if in_sectors else unknown,
        in_sectors=in_sectors,
        in_lap=in_pits and before is not None and not is_in_pits(before),
        out_lap=False,
        in_pits=in_pits,
        ai=now if now.is_ai_controlled else None,
    )


def begin_next_lap(pair: SamplePair, number: int, start_index: int) -> LapInProgress:
    """The lap that begins with a line between the samples."""
    start = start_at_line(pair.before, pair.now)
    lap = begin_lap(pair.now, pair.before, number, start_index, start, pair.clock_s)
    first = pair.find_line()[1]
    steps = pair.now.packet_id - first.packet_id
    return lap._replace(first=first, first_time_ms=max(lap.first_time_ms - steps * STEP_MS, 0))


def extend_lap(lap: LapInProgress, now: Sample) -> LapInProgress:
    """The lap with one more sample."""
    last, top_kmh = lap.last, lap.top_speed_kmh
    in_pits, was_in_pits = is_in_pits(now), is_in_pits(last)
    in_sectors = lap.in_sectors or now.current_sector_index == 0
    seconds = advanced_game_s(last, now)
    return LapInProgress(
        lap.number,
        lap.start_index,
        lap.start,
        lap.began_s,
        lap.first,
        now,
        lap.first_time_ms,
        now.speed_kmh if now.speed_kmh > top_kmh or math.isnan(top_kmh) else top_kmh,
        lap.fuel_used_l + burnt_fuel_l(last, now, seconds),
        lap.paused_s,
        lap.unseen_s + seconds if seconds > GAP_S else lap.unseen_s,
        None,
        now if lap.cut is None and is_lap_invalidated(last, now) else lap.cut,
        _with_split(lap.sectors_ms, now) if in_sectors else lap.sectors_ms,
        in_sectors,
        lap.in_lap or (in_pits and not was_in_pits),
        lap.out_lap or (was_in_pits and not in_pits),
        lap.in_pits or in_pits,
        now if lap.ai is None and now.is_ai_controlled else lap.ai,
        lap.stint,
    )


def restart_physics(lap: LapInProgress, now: Sample) -> LapInProgress:
    """The lap without what the physics page said so far: after a restart it shows the old drive for another second."""
    return lap._replace(
        top_speed_kmh=now.speed_kmh,
        fuel_used_l=0.0,
        cut=None if now.is_lap_valid else now,
        ai=now if now.is_ai_controlled else None,
    )


def _with_split(sectors_ms: tuple[int | None, ...], now: Sample) -> tuple[int | None, ...]:
    """The sectors with the time of the one finished last, which is shown until the next split and may come late."""
    finished = now.current_sector_index - 1
    time_ms = now.last_sector_time
    if not 0 <= finished < len(sectors_ms) - 1 or time_ms <= 0 or sectors_ms[finished] == time_ms:
        return sectors_ms
    return (*sectors_ms[:finished], time_ms, *sectors_ms[finished + 1 :])


def close_lap(lap: LapInProgress, end: LapEnd, measured_ms: int | None) -> Lap:
    """The lap as far as it is known when it ends: without its official time."""
    last = lap.last
    line_position = last.line_position if lap.line_position is None else lap.line_position
    cut = None if lap.cut is None else locate_cut(lap.cut, line_position)
    return Lap(
        number=lap.number,
        start_index=lap.start_index,
        start=lap.start,
        end=end,
        first=_reference(lap.first),
        last=_reference(last),
        first_time_ms=lap.first_time_ms,
        time_ms=None,
        measured_ms=measured_ms,
        sectors_ms=lap.sectors_ms,
        invalid_because=_flaws(lap, end, measured_ms, cut),
        first_cut_m=None if cut is None else cut.metres,
        first_cut_position=None if cut is None else cut.fraction,
        out_lap=lap.out_lap,
        in_lap=lap.in_lap,
        in_pits=lap.in_pits,
        ai_driven=_is_ai_driven(lap, end),
        stint=lap.stint,
        paused_s=lap.paused_s,
        top_speed_kmh=None if math.isnan(lap.top_speed_kmh) else lap.top_speed_kmh,
        fuel_used_l=None if math.isnan(last.fuel) else lap.fuel_used_l,
        fuel_left_l=last.fuel if math.isfinite(last.fuel) else None,
        tyre_compound=last.tyre_compound,
        tyre_worn=last.tyre_worn,
        session=last.session_name,
        car=last.car_model,
        track=last.track,
        layout=last.track_configuration,
    )


_END_TEXTS: Final[dict[LapEnd, str]] = {
    "restart": "restarted",
    "pits": "returned to the pits",
    "session": "session changed",
    "uncounted": "not counted by the game",
    "recording": "recording ended",
}


def _flaws(lap: LapInProgress, end: LapEnd, measured_ms: int | None, cut: CutPlace | None) -> tuple[str, ...]:
    """Why the lap is invalid; empty for a valid one."""
    flaws = [] if end == "line" else [_END_TEXTS[end]]
    if cut is not None:
        flaws.append(cut.text)
    unseen_s = lap.unseen_s
    if end == "line" and measured_ms is not None and measured_ms - lap.last.current_time > GAP_S * 1e3:
        unseen_s += (measured_ms - lap.last.current_time) / 1e3
    if lap.start == "joined":
        flaws.append(JOINED_LATE)
    elif unseen_s > 0.0:
        flaws.append(f"{unseen_s:.0f} s not recorded")
    if lap.in_pits:
        flaws.append("in the pits")
    if _is_ai_driven(lap, end):
        flaws.append(DRIVEN_BY_AI)
    return tuple(flaws)


def _is_ai_driven(lap: LapInProgress, end: LapEnd) -> bool:
    """Whether the AI drove in this lap; one that only takes over at the line, as after a race, drives the next lap."""
    if lap.ai is None:
        return False
    return end != "line" or lap.ai is lap.first or lap.last.elapsed - lap.ai.elapsed > AT_LINE_S


def _reference(sample: Sample) -> SampleRef:
    return SampleRef(sample.sequence, sample.packet_id, sample.elapsed, sample.timestamp)


def close_unfinished(lap: LapInProgress, end: LapEnd, *, keep_short: bool = False) -> tuple[Lap, ...]:
    """The lap that was not completed; nothing where it is too short to be reported, unless such laps are kept."""
    if lap.metres < MIN_LAP_DISTANCE_M and not keep_short:
        return ()
    return (close_lap(lap, end, lap.last.current_time),)


def make_unseen_lap(now: Sample, number: int, start_index: int) -> Lap:
    """A lap that the game counted during a gap in the samples; ``now`` is the first sample after it."""
    closed = close_lap(begin_lap(now, None, number, start_index, "unseen", 0.0), "line", None)
    return replace(
        closed,
        first=None,
        last=None,
        first_time_ms=None,
        sectors_ms=(None,) * len(closed.sectors_ms),
        invalid_because=("not recorded",),
        first_cut_m=None,
        first_cut_position=None,
        in_pits=False,
        top_speed_kmh=None,
        fuel_used_l=None,
        fuel_left_l=None,
        tyre_worn=(None, None, None, None),
    )
