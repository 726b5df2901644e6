"""Laps of a recording held against the game's own result of the session."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from telemetry.base.text import format_count, format_lap_time, format_sector_time
from telemetry.laps.model import Lap
from telemetry.laps.session_result import ResultDrive, ResultLap, SessionResult

TOLERANCE_MS: Final = 1
"""By which times may differ: the game rounds them here and there."""


@dataclass(frozen=True, slots=True)
class JudgedLap:
    """A lap of the recording, and the same lap in the result."""

    lap: Lap
    drive: ResultDrive
    official: ResultLap

    @property
    def differences(self) -> tuple[str, ...]:
        """What is not the same, as sentences; empty where all is."""
        return tuple(f"Lap {self.lap.number}: {text}" for text in _differences(self.lap, self.official))


def judge_laps(laps: Sequence[Lap], result: SessionResult) -> list[JudgedLap]:
    """The complete laps that the result holds too, in order.

    The laps from one start to the next belong to that car and session of the result, and to those of its lap numbers in
    a row, with which most times agree; to none where not one does.
    """
    places: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, drive in enumerate(result.drives):
        for official in drive.laps:
            if official.driven_ms is not None:
                places[official.driven_ms].append((number, official.number))
    found: list[JudgedLap] = []
    for _, group in groupby(laps, key=lambda lap: lap.start_index):
        own = [lap for lap in group if lap.complete]
        agreeing = Counter(
            (number, place - lap.number)
            for lap in own
            if lap.time_ms
            for time_ms in range(lap.time_ms - TOLERANCE_MS, lap.time_ms + TOLERANCE_MS + 1)
            for number, place in places.get(time_ms, ())
        )
        if not agreeing:
            continue
        names = own[0].session, own[0].car
        rated = (
            (count, (result.drives[number].session, result.drives[number].car) == names, -number, shift)
            for (number, shift), count in agreeing.items()
        )
        _, _, back, shift = max(rated)
        drive = result.drives[-back]
        official_laps = {official.number: official for official in drive.laps}
        pairs = ((lap, official_laps.get(lap.number + shift)) for lap in own)
        found += (JudgedLap(lap, drive, official) for lap, official in pairs if official is not None)
    return found


def describe_other_track(laps: Iterable[Lap], result: SessionResult) -> str:
    """A sentence where these laps were driven on another track than the result's; else nothing."""
    for lap in laps:
        if lap.track and result.track not in ("", lap.track, f"{lap.track}-{lap.layout}"):
            return f"The result is of {result.track}, the recording of {lap.car_and_track.track_name}."
    return ""


def describe_judgement(laps: Iterable[Lap], judged: Sequence[JudgedLap]) -> list[str]:
    """How many of these laps were compared, with which drivers' laps, as sentences, and how many were not."""
    sentences = [
        f"Compared: {format_count(len(list(group)), 'lap')} of {drive.driver or 'an unnamed driver'} in "
        f"{drive.car or 'an unknown car'}, {drive.session or 'unknown session'}."
        for drive, group in groupby(judged, key=lambda one: one.drive)
    ]
    if rest := sum(lap.complete for lap in laps) - len(judged):
        sentences.append(f"Not compared: {format_count(rest, 'complete lap')} that the result does not hold.")
    return sentences


def _is_same(time_ms: int, official_ms: int | None) -> bool:
    return official_ms is not None and abs(time_ms - official_ms) <= TOLERANCE_MS


def _differences(lap: Lap, official: ResultLap) -> Iterable[str]:
    if lap.time_ms is not None and official.driven_ms is not None and not _is_same(lap.time_ms, official.driven_ms):
        yield f"the recording has {format_lap_time(lap.time_ms)}, the result {format_lap_time(official.driven_ms)}."
    if len(official.sectors_ms) == len(lap.sectors_ms):
        for number, (own, other) in enumerate(zip(lap.sectors_ms, official.sectors_ms, strict=True), 1):
            if own is not None and not _is_same(own, other):
                yield (
                    f"sector {number} takes {format_sector_time(own)} in the recording, "
                    f"{format_sector_time(other)} in the result."
                )
    if official.is_cut and lap.valid:
        yield "the game refused it for a cut, and it is valid in the recording."
    if not official.is_cut and lap.first_cut_position is not None:
        yield f"the game counted it, and in the recording it is cut: {', '.join(lap.invalid_because)}."
