"""Samples to laps: a pure state machine whose whole memory is a :class:`LapState`.

The game says in two ways that the line was crossed: it restarts the lap clock, and it increases the lap count. The two
can be frames apart in either order, and the lap's official time comes frames before or after them. A lap is therefore
held back for up to a second of game time, and emitted once everything about it is known.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from telemetry.base.units import STEP_MS
from telemetry.fields.derived import Sample
from telemetry.fields.lap_changes import TIME_STOPPED_STATUSES
from telemetry.laps.model import Lap, LapEnd, LapStart, SampleRef

WAIT_SECONDS: Final = 1.0
"""Game time in which the second sign of a line, the official time and the last sector come, if they come at all."""

EARLY_SECONDS: Final = 2.0
"""Game time for which an official time that came before its lap was counted is kept."""

SETTLED_SECONDS: Final = 0.5
"""Game time after the line by which a new official time would have been seen, where the samples end soon after."""

SAME_TIME_MS: Final = 100
"""How far a measured time may be from the official one: both are read off pages that are drawn 30 times a second."""

SAME_SECTORS_MS: Final = 10
"""How far the sum of the sectors may be from the official time."""

LATE_JOIN_MS: Final = 1500
"""Lap clock up to which the very first sample still counts as the start of its lap: sampled once a second."""

GAP_SECONDS: Final = 15.0
"""Game time without a sample after which a part of the lap counts as not seen: slower than any useful sampling."""

PAUSE_SECONDS: Final = 0.5
"""Time that the game must lag behind the clock at once to count as a pause: more than any hitch of drawing."""

MIN_LAP_DISTANCE_M: Final = 100.0
"""An unfinished lap shorter than this is no lap: what a recording keeps after the last line, a car put on the grid."""

MAX_BOX_DISTANCE_M: Final = 5.0
"""Distance since load up to which a car has not left its box."""

MAX_MISSED_LAPS: Final = 100
"""Laps that can be completed between two samples; a greater jump of the count is another run."""

MAX_SPEED_MS: Final = 150.0
"""m/s that no car passes; with :data:`POSITION_TOLERANCE_M` it tells driving from being put somewhere."""

POSITION_TOLERANCE_M: Final = 100.0
"""How far the position may be off on top of that: pages are not written at the same moment."""

NOMINAL_LENGTH: Final = 5000.0
"""Metres of a lap where the game does not say."""

MAX_INTERVAL_S: Final = 1e6
"""Seconds between two samples above which their times are no times."""

MAX_SECTORS: Final = 64
"""Sectors that a track can have; more is no count of sectors."""


@dataclass(frozen=True, slots=True)
class LapInProgress:
    """A lap under way, and what has gathered since its first sample."""

    number: int
    run: int
    start: LapStart
    began: float
    """Game time of its first sample, s."""
    first: Sample
    last: Sample
    top_speed_kmh: float
    fuel_used_l: float
    paused_s: float
    unseen_s: float
    """Game time in gaps of the samples, s."""
    cut: Sample | None
    """The first sample that says the lap is not valid."""
    sectors_ms: tuple[int | None, ...]
    in_sectors: bool
    """Whether the split count is this lap's: it may fall a frame after the lap began."""
    in_lap: bool
    out_lap: bool
    in_pits: bool


@dataclass(frozen=True, slots=True)
class PendingCrossing:
    """A line of which one sign was seen, the lap's clock or its count, and the other is waited for."""

    sign: Literal["clock", "count"]
    since: float
    """Game time of that sign, s."""
    lap: LapInProgress
    """The lap that ended with it."""
    measured_ms: int | None
    longer: LapInProgress | None = None
    """After a count, the same lap going on: it ends when its clock starts anew."""


@dataclass(frozen=True, slots=True)
class PendingLap:
    """A completed lap whose official time or last sector has not come yet."""

    lap: Lap
    since: float
    """Game time at which it was counted, s."""
    stale_ms: int | None
    """The time of the sector before the last: what the game shows until the last one's time comes. None: not waited
    for."""


@dataclass(frozen=True, slots=True)
class LapState:
    """All that is remembered between two samples; ``LapState()`` remembers nothing."""

    clock: float = 0.0
    """Game time since the first sample, s: it stands still in a pause."""
    before: Sample | None = None
    """The last live sample."""
    moving: Sample | None = None
    """The last sample in which physics had moved on."""
    running: LapInProgress | None = None
    crossing: PendingCrossing | None = None
    waiting: PendingLap | None = None
    early: tuple[int, float] | None = None
    """An official time whose lap was not counted yet, and the game time at which it came."""


def laps(samples: Iterable[Sample]) -> Iterator[Lap]:
    """The laps of these samples in order, each as soon as all about it is known, the unfinished last one at the end."""
    state = LapState()
    for sample in samples:
        state, done = advance(state, sample)
        yield from done
    yield from finish(state)


def advance(state: LapState, now: Sample) -> tuple[LapState, tuple[Lap, ...]]:
    """The state after one more sample and the laps that it settled; a pure function that takes any sample.

    Samples of a pause, of a replay and of a game that is off change nothing.
    """
    before, moving, running = state.before, state.moving, state.running
    if now.status in TIME_STOPPED_STATUSES or _is_blank(now):
        return state, ()
    if before is None or moving is None or running is None:
        running = _begin(now, None, now.completed_laps + 1, 1, _first_start(now), 0.0)
        return LapState(before=now, moving=now, running=running), ()

    clock = state.clock + _game_seconds(before, now)
    paused, moving = _pause(moving, now)
    if end := _discontinuity(before, now):
        return _restart(state, before, now, running, end, clock)

    crossing, waiting, early = state.crossing, state.waiting, state.early
    counted = now.completed_laps - before.completed_laps
    clock_fell = now.current_time < before.current_time
    finished: list[Lap] = []  # laps that the game counted
    uncounted: list[Lap] = []
    just_begun = running.start in {"line", "grid"} and running.began == 0.0 and clock < WAIT_SECONDS
    if counted == 1 and just_begun and not clock_fell:
        # The samples begin between the two signs of a line: the count is that of the lap before, which nobody saw.
        running, counted = replace(running, number=now.completed_laps + 1, start="line"), 0

    if crossing and counted:
        finished.append(_close(crossing.lap, "line", crossing.measured_ms))
        counted -= crossing.sign == "clock"
        crossing = None
    elif crossing and crossing.longer and _clock_restarted(before, now):
        # The verdict on validity goes with the count: what it said since then is about the lap that begins here.
        finished.append(_close(replace(crossing.longer, cut=crossing.lap.cut), "line", _measure(before, now)))
        cut = None if running.cut is None else now
        running = _begin(now, before, running.number, running.run, _line_start(before, now), clock)
        running, crossing, clock_fell = replace(running, cut=cut), None, False

    if counted == 1 and not _clock_restarted(before, now):
        crossing = PendingCrossing("count", clock, running, _measure(before, now), _extend(running, now))
        running = _begin(now, before, now.completed_laps + 1, running.run, _line_start(before, now), clock)
    elif counted:
        finished.append(_close(running, "line", _measure(before, now) if counted == 1 else None))
        finished += [_unseen(running, now, now.completed_laps - left) for left in range(counted - 2, -1, -1)]
        running = _begin(now, before, now.completed_laps + 1, running.run, _line_start(before, now), clock)
    elif clock_fell and _is_undriven(running):
        running = _begin(now, None, running.number, running.run, running.start, clock)
    elif clock_fell:
        if crossing:
            uncounted += _unfinished(crossing.lap, "uncounted")
        crossing = PendingCrossing("clock", clock, running, _measure(before, now))
        running = _begin(now, before, now.completed_laps + 2, running.run, _line_start(before, now), clock)
    elif now is not running.first:
        running = _extend(running, now)
        if crossing and crossing.longer:
            crossing = replace(crossing, longer=_extend(crossing.longer, now))
    if paused:
        running = replace(running, paused_s=running.paused_s + paused)
    if now.packet_id < before.packet_id:
        running = _with_new_physics(running, now)

    if crossing and clock - crossing.since >= WAIT_SECONDS:
        if crossing.sign == "count":
            finished.append(_close(crossing.lap, "line", crossing.measured_ms))
        else:
            uncounted += _unfinished(crossing.lap, "uncounted")
            running = replace(running, number=now.completed_laps + 1)
        crossing = None

    done: list[Lap] = []
    if waiting and (finished or uncounted):
        done.append(_finalise(waiting, before))
        waiting = None
    done += uncounted
    if finished:
        done += finished[:-1]
        waiting = PendingLap(finished[-1], clock, _stale_sector(finished[-1], before))
    waiting, early = _official_time(waiting, early, before, now, clock)
    if waiting:
        waiting = _last_sector(waiting, now)
        if waiting.lap.time_ms is not None and waiting.stale_ms is None:
            done.append(waiting.lap)
            waiting = None
        elif clock - waiting.since >= WAIT_SECONDS:
            done.append(_finalise(waiting, now))
            waiting = None
    return LapState(clock, now, moving, running, crossing, waiting, early), tuple(done)


def finish(state: LapState) -> tuple[Lap, ...]:
    """The laps that are left when there are no more samples: those held back, and the unfinished one."""
    return _end(state, "recording")


# What happened between two samples


def _discontinuity(before: Sample, now: Sample) -> LapEnd | None:
    """What ended the lap other than a line; None when nothing did."""
    counted = now.completed_laps - before.completed_laps
    if now.session != before.session or any(
        old and new and old != new  # the static page may be read before it is filled
        for old, new in (
            (before.car_model, now.car_model),
            (before.track, now.track),
            (before.track_configuration, now.track_configuration),
        )
    ):
        return "session"
    if not 0 <= counted <= MAX_MISSED_LAPS or now.distance_traveled < before.distance_traveled - 1.0:
        return "restart"
    if counted:
        return None
    into_pits = bool(now.is_in_pit) and not (before.is_in_pit or before.is_in_pit_lane)
    if now.current_time < before.current_time:
        if into_pits:
            return "pits"
        return None if _near_line(before, now) else "pits" if _in_lane(now) else "restart"
    return "pits" if into_pits and abs(_progress_m(before, now)) > _max_distance_m(before, now) else None


def _near_line(before: Sample, now: Sample) -> bool:
    """Whether the car can have crossed the line by driving; the position may wrap a frame before or after the clock."""
    if math.isnan(now.normalized_position) or math.isnan(before.normalized_position):
        return True  # the recording has no positions; the lap count will tell
    reach = _max_distance_m(before, now)
    to_line = min(now.normalized_position, 1.0 - now.normalized_position) * _length(now)
    return to_line <= reach and -POSITION_TOLERANCE_M < _progress_m(before, now) <= reach


def _progress_m(before: Sample, now: Sample) -> float:
    """Metres along the lap from one sample to the next, the shorter way round."""
    return ((now.normalized_position - before.normalized_position + 0.5) % 1.0 - 0.5) * _length(now)


def _length(now: Sample) -> float:
    return now.track_spline_length if now.track_spline_length > 0.0 else NOMINAL_LENGTH


def _max_distance_m(before: Sample, now: Sample) -> float:
    """Metres that a car can have driven between the samples."""
    return MAX_SPEED_MS * (_step_ms(before, now) / 1e3) + POSITION_TOLERANCE_M


def _clock_restarted(before: Sample, now: Sample) -> bool:
    """Whether the lap's clock started again between the samples of a lap that was counted, seen to fall or not."""
    moved = now.current_time - before.current_time
    return moved < 0 or now.current_time <= 0 or _step_ms(before, now) - moved > 5000


def _step_ms(before: Sample, now: Sample) -> int:
    """Milliseconds of the game between the samples: by its physics, or by the clock where that did not move."""
    steps = now.packet_id - before.packet_id
    if steps > 0:
        return steps * STEP_MS
    elapsed = now.elapsed - before.elapsed
    return int(elapsed * 1e3) if 0.0 < elapsed < MAX_INTERVAL_S else 0


def _game_seconds(before: Sample, now: Sample) -> float:
    """Game time between the samples; nothing where the game stood still."""
    steps = max(now.packet_id - before.packet_id, 0)
    return max(steps * STEP_MS, now.current_time - before.current_time) / 1e3


def _measure(before: Sample, now: Sample) -> int:
    """The time of the lap that ended between the samples, in ms."""
    if now.current_time > before.current_time and not _clock_restarted(before, now):
        return now.current_time  # counted before its clock began anew
    step = _step_ms(before, now)
    return max(before.current_time + step - now.current_time, 0) if step else before.current_time


def _pause(moving: Sample, now: Sample) -> tuple[float, Sample]:
    """Seconds by which the game fell behind the clock, and the sample to compare the next one with."""
    steps = now.packet_id - moving.packet_id
    if steps == 0:
        return 0.0, moving
    lag = now.elapsed - moving.elapsed - steps * STEP_MS / 1e3
    return (lag if steps > 0 and PAUSE_SECONDS < lag < MAX_INTERVAL_S else 0.0), now


def _invalidates_lap(before: Sample | None, now: Sample) -> bool:
    """Whether the lap is found spoilt here; between clock and count the verdict is still that on the lap before."""
    return not now.is_lap_valid and (
        before is None or before.is_lap_valid or now.completed_laps != before.completed_laps
    )


def _is_blank(now: Sample) -> bool:
    """Whether the game says nothing, as it does when it ends; a recording without a status has more than zeros."""
    off = now.status == 0 and not (now.current_time or now.completed_laps or now.distance_traveled)
    return off or now.completed_laps < 0


def _in_lane(now: Sample) -> bool:
    return bool(now.is_in_pit_lane or now.is_in_pit)


# A lap under way


def _first_start(now: Sample) -> LapStart:
    """Where the lap of the very first sample began."""
    standing = now.distance_traveled < MAX_BOX_DISTANCE_M
    if now.current_time > LATE_JOIN_MS and not standing:
        return "joined"
    return "pits" if _in_lane(now) else "grid" if standing or now.completed_laps == 0 else "line"


def _line_start(before: Sample, now: Sample) -> LapStart:
    """Whether the lap that began between the samples is seen from its start."""
    late_ms = min(now.current_time, _step_ms(before, now))
    return "line" if late_ms <= GAP_SECONDS * 1e3 else "joined"


def _begin(now: Sample, before: Sample | None, number: int, run: int, start: LapStart, clock: float) -> LapInProgress:
    """The lap whose first sample this is; ``before`` is the one across the line, if there is one.

    What was burnt between the two counts here, so that the laps together burn what the car did.
    """
    sectors = now.sector_count if 0 < now.sector_count <= MAX_SECTORS else 0
    lane = _in_lane(now)
    burnt = before.fuel - now.fuel if before is not None and start == "line" else 0.0
    in_sectors = start == "joined" or now.current_sector_index == 0
    times = _split_times((None,) * sectors, now) if in_sectors else (None,) * sectors
    return LapInProgress(
        number=number,
        run=run,
        start=start,
        began=clock,
        first=now,
        last=now,
        top_speed_kmh=now.speed_kmh,
        fuel_used_l=max(0.0, burnt),
        paused_s=0.0,
        unseen_s=0.0,
        cut=now if _invalidates_lap(before, now) else None,
        sectors_ms=times,
        in_sectors=in_sectors,
        in_lap=lane and before is not None and not _in_lane(before),
        out_lap=False,
        in_pits=lane,
    )


def _is_undriven(lap: LapInProgress) -> bool:
    """Whether the car was put somewhere and has hardly moved since."""
    return lap.start in ("grid", "pits") and _metres(lap) < MIN_LAP_DISTANCE_M


def _metres(lap: LapInProgress) -> float:
    return lap.last.distance_traveled - lap.first.distance_traveled


def _extend(lap: LapInProgress, now: Sample) -> LapInProgress:
    """The lap with one more sample."""
    last, top = lap.last, lap.top_speed_kmh
    burnt = last.fuel - now.fuel
    lane, was_lane = _in_lane(now), _in_lane(last)
    in_sectors = lap.in_sectors or now.current_sector_index == 0
    seconds = _game_seconds(last, now)
    return LapInProgress(
        lap.number,
        lap.run,
        lap.start,
        lap.began,
        lap.first,
        now,
        now.speed_kmh if now.speed_kmh > top or math.isnan(top) else top,
        lap.fuel_used_l + burnt if burnt > 0.0 else lap.fuel_used_l,
        lap.paused_s,
        lap.unseen_s + seconds if seconds > GAP_SECONDS else lap.unseen_s,
        now if lap.cut is None and _invalidates_lap(last, now) else lap.cut,
        _split_times(lap.sectors_ms, now) if in_sectors else lap.sectors_ms,
        in_sectors,
        lap.in_lap or (lane and not was_lane),
        lap.out_lap or (was_lane and not lane),
        lap.in_pits or lane,
    )


def _with_new_physics(lap: LapInProgress, now: Sample) -> LapInProgress:
    """The lap without what physics said so far: after a restart it goes on showing the old drive for a second."""
    cut = None if now.is_lap_valid else now
    return replace(lap, top_speed_kmh=now.speed_kmh, fuel_used_l=0.0, cut=cut)


def _split_times(times: tuple[int | None, ...], now: Sample) -> tuple[int | None, ...]:
    """The sectors with the time of the last one done, which stands until the next split, and may come late."""
    done = now.current_sector_index - 1
    value = now.last_sector_time
    if not 0 <= done < len(times) - 1 or value <= 0 or times[done] == value:
        return times
    return (*times[:done], value, *times[done + 1 :])


def _restart(
    state: LapState, before: Sample, now: Sample, running: LapInProgress, end: LapEnd, clock: float
) -> tuple[LapState, tuple[Lap, ...]]:
    """The state after a break, and the laps it ended."""
    waiting = state.waiting
    if end == "pits":
        waiting, _ = _official_time(waiting, None, before, now, clock)
    done = _end(replace(state, waiting=waiting), end)
    # Count, clock and session may jump a few frames apart: that is one new run.
    same = end == "pits" or _is_undriven(running)
    start = _line_start(before, now)
    if start == "line":
        start = "pits" if _in_lane(now) else "grid"
    lap = _begin(now, None, now.completed_laps + 1, running.run if same else running.run + 1, start, clock)
    return LapState(clock, now, now, lap), done


# A lap that ended


def _end(state: LapState, end: LapEnd) -> tuple[Lap, ...]:
    """All laps that are left when no more samples of them will come."""
    waiting, crossing = state.waiting, state.crossing
    done: list[Lap] = []
    if waiting:
        settled = state.clock - waiting.since >= SETTLED_SECONDS
        done.append(_finalise(waiting, state.before if settled else None))
    if crossing and crossing.sign == "count":
        lap = _close(crossing.lap, "line", crossing.measured_ms)
        done.append(_with_time(lap, state.early[0]) if state.early else lap)
    elif crossing:
        done += _unfinished(crossing.lap, end)
    if state.running:
        done += _unfinished(state.running, end)
    return tuple(done)


def _close(lap: LapInProgress, end: LapEnd, measured_ms: int | None) -> Lap:
    """The lap as far as it is known when it ends."""
    last, cut = lap.last, lap.cut
    flaws = [] if end == "line" else [_ENDS[end]]
    if cut is not None:
        flaws.append(_cut_text(cut))
    unseen = lap.unseen_s
    if end == "line" and measured_ms is not None and measured_ms - last.current_time > GAP_SECONDS * 1e3:
        unseen += (measured_ms - last.current_time) / 1e3
    if lap.start == "joined":
        flaws.append("joined late")
    elif unseen > 0.0:
        flaws.append(f"{unseen:.0f} s not recorded")
    if lap.in_pits:
        flaws.append("in the pits")
    return Lap(
        number=lap.number,
        run=lap.run,
        start=lap.start,
        end=end,
        first=_moment(lap.first),
        last=_moment(last),
        time_ms=None,
        measured_ms=measured_ms,
        sectors_ms=lap.sectors_ms,
        invalid_because=tuple(flaws),
        first_cut_m=None if cut is None else cut.lap_distance,
        first_cut_position=None if cut is None else cut.normalized_position,
        out_lap=lap.out_lap,
        in_lap=lap.in_lap,
        in_pits=lap.in_pits,
        paused_s=lap.paused_s,
        top_speed_kmh=None if math.isnan(lap.top_speed_kmh) else lap.top_speed_kmh,
        fuel_used_l=None if math.isnan(last.fuel) else lap.fuel_used_l,
        tyre_compound=last.tyre_compound,
        tyre_worn=last.tyre_worn,
        session=last.session_name,
        car=last.car_model,
        track=last.track,
        layout=last.track_configuration,
    )


_ENDS: Final[dict[LapEnd, str]] = {
    "restart": "restarted",
    "pits": "returned to the pits",
    "session": "session changed",
    "uncounted": "not counted by the game",
    "recording": "recording ended",
}


def _cut_text(cut: Sample) -> str:
    tyres = f"{cut.number_of_tyres_out} tyres out" if cut.number_of_tyres_out > 0 else "tyres out"
    if cut.lap_distance is not None and math.isfinite(cut.lap_distance):
        return f"{tyres} at {cut.lap_distance:,.0f} m"
    if math.isfinite(cut.normalized_position):
        return f"{tyres} at {cut.normalized_position:.1%} of the lap"
    return tyres


def _moment(sample: Sample) -> SampleRef:
    return SampleRef(sample.sequence, sample.packet_id, sample.elapsed, sample.timestamp)


def _unfinished(lap: LapInProgress, end: LapEnd) -> list[Lap]:
    """The lap that was not completed, if it is worth the name."""
    if _metres(lap) < MIN_LAP_DISTANCE_M:
        return []
    return [_close(lap, end, lap.last.current_time)]


def _unseen(lap: LapInProgress, now: Sample, number: int) -> Lap:
    """A lap that the game counted while nobody looked."""
    blank = _close(_begin(now, None, number, lap.run, "unseen", 0.0), "line", None)
    return replace(
        blank,
        first=None,
        last=None,
        sectors_ms=(None,) * len(blank.sectors_ms),
        invalid_because=("not recorded",),
        first_cut_m=None,
        first_cut_position=None,
        in_pits=False,
        top_speed_kmh=None,
        fuel_used_l=None,
        tyre_worn=(None, None, None, None),
    )


def _official_time(
    waiting: PendingLap | None, early: tuple[int, float] | None, before: Sample, now: Sample, clock: float
) -> tuple[PendingLap | None, tuple[int, float] | None]:
    """Gives a time that came to the lap it belongs to: the one that waits, or the one that ends next."""
    if now.last_time != before.last_time and now.last_time > 0:
        early = (now.last_time, clock)
    if early and waiting and waiting.lap.time_ms is None:
        return replace(waiting, lap=_with_time(waiting.lap, early[0])), None
    if early and clock - early[1] > EARLY_SECONDS:
        early = None
    return waiting, early


def _with_time(lap: Lap, time_ms: int) -> Lap:
    """The lap with its official time, which is that of its only sector too where it has but one."""
    return replace(lap, time_ms=time_ms, sectors_ms=(time_ms,) if len(lap.sectors_ms) == 1 else lap.sectors_ms)


def _stale_sector(lap: Lap, before: Sample) -> int | None:
    """What the game shows as sector time until that of the last sector comes; None where it is not waited for."""
    if len(lap.sectors_ms) < 2 or lap.start == "unseen":
        return None
    known = lap.sectors_ms[-2]
    return before.last_sector_time if known is None else known


def _last_sector(waiting: PendingLap, now: Sample) -> PendingLap:
    """The lap with the time of its last sector, if that has come and no split of the next lap took its place."""
    value = now.last_sector_time
    if waiting.stale_ms is None or now.current_sector_index != 0 or value <= 0 or value == waiting.stale_ms:
        return waiting
    lap = replace(waiting.lap, sectors_ms=(*waiting.lap.sectors_ms[:-1], value))
    return replace(waiting, lap=lap, stale_ms=None)


def _finalise(waiting: PendingLap, now: Sample | None) -> Lap:
    """The lap when nothing more will come: a time or a sector that did not change may be the same once more.

    ``now`` is None where too little time has passed to say so.
    """
    lap, measured, value = waiting.lap, waiting.lap.measured_ms, waiting.stale_ms
    if now is None:
        return lap
    same_time = measured is not None and abs(now.last_time - measured) <= SAME_TIME_MS and now.last_time > 0
    if lap.time_ms is None and same_time:
        lap = _with_time(lap, now.last_time)
    others = [time for time in lap.sectors_ms[:-1] if time is not None]
    if lap.time_ms is None or value is None or len(others) + 1 < len(lap.sectors_ms):
        return lap
    if now.last_sector_time == value > 0 and abs(sum(others) + value - lap.time_ms) <= SAME_SECTORS_MS:
        lap = replace(lap, sectors_ms=(*others, value))
    return lap
