"""What the laps of one car on one track show together, over all recordings that were read. Without numpy."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from telemetry.analysis.stint import (
    Consistency,
    FuelUse,
    Stint,
    TyreWear,
    clean_laps,
    consistency,
    find_stints,
    fuel_use,
    tyre_wear,
)
from telemetry.analysis.theoretical_best import TheoreticalBest, theoretical_best
from telemetry.laps.car_and_track import CarAndTrack
from telemetry.laps.model import Lap, best_laps


class LapsOfFile(NamedTuple):
    """A recording and its laps, in order."""

    path: Path
    laps: Sequence[Lap]


@dataclass(frozen=True, slots=True)
class StintOfFile:
    """A stint, and the recording that holds it."""

    path: Path
    stint: Stint


@dataclass(frozen=True, slots=True)
class LapOverview:
    """The laps of one car on one track together."""

    car_and_track: CarAndTrack
    files: tuple[LapsOfFile, ...]
    """The recordings, each with its laps of this car and track."""
    best: Lap | None
    """The valid lap with the lowest official time."""
    theoretical: TheoreticalBest | None
    consistency: Consistency
    stints: tuple[StintOfFile, ...]
    fuel: FuelUse
    """Over all files; what is left is that of the last one."""
    tyres: TyreWear

    def path_of(self, lap: Lap) -> Path:
        """The recording that holds this lap of them."""
        return next(path for path, laps in self.files if any(one is lap for one in laps))

    @property
    def possible_gain_ms(self) -> int | None:
        """By how much the theoretical best is faster than the best lap; None without one of them."""
        if self.best is None or self.best.time_ms is None or self.theoretical is None:
            return None
        return self.best.time_ms - self.theoretical.time_ms

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        theoretical = self.theoretical
        return {
            **self.car_and_track._asdict(),
            "files": [str(path) for path, _ in self.files],
            "best": None if self.best is None else {**self._lap_dict(self.best), "time_ms": self.best.time_ms},
            "theoretical_best": None
            if theoretical is None
            else {
                "time_ms": theoretical.time_ms,
                "possible_gain_ms": self.possible_gain_ms,
                "sectors": [
                    {"time_ms": sector.time_ms, **self._lap_dict(sector.lap)} for sector in theoretical.sectors
                ],
            },
            "consistency": _consistency_dict(self.consistency),
            "stints": [_stint_dict(one) for one in self.stints],
            "fuel": {**asdict(self.fuel), "laps_left": self.fuel.laps_left},
            "tyres": {
                "laps": self.tyres.laps,
                "worn_per_lap": list(self.tyres.per_lap),
                "worst_worn_per_lap": self.tyres.worst,
            },
        }

    def _lap_dict(self, lap: Lap) -> dict[str, Any]:
        return {"file": str(self.path_of(lap)), "lap": lap.number, "run": lap.start_index}


def _consistency_dict(one: Consistency) -> dict[str, Any]:
    return {**asdict(one), "deviation_share": one.deviation_share}


def _stint_dict(one: StintOfFile) -> dict[str, Any]:
    stint = one.stint
    return {
        "file": str(one.path),
        "run": stint.start_index,
        "stint": stint.number,
        "lap_numbers": [lap.number for lap in stint.laps],
        **_consistency_dict(stint.consistency),
        "trend_s_per_lap": None if stint.trend is None else asdict(stint.trend),
    }


def summarize_laps(files: Iterable[LapsOfFile]) -> list[LapOverview]:
    """What laps show together, for each car and track of them, in the order in which these come first."""
    read = list(files)
    places = dict.fromkeys(lap.car_and_track for file in read for lap in file.laps)
    best = best_laps(lap for file in read for lap in file.laps)
    return [_summarize(place, _only(place, read), best.get(place)) for place in places]


def _only(place: CarAndTrack, files: Sequence[LapsOfFile]) -> list[LapsOfFile]:
    found = [LapsOfFile(path, [lap for lap in laps if lap.car_and_track == place]) for path, laps in files]
    return [file for file in found if file.laps]


def _summarize(place: CarAndTrack, files: Sequence[LapsOfFile], best: Lap | None) -> LapOverview:
    every = [lap for file in files for lap in file.laps]
    clean = clean_laps(every)
    chosen = {id(lap) for lap in clean}
    stints = [
        StintOfFile(path, stint)
        for path, laps in files
        for stint in find_stints(lap for lap in laps if id(lap) in chosen)
    ]
    return LapOverview(
        car_and_track=place,
        files=tuple(files),
        best=best,
        theoretical=theoretical_best(every),
        consistency=consistency(clean),
        stints=tuple(stints),
        fuel=fuel_use(every),
        tyres=tyre_wear(*(file.laps for file in files)),
    )
