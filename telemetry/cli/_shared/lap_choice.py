"""The laps that a command is about: ``FILE``, ``FILE:LAP`` or a folder, and which lap of them is the reference."""

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from telemetry.analysis.recorded_laps import LapRecording, read_recording
from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.cli._shared.input_files import check_file_exists, exists, find_recordings
from telemetry.cli._shared.progress import reading_progress
from telemetry.cli._shared.stopping import Interrupted, stop_on_signal
from telemetry.fields.thresholds import Thresholds
from telemetry.laps.model import CarAndTrack, Lap

if TYPE_CHECKING:
    from telemetry.analysis.comparison import DrivenLap
    from telemetry.tracks.definition import Track

REFERENCES: Final = ("best", "last", "median")
"""The references that are chosen among the valid laps, besides ``FILE:LAP``."""

ReferenceLap = Annotated[
    str,
    typer.Option(
        metavar="LAP",
        help="The lap to compare with, of the same recordings: [bold]best[/], last or median of the valid laps, or "
        "FILE:LAP.",
    ),
]

_LAP: Final = re.compile(r"(.+):(\d{1,6})", re.DOTALL)


class OnlyLapError(UsageError):
    """There is a lap to look at, and no other one to compare it with."""

    def __init__(self, message: str, lap: "RecordedLap") -> None:
        super().__init__(message)
        self.lap = lap


class LapTarget(NamedTuple):
    """A recording or a folder, and the lap of it that is meant; None for its best one."""

    path: Path
    number: int | None


class RecordedLap(NamedTuple):
    """A lap and the recording that holds it."""

    recording: LapRecording
    lap: Lap

    @property
    def time_ms(self) -> int:
        """Its official time; without one it is slower than all others."""
        return self.lap.time_ms or 1 << 40


def parse_lap_target(text: str) -> LapTarget:
    """``FILE`` or ``FILE:LAP``; a file of that whole name is never taken apart."""
    match = None if exists(Path(text)) else _LAP.fullmatch(text)
    return LapTarget(Path(text), None) if match is None else LapTarget(Path(match[1]), int(match[2]))


class Library:
    """The recordings that a command was given, each read once."""

    def __init__(self, thresholds: Thresholds, *, include_ai: bool = False, column_map: Path | None = None) -> None:
        self._thresholds, self._include_ai, self._column_map = thresholds, include_ai, column_map
        self._read: dict[Path, LapRecording] = {}

    def add(self, recording: LapRecording) -> None:
        """Take a recording whose laps are known."""
        self._read[recording.path] = recording

    def read(self, path: Path) -> list[LapRecording]:
        """The recording of this name, or all in and below a folder; raises what :func:`telemetry.open_source` does."""
        files = find_recordings([path])
        clock = Clock(math.inf)
        with stop_on_signal(clock), reading_progress() as progress:
            for file in files:
                if file in self._read:
                    continue
                check_file_exists(file)

                def watch(blocks: Iterable[Any]) -> Iterable[Any]:
                    for columns in progress.watch(blocks):
                        if clock.stopped:
                            return
                        yield columns

                self._read[file] = read_recording(
                    file,
                    thresholds=self._thresholds,
                    include_ai=self._include_ai,
                    column_map=self._column_map,
                    watch=watch,
                )
                if clock.stopped:
                    raise Interrupted(f"Stopped before {file} was read.")
        return [self._read[file] for file in files]

    def laps(self, paths: Iterable[Path]) -> list[RecordedLap]:
        """All laps of these recordings that have samples."""
        return [
            RecordedLap(recording, lap)
            for path in paths
            for recording in self.read(path)
            for lap in recording.laps
            if lap.first is not None
        ]

    def known_laps(self) -> list[RecordedLap]:
        """All laps of the recordings that were read so far."""
        return self.laps(list(self._read))

    def find(self, target: LapTarget) -> RecordedLap:
        """The lap that is meant; UsageError where there is none."""
        recordings = self.read(target.path)
        if target.number is not None:
            if len(recordings) != 1:
                raise UsageError(
                    f"{target.path} holds {len(recordings)} recordings: name the file of lap {target.number}."
                )
            return RecordedLap(recordings[0], recordings[0].lap(target.number))
        return best_of(self.laps([target.path]), str(target.path))


def valid_laps(laps: Iterable[RecordedLap]) -> list[RecordedLap]:
    """Those that are valid and have an official time, from the fastest to the slowest.

    A lap from a standing start on the grid is only among them where no other one is valid.
    """
    valid = sorted((one for one in laps if one.lap.valid and one.lap.time_ms), key=lambda one: one.time_ms)
    return [one for one in valid if one.lap.start == "line"] or valid


def best_of(laps: Sequence[RecordedLap], where: str, *, takes_lap: bool = True) -> RecordedLap:
    """The fastest valid lap; UsageError, with the reasons, where none is valid.

    ``takes_lap`` says whether a lap could be named instead.
    """
    valid = valid_laps(laps)
    if valid:
        return valid[0]
    if not laps:
        raise UsageError(f"{where} holds no lap.")
    reasons = dict.fromkeys(reason for one in laps for reason in one.lap.invalid_because)
    text = f"{where} holds no valid lap with an official time ({'; '.join(reasons) or 'no times'})."
    if takes_lap:
        text += f" Name a lap, like {laps[0].recording.path}:{laps[0].lap.number}, to compare it nevertheless."
    raise UsageError(text)


def of_track(laps: Iterable[RecordedLap], lap: Lap) -> list[RecordedLap]:
    """Those of the same track and layout as this lap."""
    return [one for one in laps if (one.lap.track, one.lap.layout) == (lap.track, lap.layout)]


def of_car_and_track(laps: Iterable[RecordedLap], lap: Lap) -> list[RecordedLap]:
    """Those of the same car, track and layout as this lap."""
    return [one for one in laps if one.lap.car_and_track == lap.car_and_track]


def main_drive(laps: Sequence[RecordedLap]) -> list[RecordedLap]:
    """The laps of the car and track that most of the valid ones are of."""
    counts: dict[CarAndTrack, int] = {}
    for one in valid_laps(laps):
        counts[one.lap.car_and_track] = counts.get(one.lap.car_and_track, 0) + 1
    if not counts:
        return list(laps)
    most = max(counts, key=lambda place: counts[place])
    return [one for one in laps if one.lap.car_and_track == most]


def read_driven(laps: Sequence[RecordedLap], track: "Track | None", channels: Sequence[str] = ()) -> "list[DrivenLap]":
    """These laps on their track with these channels, in this order; each recording is read once for all of its laps."""
    from telemetry.analysis.comparison import read_driven_laps

    by_path: dict[Path, list[RecordedLap]] = {}
    for one in laps:
        by_path.setdefault(one.recording.path, []).append(one)
    found = {
        id(driven.lap): driven
        for same in by_path.values()
        for driven in read_driven_laps(same[0].recording, [one.lap for one in same], track, channels)
    }
    return [found[id(one.lap)] for one in laps]


def choose_reference(name: str, candidates: Sequence[RecordedLap], where: str) -> RecordedLap:
    """The reference of this name among the valid candidates."""
    valid = valid_laps(candidates)
    if not valid:
        raise UsageError(f"{where} holds no other valid lap of this car and track to compare with.")
    if name == "last":
        return max(valid, key=lambda one: one.lap.first.timestamp if one.lap.first else 0.0)
    if name == "median":
        middle = median([one.time_ms for one in valid])
        return min(valid, key=lambda one: abs(one.time_ms - middle))
    return valid[0]


def choose_laps(library: Library, targets: list[LapTarget], reference: str) -> tuple[RecordedLap, RecordedLap]:
    """The lap to look at, and the reference; raises :class:`OnlyLapError` where there is no other lap."""
    if len(targets) > 2:
        raise UsageError(f"Two laps can be compared, got {len(targets)}. Groups of laps: --runs A... --against B...")
    if len(targets) == 2:
        if reference != "best":
            raise UsageError("--reference is for one recording: the second lap is the reference here.")
        return library.find(targets[0]), library.find(targets[1])
    target = targets[0]
    where = str(target.path)
    named = None if reference in REFERENCES else parse_lap_target(reference)
    if named is not None and named.number is None and not named.path.exists():
        raise UsageError(f"--reference {reference}: say {', '.join(REFERENCES)}, a recording, or FILE:LAP.")
    if target.number is not None:
        lap = library.find(target)
        if named is not None:
            return lap, library.find(named)
        others = [one for one in library.laps([target.path]) if one.lap is not lap.lap]
        same = valid_laps(of_car_and_track(others, lap.lap))
        if not same:
            raise OnlyLapError(
                f"Besides lap {target.number}, {where} holds no other valid lap of this car and track to compare with.",
                lap,
            )
        return lap, choose_reference(reference, same, where)
    every = main_drive(library.laps([target.path]))
    best = best_of(every, where)
    if named is not None:
        return best, library.find(named)
    other = choose_reference(reference, every, where)
    rest = [one for one in valid_laps(every) if one.lap is not other.lap]
    if not rest:
        raise OnlyLapError(
            f"{where} holds one valid lap only, which leaves nothing to compare it with. Name another lap, like "
            f"{best.recording.path}:{best.lap.number} OTHER:LAP.",
            best,
        )
    return rest[0], other
