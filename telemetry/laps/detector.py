"""Samples to laps: a pure state machine whose complete memory is a :class:`LapState`.

Each sample is compared with the one before (:mod:`telemetry.laps.signals`): which sign of a line lies between them, the
lap clock, the lap count, or both? One small function per sign says what it makes of the laps in progress. Because the
two signs and the official time come in any order, some frames apart, a lap is held back for up to a second of game time
and emitted once everything about it is known (:mod:`telemetry.laps.official_times`).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, NamedTuple

from telemetry.fields.derived import Sample
from telemetry.fields.lap_changes import MAX_INTERVAL_S, has_clock_restarted, is_in_pits, is_lap_clock_reset
from telemetry.fields.pauses import paused_seconds
from telemetry.laps.missing import judge_without
from telemetry.laps.model import Lap, LapEnd
from telemetry.laps.official_times import (
    WAIT_S,
    EarlyTime,
    PendingLap,
    assign_last_sector,
    assign_measured_time,
    assign_official_time,
    await_official_time,
    judge,
    settle,
    shows_best_time,
    with_late_verdicts,
    with_official_time,
    with_verdict,
)
from telemetry.laps.progress import (
    LapInProgress,
    begin_lap,
    begin_next_lap,
    close_lap,
    close_unfinished,
    extend_lap,
    make_unseen_lap,
    restart_physics,
    start_at_line,
    start_of_first_lap,
)
from telemetry.laps.signals import (
    SamplePair,
    Signal,
    advanced_game_s,
    classify,
    extend_frame,
    find_discontinuity,
    is_without_driving,
    measure_lap_ms,
    measure_stopped_ms,
)
from telemetry.laps.stints import StintState, begin_stints, follow_stints, restart_stints

SETTLED_S: Final = 0.5
"""Game time after the line by which a new official time would have been seen, where the samples end soon after."""


class PendingCrossing(NamedTuple):
    """A line of which one sign was seen, and the other one is awaited."""

    signal: Literal["clock", "count"]
    """The sign that was seen."""
    since_s: float
    """Game time at which it was seen."""
    lap: LapInProgress
    """The lap that ended with it."""
    measured_ms: int
    stopped_ms: int | None
    """The time of the lap if its clock stopped at the line; None where it has restarted."""
    extended_lap: LapInProgress | None = None
    """After a count, the same lap continued: it is the one that ended if its clock restarts after all."""


class LapState(NamedTuple):
    """Everything that is remembered between two samples; ``LapState()`` is the state before the first one."""

    clock_s: float = 0.0
    """Game time since the first sample; it stands still in a pause."""
    before: Sample | None = None
    """The last live sample."""
    moving: Sample | None = None
    """The last live sample with a new physics step."""
    frame: tuple[Sample, ...] = ()
    """The samples that show the same drawn frame as `before`, up to it, and the one before them."""
    shows_best: bool = False
    """Whether the samples show the best lap time, or that there is none yet: the game's verdict is then known."""
    running: LapInProgress | None = None
    crossing: PendingCrossing | None = None
    pending: PendingLap | None = None
    early: EarlyTime | None = None
    stints: StintState = StintState()
    missing: frozenset[str] = frozenset()
    """The raw fields that the samples do not hold, as their source says."""
    keep_short: bool = False
    """Whether unfinished laps count that are too short to be reported."""


class _Transition(NamedTuple):
    """What a pair of samples makes of the laps in progress."""

    running: LapInProgress
    crossing: PendingCrossing | None
    ended: tuple[Lap, ...] = ()
    """Laps that ended here, in order: all counted, or one that was not."""
    stopped_ms: int | None = None
    """The time of the last of these laps if its clock stopped at the line."""


def laps(
    samples: Iterable[Sample], *, missing: frozenset[str] = frozenset(), keep_short: bool = False
) -> Iterator[Lap]:
    """The laps of these samples in order, each as soon as it is settled; an unfinished last one at the end.

    ``missing`` names the raw fields that the samples do not hold: their source's ``missing_fields``. With
    ``keep_short`` unfinished laps are among them that are too short to be reported otherwise.
    A lap whose verdict of the game depends on whether the samples show best times at all is held back, with those after
    it, until one is shown or the samples end.
    """
    state = LapState(missing=missing, keep_short=keep_short)
    return collect_laps(_advance_each(samples, state), missing=missing)


def _advance_each(samples: Iterable[Sample], state: LapState) -> Iterator[tuple[LapState, tuple[Lap, ...]]]:
    for sample in samples:
        state, settled = advance(state, sample)
        yield state, settled


def collect_laps(
    states: Iterable[tuple[LapState, tuple[Lap, ...]]], *, missing: frozenset[str] = frozenset()
) -> Iterator[Lap]:
    """The laps that were settled with each of these states, in order, and those that the last one leaves."""
    state = LapState(missing=missing)
    held: list[Lap] = []
    for state, settled in states:
        if not settled:
            continue
        held += settled
        if state.shows_best or held[0].game_verdict != "undecided":
            yield from with_late_verdicts(held, shows_best=state.shows_best)
            held.clear()
    yield from with_late_verdicts([*held, *finish(state)], shows_best=state.shows_best)


def advance(state: LapState, now: Sample) -> tuple[LapState, tuple[Lap, ...]]:
    """The state after one more sample, and the laps that it settled. A pure function; any sample will do.

    Samples of a pause, of a replay and of a game that is off change nothing.
    """
    before, moving, running = state.before, state.moving, state.running
    if is_without_driving(now, state.missing):
        return state, ()
    if before is None or moving is None or running is None:
        start = start_of_first_lap(now, is_clock_known="current_time" not in state.missing)
        running = begin_lap(now, None, now.completed_laps + 1, 1, start, 0.0)
        shows_best = shows_best_time(now)
        return LapState(
            before=now,
            moving=now,
            frame=(now,),
            shows_best=shows_best,
            running=running,
            stints=begin_stints(now),
            missing=state.missing,
            keep_short=state.keep_short,
        ), ()

    clock_s = state.clock_s + advanced_game_s(before, now)
    counted = now.completed_laps - before.completed_laps
    pair = SamplePair(before, now, clock_s, counted, state.frame, state.keep_short)
    if end := find_discontinuity(before, now) or _find_late_restart(state.crossing, pair):
        return _restart(state, running, pair, end)
    running, crossing, ended, stopped_ms = _cross_line(running, state.crossing, pair)
    if paused_s := _paused_s(moving, now):
        running = running._replace(paused_s=running.paused_s + paused_s)
    if now.packet_id < before.packet_id:
        running = restart_physics(running, now)
    if crossing and clock_s - crossing.since_s >= WAIT_S:
        running, crossing, ended, stopped_ms = _stop_waiting(running, crossing, pair)
    shows_best = state.shows_best or shows_best_time(now)
    pending, early, settled = _settle_laps(state._replace(shows_best=shows_best), pair, ended, stopped_ms)
    if now.packet_id != moving.packet_id:
        moving = now
    frame = extend_frame(state.frame, now)
    stints = follow_stints(state.stints, before, now)
    if running.stint != stints.number:
        running = running._replace(stint=stints.number)
    if settled and state.missing:
        settled = tuple(judge_without(lap, state.missing) for lap in settled)
    return LapState(
        clock_s, now, moving, frame, shows_best, running, crossing, pending, early, stints,
        state.missing, state.keep_short,
    ), settled  # fmt: skip


def finish(state: LapState) -> tuple[Lap, ...]:
    """The laps that are left when there are no more samples: those held back, and the unfinished one."""
    return _end_all(state, "recording")


def _find_late_restart(crossing: PendingCrossing | None, pair: SamplePair) -> LapEnd | None:
    """A restart whose clock looked like that of a line: the physics restarts up to a second after it."""
    is_late = crossing is not None and crossing.signal == "clock" and pair.now.packet_id < pair.before.packet_id
    return "restart" if is_late and pair.counted == 0 else None


def _paused_s(moving: Sample, now: Sample) -> float:
    """Seconds that the game stood still since the last new physics step."""
    paused_s = paused_seconds(now.elapsed - moving.elapsed, now.packet_id - moving.packet_id)
    return paused_s if paused_s < MAX_INTERVAL_S else 0.0


# One function per sign of a line


def _cross_line(running: LapInProgress, crossing: PendingCrossing | None, pair: SamplePair) -> _Transition:
    """What the signs between two samples make of the lap in progress and of a line of which one sign was seen."""
    if pair.counted == 1 and _is_joined_within_line(running, pair):
        running = running._replace(number=pair.now.completed_laps + 1, start="line")
        pair = pair._replace(counted=0)
    if crossing is None:
        return _TRANSITIONS[classify(pair)](running, None, pair)
    if pair.counted:
        # The awaited count after a clock, or the next count after one whose clock never restarted.
        counted_lap = crossing.lap
        if crossing.signal == "clock":
            pair = pair._replace(counted=pair.counted - 1)
            # What was cut between clock and count is of the lap that is counted.
            counted_lap = counted_lap if counted_lap.cut else counted_lap._replace(cut=running.cut)
            running = running._replace(cut=None)
        transition = _TRANSITIONS[classify(pair)](running, None, pair)
        confirmed = close_lap(counted_lap, "line", crossing.measured_ms)
        if not transition.ended:
            transition = transition._replace(stopped_ms=crossing.stopped_ms)
        return transition._replace(ended=(confirmed, *transition.ended))
    if crossing.extended_lap and has_clock_restarted(pair.now, pair.before):
        return _take_clock_after_count(running, crossing, crossing.extended_lap, pair)
    return _TRANSITIONS[classify(pair)](running, crossing, pair)


def _is_joined_within_line(running: LapInProgress, pair: SamplePair) -> bool:
    """Whether the samples begin between the two signs of a line: the count is of the lap before, which nobody saw."""
    has_just_begun = running.start in {"line", "grid"} and running.began_s == 0.0 and pair.clock_s < WAIT_S
    return has_just_begun and not is_lap_clock_reset(pair.now, pair.before)


def _drive_on(running: LapInProgress, crossing: PendingCrossing | None, pair: SamplePair) -> _Transition:
    """No sign: the same lap goes on."""
    if crossing and crossing.extended_lap:
        crossing = crossing._replace(extended_lap=extend_lap(crossing.extended_lap, pair.now))
    running = extend_lap(running, pair.now)
    if crossing and crossing.signal == "clock":
        running = _with_cut_behind_line(running, crossing.lap, pair.now)
    return _Transition(running, crossing)


def _take_clock(running: LapInProgress, crossing: PendingCrossing | None, pair: SamplePair) -> _Transition:
    """The clock fell first: a lap ended, if the game counts it; until then the next one has the number after it."""
    if running.is_undriven:
        start = begin_lap(pair.now, None, running.number, running.start_index, running.start, pair.clock_s)
        return _Transition(start, crossing, close_unfinished(running, "uncounted", keep_short=pair.keep_short))
    uncounted = close_unfinished(crossing.lap, "uncounted", keep_short=pair.keep_short) if crossing else ()
    measured_ms, stopped_ms = measure_lap_ms(pair.before, pair.now), measure_stopped_ms(pair.before, pair.now)
    crossing = PendingCrossing("clock", pair.clock_s, _end_at_line(running, pair), measured_ms, stopped_ms)
    following = begin_next_lap(pair, pair.now.completed_laps + 2, running.start_index)
    return _Transition(_with_cut_behind_line(following, crossing.lap, pair.now), crossing, uncounted)


def _with_cut_behind_line(following: LapInProgress, ended: LapInProgress, now: Sample) -> LapInProgress:
    """The lap behind a line that may not count, with its cut while ``is_lap_valid`` is still about a cut lap before."""
    if following.cut or ended.cut is None or not now.number_of_tyres_out >= ended.cut.number_of_tyres_out > 0:
        return following
    return following._replace(cut=now)


def _take_count(running: LapInProgress, _: PendingCrossing | None, pair: SamplePair) -> _Transition:
    """The count rose first: the lap ended here, or where its clock restarts in a moment."""
    measured_ms = measure_lap_ms(pair.before, pair.now)
    crossing = PendingCrossing("count", pair.clock_s, running, measured_ms, None, extend_lap(running, pair.now))
    return _Transition(_begin_counted(running, pair), crossing)


def _take_both(running: LapInProgress, _: PendingCrossing | None, pair: SamplePair) -> _Transition:
    """Clock and count together: the lap is complete."""
    ended = close_lap(_end_at_line(running, pair), "line", measure_lap_ms(pair.before, pair.now))
    return _Transition(_begin_counted(running, pair), None, (ended,), measure_stopped_ms(pair.before, pair.now))


def _take_several(running: LapInProgress, _: PendingCrossing | None, pair: SamplePair) -> _Transition:
    """Several laps at once: the first is the one in progress, and of the others there are no samples."""
    now = pair.now
    first_unseen = now.completed_laps - pair.counted + 2
    unseen = [
        make_unseen_lap(now, number, running.start_index) for number in range(first_unseen, now.completed_laps + 1)
    ]
    return _Transition(_begin_counted(running, pair), None, (close_lap(running, "line", None), *unseen))


def _take_clock_after_count(
    running: LapInProgress, crossing: PendingCrossing, extended: LapInProgress, pair: SamplePair
) -> _Transition:
    """The awaited clock after a count: the lap that was counted ends here.

    Whether it is valid was decided when it was counted; a verdict since then is about the lap that begins here.
    """
    lap = _end_at_line(extended._replace(cut=crossing.lap.cut), pair)
    ended = close_lap(lap, "line", measure_lap_ms(pair.before, pair.now))
    following = begin_next_lap(pair, running.number, running.start_index)
    following = following._replace(cut=None if running.cut is None else pair.now)
    return _Transition(following, None, (ended,), measure_stopped_ms(pair.before, pair.now))


def _end_at_line(lap: LapInProgress, pair: SamplePair) -> LapInProgress:
    """The lap without the samples behind the line that still show the frame in front of it."""
    return lap._replace(last=pair.find_line()[0], line_position=pair.now.line_position)


def _begin_counted(running: LapInProgress, pair: SamplePair) -> LapInProgress:
    return begin_next_lap(pair, pair.now.completed_laps + 1, running.start_index)


_TRANSITIONS: Final[dict[Signal, Callable[[LapInProgress, PendingCrossing | None, SamplePair], _Transition]]] = {
    Signal.NONE: _drive_on,
    Signal.CLOCK: _take_clock,
    Signal.COUNT: _take_count,
    Signal.BOTH: _take_both,
    Signal.SEVERAL: _take_several,
}


def _stop_waiting(running: LapInProgress, crossing: PendingCrossing, pair: SamplePair) -> _Transition:
    """The second sign did not come: a count alone completes a lap, a clock alone does not."""
    if crossing.signal == "count":
        return _Transition(running, None, (close_lap(crossing.lap, "line", crossing.measured_ms),))
    uncounted = close_unfinished(crossing.lap, "uncounted", keep_short=pair.keep_short)
    return _Transition(running._replace(number=pair.now.completed_laps + 1), None, uncounted)


# Laps that ended


def _settle_laps(
    state: LapState, pair: SamplePair, ended: tuple[Lap, ...], stopped_ms: int | None
) -> tuple[PendingLap | None, EarlyTime | None, tuple[Lap, ...]]:
    """The lap and the time that wait now, and the laps that are settled with this sample."""
    pending = state.pending
    settled: tuple[Lap, ...] = ()
    if ended:
        settled = (settle(pending, pair.before, shows_best=state.shows_best), *ended) if pending else ended
        pending = None
        if settled[-1].complete:
            pending = await_official_time(settled[-1], pair.before, pair.clock_s, stopped_ms)
            settled = settled[:-1]
    pending, early = assign_official_time(pending, state.early, pair.before, pair.now, pair.clock_s)
    if pending is None:
        return None, early, settled
    pending = assign_last_sector(assign_measured_time(pending, pair.now, pair.clock_s), pair.now)
    verdict = judge(pending, pair.now, shows_best=state.shows_best)
    if pending.is_settled and verdict != "refused":
        return None, early, (*settled, with_verdict(pending.lap, verdict))
    if pair.clock_s - pending.since_s >= WAIT_S:
        return None, early, (*settled, settle(pending, pair.now, shows_best=state.shows_best))
    return pending, early, settled


def _restart(
    state: LapState, running: LapInProgress, pair: SamplePair, end: LapEnd
) -> tuple[LapState, tuple[Lap, ...]]:
    """The state after a discontinuity, and the laps that it ended."""
    before, now, clock_s = pair.before, pair.now, pair.clock_s
    pending = state.pending
    if end == "pits":
        pending, _ = assign_official_time(pending, None, before, now, clock_s)
    ended = _end_all(state._replace(pending=pending), end)
    # Count, clock and session may jump a few frames apart: that is one start.
    is_same_start = end == "pits" or running.is_undriven
    start_index = running.start_index if is_same_start else running.start_index + 1
    start = start_at_line(before, now)
    if start == "line":
        start = "pits" if is_in_pits(now) else "grid"
    stints = restart_stints(state.stints, now, is_same_start=is_same_start)
    lap = begin_lap(now, None, now.completed_laps + 1, start_index, start, clock_s)._replace(stint=stints.number)
    begun = LapState(
        clock_s, now, now, (now,), state.shows_best, lap, stints=stints, missing=state.missing,
        keep_short=state.keep_short,
    )  # fmt: skip
    return begun, ended


def _end_all(state: LapState, end: LapEnd) -> tuple[Lap, ...]:
    """All laps that are left when no more samples of them will come."""
    ended: list[Lap] = []
    if state.pending:
        is_settled = state.clock_s - state.pending.since_s >= SETTLED_S
        newest = state.before if is_settled else None
        ended.append(settle(state.pending, newest, shows_best=state.shows_best))
    if state.crossing and state.crossing.signal == "count":
        lap = close_lap(state.crossing.lap, "line", state.crossing.measured_ms)
        ended.append(with_official_time(lap, state.early.time_ms) if state.early else lap)
    elif state.crossing:
        ended += close_unfinished(state.crossing.lap, end, keep_short=state.keep_short)
    if state.running:
        ended += close_unfinished(state.running, end, keep_short=state.keep_short)
    return tuple(judge_without(lap, state.missing) for lap in ended)
