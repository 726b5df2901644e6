"""``--reference``: the lap that the running one is compared with, while it is driven."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from telemetry.base.clock import Clock
from telemetry.base.errors import TelemetryError, UsageError
from telemetry.base.text import format_count, format_lap_time
from telemetry.cli._shared import options
from telemetry.cli._shared.catalog_folder import catalog_of_environment
from telemetry.cli._shared.input_files import find_recordings
from telemetry.cli._shared.messages import print_message, print_warning
from telemetry.cli._shared.stopping import Interrupted
from telemetry.fields.thresholds import Thresholds
from telemetry.laps.car_and_track import CarAndTrack
from telemetry.sources import open_source

if TYPE_CHECKING:
    from telemetry.cli._shared.lap_choice import Library, RecordedLap
    from telemetry.laps.lap_reference import LapReference
    from telemetry.stream.drive_context import DriveContext, FindContext

BEST: Final = "best"

Reference = Annotated[
    str | None,
    typer.Option(
        metavar="LAP",
        show_default=False,
        help="Compare with this lap while driving: [bold]FILE[/] or FILE:LAP, a MoTeC log too, or a lap of the catalog "
        "by its id; [bold]best[/] is the best valid lap with this car on this track, of the catalog where there is one "
        "and else in and below this folder, a folder's name that of another one.",
    ),
]

_READINGS: Final = 100
"""Readings in which the car and the track of a source have to be told to be known beforehand."""


class LiveReference:
    """The reference that was asked for; the recordings are read when it is made.

    Raises :class:`telemetry.UsageError` where there is no such lap, and what :func:`telemetry.open_source` does.
    """

    def __init__(self, text: str, thresholds: Thresholds, ac_root: Path | None = None) -> None:
        from telemetry.cli._shared.lap_choice import Library, parse_lap_target

        self._catalog = catalog_of_environment()
        self._library = Library(thresholds, catalog=self._catalog)
        self._ac_root = ac_root
        self.tell: Callable[[str], None] = print_warning
        """Takes what a person should know about the reference, in sentences."""
        self._found: dict[CarAndTrack, LapReference | None] = {}
        target = parse_lap_target(text)
        self._selection = target.selection
        self._folder = None
        self._laps: list[RecordedLap] | None = None
        """Those of the folder, or the only one; None for the laps of the catalog."""
        if text == BEST and self._catalog.exists():
            self._library.catalog.laps()  # what is wrong with it is told now, and not while driving
        elif target.selection is not None and not target.is_one_lap:
            self._library.catalog.choose(target.selection)
        else:
            self._folder = Path() if text == BEST else Path(text) if _is_folder(text) else None
            library, folder = self._library, self._folder
            self._laps = [library.find(target)] if folder is None else _laps_below(library, folder)

    def require(self, car_and_track: CarAndTrack, *, quiet: bool) -> None:
        """Say which lap is the reference; :class:`telemetry.UsageError` for one of another track or layout."""
        reference = self._find(car_and_track)
        if reference is not None and not quiet:
            time, car = format_lap_time(reference.time_ms), reference.car_and_track.car
            print_message(f"Reference: {time}, {reference.name}, {car}.")

    def find(self, car_and_track: CarAndTrack) -> "LapReference | None":
        """The reference of this car and track; None, with a sentence, where there is none."""
        try:
            return self._find(car_and_track)
        except TelemetryError as error:
            self._found[car_and_track] = None
            self.tell(f"{error} There is no delta to it.")
            return None

    def _find(self, car_and_track: CarAndTrack) -> "LapReference | None":
        if car_and_track not in self._found:
            self._found[car_and_track] = self._choose(car_and_track)
        return self._found[car_and_track]

    def _choose(self, car_and_track: CarAndTrack) -> "LapReference | None":
        if self._laps is not None and self._folder is None:
            self._check(self._laps[0], car_and_track)
            return self._make(self._laps[0])
        from telemetry.cli._shared.lap_choice import of_car_and_track, valid_laps

        catalog = self._library.catalog if self._laps is None else None
        laps = self._laps or []
        if catalog is not None:
            laps = catalog.laps() if self._selection is None else catalog.choose(self._selection)
        best = valid_laps(of_car_and_track(laps, car_and_track))[:1]
        if best:
            return self._make((best if catalog is None else catalog.read(best))[0])
        if self._folder is None:
            where = f"the catalog {self._catalog} holds no valid lap"
        else:
            recordings = format_count(len({one.recording.path for one in laps}), "recording")
            where = f"of the {recordings} in and below {self._folder.resolve()}, none holds a valid lap"
        self.tell(f"There is no reference: {where} of {car_and_track.car or 'this car'} on {car_and_track.track_name}.")
        return None

    def _check(self, one: "RecordedLap", car_and_track: CarAndTrack) -> None:
        lap, name = one.lap, f"lap {one.lap.number} of {one.recording.path}"
        if (lap.track, lap.layout) != (car_and_track.track, car_and_track.layout):
            raise UsageError(
                f"The reference, {name}, is of {lap.car_and_track.track_name}, and this drive is on "
                f"{car_and_track.track_name}."
            )
        if lap.car != car_and_track.car:
            self.tell(f"The reference, {name}, was driven with another car: {lap.car or 'an unknown one'}.")
        if lap.invalid_because:
            self.tell(f"The reference, {name}, is not valid: {', '.join(lap.invalid_because)}.")

    def _make(self, one: "RecordedLap") -> "LapReference":
        from telemetry.analysis.live_reference import make_reference
        from telemetry.cli._shared.track_choice import choose_track

        found = choose_track(self._library, one, self._ac_root)
        return make_reference(one.recording, one.lap, None if found is None else found.track)


def open_reference(
    text: str | None,
    source_options: options.SourceOptions,
    thresholds: Thresholds,
    ac_root: Path | None = None,
    *,
    quiet: bool,
) -> LiveReference | None:
    """The reference that was asked for, checked and told as far as the source tells its car and track beforehand.

    None where none was asked for. Raises what :class:`LiveReference` does, and :class:`telemetry.UsageError` for a lap
    of another track.
    """
    if text is None:
        return None
    reference = LiveReference(text, thresholds, ac_root)
    known = first_car_and_track(source_options)
    if known is not None:
        reference.require(known, quiet=quiet)
    return reference


def context_finder(reference: LiveReference | None, ac_root: Path | None) -> "FindContext":
    """Finds the track, the game's picture of it, and the reference, for a stream; what cannot be read is a warning."""

    def find(car_and_track: CarAndTrack) -> "DriveContext":
        from telemetry.analysis.known_tracks import look_up_track, with_borders
        from telemetry.stream.drive_context import DriveContext
        from telemetry.tracks.map_picture import read_map_picture

        compared = None if reference is None else reference.find(car_and_track)
        _, track, layout = car_and_track
        known = picture = None
        try:
            known = look_up_track(track, layout, ac_root=ac_root)
            known = None if known is None else with_borders(known, ac_root)
            picture = None if ac_root is None else read_map_picture(ac_root, track, layout)
        except TelemetryError as error:
            print_warning(f"{error} The map does without it.")
        return DriveContext(known, picture, compared)

    return find


def first_car_and_track(source_options: options.SourceOptions) -> CarAndTrack | None:
    """The car and the track that a source begins with; None where only waiting for them would tell."""
    name = source_options.source
    if options.is_stream(name):
        return None
    try:
        with open_source(name, wait=False, seed=source_options.seed) as source:
            clock = Clock() if name == "live" or Path(name).is_dir() else Clock(math.inf)
            for number, reading in enumerate(source.readings(clock, None)):
                if (one := reading.snapshot) is not None:
                    return CarAndTrack(one.car_model, one.track, one.track_configuration)
                if number >= _READINGS or not math.isinf(clock.speed):
                    return None
    except TelemetryError:  # the command opens it again, and says what is wrong
        return None
    return None


def _is_folder(text: str) -> bool:
    try:
        return Path(text).is_dir()
    except OSError:  # a name that is too long, for example
        return False


def _laps_below(library: "Library", folder: Path) -> "list[RecordedLap]":
    """The laps of all recordings in and below a folder; those that cannot be read are told and left out."""
    files = [path for path in find_recordings([folder]) if path != folder]
    laps: list[RecordedLap] = []
    for file in files:
        try:
            laps += library.laps([file])
        except Interrupted:
            raise
        except TelemetryError as error:
            print_warning(f"{error} No reference is looked for in it.")
    return laps
