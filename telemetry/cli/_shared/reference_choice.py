"""``--reference``: the lap that another one is compared with."""

from collections.abc import Sequence
from statistics import median
from typing import Annotated, Final

import typer

from telemetry.base.errors import UsageError
from telemetry.cli._shared.lap_choice import (
    LapTarget,
    Library,
    RecordedLap,
    best_of,
    main_drive,
    of_car_and_track,
    parse_lap_target,
    valid_laps,
)

REFERENCES: Final = ("best", "last", "median")
"""The references that are chosen among the valid laps, besides ``FILE:LAP``."""

ReferenceLap = Annotated[
    str,
    typer.Option(
        metavar="LAP",
        help="The lap to compare with, of the same recordings: [bold]best[/], last or median of the valid laps, or "
        "FILE:LAP, or a lap of the catalog.",
    ),
]


class OnlyLapError(UsageError):
    """There is a lap to look at, and no other one to compare it with."""

    def __init__(self, message: str, lap: RecordedLap) -> None:
        super().__init__(message)
        self.lap = lap


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
        lap = library.find(targets[0])
        return lap, library.find(targets[1], lap.lap)
    target = targets[0]
    named = None if reference in REFERENCES else parse_lap_target(reference)
    if named is not None and named.is_nothing:
        raise UsageError(
            f"--reference {reference}: say {', '.join(REFERENCES)}, a recording, FILE:LAP, or a lap of the catalog."
        )
    if target.is_one_lap:
        lap = library.find(target)
        return lap, library.find(named, lap.lap) if named else _choose_other(library, target, lap, reference)
    every = main_drive(library.laps_of([target]))
    best = best_of(every, target.where)
    if named is not None:
        return best, library.find(named, best.lap)
    other = choose_reference(reference, every, target.where)
    rest = [one for one in valid_laps(every) if one.lap is not other.lap]
    if not rest:
        raise OnlyLapError(
            f"{target.where} holds one valid lap only, which leaves nothing to compare it with. Name another lap, like "
            f"{best.recording.path}:{best.lap.number} OTHER:LAP.",
            best,
        )
    return rest[0], other


def _choose_other(library: Library, target: LapTarget, lap: RecordedLap, reference: str) -> RecordedLap:
    """The reference of this name among the other laps of the recording, or of the catalog."""
    if target.selection is None:
        where, others = target.where, [one for one in library.laps([target.path]) if one.lap is not lap.lap]
    else:
        where, others = "the catalog", library.catalog.others(target.selection)
    same = valid_laps(of_car_and_track(others, lap.lap.car_and_track))
    if not same:
        raise OnlyLapError(
            f"Besides lap {lap.lap.number}, {where} holds no other valid lap of this car and track to compare with.",
            lap,
        )
    other = choose_reference(reference, same, where)
    return other if target.selection is None else library.catalog.read([other])[0]
