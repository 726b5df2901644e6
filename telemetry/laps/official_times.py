"""The official time, the last sector and the game's verdict, which it shows frames before or after the line.

The game does not say to which lap a time belongs, and the same time twice in a row changes nothing on the page. A
completed lap therefore waits for up to a second of game time (:class:`PendingLap`), and a time that comes before its
lap is counted is kept for two (:class:`EarlyTime`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from telemetry.fields.derived import Sample
from telemetry.laps.model import GameVerdict, Lap

WAIT_S: Final = 1.0
"""Game time in which the second sign of a line, the official time and the last sector come, if they come at all."""

EARLY_S: Final = 2.0
"""Game time for which an official time that came before its lap was counted is kept."""

SAME_TIME_MS: Final = 100
"""How far a measured time may be from the official one: both come from pages that are drawn 30 times a second."""

SAME_SECTORS_MS: Final = 10
"""How far the sum of the sectors may be from the official time."""


@dataclass(frozen=True, slots=True)
class PendingLap:
    """A completed lap whose official time or last sector has not come yet."""

    lap: Lap
    since_s: float
    """Game time at which it was counted."""
    previous_sector_ms: int | None
    """The time of the sector before the last one, which the game shows until the last one's time comes. None: the last
    sector is not waited for."""
    best_ms: int
    """The best time that the game showed before this lap could become the best, 0 for none."""
    stopped_ms: int | None
    """The measured time if the lap clock turns out to have stopped at the line. None: it runs on."""

    @property
    def is_settled(self) -> bool:
        """Whether everything about the lap is known, but for the game's verdict."""
        return self.lap.time_ms is not None and self.previous_sector_ms is None and self.stopped_ms is None


class EarlyTime(NamedTuple):
    """An official time whose lap is not counted yet."""

    time_ms: int
    since_s: float
    """Game time at which it came."""
    best_ms: int
    """The best time that the game showed before, 0 for none."""


def await_official_time(lap: Lap, before: Sample, clock_s: float, stopped_ms: int | None) -> PendingLap:
    """A lap that was just completed; ``before`` is the last sample before the line."""
    previous_sector_ms = None
    if len(lap.sectors_ms) >= 2 and lap.start != "unseen":
        known_ms = lap.sectors_ms[-2]
        previous_sector_ms = before.last_sector_time if known_ms is None else known_ms
    return PendingLap(lap, clock_s, previous_sector_ms, before.best_time, stopped_ms)


def assign_official_time(
    pending: PendingLap | None, early: EarlyTime | None, before: Sample, now: Sample, clock_s: float
) -> tuple[PendingLap | None, EarlyTime | None]:
    """Give a time that came to its lap: the one that waits, or the one that ends next."""
    if now.last_time != before.last_time and now.last_time > 0:
        early = EarlyTime(now.last_time, clock_s, before.best_time)
    if early and pending and pending.lap.time_ms is None:
        lap = with_official_time(pending.lap, early.time_ms)
        return replace(pending, lap=lap, best_ms=early.best_ms), None
    if early and clock_s - early.since_s > EARLY_S:
        early = None
    return pending, early


def with_official_time(lap: Lap, time_ms: int) -> Lap:
    """The lap with its official time; where the track has one sector only, that is the sector's time too."""
    return replace(lap, time_ms=time_ms, sectors_ms=(time_ms,) if len(lap.sectors_ms) == 1 else lap.sectors_ms)


def assign_last_sector(pending: PendingLap, now: Sample) -> PendingLap:
    """Give the lap the time of its last sector, if that has come and the next lap's first split has not replaced it."""
    time_ms, previous_ms = now.last_sector_time, pending.previous_sector_ms
    if previous_ms is None or now.current_sector_index != 0 or time_ms <= 0 or time_ms == previous_ms:
        return pending
    lap = replace(pending.lap, sectors_ms=(*pending.lap.sectors_ms[:-1], time_ms))
    return replace(pending, lap=lap, previous_sector_ms=None)


def assign_measured_time(pending: PendingLap, now: Sample, clock_s: float) -> PendingLap:
    """Tell a lap clock that stopped at the line, as at the finish of an A-to-B drive, from one that restarted."""
    if pending.stopped_ms is None or (now.current_time == 0 and clock_s <= pending.since_s):
        return pending
    measured_ms = pending.lap.measured_ms if now.current_time else pending.stopped_ms
    return replace(pending, lap=replace(pending.lap, measured_ms=measured_ms), stopped_ms=None)


def settle(pending: PendingLap, now: Sample | None, *, shows_best: bool) -> Lap:
    """The lap when nothing more will come: a time or a sector that did not change may be the same as the one before.

    ``now`` is None where too little time has passed to conclude that.
    """
    lap, measured_ms, previous_ms = pending.lap, pending.lap.measured_ms, pending.previous_sector_ms
    if now is None:
        return lap
    same_time = measured_ms is not None and abs(now.last_time - measured_ms) <= SAME_TIME_MS and now.last_time > 0
    if lap.time_ms is None and same_time:
        lap = with_official_time(lap, now.last_time)
    lap = with_verdict(lap, judge(replace(pending, lap=lap), now, shows_best=shows_best))
    others = [time_ms for time_ms in lap.sectors_ms[:-1] if time_ms is not None]
    if lap.time_ms is None or previous_ms is None or len(others) + 1 < len(lap.sectors_ms):
        return lap
    if now.last_sector_time == previous_ms > 0 and abs(sum(others) + previous_ms - lap.time_ms) <= SAME_SECTORS_MS:
        lap = replace(lap, sectors_ms=(*others, previous_ms))
    return lap


# The game's verdict


def shows_best_time(now: Sample) -> bool:
    """Whether the sample shows a best time, or that there is none yet; a recording of few fields has neither."""
    return now.best_time > 0 or bool(now.best_time_text)


def judge(pending: PendingLap, now: Sample, *, shows_best: bool) -> GameVerdict | None:
    """What the game made of a lap with an official time: a lap that it accepts becomes its best time.

    A lap that is not faster than the best one before it says nothing.
    """
    time_ms = pending.lap.time_ms
    if time_ms is None or 0 < pending.best_ms <= time_ms:
        return None
    if now.best_time == time_ms:
        return "accepted"
    return "refused" if shows_best else "undecided"


def with_verdict(lap: Lap, verdict: GameVerdict | None) -> Lap:
    """The lap with the game's verdict."""
    if verdict == "refused":
        return replace(lap, game_verdict=verdict, invalid_because=(*lap.invalid_because, REFUSED))
    return lap if verdict == lap.game_verdict else replace(lap, game_verdict=verdict)


REFUSED: Final = "refused by the game"


def with_late_verdicts(laps: Iterable[Lap], *, shows_best: bool) -> Iterator[Lap]:
    """These laps with nothing undecided: the game refused what is undecided, if the samples show best times at all."""
    for lap in laps:
        undecided = lap.game_verdict == "undecided"
        yield with_verdict(lap, "refused" if shows_best else None) if undecided else lap
