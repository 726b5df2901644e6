"""The laps that a command is about, of recordings or of the catalog."""

import math
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from telemetry.analysis.recorded_laps import LapRecording, read_recording
from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.cli._shared.catalog_folder import DEFAULT_CATALOG
from telemetry.cli._shared.input_files import check_file_exists, exists, find_recordings
from telemetry.cli._shared.progress import reading_progress
from telemetry.cli._shared.stopping import Interrupted, stop_on_signal
from telemetry.fields.thresholds import Thresholds
from telemetry.laps.car_and_track import CarAndTrack
from telemetry.laps.model import Lap

if TYPE_CHECKING:
    from telemetry.analysis.comparison import DrivenLap
    from telemetry.catalog.selection import LapSelection
    from telemetry.catalog.store import CatalogStore
    from telemetry.cli._shared.catalog_laps import CatalogLaps
    from telemetry.tracks.definition import Track

FilesAndLaps = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="Recordings, like [bold]drive.mcap[/] or *.mcap; a folder means all recordings in and below it; and "
        "laps of the catalog: an id, [bold]'best(track,car)'[/], or [bold]@catalog:track=spa,valid,limit=20[/].",
    ),
]

_LAP: Final = re.compile(r"(.+):(\d{1,6})", re.DOTALL)


class LapTarget(NamedTuple):
    """A recording or a folder, and the lap of it that is meant; None for its best one. Or laps of the catalog."""

    path: Path
    number: int | None
    selection: "LapSelection | None" = None
    """The laps of the catalog that are meant."""

    @property
    def is_one_lap(self) -> bool:
        """Whether it names a lap, and not a recording or several laps."""
        return self.number is not None or (self.selection is not None and self.selection.is_one_lap)

    @property
    def is_nothing(self) -> bool:
        """Whether it is the name of a file that is not there."""
        return self.number is None and self.selection is None and not exists(self.path)

    @property
    def where(self) -> str:
        """What was named, for a person."""
        return str(self.path) if self.selection is None else self.selection.text


class RecordedLap(NamedTuple):
    """A lap and the recording that holds it."""

    recording: LapRecording
    lap: Lap

    @property
    def time_ms(self) -> int:
        """Its official time; without one it is slower than all others."""
        return self.lap.time_ms or 1 << 40


def parse_lap_target(text: str) -> LapTarget:
    """``FILE``, ``FILE:LAP``, or laps of the catalog (:func:`telemetry.catalog.selection.parse_selection`).

    A file of that whole name is never taken apart.
    """
    if exists(Path(text)):
        return LapTarget(Path(text), None)
    from telemetry.catalog.selection import parse_selection

    selection = parse_selection(text)
    if selection is not None:
        return LapTarget(Path(text), None, selection)
    match = _LAP.fullmatch(text)
    return LapTarget(Path(text), None) if match is None else LapTarget(Path(match[1]), int(match[2]))


def parse_files_and_laps(texts: Iterable[str]) -> list[LapTarget]:
    """Recordings, those of folders and patterns one by one, and laps of the catalog."""
    targets: list[LapTarget] = []
    for text in texts:
        target = parse_lap_target(text)
        if target.selection is None:
            targets += (LapTarget(file, None) for file in find_recordings([Path(text)]))
        else:
            targets.append(target)
    return targets


class Library:
    """The recordings that a command was given, each read once."""

    def __init__(
        self,
        thresholds: Thresholds,
        *,
        include_ai: bool = False,
        column_map: Path | None = None,
        catalog: "CatalogStore" = DEFAULT_CATALOG,
    ) -> None:
        """``catalog`` is only read where its laps are named."""
        self._thresholds, self._include_ai, self._column_map = thresholds, include_ai, column_map
        self._catalog = catalog
        self._read: dict[Path, LapRecording] = {}

    @cached_property
    def catalog(self) -> "CatalogLaps":
        """The laps of the catalog; raises what :func:`telemetry.catalog.state.load_state` does."""
        from telemetry.cli._shared.catalog_laps import CatalogLaps

        return CatalogLaps(self._catalog, self, include_ai=self._include_ai)

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

    def laps_of(self, targets: Iterable[LapTarget]) -> list[RecordedLap]:
        """All laps of these recordings and folders, and these laps of the catalog; each once."""
        found: dict[int, RecordedLap] = {}
        for target in targets:
            if target.selection is None:
                laps = self.laps([target.path])
            else:
                laps = self.catalog.read(self.catalog.choose(target.selection))
            found |= {id(one.lap): one for one in laps}
        return list(found.values())

    def laps_beside(self, targets: Iterable[LapTarget]) -> list[RecordedLap]:
        """All laps of the recordings of which these are laps, and of several laps of the catalog these; each once."""
        found: dict[int, RecordedLap] = {}
        for target in targets:
            laps = self.laps_of([target])
            if target.is_one_lap:
                recording = laps[0].recording
                laps = [RecordedLap(recording, lap) for lap in recording.laps if lap.first is not None]
            found |= {id(one.lap): one for one in laps}
        return list(found.values())

    def known_laps(self) -> list[RecordedLap]:
        """All laps of the recordings that were read so far."""
        return self.laps(list(self._read))

    def find(self, target: LapTarget, like: Lap | None = None) -> RecordedLap:
        """The lap that is meant; UsageError where there is none.

        Of several laps of the catalog it is the best valid one, with the car and on the track of ``like``.
        """
        if target.selection is not None:
            return self.catalog.find(target.selection, None if like is None else like.car_and_track)
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


def of_car_and_track(laps: Iterable[RecordedLap], car_and_track: CarAndTrack) -> list[RecordedLap]:
    """Those of this car, track and layout."""
    return [one for one in laps if one.lap.car_and_track == car_and_track]


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
