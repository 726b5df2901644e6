"""The track of the laps that a command is about."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telemetry.base.errors import UsageError
from telemetry.cli._shared.lap_choice import Library, RecordedLap, of_track, valid_laps

if TYPE_CHECKING:
    from telemetry.analysis.known_tracks import FoundTrack

AcRoot = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        show_default=False,
        exists=True,
        file_okay=False,
        envvar="AC_TELEMETRY_AC_ROOT",
        help="The game's folder: course, borders and corner names of a track that is not known yet, and the borders of "
        "every track, are taken from its fast_lane.ai and sections.ini.",
    ),
]


def choose_track(library: Library, reference: RecordedLap, ac_root: Path | None) -> "FoundTrack | None":
    """The track of these laps: as the user's folder has it, or made now from the best lap of it that was given.

    None where the laps hold no course. Raises :class:`telemetry.UsageError` for a wrong file of a track, and where the
    laps cannot be put on the track.
    """
    from telemetry.analysis.known_tracks import find_track, load_track, with_borders
    from telemetry.analysis.recorded_laps import trace

    known = load_track(reference.lap)
    if known is not None:
        return replace(known, track=with_borders(known.track, ac_root))
    candidates = valid_laps(of_track(library.known_laps(), reference.lap))
    best = candidates[0] if candidates else reference
    lap = trace(best.recording, best.lap)
    try:
        found = find_track(lap, ac_root=ac_root)
    except UsageError:
        return None
    return replace(found, track=with_borders(found.track, ac_root))
